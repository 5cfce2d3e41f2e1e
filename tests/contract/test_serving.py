"""The emulator as a process: what it prints, how it stops, what it says about bad files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

COMMAND = "import os, sys; from mogplex_ci.commands.emulator import main; sys.exit(main(sys.argv[1:], os.environ))"


def run_emulator(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_comes(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "requests.ndjson"
    with run_emulator("--port", "0", "--scenario", "success", "--log-requests", str(log)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("mogplex emulator on http://127.0.0.1:")
        url = first.split()[-1]
        token = process.stdout.readline().split()[1]
        answer = requests.get(f"{url}/api/v1/mogplex/repos", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert [repo["full_name"] for repo in answer.json()["data"]["repos"]] == ["acme/api", "acme/mono", "acme/web"]
        os.kill(process.pid, number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    assert "repo: acme/web" in output
    assert "/api/v1/mogplex/repos" in log.read_text()
    assert token not in log.read_text()


def test_names_file_line_and_field_of_a_bad_scenario(tmp_path: Path) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text("steps:\n  - status: streaming\n  - after: soon\n    event: log\n")
    with run_emulator("--port", "0", "--scenario", str(scenario)) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert output == ""
    assert f"{scenario}:3: steps[1].after:" in errors
    assert "not a duration" in errors
    assert "Traceback" not in errors
