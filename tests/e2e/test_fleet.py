"""Many runs in one step: a real process against the emulator over real HTTP."""

from __future__ import annotations

import html
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.emulator import Emulator
from mogplex_ci.inputs.declared import load_schema
from tests.contract.api import FakeClock
from tests.program import Ended, GitHubStep, run_program
from tests.screen import show
from tests.waits import LONG, asked, wait_until

SPEED = 20
TASKS = """\
tasks:
  docs: {prompt: 'scenario: success'}
  tests: {prompt: 'scenario: failed'}
  lint: {prompt: 'scenario: no-change'}
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("success", speed=SPEED) as emulator:
        yield emulator


@pytest.fixture
def slow_step(step: GitHubStep) -> Iterator[tuple[GitHubStep, Emulator]]:
    """A step whose runs take longer than the test."""
    with Emulator("slow") as emulator:
        step.inputs["base-url"] = emulator.url
        yield step, emulator


@pytest.fixture
def step(tmp_path: Path, emulator: Emulator) -> GitHubStep:
    inputs = {"prompt": "Fix the failing test", "repo": "acme/*", "base-url": emulator.url, "api-key": emulator.token}
    step = GitHubStep(tmp_path, inputs=inputs)
    (step.workspace / "mogplex.yml").write_text(TASKS)
    return step


def with_tasks(step: GitHubStep, **inputs: str) -> GitHubStep:
    del step.inputs["prompt"]
    step.inputs |= {"run-file": "mogplex.yml", "task": "all"} | {n.replace("_", "-"): v for n, v in inputs.items()}
    return step


def results(step: GitHubStep) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(step.outputs["results"])
    return found


def post(step: GitHubStep) -> Ended:
    state = {f"STATE_{name}": value for name, value in step.state.items()}
    return run_program("post", env=step.environment | state, cwd=step.workspace)


def test_one_task_in_every_repository_of_an_owner_and_a_log_of_each_run(step: GitHubStep, emulator: Emulator) -> None:
    step.inputs["branch"] = "agent/update"
    ended = step.run()
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert sorted(run.repo.full_name for run in emulator.runs) == ["acme/api", "acme/mono", "acme/web"]
    assert step.outputs["result"] == "success"
    assert step.outputs["run-id"] == step.outputs["branch"] == ""
    by_repo = {run.repo.full_name: run for run in emulator.runs}
    for row in results(step):
        run = by_repo.pop(row["repo"])
        assert row["result"] == row["status"] == "success"
        assert row["run-id"] == run.id
        assert row["pull-request-url"] == f"https://github.com/{row['repo']}/pull/42"
        assert (row["changed"], row["branch"]) == (True, "agent/update")
    assert by_repo == {}
    lines = ended.out.splitlines()
    for name in ("acme/api", "acme/mono", "acme/web"):
        (started,) = [number for number, line in enumerate(lines) if line.startswith(f"[{name}] Started run ")]
        (done,) = [number for number, line in enumerate(lines) if line.startswith(f"[{name}] ✔ Run succeeded after ")]
        (group,) = [number for number, line in enumerate(lines) if line == f"::group::[{name}] The run's log"]
        assert started < done < group
        own = lines[group : lines.index("::endgroup::", group)]
        assert sum("agent: done after" in line for line in own) == 1
    assert any(line.startswith("✔ 3 of 3 runs succeeded after ") for line in lines)
    opened = [line for line in lines if line.startswith(("::group::", "::endgroup::"))]
    assert [line.startswith("::group::") for line in opened] == [True, False] * (len(opened) // 2)


@pytest.mark.parametrize("lines", [24, 6])
def test_a_terminal_has_a_live_table_of_the_runs(tmp_path: Path, lines: int) -> None:
    inputs = {"MOGPLEX_REPO": "acme/*", "MOGPLEX_PROMPT": "Fix it", "MOGPLEX_MAX_PARALLEL": "2"}
    clock = FakeClock()
    two_at_work = "Runs: 0 done, 2 running, 1 queued"

    def go_on(screen: list[str]) -> None:
        if clock.seconds or two_at_work in screen:
            clock.tick()

    with Emulator("success", clock=clock) as emulator:
        env = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token, **inputs}
        shown = show(env=env, cwd=tmp_path, lines=lines, columns=60, each_time=go_on)
    assert shown.code == 0, shown.left
    live = re.compile(r"(\S|  ) (?: \d\d:\d\d|      )  acme/(api|mono|web) +(Waiting|Starting the run|Run \w+.*)")
    tables = [[live.fullmatch(line) for line in screen] for screen in shown.screens]
    rows = [[row for row in table if row] for table in tables]
    assert max(map(len, rows)) == min(3, lines - 4)
    assert any([row[3] for row in table][-1:] == ["Run succeeded"] for table in rows)
    assert any(two_at_work in screen for screen in shown.screens)
    assert not any(live.fullmatch(line) or line.startswith("Runs: ") for line in shown.left), shown.left
    assert sum("] ✔ Run succeeded after " in line for line in shown.left) == 3


def test_tasks_and_repositories_are_crossed_and_the_worst_decides(step: GitHubStep, emulator: Emulator) -> None:
    web = next(repo.id for repo in emulator.world.tokens[emulator.token].user.repos if repo.full_name == "acme/web")
    with_tasks(step, repo=f"{web}\n  acme/api acme/web", max_parallel="4", summary="true")
    step.inputs["output-dir"] = "."
    ended = step.run()
    assert ended.code == 1
    assert step.outputs["result"] == "failed"
    assert step.outputs["error-code"] == "RUN_FAILED"
    found = {(row["repo"], row["task"]): row["result"] for row in results(step)}
    assert found == {
        (repo, task): "failed" if task == "tests" else "success"
        for repo in ("acme/web", "acme/api")
        for task in ("docs", "tests", "lint")
    }
    assert len({run.key for run in emulator.runs}) == 6
    assert any(run.key.startswith("github-acme/web-9876543210-build-acme/api-docs-") for run in emulator.runs)
    assert re.search("^✘ 4 of 6 runs succeeded after ", ended.out, re.MULTILINE)
    assert ended.out.count("::error ") == 2  # one for each failed run, none for the step
    assert "[acme/api tests] " in ended.out
    content = json.loads((step.workspace / "result.json").read_text())
    Draft202012Validator(load_schema("result")).validate(content)
    assert [(run["repo"], run["task"], run["result"]) for run in content["runs"]] == [
        (row["repo"], row["task"], row["result"]) for row in results(step)
    ]
    suite = ElementTree.parse(step.workspace / "junit.xml").find("testsuite")  # noqa: S314 - ours
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("6", "2")
    assert {(case.get("classname"), case.get("name")) for case in suite.findall("testcase")} == set(found)
    events = [json.loads(line) for line in (step.workspace / "events.ndjson").read_text().splitlines()]
    assert {event["runId"] for event in events} == {run.id for run in emulator.runs}
    assert {event["runId"]: event["status"] for event in events if "status" in event} == {
        run.id: run.status for run in emulator.runs
    }
    assert len(events) == sum(len(run.events) + 1 for run in emulator.runs)
    assert "4 of 6 runs succeeded" in (step.workspace / "report.html").read_text()
    assert step.summary.count("<summary>✘ <code>") == 2


def test_a_rerun_joins_what_succeeded_and_restarts_what_failed(step: GitHubStep, emulator: Emulator) -> None:
    with_tasks(step, repo="acme/web")
    assert step.run().code == 1
    first = {row["task"]: row["run-id"] for row in results(step)}
    step.env["GITHUB_RUN_ATTEMPT"] = "2"
    assert step.run().code == 1
    second = {row["task"]: row["run-id"] for row in results(step)}
    assert [first[task] == second[task] for task in ("docs", "lint", "tests")] == [True, True, False]
    assert len(emulator.runs) == 4


def test_fail_fast_cancels_the_others_and_starts_no_more(step: GitHubStep, emulator: Emulator) -> None:
    (step.workspace / "mogplex.yml").write_text(
        "tasks:\n  bad: {prompt: 'scenario: failed'}\n  long: {prompt: 'scenario: slow'}\n"
        "  late: {prompt: 'scenario: success'}\n"
    )
    with_tasks(step, repo="acme/web", max_parallel="2", fail_fast="true")
    ended = step.run()
    assert ended.code == 1, ended.out
    assert {row["task"]: (row["result"], row["error-code"]) for row in results(step)} == {
        "bad": ("failed", "RUN_FAILED"),
        "long": ("cancelled", "FAIL_FAST"),
        "late": ("cancelled", "FAIL_FAST"),
    }
    assert sorted(run.status for run in emulator.runs) == ["cancelled", "failed"]
    assert step.outputs["result"] == "failed"


def test_a_dry_run_needs_no_network_and_plays_a_repository_for_a_pattern(tmp_path: Path) -> None:
    inputs = {"prompt": "Fix it", "repo": "nobody/*\nacme/web", "dry-run": "no-change"}
    step = GitHubStep(tmp_path, inputs=inputs)
    ended = step.run()
    assert ended.code == 0, ended.out
    assert "and the scenario no-change is played. The request for each repository would be" in ended.out
    assert '"repoId": "nobody/*, acme/web"' in ended.out
    assert "Dry run: nothing was sent, and the scenario no-change was played." in html.unescape(step.summary[:300])
    assert step.outputs["result"] == "success"
    assert {row["repo"]: row["result"] for row in results(step)} == dict.fromkeys(
        ("nobody/example", "acme/web"), "success"
    )


def test_a_stop_signal_cancels_every_run(slow_step: tuple[GitHubStep, Emulator]) -> None:
    step, emulator = slow_step
    step.inputs["annotations"] = "none"
    process = step.start()
    wait_until(asked(emulator, "stream", 3), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LONG)
    assert (process.returncode, err, "Traceback" in out) == (130, "", False)
    assert out.splitlines()[-1] == "Error: Mogplex: Stopped by SIGINT."
    assert "::error" not in out
    assert [run.status for run in emulator.runs] == ["cancelled"] * 3
    assert step.outputs["result"] == "interrupted"
    assert [row["result"] for row in results(step)] == ["interrupted"] * 3
    sent = len(emulator.requests)
    assert post(step).code == 0
    assert len(emulator.requests) == sent


def test_post_cancels_what_the_step_could_not_cancel_in_time(slow_step: tuple[GitHubStep, Emulator]) -> None:
    step, emulator = slow_step
    process = step.start()
    wait_until(asked(emulator, "stream", 3), process)
    emulator.inject("cancel", status=503, times="always")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LONG)
    assert process.returncode == 143
    assert not any(run.status == "cancelled" for run in emulator.runs)
    emulator.clear_faults()
    ended = post(step)
    assert ended.code == 0, ended.out
    assert [run.status for run in emulator.runs] == ["cancelled"] * 3


@pytest.mark.parametrize("answered", [True, False])
def test_post_cancels_every_run_of_a_killed_step(slow_step: tuple[GitHubStep, Emulator], answered: bool) -> None:
    step, emulator = slow_step
    with_tasks(step, repo="acme/web acme/api")
    (step.workspace / "mogplex.yml").write_text("prompt: 'scenario: slow'\ntasks: {one: , two: }\n")
    if not answered:
        emulator.inject("start", delay=10 * LONG, when="after", times=4)
    process = step.start()
    wait_until(asked(emulator, "stream" if answered else "start", 4), process)
    process.kill()
    process.communicate()
    ended = post(step)
    assert ended.code == 0, ended.out
    assert [run.status for run in emulator.runs] == ["cancelled"] * 4


def test_more_runs_than_can_be_started_in_time_are_warned_of_at_the_start(step: GitHubStep) -> None:
    with_tasks(step, repo="acme/web", timeout="50s", max_parallel="12", wait="false")
    (step.workspace / "mogplex.yml").write_text(
        "tasks:\n" + "".join(f"  t{n}: {{prompt: Fix it}}\n" for n in range(12))
    )
    ended = step.run()
    (warning,) = [line for line in ended.out.splitlines() if line.startswith("::warning")]
    assert "12 runs take 1m 00s to start, and those that wait longer than the timeout (50s) are not started" in warning
    assert [result["result"] for result in results(step)].count("detached") == 10


MISTAKES = {
    "nothing matches": (
        {"repo": "acme/* other/* acme/wbe"},
        [
            'repo: "other/*" matches no repository that this token can see.',
            'repo: "acme/wbe" is not a repository that this token can see. Install the Mogplex GitHub App on it,',
        ],
    ),
    "one key": (
        {"idempotency-key": "mine"},
        ["idempotency-key: is one key for 3 runs. Remove it: each run gets a key of its own."],
    ),
    "one branch": (
        {"repo": "acme/web acme/api", "run-file": "mogplex.yml", "task": "docs,lint", "branch": "agent/x"},
        [
            'branch: "acme/web" is used by several tasks of one repository. Give each task a branch of its own.',
            'branch: "acme/api" is used by several tasks of one repository. Give each task a branch of its own.',
        ],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_told_at_once_and_nothing_is_started(step: GitHubStep, emulator: Emulator, case: str) -> None:
    inputs, messages = MISTAKES[case]
    if "run-file" in inputs:
        del step.inputs["prompt"]
    step.inputs |= inputs
    ended = step.run()
    assert ended.code == 2, ended.out
    errors = [line for line in ended.out.splitlines() if line.startswith("::error ")]
    assert len(errors) == len(messages), ended.out
    for message, error in zip(messages, errors, strict=True):
        assert message.replace("%", "%25") in error
    assert emulator.runs == []
    assert step.outputs["error-code"] == "USAGE"


def test_doctor_looks_all_repositories_up(step: GitHubStep) -> None:
    with_tasks(step)
    ended = run_program("doctor", env=step.environment, cwd=step.workspace)
    assert "the names and patterns stand for 3" in ended.out, ended.out
    step.inputs["repo"] = "acme/* other/*"
    ended = run_program("doctor", env=step.environment, cwd=step.workspace)
    assert '"other/*" matches no repository that this token can see' in ended.out


def test_a_pattern_whose_repositories_cannot_all_be_listed_starts_nothing(tmp_path: Path) -> None:
    with Emulator("success", repos=[f"acme/site-{number}" for number in range(205)], speed=100) as emulator:
        inputs = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        ended = GitHubStep(tmp_path / "1", inputs={**inputs, "repo": "acme/site-*"}).run()
        assert (ended.code, emulator.runs) == (2, [])
        assert "is looked up among 200 repositories at most" in ended.out
        assert GitHubStep(tmp_path / "2", inputs={**inputs, "repo": "acme/site-20*"}).run().code == 0
        assert len(emulator.runs) == 6
