"""Faults of a command line or of variables, and the messages about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import SEE_INPUTS, inputs
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.sources import OUTPUT_VARIABLES, gather, given_texts
from tests.typed_inputs import job

WORD = "arguments contain a word that is not expected"


def wrong(*argv: str) -> list[str]:
    try:
        flag_parser().read(argv)
    except UsageError as error:
        return [f"{problem.input} {problem.fault}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("argv", "faults"),
    [
        (["--prompt", "x", "--wait", "--timeout=5m"], []),
        (["x", "y"], [WORD, WORD]),
        (["--foo", "x", "y"], ["flag --foo does not exist", WORD]),
        (["--foo", "--bar"], ["flag --foo does not exist", "flag --bar does not exist"]),
        (["--foo=x", "y"], ["flag --foo does not exist"]),
        (["--time=5m"], ["flag --time does not exist"]),
        ([f"--{'a' * 31}"], [f"flag --{'a' * 31} does not exist"]),
        ([f"--{'a' * 32}"], [WORD]),
        (["--mog_secret1"], [WORD]),
        (["--foo", "--timeout"], ["flag --timeout needs a value"]),
    ],
)
def test_what_is_wrong_with_a_command_line(argv: list[str], faults: list[str]) -> None:
    assert wrong(*argv) == faults


def test_a_blank_flag_of_a_command_counts_as_not_given_and_a_blank_argument_is_wrong() -> None:
    parser = Parser("runs get", "", example="runs get RUN")
    parser.take("--limit", "how many", inputs()["max-parallel"].kind)
    parser.take("id", "the run", inputs()["run-id"].kind, metavar="RUN")
    run_id = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    assert parser.read([run_id, "--limit", " "]).limit == ""
    with pytest.raises(UsageError) as caught:
        parser.read([" "])
    assert [problem.input for problem in caught.value.problems] == ["RUN"]


def test_the_help_lists_what_people_set_but_for_secrets() -> None:
    text = flag_parser().format_help()
    assert text.startswith(
        "usage: mogplex-ci [--NAME VALUE ...]\n\nOne CI step: start a Mogplex run"
    )
    for name, spec in inputs().items():
        assert (f"--{name} " in text) is not (
            spec.is_secret or spec.github_expression is not None
        ), name
    words = " ".join(text.split())
    for shown in (
        "--wait [true|false]",
        "--harness codex|claude-code|mogplex",
        "--timeout DURATION",
        "--base-url URL",
        "--agent VALUE",
        "Default: 30m.",
        "Time and end: --timeout DURATION",
        "MOGPLEX_API_KEY: Mogplex token",
        "exit codes: 0 done; for a step: the run succeeded",
    ):
        assert shown in words
    assert "`" not in text
    titles = re.findall(r"^([A-Z].*):$", text, re.MULTILINE)
    assert titles == list(
        dict.fromkeys(spec.group for spec in inputs().values() if not spec.github_expression)
    )


@pytest.mark.parametrize(
    ("env", "warned"),
    [
        ({"MOGPLEX_TMEOUT": "5m"}, ["MOGPLEX_TMEOUT: Did you mean MOGPLEX_TIMEOUT?"]),
        ({"MOGPLEX_QQQQQQQQQQQQQQ": ""}, [f"MOGPLEX_QQQQQQQQQQQQQQ: {SEE_INPUTS}"]),
        ({"INPUT_TMEOUT": "5m"}, ["tmeout: Did you mean timeout?"]),
        ({"INPUT_ZZZ": "5m", "ZZZ": "5m"}, [f"zzz: {SEE_INPUTS}"]),
        ({"INPUT_ARGS": "", "INPUT_ENTRYPOINT": "", "INPUT_TIMEOUT": "", "MOGPLEX_DEBUG": "1"}, []),
        (dict.fromkeys(OUTPUT_VARIABLES, ""), []),
        ({f"MOGPLEX_{'Z' * 200}": ""}, [f"MOGPLEX_{'Z' * 92}: {SEE_INPUTS}"]),
        ({f"INPUT_{'Z' * 200}": ""}, [f"{'z' * 100}: {SEE_INPUTS}"]),
        ({"MOGPLEX_RUN_ID": "run-1"}, []),
        ({"MOGPLEX_RUN_ID": " run-1 "}, []),
        (
            {"MOGPLEX_RUN_ID": "run-1", "INPUT_PROMPT": "x"},
            ["MOGPLEX_RUN_ID: Set this job's inputs with flags."],
        ),
        (
            {"MOGPLEX_RUN_ID": "run-1", "MOGPLEX_BRANCH": "theirs", "INPUT_RUN-ID": "run-2"},
            ["MOGPLEX_BRANCH, MOGPLEX_RUN_ID: Set this job's inputs with flags."],
        ),
        ({"MOGPLEX_BRANCH": "mine"}, []),
        (
            {"MOGPLEX_RUN_ID": "", "MOGPLEX_RESULT": "error", "MOGPLEX_REPO": "acme/other"},
            ["MOGPLEX_REPO, MOGPLEX_RUN_ID: Set this job's inputs with flags."],
        ),
        ({"INPUT_PROTECTED_PATHS": "a"}, ["protected_paths: Did you mean protected-paths?"]),
        ({"INPUT_PROTECTED_PATHS": "a", "INPUT_PROTECTED-PATHS": "a"}, []),
    ],
)
def test_which_variables_are_warned_of(
    env: dict[str, str], warned: list[str], tmp_path: Path
) -> None:
    found = gather((), job(tmp_path, env)).warnings
    assert [f"{problem.input}: {problem.remedy}" for problem in found] == warned


def test_the_outputs_of_a_start_that_failed_name_no_repository_for_this_job() -> None:
    left = {"MOGPLEX_RUN_ID": "", "MOGPLEX_RESULT": "error", "MOGPLEX_REPO": "acme/other"}
    assert "repo" not in given_texts((), left)
    assert given_texts((), {"MOGPLEX_REPO": "acme/mine"})["repo"] == "acme/mine"


@pytest.mark.parametrize(
    ("argv", "env", "run_id"),
    [
        ([], {}, None),
        ([], {"MOGPLEX_RUN_ID": "run-1"}, "run-1"),
        ([], {"MOGPLEX_RUN_ID": " "}, None),
        (["--run-id=run-2"], {"MOGPLEX_RUN_ID": "run-1"}, "run-2"),
        (["--harness=codex"], {"MOGPLEX_RUN_ID": "run-1"}, "run-1"),
        (["--prompt=x"], {"MOGPLEX_RUN_ID": "run-1"}, None),
        (["--prompt-file=x"], {"MOGPLEX_RUN_ID": "run-1"}, None),
        (["--run-file=x"], {"MOGPLEX_RUN_ID": "run-1"}, None),
    ],
)
def test_whose_run_is_followed(argv: list[str], env: dict[str, str], run_id: str | None) -> None:
    assert given_texts(argv, env).get("run-id") == run_id
