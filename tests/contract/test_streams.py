"""The event stream: its bytes are those of recorded streams, and a table of what it brings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract import recorded
from tests.contract.api import Api, FakeClock
from tests.data import read_yaml
from tests.emulator import Emulator

CASES = read_yaml(__file__, "streams.yaml")
SILENCE = 0.3
"""Seconds after which a stream that says nothing is left."""
RECORD = rb"id: [0-9a-f-]{36}\nevent: [^\n]+\ndata: [^\n]*\n\n"
STREAM = re.compile(rb": connected\n\n(?:event: run\ndata: \{[^\n]*\}\n\n)?(?:%s)*" % RECORD)


class Connection:
    """What one connection brings until it ends, or says nothing for a while."""

    def __init__(self, api: Api, path: str, headers: dict[str, str]) -> None:
        self.body = b""
        self.end = "closed"
        self.response = api.session.get(
            api.base + path, headers=headers, stream=True, timeout=SILENCE
        )
        try:
            for piece in self.response.iter_content(None):
                self.body += piece
        except requests.ConnectionError:
            self.end = "open"
        except requests.exceptions.ChunkedEncodingError:
            self.end = "broken"

    @property
    def records(self) -> list[dict[str, Any]]:
        """The run, and then the events."""
        return [json.loads(data) for data in re.findall(rb"(?m)^data: (.*)\n\n", self.body)]

    @property
    def seen(self) -> dict[str, Any]:
        """All that the table can name."""
        if self.response.status_code != 200:
            code = json.loads(self.body)["error"]["code"]
            return {"status": self.response.status_code, "code": code}
        run, *events = self.records or [{"status": None}]
        messages = [event["message"] for event in events]
        return {
            "run": run["status"],
            "messages": messages,
            "count": len({event["id"] for event in events}),
            "end": self.end,
        }


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_stream_brings_what_the_services_brings(case: dict[str, Any], tmp_path: Path) -> None:
    scenario: Any = case["scenario"]
    if isinstance(scenario, dict):
        scenario = tmp_path / "scenario.yaml"
        scenario.write_text(json.dumps(case["scenario"]), encoding="utf-8")
    clock = FakeClock()
    with Emulator(scenario, limits=False, clock=clock) as emulator:
        api = Api(emulator)
        api.start()
        (run,) = emulator.runs
        for call in case["calls"]:
            clock.seconds = call.get("at", clock.seconds)
            known = {event["message"]: event["id"] for event in map(run.present, run.written())}
            last = known.get(call.get("after"), call.get("id"))
            path = f"/runs/{run.id}/events/stream{call.get('query', '')}"
            brought = Connection(api, path, {"Last-Event-ID": last} if last else {})
            assert {name: brought.seen[name] for name in call["see"]} == call["see"], call


def test_its_bytes_have_the_form_of_recorded_streams() -> None:
    clock = FakeClock()
    with Emulator("success", clock=clock) as emulator:
        api = Api(emulator)
        api.start()
        clock.seconds = 60.0
        ours = Connection(api, f"/runs/{emulator.runs[0].id}/events/stream", {}).body
    for body in (ours, *(path.read_bytes() for path in recorded.FEEDS.glob("*.sse"))):
        assert STREAM.fullmatch(body), body[:200]
    assert len(re.findall(RECORD, ours)) > 10
