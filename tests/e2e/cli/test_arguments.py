"""What may be typed, where a prompt may come from, and what wrong words are answered with."""

from __future__ import annotations

import pytest

from mogplex_ci.commands import COMMANDS
from mogplex_ci.emulator import Emulator
from tests.e2e.cli.terminal import Terminal

ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"


def test_every_argument_reaches_the_api(terminal: Terminal) -> None:
    arguments = ["--repo", "acme/mono", "--harness", "claude-code", "--base-branch", "dev", "--branch", "x"]
    with Emulator("slow") as emulator:
        ended = terminal.against(emulator).mogplex("run", *arguments, "--root", "apps/api", "--create-branch", "Fix it")
        (request,) = [request for request in emulator.requests if request.route == "start"]
    assert ended.code == 0, ended.err
    assert request.body == {
        "repoId": "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003",
        "prompt": "Fix it",
        "harness": "claude-code",
        "baseBranch": "dev",
        "workingBranch": "x",
        "createBranch": True,
        "rootDirectory": "apps/api",
    }
    assert ended.out.splitlines()[2:4] == ["harness claude-code", "branch  x (base dev, created)"]


def test_what_is_not_given_is_not_sent(terminal: Terminal) -> None:
    with Emulator("slow") as emulator:
        terminal.against(emulator).mogplex("run", "--repo", ID, "--branch", "", "--root", " ", "Fix it")
        (request,) = [request for request in emulator.requests if request.route == "start"]
    assert request.body == {"repoId": ID, "prompt": "Fix it"}


@pytest.mark.parametrize("arguments", [["-"], ["--prompt-file", "-"], ["--prompt-file", "task.md"]])
def test_a_prompt_from_standard_input_or_a_file(terminal: Terminal, arguments: list[str]) -> None:
    (terminal.folder / "task.md").write_text("\nFix the tests, with an ümlaut ✓\n")
    with Emulator("slow") as emulator:
        terminal.against(emulator)
        ended = terminal.mogplex("run", "--repo", "acme/web", *arguments, stdin="\nFix the tests, with an ümlaut ✓\n")
        assert ended.code == 0, ended.err
        assert [run.prompt for run in emulator.runs] == ["Fix the tests, with an ümlaut ✓"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ("run --repo acme/web", "error: run: a prompt is required (as argument, - for standard input, or --prompt-"),
        ("run --repo acme/web -", "error: run: a prompt is required"),
        ("run --repo acme/web x --prompt-file task.md", "error: run: a prompt is given twice"),
        ("run --repo acme/web --prompt-file missing.md", "error: run: --prompt-file: cannot be read"),
        ("run --repo acme/web --prompt-file latin.md", "error: run: --prompt-file: is not UTF-8 at byte 1"),
        ("run --repo acme/web Fix it", "error: run: 'it' is not expected here; quote what has blanks in it"),
        ("run --repo web Fix", "error: run: argument --repo: neither owner/name nor a repo id, got 'web'"),
        ("run --repo acme/web --harness gpt Fix", "error: run: argument --harness: invalid choice: 'gpt'"),
        ("run --repo acme/web --branch a..b Fix", "error: run: argument --branch: not a branch name, got 'a..b'"),
        ("run --repo acme/web --root ../x Fix", "error: run: argument --root: not a path inside the repository"),
        (
            "run --repo acme/web --create-brnch Fix",
            "error: run: --create-brnch: no such flag; did you mean --create-br",
        ),
        ("runs", "error: runs: the command is missing; allowed: get, events, cancel"),
        ("runs gte", "error: runs: no such command, got 'gte'; allowed: get, events, cancel; closest: get"),
        ("runs get", "error: runs get: the following arguments are required: RUN-ID"),
        ("runs get run/7", "error: runs get: argument RUN-ID: 'run/7' is not a run id, as `mogplex run` prints it"),
        (f"runs events {ID} --folow", "error: runs events: --folow: no such flag; did you mean --follow?"),
        (f"runs events {ID} --follow --timeout soon", "error: runs events: argument --timeout: not a duration"),
        (f"runs events {ID} --limit 201", "error: runs events: argument --limit: 201 is not from 1 to 200"),
        ("repos list --json --matrix", "error: repos list: argument --matrix: not allowed with argument --json"),
        ("completion cmd", "error: completion: argument shell: invalid choice: 'cmd'"),
        ("rnu --repo acme/web", "error: rnu is neither a command nor a program; did you mean run?"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_is_sent(terminal: Terminal, argv: str, told: str) -> None:
    (terminal.folder / "task.md").write_text("Fix it")
    (terminal.folder / "latin.md").write_bytes(b"f\xfcr")
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex(*argv.split())
        assert emulator.requests == []
    assert ended.err.startswith(told)
    assert ended.err.count("\n") == 1
    assert (ended.code, ended.out) == (2, "")


def test_an_id_that_is_no_uuid_is_asked_for_and_explained(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("runs", "get", "run-7")
    assert (ended.code, ended.out) == (1, "")
    assert "the service's own are UUIDs" in ended.err


def test_an_empty_key_does_not_quietly_become_a_new_one(terminal: Terminal) -> None:
    ended = terminal.mogplex("run", "--repo", ID, "--idempotency-key", "", "Fix it")
    assert ended.code == 2
    assert "--idempotency-key is empty" in ended.err


def test_help_lists_the_commands(terminal: Terminal) -> None:
    ended = terminal.mogplex("--help")
    assert (ended.code, ended.err) == (0, "")
    for command, summary in COMMANDS.items():
        assert f"  {command:<10}  {summary}\n" in ended.out


@pytest.mark.parametrize(
    "command", ["", *sorted(COMMANDS.keys() - {"post"}), "runs get", "runs events", "runs cancel", "repos list"]
)
def test_every_command_has_help_with_an_example(terminal: Terminal, command: str) -> None:
    ended = terminal.mogplex(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("usage: ")
    assert "example" in ended.out.lower()


def test_bash_completes_commands_flags_and_choices(terminal: Terminal) -> None:
    script = """
    source <(mogplex completion bash)
    complete() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_mogplex; echo "${COMPREPLY[@]}"; }
    complete mogplex ru
    complete mogplex runs e
    complete mogplex runs events --fo
    complete mogplex run --harness c
    """
    ended = terminal.shell(script)
    assert ended.out.splitlines() == ["run runs", "events", "--follow", "codex claude-code"], ended.err


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_have_scripts_of_their_own(terminal: Terminal, shell: str) -> None:
    ended = terminal.mogplex("completion", shell)
    assert ended.code == 0
    assert "claude-code" in ended.out
