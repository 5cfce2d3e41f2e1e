"""The tests run with what is shipped, and no dependency is missing from the lock files."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.program import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]


def locked(name: str) -> dict[str, str]:
    """Return version by package of requirements/NAME.txt."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["runtime", "build", "test", "unit"])
def test_every_tool_has_the_same_version_everywhere(name: str) -> None:
    assert locked(name).items() <= locked("dev").items()


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("runtime", PROJECT["project"]["dependencies"]),
        ("build", PROJECT["build-system"]["requires"]),
        *((name, GROUPS[name]) for name in ("dev", "test", "unit")),
    ],
)
def test_no_dependency_is_missing_from_a_lock_file(name: str, required: list[object]) -> None:
    names = {re.split(r"[^\w.-]", each)[0] for each in required if isinstance(each, str)}
    assert {re.sub(r"[_.-]+", "-", each).lower() for each in names} <= set(locked(name))
