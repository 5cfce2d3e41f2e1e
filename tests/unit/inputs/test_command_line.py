"""Faults of a command line or of variables, and the messages about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import SEE_INPUTS, inputs
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.read import collect, read_step
from mogplex_ci.output_names import OUTPUT_PREFIX
from tests.typed_inputs import job

WORD = "arguments contain an unexpected word"


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
    parser.take("--limit", "how many", inputs()["repair"].kind)
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
        "Time and re-runs: --timeout DURATION",
        "MOGPLEX_API_KEY: Mogplex token",
        "exit codes: 0 success; for a step: result success, skipped, detached or dry-run",
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
        ({"MOGPLEX_OUT_RUN_ID": "x", "MOGPLEX_OUT_LATER_ONE": "x"}, []),
        ({f"MOGPLEX_{'Z' * 200}": ""}, [f"MOGPLEX_{'Z' * 92}: {SEE_INPUTS}"]),
        ({f"INPUT_{'Z' * 200}": ""}, [f"{'z' * 100}: {SEE_INPUTS}"]),
        ({"INPUT_PROTECTED_PATHS": "a"}, ["protected_paths: Did you mean protected-paths?"]),
        ({"INPUT_PROTECTED_PATHS": "a", "INPUT_PROTECTED-PATHS": "a"}, []),
    ],
)
def test_which_variables_are_warned_of(env: dict[str, str], warned: list[str]) -> None:
    found = collect((), env).warnings
    assert [f"{problem.input}: {problem.remedy}" for problem in found] == warned


def test_no_output_has_the_name_of_an_input() -> None:
    of_inputs = {variable for spec in inputs().values() for variable in spec.variables}
    assert [name for name in of_inputs if name.startswith(OUTPUT_PREFIX)] == []
    named_alike = {
        f"{OUTPUT_PREFIX}{name.upper().replace('-', '_')}": "theirs" for name in inputs()
    }
    assert collect((), named_alike).texts == {}


@pytest.mark.parametrize("blank", [["--run-id="], ["--run-id", " "]])
def test_a_blank_run_id_starts_no_run(blank: list[str], tmp_path: Path) -> None:
    """The job that should have started the run did not; the project has a prompt for all jobs."""
    platform = job(tmp_path, {"MOGPLEX_PROMPT": "Fix it", "MOGPLEX_REPO": "acme/web"})
    with pytest.raises(UsageError) as caught:
        read_step(collect(blank, platform.env), platform)
    (problem,) = caught.value.problems
    assert (problem.input, problem.fault) == ("run-id", "is blank")


def test_a_blank_variable_for_the_run_id_counts_as_not_given() -> None:
    assert "run-id" not in collect((), {"MOGPLEX_RUN_ID": " "}).texts
