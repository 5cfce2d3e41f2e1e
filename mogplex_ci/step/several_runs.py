"""One CI step with many runs: a run for each repository and task, in this one process under one
token budget.
"""

import contextlib
import ctypes
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Final

from mogplex_ci.api.budget import STARTS, TokenBudget
from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import ServiceHistory
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.problems import Problem
from mogplex_ci.report.text import count_of_runs
from mogplex_ci.run.fleet import Fleet, RunEnded, RunUpdate, ending_of_fleet
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.repositories import Match, find_repos
from mogplex_ci.run.result import Ending, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import CanariesPassed, FleetCounts, NoMoreStarts, Update
from mogplex_ci.sanitize import SafeText, duration
from mogplex_ci.step.execute import execute
from mogplex_ci.step.planning import planned_runs
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop

_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``."""
MOST_RUNS: Final = STARTS[-1].most
"""Runs of one fleet: the number that the service starts in a day."""

_TOO_MANY_STARTS: Final = (
    "A token can start 10 runs a minute and 30 an hour, so {} runs take {} to start; those still waiting at the "
    "timeout ({}) are not started. Raise [[timeout]], or name fewer repositories"
)


class SharedToken:
    """Makes the clients of the runs of one step, which share the token's limits."""

    def __init__(self, connect: Callable[..., Client], clock: Clock) -> None:
        """``connect`` makes clients of the service."""
        self._connect = connect
        self._clock = clock
        self._history = ServiceHistory()
        self.budget = TokenBudget()

    def client(self, run: int = 0, check_start: Callable[[], None] = lambda: None) -> Client:
        """Return the client of the run with this number, which asks ``check_start`` before it
        starts one; without a number a client that belongs to no run.
        """
        turn = partial(self.budget.turn, clock=self._clock, run=run, check_start=check_start)
        return self._connect(throttle=turn, history=self._history)


def find_runs(step: Step, tasks: Sequence[ActionInputs], token: SharedToken) -> list[StepRun]:
    """Return the runs of a step whose inputs name several. ``tasks`` are the inputs of each task.

    Raises:
        MogplexError: the step cannot start.
        StopRequested: a stop signal came before the repositories were found.
    """
    words = [word for task in tasks for word in task.repos]
    with contextlib.closing(token.client()) as client:
        service = Service(client, step.clock, step.stop, step.began, tasks[0].timeout)
        looking = service.answer_to(
            partial(find_repos, client, words, fault_of=step.platform.fault_of_repo)
        )
        found = step.recorder.follow_lookup(looking)
    step.recorder.log.hidden_repos(found)
    return planned_runs(pairs_of(tasks, found), step.platform, step.recorder.safe)


def perform_fleet(step: Step, runs: Sequence[StepRun], token: SharedToken) -> Ending:
    """Start the runs, follow them, and return how the step ended.

    Raises:
        MogplexError: the step cannot start.
    """
    inputs = runs[0].inputs
    recorder = step.recorder
    _allocate_from_one_heap()

    def work(run: StepRun, halt: Stop) -> Generator[Update, None, RunResult]:
        check_start = partial(fleet.check_start, run)
        connect = partial(token.client, run.number, check_start)
        return execute(step._replace(stop=halt), run, connect)

    def counts() -> SafeText:
        wait = token.budget.seconds_to_start(service.now) if fleet.counts.waiting else 0.0
        return count_of_runs(fleet.counts, wait, recorder.safe)

    with contextlib.closing(token.client()) as client:
        seconds = step.platform.system.stop_seconds
        service = Service(
            client, step.clock, step.stop, step.began, inputs.timeout, stop_seconds=seconds
        )
        _warn_of_slow_starts(step, runs, service)
        fleet = Fleet(runs, work, inputs, service)
        recorder.begin_runs(runs)
        recorder.show_counts(counts)
        for news in fleet.perform():
            match news:
                case RunUpdate(run, update):
                    recorder.on(run, update)
                case RunEnded(run, result):
                    recorder.end_run(run, result)
                case CanariesPassed() | NoMoreStarts():
                    recorder.log.bound(news)
                case FleetCounts():
                    recorder.count_runs(counts())
    return ending_of_fleet([fleet.results[run].ending for run in runs], step.stop)


def _warn_of_slow_starts(step: Step, runs: Sequence[StepRun], service: Service) -> None:
    """Warn if not all runs can be started before the deadline."""
    inputs = runs[0].inputs
    needed = seconds_to_start(len(runs))
    if not inputs.dry_run and needed >= service.deadline - service.now:
        step.recorder.warn(
            "Starts", _TOO_MANY_STARTS, len(runs), duration(needed), duration(inputs.timeout)
        )


def seconds_to_start(runs: int) -> float:
    """Return the minimum seconds in which the service starts this many runs for one token."""
    return max((runs - 1) // limit.most * limit.seconds for limit in STARTS)


def _allocate_from_one_heap() -> None:
    """Keep glibc from giving each thread its own heap: other runs could not use the memory that one
    has freed.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # other C libraries have one heap anyway
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def pairs_of(
    tasks: Sequence[ActionInputs], found: Mapping[str, Match]
) -> list[tuple[ActionInputs, Repo]]:
    """Return each repository of each task, with the inputs of the task. ``found``: the repositories
    that match each word.

    Raises:
        UsageError: with all conflicts.
    """
    pairs: list[tuple[ActionInputs, Repo]] = []
    for task in tasks:
        repos = {repo.id: repo for word in task.repos for repo in found[word].repos}
        pairs += [(task, repo) for repo in repos.values()]
    problems: list[Problem] = []
    if len(pairs) > 1 and any(task.idempotency_key is not None for task in tasks):
        fault = f"is one key for {len(pairs)} runs"
        remedy = "Remove it: each run gets its own key."
        problems.append(Problem("idempotency-key", fault, remedy))
    uses = Counter((repo.id, task.branch) for task, repo in pairs)
    for task, repo in pairs:
        if task.branch is not None and uses[repo.id, task.branch] > 1:
            fault = "is the branch of several tasks on one repository"
            remedy = "Give each task its own branch."
            problems.append(Problem("branch", fault, remedy, Untrusted(task.branch)))
    if len(pairs) > MOST_RUNS:
        fault = f"makes {len(pairs)} runs; a token can start {MOST_RUNS} a day"
        problems.append(Problem("repo", fault, "Use narrower patterns, or several days."))
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return pairs
