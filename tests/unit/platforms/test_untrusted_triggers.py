"""A prompt is code: events that outsiders can cause do not start a run unless GitHub vouches for their author."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from mogplex_ci.platforms import detect
from tests.program import GitHubStep

AUTHORED = {
    "issues": "issue",
    "issue_comment": "comment",
    "discussion": "discussion",
    "discussion_comment": "comment",
    "pull_request_target": "pull_request",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
}
TRUSTED = ("OWNER", "MEMBER", "COLLABORATOR")
OUTSIDERS = (
    "CONTRIBUTOR",
    "FIRST_TIME_CONTRIBUTOR",
    "FIRST_TIMER",
    "MANNEQUIN",
    "NONE",
    "owner",
    "",
    None,
    ["OWNER"],
    1,
)


def reason(folder: Path, name: str, payload: object) -> str | None:
    path = folder / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
    return detect(env, io.StringIO()).untrusted_trigger()


@pytest.mark.parametrize("name", AUTHORED)
def test_the_author_decides(name: str, tmp_path: Path) -> None:
    for association in TRUSTED:
        assert reason(tmp_path, name, {AUTHORED[name]: {"author_association": association}}) is None
    for other in OUTSIDERS:
        assert reason(tmp_path, name, {AUTHORED[name]: {"author_association": other}}) is not None


def test_the_author_of_the_comment_decides_and_not_the_one_of_the_issue(tmp_path: Path) -> None:
    payload = {"issue": {"author_association": "OWNER"}, "comment": {"author_association": "NONE"}, "sender": "OWNER"}
    assert reason(tmp_path, "issue_comment", payload) is not None


@pytest.mark.parametrize("name", [*AUTHORED, "workflow_run"])
@pytest.mark.parametrize(
    "payload", ["", "{", "null", "[]", "{}", '{"comment": []}', '{"comment": {}}', "\x00", "[" * 9]
)
def test_what_cannot_be_read_is_not_trusted(name: str, payload: str, tmp_path: Path) -> None:
    assert reason(tmp_path, name, payload) is not None


def test_no_event_file_is_not_trusted() -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": "/none"}
    assert detect(env, io.StringIO()).untrusted_trigger() is not None


def test_a_workflow_run_of_a_fork_is_an_outsiders(tmp_path: Path) -> None:
    own, fork = {"id": 1, "full_name": "acme/web"}, {"id": 2, "full_name": "acme/web"}
    assert reason(tmp_path, "workflow_run", {"workflow_run": {"head_repository": own, "repository": own}}) is None
    outsiders: tuple[dict[str, object], ...] = (
        {"head_repository": fork, "repository": own},
        {"head_repository": None, "repository": own},
        {"head_repository": {}, "repository": {}},
        {"repository": own},
    )
    for run in outsiders:
        assert reason(tmp_path, "workflow_run", {"workflow_run": run}) is not None


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch", "pull_request", "merge_group", ""])
def test_other_events_need_somebody_who_may_write(name: str, tmp_path: Path) -> None:
    assert reason(tmp_path, name, {}) is None


@pytest.mark.parametrize("allowed", [False, True])
def test_the_step_starts_nothing_for_an_outsider(allowed: bool, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"comment": {"author_association": "NONE"}}))
    step = GitHubStep(tmp_path / "step", inputs={"prompt": "Fix it", "wait": "false"})
    step.env = {"GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": str(event)}
    step.inputs["allow-untrusted-trigger"] = str(allowed).lower()
    with Emulator("success", speed=100) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
        ended = step.run()
        started = len(emulator.runs)
    assert (started, ended.code == 0) == (int(allowed), allowed)
    assert ("allow-untrusted-trigger" in ended.out) is not allowed
