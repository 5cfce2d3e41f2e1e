"""The run file: its values and tasks, its limits, and what is wrong with one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import inputs, load_schema
from mogplex_ci.inputs.read import ActionInputs, read_inputs
from mogplex_ci.inputs.sources import gather


def read(folder: Path, text: str, *argv: str) -> ActionInputs:
    (folder / "mogplex.yml").write_text(text, encoding="utf-8")
    return read_inputs(gather(("--run-file=mogplex.yml", *argv), {}, folder), "acme/web")


def problems(folder: Path, text: str, *argv: str) -> tuple[Problem, ...]:
    with pytest.raises(UsageError) as caught:
        read(folder, text, *argv)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        (
            "harness: codex\ntimeout: 900\ntasks:\n  lint: {prompt: Lint it, wait: false, timeout: 60}\n",
            "lint",
            {"prompt": "Lint it", "timeout": 60, "wait": False, "harness": "codex"},
        ),
        (  # YAML 1.1 takes `no` for a boolean, `1.10` for a number, `1:30` for 90 and a date for no text at all
            "prompt: x\nbranch: no\nbase-branch: 1.10\nroot-directory: 2026-11-25\nharness: ~\nagent: 1:30\nsummary:\n",
            "",
            {"branch": "no", "base_branch": "1.10", "root_directory": "2026-11-25", "harness": None, "agent": "1:30"},
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
    found = read(tmp_path, text, f"--task={task}")
    assert {name: getattr(found, name) for name in expected} == expected


def test_the_inputs_that_a_run_file_must_not_set() -> None:
    never = {"api-key", "github-token", "base-url", "allowed-users", "allowed-bots", "on-blocked", "include-event"}
    others = {"dry-run", "run-file", "task", "matrix", "strategy", "post-step", "poll-interval"}
    assert {name for name, spec in inputs().items() if not spec.is_for_run_file} == never | others


def test_a_file_that_is_no_yaml_mapping_is_not_quoted(tmp_path: Path) -> None:
    secret = "quoteless-secret-words"
    for template in ("{}", "- {}", "*{}", "!{} x: [", '"\\{}"', "a: b: {}", "%{}"):
        text = template.format(secret)
        for argv in ((), ("--prompt=x", "--dry-run=./mogplex.yml")):
            found = problems(tmp_path, text, *argv)
            assert not any(secret in f"{problem} {problem.got and problem.got.text}" for problem in found), text


def expanded(size: int) -> str:
    """Return a file that has this size when its aliases are expanded."""
    return f"a: &a {'x' * 2_000}\nb: [{','.join(['*a '] * 1_990)}]\nc: {'y' * (size - 3_982_005)}"


def bomb(levels: int) -> str:
    """Return lists of the list before, four times: the last one has 4 ** ``levels`` values."""
    return "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}]" for n in range(levels))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (expanded(4_000_000), "run-file is not an input"),
        (expanded(4_000_001), "run-file has aliases that expand to too much text"),
        ("prompt: x\n".ljust(500_001), "run-file has more than 500,000 bytes"),
        ("tasks: {lint: {timeout: 5m}}", "prompt is missing: Set prompt or prompt-file."),
        ("tasks: {lint: {prompt: x}, other: {promt: x}}", "run-file is not an input: Did you mean prompt?"),
        ("tasks: {lint: {prompt: x}, lint: {prompt: y}}", "run-file has the name lint twice, see line 1 and line 1"),
        (
            "prompt: x\nbranch: y\nagent: z\n  harness: codex\n",
            "run-file is not YAML: mapping values are not allowed here, see line 4, column 10: Write names and values",
        ),
        ("{}: x", "run-file "),
        ("prompt: !!set {a, b}", "run-file has more than one value"),
        ("tasks:\n  a: &a {prompt: x}\n  b: {<<: *a}\n", "run-file is not an input"),
        ("prompt: &a [*a]", "run-file is not YAML: found unconstructable recursive node, see line 1, column 9"),
        ("&a {prompt: *a}", "run-file is not YAML: found unconstructable recursive node, see line 1, column 1"),
        ("- " * 10_000, "run-file is nested too deeply"),
        ("a0: &a0 [x]\n" + bomb(40), "run-file has aliases that expand to too much text"),
        ("tasks: " + "9" * 5_000, "run-file is not a mapping"),
        ("prompt: '\\ud800'", "task is not in the run file"),
        ("\0", "run-file is not YAML: special characters are not allowed"),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_wrong_with_one(text: str, told: str, tmp_path: Path) -> None:
    first = problems(tmp_path, text, "--task=lint")[0]
    near = "".join(f"Did you mean {word.text}?" for word in first.near)
    assert f"{first.input} {first.fault}: {near}{first.remedy}".startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "prompt: x",
        "tasks:",
        "tasks: {lint:}",
        "tasks: {lint: {prompt: x, run-options: {conversationId: c}}}",
        *("promt: x", "api-key: x", "prompt: [x]", "prompt: {x: y}", "tasks: x", "tasks: []", "tasks: {lint: x}"),
        *("tasks: {tasks: [x]}", "tasks: {lint: {promt: x}}", "tasks: {lint: {prompt: [x]}}"),
        "tasks: {lint: {tasks: {}}}",
    ],
)
def test_editors_and_the_program_agree_about_a_run_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mogplex.yml").write_text(text)
    found = {problem.input for problem in gather(["--run-file=mogplex.yml"], {}, tmp_path).problems}
    fits = Draft202012Validator(load_schema("run-file")).is_valid(yaml.safe_load(text))
    assert found == (set() if fits else {"run-file"})


def test_ten_tasks_and_ten_faults_are_named(tmp_path: Path) -> None:
    tasks = [f"task-{number}" for number in range(12)]
    for count, more in ((12, ", …"), (10, "")):
        text = "tasks:\n" + "".join(f"  {task}: {{prompt: x}}\n" for task in tasks[:count])
        (problem,) = problems(tmp_path, text, "--task=lint", "--prompt=x")
        assert problem.remedy == f"Its tasks: {', '.join(tasks[:10])}{more}."
    assert len(problems(tmp_path, "".join(f"wrong-{number}: x\n" for number in range(12)))) == 10
