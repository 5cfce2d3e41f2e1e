"""A prompt is code: nothing starts for an event or a build that an outsider may have caused."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.webhook import WRITERS_ONLY
from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT, GitHubStep

AUTHORED = {
    "issues": "issue",
    "issue_comment": "comment",
    "discussion": "discussion",
    "discussion_comment": "comment",
    "pull_request_target": "pull_request",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
}
RULES = dict(
    re.findall(r"^\| ([^|]*) \| ([^|]*) \|$", (ROOT / "docs/security.md").read_text(encoding="utf-8"), re.MULTILINE)
)
"""Rows of the tables in docs/security.md."""
(DOCUMENTED,) = [re.findall("`([a-z_]+)`", events) for events, rule in RULES.items() if rule.startswith("always")]
"""Events that are documented to start without a look at who caused them."""
ANYBODYS = (
    *re.findall("`([a-z_]+)`", RULES["anything else"]),
    "check_suite",
    "dynamic",
    "workflow_call",
    "from_next_year",
)
INSIDERS = ("OWNER", "MEMBER", "COLLABORATOR")
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
MAINTAINER = {"id": 1, "type": "User"}
STRANGER = {"id": 2, "type": "User"}
APP = {"id": 3, "type": "Bot"}
OWN = {"repo": {"id": 701}}
FORK = {"repo": {"id": 702}}


def reason(folder: Path, name: str, payload: object, **env: str) -> str | None:
    path = folder / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    event = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
    return detect({"GITHUB_ACTIONS": "true", **event, **env}, io.StringIO()).untrusted_trigger()


def subject(association: object, user: dict[str, Any], **parts: object) -> dict[str, Any]:
    return {"author_association": association, "user": user, **parts}


def test_the_events_that_always_start_are_those_of_the_documents(tmp_path: Path) -> None:
    assert sorted(DOCUMENTED) == sorted(WRITERS_ONLY)
    assert [name for name in DOCUMENTED if reason(tmp_path, name, {}) is not None] == []


@pytest.mark.parametrize("name", ANYBODYS)
def test_an_event_that_anybody_can_cause_or_that_is_not_known_is_refused(name: str, tmp_path: Path) -> None:
    why = reason(tmp_path, name, {"sender": MAINTAINER})
    assert why is not None
    assert name in why


@pytest.mark.parametrize("name", ["", "push\n::error::x", "x" * 99])
def test_a_strange_name_is_refused_and_not_repeated(name: str, tmp_path: Path) -> None:
    assert reason(tmp_path, name, {}) == "the event of this job is not known to need write access to the repository"


@pytest.mark.parametrize("name", AUTHORED)
def test_the_author_decides(name: str, tmp_path: Path) -> None:
    for association in INSIDERS:
        assert reason(tmp_path, name, {AUTHORED[name]: {"author_association": association}}) is None
    for other in OUTSIDERS:
        assert reason(tmp_path, name, {AUTHORED[name]: {"author_association": other}}) is not None


def test_the_author_of_the_comment_decides_and_not_the_one_of_the_issue(tmp_path: Path) -> None:
    payload = {"issue": {"author_association": "OWNER"}, "comment": {"author_association": "NONE"}, "sender": "OWNER"}
    assert reason(tmp_path, "issue_comment", payload) is not None


@pytest.mark.parametrize("name", [*AUTHORED, "workflow_run", "pull_request", "deployment"])
@pytest.mark.parametrize(
    "payload", ["", "{", "null", "[]", "{}", '{"comment": []}', '{"comment": {}}', "\x00", "[" * 100_000, "9" * 5_000]
)
def test_what_cannot_be_read_is_not_trusted(name: str, payload: str, tmp_path: Path) -> None:
    assert reason(tmp_path, name, payload) is not None


def test_no_event_file_is_not_trusted() -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": "/none"}
    assert detect(env, io.StringIO()).untrusted_trigger() is not None


@pytest.mark.parametrize("name", ["issues", "discussion", "pull_request_target"])
@pytest.mark.parametrize("action", ["labeled", "assigned", "milestoned", "locked", "transferred"])
def test_a_maintainer_who_labels_an_outsiders_issue_starts_it(name: str, action: str, tmp_path: Path) -> None:
    def why(sender: object, doing: str = action) -> str | None:
        payload = {"action": doing, "sender": sender, AUTHORED[name]: subject("NONE", STRANGER)}
        return reason(tmp_path, name, payload)

    assert why(MAINTAINER) is None
    assert why(STRANGER) is not None  # an issue form sets its labels in the name of whoever files the issue
    assert why(APP) is not None
    assert why({}) is not None
    assert why(MAINTAINER, "opened") is not None
    assert why(MAINTAINER, "edited") is not None


def test_an_issue_without_an_author_vouches_for_nothing(tmp_path: Path) -> None:
    payload = {"action": "labeled", "sender": MAINTAINER, "issue": {"author_association": "NONE"}}
    assert reason(tmp_path, "issues", payload) is not None


def test_labels_of_comments_mean_nothing(tmp_path: Path) -> None:
    payload = {"action": "labeled", "sender": MAINTAINER, "comment": subject("NONE", STRANGER)}
    assert reason(tmp_path, "issue_comment", payload) is not None


def test_a_push_to_a_members_fork_is_judged_by_who_pushed(tmp_path: Path) -> None:
    def why(sender: object, head: object) -> str | None:
        pull_request = subject("MEMBER", MAINTAINER, head=head, base=OWN)
        payload = {"action": "synchronize", "sender": sender, "pull_request": pull_request}
        return reason(tmp_path, "pull_request_target", payload)

    assert why(MAINTAINER, FORK) is None
    assert why(STRANGER, FORK) is not None
    assert why({}, FORK) is not None
    assert why(STRANGER, OWN) is None  # whoever pushes to a branch of the repository may write to it


def test_a_pull_request_starts_from_the_same_repository_only(tmp_path: Path) -> None:
    assert reason(tmp_path, "pull_request", {"pull_request": {"head": OWN, "base": OWN}}) is None
    deleted: dict[str, object] = {"repo": None}
    for head, base in ((FORK, OWN), (deleted, OWN), (deleted, deleted), ({}, {})):
        assert reason(tmp_path, "pull_request", {"pull_request": {"head": head, "base": base}}) is not None


@pytest.mark.parametrize("name", ["deployment", "deployment_status"])
def test_an_app_deploys_what_others_push(name: str, tmp_path: Path) -> None:
    assert reason(tmp_path, name, {"sender": MAINTAINER}) is None
    assert reason(tmp_path, name, {"sender": APP}) is not None


def test_a_workflow_run_is_judged_by_what_caused_it(tmp_path: Path) -> None:
    own, fork = {"id": 1, "full_name": "acme/web"}, {"id": 2, "full_name": "acme/web"}

    def why(**run: object) -> str | None:
        return reason(tmp_path, "workflow_run", {"workflow_run": run})

    for cause in ("push", "schedule", "workflow_dispatch", "pull_request"):
        assert why(event=cause, head_repository=own, repository=own) is None
    others: tuple[object, ...] = (*AUTHORED, *ANYBODYS, "workflow_run", "deployment", None, ["push"])
    for other in others:
        assert why(event=other, head_repository=own, repository=own) is not None
    outside: tuple[dict[str, object], ...] = (
        {"head_repository": fork, "repository": own},
        {"head_repository": None, "repository": own},
        {"head_repository": {}, "repository": {}},
        {"repository": own},
    )
    for repositories in outside:
        assert why(event="push", **repositories) is not None


def test_gitea_has_its_own_names_and_no_types_of_users(tmp_path: Path) -> None:
    def why(sender: object, action: str = "label_updated", **env: str) -> str | None:
        payload = {"action": action, "sender": sender, "issue": {"user": {"id": 2}}}
        return reason(tmp_path, "issues", payload, **env)

    assert why({"id": 1}, GITEA_ACTIONS="true") is None
    assert why({"id": 2}, GITEA_ACTIONS="true") is not None
    assert why({"id": 1}, "opened", FORGEJO_ACTIONS="true") is not None
    assert why({"id": 1}) is not None  # GitHub says of everybody whether it is a person


@pytest.mark.parametrize(
    ("name", "fork", "own"),
    [
        ("gitlab", {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "9"}, {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1217"}),
        (
            "gitlab",
            {
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "stranger/web",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/web",
            },
            {
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "acme/web",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/web",
            },
        ),
        ("azure", {"SYSTEM_PULLREQUEST_ISFORK": "True"}, {"SYSTEM_PULLREQUEST_ISFORK": "False"}),
        (
            "buildkite",
            {"BUILDKITE_PULL_REQUEST_REPO": "git://github.com/stranger/web.git"},
            {"BUILDKITE_PULL_REQUEST_REPO": "git://github.com/Acme/web.git"},
        ),
        ("circleci", {"CIRCLE_PR_USERNAME": "stranger"}, {"CIRCLE_PULL_REQUEST": "https://github.com/acme/web/pull/1"}),
        ("circleci", {"CIRCLE_PR_NUMBER": "1"}, {"CIRCLE_PR_NUMBER": ""}),
        ("jenkins", {"CHANGE_FORK": "stranger"}, {"CHANGE_ID": "1"}),
        ("semaphore", {"SEMAPHORE_GIT_PR_SLUG": "stranger/web"}, {"SEMAPHORE_GIT_PR_SLUG": "acme/web"}),
        ("codefresh", {"CF_PULL_REQUEST_IS_FORK": "true"}, {"CF_PULL_REQUEST_IS_FORK": "false"}),
        (
            "appveyor",
            {"APPVEYOR_PULL_REQUEST_HEAD_REPO_NAME": "stranger/web"},
            {"APPVEYOR_PULL_REQUEST_HEAD_REPO_NAME": "acme/web"},
        ),
        ("travis", {"TRAVIS_PULL_REQUEST_SLUG": "stranger/web"}, {"TRAVIS_PULL_REQUEST_SLUG": "acme/web"}),
    ],
)
def test_a_fork_s_build_is_refused(name: str, fork: dict[str, str], own: dict[str, str]) -> None:
    assert detect(ENVIRONMENTS[name] | fork, io.StringIO()).untrusted_trigger() is not None
    assert detect(ENVIRONMENTS[name] | own, io.StringIO()).untrusted_trigger() is None


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_a_build_of_a_push_starts(name: str) -> None:
    assert detect(ENVIRONMENTS[name], io.StringIO()).untrusted_trigger() is None


@pytest.mark.parametrize("allowed", [False, True])
def test_the_step_starts_nothing_for_an_outsider(allowed: bool, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"comment": {"author_association": "NONE"}}))
    step = GitHubStep(tmp_path / "step", inputs={"prompt": "Fix it", "wait": "false"})
    step.env = {"GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": str(event)}
    step.inputs["allowed-users"] = "*" if allowed else ""
    with Emulator("success", speed=100) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
        ended = step.run()
        started = len(emulator.runs)
    assert (started, ended.code == 0) == (int(allowed), allowed)
    assert ("allowed-users" in ended.out) is not allowed


@pytest.mark.parametrize("fork", [1, 700, 702, 10**6])
def test_a_workflow_run_of_any_other_repository_is_a_forks(fork: int, tmp_path: Path) -> None:
    run = {"event": "push", "head_repository": {"id": fork}, "repository": {"id": 701}}
    assert reason(tmp_path, "workflow_run", {"workflow_run": run}) == "the event workflow_run comes from a fork"
    own = run | {"head_repository": {"id": 701}}
    assert reason(tmp_path, "workflow_run", {"workflow_run": own}) is None


@pytest.mark.parametrize(("author", "sender"), [(1, 2), (2, 1), (2, 2)])
def test_whoever_labels_an_outsiders_issue_vouches_for_it_unless_it_is_the_author(
    author: int, sender: int, tmp_path: Path
) -> None:
    issue = subject("NONE", {"id": author, "type": "User"})
    payload = {"action": "labeled", "issue": issue, "sender": {"id": sender, "type": "User"}}
    assert (reason(tmp_path, "issues", payload) is None) is (author != sender)
