"""Windows and macOS, as far as Linux can show it: their consoles' encodings, and the calls that
they do not have.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import ROOT, GitHubStep
from tests.slow import mostly_slow
from tests.waits import LONG

# What Windows has not, of all that the program or a library it uses may look for.
LIKE_WINDOWS = """
import os, runpy, signal, sys

for name in ("O_PATH", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fchmod", "getuid", "fork", "execvp"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGQUIT"):
    delattr(signal, name)
for name in ("SIGUSR1", "SIGALRM", "SIGPIPE", "siginterrupt", "pthread_sigmask", "alarm"):
    delattr(signal, name)
os.supports_dir_fd = set()
for name in ("fcntl", "termios", "pwd", "grp", "resource", "readline"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
sys.argv[1:2] = []
runpy.run_module("mogplex_ci", run_name="__main__")
"""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    """A step whose run has already ended."""
    inputs = {"prompt": "Fix it … 🚀", "dry-run": "./run.ndjson", "output-dir": "out"}
    step = GitHubStep(tmp_path, inputs)
    (step.workspace / "run.ndjson").write_text('{"runId": "run-1", "status": "success"}\n')
    return step


@pytest.mark.parametrize("encoding", mostly_slow(["cp1252", "ascii"], every=2))
def test_the_log_is_utf_8_whatever_the_console_s_encoding(encoding: str, step: GitHubStep) -> None:
    step.env |= {"PYTHONIOENCODING": encoding}
    ended = step.run()
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert "✓" in ended.out or "…" in ended.out
    assert "\r" not in ended.out


def test_a_step_works_without_the_calls_that_windows_lacks(step: GitHubStep) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIKE_WINDOWS, str(ROOT), "action"],
        env={"PATH": "/usr/bin:/bin"} | step.environment,
        cwd=step.workspace,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Could not" not in done.stdout
    assert step.outputs["result"] == "success"
    names = {path.name for path in (step.workspace / "out").iterdir() if path.stat().st_size}
    assert names == {"diagnostics.jsonl", "events.ndjson", "report.html", "result.json"}
