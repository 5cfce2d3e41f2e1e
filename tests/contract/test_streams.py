"""The event stream: a table of what it brings, and its bytes."""

from __future__ import annotations

import json
import re
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
        ids = call["id"] if isinstance(call["id"], list) else [call["id"]]
        return [f"Last-Event-ID: {each}" for each in ids]
    if "after" not in call:
        return []
    if not call["after"]:
        return ["Last-Event-ID:   "]
    known = [
        event
        for stream in streams.values()
        if stream.status == 200
        for event in stream.records()[1:]
    ]
    event_id = next(event["id"] for event in known if event["message"] == call["after"])
    spelled = {
        "upper": event_id.upper(),
        "bare": event_id.replace("-", ""),
        "spaced": f"  {event_id}\t",
    }
    return [f"Last-Event-ID: {spelled.get(call.get('spell', ''), event_id)}"]


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


WHOLE_STEPS = [
    {"after": 1, "part": "launch"},
    {"after": 1, "text": ["I will read it ", "first.\n"]},
    {"after": 1, "tool_started": "Command", "call": "exec-01"},
    {"after": 1, "tool_finished": "Command", "call": "exec-01", "state": "error"},
    {"after": 1, "part": "deliver"},
]
NAMES = {
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00": "<time>",
    r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT": "<date>",
    r"\bmogplex-emulator-[0-9a-f]{8}\b": "<sandbox>",
    r"\bcmd_[0-9a-f]{20}\b": "<command>",
    r"\brun_[0-9a-f]{21}\b": "<runtime>",
}


def test_the_bytes_of_a_whole_stream(tmp_path: Path) -> None:
    with serving({"steps": WHOLE_STEPS}, tmp_path) as (emulator, clock, run_id):
        clock.sleep(1.5)
        stream = Stream(emulator, clock, run_id).settle()
        for _ in range(9):
            clock.sleep(1.0)
            stream.settle()
        stream.close()
    assert stream.end == "closed"
    shown = f"{stream.head.decode()}\n\n".replace("\r\n", "\n") + stream.body.decode()
    for pattern, name in NAMES.items():
        shown = re.sub(pattern, name, shown)
    ids = dict.fromkeys(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", shown))
    for number, each in enumerate(ids, start=1):
        shown = shown.replace(each, f"<{number}>")
    assert shown == Path(__file__).with_name("whole_stream.txt").read_text(encoding="utf-8")
    assert stream.chunks == re.findall(rb".*?\n\n", stream.body, re.DOTALL)  # one record a chunk


def test_text_is_escaped_as_javascript_does_and_no_more(tmp_path: Path) -> None:
    odd = 'é 漢字 🚀 \u2028 \u2029 \x85 \ufeff \x7f \u202e / \x0b \x0c \b \t \r\n \x1b \\ " data: x\n\nid: 1'
    written = (
        "é 漢字 🚀 \u2028 \u2029 \x85 \ufeff \x7f \u202e "
        r"/ \u000b \f \b \t \r\n \u001b \\ \" data: x\n\nid: 1"
    )
    messages = [odd, None, "x" * 200_000]
    scenario = tmp_path / "scenario.yaml"
    steps = yaml.safe_dump({"steps": [{"event": "log", "message": each} for each in messages]})
    scenario.write_text(f'{steps}- {{event: log, message: "a\\ud83db"}}\n')
    with serving(scenario, tmp_path) as (emulator, clock, run_id):
        clock.sleep(1)
        stream = Stream(emulator, clock, run_id).settle()
        stream.close()
    assert f'"message":"{written}"'.encode() in stream.body
    assert b'"message":"a\\ud83db"' in stream.body, "half a character is escaped"
    assert stream.messages[1:] == [*messages, "a\ud83db"]


def test_every_connect_counts_as_one_request_and_open_streams_go_on(tmp_path: Path) -> None:
    with serving("slow", tmp_path, limits=True) as (emulator, clock, run_id):
        streams = [Stream(emulator, clock, run_id).settle() for _ in range(3)]
        refused = Stream(emulator, clock, run_id, "Last-Event-ID: 42").settle()
        api = Api(emulator)
        assert [api.run(run_id).status_code for _ in range(56)] == [200] * 55 + [429]
        assert (refused.status, Stream(emulator, clock, run_id).settle().status) == (500, 429)
        clock.sleep(40)
        assert [stream.settle().messages[-1] for stream in streams] == ["Synchronized agent/x"] * 3
        for stream in (*streams, refused):
            stream.close()


def test_stopping_ends_open_streams(tmp_path: Path) -> None:
    with serving("slow", tmp_path) as (emulator, clock, run_id):
        stream = Stream(emulator, clock, run_id).settle()
    assert stream.settle().end == "broken"
