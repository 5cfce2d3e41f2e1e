"""The HTML report of a run with more than anybody reads."""

from __future__ import annotations

from pathlib import Path

from mogplex_ci.report.facts import facts_of
from mogplex_ci.report.html import LIMIT, page
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import SUCCESSFUL, event, inputs, result
from tests.unit.report.test_any_value import github


def test_what_unfolds_is_bounded_and_every_entry_is_listed(tmp_path: Path) -> None:
    events = [
        {**event("log", f"line {number}."), "id": f"large-{number}", "payload": {"text": f"{number} " * 4_000}}
        for number in range(400)
    ]
    platform, _ = github(tmp_path.resolve())
    safe = Sanitizer()
    text = page(facts_of(result(Result.SUCCESS, *SUCCESSFUL, *events), safe, platform, inputs()), safe)
    assert all(f"line {number}." in text for number in range(400))
    assert LIMIT < len(text) < 1.5 * LIMIT
