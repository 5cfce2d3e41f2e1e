"""Every way in which an answer can go wrong: ``kinds.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.data import read_yaml

_TABLE: Final = read_yaml(__file__, "kinds.yaml")
HTML: Final[str] = _TABLE["passing"]["502 undone"]["body"]
OTHER_RUN: Final[dict[str, Any]] = _TABLE["other_run"]


def error(code: str) -> dict[str, Any]:
    """The API's envelope of an error."""
    return {"ok": False, "error": {"code": code, "message": "injected"}}


@dataclass(frozen=True)
class Kind:
    """A fault."""

    name: str
    fields: dict[str, Any]
    code: int
    """The exit code when it lasts to the deadline of a step that has started nothing, or strikes
    once and for all.
    """


def _kind(name: str, given: Mapping[str, Any]) -> Kind:
    fields = dict(given)
    code = fields.pop("code", 69)
    if "error" in fields:
        fields["body"] = error(fields.pop("error"))
    return Kind(name, fields, code)


def _kinds(group: str) -> tuple[Kind, ...]:
    return tuple(_kind(name, fields) for name, fields in _TABLE[group].items())


PASSING: Final = _kinds("passing")
PROXIES: Final = tuple(
    _kind(f"{name} {word}", {**fields, "when": when})
    for name, fields in _TABLE["proxies"].items()
    for word, when in (("undone", "before"), ("done", "after"))
)
UNAUTHORIZED: Final = _kinds("unauthorized")
FINAL: Final = _kinds("final")
REFUSED: Final = _kinds("refused")
STREAM_FAULTS: Final = _kinds("streams")
