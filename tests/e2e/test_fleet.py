"""Many runs in one step: a real process against the emulator over real HTTP."""

from __future__ import annotations

import html
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.contract.api import FakeClock
from tests.emulator import Emulator
from tests.github import ADA, NOTHING, TOKEN, GitHub, Work
from tests.program import Ended, GitHubStep, run_program
from tests.screen import show
from tests.slow import slow
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
    inputs = {
        "prompt": "Fix the failing test",
        "repo": "acme/*",
        "base-url": emulator.url,
        "api-key": emulator.token,
    }
    step = GitHubStep(tmp_path, inputs=inputs)
    (step.workspace / "mogplex.yml").write_text(TASKS)
    return step


def with_tasks(step: GitHubStep, **inputs: str) -> GitHubStep:
    del step.inputs["prompt"]
    step.inputs |= {"run-file": "mogplex.yml", "task": "all"} | {
        n.replace("_", "-"): v for n, v in inputs.items()
    }
    return step


def results(step: GitHubStep) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(step.outputs["results"])
    return found


def post(step: GitHubStep) -> Ended:
    return run_program("post", env=step.environment, cwd=step.workspace)


@pytest.mark.parametrize("lines", [24, *slow([6])])
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
    live = re.compile(
        r"(\S|  ) (?: \d\d:\d\d|      )  acme/(api|mono|web) +(Waiting|Starting the run|Run \w+.*)"
    )
    tables = [[live.fullmatch(line) for line in screen] for screen in shown.screens]
    rows = [[row for row in table if row] for table in tables]
    assert max(map(len, rows)) == min(3, lines - 4)
    assert any([row[3] for row in table][-1:] == ["Run succeeded"] for table in rows)
    assert any(two_at_work in screen for screen in shown.screens)
    assert not any(live.fullmatch(line) or line.startswith("Runs: ") for line in shown.left), (
        shown.left
    )
    assert sum("] ✔ Run succeeded after " in line for line in shown.left) == 3


def test_tasks_and_repositories_are_crossed_and_the_worst_decides(
    step: GitHubStep, emulator: Emulator
) -> None:
    """Each has a key, a line for each turning point, a log in one group, and a place in outputs and
    files.
    """
    web = next(
        repo.id
        for repo in emulator.world.tokens[emulator.token].user.repos
        if repo.full_name == "acme/web"
    )
    with_tasks(
        step, repo=f"{web}\n  acme/api acme/web", max_parallel="4", summary="true", output_dir="."
    )
    ended = step.run()
    assert (ended.code, ended.err) == (1, "")
    told = {name: step.outputs[name] for name in ("result", "error-code", "run-id", "branch")}
    assert told == {"result": "failed", "error-code": "RUN_FAILED", "run-id": "", "branch": ""}
    found = {(row["repo"], row["task"]): row for row in results(step)}
    assert {name: row["result"] for name, row in found.items()} == {
        (repo, task): "failed" if task == "tests" else "success"
        for repo in ("acme/web", "acme/api")
        for task in ("docs", "tests", "lint")
    }
    by_id = {run.id: run for run in emulator.runs}
    assert len({run.key for run in emulator.runs}) == 6
    assert any(
        run.key.startswith("github-acme/web-9876543210-build-acme/api-docs-")
        for run in emulator.runs
    )
    lines = ended.out.splitlines()
    for (repo, task), row in found.items():
        run = by_id.pop(row["run-id"])
        assert (run.repo.full_name, run.status) == (repo, row["status"])
        assert row["pull-request-url"] == (
            f"https://github.com/{repo}/pull/42" if task == "docs" else None
        )
        name = f"[{repo} {task}] "
        shown = [line for line in lines if line.startswith(name)]
        assert shown[0].startswith(f"{name}Started run ")
        if task == "tests":
            assert f"{name}✘ Run failed after " in shown[-1]
            group = lines.index(f"::group::{name}The run's log")
            own = lines[group : lines.index("::endgroup::", group)]
        else:
            said = re.fullmatch(r".*\] ✔ Run succeeded after .*\(log: (run-logs/.*)\)", shown[-1])
            assert said, shown
            own = (step.workspace / said[1]).read_text(encoding="utf-8").splitlines()
        assert sum("agent: done after" in line for line in own) == (task != "tests")
    assert by_id == {}
    assert re.search("^✘ 4 of 6 runs succeeded after ", ended.out, re.MULTILINE)
    assert ended.out.count("::error ") == 2  # one for each failed run, none for the step
    content = json.loads((step.workspace / "result.json").read_text())
    Draft202012Validator(load_schema("result")).validate(content)
    assert [(run["repo"], run["task"]) for run in content["runs"]] == list(found)
    events = [
        json.loads(line) for line in (step.workspace / "events.ndjson").read_text().splitlines()
    ]
    assert {event["runId"]: event["status"] for event in events if "status" in event} == {
        run.id: run.status for run in emulator.runs
    }
    assert len(events) == sum(len(run.events) + 1 for run in emulator.runs)
    assert "4 of 6 runs succeeded" in (step.workspace / "report.html").read_text()
    assert step.summary.count("<summary>✘ ") == 2


