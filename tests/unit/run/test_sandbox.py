"""The sandbox of a run that failed before its agent started is found, or none is named."""

from __future__ import annotations

import pytest

from mogplex_ci.api import answers
from mogplex_ci.models import Run, Sandbox
from mogplex_ci.run.sandbox import sandbox_of
from tests.contract.scripted import REPO, run_object

BRANCH = "mogplex/external/1f0c9a3e-77b2d4c1"
RECORD = "b8f3b1de-2f42-4b6a-9b57-0f5d9a7e4c61"
OTHER = "6ab05a3c-a77d-40b6-a15e-0a93c5b20138"
BEFORE, AFTER = "2026-11-20T09:13:59+00:00", "2026-11-20T09:14:03+00:00"


def run(**changes: object) -> Run:
    return answers.run(run_object({"status": "failed", **changes}))


def sandbox(record: str, branch: str = BRANCH, created_at: str | None = AFTER) -> Sandbox:
    row = {"id": record, "status": "error", "repo_id": REPO["id"], "working_branch": branch}
    data = {"sandboxes": [row | {"created_at": created_at, "error": "Install failed"}]}
    (only,) = answers.listed(Sandbox, data, "sandboxes")
    return only


@pytest.mark.parametrize(
    ("failed", "listed", "found"),
    [
        (run(), [sandbox(RECORD)], RECORD),
        (run(createdAt=AFTER), [sandbox(RECORD)], RECORD),
        (run(), [sandbox(OTHER, "main"), sandbox(RECORD)], RECORD),
        (run(), [sandbox(OTHER, created_at=BEFORE), sandbox(RECORD)], RECORD),
        (run(), [sandbox(OTHER, created_at=None), sandbox(RECORD)], RECORD),
        (run(), [sandbox(RECORD), sandbox(OTHER)], None),
        (run(), [], None),
        (run(createdAt="yesterday"), [sandbox(RECORD)], None),
        (run(sandboxRecordId=OTHER), [sandbox(RECORD), sandbox(OTHER, "main")], OTHER),
        (run(sandboxRecordId=OTHER), [sandbox(RECORD)], None),
        (
            run(error=f"Sandbox {OTHER.upper()} did not become ready"),
            [sandbox(RECORD), sandbox(OTHER, "main", BEFORE)],
            OTHER,
        ),
        (run(branch={"base": "main", "working": "main"}), [sandbox(RECORD, "main")], None),
    ],
)
def test_which_sandbox_it_is(failed: Run, listed: list[Sandbox], found: str | None) -> None:
    sandbox = sandbox_of(failed, listed)
    assert (sandbox and sandbox.id) == found
