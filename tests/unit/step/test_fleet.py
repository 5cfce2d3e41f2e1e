"""Which runs a step may have, and how long the service takes to start them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.errors import TokenLostError, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.report import text
from mogplex_ci.run.repositories import Match
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.planning import planned_runs
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.several_runs import (
    SharedToken,
    _warn_of_slow_starts,
    pairs_of,
    seconds_to_start,
)
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop
from tests.emulator import Emulator
from tests.github_log import read_log
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import Job
from tests.virtual_time import VirtualTime


def repos(count: int) -> Match:
    """Return so many repositories."""
    untold = Untrusted(None)
    return Match(
        tuple(
            Repo(f"id-{number}", Untrusted(f"acme/r{number}"), None, None, untold)
            for number in range(1, count + 1)
        )
    )


def task(name: str, repo: str, **fields: object) -> ActionInputs:
    return typed_inputs(task=name, repo=repo, **fields)


@pytest.mark.parametrize(
    ("tasks", "found", "said"),
    [
        (
            [task("a", "*", idempotency_key="k"), task("b", "*")],
            {"*": repos(2)},
            ["idempotency-key is one key for 4 runs. Remove it: each run gets its own key."],
        ),
        ([task("a", "x", idempotency_key="k")], {"x": repos(1)}, []),
        (
            [task("a", "*", branch="fix"), task("b", "*", branch="fix"), task("c", "*")],
            {"*": repos(2)},
            [
                'branch: "fix" is the branch of several tasks on one repository. '
                "Give each task its own branch."
            ],
        ),
        ([task("a", "*", branch="fix"), task("b", "*", branch="mend")], {"*": repos(2)}, []),
        ([task("a", "*", branch="fix")], {"*": repos(2)}, []),
        ([task("a", "*"), task("b", "*")], {"*": repos(75)}, []),
        (
            [task("a", "*")],
            {"*": repos(151)},
            [
                "repo makes 151 runs; a token can start 150 a day. "
                "Use narrower patterns, or several days."
            ],
        ),
    ],
)
def test_what_does_not_fit_together_is_said_before_anything_starts(
    tasks: Sequence[ActionInputs], found: Mapping[str, Match], said: list[str]
) -> None:
    if not said:
        assert len(pairs_of(tasks, found)) == sum(len(found[each.repos[0]].repos) for each in tasks)
        return
    with pytest.raises(UsageError) as caught:
        pairs_of(tasks, found)
    assert [text.problem(Sanitizer(), problem) for problem in caught.value.problems] == said


def test_a_repository_that_several_words_stand_for_is_in_a_task_once() -> None:
    both = task("a", "acme/* acme/r1")
    one, other = repos(2).repos
    found = {"acme/*": Match((one, other)), "acme/r1": Match((one,))}
    assert pairs_of([both], found) == [(both, one), (both, other)]


@pytest.mark.parametrize(
    ("runs", "seconds"),
    [(1, 0), (10, 0), (11, 60), (30, 120), (31, 3600), (61, 7200), (150, 14_400), (151, 86_400)],
)
def test_how_long_the_service_takes_to_start_so_many(runs: int, seconds: int) -> None:
    """Ten in a minute, thirty in an hour, and 150 in a day."""
    assert seconds_to_start(runs) == seconds


@pytest.mark.parametrize(
    ("runs", "timeout", "fields", "is_warned"),
    [
        (10, 60.0, {}, False),
        (11, 60.0, {}, True),
        (11, 60.0, {"dry_run": True}, False),
        (11, 61.0, {}, False),
    ],
)
def test_a_step_warns_of_runs_that_cannot_be_started_in_time(
    runs: int, timeout: float, fields: dict[str, object], *, is_warned: bool
) -> None:
    time, job = VirtualTime(), Job(log := io.StringIO())
    recorder = Recorder(job, Sanitizer(), time.monotonic)
    inputs = task("a", "*", timeout=timeout, **fields)
    planned = planned_runs([(inputs, repo) for repo in repos(runs).repos], job, recorder.safe)
    step = Step(job, recorder, time.clock(), Stop(), 0.0)
    service = Service(Client("http://127.0.0.1:9", ""), step.clock, step.stop, 0.0, timeout)
    _warn_of_slow_starts(step, planned, service)
    warned = [
        (found.properties["title"], found.text) for found in read_log(log.getvalue()).annotations
    ]
    expected = [
        (
            "Starts",
            "A token can start 10 runs a minute and 30 an hour, so 11 runs take 1m 00s to "
            "start; those still waiting at the timeout (1m 00s) are not started. Raise timeout, "
            "or name fewer repositories",
        )
    ]
    assert warned == (expected if is_warned else [])


UNAUTHORIZED = {"ok": False, "error": {"code": "UNAUTHORIZED", "message": "no"}}


def test_the_runs_of_a_step_share_the_limits_of_their_token_and_what_is_known_of_it() -> None:
    """One look-up has worked: a 401 is no wrong token since then."""
    clock, asked = Clock(), list[int]()
    (run, *_) = planned_runs(
        [(task("a", "*"), repo) for repo in repos(2).repos], Job(io.StringIO()), Sanitizer()
    )
    with Emulator("success", limits=False) as emulator:
        token = SharedToken(partial(Client, emulator.url, emulator.token), clock)
        first, second = token.client(), token.client(run.number, lambda: asked.append(1))
        (repo_id, *_) = (repo.id for repo in first.repos())
        emulator.inject("repos", status=401, body=UNAUTHORIZED, times=2)
        for client in (first, second):
            with pytest.raises(TokenLostError):
                client.repos()
        assert (token.budget.seconds_to_start(clock.monotonic()), asked) == (0.0, [])
        for number in range(10):
            second.start({"repoId": repo_id, "prompt": "x"}, f"key-{number}")
        assert asked == [1] * 10
        assert 0.0 < token.budget.seconds_to_start(clock.monotonic()) <= 61.0
        first.close()
        second.close()
