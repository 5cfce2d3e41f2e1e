"""The facts the client relies on, by sentence: each case of ``client.yaml`` names one and plays the
service's bytes.

``says`` names where the service's contract says it: the generation and section, then a word
(``newest-5-resume``); the sections are listed at the top of the table. ``fact`` is the sentence.
Answers are given by route, in order, the last one for ever. A case follows a run unless ``call``
names one call of the API and its arguments; ``step`` are the step's inputs. ``expect`` tells what
must come of it: only what is named is compared, a list is complete, and a text with ``~`` in front
is a regular expression. ``feeds`` are whole answers, as the files of that folder have them.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.errors import MogplexError
from mogplex_ci.models import EventKind
from mogplex_ci.run import updates
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock
from tests.contract.api import check
from tests.contract.scripted import RUN_ID, TOKEN, ScriptedService, serving
from tests.data import read_yaml
from tests.faults.world import Played, World

TABLE = read_yaml(__file__, "client.yaml")
FEEDS = Path(__file__).with_name("feeds")
CASES = [pytest.param(case, id=f"{case['says']}: {case['fact']}") for case in TABLE["cases"]]


@pytest.mark.parametrize("case", CASES)
def test_the_client(case: dict[str, Any]) -> None:
    with serving(case) as (time, service):
        if "call" in case:
            found = outcome_of_call(service, *case["call"])
        else:
            world = World(time, service)  # type: ignore[arg-type]  # all that it needs of an emulator
            played = world.new_case().play(**case.get("step", {}))
            found = outcome_of(played, service, case["expect"])
    check(found, case["expect"], case["says"])


@pytest.mark.parametrize(
    "refusal", TABLE["refusals"], ids=lambda refusal: f"{refusal[0]}: {refusal[4]}"
)
def test_a_refusal_is_told_in_the_services_words(
    refusal: tuple[str, str, int, str, str, str],
) -> None:
    _, route, status, code, words, error = refusal
    calls: dict[str, list[Any]] = {
        "start": [{}, "key"],
        "artifact": ["RUN", "x.json"],
        "cancel": ["RUN"],
    }
    with serving({route: {"http": status, "error": [code, words]}}) as (_time, service):
        found = outcome_of_call(service, route, *calls[route])
    assert (found["error"], found["code"], found["detail"], found["asked"]) == (
        error,
        code,
        words,
        1,
    )
    assert found["patience"] == 0, "a step would ask again"


@pytest.mark.parametrize(
    "name", sorted(TABLE["feeds"].keys() | {path.name for path in FEEDS.iterdir()})
)
def test_a_whole_feed_is_read(name: str) -> None:
    (_, _, expected), content = TABLE["feeds"][name], (FEEDS / name).read_bytes()
    if name.endswith(".sse"):
        run, *events = map(json.loads, re.findall(rb"^data: (.*)$", content, re.MULTILINE))
        stream, listed = (
            {"content": content, "pieces": 7},
            events if run["status"] == expected["status"] else [],
        )
    else:
        run, events = json.loads(content)["data"].values()
        stream, listed = None, events
    feed = {"http": 200, "data": {"run": run | {"status": expected["status"]}, "events": listed}}
    start = {"http": 202, "data": run | {"replayed": False}}
    with serving({"start": start, "stream": stream, "run": feed, "events": feed}) as (
        time,
        service,
    ):
        world = World(time, service)  # type: ignore[arg-type]  # all that it needs of an emulator
        played = world.new_case().play()
    assert sorted(map(plain, played.shown)) == sorted(event["id"] for event in events)
    check(outcome_of(played, service, expected), expected, name)


def outcome_of(
    played: Played, service: ScriptedService, expected: dict[str, Any]
) -> dict[str, Any]:
    """Return all that a step has come to, by the words of ``client.yaml``."""
    end, timeline = played.end, played.end.details.timeline
    requests = service.requests
    streams = [request for request in requests if request.route == "stream"]
    starts = [request for request in requests if request.route == "start"]
    checkpoint = timeline.checkpoint
    events = [event for update in played.of(updates.EventsArrived) for event in update.events]

    def values(words: str) -> list[str]:
        """Return the first value of the sentences that have these words."""
        said = [update for update in played.of(updates.Said) if words in update.words]
        return [
            plain(value)
            for value, *_ in (each.values for each in said)
            if isinstance(value, Untrusted)
        ]

    pauses = {
        route: [later - at for at, later in pairwise(times_of(played, route))]
        for route in set(played.routes)
    }
    within, waited = expected.get("within", 0), expected.get("waited", {})
    return {
        "within": within if played.seconds <= within else played.seconds,
        "waited": {
            route: [low, high] if low <= pauses[route][0] <= high else pauses[route]
            for route, (low, high) in waited.items()
        },
        "asked_by": {
            limit: [route for route, at in played.asked if at <= limit]
            for limit in expected.get("asked_by", {})
        },
        "result": played.result,
        "exit": played.code,
        "code": end.ending.error_code,
        "cause": end.ending.cause,
        "remedy": end.ending.remedy,
        "detail": plain(end.ending.detail),
        "status": end.details.run.status if end.details.run else None,
        "commit": plain(end.details.run.terminal_commit) if end.details.run else None,
        "left": end.details.left_behind,
        "told": [plain(event.message) for event in events],
        "unnamed": [plain(event.message) for event in events if event.kind is EventKind.OTHER],
        "cancelled_by_step": end.details.cancelled_by_step,
        "words": plain(timeline.last_words),
        "calls": [[plain(call.name), outcome_of_tool(call)] for call in timeline.calls],
        "phases": [str(span.phase) for span in timeline.spans()],
        "branch": plain(end.details.branch),
        "base": plain(end.details.base_branch),
        "pull_request": plain(timeline.outcome.pull_request_url),
        "changed": timeline.outcome.changed,
        "asks": [plain(checkpoint.summary), plain(checkpoint.preview_url)] if checkpoint else None,
        "incomplete": timeline.is_incomplete,
        "joined": end.details.joined,
        "unused": [
            plain(name) for update in played.of(updates.Started) for name in update.unused_options
        ],
        "statuses": [update.run.status for update in played.of(updates.StatusChanged)],
        "unknown": values("does not know"),
        "polled": values("by polling"),
        "trouble": [update.error.cause for update in played.of(updates.Trouble)],
        "cancelled": values("Run {}") + values("had already ended"),
        "not_cancelled": [update.error.cause for update in played.of(updates.CancelFailed)],
        "asked": played.routes,
        "asked_first": played.routes[: len(expected.get("asked_first", []))],
        "connections": service.connections,
        "methods": sorted({request.method for request in requests}),
        "resumed_after": [
            int(request.headers.get("last-event-id", "0")[:8]) or None for request in streams
        ],
        "paths": [request.path for request in requests],
        "accepted": [request.headers["accept"] for request in streams],
        "stream_paths": [request.path for request in streams],
        "keys": [request.headers["idempotency-key"] for request in starts],
        "bodies": [json.loads(request.body) for request in starts],
    }


def times_of(played: Played, route: str) -> list[float]:
    """Return when a route was asked."""
    return [at for asked, at in played.asked if asked == route]


def outcome_of_tool(call: ToolCall) -> str:
    """Return what became of a tool call."""
    return (
        "open"
        if call.finish is None
        else "denied"
        if call.state.denied
        else "failed"
        if call.state.failed
        else "done"
    )


def outcome_of_call(service: ScriptedService, name: str, *arguments: Any) -> dict[str, Any]:
    """Return what a call of the API comes to: fields of its answer, or of its error."""
    client = Client(service.url, TOKEN)
    found: dict[str, Any]
    given = [RUN_ID if argument == "RUN" else argument for argument in arguments]
    options = {"last_event_id": None, "clock": Clock()} if name == "stream" else {}
    try:
        answer = getattr(client, name)(*given, **options)
    except MogplexError as error:
        found = {
            "error": type(error).__name__,
            "code": error.code,
            "cause": error.cause,
            "remedy": error.remedy,
        }
        found |= {
            "detail": plain(error.detail),
            "retry_after": error.retry_after,
            "nothing": not error.may_have_worked,
            "patience": error.patience,
        }
    else:
        found = {
            "answer": [fields(each) for each in answer]
            if isinstance(answer, list)
            else fields(answer)
        }
    finally:
        client.close()
    return found | {
        "path": [request.path for request in service.requests],
        "asked": len(service.requests),
    }


def fields(answer: Any) -> Any:
    """Return a named tuple's fields by name."""
    if isinstance(answer, Untrusted):
        return plain(answer)
    if not hasattr(answer, "_asdict"):
        return str(answer) if answer is not None and not isinstance(answer, bool | int) else answer
    return {name: fields(value) for name, value in answer._asdict().items() if name != "data"}


def plain(value: Untrusted | None) -> Any:
    """Return the raw value, to compare it."""
    return value.inspect(lambda raw: raw) if value is not None else None
