"""The scripts that tag a release, against a real remote repository in a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.program import ROOT

PLAIN_GIT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Release",
    "GIT_AUTHOR_EMAIL": "release@example.test",
    "GIT_COMMITTER_NAME": "Release",
    "GIT_COMMITTER_EMAIL": "release@example.test",
}


IS_LATEST = str(ROOT / "scripts" / "is_latest.sh")


class Clone:
    """A clone whose remote is another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.run(
            "git",
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            str(folder / "remote"),
            cwd=folder,
        )
        self.run("git", "clone", "--quiet", str(folder / "remote"), str(self.folder), cwd=folder)
        for name in ("action.yml", "Dockerfile"):
            (self.folder / name).write_text("on main\n")
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", "First")
        self.run("git", "push", "--quiet", "origin", "HEAD:main")

    @classmethod
    def of(cls, other: Clone) -> Clone:
        """Clone the other one's remote again, without history."""
        clone = cls.__new__(cls)
        clone.folder = other.folder.with_name("again")
        remote = f"file://{other.folder.with_name('remote')}"
        clone.run(
            "git",
            "clone",
            "--quiet",
            "--depth=1",
            "--no-tags",
            remote,
            str(clone.folder),
            cwd=other.folder,
        )
        return clone

    def run(self, *argv: str, cwd: Path | None = None, ok: bool = True) -> str:
        done = subprocess.run(
            argv, cwd=cwd or self.folder, env=PLAIN_GIT, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return (done.stdout + done.stderr).strip()

    def release(self, version: str, source: str = "origin/main") -> list[str]:
        """Release from ``source``, as the workflow does; return the plain tags that moved."""
        self.run("git", "checkout", "--quiet", "--detach", source)
        self.write(version)
        self.run(str(ROOT / "scripts/tag_release.sh"), version)
        return self.run(str(ROOT / "scripts/move_tags.sh"), version).split()

    def write(self, version: str) -> None:
        """Write the files that a release changes."""
        (self.folder / "action.yml").write_text(f"image {version}\n")
        (self.folder / "Dockerfile").write_text(f"base {version}\n")
        (self.folder / "native").mkdir(exist_ok=True)
        (self.folder / "native/wheel.txt").write_text(f"mogplex-ci=={version}\n")
        (self.folder / "templates/run").mkdir(parents=True, exist_ok=True)
        (self.folder / "templates/run/template.yml").write_text(f"spec: {version}\n")

    def commit(self, text: str, branch: str = "main") -> str:
        """Push a change to a branch, and return its commit."""
        self.run("git", "checkout", "--quiet", "--detach", f"origin/{branch}")
        (self.folder / "change").write_text(text)
        self.run("git", "add", "change")
        self.run("git", "commit", "--quiet", "--message", text)
        self.run("git", "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        self.run("git", "fetch", "--quiet", "origin")
        return self.run("git", "rev-parse", "HEAD")

    def at(self, tag: str) -> str:
        """Return action.yml at the remote's ``tag``."""
        self.run("git", "fetch", "--quiet", "--tags", "--force", "origin")
        return self.run("git", "show", f"{tag}:action.yml")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_release_is_a_tag_and_leaves_main_alone(clone: Clone) -> None:
    assert clone.release("1.0.0") == ["v1.0", "v1"]
    assert {clone.at(tag) for tag in ("v1.0.0", "v1.0", "v1")} == {"image 1.0.0"}
    assert clone.run("git", "show", "v1.0.0:native/wheel.txt") == "mogplex-ci==1.0.0"
    assert clone.run("git", "ls-tree", "--name-only", "origin/main").split() == [
        "Dockerfile",
        "action.yml",
    ]
    assert clone.run("git", "show", "origin/main:action.yml") == "on main"


PINNED = ["Dockerfile", "action.yml", "native/wheel.txt", "templates/run/template.yml"]


@pytest.mark.slow
def test_each_release_is_in_the_history_of_the_next_one_on_its_line(clone: Clone) -> None:
    """A commit that a workflow's lockfile has for a plain tag stays in that tag's history."""
    sources: dict[str, str] = {}
    locked: dict[str, str] = {}
    for version in ("1.0.0", "1.0.1", "1.1.0"):
        sources[version] = clone.commit(f"for {version}")
        moved = clone.release(version)
        for tag in moved:
            before = locked.get(tag)
            locked[tag] = clone.run("git", "rev-parse", f"{tag}^{{commit}}")
            assert before is None or is_ancestor(clone, before, locked[tag])
    clone.run("git", "push", "--quiet", "origin", "v1.0.1^{commit}:refs/heads/releases/v1.0")
    clone.run("git", "fetch", "--quiet", "origin")
    sources["1.0.2"] = clone.commit("fix", "releases/v1.0")
    assert clone.release("1.0.2", "origin/releases/v1.0") == ["v1.0"]
    assert is_ancestor(clone, locked["v1.0"], "v1.0")
    assert clone.run("git", "rev-parse", "v1^{commit}") == locked["v1"]
    clone.run("git", "fetch", "--quiet", "origin")
    for branch, tag in (("v1", "v1.1.0"), ("v1.0", "v1.0.2")):
        tips = clone.run("git", "rev-parse", f"origin/releases/{branch}", f"{tag}^{{commit}}")
        assert len(set(tips.split())) == 1
    for version, source in sources.items():
        assert clone.run("git", "rev-parse", f"v{version}^") == source, "a fix takes files from it"
        changed = clone.run("git", "diff", "--name-only", source, f"v{version}").split()
        assert set(changed) <= set(PINNED)
        assert clone.at(f"v{version}") == f"image {version}"


def is_ancestor(clone: Clone, older: str, newer: str) -> bool:
    return clone.run("git", "merge-base", older, newer) == clone.run("git", "rev-parse", older)


@pytest.mark.slow
def test_plain_tags_follow_the_highest_version_not_the_latest_release(clone: Clone) -> None:
    clone.release("1.9.0")
    assert clone.release("1.10.0") == ["v1.10", "v1"]
    assert clone.run(IS_LATEST, "1.10.0") == "true"
    assert clone.release("1.9.1") == ["v1.9"]
    assert clone.run(IS_LATEST, "1.9.1") == "false"
    assert clone.release("2.0.0") == ["v2.0", "v2"]
    assert {tag: clone.at(tag) for tag in ("v1", "v1.9", "v1.10", "v2")} == {
        "v1": "image 1.10.0",
        "v1.9": "image 1.9.1",
        "v1.10": "image 1.10.0",
        "v2": "image 2.0.0",
    }


@pytest.mark.slow
@pytest.mark.parametrize("is_new_commit", [False, True])
def test_an_exact_tag_never_moves(clone: Clone, is_new_commit: bool) -> None:
    """Neither to other files, nor to the same files on another commit."""
    clone.release("1.0.0")
    clone.run("git", "checkout", "--quiet", "--detach", "origin/main")
    if is_new_commit:
        clone.run("git", "commit", "--quiet", "--allow-empty", "--message", "Second")
    clone.write("1.0.0" if is_new_commit else "another")
    said = clone.run(str(ROOT / "scripts/tag_release.sh"), "1.0.0", ok=False)
    assert said == "error: v1.0.0 is released already with other files; an exact tag never moves"
    assert clone.at("v1.0.0") == "image 1.0.0"


@pytest.mark.slow
def test_a_job_that_failed_after_the_tag_can_run_again(clone: Clone) -> None:
    """In a new checkout, as deep as the workflow's."""
    clone.release("1.0.0")
    pushed = clone.run("git", "ls-remote", "origin", "refs/tags/v1.0.0")
    again = Clone.of(clone)
    assert again.release("1.0.0") == ["v1.0", "v1"]
    assert again.run("git", "ls-remote", "origin", "refs/tags/v1.0.0") == pushed


@pytest.mark.slow
def test_more_tags_than_a_pipe_holds_do_not_end_the_scripts(clone: Clone) -> None:
    """A reader that has found its line and leaves would kill git, and with it the release."""
    head = clone.run("git", "rev-parse", "HEAD")
    many = "".join(f"create refs/tags/v1.0.{number} {head}\n" for number in range(8_000))
    command = ["git", "update-ref", "--stdin"]
    subprocess.run(command, cwd=clone.folder, env=PLAIN_GIT, input=many, text=True, check=True)
    assert clone.release("1.0.8000") == ["v1.0", "v1"]
    assert clone.run(IS_LATEST, "1.0.8000") == "true"
