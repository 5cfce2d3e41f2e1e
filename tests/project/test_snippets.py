"""The code in documents and examples: every input, output, variable and flag is there, every value
is allowed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml

from mogplex_ci.inputs.declared import check, inputs
from mogplex_ci.output_names import FREE_TEXT, output_variable
from mogplex_ci.platforms.base import VARIABLES
from mogplex_ci.report.outputs import OUTPUT_NAMES
from tests.documents import Block, blocks
from tests.program import ROOT

TEMPLATE = (ROOT / "templates" / "run" / "template.yml").read_text(encoding="utf-8")
IMAGE = re.compile(r"ghcr\.io/mogplex/run-action\S*")


def shown(*languages: str) -> list[Block]:
    """Return every block and example in one of the languages."""
    return [block for block in blocks() if block.language in languages]


def test_a_step_uses_inputs_that_exist() -> None:
    for block in shown("yaml", "yml"):
        for step in steps(list(yaml.safe_load_all(block.code))):
            given = {
                name: str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in step.items()
            }
            assert set(given) <= set(inputs()), block
            known = {name: value for name, value in given.items() if "${{" not in value}
            assert check(known) == [], block


def test_outputs_and_variables_exist() -> None:
    variables = {variable for spec in inputs().values() for variable in spec.variables}
    known = variables | {*VARIABLES, *map(output_variable, set(OUTPUT_NAMES) - FREE_TEXT)}
    for text in [TEMPLATE, *(block.code for block in blocks())]:
        outputs = re.findall(r"steps\.agent\.outputs\.([\w-]+)", text)
        assert set(outputs) <= set(OUTPUT_NAMES), text
        assert set(re.findall(r"\bMOGPLEX_[A-Z_]+\b", text)) <= known, text


def test_flags_of_the_step_exist() -> None:
    for block in shown("sh"):
        for line in block.code.replace("\\\n", " ").splitlines():
            image = IMAGE.search(line)
            if image and "docker run" in line:
                words = shlex.split(line[image.end() :], comments=True)
                flags = {word[2:].split("=")[0] for word in words if word.startswith("--")}
                is_step = words[:1] and words[0].startswith("--")
                assert not is_step or flags <= {*inputs(), "help", "version"}, block


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
