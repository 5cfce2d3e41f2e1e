"""The variables that each CI system sets for a job: `ci_environments.yaml`."""

from __future__ import annotations

from pathlib import Path

import yaml

ENVIRONMENTS: dict[str, dict[str, str]] = yaml.load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
"""By the platform's name."""


def environment(name: str, folder: Path) -> dict[str, str]:
    """Return what the CI system sets for a job whose folders are in `folder`; `workspace` is the
    checkout.
    """
    return {
        key: value.replace("{folder}", str(folder)) for key, value in ENVIRONMENTS[name].items()
    }
