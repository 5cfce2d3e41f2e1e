"""action.yml is the face of the program: the same inputs and outputs, and texts that a Marketplace
visitor can read.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.report.outputs import OUTPUT_NAMES
from tests.program import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
SCHEMA = load_schema("inputs")["properties"]
COLOURS = {"white", "yellow", "blue", "green", "orange", "red", "purple", "gray-dark"}


def test_the_inputs_are_the_program_s_in_the_same_order() -> None:
    assert list(ACTION["inputs"]) == [
        name for name, field in SCHEMA.items() if field.get("x-is-for-action", True)
    ], "run `make docs`"


def test_the_outputs_are_the_program_s_in_the_same_order() -> None:
    assert list(ACTION["outputs"]) == list(OUTPUT_NAMES), (
        "describe each output in action.yml, in the order of mogplex_ci/report/outputs.py"
    )


def test_only_what_github_s_contexts_fill_has_a_default() -> None:
    """A default in action.yml would hide a MOGPLEX_ variable."""
    with_default = {name for name, declared in ACTION["inputs"].items() if "default" in declared}
    assert with_default == {
        name for name, field in SCHEMA.items() if "x-github-expression" in field
    }


@pytest.mark.parametrize("name", [name for name, field in SCHEMA.items() if "enum" in field])
def test_a_description_names_every_choice(name: str) -> None:
    description = ACTION["inputs"][name]["description"]
    assert [choice for choice in SCHEMA[name]["enum"] if f"`{choice}`" not in description] == []


@pytest.mark.parametrize("name", [name for name in ACTION["inputs"] if SCHEMA[name].get("default")])
def test_a_description_tells_the_default(name: str) -> None:
    default = re.search(r"Default: (.*)", " ".join(ACTION["inputs"][name]["description"].split()))
    assert default is not None
    assert f"`{SCHEMA[name]['default']}`" in default[1]


def test_the_marketplace_takes_it() -> None:
    assert len(ACTION["description"]) <= 125
    assert ACTION["branding"]["color"] in COLOURS
    assert ACTION["branding"]["icon"] == "git-pull-request"
    for declared in [*ACTION["inputs"].values(), *ACTION["outputs"].values()]:
        assert declared["description"].rstrip().endswith(".")
