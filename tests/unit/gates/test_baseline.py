"""What counts as the state before a run that was already working when it was noted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mogplex_ci.gates.baseline import Baseline
from mogplex_ci.github_api.answers import Head, PullRequest
from mogplex_ci.untrusted import Untrusted
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import run

STARTED = datetime(2026, 11, 24, 13, 45, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "base"),
    [(-1, "release"), (0, "main"), (1, "main")],
    ids=["before the run", "with it", "since"],
)
def test_only_a_pull_request_that_is_older_than_the_run_decides_the_base(
    seconds: int, base: str
) -> None:
    opened = PullRequest(
        number=7,
        url=Untrusted("https://github.com/acme/web/pull/7"),
        is_open=True,
        head=Head("acme/web", "agent/1", "a" * 40),
        base="release",
        created_at=STARTED + timedelta(seconds=seconds),
        merged_at=None,
        merged_by="",
        opened_by="agent",
    )
    noted = Baseline("release", branch="agent/1", pull_request=opened)
    joined = noted.of_joined_run(typed_inputs(), run(createdAt=STARTED.isoformat()))
    assert joined.base == base
    assert (joined.pull_request is opened) == (base == "release")
