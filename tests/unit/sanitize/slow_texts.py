"""Texts that would take an expression of the sanitizer longer than linear time, if any could."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from re import _constants as kinds  # type: ignore[attr-defined]  # private, but there is no other parser
from re import _parser as parser  # type: ignore[attr-defined]  # private, but there is no other parser
from typing import Any, NamedTuple

from mogplex_ci.sanitize import (
    controls,
    formats,
    known_values,
    named_values,
    redactor,
    safe_text,
    sanitizer,
)
from tests.unit.sanitize.format_makers import members

_GUARDS = ("", "-----BEGIN PRIVATE KEY-----", "cookie: a=", "bearer ", "password: |\n ", "##", "\\")
"""Words that a text must have before some expressions are tried at all."""
_NAMES = (
    "password",
    "--token",
    "<secret",
    "authorization",
    "x-api-key",
    '("api_key',
    "- name: API_KEY",
)


def expressions() -> Iterator[tuple[tuple[str, ...], str]]:
    """Return every expression of the package, and what stands before the place where it is
    tried.
    """
    for format_ in formats.formats():
        yield tuple(format_.prefixes), format_.pattern
    modules = (controls, formats, known_values, named_values, redactor, safe_text, sanitizer)
    for module in modules:
        leads = _GUARDS + _NAMES if module is named_values else _GUARDS
        for constant, value in vars(module).items():
            if isinstance(value, str) and not constant.startswith("__"):
                yield leads, value


@functools.cache
def texts() -> list[Text]:
    """Return texts of every literal, class edge and repetition: repeated, behind what leads to
    them, in pairs.
    """
    found: set[tuple[str, str]] = set()
    for marks, pattern in expressions():
        try:
            tree = parser.parse(pattern)
        except re.error:
            continue  # no expression
        literals: set[str] = set()
        edges: set[str] = set()
        _walk(tree, literals, edges)
        units = (literals | edges) - {""}
        pairs = {one + other for one in units for other in edges} if len(units) < 8 else set()
        found.update((marks[0], unit) for unit in pairs)
        for mark in marks:
            found.update((mark, unit) for unit in units)
            found.update(("", mark + unit) for unit in {"", *units})
    return [Text(start, unit) for start, unit in sorted(found) if unit]


class Text(NamedTuple):
    """A text of any length."""

    start: str
    unit: str

    def of(self, size: int) -> str:
        """Return it with about ``size`` characters."""
        return self.start + self.unit * max((size - len(self.start)) // len(self.unit), 1)


def _walk(nodes: Any, literals: set[str], edges: set[str]) -> None:
    run = ""
    for kind, argument in nodes:
        if kind is kinds.LITERAL:
            run += chr(argument)
            continue
        literals.add(run)
        run = ""
        if kind is kinds.IN:
            chars = members(argument)
            edges.update((chars[0], chars[-1], chars[len(chars) // 2]))
        elif kind is kinds.NOT_LITERAL:
            edges.add("a")
        for inner in _inside(argument):
            _walk(inner, literals, edges)
    literals.add(run)


def _inside(argument: Any) -> Iterator[Any]:
    """Yield the expressions in what a node of a parsed one holds."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _inside(part)
