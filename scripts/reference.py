"""Write what follows from the lists of inputs and outputs: the inputs' types, those in action.yml,
the page, and the lists in llms.txt.

python -m scripts.reference

A test fails when one of the files is not what this writes.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, cast

import yaml

from mogplex_ci.inputs.declared import Input, enumeration, inputs
from mogplex_ci.output_names import FREE_TEXT
from mogplex_ci.report.outputs import OUTPUT_NAMES, OUTPUTS

ROOT: Final = Path(__file__).resolve().parent.parent
ACTION: Final = ROOT / "action.yml"
PAGE: Final = ROOT / "docs" / "inputs-and-outputs.md"
LLMS: Final = ROOT / "llms.txt"
TYPES: Final = ROOT / "mogplex_ci" / "inputs" / "typed.py"

_DESCRIPTION: Final = re.compile(
    r"^(.*?)(?: Default: (?:none|(.*?))\.)?(?: Example: (.*)\.)?$", re.DOTALL
)
"""A description: its meaning, then its default, and an example of an output."""

_TYPES: Final = '''\
"""The inputs of a step. Written by `make docs` from schemas/inputs.schema.json; change that."""

# No `from __future__ import annotations`, as in models.py.

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mogplex_ci.inputs.patterns import CheckPatterns, Patterns


class DeclaredInputs(NamedTuple):
    """A field for each input with a typed value. Durations are in seconds; None means not given."""

{fields}
'''

_PAGE: Final = """\
<!-- Written by `make docs` from action.yml and mogplex_ci/schemas/inputs.schema.json; change those. -->
# Inputs and outputs

## Inputs

The first of these places with a value wins; blank values do not count:

1. a flag of `mogplex-ci` or the image: `--on-timeout cancel`; not for tokens, since other processes see command lines
2. `with:` on GitHub: `on-timeout: cancel`
3. a variable, on every CI system: `MOGPLEX_ON_TIMEOUT: cancel`
4. the default, in brackets below

