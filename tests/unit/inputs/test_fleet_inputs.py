"""The inputs of a step with several repositories or tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.read import ActionInputs, read_fleet

RUN_ID = "7b0c2f4e-58a1-4d0b-9c39-2f6f1f0f8a11"
TASKS = """\
harness: codex
tasks:
  lint: {prompt: Lint it}
  docs: {prompt: Write it, repo: acme/api}
  "a,b": {prompt: Both}
"""


def read(folder: Path, *argv: str, file: str = TASKS) -> tuple[list[ActionInputs], bool]:
    (folder / "mogplex.yml").write_text(file, encoding="utf-8")
    steps, is_fleet, _ = read_fleet(argv, {}, folder, "acme/web")
    return list(steps), is_fleet


def refused(folder: Path, *argv: str, file: str = TASKS) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(folder, *argv, file=file)
    return [f"{problem.input} {problem.fault}" for problem in caught.value.problems]


def test_one_repository_and_one_task_are_no_fleet(tmp_path: Path) -> None:
    for repo in ("acme/web", "acme/web acme/api", "acme/*"):
        (step,), is_fleet = read(tmp_path, "--prompt", "Fix it", "--repo", repo)
        assert (step.repos, is_fleet) == (tuple(repo.split()), repo != "acme/web")
    (step,), is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", "lint")
    assert (step.prompt, step.task, is_fleet) == ("Lint it", "lint", False)
    (step,), is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", "a,b")
    assert (step.prompt, is_fleet) == ("Both", False)


@pytest.mark.parametrize("task", ["lint,docs", "lint\ndocs", " lint , docs,"])
def test_several_tasks_make_a_fleet(task: str, tmp_path: Path) -> None:
    steps, is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", task)
    assert is_fleet
    assert [(step.task, step.prompt, step.repo, step.harness) for step in steps] == [
        ("lint", "Lint it", "acme/web", "codex"),
        ("docs", "Write it", "acme/api", "codex"),
    ]


def test_all_tasks_make_a_fleet_even_if_it_is_one(tmp_path: Path) -> None:
    steps, is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", "all")
    assert ([step.task for step in steps], is_fleet) == (["lint", "docs", "a,b"], True)
    only = "tasks: {lint: {prompt: x}}"
    steps, is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", "all", file=only)
    assert ([step.task for step in steps], is_fleet) == (["lint"], True)
    named_all = "tasks: {all: {prompt: Everything}, lint: {prompt: x}}"
    steps, is_fleet = read(tmp_path, "--run-file", "mogplex.yml", "--task", "all", file=named_all)
    assert ([step.prompt for step in steps], is_fleet) == (["Everything"], False)


def test_what_is_wrong_with_the_tasks(tmp_path: Path) -> None:
    asked = ["--run-file", "mogplex.yml", "--task"]
    assert refused(tmp_path, *asked, "lint,none") == ["task is not in the run file"]
    assert refused(tmp_path, *asked, "all", file="prompt: x") == ["task is not in the run file"]
    for file in ("prompt: [", "prompt: x"):
        assert refused(tmp_path, *asked, "lint,docs", "--timeout=3x", file=file)[1:] == ["timeout is not a duration"]
    wrong = "tasks: {a: {prompt: x, harness: no}, b: {prompt: y, harness: no}, c: {prompt: z, timeout: no}}"
    found = refused(tmp_path, *asked, "all", file=wrong)
    assert found == ["harness is not one of the choices", "timeout is not a duration"], "each once"


@pytest.mark.parametrize("name", ["timeout", "wait", "fail-fast"])
def test_an_input_of_the_step_is_the_same_in_all_tasks(name: str, tmp_path: Path) -> None:
    one, other = ("5m", "10m") if name == "timeout" else ("true", "false")
    tasks = "tasks: {{a: {{prompt: x, {}: '{}'}}, b: {{prompt: y, {}: '{}'}}}}"
    asked = ["--run-file", "mogplex.yml", "--task", "all"]
    assert refused(tmp_path, *asked, file=tasks.format(name, one, name, other)) == [f"{name} differs between the tasks"]
    steps, is_fleet = read(tmp_path, *asked, file=tasks.format(name, one, name, one))
    assert (len(steps), is_fleet) == (2, True)


def test_what_is_for_one_run_is_refused_for_several(tmp_path: Path) -> None:
    several = ["--repo", "acme/web acme/api"]
    assert refused(tmp_path, *several, "--run-id", RUN_ID) == ["run-id is for one run, and this step makes several"]
