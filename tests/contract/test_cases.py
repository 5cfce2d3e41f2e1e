"""The contract as a table: every case in ``cases/`` is played against the emulator over real HTTP.

A case is a list of calls to one emulator. It holds for both generations of the service unless
``api`` names one; of the values in ``each``, which are those of ``{each}``, also for ``scenario``,
every other one is asked of one generation, the rest of the other. ``send`` or ``start`` says what
is asked, ``expect`` what must come back: a status, or a mapping with the status, the error's
``code`` and ``message``, ``headers``, and ``data``, of which the named fields must match. A text
that starts with ``~`` is a regular expression. ``at`` sets the clock, in seconds; ``save`` keeps a
field of the run for later calls.
"""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.api import FakeClock, check
from tests.emulator import Emulator
from tests.waits import LONG

HERE = Path(__file__).parent
WORLD = HERE / "world.yaml"
WEB = "10000000-0000-4000-8000-00000000000a"
APIS = ("2026-11", "2026-08")
_NAME = re.compile(r"\{([a-zA-Z]+)(?:\[(\d)\])?\}")


def _cases() -> list[Any]:
    found = []
    for path in sorted((HERE / "cases").glob("*.yaml")):
        # The loader written in C: each test worker reads all cases before it begins.
        for case in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            for index, each in enumerate(case.get("each", [None])):
                suffix = f" [{index}]" if "each" in case else ""
                # A value of a list is asked of one generation, the next of the other.
                both = APIS if "each" not in case else (APIS[index % 2],)
                for api in (case["api"],) if "api" in case else both:
                    name = f"{api} {path.stem}: {case['case']}{suffix}"
                    found.append(pytest.param(case, each, api, id=name))
    return found


@pytest.mark.parametrize(("case", "each", "api"), _cases())
def test_case(case: dict[str, Any], each: object, api: str, tmp_path: Path) -> None:
    scenario: Any = case.get("scenario", "documented")
    if scenario == "{each}":
        scenario = each
    if isinstance(scenario, dict):
        file = tmp_path / "scenario.yaml"
        file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
        scenario = file
    clock = FakeClock()
    options = {"limits": case.get("limits", False), "speed": case.get("speed", 1.0)}
    with Emulator(scenario, world=WORLD, api=api, clock=clock, **options) as emulator:
        player = Player(emulator, each)
        for call in case["calls"]:
            clock.seconds = call.get("at", clock.seconds)
            for _ in range(call.get("repeat", 1)):
                player.play(call)


class Player:
    """Sends calls, checks answers, and remembers what later calls refer to."""

    def __init__(self, emulator: Emulator, each: object) -> None:
        self.emulator = emulator
        self.memory: dict[str, object] = {"each": each}

    def play(self, call: dict[str, Any]) -> None:
        response = self._request(call)
        body = response.read().decode()
        expected = self._fill(call["expect"])
        if not isinstance(expected, dict):
            expected = {"status": expected}
        assert response.status == expected["status"], body[:500]
        for name, value in expected.get("headers", {}).items():
            check(response.getheader(name), value, name)
        if response.status == 404 and "code" not in expected:
            return
        envelope = json.loads(body)
        assert envelope["ok"] is (response.status < 300)
        if envelope["ok"]:
            self._check_data(envelope["data"], expected)
            run = envelope["data"].get("run", envelope["data"])
            self.memory |= {name: run[name] for name in [call.get("save")] if name}
        wanted = {name: expected[name] for name in ("code", "message") if name in expected}
        check(envelope.get("error", {}), wanted, "error")

    def _check_data(self, data: dict[str, Any], expected: dict[str, Any]) -> None:
        check(data, expected.get("data", {}), "data")
        events = data.get("events", [])
        messages = [event["message"] for event in events]
        seen = {
            "keys": list(data),
            "types": [event["type"] for event in events],
            "messages": messages,
            "last": messages[-1] if messages else None,
            "count": {name: len(data[name]) for name in expected.get("count", {})},
        }
        check(seen, {name: expected[name] for name in seen if name in expected}, "seen")
        for position, event in expected.get("event", {}).items():
            check(events[position], event, f"event {position}")
        self.memory["run"] = data.get("runId", self.memory.get("run"))

    def _request(self, call: dict[str, Any]) -> http.client.HTTPResponse:
        method, path = self._fill(call.get("send", "POST /runs")).split(" ", 1)
        address = self.emulator.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=LONG)
        token = f"Bearer mog_{call.get('token', 'ada').ljust(32, '0')}"
        headers = {
            "Authorization": self._fill(call.get("authorization", token)),
            "Idempotency-Key": self._fill(call.get("key", "k")) if path == "/runs" else None,
        }
        given = {name: value for name, value in headers.items() if value is not None}
        connection.request(method, f"/api/v1/mogplex{path}", self._body(call), given)
        return connection.getresponse()

    def _body(self, call: dict[str, Any]) -> str | None:
        if "start" not in call:
            return call.get("raw")
        fields = {"repoId": WEB, "prompt": "Fix it", **self._fill(call["start"])}
        missing = [] if call.get("keep_null") else [None]
        return json.dumps({name: fields[name] for name in fields if fields[name] not in missing})

    def _fill(self, value: Any) -> Any:
        """Expand ``{name}`` of remembered values and ``{repeat: text, times: n}``."""
        if isinstance(value, str):
            whole = _NAME.fullmatch(value)
            if whole and whole[1] in self.memory:
                return self._fill(self._remembered(whole))
            return _NAME.sub(lambda match: str(self._fill(self._remembered(match))), value)
        if isinstance(value, dict) and "repeat" in value:
            text = value["repeat"] * value["times"]
            return f"{value.get('before', '')}{text}{value.get('after', '')}"
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        return [self._fill(item) for item in value] if isinstance(value, list) else value

    def _remembered(self, match: re.Match[str]) -> Any:
        """The value of ``{name}`` or ``{name[index]}``; other text in braces stays as it is."""
        if match[1] not in self.memory:
            return match[0]
        remembered: Any = self.memory[match[1]]
        return remembered[int(match[2])] if match[2] else remembered
