"""Arguments that may be typed, and the answers to wrong words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mogplex_ci import __version__
from mogplex_ci.commands import COMMANDS
from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.program import ROOT, Ended, run_program
from tests.screen import show

WRONG_WORDS = yaml.safe_load(
    Path(__file__).with_name("wrong_words.yaml").read_text(encoding="utf-8")
)
ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
EMPTY_WORDS = [
    *((["runs", name, " "], 'RUN-ID: "" is not a run id') for name in ("get", "events", "cancel")),
    (["run", "--repo", ID, "--idempotency-key", "", "Fix it"], "--idempotency-key is empty"),
    (["run", "--repo", ID, ""], "run needs a prompt. Give it as the last argument."),
    (["run", "--repo", ID, "  "], "run needs a prompt. Give it as the last argument."),
    (["sh", "-c", "echo ran"], 'command: "sh" is not a command.'),
    (
        ["Fix it"],
        'command: "Fix it" is not a command. If it is the task, use --prompt; see --help.',
    ),
]
"""What is typed, and a part of what is said."""


def test_every_argument_reaches_the_api(terminal: Terminal) -> None:
    arguments = (
        "--repo acme/mono --harness claude-code --base-branch dev --branch x --root apps/api"
    )
    with Emulator("slow") as emulator:
        terminal.against(emulator)
        ended = terminal.mogplex("run", *arguments.split(), "--create-branch", "Fix it")
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


def test_a_wrong_word_is_named_and_nothing_is_sent(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        terminal.against(emulator)
        for argv, told in WRONG_WORDS:
            assert terminal.mogplex(*argv.split()) == Ended(2, "", f"error: {told}\n"), argv
        for argv, told in EMPTY_WORDS:
            ended = terminal.mogplex(*argv)
            assert (ended.code, ended.out, told in ended.err) == (2, "", True), argv
        assert emulator.requests == []


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


def test_every_command_has_help(terminal: Terminal) -> None:
    for command in (
        "--prompt x",
        *COMMANDS,
        "runs get",
        "runs events",
        "runs cancel",
        "repos list",
    ):
        words, is_step = command.split(), command in ("--prompt x", "action")
        ended = terminal.mogplex(*words, "--help")
        assert (ended.code, ended.err, ended.out.count("usage: ")) == (0, "", 1)
        assert ended.out.startswith(f"usage: mogplex {'[' if is_step else f'{command} '}")
        assert "example:\n" in ended.out
        assert [line for line in ended.out.splitlines() if len(line) > 80] == []
        codes = "exit codes:" if is_step else "exit codes: 'mogplex --help' lists them"
        assert ended.out.count(codes) == 1
        choices = "--harness codex|claude-code|mogplex"
        takes_flags_of_step = is_step or command in ("post", "run")
        assert (choices in ended.out) == takes_flags_of_step
        assert command == "--prompt x" or terminal.mogplex("help", *words) == ended


def test_the_version_of_program_api_and_result_file(terminal: Terminal) -> None:
    shown = terminal.mogplex("--version")
    program, api, result_file = shown.out.splitlines()
    assert terminal.mogplex("-V") == shown
    assert program == f"mogplex-ci {__version__}"
    assert "API v1" in api
    assert result_file == "result file version 1"


def test_a_hint_of_the_images_entry_points_can_be_run_on_the_host(tmp_path: Path) -> None:
    image = "mirror.example/run-action:1.2"
    hint = f"docker run --rm -e MOGPLEX_API_KEY {image} repos list"
    with Emulator() as emulator:
        env = {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
        env |= {"MOGPLEX_REPO": "acme/wbe", "MOGPLEX_PROMPT": "Fix it", "MOGPLEX_IMAGE": image}
        of_shell, of_action = (
            subprocess.run(
                [sys.executable, ROOT / script, *words],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
                env=env,
            )
            for script, *words in (["entrypoint.py", "run", "Fix it"], ["main.py"])
        )
    required = f"error: run: --repo <id> is required (find IDs via `{hint}`)\n"
    assert (of_shell.stderr, f"Use one from '{hint}'." in of_action.stdout) == (required, True)
