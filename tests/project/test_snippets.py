"""The code in documents and examples: every input, output, variable and flag is there, every value
is allowed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from mogplex_ci.inputs.declared import check, inputs
from mogplex_ci.outputs import OUTPUT_VARIABLES
from mogplex_ci.platforms.base import VARIABLES
from mogplex_ci.report.outputs import OUTPUT_NAMES
from tests.documents import blocks
from tests.program import ROOT

TEMPLATE = (ROOT / "templates" / "run" / "template.yml").read_text(encoding="utf-8")
IMAGE = re.compile(r"ghcr\.io/mogplex/run-action\S*")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def shown(*languages: str) -> list[Any]:
    """Return the code of every block and example in one of the languages, or in any, named by its
    place.
    """
    return [
        pytest.param(block.code, id=str(block))
        for block in blocks()
        if not languages or block.language in languages
    ]


@pytest.mark.parametrize("block", shown("yaml", "yml"))
def test_a_step_uses_inputs_that_exist(block: str) -> None:
    for step in steps(list(yaml.safe_load_all(block))):
        given = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in step.items()
        }
        assert set(given) <= set(inputs())
        known = {name: value for name, value in given.items() if not EXPRESSION.search(value)}
        assert check(known) == []


@pytest.mark.parametrize("block", [*shown(), TEMPLATE])
def test_outputs_and_variables_exist(block: str) -> None:
    assert set(re.findall(r"steps\.agent\.outputs\.([\w-]+)", block)) <= set(OUTPUT_NAMES)
    variables = {variable for spec in inputs().values() for variable in spec.variables}
    assert set(re.findall(r"\bMOGPLEX_[A-Z_]+\b", block)) <= variables | OUTPUT_VARIABLES | set(
        VARIABLES
    )


def test_no_failure_is_hidden_in_an_echo() -> None:
    """`echo "$(command)"` succeeds when the command fails."""
    assert [
        str(block) for block in blocks() if re.search(r"\becho\b[^\n|;&#]*\$\((?![(…])", block.code)
    ] == []


@pytest.mark.parametrize("block", shown("sh"))
def test_flags_of_the_step_exist(block: str) -> None:
    for line in block.replace("\\\n", " ").splitlines():
        image = IMAGE.search(line)
        arguments = (
            shlex.split(line[image.end() :], comments=True)
            if image and "docker run" in line
            else []
        )
        if arguments[:1] and arguments[0].startswith("--"):
            flags = {
                argument[2:].split("=")[0] for argument in arguments if argument.startswith("--")
            }
            assert flags <= {*inputs(), "help", "version"}


def steps(node: object) -> Iterator[dict[str, Any]]:
    """Yield the inputs of each step that uses the action."""
    if isinstance(node, dict):
        if str(node.get("uses", "")).startswith("mogplex/run-action@"):
            yield node.get("with", {})
        for value in node.values():
            yield from steps(value)
    elif isinstance(node, list):
        for value in node:
            yield from steps(value)
