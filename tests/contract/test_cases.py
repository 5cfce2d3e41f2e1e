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
        method, path = self._fill(call.get("send", "POST /runs")).split(" ", 1)
        response = self._request(method, path, call)
        body = response.read().decode()
        expected = self._fill(
            call["expect"] if isinstance(call["expect"], dict) else {"status": call["expect"]}
        )
        assert response.status == expected["status"], body[:500]
        for name, value in expected.get("headers", {}).items():
            check(response.getheader(name), value, name)
        if "body" in expected:
            check(body, expected["body"], "body")
        if "code" in expected or "message" in expected:
            envelope = json.loads(body)
            assert envelope["ok"] is False
            check(
                envelope["error"],
                {name: expected[name] for name in ("code", "message") if name in expected},
                "error",
            )
        elif response.status < 300 and body:
            self._check_data(json.loads(body), expected, call)

    def _check_data(
        self, envelope: dict[str, Any], expected: dict[str, Any], call: dict[str, Any]
    ) -> None:
        assert envelope["ok"] is True
        data = envelope["data"]
        check(data, expected.get("data", {}), "data")
        assert list(data) == expected.get("keys", list(data))
        for name, count in expected.get("count", {}).items():
            assert len(data[name]) == count
        events = data.get("events", [])
        assert [event["type"] for event in events] == expected.get(
            "types", [event["type"] for event in events]
        )
        messages = [event["message"] for event in events]
        assert messages == expected.get("messages", messages)
        assert "last" not in expected or messages[-1] == expected["last"]
        for position, event in expected.get("event", {}).items():
            check(events[position], event, f"event {position}")
        if "runId" in data:
            self.memory["run"] = data["runId"]
        if "save" in call:
            self.memory[call["save"]] = data.get("run", data)[call["save"]]

    def _request(self, method: str, path: str, call: dict[str, Any]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(
            self.emulator.url.removeprefix("http://"), timeout=LONG
        )
        connection.putrequest(method, f"/api/v1/mogplex{path}", skip_accept_encoding=True)
        token = f"Bearer mog_{call.get('token', 'ada').ljust(32, '0')}"
        authorization = self._fill(call.get("authorization", token))
        data = self._body(call)
        headers = [
            ("Authorization", authorization),
            (
                "Content-Type",
                call.get("content_type", "application/json") if data is not None else None,
            ),
            ("Content-Length", str(len(data)) if data is not None else None),
        ]
        if method == "POST" and path == "/runs":
            keys = self._fill(call.get("key", "k"))
            headers += [
                ("Idempotency-Key", key) for key in (keys if isinstance(keys, list) else [keys])
            ]
        for name, value in headers:
            if value is not None:
                connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(data)
        return connection.getresponse()

    def _body(self, call: dict[str, Any]) -> bytes | None:
        if "raw" in call:
            return str(call["raw"]).encode()
        if "start" not in call:
            return None
        fields = {"repoId": WEB, "prompt": "Fix it", **self._fill(call["start"])}
        if not call.get("keep_null"):
            fields = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(fields).encode()

    def _fill(self, value: Any) -> Any:
        """Expand ``{name}`` of remembered values and ``{repeat: text, times: n}``."""
        if isinstance(value, str):
            whole = _NAME.fullmatch(value)
            if whole and whole[1] in self.memory:
                return self._fill(self._remembered(whole))
            return _NAME.sub(lambda match: str(self._fill(self._remembered(match))), value)
        if isinstance(value, dict) and "repeat" in value:
            return (
                value.get("before", "") + value["repeat"] * value["times"] + value.get("after", "")
            )
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        return [self._fill(item) for item in value] if isinstance(value, list) else value

    def _remembered(self, match: re.Match[str]) -> Any:
        """The value of ``{name}`` or ``{name[index]}``; other text in braces stays as it is."""
        if match[1] not in self.memory:
            return match[0]
        remembered: Any = self.memory[match[1]]
        return remembered[int(match[2])] if match[2] else remembered
