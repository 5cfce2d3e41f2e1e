"""How long GitHub is asked whether a run may start."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest

from mogplex_ci.errors import GitHubError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.guards import ask_github
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import Stop
from tests.github import TOKEN, GitHub
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import Job
from tests.virtual_time import VirtualTime


def test_github_is_asked_for_10_s_before_a_start() -> None:
    """It asks to wait: less than that is waited."""
    time, job = VirtualTime(), Job(io.StringIO())
    step = Step(job, Recorder(job, Sanitizer(), time.monotonic), time.clock(), Stop(), 0.0)

    def ask(github: GitHubApi) -> object:
        return github.find_comment(7, re.compile("<!--"))

    with GitHub(clock=lambda: datetime(2026, 11, 24, tzinfo=UTC)) as api:
        job.env = {**job.env, "GITHUB_API_URL": api.url}
        inputs = typed_inputs(github_token=TOKEN)
        api.fail(status=503, headers={"Retry-After": "10"})
        with pytest.raises(GitHubError):
            ask_github(step, inputs, ask)
        assert time.monotonic() == 0.0
        api.fail(status=503, headers={"Retry-After": "9.9"})
        ask_github(step, inputs, ask)
        assert time.monotonic() == pytest.approx(9.9, abs=0.001)
