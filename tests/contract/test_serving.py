"""The emulator as a process: what it prints, how it stops, what it says about bad files."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import requests

from mogplex_ci.emulator import Emulator
from tests.program import run_program, start_program
from tests.waits import LONG


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_comes(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "requests.ndjson"
    blank = [word for flag in ("--scenario", "--speed", "--host", "--api", "--world") for word in (flag, "")]
    arguments = ("emulator", "--port", "0", *blank, "--log-requests", str(log))
    with start_program(*arguments, env={}, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first.startswith("mogplex emulator on http://127.0.0.1:")
        url = first.split()[-1]
        token = process.stdout.readline().split()[1]
        answer = requests.get(f"{url}/api/v1/mogplex/repos", headers={"Authorization": f"Bearer {token}"}, timeout=LONG)
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
    "speed": (["--speed", "fast"], '--speed: "fast" is not a positive number. Use one such as 10 or 0.5.'),
    "scenario": (["--scenario", "other"], "other: no such scenario: use a file or one of asks-twice,"),
    "world": (["--world", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
    "log": (["--port", "0", "--log-requests", "no/such/folder"], "no/such/folder: No such file or directory"),
    "host": (["--host", "192.0.2.1"], "cannot serve on 192.0.2.1 port 8787: Cannot assign requested address"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_says_what_is_wrong_with_an_option(options: list[str], message: str, tmp_path: Path) -> None:
    ended = run_program("emulator", *options, env={}, cwd=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_warns_when_other_machines_can_reach_it(tmp_path: Path) -> None:
    with start_program("emulator", "--port", "0", "--host", "0.0.0.0", env={}, cwd=tmp_path) as process:  # noqa: S104 - warned of
        assert process.stderr is not None
        assert "warning: other machines can reach http://0.0.0.0:" in process.stderr.readline()
        process.terminate()
    assert process.returncode == 0


def test_is_its_own_proxy_for_clients_that_cannot_reach_it_on_loopback() -> None:
    """A container beside a service container asks for a loopback URL and names the emulator as HTTP proxy."""
    with Emulator() as emulator:
        answer = requests.get(
            "http://127.0.0.1:9/api/v1/mogplex/repos",
            headers={"Authorization": f"Bearer {emulator.token}"},
            proxies={"http": emulator.url},
            timeout=LONG,
        )
    assert len(answer.json()["data"]["repos"]) == 3
