"""A prompt is code: nothing starts for an event or a build that an outsider may have caused."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final

import pytest

from mogplex_ci.platforms import detect
from mogplex_ci.platforms.webhook import AUTHORED, WRITERS_ONLY, Trust, Webhook
from tests.ci_environments import BY_HAND, ENVIRONMENTS
from tests.program import ROOT
from tests.unit.platforms.events import (
    APP,
    FORK,
    MAINTAINER,
    PAYLOADS,
    STRANGER,
    by,
    event,
    examples,
)

NOBODY = Trust()
SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")
TABLE = [
    row.split(" | ")
    for row in re.findall(
        r"^\| (.*) \|$", SECURITY.partition("## Untrusted triggers")[2], re.MULTILINE
    )
]
(WRITERS,) = [
    re.findall("`([a-z_]+)`", row[0]) for row in TABLE if row[0].startswith("`push`, `schedule`")
]
"""Events that are documented to start without a look at who caused them."""
(REFUSED,) = [
    re.findall("`([a-z_]+)`", row[0]) for row in TABLE if row[0].startswith("anything else")
]
ANYBODYS = (*REFUSED, "check_suite", "dynamic", "workflow_call", "from_next_year")
INSIDERS = ("OWNER", "MEMBER", "COLLABORATOR")
OUTSIDERS: tuple[Any, ...] = (
    "CONTRIBUTOR",
    "FIRST_TIMER",
    "FIRST_TIME_CONTRIBUTOR",
    "MANNEQUIN",
    "NONE",
    "owner",
    "",
    None,
    ["OWNER"],
)
TRIAGE = ("assigned", "labeled", "locked", "milestoned", "transferred", "unlabeled", "enqueued")
OWN = {"repo": {"id": 701}}


def writers(*logins: str) -> Trust:
    """Return what GitHub answers with a token: these may write."""
    return Trust(may_write=lambda login: login in logins)


def test_the_events_that_always_start_are_those_of_the_documents() -> None:
    assert sorted(WRITERS) == sorted(WRITERS_ONLY)
    assert [name for name in WRITERS if Webhook(name, {}).untrusted(NOBODY) is not None] == []
    assert [name for name in examples(*WRITERS) if event(name).untrusted(NOBODY) is not None] == []


@pytest.mark.parametrize("name", ANYBODYS)
def test_an_event_that_anybody_can_cause_or_that_is_not_known_is_refused(name: str) -> None:
    trust = writers("maintainer")
    assert name in (Webhook(name, {"sender": MAINTAINER}).untrusted(trust) or "")
    assert (
        Webhook(name, {"sender": MAINTAINER}).untrusted(Trust(users=frozenset({"maintainer"})))
        is None
    )


@pytest.mark.parametrize("name", ["", "push\n::error::x", "x" * 99])
def test_a_strange_name_is_refused_and_not_repeated(name: str) -> None:
    why = "the event of this job may be triggered by anyone"
    assert Webhook(name, {}).untrusted(NOBODY) == why


@pytest.mark.parametrize("example", examples())
def test_the_author_decides_or_who_acted_if_github_says_that_they_may_write(example: str) -> None:
    edited = {"action": "edited"}
    for association in INSIDERS:
        assert by(example, association).untrusted(NOBODY) is None
    for other in OUTSIDERS:
        refused = by(example, other, **edited)
        assert "@stranger-from-elsewhere" in (refused.untrusted(writers("maintainer")) or "")
        assert refused.untrusted(writers("stranger-from-elsewhere")) is None
        assert refused.untrusted(Trust(users=frozenset({"stranger-from-elsewhere"}))) is None
        assert refused.untrusted(Trust(users=frozenset({"*"}))) is None
    closed = by(example, "NONE", sender=MAINTAINER, **edited)
    assert closed.untrusted(NOBODY) is not None
    assert closed.untrusted(writers("maintainer")) is None
    assert by(example, "NONE", sender=APP, **edited).untrusted(writers("mogplex[bot]")) is not None


@pytest.mark.parametrize("name", [*AUTHORED, "workflow_run", "pull_request", "deployment"])
@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"comment": []}',
        '{"comment": {}}',
        "\x00",
        "[" * 100_000,
        "9" * 5_000,
    ],
)
def test_what_cannot_be_read_is_not_trusted(name: str, payload: str, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(payload)
    env = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
    assert Webhook.read(env).untrusted(NOBODY) is not None
    assert Webhook.read(env | {"GITHUB_EVENT_PATH": "/none"}).untrusted(NOBODY) is not None


@pytest.mark.parametrize("action", TRIAGE)
@pytest.mark.parametrize(
    "example", ["issues labeled", "discussion labeled", "pull_request_target labeled"]
)
def test_a_person_who_labels_an_outsiders_issue_vouches_for_it(example: str, action: str) -> None:
    assert by(example, "NONE", STRANGER, MAINTAINER, action=action).untrusted(NOBODY) is None
    others: tuple[tuple[object, object, str], ...] = (
        (
            STRANGER,
            STRANGER,
            action,
        ),  # an issue form sets its labels in the name of the person who files the issue
        (STRANGER, APP, action),
        (STRANGER, {}, action),
        ({}, MAINTAINER, action),
        (STRANGER, MAINTAINER, "opened"),
        (STRANGER, MAINTAINER, "edited"),
        (STRANGER, MAINTAINER, "closed"),
        (STRANGER, MAINTAINER, "reopened"),
    )
    for author, sender, doing in others:
        assert by(example, "NONE", author, sender, action=doing).untrusted(NOBODY) is not None


@pytest.mark.parametrize(
    "action", ["review_requested", "review_request_removed", "auto_merge_disabled", "dequeued"]
)
@pytest.mark.parametrize("association", ["NONE", "MEMBER"])
def test_what_a_push_causes_in_the_pushers_name_is_no_triage(association: str, action: str) -> None:
    """CODEOWNERS asks for a review when somebody pushes, in the pusher's name."""
    changes = {"action": action, "pull_request.head": OWN}
    pushed = by(
        "pull_request_target review_requested", association, MAINTAINER, STRANGER, **changes
    )
    assert pushed.untrusted(NOBODY) is not None