`github-token` needs [each gate's permissions](security.md#permissions); `run-options` adds fields to the [API's
request](https://docs.mogplex.com/reference/api).

{inputs}

## Outputs

On GitHub, later steps read `${{{{ steps.ID.outputs.NAME }}}}`. GitHub empties a job's output that contains a line of a
secret, even a line such as `{{`: keep JSON secrets on one line.

Elsewhere they read the variable `MOGPLEX_OUT_NAME` from a [dotenv file](platforms.md#outputs-and-reports). It omits
values that a shell might execute, such as a branch name with a `$`, and
{no_variable}: `result.json` has them.

The step sets {early} as soon as the run has started.

{outputs}
"""


def main() -> int:
    """Write the files."""
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
    return 0


def generated() -> dict[Path, str]:
    """Return the text of each file that this script writes."""
    return {
        TYPES: _types(),
        ACTION: _action(),
        PAGE: _page(),
        LLMS: _llms(),
    }


def _types() -> str:
    """Return the class with a field for each input."""
    fields = (f"    {spec.field}: {_type(spec)}" for spec in inputs().values() if spec.is_typed)
    return _TYPES.format(fields="\n".join(fields))


def _type(spec: Input) -> str:
    choices = ", ".join(f'"{choice}"' for choice in spec.kind.choices)
    name = f"Literal[{choices}]" if choices else str(spec.kind.rules["x-type"])
    return name if spec.default is not None else f"{name} | None"


def _action() -> str:
    """Return action.yml with the inputs of the schema; everything else stays as it is."""
    before, rest = ACTION.read_text(encoding="utf-8").split("\ninputs:\n", 1)
    _, after = rest.split("\noutputs:\n", 1)
    of_action = [spec for spec in inputs().values() if spec.is_for_action]
    declared = "\n".join(
        line for spec in of_action for line in (*_heading(spec, of_action), *_declaration(spec))
    )
    return f"{before}\ninputs:\n{declared}\n\noutputs:\n{after}"


def _page() -> str:
    """Return the reference page."""
    outputs = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["outputs"]
    for name in OUTPUT_NAMES:
        if name not in outputs:
            sys.exit(f"Describe the output {name} under `outputs` in action.yml, then try again.")
    return _PAGE.format(
        early=enumeration([f"`{output.name}`" for output in OUTPUTS if output.early]).replace(
            " or ", " and "
        ),
        no_variable=enumeration(
            [f"`{name}`" for name in OUTPUT_NAMES if name in FREE_TEXT]
        ).replace(" or ", " and "),
        inputs="\n\n".join(_groups()),
        outputs="\n".join(
            _output_item(name, outputs[name]["description"]) for name in OUTPUT_NAMES
        ),
    )


def _llms() -> str:
    """Return llms.txt with lists of the inputs and outputs, each below its section's first
    paragraph; everything else stays as it is.
    """
    lists = {"Inputs": _listed_inputs(), "Outputs": [", ".join(OUTPUT_NAMES)]}
    text = LLMS.read_text(encoding="utf-8")
    for heading, items in lists.items():
        before, section = text.split(f"## {heading}\n\n", 1)
        paragraph, _, after = section.split("\n\n", 2)
        listed = "\n".join(map(_item, items))
        text = f"{before}## {heading}\n\n{paragraph}\n\n{listed}\n\n{after}"
    return text


def _listed_inputs() -> Iterator[str]:
    """Yield each group's inputs, with their defaults and choices."""
    for title, specs in groupby(_shown(), lambda spec: spec.group):
        named = []
        for spec in specs:
            default = f" [{spec.default}]" if spec.default else ""
            choices = f" ({spec.kind.allowed})" if spec.kind.choices else ""
            named.append(f"{spec.name}{default}{choices}")
        yield f"{title}: {', '.join(named)}"


def _item(text: str) -> str:
    return textwrap.fill(
        f"- {text}", 140, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )


def _heading(spec: Input, among: Sequence[Input]) -> Iterator[str]:
    """Yield the comment above the first input of a group."""
    if spec is next(other for other in among if other.group == spec.group):
        yield f"  # {spec.group}"


def _declaration(spec: Input) -> Iterator[str]:
    """Yield the lines of an input in action.yml."""
    yield f"  {spec.name}:"
    yield "    description: >-"
    indent = " " * 6
    yield from textwrap.wrap(
        _description(spec),
        118,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    if spec.github_expression is not None:
        yield f"    default: '{spec.github_expression}'"


def _description(spec: Input) -> str:
    variable = f" Default: the variable `{spec.variables[0]}`." if spec.is_secret else ""
    return spec.description + (f" Default: `{spec.default}`." if spec.default else variable)


def _groups() -> Iterator[str]:
    """Yield a heading and a list for each group of inputs that people set."""
    for title, specs in groupby(_shown(), lambda spec: spec.group):
        yield "\n".join([f"### {title}\n", *map(_input_item, specs)])


def _shown() -> list[Input]:
    """Return the inputs that people set."""
    return [spec for spec in inputs().values() if spec.github_expression is None]


def _input_item(spec: Input) -> str:
    meaning, default, _ = _parts(_description(spec))
    if spec.variables[1:]:
        others = enumeration([f"`{variable}`" for variable in spec.variables[1:]])
        meaning += f" Also the CLI's variable {others}."
    name = f"`{spec.name}` ({default})" if default else f"`{spec.name}`"
    return f"- {name}: {' '.join(meaning.split())}"


def _output_item(name: str, description: str) -> str:
    meaning, _, _ = _parts(description)
    return f"- `{name}`: {' '.join(meaning.split())}"


def _parts(description: str) -> Sequence[str]:
    """Return a description's meaning, default and example; empty if it has none."""
    parts = _DESCRIPTION.findall(description.strip())
    return cast("Sequence[str]", parts[0])


if __name__ == "__main__":
    sys.exit(main())
