"""How soon the log shows what an agent writes, in the recorded runs of the harnesses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.recorder import Recorder
from tests.faults.world import Case, World
from tests.unit.report.events import Job

FEEDS = Path(__file__).parents[1] / "contract" / "feeds"
SILENCE = 30.0
"""Seconds without a line, after which a heartbeat comes."""
LATEST = {"claude-code": 7.0, "codex-acp": 4.0, "mogplex": 4.0}
"""Seconds from a message's last piece to its line. The last message waits for the end of the run,
others for a tool call.
"""
Recorded = Mapping[str, Any]


def steps_of(events: Sequence[Recorded]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a scenario with the recorded pauses. The first event is the service's."""
    yield {"status": "streaming"}
    fields = {"event": "type", "tool": "toolName", "message": "message", "payload": "payload"}
    times = [datetime.fromisoformat(event["createdAt"]) for event in events]
    for event, before, now in zip(events[1:], times, times[1:], strict=False):
        known = {name: event[field] for name, field in fields.items() if event[field]}
        yield {"after": f"{round((now - before).total_seconds() * 1000)}ms", **known}
    yield {"after": "2s", "status": "success"}


def messages_of(events: Sequence[Recorded]) -> Iterator[tuple[str, float]]:
    """Yield the last line of each message, and when its last piece came, in seconds after the first
    event.
    """
    began = datetime.fromisoformat(events[0]["createdAt"])
    words = ""
    came = 0.0
    for event in [*events, {"type": "tool_started", "payload": {}}]:
        if event["payload"].get("kind") == "assistant_delta":
            words += event["message"]
            came = (datetime.fromisoformat(event["createdAt"]) - began).total_seconds()
        elif event["type"] == "tool_started" and words:
            yield words.strip().splitlines()[-1], came
            words = ""


@pytest.mark.parametrize("harness", LATEST)
def test_words_are_shown_soon_and_the_log_is_never_silent(harness: str, tmp_path: Path) -> None:
    answer = json.loads((FEEDS / f"events-{harness}-run.json").read_text(encoding="utf-8"))
    events = sorted(answer["data"]["events"], key=lambda event: str(event["createdAt"]))
    scenario = tmp_path / "recorded.yaml"
    scenario.write_text(json.dumps({"steps": list(steps_of(events))}), encoding="utf-8")
    world = World.serve(scenario)
    lines = dict(logged(world, world.new_case("recorded")))
    silences = [after - before for before, after in pairwise(sorted({0.0, *lines.values()}))]
    assert max(silences) <= SILENCE
    messages = list(messages_of(events))
    assert messages
    for words, came in messages:
        shown = next(at for line, at in lines.items() if words in line)
        assert 0.0 <= shown - came <= LATEST[harness], words


def logged(world: World, case: Case) -> Iterator[tuple[str, float]]:
    """Yield the lines of a step's log, each with the seconds after the step's beginning."""
    began = world.time.monotonic()
    stream = io.StringIO()
    recorder = Recorder(Job(stream), Sanitizer(), lambda: world.time.monotonic() - began)
    times: list[float] = []

    def watch(update: Update) -> None:
        recorder.on(update)
        count = stream.getvalue().count("\n")
        times.extend([world.time.monotonic() - began] * (count - len(times)))

    with world.emulator:
        recorder.begin_run(case.plan())
        case.play(watch=watch)
    yield from zip(stream.getvalue().split("\n"), times, strict=False)
