"""The order of the release: checked before anything is built, approved before it leaves, verified
before tags move.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci import __version__
from tests.program import ROOT, executable

JOBS: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / ".github/workflows/release.yml").read_text()
)["jobs"]


def before(job: str) -> set[str]:
    """Every job that must have succeeded before this one starts."""
    needs = JOBS[job].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(before(name) for name in direct))


def writes(job: str) -> bool:
    return "write" in JOBS[job]["permissions"].values()


def steps(job: str) -> str:
    return "\n".join(str(step.get("run", step.get("uses"))) for step in JOBS[job].get("steps", []))


def test_the_version_is_checked_before_anything_else() -> None:
    assert [name for name in JOBS if "prepare" not in before(name)] == ["prepare"]


def test_what_can_write_comes_after_tests_approval_and_a_look_at_the_setting() -> None:
    """GitHub makes later releases immutable, not earlier ones. `release` asks for each job that
    names it; `pypi` and `tags` hold what a job may use.
    """
    writing = {name for name in JOBS if writes(name)}
    assert writing == {"image", "pypi", "release", "tag-image"}
    for job in writing:
        assert {"test", "immutable"} <= before(job)
        assert job == "image" or "image" in before(job)
    environments = [job["environment"] for job in JOBS.values() if "environment" in job]
    assert JOBS["image"]["environment"] == "release"
    assert environments.count("release") == 1
    assert set(environments) == {"pypi", "release", "tags"}


@pytest.mark.parametrize("script", ["tag_release.sh", "move_tags.sh", "tag_image.sh"])
def test_a_tag_is_made_or_moved_after_anybody_could_pull(script: str) -> None:
    jobs = [name for name in JOBS if script in steps(name)]
    assert len(jobs) == 1
    assert "verify" in before(jobs[0])
    assert "pull_anonymously.sh" in steps("verify")


def test_plain_tags_move_after_the_release_is_seen_to_be_immutable() -> None:
    text = steps("release")
    assert (
        text.index("tag_release.sh")
        < text.index(
            'gh release create "v$VERSION" --verify-tag --latest="$(scripts/is_latest.sh "$VERSION")"'
        )
        < text.index("immutable")
        < text.index("move_tags.sh")
    )
    assert "release" in before("tag-image")


def run_step(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does, in a folder whose `bin` comes first on PATH."""
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", **env}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def script_of(job: str, name: str) -> str:
    (script,) = [str(step["run"]) for step in JOBS[job]["steps"] if step.get("name") == name]
    return script


@pytest.mark.parametrize(
    ("version", "is_right"), [(__version__, True), ("0.0.9", False), (__version__[:-1], False)]
)
def test_the_wheel_is_published_only_if_it_says_the_right_version(
    version: str, is_right: bool, tmp_path: Path
) -> None:
    (check,) = [line for line in steps("wheel").splitlines() if "--version" in line]
    (tmp_path / "build").mkdir()
    (tmp_path / "build/bin").symlink_to(Path(sys.executable).parent)
    assert (run_step(check, tmp_path, VERSION=version).returncode == 0) is is_right


@pytest.mark.parametrize(("version", "code"), [("1.2.3", 1), ("1.2.4", 0), ("1.2", 0)])
def test_a_version_that_has_a_tag_is_not_released_again(
    version: str, code: int, tmp_path: Path
) -> None:
    git = "git -c user.name=Test -c user.email=test@example.com"
    remote = f"git init --quiet . && {git} commit --quiet --allow-empty -m Test && git tag v1.2.3"
    assert run_step(f"{remote} && git remote add origin .", tmp_path).returncode == 0
    done = run_step(
        script_of("prepare", "See that it is not released already"), tmp_path, VERSION=version
    )
    assert done.returncode == code
    assert ("::error::v1.2.3 is released already" in done.stdout) is (code == 1)


@pytest.mark.parametrize(
    ("ref", "code"), [("main", 0), ("releases/v1.2", 0), ("releases/v1.1", 1), ("fix", 1)]
)
def test_a_release_from_another_branch_stops_and_says_so(
    ref: str, code: int, tmp_path: Path
) -> None:
    env = {"GITHUB_REF": f"refs/heads/{ref}", "GITHUB_REF_NAME": ref, "VERSION": "1.2.3"}
    script = script_of(
        "prepare", "Release only from main, or a fix from the branch of its minor version"
    )
    done = run_step(script, tmp_path, **env)
    assert done.returncode == code
    assert done.stdout.strip() == (
        f"::error::A release is made from main or releases/v1.2, not from {ref}" if code else ""
    )


@pytest.mark.parametrize(("immutable", "code"), [("true", 0), ("false", 1), ("null", 1)])
def test_a_release_that_can_be_changed_stops_the_workflow(
    immutable: str, code: int, tmp_path: Path
) -> None:
    gh = '#!/bin/sh\n[ "$*" = "api repos/acme/x/releases/tags/v1.2.3 --jq .immutable" ] && echo '
    executable(tmp_path / "bin/gh", f"{gh}{immutable}\n")
    script = script_of("release", "See that nobody can change it")
    assert run_step(script, tmp_path, VERSION="1.2.3", GH_REPO="acme/x").returncode == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("echo true", 0),
        ("echo false", 1),
        ('echo "gh: Not Found (HTTP 404)" >&2; exit 1', 1),  # the setting is off
        ('echo "gh: Forbidden (HTTP 403)" >&2; exit 1', 1),  # the app lacks the permission
    ],
)
def test_github_is_asked_whether_releases_are_immutable(
    answer: str, code: int, tmp_path: Path
) -> None:
    asked = '[ "$*" = "api repos/acme/x/immutable-releases --jq .enabled" ] || exit 9'
    executable(tmp_path / "bin/gh", f"#!/bin/sh\n{asked}\n{answer}\n")
    done = run_step(script_of("immutable", "Ask GitHub"), tmp_path, GITHUB_REPOSITORY="acme/x")
    assert done.returncode == code
    assert ("Turn on immutable releases" in done.stdout) is (code == 1)
    assert ("HTTP" in answer) is ("HTTP" in done.stderr)


def test_the_image_is_labelled_with_version_commit_and_base(tmp_path: Path) -> None:
    executable(tmp_path / "bin/docker", '#!/bin/sh\nprintf "%s\\n" "$@" >>asked\n')
    base = f"python:3.13-slim-trixie@sha256:{'1' * 64}"
    env = {"VERSION": "1.2.3", "GITHUB_SHA": "abc", "ARCH": "amd64", "BASE": base}
    script = script_of("build", "Build, with SBOM and provenance")
    done = run_step(script, tmp_path, SBOM_GENERATOR="generator", **env)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    labels = {
        label.removeprefix("org.opencontainers.image.")
        for option, label in itertools.pairwise(asked)
        if option == "--label"
    }
    assert labels == {
        "version=1.2.3",
        "revision=abc",
        "base.name=docker.io/library/python:3.13-slim-trixie",
        f"base.digest=sha256:{'1' * 64}",
    }


def test_every_workflow_has_one_version_of_cosign() -> None:
    """What signs, what verifies, and what the tests and the mirror use."""
    texts = [path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")]
    texts.append((ROOT / "examples/workflows/mirror.yml").read_text())
    installed = sum(text.count("uses: sigstore/cosign-installer@") for text in texts)
    named = [version for text in texts for version in re.findall(r"cosign-release: (\S+)", text)]
    assert len(named) == installed > 4
    assert len(set(named)) == 1
