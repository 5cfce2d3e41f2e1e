"""Arguments that may be typed, sources of a prompt, and the answers to wrong words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mogplex_ci import __version__
from mogplex_ci.commands import COMMANDS
from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.program import Ended, run_program
from tests.screen import show
from tests.slow import mostly_slow

WRONG_WORDS = yaml.safe_load(
    Path(__file__).with_name("wrong_words.yaml").read_text(encoding="utf-8")
)
ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"


def test_every_argument_reaches_the_api(terminal: Terminal) -> None:
    arguments = [
        "--repo",
        "acme/mono",
        "--harness",
        "claude-code",
        "--base-branch",
        "dev",
        "--branch",
        "x",
    ]
    with Emulator("slow") as emulator:
        ended = terminal.against(emulator).mogplex(
            "run", *arguments, "--root", "apps/api", "--create-branch", "Fix it"
        )
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
        terminal.against(emulator).mogplex(
            "run", "--repo", ID, "--branch", "", "--root", " ", "Fix it"
        )
        (request,) = [request for request in emulator.requests if request.route == "start"]
    assert request.body == {"repoId": ID, "prompt": "Fix it"}


@pytest.mark.parametrize(("argv", "told"), mostly_slow(map(tuple, WRONG_WORDS), every=4))
def test_a_wrong_word_is_named_and_nothing_is_sent(
    terminal: Terminal, argv: str, told: str
) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex(*argv.split())
        assert emulator.requests == []
    assert (ended.code, ended.out, ended.err) == (2, "", f"error: {told}\n")


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (["runs", "get", "run-7"], 2, 'RUN-ID: "run-7" is not a run id, which is a UUID.'),
        *(
            (["runs", command, " "], 2, 'RUN-ID: "" is not a run id')
            for command in ("get", "events", "cancel")
        ),
        (["run", "--repo", ID, "--idempotency-key", "", "Fix it"], 2, "--idempotency-key is empty"),
        (["run", "--repo", ID, ""], 2, "run needs a prompt. Give it as the last argument."),
        (["run", "--repo", ID], 2, "run needs a prompt. Give it as the last argument."),
        (["run", "--repo", ID, "  "], 2, "run needs a prompt. Give it as the last argument."),
        (["runs", "events", ID, "--timeout", ""], 1, "the API returned 404 (NOT_FOUND)"),
        *(
            ([program, "-c", "echo ran"], 2, f'command: "{program}" is not a command.')
            for program in ("sh", "ls")
        ),
    ],
)
def test_what_is_not_done(terminal: Terminal, argv: list[str], code: int, told: str) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex(*argv)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (
            ["Fix it"],
            2,
            'command: "Fix it" is not a command. If it is the task, use --prompt; see --help.',
        ),
        (["runs", "get", ID], 64, "MOGPLEX_API_KEY is not set (UNAUTHORIZED)"),
    ],
)
def test_a_person_who_begins_is_told_what_to_write(
    terminal: Terminal, argv: list[str], code: int, told: str
) -> None:
    ended = terminal.mogplex(*argv)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


@pytest.mark.parametrize(
    ("env", "is_help"), [({}, True), ({"CI": "true"}, False), ({"MOGPLEX_REPO": "a/b"}, False)]
)
def test_no_arguments_on_a_terminal_are_a_question_for_help(
    tmp_path: Path, env: dict[str, str], is_help: bool
) -> None:
    shown = show(env=env, cwd=tmp_path, lines=60, columns=80)
    assert any("usage: " in line for line in shown.left) is is_help
    assert any("prompt is missing" in line for line in shown.left) is not is_help
    assert shown.code == (0 if is_help else 2)


def test_the_entry_point_becomes_another_program_if_there_is_one(tmp_path: Path) -> None:
    assert run_program("echo", "ran", env={"PATH": "/usr/bin:/bin"}, cwd=tmp_path) == Ended(
        0, "ran\n", ""
    )
    for word in ("", "no-such-program"):
        ended = run_program(word, env={}, cwd=tmp_path)
        assert (ended.code, ended.err) == (
            2,
            f'error: command: "{word}" is not a command. See --help.\n',
        )


def test_help_lists_the_commands_and_exit_codes(terminal: Terminal) -> None:
    shown = terminal.mogplex("help")
    for command, summary in COMMANDS.items():
        assert re.search(rf"^  {command} +{re.escape(summary)}$", shown.out, re.MULTILINE)
    codes = re.findall(r"^  (\d+)[ ,]", shown.out, re.MULTILINE)
    assert codes == ["0", "1", "2", "64", "65", "69", "75", "129"]
    assert terminal.mogplex("--help") == terminal.mogplex("-h") == shown


@pytest.mark.parametrize(
    "command",
    ["--prompt x", *COMMANDS, "runs get", "runs events", "runs cancel", "repos list"],
)
def test_every_command_has_help(terminal: Terminal, command: str) -> None:
    words, is_step = command.split(), command in ("--prompt x", "action")
    ended = terminal.mogplex(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    called = "[" if is_step else f"{command} "
    assert (ended.out.startswith(f"usage: mogplex {called}"), ended.out.count("usage: ")) == (
        True,
        1,
    )
    assert "example:\n" in ended.out
    assert [line for line in ended.out.splitlines() if len(line) > 80] == []
    assert (
        ended.out.count("exit codes:" if is_step else "exit codes: 'mogplex --help' lists them")
        == 1
    )
    takes_flags_of_step = is_step or command in ("post", "run")
    assert ("--harness codex|claude-code|mogplex" in ended.out) == takes_flags_of_step


def test_the_version_of_program_api_and_result_file(terminal: Terminal) -> None:
    shown = terminal.mogplex("--version")
    program, api, result_file = shown.out.splitlines()
    assert terminal.mogplex("-V") == shown
    assert program == f"mogplex-ci {__version__}"
    assert "API v1" in api
    assert result_file == "result file version 1"
