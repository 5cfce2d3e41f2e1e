"""Every CI system: a whole process in its environment, and all that it prints and writes, as golden texts."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.ci_environments import ENVIRONMENTS, environment
from tests.e2e.golden import check_golden, normalized
from tests.program import run_program

SCENARIOS = Path(__file__).parent / "scenarios"
AT_ONCE = 1e9
"""Speed at which a run has ended before the first poll: every run then looks the same."""
AGENT = f"""#!{sys.executable}
import os, pathlib, sys
log = pathlib.Path(os.environ["AGENT_LOG"])
with log.open("a") as file:
    print("$ buildkite-agent", *sys.argv[1:], file=file)
    print(sys.stdin.read(), file=file)
"""
"""Notes how it is called; it stands for Buildkite's own."""


class Job:
    """One job of a CI system: a folder with its workspace and what else the system brings."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        for part in ("workspace", "agent-temp", "bin"):
            (folder / part).mkdir()
        agent = folder / "bin" / "buildkite-agent"
        agent.write_text(AGENT, encoding="utf-8")
        agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
        self._ours = set(self._files())
        self._env = environment(name, folder) | {
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "AGENT_LOG": str(folder / "agent-log"),
            "MOGPLEX_PROMPT": "Fix the login form",
        }

    def run(self, scenario: str, **variables: str) -> str:
        """Run the program to its end; return its exit code, its log and every file that it wrote."""
        with Emulator(SCENARIOS / f"{scenario}.yaml", speed=AT_ONCE) as emulator:
            env = self._env | {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token} | variables
            ended = run_program(env=env, cwd=self.folder / "workspace")
        assert ended.err == ""
        parts = [f"exit code {ended.code}\n", f"======== log\n{ended.out}"]
        for path in sorted(set(self._files()) - self._ours):
            parts.append(f"======== {path.relative_to(self.folder)}\n{path.read_text(encoding='utf-8')}")
        return normalized("".join(parts), known=[(str(self.folder), "<folder>")])

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_a_run_that_opens_a_pull_request(name: str, tmp_path: Path) -> None:
    check_golden(f"{name}/pull-request.txt", Job(name, tmp_path).run("pull-request"))


@pytest.mark.parametrize("name", ["azure", "buildkite", "github", "gitlab", "teamcity"])
def test_a_run_that_fails_with_every_report(name: str, tmp_path: Path) -> None:
    reports = {"MOGPLEX_CODE_QUALITY_FILE": "code-quality.json", "MOGPLEX_JUNIT_FILE": "junit.xml"}
    check_golden(f"{name}/failure.txt", Job(name, tmp_path).run("failure", **reports))


def test_where_nothing_names_the_job_an_explicit_key_does(tmp_path: Path) -> None:
    log = Job("plain", tmp_path).run("pull-request", MOGPLEX_IDEMPOTENCY_KEY="nightly-2026-11-24")
    assert "under the key nightly-2026-11-24" in log
    assert "WARNING" not in log