def test_a_pattern_that_finds_one_repository_reads_like_one_run_and_keeps_its_outputs(
    step: GitHubStep,
) -> None:
    """Its log is streamed and has no name in brackets; outputs and files follow from the inputs, so
    that a workflow need not know how many repositories there are.
    """
    step.inputs |= {"repo": "acme/we*", "output-dir": ".", "summary": "true"}
    ended = step.run()
    assert (ended.code, ended.err) == (0, "")
    assert "[acme/web" not in ended.out + step.summary
    assert re.search("^✔ Run succeeded after ", ended.out, re.MULTILINE)
    (row,) = results(step)
    told = (step.outputs["result"], step.outputs["run-id"], row["repo"], row["result"])
    assert told == ("success", "", "acme/web", "success")
    content = json.loads((step.workspace / "result.json").read_text())
    assert (content["run"], content["runs"][0]["run"]["id"]) == (None, row["run-id"])


def test_a_rerun_joins_what_succeeded_and_restarts_what_failed(
    step: GitHubStep, emulator: Emulator
) -> None:
    with_tasks(step, repo="acme/web")
    assert step.run().code == 1
    first = {row["task"]: row["run-id"] for row in results(step)}
    step.env["GITHUB_RUN_ATTEMPT"] = "2"
    assert step.run().code == 1
    second = {row["task"]: row["run-id"] for row in results(step)}
    assert [first[task] == second[task] for task in ("docs", "lint", "tests")] == [
        True,
        True,
        False,
    ]
    assert len(emulator.runs) == 4


