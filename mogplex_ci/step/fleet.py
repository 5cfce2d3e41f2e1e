"""One CI step with many runs: a run for each repository and task, in this one process under one
token budget.
"""

import contextlib
import ctypes
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial
from typing import Final

from mogplex_ci.api.budget import STARTS, TokenBudget
from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import ServiceHistory
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report.text import count_of_runs
from mogplex_ci.run.many import (
    CanariesPassed,
    Fleet,
    FleetCounts,
    NoMoreStarts,
    RunEnd,
    RunUpdate,
    result_of_fleet,
)
from mogplex_ci.run.repositories import Match, find_repos
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import SafeText, duration
from mogplex_ci.step.execute import Step, execute, service_of
from mogplex_ci.step.plan import Item, plan_of
from mogplex_ci.waiting import Stop

_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``."""
MOST_RUNS: Final = STARTS[-1].most
"""Runs of one fleet: what the service starts in a day."""

_TOO_MANY_STARTS: Final = (
    "The service starts 10 runs a minute and 30 an hour for a token: {} runs take {} to start, and those that wait "
    "longer than the timeout ({}) are not started. Raise timeout, or name fewer repositories"
)


def perform_fleet(step: Step, tasks: Sequence[ActionInputs]) -> RunResult:
    """Start the runs, follow them, and return how the step ended. ``tasks`` are the inputs of each
    task.

    Raises:
        MogplexError: the step cannot start.
        StopRequested: a stop signal came before the repositories were found.
    """
    inputs, recorder = tasks[0], step.recorder
    _allocate_from_one_heap()
    clock, budget, history = step.clock, TokenBudget(), ServiceHistory()
    with service_of(step, tasks) as client_of:

        def client_for(item: Item) -> Client:
            check = partial(fleet.check_start, item)
            turn = partial(budget.turn, clock=clock, run=item.number, check_start=check)
            return client_of(turn=turn, history=history)

        def work(item: Item, halt: Stop) -> Generator[Update, None, RunResult]:
            return execute(step._replace(stop=halt), item.plan, partial(client_for, item), item)

        words = [word for task in tasks for word in task.repos]
        look_up = client_of(turn=partial(budget.turn, clock=clock), history=history)
        with contextlib.closing(look_up) as client:
            service = Service(client, clock, step.stop, step.began, inputs.timeout)
            found = recorder.follow(service.answer_to(partial(find_repos, client, words)))
        recorder.log.hidden_repos(found)
        items = items_of(tasks, found, step.platform)
        if (
            not inputs.dry_run
            and (needed := seconds_to_start(len(items))) >= service.deadline - service.now
        ):
            recorder.warn(
                "Starts", _TOO_MANY_STARTS, len(items), duration(needed), duration(inputs.timeout)
            )
        fleet = Fleet(items, work, inputs, service)

        def counts() -> SafeText:
            wait = budget.seconds_to_start(service.now) if fleet.counts.waiting else 0.0
            return count_of_runs(fleet.counts, wait, recorder.safe)

        recorder.begin_runs(items, counts)
        for news in fleet.perform():
            match news:
                case RunUpdate(item, update):
                    recorder.on(item, update)
                case RunEnd(item, result):
                    recorder.end_run(item, result)
                case CanariesPassed() | NoMoreStarts():
                    recorder.log.bound(news)
                case FleetCounts():
                    recorder.count_runs(counts())
    return result_of_fleet([fleet.results[item] for item in items], step.stop)


def seconds_to_start(runs: int) -> float:
    """Return the least seconds in which the service starts so many runs for one token."""
    return max((runs - 1) // limit.most * limit.seconds for limit in STARTS)


def _allocate_from_one_heap() -> None:
    """Keep glibc from giving each thread a heap of its own: what a run has freed could not be used
    by the others.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # other C libraries have one heap anyway
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def items_of(
    tasks: Sequence[ActionInputs], found: dict[str, Match], platform: Platform
) -> list[Item]:
    """Return a run for each repository of each task. ``found``: the repositories that each word
    stands for.

    Raises:
        UsageError: with all that does not fit together.
    """
    pairs: list[tuple[ActionInputs, Repo]] = []
    problems: list[Problem] = []
    for task in tasks:
        repos = {repo.id: repo for word in task.repos for repo in found[word].repos}
        pairs += [(task, repo) for repo in repos.values()]
    if len(pairs) > 1 and any(task.idempotency_key is not None for task in tasks):
        fault = f"is one key for {len(pairs)} runs"
        problems.append(
            Problem("idempotency-key", fault, "Remove it: each run gets a key of its own.")
        )
    branches = Counter(
        (repo.full_name, task.branch) for task, repo in pairs if task.branch is not None
    )
    problems += [
        Problem(
            "branch",
            "is used by several tasks of one repository",
            "Give each task a branch of its own.",
            name,
        )
        for (name, _), times in branches.items()
        if times > 1
    ]
    if len(pairs) > MOST_RUNS:
        fault = f"makes {len(pairs)} runs, {MOST_RUNS} are allowed in a day"
        problems.append(Problem("repo", fault, "Use narrower patterns, or several days."))
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return [
        Item(number, repo, task, plan_of(task, platform, repo))
        for number, (task, repo) in enumerate(pairs, start=1)
    ]
