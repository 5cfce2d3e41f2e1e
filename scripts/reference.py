"""Write docs/inputs-and-outputs.md from action.yml, the inputs' schema and the list of outputs.

python -m scripts.reference

A test fails when the page is not what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from mogplex_ci.inputs.formats import FORMATS
from mogplex_ci.inputs.spec import Spec, inputs
from mogplex_ci.platforms.base import NO_VARIABLE, OUTPUTS, output_variable
from mogplex_ci.schemas import load

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "inputs-and-outputs.md"

_TEXT = """\
<!-- Written by `make docs` from action.yml and mogplex_ci/schemas/inputs.schema.json; change those. -->
# Inputs and outputs

## How an input is given

| where | how | example |
| --- | --- | --- |
| flag of `mogplex-ci` or of the image | `--name VALUE` | `--on-timeout cancel` |
| GitHub | `with:` | `on-timeout: cancel` |
| every other CI | variable `MOGPLEX_NAME` | `MOGPLEX_ON_TIMEOUT: cancel` |
| [run file](recipes.md#keep-prompts-in-a-file) | `name: value` | `on-timeout: cancel` |

The first place that has it wins: flag, `with:`, variable, run file, default. A blank value counts as not given. Wrong
values are all reported at once, with exit code 2, and nothing is sent. An input that does not exist is a warning that
names the nearest one. The token has no flag, because command lines are seen by other processes.

## Inputs

| input | variable | allowed | meaning |
| --- | --- | --- | --- |
{inputs}

`matrix`, `job-index`, `job-total` and `max-parallel` are filled by `action.yml` from GitHub's contexts; leave them.

## Outputs

On GitHub a later step reads `${{{{ steps.ID.outputs.NAME }}}}`. Elsewhere they are variables in a dotenv file,
`mogplex.env` unless `MOGPLEX_DOTENV` names another; [platforms](platforms.md) tells how each CI hands them on.
`run-id`, `status`, `branch`, `repo-id` and `idempotency-key` are there as soon as the run is started, all of them at
the end, whatever the end is.

| output | variable | meaning |
| --- | --- | --- |
{outputs}

A value that another program could take for more than text, such as a branch name with a `$` in it, is left out of the
dotenv file. The result file has all of them.
"""


def page() -> str:
    """Return the whole page."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    rows = [_input_row(spec, action["inputs"][spec.name]) for spec in inputs().values() if not spec.is_internal]
    outputs = [_output_row(name, action["outputs"][name]) for name in OUTPUTS]
    return _TEXT.format(inputs="\n".join(rows), outputs="\n".join(outputs))


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def _input_row(spec: Spec, declared: dict[str, Any]) -> str:
    variables = ", ".join(f"`{variable}`" for variable in spec.environment)
    return _row(f"`{spec.name}`", variables, _allowed(spec.name), declared["description"])


def _output_row(name: str, declared: dict[str, Any]) -> str:
    variable = "none" if name in NO_VARIABLE else f"`{output_variable(name)}`"
    return _row(f"`{name}`", variable, declared["description"])


def _allowed(name: str) -> str:
    field = load("inputs")["properties"][name]
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    return FORMATS[field["format"]][1]


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
