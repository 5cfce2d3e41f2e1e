"""The variables that each CI system sets for a job: `ci_environments.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.data import read_yaml

SYSTEMS: dict[str, dict[str, Any]] = read_yaml(__file__, "ci_environments.yaml")
"""By the platform's name: `env`, and which variables tell what."""

ENVIRONMENTS: dict[str, dict[str, str]] = {name: each["env"] for name, each in SYSTEMS.items()}

_PAGE = Path(__file__).parent.parent / "docs" / "platforms.md"
(_NAMES,) = re.findall("grep -E '(.+?)'", _PAGE.read_text(encoding="utf-8"))
BY_HAND = re.compile(_NAMES)
"""Names of the variables that a container started by hand gets, as docs/platforms.md shows it."""


def told(name: str, kind: str) -> list[tuple[str, str]]:
    """Return the variables of a system that tell the `kind`, and another value for each."""
    words = (word.partition("=") for word in SYSTEMS[name].get(kind, "").split())
    return [(variable, value or "other") for variable, _, value in words]


def environment(name: str, folder: Path) -> dict[str, str]:
    """Return what the CI system sets for a job whose folders are in `folder`; `workspace` is the
    checkout.
    """
    return {
        key: value.replace("{folder}", str(folder)) for key, value in ENVIRONMENTS[name].items()
    }
