"""What a step warns of before it starts a run, what GitHub is asked, and for how long."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.errors import GitHubError, UsageError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import PROMPT_LIMIT
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.event_words import Words
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.guards import ask_github, reason_to_skip, with_event
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import Clock, Stop
from tests.ci_environments import environment
from tests.github import TOKEN, GitHub
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import RUN_ID, Job
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
            ask_github(step, inputs, job.repository(), ask)
        assert time.monotonic() == 0.0
        api.fail(status=503, headers={"Retry-After": "9.9"})
        ask_github(step, inputs, job.repository(), ask)
        assert time.monotonic() == pytest.approx(9.9, abs=0.001)


NO_POST_STEP = (
    "::warning title=No post step::This step does not use the action: no post step cancels the run "
    "if the step is killed, and the jobs of a matrix would share one run. Set key-suffix to "
    "${{ strategy.job-index }}, and run 'mogplex-ci post' in a "
    "later step with 'if: always()'"
)
NO_KEY = (
    "WARNING: Idempotency key: Nothing here identifies this job, so its key is random and a retry "
    "starts a second run; give all attempts the same idempotency-key"
)
NO_POST = {"INPUT_JOB-CONTEXT": ""}
LOCAL = {"ACT": "true"}


@pytest.mark.parametrize(
    ("system", "env", "inputs", "said"),
    [
        ("github", {}, {}, ""),
        ("github", NO_POST, {}, NO_POST_STEP),
        ("github", NO_POST, {"key_suffix": "2"}, ""),
        ("github", NO_POST, {"job_context": {"matrix": ["linux"]}}, ""),
        ("github", NO_POST, {"idempotency_key": "mine"}, ""),
        ("github", NO_POST, {"run_id": RUN_ID}, ""),
        ("github", LOCAL, {}, "This is a local runner, which cannot identify attempts"),
        ("github", LOCAL, {"idempotency_key": "mine"}, ""),
        ("github", LOCAL, {"run_id": RUN_ID}, ""),
        ("plain", {}, {}, ""),
        ("plain", {"CI": "true"}, {}, NO_KEY),
        ("plain", {"CI": "true"}, {"idempotency_key": "mine"}, ""),
        ("plain", {"CI": "true"}, {"run_id": RUN_ID}, ""),
    ],
)
def test_a_step_says_if_a_retry_would_start_a_second_run(
    tmp_path: Path,
    system: str,
    env: dict[str, str],
    inputs: dict[str, Any],
    said: str,
) -> None:
    given = environment(system, tmp_path) if system != "plain" else {}
    platform = detect({**given, **env}, log := io.StringIO())
    recorder = Recorder(platform, Sanitizer(), lambda: 0.0)
    step = Step(platform, recorder, Clock(), Stop(), 0.0)
    reason = reason_to_skip(step, typed_inputs(api_key="mog_x", **inputs))
    assert reason is None
    assert log.getvalue().startswith(said)
    assert bool(log.getvalue()) is bool(said)


WORDS = Words("issue #7", "@ada", "Login crashes", "At once.")


def test_a_prompt_that_the_events_words_make_too_long_is_not_sent() -> None:
    inputs = typed_inputs(include_event=True, prompt="x")
    room = PROMPT_LIMIT - len(with_event(inputs, (WORDS,)).prompt)
    longest = inputs._replace(prompt="x" * (room + 1))
    assert len(with_event(longest, (WORDS,)).prompt) == PROMPT_LIMIT
    with pytest.raises(UsageError) as caught:
        with_event(inputs._replace(prompt="x" * (room + 2)), (WORDS,))
    (problem,) = caught.value.problems
    assert (problem.input, problem.remedy) == (
        "include-event",
        "Name the number in the prompt instead.",
    )
    assert problem.fault.startswith("makes a prompt that has 100,001 characters")
