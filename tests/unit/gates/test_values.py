"""What is known of a run is values: nobody writes into another's object."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from mogplex_ci.gates.baseline import Baseline
from mogplex_ci.gates.candidate import Candidate
from mogplex_ci.gates.history import Changes
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding
from tests.program import ROOT

PROGRAM = ROOT / "mogplex_ci"
READERS = [*sorted((PROGRAM / "gates").glob("*.py")), *sorted((PROGRAM / "step").glob("*.py"))]
"""The judges, and who reads what they found."""
VALUES = ("inspection", "candidate", "baseline", "finding", "changes", "outcome", "timeline")


@pytest.mark.parametrize("record", [Baseline, Candidate, Changes, Inspection, GateFinding])
def test_a_record_is_a_value(record: type) -> None:
    assert issubclass(record, tuple)


def written_attributes(source: str) -> Iterator[ast.Attribute]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node


def owner(target: ast.Attribute) -> str:
    """Return whose attribute it is, such as ``self`` or ``result.timeline``."""
    return ast.unparse(target.value)


def test_nobody_writes_into_anothers_record() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{target.lineno}: {ast.unparse(target)}"
        for path in READERS
        for target in written_attributes(path.read_text(encoding="utf-8"))
        if owner(target).rpartition(".")[2].lstrip("_") in VALUES
        or (path.parent.name == "gates" and owner(target) != "self")
    ]
    assert not found, "\n".join(found)


def test_a_write_into_a_record_is_noticed() -> None:
    source = "def judge(self): self._inspection.checks = ()"
    assert [owner(target) for target in written_attributes(source)] == ["self._inspection"]
