"""YAML files written for the emulator: scenarios and worlds."""

import json
from pathlib import Path
from typing import Any

import yaml


def load(path: Path) -> dict[str, Any]:
    """Return the fields of the file at ``path``; tests also write JSON."""
    text = path.read_text(encoding="utf-8")
    # JSON may write a character as two halves, which PyYAML leaves as they are.
    fields: dict[str, Any] = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    return fields
