"""Where inputs come from, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from mogplex_ci.emulator import Emulator
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import EMULATOR_TOKEN, inputs, load_schema
from mogplex_ci.inputs.read import ActionInputs, read_connection, read_inputs
from mogplex_ci.inputs.sources import gather
from mogplex_ci.untrusted import Untrusted

RUN_ID = "7b0c2f4e-58a1-4d0b-9c39-2f6f1f0f8a11"


def read(tmp_path: Path, *argv: str, **env: str) -> ActionInputs:
    return read_inputs(argv, {"MOGPLEX_PROMPT": "Fix it"} | env, tmp_path, "acme/web")[0]


def warnings(tmp_path: Path, **env: str) -> list[str]:
    found = read_inputs((), {"MOGPLEX_PROMPT": "Fix it"} | env, tmp_path, "acme/web")[1]
    return [f"{problem.input} {problem.fault} {problem.remedy}" for problem in found]


def problems(tmp_path: Path, *argv: str, **env: str) -> list[Problem]:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, *argv, **env)
    return list(caught.value.problems)


def faulty(tmp_path: Path, *argv: str, **env: str) -> list[str]:
    return [problem.input for problem in problems(tmp_path, *argv, **env)]


def run_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mogplex.yml").write_text(text, encoding="utf-8")


def test_a_flag_wins_over_github_over_variable_over_run_file_over_default(tmp_path: Path) -> None:
    run_file(tmp_path, "timeout: 4m\n")
    env: dict[str, str] = {}
    assert read(tmp_path, **env).timeout == 30 * 60
    env["MOGPLEX_RUN_FILE"] = "mogplex.yml"
    assert read(tmp_path, **env).timeout == 4 * 60
    env["MOGPLEX_TIMEOUT"] = "3m"
    assert read(tmp_path, **env).timeout == 3 * 60
    env["INPUT_TIMEOUT"] = "2m"
    assert read(tmp_path, **env).timeout == 2 * 60
    assert read(tmp_path, "--timeout", "1m", **env).timeout == 60


def test_blank_counts_as_not_given(tmp_path: Path) -> None:
    env = {"INPUT_TIMEOUT": "  ", "MOGPLEX_TIMEOUT": "3m", "INPUT_HARNESS": "\n"}
    read_back = read(tmp_path, **env)
    assert read_back.timeout == 180
    assert read_back.harness is None


def test_names_with_hyphens_keep_them_on_github(tmp_path: Path) -> None:
    assert read(tmp_path, **{"INPUT_BASE-BRANCH": "dev"}).base_branch == "dev"
    assert read(tmp_path, MOGPLEX_BASE_BRANCH="dev").base_branch == "dev"


def test_choices_are_taken_in_any_case(tmp_path: Path) -> None:
    inputs = read(tmp_path, "--harness=Codex", "--require=Change, Pull-Request", INPUT_ANNOTATIONS="NONE")
    assert (inputs.harness, inputs.annotations) == ("codex", "none")
    assert inputs.require == {"change", "pull-request"}
    assert faulty(tmp_path, "--harness=Mogplex", "--mode=safe") == ["mode"]


def test_poll_interval_is_no_input_of_the_action(tmp_path: Path) -> None:
    name = {"INPUT_POLL-INTERVAL": "3s"}
    assert read(tmp_path, **name, MOGPLEX_POLL_INTERVAL="2s").poll_interval == 2
    assert warnings(tmp_path, **name) == ["poll-interval is not an input Set MOGPLEX_POLL_INTERVAL."]


def test_aliases(tmp_path: Path) -> None:
    repo_id = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    read_back = read(tmp_path, MOGPLEX_URL="https://mogplex.example", MOGPLEX_REPO_ID=repo_id)
    assert (read_back.base_url, read_back.repo) == ("https://mogplex.example", repo_id)


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_true_as_actions_core_takes_it(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, INPUT_WAIT=text, **{"INPUT_CREATE-BRANCH": text}).create_branch


def test_a_boolean_flag_needs_no_value(tmp_path: Path) -> None:
    assert read(tmp_path, "--dry-run").dry_run
    assert not read(tmp_path, "--dry-run=false", MOGPLEX_DRY_RUN="true").dry_run


@pytest.mark.parametrize("text", ["yolo", "YOLO", "Yolo"])
def test_a_mode_in_any_case_is_sent_in_upper_case(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, "--mode", text).start_request("1")["mode"] == "YOLO"


@pytest.mark.parametrize("name", [spec.name for spec in inputs().values() if spec.api_field])
def test_an_input_with_a_field_reaches_the_api(tmp_path: Path, name: str) -> None:
    spec = inputs()[name]
    text = spec.kind.choices[0] if spec.kind.choices else "false" if spec.kind.name == "boolean" else "docs"
    prompt = {"MOGPLEX_PROMPT": ""} if name == "prompt" else {}
    sent = read(tmp_path, f"--{name}={text}", **prompt).start_request("r")
    own_branch = {} if name == "branch" else {"createBranch": True}
    value = False if text == "false" else text.upper() if spec.is_upper else text
    expected: dict[str, object] = {"repoId": "r", "prompt": "Fix it", **own_branch}
    assert sent == expected | {str(spec.api_field): value}


def test_a_scenario_is_a_name_or_a_file_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("steps: [{status: success}]")
    (tmp_path / "outside.yaml").symlink_to("/etc/hostname")
    assert read(tmp_path, "--dry-run").dry_run is True
    assert read(tmp_path, "--dry-run", "failed").dry_run == "failed"
    assert read(tmp_path, "--dry-run", "./mine.yaml").dry_run == tmp_path.resolve() / "mine.yaml"
    for name in ("missing.yaml", "outside.yaml", "../x.yaml", "/etc/passwd", "failled"):
        assert faulty(tmp_path, "--dry-run", name) == ["dry-run"]
    for text, remedy in (
        ("steps: [", "Fix line 1: (top level): not valid YAML"),
        ("steps: [{part: x}]", "Fix line 1: steps[0]"),
    ):
        (tmp_path / "mine.yaml").write_text(text)
        (problem,) = problems(tmp_path, "--dry-run", "mine.yaml")
        assert problem.remedy.startswith(remedy)


@pytest.mark.parametrize("form", ["flag", "text", "mapping"])
def test_run_options_stand_in_the_request_as_they_are(tmp_path: Path, form: str) -> None:
    text = "conversationId: c1\nnew: {list: [1, 1.5, true, null, no, '7'], text: 2026-11-25}\nworktreeId: w"
    run_file(tmp_path, f"run-options:{' |' if form == 'text' else ''}\n{textwrap.indent(text, '  ')}\n")
    given = ["--run-options", text] if form == "flag" else ["--run-file", "mogplex.yml"]
    sent = read(tmp_path, *given).start_request("r")
    assert sent == {
        "repoId": "r",
        "prompt": "Fix it",
        "conversationId": "c1",
        "new": {"list": [1, 1.5, True, None, "no", "7"], "text": "2026-11-25"},
        "worktreeId": "w",
    }


@pytest.mark.parametrize("text", ["prompt: x", "repoId: x", "- a", "a: [", "a: 1\na: 2", "1: x", "x" * 20_001])
def test_run_options_that_are_refused(tmp_path: Path, text: str) -> None:
    assert faulty(tmp_path, "--run-options", text) == ["run-options"]


def test_a_branch_is_created_when_none_is_named(tmp_path: Path) -> None:
    assert read(tmp_path).create_branch
    assert not read(tmp_path, "--branch", "feature/x").create_branch
    assert read(tmp_path, "--branch", "feature/x", "--create-branch").create_branch


def test_only_the_emulators_token_may_travel_in_the_clear(tmp_path: Path) -> None:
    with Emulator() as emulator:
        assert emulator.token == EMULATOR_TOKEN
    service = "http://emulator:8787"
    assert read(tmp_path, MOGPLEX_URL=service, MOGPLEX_API_KEY=EMULATOR_TOKEN).base_url == service
    assert faulty(tmp_path, MOGPLEX_URL=service, MOGPLEX_API_KEY="mog_" + "x" * 32) == ["base-url"]
    assert faulty(tmp_path, MOGPLEX_URL=service) == ["base-url"]
    assert faulty(tmp_path, MOGPLEX_URL="ftp://emulator", MOGPLEX_API_KEY=EMULATOR_TOKEN) == ["base-url"]


def test_a_flag_without_a_value_is_the_only_fault(tmp_path: Path) -> None:
    """The other flags cannot be told apart: none of them is reported as missing."""
    assert faulty(tmp_path, "--prompt=Fix it", "--timeout", MOGPLEX_PROMPT="") == ["flag --timeout"]


def test_right_inputs_need_neither_jsonschema_nor_yaml() -> None:
    code = (
        "import sys; from pathlib import Path; from mogplex_ci.inputs.read import read_inputs;"
        "read_inputs([], {'MOGPLEX_PROMPT': 'x', 'MOGPLEX_TIMEOUT': '5m'}, Path('.'), 'acme/web');"
        "print({'jsonschema', 'yaml', 'difflib'} & sys.modules.keys() or 'none')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("none\n", "")


@pytest.mark.parametrize(("name", "successor"), load_schema("inputs")["x-instead"].items())
def test_a_name_that_people_try_is_unknown_and_the_input_is_named(tmp_path: Path, name: str, successor: str) -> None:
    spec, variable = inputs()[successor], name.upper().replace("-", "_")
    run_file(tmp_path, f"{name}: x")
    told = [problem.remedy for problem in problems(tmp_path, f"--{name}=x", MOGPLEX_RUN_FILE="mogplex.yml")]
    given = {f"MOGPLEX_{variable}": "x", f"INPUT_{name.upper()}": "x"}
    told += [found.rpartition("input ")[2] for found in warnings(tmp_path, **given)]
    flag = f"{spec.variables[0]} instead. Other" if spec.is_secret else f"--{successor} instead."
    for remedy, written in zip(
        told, (flag, f"{successor} instead.", f"{successor} instead.", f"{spec.variables[0]} instead."), strict=True
    ):
        assert remedy.startswith(f"Use {written}")


def test_prompt_file(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text("\ufeffFix é\n", encoding="utf-8")
    assert read(tmp_path, "--prompt-file", "task.md", MOGPLEX_PROMPT="").prompt == "Fix é"
    assert faulty(tmp_path, "--prompt-file", "task.md") == ["prompt"]
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    assert faulty(tmp_path, "--prompt-file", "pipe", MOGPLEX_PROMPT="") == ["prompt-file"]


def test_a_task_of_the_run_file_comes_before_its_top(tmp_path: Path) -> None:
    run_file(tmp_path, "harness: codex\ntimeout: 900\ntasks:\n  lint: {prompt: Lint it, wait: false, timeout: 60}\n")
    read_back = read(tmp_path, "--run-file", "mogplex.yml", "--task", "lint", MOGPLEX_PROMPT="")
    assert (read_back.prompt, read_back.timeout, read_back.wait, read_back.harness) == ("Lint it", 60, False, "codex")


def test_a_run_file_s_values_are_text_as_written(tmp_path: Path) -> None:
    """YAML 1.1 takes ``no`` for a boolean, ``1.10`` for a number, ``1:30`` for 90 and a date for no text at all."""
    text = "branch: no\nbase-branch: 1.10\nroot-directory: 2026-11-25\nharness: ~\nannotations:\nagent: 1:30\n"
    run_file(tmp_path, text)
    read_back = read(tmp_path, "--run-file", "mogplex.yml")
    assert (read_back.branch, read_back.base_branch, read_back.root_directory) == ("no", "1.10", "2026-11-25")
    assert (read_back.harness, read_back.summary, read_back.agent) == (None, True, "1:30")


def test_tasks_of_a_run_file_may_share_a_value(tmp_path: Path) -> None:
    run_file(tmp_path, "tasks:\n  a: {prompt: &task Lint}\n  b: {prompt: *task, timeout: !!int 180}\n")
    read_back = read(tmp_path, "--run-file", "mogplex.yml", "--task", "b", MOGPLEX_PROMPT="")
    assert (read_back.prompt, read_back.timeout) == ("Lint", 180)


def test_the_inputs_that_a_run_file_must_not_set() -> None:
    never = {
        "api-key",
        "github-token",
        "base-url",
        "allowed-users",
        "allowed-bots",
        "on-blocked",
        "include-event",
        "dry-run",
    }
    internal = {"matrix", "strategy", "post-step", "poll-interval"}
    assert {name for name, spec in inputs().items() if not spec.is_for_run_file} == never | internal | {
        "run-file",
        "task",
    }


def test_a_file_that_is_no_yaml_mapping_is_not_quoted(tmp_path: Path) -> None:
    secret = "quoteless-secret-words"
    for text in (
        secret,
        f"- {secret}",
        f"*{secret}",
        f"!{secret} x: [",
        f'"\\{secret}"',
        f"a: b: {secret}",
        f"%{secret}",
    ):
        run_file(tmp_path, text)
        for argv in (["--run-file", "mogplex.yml"], ["--dry-run", "./mogplex.yml"]):
            with pytest.raises(UsageError) as caught:
                read(tmp_path, *argv)
            (problem,) = caught.value.problems
            assert secret not in f"{problem} {problem.got and problem.got.text}", text


def test_a_run_file_that_cannot_be_used_is_the_only_fault(tmp_path: Path) -> None:
    """The prompt may stand in it: it is not reported as missing."""
    assert faulty(tmp_path, "--run-file", "missing.yml", MOGPLEX_PROMPT="") == ["run-file"]


@pytest.mark.parametrize(
    "text",
    [
        "tasks: {other: {prompt: x}}",
        "tasks: {lint: {prompt: x}, other: {promt: x}}",
        "tasks: {lint: {prompt: x}, lint: {prompt: y}}",
        "{}: x",
        "prompt: !!set {a, b}",
        "tasks:\n  a: &a {prompt: x}\n  b: {<<: *a}\n",
        "prompt: &a [*a]",
        "&a {prompt: *a}",
        "{a: " * 50_000,
        "- " * 10_000,
        "a0: &a [x]\n" + "\n".join(f"a{n}: &a [*a, *a, *a, *a]" for n in range(1, 40)),
        "tasks: " + "9" * 5_000,
        "prompt: '\\ud800'",
        "\0",
        "prompt: x\nkeys: [" + "x," * 21_000 + "]",
    ],
)
def test_a_run_file_that_is_wrong(tmp_path: Path, text: str) -> None:
    run_file(tmp_path, text)
    found = problems(tmp_path, "--run-file", "mogplex.yml", "--task", "lint")
    assert any(problem.input.startswith(("run-file", "task")) for problem in found)


@pytest.mark.parametrize(
    "text",
    [
        "prompt: x",
        "tasks:",
        "tasks: {lint:}",
        "tasks: {lint: {prompt: x, run-options: {conversationId: c}}}",
        "promt: x",
        "api-key: x",
        "prompt: [x]",
        "prompt: {x: y}",
        "tasks: x",
        "tasks: []",
        "tasks: {lint: x}",
        "tasks: {tasks: [x]}",
        "tasks: {lint: {promt: x}}",
        "tasks: {lint: {prompt: [x]}}",
        "tasks: {lint: {tasks: {}}}",
    ],
)
def test_editors_and_the_program_agree_about_a_run_file(tmp_path: Path, text: str) -> None:
    run_file(tmp_path, text)
    found = {problem.input for problem in gather(["--run-file=mogplex.yml"], {}, tmp_path).problems}
    fits = Draft202012Validator(load_schema("run-file")).is_valid(yaml.safe_load(text))
    assert found == (set() if fits else {"run-file"})


def test_what_the_runner_takes_for_itself_is_no_unknown_input(tmp_path: Path) -> None:
    assert warnings(tmp_path, INPUT_ENTRYPOINT="/app/main.py", INPUT_ARGS="action") == []


def test_outputs_of_an_earlier_job_are_no_inputs(tmp_path: Path) -> None:
    env = {"MOGPLEX_RUN_ID": RUN_ID, "MOGPLEX_IDEMPOTENCY_KEY": "theirs", "MOGPLEX_BRANCH": "theirs"}
    read_back = read(tmp_path, **env)
    assert (read_back.idempotency_key, read_back.branch) == (None, None)
    (warning,) = warnings(tmp_path, **env)
    assert warning.startswith("MOGPLEX_BRANCH, MOGPLEX_IDEMPOTENCY_KEY, MOGPLEX_RUN_ID set by an earlier job")


def test_without_a_task_an_earlier_jobs_run_is_followed(tmp_path: Path) -> None:
    outputs = {"MOGPLEX_RUN_ID": RUN_ID, "MOGPLEX_IDEMPOTENCY_KEY": "theirs", "MOGPLEX_BRANCH": "theirs"}
    followed, warned = read_inputs((), outputs, tmp_path, "acme/web")
    assert (followed.run_id, followed.prompt, followed.on_interrupt) == (RUN_ID, "", "detach")
    assert [problem.input for problem in warned] == ["MOGPLEX_BRANCH, MOGPLEX_IDEMPOTENCY_KEY"]


def test_a_run_that_is_followed_is_cancelled_only_when_asked_to(tmp_path: Path) -> None:
    def follow(*argv: str) -> ActionInputs:
        return read_inputs(("--run-id", RUN_ID, *argv), {}, tmp_path, "acme/web")[0]

    assert (follow().on_interrupt, follow().on_timeout) == ("detach", "detach")
    assert follow("--on-interrupt", "cancel").on_interrupt == "cancel"
    assert read(tmp_path).on_interrupt == "cancel"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("change", {"change"}),
        ("change,pull-request", {"change", "pull-request"}),
        (" checks ,\n change ", {"checks", "change"}),
    ],
)
def test_what_a_run_must_bring(tmp_path: Path, text: str, wanted: set[str]) -> None:
    assert read(tmp_path, "--require", text, MOGPLEX_GITHUB_TOKEN="ghs_x").require == wanted


@pytest.mark.parametrize(
    "name", ["report", "report.json", ".mogplex/artifacts/report", ".mogplex/artifacts/report.json"]
)
def test_an_artifact_by_name_or_path(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, "--artifact", name).artifact == ".mogplex/artifacts/report.json"


@pytest.mark.parametrize(
    ("strategy", "jobs"),
    [
        ("", 1),
        ("null", 1),
        ("{}", 1),
        ('{"fail-fast": true, "job-index": 0, "job-total": 8}', 8),
        ('{"job-total": 8, "max-parallel": 4}', 4),
        ('{"job-total": 2, "max-parallel": 4}', 2),
        ('{"max-parallel": 4}', 1),
        ('{"job-total": 0, "max-parallel": 0}', 1),
        ('{"job-total": null, "max-parallel": "4"}', 1),
    ],
)
def test_how_many_jobs_share_the_token(tmp_path: Path, strategy: str, jobs: int) -> None:
    assert read(tmp_path, INPUT_STRATEGY=strategy).jobs_per_token == jobs


def test_the_order_of_a_matrix_does_not_tell_jobs_apart(tmp_path: Path) -> None:
    """Nothing promises that a re-run of the job gets its values in the same order."""
    one, other = ('{"os": "linux", "node": 22}', '{"node": 22, "os": "linux"}')
    assert read(tmp_path, INPUT_MATRIX=one).matrix == read(tmp_path, INPUT_MATRIX=other).matrix
    assert read(tmp_path, INPUT_MATRIX=one).matrix != read(tmp_path, INPUT_MATRIX='{"os": "linux"}').matrix
    assert read(tmp_path, INPUT_MATRIX="null").matrix == read(tmp_path, INPUT_MATRIX="{}").matrix == ()
    assert len(read(tmp_path, INPUT_MATRIX=one, INPUT_STRATEGY='{"job-index": 3}').matrix) == 2


def test_ten_tasks_and_ten_faults_of_a_run_file_are_named(tmp_path: Path) -> None:
    tasks = "".join(f"  task-{number}: {{prompt: x}}\n" for number in range(12))
    run_file(tmp_path, f"tasks:\n{tasks}")
    (problem,) = problems(tmp_path, "--run-file", "mogplex.yml", "--task", "lint", MOGPLEX_PROMPT="")
    assert problem.remedy == f"Its tasks: {', '.join(f'task-{number}' for number in range(10))}, …."
    run_file(tmp_path, "tasks:\n" + "".join(f"  task-{number}: {{prompt: x}}\n" for number in range(10)))
    (problem,) = problems(tmp_path, "--run-file", "mogplex.yml", "--task", "lint", MOGPLEX_PROMPT="")
    assert problem.remedy.endswith("task-9.")
    run_file(tmp_path, "".join(f"wrong-{number}: x\n" for number in range(12)))
    assert len(problems(tmp_path, "--run-file", "mogplex.yml")) == 10


def test_where_a_file_is_no_yaml_is_said(tmp_path: Path) -> None:
    run_file(tmp_path, "prompt: x\nbranch: y\nagent: z\n  harness: codex\n")
    (problem,) = problems(tmp_path, "--run-file", "mogplex.yml")
    assert problem.fault == "is not YAML: mapping values are not allowed here, see line 4, column 10"
    assert problem.remedy == "Write names and values, such as 'prompt: Fix the tests'."
    run_file(tmp_path, "prompt: x\ntasks:\n  a: {prompt: x}\n  a: {prompt: y}\n")
    (problem,) = problems(tmp_path, "--run-file", "mogplex.yml")
    assert problem.fault == "has the name a twice, see line 3 and line 4"


@pytest.mark.parametrize(
    ("repo", "repos", "is_for_many"),
    [
        ("acme/web", ("acme/web",), False),
        (" acme/web\n acme/api ", ("acme/web", "acme/api"), True),
        ("acme/*", ("acme/*",), True),
        ("acme/we?", ("acme/we?",), True),
    ],
)
def test_the_repositories_of_a_step(tmp_path: Path, repo: str, repos: tuple[str, ...], is_for_many: bool) -> None:
    given = read(tmp_path, MOGPLEX_REPO=repo)
    assert (given.repos, given.is_for_many_repos) == (repos, is_for_many)


@pytest.mark.parametrize(
    "argv",
    [
        ["--prompt=x", "--dry-run=failed"],
        ["--prompt=x", "--mode=safe", "--run-options=worktreeId: w", "--harness=codex"],
        ["--prompt=x", "--harness=mogplex"],
        ["--prompt=x", "--branch=a", "--base-branch=b", "--create-branch"],
        ["--prompt=x", "--branch=a", "--base-branch=a", "--create-branch=false"],
        ["--prompt=x", "--branch=a", "--base-branch=a"],
        ["--prompt=x", "--require=change,pull-request"],
        ["--prompt=x", "--require=checks", "--dry-run"],
        ["--prompt=x", "--protected-paths=.github/", "--allowed-paths=src/", "--comment-on=7", "--dry-run"],
        ["--prompt=x", "--artifact=report", "--output-dir=out"],
        ["--prompt=x", "--artifact=report", "--branch=a", "--create-branch"],
        [f"--run-id={RUN_ID}", "--artifact=report", "--timeout=5m", "--on-rerun=auto", "--retries=0"],
    ],
)
def test_inputs_that_go_together(tmp_path: Path, argv: list[str]) -> None:
    read_inputs(argv, {}, tmp_path, "acme/web")


@pytest.mark.parametrize(
    ("argv", "faults"),
    [
        ([], ["prompt is missing"]),
        (["--dry-run"], ["prompt is missing"]),
        ([f"--run-id={RUN_ID}", "--dry-run"], ["run-id is given together with dry-run, which has no such run"]),
        (
            [f"--run-id={RUN_ID}", "--prompt=x", "--mode=safe", "--on-rerun=new"],
            ["run-id does not go together with prompt, mode or on-rerun: that is for a new run"],
        ),
        (
            ["--prompt=x", "--allowed-paths=a", "--comment-on=7", "--require=checks"],
            ["github-token is missing, and needed for allowed-paths, comment-on or require: checks"],
        ),
        (["--prompt=x", "--protected-paths=a"], ["github-token is missing, and needed for protected-paths"]),
        (["--prompt=x", "--artifact-schema=schema.json"], ["artifact-schema is given without artifact"]),
        (["--prompt=x", "--artifact=a", "--branch=b"], ["artifact needs a branch of the run's own"]),
        (["--prompt=x", "--artifact=a", "--run-options=worktreeId: b"], ["artifact needs a branch of the run's own"]),
        (["--prompt=x", "--prompt-file=task.md"], ["prompt is given together with prompt-file"]),
        (
            ["--prompt=x", "--run-options=worktreeId: w", "--branch=b"],
            ["run-options names a worktree, which does not go together with branch"],
        ),
        (
            ["--prompt=x", "--mode=safe", "--run-options=worktreeId: w", "--harness=mogplex"],
            [
                "mode is not available for the harness mogplex",
                "run-options names a worktree, which is not available for the harness mogplex",
            ],
        ),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path: Path, argv: list[str], faults: list[str]) -> None:
    (tmp_path / "task.md").write_text("Fix it")
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(UsageError) as caught:
        read_inputs(argv, {}, tmp_path, "acme/web")
    assert [f"{problem.input} {problem.fault}" for problem in caught.value.problems] == faults


def test_a_repository_is_needed_where_the_system_names_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_inputs(["--prompt=x"], {}, tmp_path, None)
    assert [problem.input for problem in caught.value.problems] == ["repo"]
    assert read_inputs(["--prompt=x", "--repo=acme/api"], {}, tmp_path, None)[0].repo == "acme/api"
    assert read_inputs([f"--run-id={RUN_ID}"], {}, tmp_path, None)[0].repo is None


@pytest.mark.parametrize(
    ("text", "task", "remedy"),
    [
        ("timeout: 5m", "", "Set prompt or prompt-file, or task if the run file has tasks."),
        ("tasks: {a: {timeout: 5m}}", "a", "Set prompt or prompt-file."),
    ],
)
def test_a_task_is_asked_for_where_it_may_be_what_is_missing(text: str, task: str, remedy: str, tmp_path: Path) -> None:
    run_file(tmp_path, text)
    (problem,) = problems(tmp_path, MOGPLEX_RUN_FILE="mogplex.yml", MOGPLEX_TASK=task, MOGPLEX_PROMPT="")
    assert (problem.input, problem.fault, problem.remedy) == ("prompt", "is missing", remedy)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"type": "object"}', None),
        ("{}".ljust(1_000_000), None),
        ("{}".ljust(1_000_001), "has more than 1,000,000 bytes"),
        ("[]", "is not a JSON object"),
        ("true", "is not a JSON object"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"type": 7}', "is not a JSON Schema"),
        ('{"$schema": "http://json-schema.org/draft-04/schema#", "required": []}', "is not a JSON Schema"),
        ('{"required": []}', None),
    ],
)
def test_a_schema_for_an_artifact(content: str, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(content)
    argv = ["--artifact=report", "--artifact-schema=schema.json"]
    if fault is None:
        assert read(tmp_path, *argv).artifact_schema is not None
    else:
        (problem,) = problems(tmp_path, *argv)
        assert problem.input == "artifact-schema"
        assert problem.fault.startswith(fault)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("x".ljust(500_000), None),
        ("x".ljust(500_001), "has more than 500,000 bytes"),
        ("😀" * 50_000, None),
        ("😀" * 50_000 + "x", "has 100,001 characters, counted in UTF-16, 100,000 are allowed"),
        ("x" * 100_001, "has 100,001 characters, 100,000 are allowed"),
        (" \n", "is empty"),
        ("a\0b", "contains a NUL character"),
    ],
)
def test_how_long_a_prompt_may_be(content: str, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text(content, encoding="utf-8")
    if fault is None:
        assert read(tmp_path, "--prompt-file=task.md", MOGPLEX_PROMPT="").prompt == content.strip()
    else:
        (problem,) = problems(tmp_path, "--prompt-file=task.md", MOGPLEX_PROMPT="")
        assert problem.input == "prompt-file"
        assert problem.fault.startswith(fault)


@pytest.mark.parametrize(
    ("argv", "env", "connection"),
    [
        ([], {}, ("https://mogplex.com", None)),
        ([], {"MOGPLEX_API_KEY": "mog_a", "MOGPLEX_TIMEOUT": "wrong"}, ("https://mogplex.com", "mog_a")),
        (["--base-url=https://a.example"], {"MOGPLEX_URL": "https://b.example"}, ("https://a.example", None)),
    ],
)
def test_the_connection_needs_no_other_input(
    argv: list[str], env: dict[str, str], connection: tuple[str, str | None]
) -> None:
    assert read_connection(argv, env) == connection


def test_a_connection_that_is_wrong_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_connection(["--base-url=mogplex.com"], {"MOGPLEX_API_KEY": "a b"})
    assert [problem.input for problem in caught.value.problems] == ["api-key", "base-url"]


# The inputs of the run file.


def nodes(count: int) -> str:
    return f"keys: [{','.join('x' * (count - 3))}]"


def expanded(size: int) -> str:
    """Return a file that has this size when its aliases are expanded."""
    return f"a: &a {'x' * 2_000}\nb: [{','.join(['*a '] * 1_990)}]\nc: {'y' * (size - 3_982_005)}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (nodes(20_000), "is not an input"),
        (nodes(20_001), "has more than 20,000 names and values"),
        (expanded(4_000_000), "is not an input"),
        (expanded(4_000_001), "has aliases that expand to too much text"),
        ("prompt: x\n".ljust(500_000), None),
        ("prompt: x\n".ljust(500_001), "has more than 500,000 bytes"),
    ],
    ids=["nodes", "more nodes", "aliases", "more aliases", "bytes", "more bytes"],
)
def test_how_large_a_run_file_may_be(text: str, fault: str | None, tmp_path: Path) -> None:
    run_file(tmp_path, text)
    if fault is None:
        assert read(tmp_path, "--run-file=mogplex.yml", MOGPLEX_PROMPT="").prompt == "x"
    else:
        found = problems(tmp_path, "--run-file=mogplex.yml")
        assert found[0].fault.startswith(fault)


def test_a_pattern_that_is_not_valid_is_shown(tmp_path: Path) -> None:
    (problem,) = (found for found in problems(tmp_path, "--protected-paths", "docs/[z-a]") if "path" in found.input)
    assert (problem.input, problem.got) == ("protected-paths", Untrusted("docs/[z-a]"))
    assert (problem.fault, problem.remedy[:4]) == ("holds a pattern that is not valid", "Use ")
