"""The event stream: a table of what it brings, and its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.api import Api
from tests.contract.sse import Stream
from tests.emulator import Emulator
from tests.virtual_time import VirtualClock, VirtualTime
from tests.waits import LONG

CASES = yaml.load(
    Path(__file__).with_name("streams.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)


@contextmanager
def serving(
    scenario: Any, folder: Path, **options: Any
) -> Iterator[tuple[Emulator, VirtualClock, str]]:
    """An emulator with one run, and a clock of the time in which it advances."""
    if isinstance(scenario, dict):
        file = folder / "scenario.yaml"
        file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        scenario = file
    time = VirtualTime()
    clock = time.clock()
    options = {"limits": False, "clock": time.monotonic, "waiter": time.waiter, **options}
    with Emulator(scenario, **options) as emulator:
        Api(emulator).start(createBranch=True, workingBranch="agent/x", mode="auto")
        yield emulator, clock, emulator.runs[0].id
        clock.leave()


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_stream(case: dict[str, Any], tmp_path: Path) -> None:
    with serving(case["scenario"], tmp_path) as (emulator, clock, run_id):
        streams: dict[str, Stream] = {}
        for call in case["calls"]:
            clock.sleep(call.get("at", 0.0) - clock.monotonic())
            if "fault" in call:
                emulator.inject(**{"route": "stream", **call["fault"]})
            if "connect" in call:
                headers = _id_headers(call, streams)
                streams[call["connect"]] = Stream(
                    emulator, clock, run_id, *headers, query=call.get("query", "")
                )
            if "send" in call:
                method, _, path = call["send"].partition(" ")
                api = Api(emulator)
                assert (
                    api.session.request(
                        method, f"{api.base}/runs/{run_id}{path}", timeout=LONG
                    ).status_code
                    == 200
                )
            for stream in streams.values():
                stream.settle()
            for name, expected in call.get("see", {}).items():
                assert {each: OUTCOMES[each](streams[name]) for each in expected} == expected
        for stream in streams.values():
            stream.close()


def _id_headers(call: dict[str, Any], streams: dict[str, Stream]) -> list[str]:
    if "id" in call:
        return [f"Last-Event-ID: {call['id']}"]
    if not call.get("after"):
        return []
    known = [event for stream in streams.values() for event in stream.records()[1:]]
    event_id = next(event["id"] for event in known if event["message"] == call["after"])
    return [f"Last-Event-ID: {event_id}"]


def _count(stream: Stream) -> int:
    return len({event["id"] for event in stream.records()[1:]})


def _are_by_id(stream: Stream) -> bool:
    ids = [(event["createdAt"], event["id"]) for event in stream.records()[2:]]
    return ids == sorted(ids) and len({time for time, _ in ids}) == 1


OUTCOMES: dict[str, Callable[[Stream], object]] = {
    "end": lambda stream: stream.end,
    "status": lambda stream: stream.status,
    "code": lambda stream: json.loads(stream.body)["error"]["code"],
    "message": lambda stream: json.loads(stream.body)["error"]["message"],
    "body": lambda stream: stream.body.decode(),
    "torn": lambda stream: len(stream.chunks[-1].removesuffix(b"\n\n")),
    "run": lambda stream: stream.run["status"],
    "messages": lambda stream: stream.messages,
    "count": lambda stream: (
        _count(stream) if _count(stream) == len(stream.messages) else stream.messages
    ),
    "by_id": _are_by_id,
}
"""The values that ``see`` names, and how each is read."""


def test_every_connect_counts_as_one_request_and_open_streams_go_on(tmp_path: Path) -> None:
    with serving("slow", tmp_path, limits=True) as (emulator, clock, run_id):
        streams = [Stream(emulator, clock, run_id).settle() for _ in range(3)]
        refused = Stream(emulator, clock, run_id, "Last-Event-ID: 42").settle()
        api = Api(emulator)
        assert [api.run(run_id).status_code for _ in range(56)] == [200] * 55 + [429]
        assert (refused.status, Stream(emulator, clock, run_id).settle().status) == (400, 429)
        clock.sleep(40)
        assert [stream.settle().messages[-1] for stream in streams] == ["Synchronized agent/x"] * 3
        for stream in (*streams, refused):
            stream.close()