def pushed(
    sender: object, head: object = FORK, example: str = "pull_request_target synchronize"
) -> Webhook:
    """Return the event of a push to the branch of a member's pull request."""
    return by(
        example,
        "MEMBER",
        MAINTAINER,
        sender,
        **{"pull_request.head": {"repo": head}, "pull_request.base": OWN},
    )


def opened(head: object, base: object = OWN) -> Webhook:
    return by(
        "pull_request opened", "MEMBER", **{"pull_request.head": head, "pull_request.base": base}
    )


def gitea(sender: object, action: str = "label_updated", *, types: bool = False) -> Webhook:
    payload = {"action": action, "sender": sender, "issue": {"user": {"id": 2}}}
    return Webhook("issues", payload, users_have_types=types)


NAMED, WRITER = (
    Trust(users=frozenset({"stranger-from-elsewhere"})),
    writers("stranger-from-elsewhere"),
)
BOT = Trust(bots=frozenset({"mogplex[bot]"}))
COMMENTED = event(
    "issue_comment created",
    {"issue.author_association": "OWNER", "comment.author_association": "NONE"},
)
GONE: dict[str, object] = {"repo": None}
WHO: dict[str, tuple[Webhook, Trust, bool]] = {
    "a stranger's comment on an owner's issue": (COMMENTED, NOBODY, False),
    "a label of a comment": (
        by("issue_comment created", "NONE", sender=MAINTAINER, action="labeled"),
        NOBODY,
        False,
    ),
    "a member's push to a fork": (pushed(MAINTAINER), NOBODY, True),
    "a stranger's push to a member's fork": (pushed(STRANGER), NOBODY, False),
    "the same by a person who may write": (pushed(STRANGER), WRITER, True),
    "nobody's push to a member's fork": (pushed({}), NOBODY, False),
    "a push to a branch of the repository": (pushed(STRANGER, OWN["repo"]), NOBODY, True),
    "a review that a push dismissed": (
        pushed(STRANGER, FORK, "pull_request_review dismissed"),
        NOBODY,
        False,
    ),
    "a pull request of the repository": (opened(OWN), NOBODY, True),
    "a pull request of a branch": (opened({**OWN, "ref": "fix"}), NOBODY, True),
    "one without a branch, by a push to refs/for/main": (
        opened({**OWN, "ref": "refs/pull/7/head", "label": ""}),
        NOBODY,
        False,
    ),
    "a fork's pull request": (opened({"repo": FORK}), NOBODY, False),
    "a fork's pull request by a person who may write": (opened({"repo": FORK}), WRITER, False),
    "a fork's pull request by a person who is named": (opened({"repo": FORK}), NAMED, True),
    "a pull request of a fork that is gone": (opened(GONE), WRITER, False),
    "a pull request whose repositories are gone": (opened(GONE, GONE), WRITER, False),
    "a pull request without repositories": (opened({}, {}), WRITER, False),
    "a person's deployment": (event("deployment", sender=MAINTAINER), NOBODY, True),
    "an app's deployment": (event("deployment", sender=APP), NOBODY, False),
    "a named app's deployment": (event("deployment", sender=APP), BOT, True),
    "a person's deployment's status": (event("deployment_status", sender=MAINTAINER), NOBODY, True),
    "a label on Gitea": (gitea({"id": 1}), NOBODY, True),
    "the author's own label on Gitea": (gitea({"id": 2}), NOBODY, False),
    "an issue on Gitea": (gitea({"id": 1}, "opened"), NOBODY, False),
    "an app's label on Gitea": (gitea({"id": 1, "login": "renovate[bot]"}), NOBODY, False),
    "a label on GitHub, which says of everybody whether it is a person": (
        gitea({"id": 1}, types=True),
        NOBODY,
        False,
    ),
}


