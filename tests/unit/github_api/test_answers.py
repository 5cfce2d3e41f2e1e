"""What is read of GitHub's JSON, as docs.github.com/rest shows it: each field, and what stands in
for one that is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mogplex_ci.github_api import answers
from mogplex_ci.github_api.answers import NO_APP, RequiredCheck
from mogplex_ci.untrusted import Untrusted

SHA, OLD_SHA = "1" * 40, "2" * 64
TIME = "2026-11-24T15:45:40+02:00"
MOMENT = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)
PAGE = "https://github.com/acme/web/actions/runs/31/job/7"
AVATAR = "https://avatars.githubusercontent.com"
PULL = {
    "number": 42,
    "html_url": "https://github.com/acme/web/pull/42",
    "state": "open",
    "head": {"repo": {"full_name": "Acme/Web"}, "ref": "Fix", "sha": SHA},
    "base": {"repo": {"full_name": "acme/base"}, "ref": "main", "sha": OLD_SHA},
    "created_at": TIME,
    "merged_at": "2026-11-25T00:00:00Z",
    "merged_by": {"login": "ada"},
    "user": {"login": "mogplex[bot]"},
}
FILE = {"filename": "new.py", "previous_filename": "old.py", "status": "renamed", "sha": SHA}
MOVE = {
    "before": OLD_SHA,
    "after": SHA,
    "timestamp": TIME,
    "actor": {"login": "ada"},
}
RUN = {
    "id": 7,
    "name": "test",
    "status": "completed",
    "conclusion": "failure",
    "html_url": PAGE,
    "details_url": "https://ci.example/7",
    "app": {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"},
    "check_suite": {"id": 3},
    "output": {"title": "2 failed", "summary": "See below"},
    "completed_at": "2026-11-25T00:00:00Z",
}
SUITE = {
    "id": 3,
    "status": "completed",
    "conclusion": "success",
    "latest_check_runs_count": 5,
    "created_at": TIME,
    "app": RUN["app"],
}
STATUS = {
    "id": 9,
    "context": "ci/old",
    "state": "error",
    "target_url": "https://ci.example/9",
    "avatar_url": f"{AVATAR}/in/999?v=4",
    "created_at": TIME,
}
ANNOTATION = {"path": "a.ts", "start_line": 3, "message": "It is 2", "title": "Wrong"}
WORKFLOW_RUN = {
    "id": 10,
    "check_suite_id": 3,
    "workflow_id": 2,
    "event": "push",
    "conclusion": "cancelled",
}


def check_run(item: object) -> answers.Check:
    return answers.check_of("run", item, ("check_suite", "id"))


def check_suite(item: object) -> answers.Check:
    return answers.check_of("suite", item, ("id",))


def status(item: object) -> answers.Check:
    return answers.check_of("status", item, ())


def shown(value: Any) -> Any:
    """Return a value of a field, without the type that keeps it from being printed."""
    return value.text if isinstance(value, Untrusted) else value


@pytest.mark.parametrize(
    ("read", "item", "fields"),
    [
        (
            answers.pull_request,
            PULL,
            {
                "number": 42,
                "url": "https://github.com/acme/web/pull/42",
                "is_open": True,
                "head": ("acme/web", "Fix", SHA),
                "base": "main",
                "created_at": MOMENT,
                "merged_at": datetime(2026, 11, 25, tzinfo=UTC),
                "merged_by": "ada",
                "opened_by": "mogplex[bot]",
            },
        ),
        (
            answers.changed_file,
            FILE,
            {"path": "new.py", "previous_path": "old.py", "status": "renamed", "content": SHA},
        ),
        (
            answers.move,
            MOVE,
            {
                "before": OLD_SHA,
                "after": SHA,
                "at": MOMENT,
                "actor": "ada",
                "by_person": False,
            },
        ),
        (
            check_run,
            RUN,
            {
                "kind": "run",
                "id": "run 7",
                "name": "test",
                "url": PAGE,
                "page": PAGE,
                "is_complete": True,
                "conclusion": "failure",
                "app": "github-actions",
                "suite": 3,
                "runs": 0,
                "app_id": 15368,
                "completed_at": datetime(2026, 11, 25, tzinfo=UTC),
                "title": "2 failed",
                "summary": "See below",
            },
        ),
        (
            check_suite,
            SUITE,
            {
                "kind": "suite",
                "id": "suite 3",
                "name": "GitHub Actions",
                "url": None,
                "page": "",
                "is_complete": True,
                "conclusion": "success",
                "app": "github-actions",
                "suite": 3,
                "runs": 5,
                "app_id": 15368,
                "completed_at": None,
                "title": None,
                "summary": None,
            },
        ),
        (
            status,
            STATUS,
            {
                "kind": "status",
                "id": "status 9",
                "name": "ci/old",
                "url": "https://ci.example/9",
                "page": "",
                "is_complete": True,
                "conclusion": "error",
                "app": "",
                "suite": 0,
                "runs": 0,
                "app_id": 999,
                "completed_at": MOMENT,
                "title": None,
                "summary": None,
            },
        ),
        (
            answers.annotation,
            ANNOTATION,
            {"path": "a.ts", "line": 3, "title": "Wrong", "message": "It is 2"},
        ),
        (
            answers.workflow_run,
            WORKFLOW_RUN,
            {"id": 10, "suite": 3, "workflow": 2, "event": "push", "conclusion": "cancelled"},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_field_is_read(
    read: Callable[[object], Any], item: dict[str, Any], fields: dict[str, Any]
) -> None:
    found = read(item)._asdict()
    assert {name: shown(value) for name, value in found.items()} == fields


@pytest.mark.parametrize(
    ("without", "is_job"),
    [({}, True), ({"html_url": None}, False), ({"app": {"slug": "scanner"}}, False)],
)
def test_a_job_is_known_by_the_page_that_github_gives_it(
    without: dict[str, Any], *, is_job: bool
) -> None:
    found = check_run(RUN | without)
    assert (found.number, found.is_job) == ("7", is_job)


@pytest.mark.parametrize(
    ("read", "item", "without", "fields"),
    [
        (answers.pull_request, PULL, {"state": "closed"}, {"is_open": False}),
        (
            answers.pull_request,
            PULL,
            {"merged_at": None, "merged_by": None, "user": None},
            {"merged_at": None, "merged_by": "", "opened_by": ""},
        ),
        (
            answers.changed_file,
            FILE,
            {"previous_filename": None, "status": None, "sha": None},
            {"previous_path": None, "status": "", "content": ""},
        ),
        (
            answers.move,
            MOVE,
            {"actor": None},
            {"actor": ""},
        ),
        (
            check_run,
            RUN,
            {"html_url": None, "conclusion": None, "status": "in_progress", "completed_at": None},
            {"url": "https://ci.example/7", "page": "", "is_complete": False, "conclusion": ""},
        ),
        (
            check_run,
            RUN,
            {"app": None, "check_suite": None},
            {"app": "", "app_id": 0, "suite": 0},
        ),
        (check_run, RUN, {"name": None, "app": None}, {"name": "checks"}),
        (check_suite, SUITE, {"latest_check_runs_count": None}, {"runs": 0}),
        (status, STATUS, {"state": "pending"}, {"is_complete": False, "conclusion": "pending"}),
        (status, STATUS, {"state": "success"}, {"is_complete": True, "conclusion": "success"}),
        (status, STATUS, {"state": "failure"}, {"is_complete": True, "conclusion": "failure"}),
        (status, STATUS, {"avatar_url": f"{AVATAR}/u/999?v=4"}, {"app_id": NO_APP}),
        (status, STATUS, {"avatar_url": None}, {"app_id": 0}),
        (check_run, RUN, {"output": None}, {"title": None, "summary": None}),
        (answers.annotation, ANNOTATION, {"message": None}, {"message": "Wrong"}),
        (
            answers.annotation,
            ANNOTATION,
            {"path": None, "start_line": None, "message": None, "title": None},
            {"path": "", "line": 1, "message": ""},
        ),
        (
            answers.workflow_run,
            WORKFLOW_RUN,
            {"check_suite_id": None, "workflow_id": None, "event": None, "conclusion": None},
            {"suite": 0, "workflow": 0, "event": "", "conclusion": ""},
        ),
    ],
)
def test_what_is_missing_or_otherwise_is_told_from_what_is_there(
    read: Callable[[object], Any],
    item: dict[str, Any],
    without: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    found = read(item | without)._asdict()
    assert {name: shown(found[name]) for name in fields} == fields


def test_the_checks_of_a_rule_are_those_of_its_own_kind() -> None:
    contexts = [{"context": "test", "integration_id": 15368}, {"context": "lint"}]
    rule = {"type": "required_status_checks", "parameters": {"required_status_checks": contexts}}
    found = [RequiredCheck("test", 15368), RequiredCheck("lint", None)]
    assert list(answers.required_by_rule(rule)) == found
    assert list(answers.required_by_rule(rule | {"type": "workflows"})) == []
    assert list(answers.required_by_rule({"type": "required_status_checks"})) == []


def test_the_checks_of_classic_protection_are_named_once_and_minus_one_stands_for_any_app() -> None:
    told = [
        {"context": name, "app_id": app}
        for name, app in (("a", 1), ("b", -1), ("c", 0), ("d", None))
    ]
    required = {"checks": told, "contexts": ["a", "old", 7]}
    branch = {"protection": {"required_status_checks": required}}
    apps = {check.name: check.app_id for check in answers.required_by_protection(branch)}
    assert apps == {"a": 1, "b": None, "c": None, "d": None, "old": None}
    assert len(list(answers.required_by_protection(branch))) == 5
    assert list(answers.required_by_protection({})) == []


@pytest.mark.parametrize(
    ("value", "is_commit"),
    [
        ("a1" * 20, True),
        ("a1" * 32, True),
        ("a1" * 26, False),
        ("a1" * 20 + "\n", False),
        ("A1" * 20, False),
        (7, False),
    ],
)
def test_a_commit_is_the_whole_id(value: object, is_commit: bool) -> None:
    assert answers.as_commit(value) == (value if is_commit else None)
