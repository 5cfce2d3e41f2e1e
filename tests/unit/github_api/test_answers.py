"""What is read of GitHub's JSON, as docs.github.com/rest shows it: each field, and what stands in
for one that is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mogplex_ci.github_api import payloads
from mogplex_ci.untrusted import Untrusted

SHA, OLD_SHA = "1" * 40, "2" * 64
PAGE = "https://github.com/acme/web/actions/runs/31/job/7"
PULL: dict[str, Any] = {
    "number": 42,
    "html_url": "https://github.com/acme/web/pull/42",
    "state": "open",
    "head": {"repo": {"id": 7}, "ref": "Fix", "sha": SHA},
    "base": {"repo": {"id": 7}, "ref": "main", "sha": OLD_SHA},
    "merge_commit_sha": OLD_SHA,
    "merged_at": "2026-11-24T15:45:40+02:00",
    "merged_by": {"login": "ada"},
    "user": {"login": "mogplex[bot]"},
}
FILE = {
    "filename": "new.py",
    "previous_filename": "old.py",
    "status": "renamed",
    "sha": SHA,
    "additions": 3,
    "deletions": 2,
}
COMMIT = {
    "sha": SHA,
    "parents": [{"sha": OLD_SHA}],
    "commit": {"tree": {"sha": OLD_SHA}},
    "author": {"login": "ada"},
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
}
SUITE = {
    "id": 3,
    "status": "completed",
    "conclusion": "success",
    "latest_check_runs_count": 5,
    "app": RUN["app"],
}
STATUS = {
    "id": 9,
    "context": "ci/old",
    "state": "error",
    "target_url": "https://ci.example/9",
}
ANNOTATION = {"path": "a.ts", "start_line": 3, "message": "It is 2", "title": "Wrong"}


def check_run(item: object) -> payloads.Check:
    return payloads.check_of("run", item)


def check_suite(item: object) -> payloads.Check:
    return payloads.check_of("suite", item)


def status(item: object) -> payloads.Check:
    return payloads.check_of("status", item)


def shown(value: Any) -> Any:
    """Return a value of a field, without the type that keeps it from being printed."""
    return value.text if isinstance(value, Untrusted) else value


@pytest.mark.parametrize(
    ("read", "item", "without", "fields"),
    [
        (payloads.pull_request, PULL, {"state": "closed"}, {"is_open": False}),
        (
            payloads.pull_request,
            PULL,
            {"merged_at": None, "merged_by": None, "user": None},
            {"merged_at": None, "merged_by": "", "opened_by": ""},
        ),
        (
            payloads.changed_file,
            FILE,
            {"previous_filename": None, "status": None, "sha": None, "additions": None},
            {"previous_path": None, "status": "", "content": "", "additions": 0},
        ),
        (payloads.pull_request, PULL, {"head": PULL["head"] | {"repo": None}}, {"is_own": False}),
        (
            payloads.pull_request,
            PULL,
            {"head": PULL["head"] | {"repo": {"id": 8}}},
            {"is_own": False},
        ),
        (payloads.pull_request, PULL, {"merge_commit_sha": None}, {"merge_commit": ""}),
        (payloads.commit, COMMIT, {"author": None}, {"author": ""}),
        (
            check_run,
            RUN,
            {"html_url": None, "conclusion": None, "status": "in_progress"},
            {"url": "https://ci.example/7", "page": "", "is_complete": False, "conclusion": ""},
        ),
        (
            check_run,
            RUN,
            {"app": None, "check_suite": None},
            {"app": "", "suite": 0},
        ),
        (check_run, RUN, {"name": None, "app": None}, {"name": "checks"}),
        (check_suite, SUITE, {"latest_check_runs_count": None}, {"runs": 0}),
        (status, STATUS, {"state": "pending"}, {"is_complete": False, "conclusion": "pending"}),
        (status, STATUS, {"state": "success"}, {"is_complete": True, "conclusion": "success"}),
        (status, STATUS, {"state": "failure"}, {"is_complete": True, "conclusion": "failure"}),
        (check_run, RUN, {"output": None}, {"title": None, "summary": None}),
        (payloads.annotation, ANNOTATION, {"message": None}, {"message": "Wrong"}),
        (
            payloads.annotation,
            ANNOTATION,
            {"path": None, "start_line": None, "message": None, "title": None},
            {"path": "", "line": 1, "message": ""},
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
    assert list(payloads.required_by_rule(rule)) == ["test", "lint"]
    assert list(payloads.required_by_rule(rule | {"type": "workflows"})) == []
    assert list(payloads.required_by_rule({"type": "required_status_checks"})) == []


def test_the_checks_of_classic_protection_are_those_of_both_its_lists() -> None:
    required = {"checks": [{"context": "a", "app_id": 1}], "contexts": ["a", "old"]}
    branch = {"protection": {"required_status_checks": required}}
    assert set(payloads.required_by_protection(branch)) == {"a", "old"}
    assert list(payloads.required_by_protection({})) == []
