"""Tables of cases that stand in YAML files beside their tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_yaml(test: str, name: str) -> Any:
    """Return what the file ``name`` beside the module ``test`` holds.

    By the loader that is written in C: each test worker reads all tables before it begins.
    """
    text = Path(test).with_name(name).read_text(encoding="utf-8")
    return yaml.load(text, yaml.CSafeLoader)
