"""One run's events, delivered in any way: each is reported once, and in order if they come in
order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.run.timeline import AgentText
from mogplex_ci.run.updates import EventsArrived, StatusChanged, Update
from tests.faults.world import Played, World

OPENING = ": connected\n\n"
STREAM = {"content-type": "text/event-stream"}
WORDS = [
    "Look",
    "ing at",
    " it.\n\n",
    "Now ",
    "`npm",
    " test`",
    "\n",
    "Done.",
    " É",
    "\u2028",
    "\ufeff",
    "\n\n\n",
]


@dataclass(frozen=True)
class Script:
    """The messages of a service."""

    events: list[dict[str, Any]]
    bodies: list[tuple[list[dict[str, Any]], int | None]]
    """The events of each stream, and after how many bytes it breaks."""
    pages: list[list[dict[str, Any]]]
    """The events of each poll; then, and once the run has ended, there are all."""
    looks: int
    """After how many looks the run has ended."""


def times(seconds: int) -> list[str]:
    """Return ways in which a service may write the time of an event, two of which say none."""
    time = f"{seconds // 60:02d}:{seconds % 60:02d}.5"
    written = [f"2026-11-24T13:{time}+00:00", f"2026-11-24T15:{time}00000001+02:00"]
    return [*written * 4, "yesterday", ""]


@st.composite
def event_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return a run's events in the order of their times."""
    seconds = 0
    events: list[dict[str, Any]] = [
        {
            "id": "accepted",
            "type": "started",
            "toolName": None,
            "message": "External Mogplex run accepted",
            "payload": {"external_run_id": "r", "harness_id": "codex"},
            "createdAt": "2026-11-24T13:00:00.5+00:00",
        }
    ]
    for number in range(draw(st.integers(1, 25))):
        seconds += draw(st.integers(0, 3))
        kind = draw(st.sampled_from(["delta", "delta", "tool_started", "tool_finished", "log"]))
        payload = (
            {"kind": "assistant_delta"}
            if kind == "delta"
            else {"kind": "tool", "toolCallId": f"c{number // 2}"}
        )
        events.append(
            {
                "id": f"e{number}",
                "type": "log" if kind == "delta" else kind,
                "toolName": "Command" if kind.startswith("tool") else None,
                "message": draw(st.sampled_from(WORDS)) if kind == "delta" else kind,
                "payload": payload if kind != "log" else {},
                "createdAt": draw(st.sampled_from(times(seconds))),
            }
        )
    return events


CUTS = st.one_of(st.none(), st.integers(0, 4000))


@st.composite
def scripts(draw: st.DrawFn, *, in_order: bool) -> Script:
    """Return a script in which every stream and poll brings any events in any order, some twice.

    ``in_order``: they begin with the first event, and end anywhere.
    """
    events = draw(event_lists())
    prefixes = st.integers(0, len(events)).map(lambda stop: events[:stop])
    brought = prefixes if in_order else st.lists(st.sampled_from(events), max_size=40)
    bodies = draw(st.lists(st.tuples(brought, CUTS), max_size=8))
    return Script(events, bodies, draw(st.lists(brought, max_size=6)), draw(st.integers(1, 12)))


def record(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def deliver(world: World, script: Script) -> Played:
    """Follow a run of a service that sends what ``script`` says."""
    case = world.new_case("slow")
    case.play(wait=False)
    run = {**case.run.detail(), "status": "streaming"}
    over = {**run, "status": "success"}

    def answer(status: dict[str, Any], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {"status": 200, "body": {"ok": True, "data": {"run": status, "events": events}}}

    for index, (events, cut) in enumerate(script.bodies):
        body = (
            OPENING
            + record("run", run)
            + "".join(f"id: {e['id']}\n{record(e['type'], e)}" for e in events)
        )
        fields = {} if cut is None else {"cut": cut}
        case.inject("stream", skip=index, status=200, headers=STREAM, body=body, **fields)
    case.inject("stream", skip=len(script.bodies), times="always", status=502)
    for index, events in enumerate(script.pages):
        case.inject("events", skip=index, **answer(run, events))
    case.inject("events", skip=len(script.pages), times="always", **answer(over, script.events))
    case.inject("run", times=script.looks, **answer(run, []))
    case.inject("run", skip=script.looks, times="always", **answer(over, []))

    def end(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.is_terminal:
            world.emulator.clear_faults()
            case.inject("events", times="always", **answer(over, script.events))

    return case.play(watch=end)


def squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(script=scripts(in_order=True))
def test_what_comes_in_order_is_reported_once_and_in_order(world: World, script: Script) -> None:
    played = deliver(world, script)
    assert (played.result, played.code) == ("success", 0)
    assert [event.text for event in played.shown] == [event["id"] for event in script.events]
    said = [
        entry.text.text
        for entry in played.end.details.timeline.entries
        if isinstance(entry, AgentText)
    ]
    deltas = [
        event["message"]
        for event in script.events
        if event["payload"].get("kind") == "assistant_delta"
    ]
    assert squeeze("".join(said)) == squeeze("".join(deltas))


@given(script=scripts(in_order=False))
def test_what_comes_in_any_order_is_reported_once(world: World, script: Script) -> None:
    played = deliver(world, script)
    assert (played.result, played.code) == ("success", 0)
    shown = [event.text for event in played.shown]
    assert sorted(shown) == sorted(event["id"] for event in script.events)
    for update in played.of(EventsArrived):
        times = [event.created_at for event in update.events if event.created_at]
        assert times == sorted(times)
