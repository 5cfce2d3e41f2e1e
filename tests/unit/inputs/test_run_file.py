"""The run file: its values and tasks, its limits, and what is wrong with one that cannot be
used.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import inputs, load_schema
from mogplex_ci.inputs.read import ActionInputs, read_step
from mogplex_ci.inputs.sources import gather
from mogplex_ci.own_words import written
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.yaml_lines import MAX_TEXT
from tests.typed_inputs import job

TASKS = """\
harness: codex
tasks:
  lint: {prompt: Lint it}
  docs: {prompt: Write it, repo: acme/api}
  "a,b": {prompt: Both}
"""


def read(folder: Path, text: str, *argv: str) -> tuple[list[ActionInputs], bool]:
    """Return the inputs of each task that is asked for, and whether they make a fleet."""
    (folder / "mogplex.yml").write_text(text, encoding="utf-8")
    inputs = read_step(("--run-file=mogplex.yml", *argv), job(folder, {}))
    return list(inputs.tasks), not inputs.names_one_run


def problems(folder: Path, text: str, *argv: str) -> tuple[Problem, ...]:
    with pytest.raises(UsageError) as caught:
        read(folder, text, *argv)
    return caught.value.problems


def refused(folder: Path, text: str, *argv: str) -> list[str]:
    return [
        written(f"{problem.input} {problem.fault}") for problem in problems(folder, text, *argv)
    ]


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        (
            "harness: codex\ntimeout: 900\ntasks:\n  lint: {prompt: Lint it, wait: false, timeout: 60}\n",
            "lint",
            {"prompt": "Lint it", "timeout": 60, "wait": False, "harness": "codex"},
        ),
        # YAML 1.1 takes `no` for a boolean, `1.10` for a number, `1:30` for 90 and a date for no
        # text at all
        (
            "prompt: x\nbranch: no\nbase-branch: 1.10\nroot-directory: 2026-11-25\nharness: ~\nagent: 1:30\nsummary:\n",
            "",
            {
                "branch": "no",
                "base_branch": "1.10",
                "root_directory": "2026-11-25",
                "harness": None,
                "agent": "1:30",
            },
        ),
        (
            "tasks:\n  a: {prompt: &task Lint}\n  b: {prompt: *task, timeout: !!int 180}\n",
            "b",
            {"prompt": "Lint", "timeout": 180},
        ),
        ("prompt: x\n".ljust(500_000), "", {"prompt": "x"}),
    ],
)
def test_what_is_read(text: str, task: str, expected: dict[str, Any], tmp_path: Path) -> None:
    (found,), _ = read(tmp_path, text, f"--task={task}")
    assert {name: getattr(found, name) for name in expected} == expected


def test_an_emoji_in_a_file_of_json_is_one_character(tmp_path: Path) -> None:
    (task,), _ = read(tmp_path, json.dumps({"prompt": "Fix it \U0001f600"}))
    assert task.prompt == "Fix it \U0001f600"
    (problem,) = problems(tmp_path, '{"prompt": "half \\ud83d"}')
    assert problem.fault == "is not UTF-8 text"


def test_the_inputs_that_a_run_file_must_not_set() -> None:
    never = {
        "api-key",
        "github-token",
        "base-url",
        "allowed-users",
        "allowed-bots",
        "on-blocked",
        "include-event",
    }
    others = {"dry-run", "run-file", "task", "job-context", "matrix", "strategy", "poll-interval"}
    assert {name for name, spec in inputs().items() if not spec.is_for_run_file} == never | others


def test_a_file_that_is_no_yaml_mapping_is_not_quoted(tmp_path: Path) -> None:
    secret = "quoteless-secret-words"
    for template in ("{}", "- {}", "*{}", "!{} x: [", '"\\{}"', "a: b: {}", "%{}"):
        text = template.format(secret)
        for argv in ((), ("--prompt=x", "--dry-run=./mogplex.yml")):
            found = problems(tmp_path, text, *argv)
            assert not any(
                secret in f"{problem} {problem.got and problem.got.text}" for problem in found
            ), text


def expanded(size: int) -> str:
    """Return a file that has this size when its aliases are expanded."""
    return f"a: &a {'x' * 2_000}\nb: [{','.join(['*a '] * 1_990)}]\nc: {'y' * (size - 3_982_000)}"


def bomb(levels: int) -> str:
    """Return lists of the list before, four times: the last one has 4 ** ``levels`` values."""
    return "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}]" for n in range(levels))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (expanded(MAX_TEXT), "run-file is not an input"),
        (expanded(MAX_TEXT + 1), "run-file has aliases that expand to too much text"),
        ("tasks: {lint: {timeout: 5m}}", "prompt is missing: Set prompt or prompt-file."),
        (
            "tasks: {lint: {prompt: x}, other: {promt: x}}",
            "run-file is not an input: Did you mean prompt?",
        ),
        (
            "prompt: x\nbranch: y\nagent: z\n  harness: codex\n",
            "run-file is not YAML: mapping values are not allowed here, see line 4, column 10: Write names and values",
        ),
        ("{}: x", "run-file "),
        ("tasks:\n  a: &a {prompt: x}\n  b: {<<: *a}\n", "run-file is not an input"),
        (
            "prompt: &a [*a]",
            "run-file is nested too deeply",
        ),
        (
            "&a {prompt: *a}",
            "run-file is nested too deeply",
        ),
        ("a0: &a0 [x]\n" + bomb(40), "run-file has more than 20,000 names and values"),
        ("tasks: " + "9" * 5_000, "run-file is not a mapping"),
        *(
            (f'prompt: "{no_character}"', "run-file is not YAML: found an escape that is not")
            for no_character in ("\\UFFFFFFFF", "\\U00110000")
        ),
        *(
            (f"tasks: {{lint: {{prompt: {tagged}}}}}\nbranhc: x", "run-file is not an input")
            for tagged in ("!!bool abc", '!!int "1"', "!!timestamp x")
        ),
        ("prompt: '\\ud800'", "task is not in the run file"),
        ("\0", "run-file is not YAML: special characters are not allowed"),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_wrong_with_one(text: str, told: str, tmp_path: Path) -> None:
    first = problems(tmp_path, text, "--task=lint")[0]
    near = "".join(f"Did you mean {word.text}?" for word in first.near)
    assert written(f"{first.input} {first.fault}: {near}{first.remedy}").startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "prompt: x",
        "tasks:",
        "tasks: {lint:}",
        "tasks: {lint: {prompt: x, run-options: {conversationId: c}}}",
        *(
            "promt: x",
            "api-key: x",
            "prompt: [x]",
            "prompt: {x: y}",
            "tasks: x",
            "tasks: []",
            "tasks: {lint: x}",
        ),
        *("tasks: {tasks: [x]}", "tasks: {lint: {promt: x}}", "tasks: {lint: {prompt: [x]}}"),
        "tasks: {lint: {tasks: {}}}",
    ],
)
def test_editors_and_the_program_agree_about_a_run_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mogplex.yml").write_text(text)
    found = {
        problem.input for problem in gather(["--run-file=mogplex.yml"], job(tmp_path, {})).problems
    }
    fits = Draft202012Validator(load_schema("run-file")).is_valid(yaml.safe_load(text))
    assert found == (set() if fits else {"run-file"})


def test_ten_tasks_and_ten_faults_are_named(tmp_path: Path) -> None:
    tasks = [f"task-{number}" for number in range(12)]
    for count, more in ((12, ", …"), (10, "")):
        text = "tasks:\n" + "".join(f"  {task}: {{prompt: x}}\n" for task in tasks[:count])
        (problem,) = problems(tmp_path, text, "--task=lint", "--prompt=x")
        assert problem.remedy == f"Its tasks: {', '.join(tasks[:10])}{more}."
    assert len(problems(tmp_path, "".join(f"wrong-{number}: x\n" for number in range(12)))) == 10


@pytest.mark.parametrize(
    ("task", "file", "prompts", "is_fleet"),
    [
        ("lint", TASKS, ["Lint it"], False),
        ("lint,", "tasks: {'lint,': {prompt: Comma}}", ["Comma"], False),
        ("a,b", TASKS, ["Both"], False),
        ("docs,lint", TASKS, ["Write it", "Lint it"], True),
        (" lint\n docs,lint\n", TASKS, ["Lint it", "Write it"], True),
        ("all", TASKS, ["Lint it", "Write it", "Both"], True),
        ("all", "tasks: {lint: {prompt: x}}", ["x"], True),
        ("all", "tasks: {all: {prompt: Everything}, lint: {prompt: x}}", ["Everything"], False),
    ],
)
def test_which_tasks_are_asked_for(
    tmp_path: Path, task: str, file: str, prompts: list[str], is_fleet: bool
) -> None:
    steps, found = read(tmp_path, file, f"--task={task}")
    assert ([step.prompt for step in steps], found) == (prompts, is_fleet)
    assert {step.harness for step in steps} == ({"codex"} if file == TASKS else {None})
    assert len({step.task for step in steps}) == len(prompts)


def test_what_is_wrong_with_the_tasks(tmp_path: Path) -> None:
    for file in ("prompt: [", "prompt: x"):
        assert refused(tmp_path, file, "--task=lint,docs", "--timeout=3x")[1:] == [
            "timeout is not a duration"
        ]
    assert refused(tmp_path, TASKS, "--task=lint,none") == ["task is not in the run file"]
    assert refused(tmp_path, "prompt: x", "--task=all") == ["task is not in the run file"]
    for file in ("prompt: [", "tasks: {lint: {artifact: a}}"):
        found = refused(
            tmp_path, file, "--task=none", "--artifact-schema=mogplex.yml", "--repair=1"
        )
        assert [fault for fault in found if "without artifact" in fault or "no gate" in fault] == []
    assert refused(tmp_path, "timeout: 3x", "--task=none")[1:] == ["timeout is not a duration"], (
        "with those at the top"
    )
    wrong = "tasks: {a: {prompt: x, harness: no}, b: {prompt: y, harness: no}, c: {prompt: z, timeout: no}}"
    found = refused(tmp_path, wrong, "--task=all")
    harness, timeout = "harness is not one of the choices", "timeout is not a duration"
    assert found == [harness, harness, timeout], "at each place"
    found = refused(tmp_path, "timeout: 3x\ntasks: {a: {prompt: x}, b: {prompt: y}}", "--task=all")
    assert found == [timeout], "once for all tasks"


def test_all_that_is_wrong_in_a_run_file_is_said_at_once_with_line_and_task(tmp_path: Path) -> None:
    text = """\
