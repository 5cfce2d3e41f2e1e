"""The gates of a run, and the comment about it: real processes, the emulator, and a stand-in of
GitHub's API. tests/gates has what each gate lets pass and what it rejects.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.e2e.judged import PASSED, beside, result_of, written_by
from tests.gates.story import says
from tests.github import BOT, TOKEN, Look, Work, check
from tests.github_log import read_log
from tests.oracles.github_markdown import rendered
from tests.program import FAST_CLOCK
from tests.waits import LONG, wait_until

ARTIFACT = Path(__file__).parent / "scenarios" / "artifact.yaml"
PULL_REQUEST = "https://github.com/acme/web/pull/42"
OWN_JOB = check(
    "agent",
    None,
    html_url="https://github.com/acme/web/actions/runs/9876543210/job/1",
    check_suite={"id": 2},
)
"""The check of the job that waits for the checks."""


def test_a_run_that_brings_everything_is_a_success_and_the_github_token_is_shown_nowhere(
    tmp_path: Path,
) -> None:
    wanted = {"allowed_paths": "src/**\n*.md", "protected_paths": ".github/", "comment_on": "7"}
    with beside(tmp_path, Work(checks=Look([PASSED, OWN_JOB])), speed=100) as each:
        step = each.step(require="change, pull-request", checks="test", **wanted)
        ended = step.run(through=FAST_CLOCK)
        (run,) = each.emulator.runs
    assert (ended.code, step.outputs["result"]) == (0, "success"), ended.out
    assert read_log(ended.out).texts("error") == []
    result = result_of(step)
    names = ["change", "pull-request", "allowed-paths", "protected-paths", "checks", "branch"]
    assert [(gate["name"], gate["passed"]) for gate in result["gates"]] == [
        (name, True) for name in names
    ]
    assert step.outputs["commit-sha"] == result["commit"] == run.commit_sha
    said = ended.out.replace(f"::add-mask::{TOKEN}\n", "")
    assert said != ended.out
    assert TOKEN not in said + written_by(step) + each.github.comments[0]["body"]


def test_a_gate_that_does_not_hold_rejects_the_run_and_is_told_everywhere(tmp_path: Path) -> None:
    moved = {"docs/new.md": "on: push", ".github/ci.yml": None}
    with beside(tmp_path, Work({"README.md": "changed", **moved})) as each:
        paths = {"allowed_paths": "docs/**\n*.md", "protected_paths": ".github/"}
        step = each.step(require="change", **paths)
        ended = step.run()
    outputs = step.outputs
    told = [outputs[name] for name in ("result", "status", "error-code")]
    assert (ended.code, told) == (1, ["rejected", "success", "PATH_NOT_ALLOWED"]), ended.out
    assert outputs["pull-request-url"] == PULL_REQUEST
    first, second = read_log(ended.out).texts("error")
    merging = "Merging the branch would change"
    assert first.startswith(f"allowed-paths: {merging} a path outside the allowed ones: .github/")
    assert second.startswith(f"protected-paths: {merging} a protected path: .github/ci.yml. ")
    assert "✔ change: The run changed the repository" in ended.out
    assert "✘ Run rejected after" in ended.out
    for text in (step.summary, (step.workspace / "report.html").read_text()):
        assert "Run rejected" in text
        assert "still on the branch" in text
    assert [gate["passed"] for gate in result_of(step)["gates"]] == [True, False, False]


def test_an_artifact_reaches_an_output_and_a_file(tmp_path: Path) -> None:
    with beside(tmp_path, scenario=ARTIFACT) as each:
        step = each.step(artifact="report", artifact_schema="schema.json")
        (step.workspace / "schema.json").write_text('{"type": "object", "required": ["version"]}')
        ended = step.run()
    assert ended.code == 0, ended.out
    artifact = json.loads(step.outputs["artifact"])
    assert artifact["version"] == "1.4.0"
    compact = json.dumps(artifact, separators=(",", ":"), ensure_ascii=False)
    assert step.outputs["artifact"] == compact
    assert json.loads((step.workspace / "artifact.json").read_text()) == artifact
    assert result_of(step)["artifact_file"] == "artifact.json"


def test_one_comment_tells_of_the_run_from_its_start_to_its_end(tmp_path: Path) -> None:
    with beside(tmp_path, scenario=ARTIFACT) as each:
        ended = each.step(comment_on="7").run()
    assert ended.code == 0, ended.out
    (comment,) = each.github.comments
    changes = [asked.method for asked in each.github.asked if asked.method != "GET"]
    assert (comment["issue"], changes) == (7, ["POST", "PATCH"])
    body = comment["body"]
    assert re.match(r"<!-- run-action key=[0-9a-f]{32} run=[0-9a-f]{32} -->\n", body)
    for text in ("**Run succeeded**", PULL_REQUEST, "acme/web/actions/runs/9876543210"):
        assert text in body
    page = rendered(body)
    quoted = (
        "@acme/owners please look: <img src=x> [here](https://evil.example)\n```\n# out\n````\n"
    )
    assert f"{quoted}end" in "".join(text for _, text in page.texts)
    mentions = [inside for inside, text in page.texts if re.search(r"@\w", text)]
    assert all("code" in inside for inside in mentions)
    harmful = re.compile(r"(?:img|h1)|.*evil\.example", re.DOTALL)
    assert not any(harmful.match(element) for element in page.elements)


def test_a_stranger_cannot_put_the_comment_there_beforehand(tmp_path: Path) -> None:
    """Not with a marker made of a key that is known, and not with a copy of the marker."""
    key = "known-to-everybody"
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    marker = f"<!-- run-action key={digest} run={'0' * 32} -->\n"
    with beside(tmp_path) as each:
        comments = each.github.comments
        comments.append({"id": 1, "issue": 7, "user": BOT, "body": marker})
        each.step(comment_on="7", idempotency_key=key).run()
        own = comments[1]["body"]
        comments[:] = [{"id": 2, "issue": 7, "user": {"type": "User"}, "body": own}]
        each.step(comment_on="7", idempotency_key=key).run()
    assert [comment["user"]["type"] for comment in comments] == ["User", "Bot"]
    assert comments[0]["body"] == own


@pytest.mark.parametrize("branch", ["", "fix"], ids=["new branch", "existing branch"])
def test_a_step_that_is_stopped_while_gates_judge_tells_what_is_known_of_the_run(
    tmp_path: Path, branch: str
) -> None:
    with beside(tmp_path, Work(checks=Look([check("test", None)]))) as each:
        if branch:
            each.github.push(branch, {"src/old.py": "x = 1"})
        step = each.step(checks="test", branch=branch)
        with step.start() as process:
            asked = each.github.asked
            wait_until(lambda: any("check-runs" in each.path for each in asked), process)
            process.terminate()
            process.communicate(timeout=LONG)
        (run,) = each.emulator.runs
    assert (process.returncode, run.status) == (143, "success")
    names = ("result", "run-id", "status", "pull-request-url")
    told = [step.outputs[name] for name in names]
    assert told == ["interrupted", run.id, "success", PULL_REQUEST]


def test_the_job_that_waits_for_a_run_edits_the_comment_of_the_job_that_started_it(
    tmp_path: Path,
) -> None:
    """And so does a re-run of that job."""
    with beside(tmp_path, speed=20) as each:
        start = each.step(comment_on="7", wait="false")
        assert start.run().code == 0
        (comment,) = each.github.comments
        assert "**Run started, not followed**" in comment["body"]
        run_id = start.outputs["run-id"]
        wait = each.step({"GITHUB_JOB": "wait"}, comment_on="7", prompt="", run_id=run_id)
        ended = wait.run()
        assert ended.code == 0, ended.out
        assert (wait.outputs["run-id"], wait.outputs["repo"]) == (run_id, "acme/web")
        assert f"Following existing run {run_id}" in ended.out
        assert "**Run succeeded**" in comment["body"]
        assert each.step({"GITHUB_RUN_ATTEMPT": "2"}, comment_on="7").run().code == 0
        assert (each.github.comments, len(each.emulator.runs)) == ([comment], 1)


@pytest.mark.parametrize(
    ("claimed", "server", "is_handed_on"),
    [
        (PULL_REQUEST, "https://github.com", True),
        ("https://github.com/evil/web/pull/42", "https://github.com", False),
        ("https://ghe.example/acme/web/pull/42", "https://ghe.example", True),
        ("https://ghe.example/acme/web/pull/42", "https://github.com", False),
        ("https://github.com@evil.example/acme/web/pull/42", "https://github.com", False),
        ("https://github.com/acme/web/pull/42/../../../evil", "https://github.com", False),
    ],
)
def test_without_githubs_word_a_pull_request_must_be_one_of_the_runs_own_repository(
    tmp_path: Path, claimed: str, server: str, is_handed_on: bool
) -> None:
    scenario = tmp_path / "story.yaml"
    steps = [{"after": "1s", "launch": True}, *says(pull_request_url=claimed)]
    scenario.write_text(json.dumps({"steps": steps}))
    require = "pull-request" if is_handed_on else ""
    with beside(tmp_path, scenario=scenario) as each:
        step = each.step({"GITHUB_SERVER_URL": server}, github_token="", require=require)
        ended = step.run()
    assert ended.code == 0, ended.out
    told = [step.outputs["pull-request-url"], result_of(step)["pull_request_url"] or ""]
    assert told == [claimed if is_handed_on else ""] * 2
    assert is_handed_on or claimed not in step.summary
