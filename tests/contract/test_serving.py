"""The emulator as a process: what it prints, how it stops, what it says about bad files."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import requests

from tests.program import run_program, start_program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_comes(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "requests.ndjson"
    arguments = ("emulator", "--port", "0", "--scenario", "success", "--log-requests", str(log))
    with start_program(*arguments, env={}, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        assert first.startswith("mogplex emulator on http://127.0.0.1:")
        url = first.split()[-1]
        token = process.stdout.readline().split()[1]
        answer = requests.get(f"{url}/api/v1/mogplex/repos", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        os.kill(process.pid, number)
        rest, errors = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0
    assert errors == ""
    names = [repo["full_name"] for repo in answer.json()["data"]["repos"]]
    assert names == ["acme/api", "acme/mono", "acme/web"]
    assert [line.split()[1] for line in rest.splitlines()] == ["acme/web", "acme/api", "acme/mono"]
    assert "/api/v1/mogplex/repos" in log.read_text()
    assert token not in log.read_text()


def test_names_file_line_and_field_of_a_bad_scenario(tmp_path: Path) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text("steps:\n  - status: streaming\n  - after: soon\n    event: log\n")
    ended = run_program("emulator", "--port", "0", "--scenario", str(scenario), env={}, cwd=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert f"{scenario}:3: steps[1].after:" in ended.err
    assert "not a duration" in ended.err
    assert "Traceback" not in ended.err
