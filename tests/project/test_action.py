"""action.yml is the face of the program: the same inputs and outputs, and texts that a Marketplace
visitor can read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci.inputs.declared import inputs, load_schema
from mogplex_ci.report.outputs import OUTPUT_NAMES
from scripts import reference
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


def test_a_description_names_every_choice_and_the_default() -> None:
    for name, declared in ACTION["inputs"].items():
        text = " ".join(declared["description"].split())
        choices = [f"`{choice}`" for choice in inputs()[name].kind.choices]
        assert [choice for choice in choices if choice not in text] == [], name
        default = SCHEMA[name].get("default")
        assert not default or f"`{default}`" in text.partition("Default: ")[2], name


@pytest.mark.parametrize(
    "path", [reference.TYPES, reference.ACTION, reference.PAGE, reference.LLMS], ids=str
)
def test_generated_files_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == reference.generated()[path], "run `make docs`"


def test_the_marketplace_takes_it() -> None:
    assert len(ACTION["description"]) <= 125
    assert ACTION["branding"]["color"] in COLOURS
    assert ACTION["branding"]["icon"] == "git-pull-request"
    for declared in [*ACTION["inputs"].values(), *ACTION["outputs"].values()]:
        assert declared["description"].rstrip().endswith(".")
