"""`mogplex sandboxes list` and `logs`: where runs work, and why one could not be set up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator

WHY = "ERR_PNPM_FETCH_404  GET https://registry.npmjs.org/left-padd: Not Found - 404"
LEAKY = """\
install_log: |
{lines}
steps:
  - {{after: 1s, status: failed, error: Install failed}}
"""


def failed_run(terminal: Terminal, emulator: Emulator) -> None:
    """Let a run fail before its agent starts."""
    start = ["--repo", "acme/web", "--create-branch", "Fix it", "--idempotency-key", "key"]
    terminal.against(emulator).mogplex("run", *start)
    (run,) = emulator.runs
    followed = terminal.mogplex("runs", "events", run.id, "--follow")
    assert "failed" in followed.out


def record(terminal: Terminal) -> str:
    """Return the id of the only sandbox, which its command lists."""
    listed = terminal.mogplex("sandboxes", "list", "--json")
    return str(json.loads(listed.out)["id"])


def test_the_log_says_why_the_set_up_failed(terminal: Terminal) -> None:
    with Emulator("install-failure", speed=50) as emulator:
        failed_run(terminal, emulator)
        sandbox_id = record(terminal)
        listed = terminal.mogplex("sandboxes", "list", "--repo", "acme/web")
        logs = terminal.mogplex("sandboxes", "logs", sandbox_id)
    assert listed.out.startswith(f"{sandbox_id}  error  mogplex/external/")
    assert listed.out.endswith("  Install failed (pnpm install)\n")
    assert (logs.code, logs.err) == (0, "")
    first, *lines, last = logs.out.splitlines()
    assert (first, last) == ("install log:", "log of the development server: empty")
    assert any(line.endswith(WHY) for line in lines)


def test_a_log_is_cut_and_cleaned(terminal: Terminal, tmp_path: Path) -> None:
    """The service does neither: the log was made with the repository's own variables."""
    secret = "npm_" + "aB3" * 12
    lines = [*(f"line {number}" for number in range(1, 100)), f"::error::{secret}"]
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(LEAKY.format(lines="\n".join(f"  {line}" for line in lines)))
    with Emulator(scenario, speed=50) as emulator:
        failed_run(terminal, emulator)
        sandbox_id = record(terminal)
        cut = terminal.mogplex("sandboxes", "logs", sandbox_id).out.splitlines()
        full = terminal.mogplex("sandboxes", "logs", sandbox_id, "--full").out.splitlines()
    assert cut[0] == "install log, the last 50 lines of 100:"
    assert cut[1].endswith("line 51")
    assert len(cut) == 1 + 50 + 1
    assert full[0] == "install log:"
    assert full[1].endswith("line 1")
    assert len(full) == 1 + 100 + 1
    for shown in (cut, full):
        assert secret not in "\n".join(shown)
        assert not any(line.startswith("::") for line in shown)


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["list", "--repo", "acme/unknown"], 2, "acme/unknown"),
        (["logs", "x"], 2, 'ID: "x" is not the id of a sandbox.'),
        (["logs", "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"], 1, "NOT_FOUND"),
        (["logs"], 2, "ID"),
        ([], 2, "needs a subcommand"),
    ],
)
def test_what_cannot_be_shown(terminal: Terminal, argv: list[str], code: int, says: str) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("sandboxes", *argv)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err


def test_nothing_is_listed_before_the_first_run(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("sandboxes", "list")
    assert (ended.code, ended.out, ended.err) == (0, "", "warning: nothing found\n")


@pytest.mark.parametrize(("count", "is_cut"), [(199, False), (200, True)])
def test_a_list_that_is_cut_says_so(terminal: Terminal, count: int, *, is_cut: bool) -> None:
    rows = [{"id": f"s-{number}", "status": "paused"} for number in range(count)]
    with Emulator("success") as emulator:
        emulator.inject("sandboxes", status=200, body={"ok": True, "data": {"sandboxes": rows}})
        ended = terminal.against(emulator).mogplex("sandboxes", "list")
    assert (ended.code, ended.out.count("\n")) == (0, count)
    warning = "warning: only the first 200 are listed; narrow them with --repo\n"
    assert ended.err == (warning if is_cut else "")
