"""What a run's timeline keeps of the events that it was built from."""

from __future__ import annotations

import tracemalloc

from mogplex_ci.api import answers
from mogplex_ci.run.timeline import Timeline
from tests.unit.report.events import event


def test_what_no_report_shows_of_an_event_is_not_kept() -> None:
    timeline = Timeline()
    tracemalloc.start()
    for number in range(500):
        sent = answers.event({**event("log", f"line {number}"), "unheard of": f"{number} " * 5_000})
        assert sent is not None
        timeline.add(sent)
    sent = None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(timeline.entries) == 500
    assert kept < 2 * 2**20
