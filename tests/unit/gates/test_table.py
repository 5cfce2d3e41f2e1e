"""A gate of the table that a page, a schema or an input does not know fails here, with the name of
the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from mogplex_ci import gate_kinds
from mogplex_ci.gate_kinds import BRANCH, CHANGE, GATE_INPUTS, GATES, GateKind
from mogplex_ci.gates.artifact import ArtifactIs
from mogplex_ci.gates.change import Change, Paths
from mogplex_ci.gates.checks import Checks
from mogplex_ci.gates.outcome import GateOutcome, Passed, Rejected, Unknown
from mogplex_ci.gates.pull_request import BranchIs, PullRequestIs
from mogplex_ci.gates.table import JUDGES
from mogplex_ci.inputs.declared import inputs
from mogplex_ci.step.rights import READ_RIGHTS
from tests.program import ROOT

ALL = (*GATES, BRANCH)
OUTCOMES: Mapping[GateKind, type[GateOutcome]] = {
    gate_kinds.CHANGE: Change,
    gate_kinds.PULL_REQUEST: PullRequestIs,
    gate_kinds.ALLOWED_PATHS: Paths,
    gate_kinds.PROTECTED_PATHS: Paths,
    gate_kinds.ARTIFACT: ArtifactIs,
    gate_kinds.CHECKS: Checks,
    gate_kinds.BRANCH: BranchIs,
}
each_gate = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)


def missing(kind: GateKind) -> Iterator[str]:
    """Yield the tasks that are left for a gate."""
    pages = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in ("action.yml", "docs/recipes.md", "docs/security.md", "docs/troubleshooting.md")
    }
    if kind not in JUDGES:
        yield f"name the judge of {kind.name} in gates/table.py"
    if kind is not BRANCH and not (kind.has_input or kind.is_word):
        yield f"say in the row of {kind.name} what asks for it"
    if kind.has_input and kind.name not in inputs():
        yield f"add the input {kind.name} to inputs.schema.json"
    if kind.is_word:
        if inputs()["require"].kind.fault(kind.name) is not None:
            yield f"add {kind.name} to $defs/requirements in inputs.schema.json"
        if f"`{kind.name}`" not in inputs()["require"].description:
            yield f"say what {kind.name} means in the description of require in inputs.schema.json"
        elif f"`{kind.name}`" not in pages["action.yml"]:
            yield f"write {kind.name} into action.yml with `make docs`"
    row = "BRANCH_MOVED" if kind is BRANCH else kind.name
    if not re.search(rf"^\|?.*`(require: )?{row}`", pages["docs/recipes.md"], re.MULTILINE):
        yield f"add {kind.name} to “Require a result” in docs/recipes.md"
    permissions = (
        ", ".join(f"`{permission}`" for permission in kind.needs.split(", "))
        if kind.needs
        else "none"
    )
    if kind is not BRANCH and not re.search(
        rf"^\| (`[^|]*`, )?`(require: )?{kind.name}`(, `[^|]*`)? \| {permissions}[:; ]",
        pages["docs/security.md"],
        re.MULTILINE,
    ):
        yield f"name {permissions} for {kind.name} in the table “Permissions” of docs/security.md"
    for permission in set(filter(None, kind.needs.split(", "))) - READ_RIGHTS.keys():
        yield f"ask GitHub for what {permission} allows in READ_RIGHTS of step/rights.py"
    for code in codes(kind):
        if f"`{code}`" not in pages["docs/troubleshooting.md"]:
            yield f"explain {code} in docs/troubleshooting.md"


def outcomes(kind: GateKind) -> type[GateOutcome]:
    """Return what the judge of a gate may find."""
    return OUTCOMES[kind]


def codes(kind: GateKind) -> set[str]:
    """Return the error codes with which a gate rejects a run."""
    texts = [outcome.value for outcome in outcomes(kind)] if kind in JUDGES else []
    return {kind.code, *(text.code for text in texts if isinstance(text, Rejected))} - {""}


@each_gate
def test_a_gate_is_complete(kind: GateKind) -> None:
    to_do = list(missing(kind))
    assert not to_do, "\n".join(to_do)


def test_each_row_has_its_name_to_itself() -> None:
    assert len({kind.name for kind in ALL}) == len(ALL)
    assert set(JUDGES) == set(ALL)
    assert set(inputs()) >= set(GATE_INPUTS)


def test_what_a_new_gate_lacks_is_named() -> None:
    new = CHANGE._replace(name="licence", code="NO_LICENCE", needs="packages: read")
    assert list(missing(new)) == [
        "name the judge of licence in gates/table.py",
        "add licence to $defs/requirements in inputs.schema.json",
        "say what licence means in the description of require in inputs.schema.json",
        "add licence to “Require a result” in docs/recipes.md",
        "name `packages: read` for licence in the table “Permissions” of docs/security.md",
        "ask GitHub for what packages: read allows in READ_RIGHTS of step/rights.py",
        "explain NO_LICENCE in docs/troubleshooting.md",
    ]


def test_a_rejection_without_advice_is_a_mistake() -> None:
    """To mypy, too: else the comment would be one that ignores nothing."""
    with pytest.raises(TypeError, match="remedy"):
        Rejected("the run changed no files")  # type: ignore[call-arg]  # this is what is tried


@pytest.mark.parametrize("found", [*map(outcomes, JUDGES), Unknown], ids=str)
def test_the_outcomes_of_a_gate_differ(found: type[GateOutcome]) -> None:
    assert list(found.__members__.values()) == list(found)


@pytest.mark.parametrize(
    "outcome", [each for kind in JUDGES for each in (*outcomes(kind), *Unknown)], ids=str
)
def test_an_outcome_has_words_for_one_and_for_several(outcome: GateOutcome) -> None:
    text = outcome.value
    words = {"number": "1", "cause": "a cause", "base": "main", "artifact": "a.json"}
    assert "{number}" not in outcome.found(1) or not text.several
    assert outcome.found(1).format(**words)
    assert ("{number}" in outcome.found(2)) is bool(text.several)
    if not isinstance(text, Passed):
        assert text.remedy.format(remedy="Advice.")
