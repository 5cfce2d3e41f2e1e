"""A gate of the table that a page, a schema or an input does not know fails here, with the name of
the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mogplex_ci.gates.outcome import Outcome
from mogplex_ci.gates.table import BRANCH, GATES, GateKind
from mogplex_ci.inputs.declared import inputs, load_schema
from mogplex_ci.inputs.rules import GATE_INPUTS
from mogplex_ci.step.rights import READ_RIGHTS
from tests.program import ROOT

ALL = (*GATES, BRANCH)
each_gate = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)


def missing(kind: GateKind) -> Iterator[str]:
    """Yield the tasks that are left for a gate."""
    pages = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("action.yml", "docs/recipes.md", "docs/security.md", "docs/troubleshooting.md")
    }
    if kind is not BRANCH and kind.name not in inputs():
        if inputs()["require"].kind.fault(kind.name) is not None:
            yield f"add {kind.name} to $defs/requirements in inputs.schema.json"
        if f"`{kind.name}`" not in inputs()["require"].description:
            yield f"say what {kind.name} means in the description of require in inputs.schema.json"
        elif f"`{kind.name}`" not in pages["action.yml"]:
            yield f"write {kind.name} into action.yml with `make docs`"
    elif kind is not BRANCH and kind.name not in GATE_INPUTS:
        yield f"add {kind.name} to GATE_INPUTS in inputs/rules.py"
    described = load_schema("result")["properties"]["gates"]["items"]["properties"]["name"][
        "description"
    ]
    if kind.name not in re.findall(r"[\w-]+", described):
        yield f"add {kind.name} to the names of gates in result.schema.json"
    row = "BRANCH_MOVED" if kind is BRANCH else kind.name
    if not re.search(rf"^\|?.*`(require: )?{row}`", pages["docs/recipes.md"], re.MULTILINE):
        yield f"add {kind.name} to “Require a result” in docs/recipes.md"
    permissions = (
        ", ".join(f"`{permission}`" for permission in kind.needs.split(", "))
        if kind.needs
        else "none"
    )
    if kind is not BRANCH and not re.search(
        rf"^\| `(require: )?{kind.name}` \| {permissions}(:| )",
        pages["docs/security.md"],
        re.MULTILINE,
    ):
        yield f"name {permissions} for {kind.name} in the table “Permissions” of docs/security.md"
    for permission in set(filter(None, kind.needs.split(", "))) - READ_RIGHTS.keys():
        yield f"ask GitHub for what {permission} allows in READ_RIGHTS of step/rights.py"
    for code in {kind.code, *(outcome.value.code for outcome in kind.outcomes)} - {""}:
        if f"`{code}`" not in pages["docs/troubleshooting.md"]:
            yield f"explain {code} in docs/troubleshooting.md"


@each_gate
def test_a_gate_is_complete(kind: GateKind) -> None:
    to_do = list(missing(kind))
    assert not to_do, "\n".join(to_do)


def test_what_a_new_gate_lacks_is_named() -> None:
    new = GATES[0]._replace(name="licence", code="NO_LICENCE", needs="packages: read")
    assert list(missing(new)) == [
        "add licence to $defs/requirements in inputs.schema.json",
        "say what licence means in the description of require in inputs.schema.json",
        "add licence to the names of gates in result.schema.json",
        "add licence to “Require a result” in docs/recipes.md",
        "name `packages: read` for licence in the table “Permissions” of docs/security.md",
        "ask GitHub for what packages: read allows in READ_RIGHTS of step/rights.py",
        "explain NO_LICENCE in docs/troubleshooting.md",
    ]


@each_gate
def test_a_row_has_outcomes_of_one_gate(kind: GateKind) -> None:
    assert kind.failed in kind.outcomes
    assert (kind.passed.passes, kind.failed.passes) == (True, False)


@pytest.mark.parametrize("outcome", [each for kind in ALL for each in kind.outcomes], ids=str)
def test_an_outcome_has_words_for_one_and_for_several(outcome: Outcome) -> None:
    assert "{number}" not in outcome.words(1)
    assert outcome.words(1)
    assert ("{number}" in outcome.words(2)) is bool(outcome.value.several)
