"""The order of the release: checked before anything is built, approved before it leaves, verified before tags move."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci import __version__
from tests.program import ROOT

JOBS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]


def before(job: str) -> set[str]:
    """Every job that must have succeeded before this one starts."""
    needs = JOBS[job].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(before(name) for name in direct))


def writes(job: str) -> bool:
    return "write" in JOBS[job]["permissions"].values()


def steps(job: str) -> str:
    return "\n".join(str(step.get("run", step.get("uses"))) for step in JOBS[job].get("steps", []))


@pytest.mark.parametrize("job", [name for name in JOBS if name != "prepare"])
def test_the_version_is_checked_before_anything_else(job: str) -> None:
    assert "prepare" in before(job)


@pytest.mark.parametrize("job", [name for name in JOBS if writes(name)])
def test_what_can_write_comes_after_tests_and_approval(job: str) -> None:
    assert "test" in before(job)
    assert JOBS[job].get("environment") == "release" or "image" in before(job)
    assert JOBS["image"]["environment"] == "release"


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
        < text.index("gh release create")
        < text.index("immutable")
        < text.index("move_tags.sh")
    )
    assert "release" in before("tag-image")


def test_each_environment_is_used_once() -> None:
    """An environment that asks for approval asks for each job."""
    environments = [job["environment"] for job in JOBS.values() if "environment" in job]
    assert sorted(environments) == ["pypi", "release", "tags"]


@pytest.mark.parametrize(("version", "is_right"), [(__version__, True), ("0.0.9", False), (__version__[:-1], False)])
def test_the_wheel_is_published_only_if_it_says_the_right_version(version: str, is_right: bool, tmp_path: Path) -> None:
    (check,) = [line for line in steps("wheel").splitlines() if "--version" in line]
    (tmp_path / "build").mkdir()
    (tmp_path / "build/bin").symlink_to(Path(sys.executable).parent)
    command = ["bash", "-eo", "pipefail", "-c", check]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "VERSION": version}, capture_output=True, check=False
    )
    assert (done.returncode == 0) is is_right
