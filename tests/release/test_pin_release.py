"""A release pulls one image by digest and installs one wheel by its hash; the main branch builds
both.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from scripts.pin_release import (
    pinned_action,
    pinned_component,
    pinned_dockerfile,
    wheel_requirement,
)
from tests.program import ROOT

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"ghcr.io/mogplex/run-action:1.2.3@{DIGEST}"
BASE = f"python:3.13-slim-trixie@{DIGEST}"
ACTION = (ROOT / "action.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPONENT = (ROOT / "templates/run/template.yml").read_text()


def test_only_the_image_of_the_action_changes_and_shows_its_version() -> None:
    before, after = yaml.safe_load(ACTION), yaml.safe_load(pinned_action(ACTION, IMAGE))
    assert before["runs"].pop("image") == "Dockerfile"
    assert after["runs"].pop("image") == f"docker://ghcr.io/mogplex/run-action@{DIGEST}"
    assert after["runs"].pop("env") == {"MOGPLEX_IMAGE": f"ghcr.io/mogplex/run-action@{DIGEST}"}
    assert after == before
    assert f"@{DIGEST} # 1.2.3\n" in pinned_action(ACTION, IMAGE)


def test_only_the_base_of_the_dockerfile_changes() -> None:
    before, after = DOCKERFILE.splitlines(), pinned_dockerfile(DOCKERFILE, BASE).splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [f"ARG PYTHON_IMAGE={BASE}"]


def test_only_the_image_of_the_component_changes() -> None:
    before, after = COMPONENT.splitlines(), pinned_component(COMPONENT, IMAGE).splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [f"      default: {IMAGE}"]


@pytest.mark.parametrize(
    ("pinned", "text", "image", "fault"),
    [
        *(
            (pinned, text, image, "64 hexadecimal digits")
            for image in (
                "ghcr.io/mogplex/run-action:1.2.3",
                f"{IMAGE}0",
                IMAGE[:-1],
                IMAGE.upper(),
                DIGEST,
                "",
            )
            for pinned, text in (
                (pinned_action, ACTION),
                (pinned_component, COMPONENT),
                (pinned_dockerfile, DOCKERFILE),
            )
        ),
        (pinned_action, pinned_action(ACTION, IMAGE), IMAGE, "0 times"),
        (pinned_component, pinned_component(COMPONENT, IMAGE), IMAGE, "0 times"),
        (pinned_dockerfile, pinned_dockerfile(DOCKERFILE, BASE), BASE, "0 times"),
        (
            pinned_dockerfile,
            DOCKERFILE,
            BASE.replace("3.13", "3.12"),
            r"not python:3\.12-slim-trixie",
        ),
    ],
)
def test_what_cannot_be_pinned_is_refused(
    pinned: Callable[[str, str], str], text: str, image: str, fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        pinned(text, image)


def test_the_wheel_is_named_by_its_version_and_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "mogplex_ci-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert wheel_requirement(wheel) == f"mogplex-ci==1.2.3 --hash=sha256:{digest}\n"


@pytest.mark.parametrize(
    "name",
    ["mogplex_ci-1.2.3.tar.gz", "other-1.2.3-py3-none-any.whl", "mogplex_ci-1.2-py3-none-any.whl"],
)
def test_another_file_than_our_wheel_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="is not mogplex_ci-VERSION"):
        wheel_requirement(tmp_path / name)


def test_the_script_changes_nothing_when_one_of_them_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "action.yml").write_text(ACTION)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    component = tmp_path / "templates/run/template.yml"
    component.parent.mkdir(parents=True)
    component.write_text(COMPONENT)
    wheel = tmp_path / "mogplex_ci-1.2.3-py3-none-any.whl"
    wheel.touch()

    def pin(base: str) -> int:
        arguments = ["--image", IMAGE, "--base", base, "--wheel", str(wheel)]
        script = [sys.executable, str(ROOT / "scripts/pin_release.py")]
        return subprocess.run(
            [*script, *arguments], cwd=tmp_path, capture_output=True, check=False
        ).returncode

    assert pin("python:3.12") == 1
    assert (tmp_path / "action.yml").read_text() == ACTION
    assert component.read_text() == COMPONENT
    assert not (tmp_path / "native/wheel.txt").exists()
    assert pin(BASE) == 0
    assert (tmp_path / "action.yml").read_text() == pinned_action(ACTION, IMAGE)
    assert component.read_text() == pinned_component(COMPONENT, IMAGE)
    assert (tmp_path / "native/wheel.txt").read_text() == wheel_requirement(wheel)
