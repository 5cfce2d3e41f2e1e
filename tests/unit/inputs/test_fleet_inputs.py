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


def read(folder: Path, *argv: str, file: str = TASKS, **env: str) -> tuple[list[ActionInputs], bool]:
    (folder / "mogplex.yml").write_text(file, encoding="utf-8")
    steps, is_fleet, _ = read_fleet(argv, env, folder, "acme/web")
    return list(steps), is_fleet


def refused(folder: Path, *argv: str, file: str = TASKS, **env: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(folder, *argv, file=file, **env)
    return [f"{problem.input} {problem.fault}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("repo", "repos", "is_fleet"),
    [("acme/web", 1, False), ("acme/web acme/api", 2, True), ("acme/*", 1, True), ("acme/we?", 1, True)],
)
def test_several_repositories_and_patterns_make_a_fleet(tmp_path: Path, repo: str, repos: int, is_fleet: bool) -> None:
    (step,), found = read(tmp_path, "--prompt", "Fix it", "--repo", repo)
    assert (len(step.repos), found) == (repos, is_fleet)


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
def test_which_tasks_are_asked_for(tmp_path: Path, task: str, file: str, prompts: list[str], is_fleet: bool) -> None:
    steps, found = read(tmp_path, "--run-file", "mogplex.yml", "--task", task, file=file)
    assert ([step.prompt for step in steps], found) == (prompts, is_fleet)
    assert {step.harness for step in steps} == ({"codex"} if file == TASKS else {None})
    assert len({step.task for step in steps}) == len(prompts)


def test_what_is_wrong_with_the_tasks(tmp_path: Path) -> None:
    asked = ["--run-file", "mogplex.yml", "--task"]
    assert refused(tmp_path, *asked, "lint,none") == ["task is not in the run file"]
    assert refused(tmp_path, *asked, "all", file="prompt: x") == ["task is not in the run file"]
    for file in ("prompt: [", "prompt: x"):
        assert refused(tmp_path, *asked, "lint,docs", "--timeout=3x", file=file)[1:] == ["timeout is not a duration"]
    wrong = "tasks: {a: {prompt: x, harness: no}, b: {prompt: y, harness: no}, c: {prompt: z, timeout: no}}"
    found = refused(tmp_path, *asked, "all", file=wrong)
    assert found == ["harness is not one of the choices", "timeout is not a duration"], "each once"


def test_an_input_of_the_step_is_the_same_in_all_tasks(tmp_path: Path) -> None:
    tasks = "tasks: {{a: {{prompt: x, timeout: 5m, wait: true}}, b: {{prompt: y, timeout: {}, wait: {}}}}}"
    asked = ["--run-file", "mogplex.yml", "--task", "all"]
    found = refused(tmp_path, *asked, file=tasks.format("10m", "false"))
    assert found == ["timeout differs between the tasks", "wait differs between the tasks"]
    assert len(read(tmp_path, *asked, file=tasks.format("5m", "true"))[0]) == 2


def test_what_is_for_one_run_is_refused_for_several(tmp_path: Path) -> None:
    several = ["--repo", "acme/web acme/api", "--run-id", RUN_ID, "--comment-on", "7"]
    found = refused(tmp_path, *several, MOGPLEX_GITHUB_TOKEN="ghs_x")
    assert found == [f"{name} is for one run, and this step makes several" for name in ("run-id", "comment-on")]