@pytest.mark.parametrize(("webhook", "trust", "starts"), WHO.values(), ids=WHO)
def test_who_may_cause_a_run(webhook: Webhook, trust: Trust, starts: bool) -> None:
    assert (webhook.untrusted(trust) is None) is starts


def test_a_workflow_run_is_judged_by_what_caused_it() -> None:
    own = {"id": 1, "full_name": "acme/web"}

    def why(**run: object) -> str | None:
        changes = {f"workflow_run.{name}": value for name, value in run.items()}
        return event("workflow_run completed", changes).untrusted(NOBODY)

    for cause in ("push", "schedule", "workflow_dispatch", "pull_request"):
        assert why(event=cause, head_repository=own, repository=own) is None
    others: tuple[object, ...] = (
        *AUTHORED,
        *ANYBODYS,
        "workflow_run",
        "deployment",
        None,
        ["push"],
    )
    for other in others:
        assert why(event=other, head_repository=own, repository=own) is not None
    outside: tuple[tuple[object, object], ...] = (
        (FORK, own),
        (None, own),
        ({}, {}),
        ("acme/web", own),
    )
    for head, repository in outside:
        refused = why(event="push", head_repository=head, repository=repository)
        assert refused == "the event workflow_run comes from a fork"


STARTED_BY_APPS: Final = ("schedule", "workflow_dispatch", "repository_dispatch", "merge_group")


@pytest.mark.parametrize("example", sorted(PAYLOADS.keys() - {*examples("workflow_run")}))
def test_an_app_that_is_not_named_starts_nothing(example: str) -> None:
    """The agent's own pull request, comment or push must not start the next agent, wherever it
    pushes.
    """
    starts = example.split()[0] in STARTED_BY_APPS
    for branch in ("mogplex/fix", "main", "master"):
        caused = by(example, "NONE", APP, APP, ref=f"refs/heads/{branch}")
        assert ("@mogplex[bot]" in (caused.unknown_app(NOBODY) or "")) is not starts
        named = Trust(users=frozenset({"*", "mogplex[bot]"}))
        assert (caused.unknown_app(named) is None) is starts
        assert caused.unknown_app(Trust(bots=frozenset({"mogplex[bot]"}))) is None
    assert by(example, "NONE", APP, STRANGER, ref="refs/heads/fix").unknown_app(NOBODY) is None
    untyped = {"id": 3, "login": "mogplex[bot]"}
    told = by(example, "NONE", APP, untyped, ref="refs/heads/fix").unknown_app(NOBODY)
    assert (told is None) is starts


@pytest.mark.parametrize("branch", ["master", "fix"])
@pytest.mark.parametrize(
    "cause", ["push", "pull_request", "issues", "release", None, *STARTED_BY_APPS]
)
def test_an_apps_workflow_run_is_judged_by_its_cause(cause: str | None, branch: str) -> None:
    run = {
        "workflow_run.event": cause,
        "workflow_run.head_branch": branch,
        "workflow_run.actor": APP,
    }
    told = event("workflow_run completed", run).unknown_app(NOBODY)
    assert (told is None) is (cause in STARTED_BY_APPS)


