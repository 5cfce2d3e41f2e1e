"""The emulator as a server, and as a process: what it prints, how it stops, and many clients at
once.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.contract.api import Api, FakeClock
from tests.emulator import Emulator
from tests.emulator.service import MOST_RUNS
from tests.program import run_program, start_program
from tests.waits import LONG, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_comes(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "requests.ndjson"
    blank = [
        word
        for flag in ("--scenario", "--speed", "--host", "--api", "--world")
        for word in (flag, "")
    ]
    arguments = ("emulator", "--port", "0", *blank, "--log-requests", str(log))
    with start_program(*arguments, env={}, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first.startswith("mogplex emulator on http://127.0.0.1:")
        url = first.split()[-1]
        token = process.stdout.readline().split()[1]
        answer = requests.get(
            f"{url}/api/v1/mogplex/repos",
            headers={"Authorization": f"Bearer {token}"},
            timeout=LONG,
        )
        os.kill(process.pid, number)
        rest, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0
    assert errors == ""
    names = [repo["full_name"] for repo in answer.json()["data"]["repos"]]
    assert names == ["acme/api", "acme/mono", "acme/web"]
    assert [line.split()[1] for line in rest.splitlines()] == ["acme/web", "acme/api", "acme/mono"]
    assert "/api/v1/mogplex/repos" in log.read_text()
    assert token not in log.read_text()


BAD_OPTIONS = {
    "port": (["--port", "70000"], '--port: "70000" is not a whole number from 0 to 65535'),
    "speed": (
        ["--speed", "fast"],
        '--speed: "fast" is not a positive number. Use one such as 10 or 0.5.',
    ),
    "scenario": (
        ["--scenario", "other"],
        "other: no such scenario: use a file or one of asks-twice,",
    ),
    "world": (
        ["--world", "nowhere.yaml"],
        "nowhere.yaml: cannot be read: No such file or directory",
    ),
    "log": (
        ["--port", "0", "--log-requests", "no/such/folder"],
        "no/such/folder: No such file or directory",
    ),
    "host": (
        ["--host", "192.0.2.1"],
        "cannot serve on 192.0.2.1 port 8787: Cannot assign requested address",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_says_what_is_wrong_with_an_option(
    options: list[str], message: str, tmp_path: Path
) -> None:
    ended = run_program("emulator", *options, env={}, cwd=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert message in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("value", ["!!bool abc", '!!int ""', "!!timestamp x", '"\\uD800"', ".nan"])
def test_a_value_that_is_none_is_a_mistake_of_the_file(value: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"steps:\n  - event: log\n    after: {value}\n")
    ended = run_program("emulator", "--port=0", "--scenario=mine.yaml", env={}, cwd=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("error: mine.yaml:3: ")


def test_lets_time_pass_faster_and_lifts_limits_where_asked_to(tmp_path: Path) -> None:
    options = ("--port", "0", "--scenario", "slow", "--speed", "2000", "--no-limits")
    with start_program("emulator", *options, env={}, cwd=tmp_path) as process:
        assert process.stdout is not None
        url, token, repo = (process.stdout.readline().split()[-1] for _ in range(3))
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        runs = f"{url}/api/v1/mogplex/runs"
        for number in range(31):  # one more than the service takes in an hour
            body = {"repoId": repo, "prompt": "Fix it"}
            started = session.post(
                runs, json=body, headers={"Idempotency-Key": str(number)}, timeout=LONG
            )
            assert started.ok, started.text
        run = f"{runs}/{started.json()['data']['runId']}"  # of half an hour
        wait_until(
            lambda: session.get(run, timeout=LONG).json()["data"]["run"]["status"] == "success"
        )
        process.terminate()


def test_warns_when_other_machines_can_reach_it(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - warned of
    command = ["emulator", "--port", "0", "--host", everywhere]
    with start_program(*command, env={}, cwd=tmp_path) as process:
        assert process.stderr is not None
        assert "warning: other machines can reach http://0.0.0.0:" in process.stderr.readline()
        process.terminate()
    assert process.returncode == 0


def test_is_its_own_proxy_for_clients_that_cannot_reach_it_on_loopback() -> None:
    """A container beside a service container asks for a loopback URL and names the emulator as HTTP
    proxy.
    """
    with Emulator() as emulator:
        answer = requests.get(
            "http://127.0.0.1:9/api/v1/mogplex/repos",
            headers={"Authorization": f"Bearer {emulator.token}"},
            proxies={"http": emulator.url},
            timeout=LONG,
        )
    assert len(answer.json()["data"]["repos"]) == 3


def test_simultaneous_starts_with_one_key_make_one_run() -> None:
    with Emulator() as emulator:
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda api: api.start().json()["data"], [Api(emulator) for _ in range(8)])
            )
        assert len(emulator.runs) == 1
    assert len({answer["runId"] for answer in answers}) == 1
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 7


@pytest.mark.slow
def test_ended_runs_are_forgotten_when_there_are_too_many() -> None:
    clock = FakeClock()
    with Emulator("launch-failure", limits=False, clock=clock) as emulator:
        api = Api(emulator)
        for number in range(MOST_RUNS + 1):
            clock.seconds += 5
            last = api.start(key=f"key {number}").json()["data"]
        assert len(emulator.runs) <= MOST_RUNS
        assert emulator.runs[-1].id == last["runId"]
        assert api.start(key="key 0").json()["data"]["replayed"] is False


def test_a_stopped_emulator_is_out_of_reach_even_on_open_connections() -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        assert api.repos().status_code == 200
    with pytest.raises(requests.ConnectionError):
        api.repos()


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_is_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Emulator(speed=speed)
