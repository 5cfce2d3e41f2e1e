"""action.yml against the program: it names the same inputs and outputs, and hides no default of it."""

import json
from pathlib import Path

import yaml

from mogplex_ci.platforms.interface import OUTPUTS

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
FROM_CONTEXTS = {"matrix", "job-index", "job-total", "max-parallel"}


def test_inputs_are_those_of_the_program() -> None:
    schema = json.loads((ROOT / "mogplex_ci" / "schemas" / "inputs.schema.json").read_text())
    assert set(ACTION["inputs"]) == set(schema["properties"])


def test_outputs_are_those_of_the_program() -> None:
    assert set(ACTION["outputs"]) == set(OUTPUTS)


def test_only_what_githubs_contexts_know_has_a_default() -> None:
    """A default reaches the step as INPUT_NAME, which beats MOGPLEX_NAME and the run file."""
    assert {name for name, entry in ACTION["inputs"].items() if "default" in entry} == FROM_CONTEXTS