def test_every_example_of_github_has_a_decision() -> None:
    known = {
        *WRITERS_ONLY,
        *AUTHORED,
        "pull_request",
        "workflow_run",
        "deployment",
        "deployment_status",
        *REFUSED,
    }
    assert {name.split()[0] for name in PAYLOADS} | {"pull_request_target", "schedule"} == known


@pytest.mark.parametrize(
    ("name", "variable", "fork", "own"),
    [
        ("gitlab", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "9", "1217"),
        ("gitlab", "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "stranger/web", "acme/web"),
        ("azure", "SYSTEM_PULLREQUEST_ISFORK", "True", "False"),
        (
            "buildkite",
            "BUILDKITE_PULL_REQUEST_REPO",
            "git://h.example/stranger/web.git",
            "git@h.example:Acme/web.git",
        ),
        ("circleci", "CIRCLE_PR_USERNAME", "stranger", ""),
        ("circleci", "CIRCLE_PR_REPONAME", "web", ""),
        ("circleci", "CIRCLE_PR_NUMBER", "1", ""),
        ("jenkins", "CHANGE_FORK", "stranger", ""),
    ],
)
def test_a_forks_build_is_refused_unless_the_inputs_name_who_caused_it(
    name: str, variable: str, fork: str, own: str
) -> None:
    """Of a pull request of the repository itself, and of a push, nothing says so."""
    env = ENVIRONMENTS[name] | {
        "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "acme/web",
        "CIRCLE_USERNAME": "Maria",
    }

    def why(value: str, *users: str) -> str | None:
        return detect(env | {variable: value}, io.StringIO()).cause.untrusted(
            Trust(users=frozenset(users))
        )

    assert BY_HAND.match(variable)
    request = "merge request" if name == "gitlab" else "pull request"
    assert why(fork) == why(fork, "eve") == f"this job builds a {request} from a fork"
    assert [
        why(fork, "*"),
        why(own),
        detect(ENVIRONMENTS[name], io.StringIO()).cause.untrusted(NOBODY),
    ] == [None] * 3
    assert (why(fork, "maria") is None) == (name == "circleci")  # it tells who


WOODPECKER = {
    "CI_PIPELINE_EVENT": "push",
    "CI_COMMIT_BRANCH": "fix",
    "CI_REPO_DEFAULT_BRANCH": "main",
}
DRONE = {"DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "fix", "DRONE_REPO_BRANCH": "main"}


@pytest.mark.parametrize(
    ("name", "author", "env", "blocked"),
    [
        ("circleci", "CIRCLE_USERNAME", {}, True),
        ("woodpecker", "CI_COMMIT_AUTHOR", WOODPECKER, True),
        ("woodpecker", "CI_COMMIT_AUTHOR", {**WOODPECKER, "CI_COMMIT_BRANCH": "main"}, True),
        ("woodpecker", "CI_COMMIT_AUTHOR", {**WOODPECKER, "CI_PIPELINE_EVENT": "cron"}, False),
        ("drone", "DRONE_COMMIT_AUTHOR", DRONE, True),
        ("drone", "DRONE_COMMIT_AUTHOR", {**DRONE, "DRONE_BRANCH": "main"}, True),
        (
            "drone",
            "DRONE_COMMIT_AUTHOR",
            {"DRONE_BRANCH": "main", "DRONE_BUILD_EVENT": "pull_request"},
            True,
        ),
        ("jenkins", "CHANGE_AUTHOR", {"CHANGE_ID": "1"}, True),
        ("gitlab", "GITLAB_USER_LOGIN", {}, False),  # not told
    ],
)
def test_a_build_that_an_app_caused_starts_nothing(
    name: str, author: str, env: dict[str, str], blocked: bool
) -> None:
    build, persons = (
        detect(
            ENVIRONMENTS[name] | {"DRONE_REPO_BRANCH": "main"} | env | {author: login},
            io.StringIO(),
        ).cause
        for login in ("mogplex[bot]", "maria")
    )
    app = "this job was triggered by the app @mogplex[bot], which allowed-bots does not name"
    assert build.unknown_app(NOBODY) == (app if blocked else None)
    assert (build.unknown_app(BOT), persons.unknown_app(NOBODY)) == (None, None)