@pytest.mark.parametrize(
    ("bounds", "tasks", "ends", "said"),
    [
        (
            {"canary": "1"},
            ["failed", "success", "success"],
            ["failed", "skipped CANARY_FAILED", "skipped CANARY_FAILED"],
            [
                "Starting 3 runs, up to 8 at once; canaries first: 1",
                "A canary failed: 2 runs not started; current ones continue",
                "0 of 3 runs succeeded, 2 not started",
                "Fix the cause and run the job again; it resumes where it left off.",
            ],
        ),
        (
            {"max-failures": "0", "max-parallel": "1"},
            ["success", "no-change", "success"],
            ["success", "rejected", "skipped MAX_FAILURES"],
            [
                "Starting 3 runs, up to 1 at once; no new runs after more than 0 failures",
                "1 run failed, and max-failures is 0: 1 run not started; current ones continue",
                "A re-run judges rejected runs as they are: only a new workflow run or pipeline starts others.",
            ],
        ),
        (
            {"canary": "2", "max-failures": "5"},
            ["success", "success", "failed"],
            ["success", "success", "failed"],
            [
                "canaries first: 2; no new runs after more than 5 failures",
                "All canaries succeeded (2): starting the others (1)",
            ],
        ),
    ],
)
def test_a_fleet_that_stops_itself_says_so_and_lists_what_it_did_not_start(
    step: GitHubStep, bounds: dict[str, str], tasks: list[str], ends: list[str], said: list[str]
) -> None:
    with_tasks(step, repo="acme/web", require="change", summary="true", output_dir="out")
    step.inputs |= bounds
    prompts = [f"  t{n}: {{prompt: 'scenario: {name}'}}" for n, name in enumerate(tasks)]
    (step.workspace / "mogplex.yml").write_text("\n".join(["tasks:", *prompts]))
    ended = step.run()
    assert (ended.code, ended.err) == (1, "")
    told = [
        row["result"] if row["result"] != "skipped" else f"skipped {row['error-code']}"
        for row in results(step)
    ]
    assert told == ends
    for words in said:
        assert words in ended.out
    skipped = sum(end.startswith("skipped") for end in ends)
    assert ended.out.count("Skipped") == 0
    assert sum("→ skipped" in line for line in ended.out.splitlines()) == skipped
    content = json.loads((step.workspace / "out/result.json").read_text())
    Draft202012Validator(load_schema("result")).validate(content)
    if skipped:
        assert "not started: " in html.unescape(step.summary).lower()


@pytest.mark.slow
def test_a_canary_whose_pull_request_was_merged_stays_good_in_a_rerun(
    step: GitHubStep, emulator: Emulator
) -> None:
    """And a run that a gate rejected is judged again, not started anew."""
    with GitHub() as api:
        api.works_for(emulator, Work(), NOTHING, Work())
        step.env |= {"GITHUB_API_URL": api.url}
        with_tasks(
            step,
            repo="acme/web",
            canary="1",
            require="pull-request",
            github_token=TOKEN,
            max_parallel="1",
        )
        text = "tasks:\n" + "".join(
            f"  {name}: {{prompt: 'scenario: success'}}\n" for name in "abc"
        )
        (step.workspace / "mogplex.yml").write_text(text)
        assert step.run().code == 1
        first = results(step)
        assert [row["result"] for row in first] == ["success", "rejected", "success"]
        api.merge_pull_request(by=ADA)
        step.env["GITHUB_RUN_ATTEMPT"] = "2"
        ended = step.run()
    assert [row["result"] for row in results(step)] == ["success", "rejected", "success"], ended.out
    assert [row["run-id"] for row in results(step)] == [row["run-id"] for row in first]
    assert len(emulator.runs) == 3
    assert (
        "A re-run judges rejected runs as they are: only a new workflow run or pipeline"
        in ended.out
    )


HIDDEN = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002"
WORLD = f"""\
users:
  - name: ada
    tokens: [{{token: mog_0123456789abcdefghijABCDEFGHIJ01}}]
    repos:
      - {{id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001, full_name: acme/web}}
      - {{id: {HIDDEN}, full_name: acme/attic, hidden: true}}
      - {{id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003, full_name: acme/cellar, hidden: true}}
"""
NOTE = "The repository acme/attic was removed from Mogplex's dashboard; it can still be used"


@pytest.mark.parametrize(
    ("api", "wanted", "started", "told"),
    [
        (
            "2026-11",
            "acme/* acme/attic",
            ["acme/attic", "acme/web"],
            [NOTE, "acme/* skips hidden repositories (2)"],
        ),
        ("2026-11", "acme/attic", ["acme/attic"], [NOTE]),
        ("2026-11", HIDDEN, ["acme/attic"], [NOTE]),
        (
            "2026-11",
            "acme/?ttic",
            [],
            ["matches only repositories removed from Mogplex's dashboard"],
        ),
        ("2026-08", "acme/*", ["acme/web"], []),
        ("2026-08", "acme/attic", [], ["removed it from Mogplex's dashboard, use its id."]),
        ("2026-08", HIDDEN, ["acme/attic"], []),
    ],
)
def test_hidden_repositories_match_no_pattern_and_are_used_when_they_are_named(
    tmp_path: Path, api: str, wanted: str, started: list[str], told: list[str]
) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(WORLD)
    with Emulator("success", api=api, world=world, speed=SPEED) as emulator:
        inputs = {"prompt": "Fix it", "repo": wanted, "base-url": emulator.url}
        ended = GitHubStep(tmp_path, inputs=inputs | {"api-key": emulator.token}).run()
    assert sorted(run.repo.full_name for run in emulator.runs) == started
    assert ended.code == (0 if started else 2), ended.out
    for words in told:
        assert words in ended.out
    assert ("dashboard" in ended.out) is bool(told)


