"""In the program a public name has one meaning."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.program import ROOT

PROGRAM = ROOT / "mogplex_ci"
OF_COMMANDS = {"main", "parser", "parsers"}
"""What each command has."""


def public_names(source: str) -> Iterator[str]:
    """Yield the names of a module's public classes and functions."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


def doubles(sources: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield each name that two modules have. ``sources`` are their names and texts."""
    owners: dict[str, str] = {}
    for module, source in sources:
        for name in public_names(source):
            if name in owners and name not in OF_COMMANDS:
                yield f"{name} is in {owners[name]} and in {module}: give one another name"
            owners.setdefault(name, module)


def text_of(path: Path) -> tuple[str, str]:
    return str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def test_no_public_class_or_function_has_the_name_of_another() -> None:
    found = list(doubles(text_of(path) for path in sorted(PROGRAM.rglob("*.py"))))
    assert not found, "\n".join(found)


def test_a_second_meaning_is_named() -> None:
    sources = [("a.py", "class Words: ..."), ("b.py", "def main(): ...\nclass Words: ...")]
    assert list(doubles(sources)) == ["Words is in a.py and in b.py: give one another name"]
