"""The list of inputs, read from their JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mogplex_ci import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Spec:
    """One input."""

    name: str
    description: str
    default: str | None
    choices: tuple[str, ...]
    """The only values allowed; empty when a format decides."""
    is_boolean: bool
    is_secret: bool
    is_internal: bool
    """Filled by ``action.yml``, not by people."""
    environment: tuple[str, ...]
    """Variables that set it, first one wins."""

    @property
    def github_variable(self) -> str:
        """The variable that GitHub sets: upper case, hyphens kept."""
        return f"INPUT_{self.name.upper()}"


@cache
def inputs() -> Mapping[str, Spec]:
    """Return every input by name, in the order of the documentation."""
    return {
        name: Spec(
            name=name,
            description=field["description"],
            default=field.get("default"),
            choices=tuple(field.get("enum", ())),
            is_boolean=field.get("format") == "boolean",
            is_secret=field.get("x-secret", False),
            is_internal=field.get("x-internal", False),
            environment=("MOGPLEX_" + name.upper().replace("-", "_"), *field.get("x-environment", ())),
        )
        for name, field in schemas.load("inputs")["properties"].items()
    }
