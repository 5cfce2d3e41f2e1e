"""Faults on demand: which answer is spoiled, how, and whether the work was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tests.contract.api import Api, FakeClock
from tests.emulator import DocumentError, Emulator
from tests.emulator.clock import Clock
from tests.emulator.faults import Fault, FaultPlan, control
from tests.waits import LONG

ROUTES = ("repos", "start", "run", "events", "cancel")
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def call(api: Api, route: str, run_id: str) -> requests.Response:
    if route in ("repos", "start"):
        return {"repos": api.repos, "start": api.start}[route]()
    return {"run": api.run, "events": api.events, "cancel": api.cancel}[route](run_id)


@pytest.mark.parametrize("route", ROUTES)
def test_spoils_exactly_the_answers_that_were_asked_for(route: str) -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        run_id = api.start().json()["data"]["runId"]
        good = 202 if route == "start" else 200
        emulator.inject(
            route, status=502, skip=2, times=3, headers={"Retry-After": "7"}, body="bad gateway"
        )
        answers = [call(api, route, run_id) for _ in range(7)]
        others = [call(api, other, run_id).status_code for other in ROUTES if other != route]
    assert [answer.status_code for answer in answers] == [good, good, 502, 502, 502, good, good]
    assert answers[2].headers["Retry-After"] == "7"
    assert answers[2].text == "bad gateway"
    assert set(others) <= {200, 202}


SEVERAL = [("repos", {"status": 500, "times": 2}), ("repos", {"status": 429, "times": 3})]


@pytest.mark.parametrize(
    ("faults", "pauses", "codes"),
    [
        (SEVERAL, [0] * 4, [500, 500, 429, 200]),
        ([("any", {"status": 503, "skip": 1, "times": "always"})], [0, 1, 9], [200, 503, 503]),
        (
            [("repos", {"status": 401, "skip": 1, "lasts": "6s"})],
            [0, 100, 5, 2, 100],
            [200, 401, 401, 200, 200],
        ),
    ],
    ids=["the first of several strikes, and all count", "any", "for a time"],
)
def test_which_requests_a_fault_strikes(
    faults: list[tuple[str, dict[str, Any]]], pauses: list[float], codes: list[int]
) -> None:
    clock = FakeClock()
    with Emulator(clock=clock) as emulator:
        api, found = Api(emulator), []
        for route, fault in faults:
            emulator.inject(route, **fault)
        for pause in pauses:
            clock.seconds += pause
            found.append(api.repos().status_code)
        emulator.clear_faults()
        assert [*found, api.repos().status_code] == [*codes, 200]


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"drop": True}, {"garbage": True}, {"cut": 10}], ids=str
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_work_is_done_only_when_the_fault_comes_after_it(
    fault: dict[str, Any], when: str
) -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        emulator.inject("start", when=when, **fault)
        try:
            spoiled = api.start()
        except BROKEN:
            pass
        else:
            assert spoiled.status_code == fault.get("status", 200 if when == "before" else 202)
            assert not spoiled.text.startswith('{"ok":true')
        assert len(emulator.runs) == (1 if when == "after" else 0)
        assert api.start().json()["data"]["replayed"] is (when == "after")
        assert len(emulator.runs) == 1


def test_the_log_tells_dropped_requests_from_answered_ones() -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        emulator.inject("start", drop=True)
        with pytest.raises(requests.ConnectionError):
            api.start()
        api.start()
        dropped, answered = emulator.requests
    assert (dropped.route, dropped.status, answered.status) == ("start", None, 202)
    assert dropped.body == {"repoId": api.repo_id, "prompt": "Fix it"}
    assert dropped.headers["Idempotency-Key"] == "key"
    assert "Authorization" not in dropped.headers


def test_faults_are_armed_listed_and_cleared_over_http() -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        control = f"{emulator.url}/_emulator/faults"
        armed = requests.post(
            control,
            json=[{"route": "run", "status": 500}, {"route": "repos", "status": 503}],
            timeout=LONG,
        )
        assert armed.status_code == 201
        assert api.repos().status_code == 503
        listed = requests.get(control, timeout=LONG).json()["faults"]
        assert [(fault["route"], fault["seen"]) for fault in listed] == [("run", 0), ("repos", 1)]
        assert requests.delete(control, timeout=LONG).json() == {"faults": []}
        assert requests.put(control, timeout=LONG).status_code == 405
        assert [request.path for request in emulator.requests] == ["/api/v1/mogplex/repos"]


def test_a_wrong_fault_is_explained_and_not_armed() -> None:
    with Emulator() as emulator:
        control = f"{emulator.url}/_emulator/faults"
        wrong = requests.post(control, json={"route": "runs", "status": 500}, timeout=LONG)
        assert wrong.status_code == 400
        assert "route" in wrong.json()["error"]
        assert "repos, start, run, events, stream, resume, cancel, " in wrong.json()["error"]
        assert requests.post(control, data="nonsense", timeout=LONG).status_code == 400
        for endless in ("NaN", "Infinity", "1e400"):
            fault = f'{{"route": "run", "delay": {endless}}}'
            refused = requests.post(control, data=fault, timeout=LONG)
            assert refused.status_code == 400
            assert "delay: " in refused.json()["error"]
            assert "not a duration" in refused.json()["error"]
        with pytest.raises(DocumentError, match="times"):
            emulator.inject("run", status=500, times=0)
        assert requests.get(control, timeout=LONG).json() == {"faults": []}


def test_faults_can_be_armed_from_this_machine_only() -> None:
    plan = FaultPlan(Clock())
    environ = EnvironBuilder(method="POST", json={"route": "run", "status": 500}).get_environ()
    environ["REMOTE_ADDR"] = "192.0.2.7"
    assert control(Request(environ), plan).status == 403
    assert plan.describe() == []


PAGES = {
    "another origin": {"Origin": "https://evil.example"},
    "no origin at all": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a name that was made to point here": {"Host": "evil.example"},
    "the same name as its own origin": {"Host": "evil.example", "Origin": "http://evil.example"},
}


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_page_in_a_browser_can_arm_or_see_faults(headers: dict[str, str], method: str) -> None:
    with Emulator() as emulator:
        emulator.inject("run", status=500)
        control = f"{emulator.url}/_emulator/faults"
        refused = requests.request(
            method, control, headers=headers, json={"route": "any", "drop": True}, timeout=LONG
        )
        assert refused.status_code == 403
        assert list(refused.json()) == ["error"]
        assert len(requests.get(control, timeout=LONG).json()["faults"]) == 1
        assert (
            requests.post(
                control, headers={"Origin": emulator.url}, json=[], timeout=LONG
            ).status_code
            == 201
        )


def test_bodies_are_bounded() -> None:
    with Emulator() as emulator:
        control = f"{emulator.url}/_emulator/faults"
        assert requests.post(control, data=b" " * (2 << 20), timeout=LONG).status_code == 413
        assert requests.post(control, data=b"[" * 100_000, timeout=LONG).status_code == 400
        fault = {"route": "run", "status": 500}
        assert (
            requests.post(control, json=[fault] * 1001, timeout=LONG).json()["error"]
            == "more than 1000 faults"
        )
        api = Api(emulator)
        with pytest.raises(requests.ConnectionError):
            api.session.post(
                f"{api.base}/runs", data=(b"x" * (1 << 20) for _ in range(200)), timeout=LONG
            )
        assert api.repos().status_code == 200


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"status": 500}, Fault("run", when="before", status=500)),
        ({"drop": True}, Fault("run", when="before", drop=True)),
        ({"garbage": True}, Fault("run", when="before", garbage=True)),
        ({"cut": 3}, Fault("run", when="after", cut=3)),
        ({"cut": 0, "when": "before"}, Fault("run", when="before", cut=0)),
        ({"close": True}, Fault("run", when="after", close=0.0)),
        (
            {"close": "2s", "delay": "1m", "lasts": 3, "interim": [102, 103]},
            Fault("run", when="after", close=2.0, delay=60.0, lasts=3.0, interim=(102, 103)),
        ),
    ],
    ids=str,
)
def test_what_a_fault_that_says_little_does(fields: dict[str, Any], fault: Fault) -> None:
    assert Fault.parse({"route": "run", **fields}) == fault


def test_a_scenario_picked_by_a_prompt_spoils_calls_about_its_runs_only(tmp_path: Path) -> None:
    scenario = tmp_path / "shaky.yaml"
    scenario.write_text("faults: [{route: run, status: 502}]\nsteps: []\n")
    with Emulator(others=[scenario]) as emulator:
        api = Api(emulator)
        runs = [
            api.start(prompt, key=prompt).json()["data"]["runId"]
            for prompt in ("scenario: shaky", "plain", "scenario: shaky, again")
        ]
        codes = [[api.run(run_id).status_code for _ in range(2)] for run_id in runs]
    assert codes == [[502, 200], [200, 200], [502, 200]]
