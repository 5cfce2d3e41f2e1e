"""An input is complete: declared for GitHub, documented, typed, and read by the program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mogplex_ci.inputs.declared import inputs
from scripts import reference
from tests.program import ROOT

PACKAGE = ROOT / "mogplex_ci"
INPUTS = PACKAGE / "inputs"


@pytest.mark.parametrize("name", inputs())
def test_an_input_has_an_effect(name: str) -> None:
    """It is sent to the API, used by the code outside ``inputs/``, or read by name there or by the
    platform.
    """
    spec = inputs()[name]
    if spec.is_typed:
        assert spec.api_field or spec.field in used_fields(), (
            f"no code outside inputs/ reads ActionInputs.{spec.field}"
        )
    else:
        read_by_name = literals(
            INPUTS / "read.py", INPUTS / "sources.py", PACKAGE / "platforms" / "github.py"
        )
        assert any(
            f"INPUT_{name.upper()}" in text or text in (name, spec.field) for text in read_by_name
        )


@pytest.mark.parametrize(
    "path",
    [
        reference.TYPES,
        reference.ACTION,
        reference.PAGE,
    ],
    ids=lambda path: path.name,
)
def test_generated_files_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.generated()[path], "run `make docs`"


@pytest.mark.parametrize("name", inputs())
def test_the_meaning_of_an_input_names_its_choices(name: str) -> None:
    """The page of inputs lists them nowhere else."""
    spec = inputs()[name]
    assert [word for word in spec.kind.choices if f"`{word}`" not in spec.description] == []


@cache
def used_fields() -> set[str]:
    """Return the fields that code outside ``inputs/`` reads, directly or through a method of
    ``ActionInputs``.
    """
    outside = [path for path in PACKAGE.rglob("*.py") if INPUTS not in path.parents]
    read = {name for path in outside for name in attributes(ast.parse(path.read_text()), "inputs")}
    (typed,) = (
        node
        for node in ast.parse((INPUTS / "read.py").read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "ActionInputs"
    )
    methods = [
        node for node in typed.body if isinstance(node, ast.FunctionDef) and node.name in read
    ]
    return read | {name for method in methods for name in attributes(method, "self")}


def attributes(tree: ast.AST, suffix: str) -> Iterator[str]:
    """Yield what is read as an attribute of something whose name ends in ``suffix``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = (
                owner.id
                if isinstance(owner, ast.Name)
                else owner.attr
                if isinstance(owner, ast.Attribute)
                else ""
            )
            if name.endswith(suffix):
                yield node.attr


@cache
def literals(*paths: Path) -> set[str]:
    """Return every string literal in the modules."""
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text())))
    return {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