def test_a_dry_run_needs_no_network_and_plays_a_repository_for_a_pattern(tmp_path: Path) -> None:
    inputs = {"prompt": "Fix it", "repo": "nobody/*\nacme/web", "dry-run": "no-change"}
    step = GitHubStep(tmp_path, inputs=inputs)
    ended = step.run()
    assert ended.code == 0, ended.out
    assert (
        'Dry run of scenario "no-change": nothing is sent to https://mogplex.com. Request for each'
        in ended.out
    )
    assert '"repoId": "nobody/*, acme/web"' in ended.out
    assert 'Dry run of scenario "no-change": nothing was sent.' in html.unescape(step.summary[:300])
    assert step.outputs["result"] == "success"
    assert {row["repo"]: row["result"] for row in results(step)} == dict.fromkeys(
        ("nobody/example", "acme/web"), "success"
    )


@pytest.mark.parametrize("refused", [False, True])
def test_a_stop_signal_cancels_every_run_or_leaves_it_to_post(
    slow_step: tuple[GitHubStep, Emulator], refused: bool
) -> None:
    step, emulator = slow_step
    step.inputs["annotations"] = "none"
    process = step.start()
    wait_until(asked(emulator, "stream", 3), process)
    if refused:
        emulator.inject("cancel", status=503, times="always")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LONG)
    assert (process.returncode, err, "Traceback" in out) == (130, "", False)
    said, explained = out.splitlines()[-2:]
    assert "Stopped by SIGINT" in out
    state = "3 of 3 runs are or may still be running" if refused else "All runs have finished"
    cause = "The job was cancelled, or its time limit passed"
    assert said.startswith(f"Error: {cause}. {state}")
    assert explained.startswith("INTERRUPTED, exit 130: https://")
    assert "::error" not in out
    assert any(run.status == "cancelled" for run in emulator.runs) is not refused
    assert [step.outputs["result"], *(row["result"] for row in results(step))] == [
        "interrupted"
    ] * 4
    emulator.clear_faults()
    sent = len(emulator.requests)
    assert post(step).code == 0
    assert (len(emulator.requests) > sent) is refused
    assert [run.status for run in emulator.runs] == ["cancelled"] * 3


@pytest.mark.parametrize("answered", [True, False])
def test_post_cancels_every_run_of_a_killed_step(
    slow_step: tuple[GitHubStep, Emulator], answered: bool
) -> None:
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
    assert (
        "12 runs take 1m 00s to start; those still waiting at the timeout (50s) are not started"
        in warning
    )
    assert [result["result"] for result in results(step)].count("detached") == 10


def test_a_pattern_whose_repositories_cannot_all_be_listed_starts_nothing(tmp_path: Path) -> None:
    with Emulator(
        "success", repos=[f"acme/site-{number}" for number in range(205)], speed=100
    ) as emulator:
        inputs = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        ended = GitHubStep(tmp_path / "1", inputs={**inputs, "repo": "acme/site-*"}).run()
        assert (ended.code, emulator.runs) == (2, [])
        assert "is looked up among 200 repositories, and" in ended.out
        assert (
            GitHubStep(tmp_path / "2", inputs={**inputs, "repo": "acme/site-20*"}).run().code == 0
        )
        assert len(emulator.runs) == 6