timeout: 3x
harnes: codex
tasks:
  a:
    prompt: Lint it
    wait: perhaps
    promt: x
  b: {prompt: [x]}
  c: x
  d: {timeout: 5 min}
"""
    argv = ("--task=a,b,d", "--summary=never")
    found = [
        template.replace("{}", "%s")
        % tuple(value.text if isinstance(value, Untrusted) else written(value) for value in values)
        for template, values in (
            problem._replace(remedy="", near=()).line()
            for problem in problems(tmp_path, text, *argv)
        )
    ]
    assert found == [
        'mogplex.yml, line 9: "c" is not a mapping',
        'mogplex.yml, line 2: "harnes" is not an input',
        'mogplex.yml, line 7: task "a": "promt" is not an input',
        'mogplex.yml, line 8: task "b": "prompt" has more than one value',
        'mogplex.yml, line 1: timeout: "3x" is not a duration',
        'mogplex.yml, line 6: task "a": wait: "perhaps" is neither true nor false',
        'summary: "never" is neither true nor false',
        'mogplex.yml, line 10: task "d": timeout: "5 min" is not a duration',
    ]


def test_an_input_of_the_step_is_the_same_in_all_tasks(tmp_path: Path) -> None:
    tasks = "tasks: {{a: {{prompt: x, timeout: 5m, wait: true}}, b: {{prompt: y, timeout: {}, wait: {}}}}}"
    found = refused(tmp_path, tasks.format("10m", "false"), "--task=all")
    assert found == ["timeout differs between the tasks", "wait differs between the tasks"]
    assert len(read(tmp_path, tasks.format("5m", "true"), "--task=all")[0]) == 2
