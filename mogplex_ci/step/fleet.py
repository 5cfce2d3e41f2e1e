"""One CI step with many runs: a run for each repository and task, in this one process under one token budget."""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.budget import STARTS, TokenBudget
from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import retrying
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.declared import is_uuid
from mogplex_ci.inputs.read import is_pattern
from mogplex_ci.models import LIST_LIMIT
from mogplex_ci.platforms.base import FLEET_STATE
from mogplex_ci.report.facts import FleetFacts, RunFacts, facts_of
from mogplex_ci.report.fleet import SAID_AT_ONCE, FleetLog, counted, fleet_outputs, fleet_reports
from mogplex_ci.run.many import Fleet, FleetCounts, FleetHeartbeat, RunEnded, result_of_fleet
from mogplex_ci.run.result import interrupted
from mogplex_ci.run.start import FIND_REPO, no_such_repo, repos_named
from mogplex_ci.run.updates import NextKey, Started, Starting
from mogplex_ci.step.execute import execute, service_of
from mogplex_ci.step.guards import reason_to_skip, skipped
from mogplex_ci.step.plan import Step, key_of, plan_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.models import Repo
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report import Report
    from mogplex_ci.report.fleet import FleetReport
    from mogplex_ci.run.one import Plan
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import Part, SafeText, Sanitizer
    from mogplex_ci.waiting import Stop

_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``."""
MOST_RUNS: Final = STARTS[-1].most
"""Runs of one fleet: what the service starts in a day."""


@dataclass(frozen=True, eq=False)
class Item:
    """One run of the fleet."""

    number: int
    repo: Repo
    inputs: ActionInputs
    """Those of its task."""
    plan: Plan


def perform_fleet(step: Step, tasks: Sequence[ActionInputs], recorder: FleetRecorder) -> RunResult:
    """Start the runs, follow them, and return how the step ended. ``tasks`` are the inputs of each task.

    Raises:
        MogplexError: the step cannot start.
    """
    inputs = tasks[0]
    reason = reason_to_skip(step, tasks)
    if reason is not None:
        return skipped(step, reason)
    clock, stop, began = step.clock, step.stop, step.began
    _allocate_from_one_heap()
    budget = TokenBudget()
    with service_of(step, tasks) as (url, token):

        def connect(number: int) -> Client:
            return Client(url, token, diagnostics=recorder.diagnostics, turn=budget.turns_of(number, clock))

        def work(item: Item, halt: Stop) -> Generator[Update, None, RunResult]:
            client = connect(item.number)
            updates = execute(step._replace(stop=halt), item.inputs, item.plan, client)
            try:
                return (yield from recorder.kept(item, updates))
            finally:
                client.close()

        words = [word for task in tasks for word in task.repos]
        with contextlib.closing(connect(0)) as client:

            def find(timeout: float) -> dict[str, list[Repo]]:
                return find_repos(client, words, timeout=timeout)

            try:
                found = recorder.follow(retrying(find, clock=clock, deadline=began + inputs.timeout, stop=stop))
            except StopRequested:
                return interrupted(stop)._replace(duration=step.duration)
        items = items_of(tasks, found, step.platform)
        recorder.open(
            items,
            seconds_to_start=lambda: budget.seconds_to_start(clock.monotonic()),
            elapsed=lambda: step.duration,
        )
        fleet = Fleet(
            items,
            work,
            concurrency=inputs.concurrency,
            fail_fast=inputs.fail_fast,
            clock=clock,
            stop=stop,
            began=began,
            timeout=inputs.timeout,
        )
        for item, update in fleet.perform():
            recorder.on_fleet(item, update, fleet.counts)
    result = result_of_fleet([fleet.results[item] for item in items], stop)
    return result._replace(duration=step.duration)


def _allocate_from_one_heap() -> None:
    """Keep glibc from giving each thread a heap of its own: what a run has freed could not be used by the others."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # other C libraries have one heap anyway
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def find_repos(client: Client, wanted: Sequence[str], *, timeout: float) -> dict[str, list[Repo]]:
    """Return the repositories that each of ``wanted``, full names, ids or patterns such as ``acme/*``, stands for.

    Raises:
        UsageError: with everything in ``wanted`` that stands for none, and the names that are close.
        MogplexError: the API could not be asked.
    """
    visible = client.repos(timeout=timeout)
    is_complete = len(visible) < LIST_LIMIT
    found: dict[str, list[Repo]] = {}
    problems: list[Problem] = []
    for word in dict.fromkeys(wanted):
        if is_uuid(word):
            known = visible if is_complete else client.repos(repo_id=word, timeout=timeout)
            matching = [repo for repo in known if repo.id.lower() == word.lower()]
        else:
            literal = max(re.split(r"[*?]", word), key=len)  # the API searches for text, not for patterns
            known = visible if is_complete else client.repos(query=literal, timeout=timeout)
            matching = repos_named(word, known)
        found[word] = sorted(matching, key=lambda repo: repo.full_name.text.lower())
        if is_pattern(word) and not matching:
            fault = "matches no repository that this token can see"
            problems.append(Problem("repo", fault, FIND_REPO, Untrusted(word)))
        elif len(matching) != 1 and not is_pattern(word):
            problems.append(no_such_repo(word, visible, several=bool(matching)))
    if problems:
        raise UsageError(*problems)
    return found


def items_of(tasks: Sequence[ActionInputs], found: dict[str, list[Repo]], platform: Platform) -> list[Item]:
    """Return a run for each repository of each task. ``found``: the repositories that each word stands for.

    Raises:
        UsageError: with all that does not fit together.
    """
    pairs: list[tuple[ActionInputs, Repo]] = []
    problems: list[Problem] = []
    for task in tasks:
        named = Counter(repo.id for word in task.repos if not is_pattern(word) for repo in found[word])
        repos = {repo.id: repo for word in task.repos for repo in found[word]}
        problems += [
            Problem("repo", "is named twice", "Name it once.", repos[repo_id].full_name)
            for repo_id, times in named.items()
            if times > 1
        ]
        pairs += [(task, repo) for repo in repos.values()]
    if len(pairs) > 1 and any(task.idempotency_key is not None for task in tasks):
        fault = f"is one key for {len(pairs)} runs"
        problems.append(Problem("idempotency-key", fault, "Remove it: each run gets a key of its own."))
    branches = Counter((repo.full_name, task.branch) for task, repo in pairs if task.branch is not None)
    problems += [
        Problem("branch", "is used by several tasks of one repository", "Give each task a branch of its own.", name)
        for (name, _), times in branches.items()
        if times > 1
    ]
    if len(pairs) > MOST_RUNS:
        fault = f"makes {len(pairs)} runs, {MOST_RUNS} are allowed in a day"
        problems.append(Problem("repo", fault, "Use narrower patterns, or several days."))
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return [
        Item(number, repo, task, _plan_of(task, repo, platform)) for number, (task, repo) in enumerate(pairs, start=1)
    ]


def _plan_of(inputs: ActionInputs, repo: Repo, platform: Platform) -> Plan:
    """Return the plan of one run."""
    label = "-".join(filter(None, (repo.full_name.text, inputs.task)))
    key = key_of(inputs, platform, label, (repo.id, inputs.task or ""))
    return plan_of(inputs, key, platform)._replace(repo=repo.id, repo_is_id=True, found=repo)


class FleetRecorder(Recorder):
    """Hands the updates of many runs to everything that records the step.

    Until ``open``, and if it is never called, the step is recorded like one with a single run.
    """

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        super().__init__(platform, sanitizer)
        self._log_of_fleet = FleetLog(platform, sanitizer)
        self._names: dict[Item, SafeText] = {}
        self._reports_of_fleet: list[FleetReport] = []
        self._started_at: dict[Item, float] = {}
        """Seconds since the step began."""
        self._facts: dict[Item, RunFacts] = {}
        self._unfinished: dict[Item, dict[str, str]] = {}
        """What ``post`` needs to cancel each run that is not over."""
        self._counts = FleetCounts(0, 0, 0)
        self._state_lock = threading.Lock()
        self._seconds_to_start: Callable[[], float] = lambda: 0.0
        self._elapsed: Callable[[], float] = lambda: 0.0

    def open(
        self, items: Sequence[Item], *, seconds_to_start: Callable[[], float], elapsed: Callable[[], float]
    ) -> None:
        """Record ``items`` from now on.

        ``seconds_to_start`` tells when the token may start the next run, ``elapsed`` how long the step has taken.
        """
        self._seconds_to_start, self._elapsed = seconds_to_start, elapsed
        self._name(items)
        inputs = items[0].inputs
        self._log_of_fleet.begin({self._names[item]: item.inputs for item in items}, inputs.concurrency, elapsed)
        reports = fleet_reports(inputs, self._platform, self._sanitizer, len(items))
        self._reports_of_fleet = [self._log_of_fleet, *reports]
        if self._progress is not None:
            self._progress.begin(self._names.values(), self._counted)

    def on_fleet(self, item: Item | None, update: Update | FleetHeartbeat | RunEnded, counts: FleetCounts) -> None:
        """Record an update of one run, or of the fleet, whose runs are counted in ``counts``."""
        self._counts = counts
        is_logged = isinstance(update, (FleetHeartbeat, RunEnded, *SAID_AT_ONCE))
        with self._without_progress() if is_logged else contextlib.nullcontext():
            if item is None or isinstance(update, FleetHeartbeat):
                self._guarded(lambda: self._log_of_fleet.heartbeat(self._counted()))
            elif isinstance(update, RunEnded):
                self._end_run(item, update.result)
            else:
                self._each_report_of_fleet(lambda report: report.on(self._names[item], update))
                if self.diagnostics is not None:
                    self.diagnostics.on(update)
                if self._progress is not None:
                    self._progress.on(update, self._names[item])

    def _counted(self) -> SafeText:
        return counted(self._counts, self._seconds_to_start() if self._counts.waiting else None, self._sanitizer)

    def kept(self, item: Item, updates: Generator[Update, None, RunResult]) -> Generator[Update, None, RunResult]:
        """Pass on a run's updates. What ``post`` needs is saved before the run goes on, in the run's own thread."""
        try:
            while True:
                update = next(updates)
                with self._state_lock:
                    self._keep(item, update)
                yield update
        except StopIteration as end:
            result: RunResult = end.value
            return result
        finally:
            updates.close()

    def _keep(self, item: Item, update: Update) -> None:
        """Keep what ``post`` and the reports need to know about a run."""
        state = self._unfinished.get(item, {})
        if isinstance(update, Starting):
            state = {"key": update.key, "repo-id": update.repo_id, "task": item.inputs.task or ""}
        elif isinstance(update, NextKey):
            state = {name: value for name, value in state.items() if name != "run-id"} | {"key": update.key}
        elif isinstance(update, Started):
            self._started_at[item] = self._elapsed()
            state = state | {"run-id": update.run.id} if update.owned else {}
        else:
            return
        self._unfinished[item] = state
        self._save_unfinished()

    def _end_run(self, item: Item, result: RunResult) -> None:
        """Record how one run ended."""
        ended = self._elapsed()
        began = self._started_at.get(item, ended)
        facts = facts_of(result._replace(duration=ended - began), self._sanitizer, self._platform, item.inputs)
        run = RunFacts(self._names[item], item.repo.full_name, item.inputs.task, facts, began, ended)
        self._each_report_of_fleet(lambda report: report.end_run(run))
        if self._progress is not None:
            self._progress.end_run(run.name, result.result)
        self._facts[item] = run.without_timeline()
        with self._state_lock:
            if not result.left_behind and self._unfinished.pop(item, None) is not None:
                self._save_unfinished()

    def _save_unfinished(self) -> None:
        left = [state for state in self._unfinished.values() if state]
        self._save({FLEET_STATE: json.dumps(left, separators=(",", ":"))})

    def finish(self, result: RunResult) -> None:
        """Record how the step ended."""
        if not self._names:  # no run was to be started: a step like any other
            self._reports += super()._reports_for(self._inputs) if self._inputs else ()
            super().finish(result)
            return
        self._stop_progress()
        facts = facts_of(result, self._sanitizer, self._platform, self._inputs)
        if len({item.inputs.prompt for item in self._names}) > 1:
            facts = facts._replace(title=self._sanitizer.clean(""), task=self._sanitizer.clean(""))
        fleet = FleetFacts(facts, [self._facts[item] for item in self._names if item in self._facts])
        self._each_report_of_fleet(lambda report: report.end(fleet))
        self._set_outputs(fleet_outputs(fleet, self._sanitizer))
        if not result.left_behind:
            self._forget()

    def _each_report_of_fleet(self, call: Callable[[FleetReport], None]) -> None:
        for report in self._reports_of_fleet:
            self._guarded(partial(call, report))

    def _reports_for(self, inputs: ActionInputs) -> Iterable[Report]:
        return ()

    def _name(self, items: Sequence[Item]) -> None:
        """Name each run by repository and task, and by its number too where another one has the same name."""
        for item in items:
            task = (" ", Untrusted(item.inputs.task)) if item.inputs.task else ()
            named: tuple[Part, ...] = ("[", item.repo.full_name, *task)
            name = self._sanitizer.sentence(*named, "]")
            if name in self._names.values():
                name = self._sanitizer.sentence(*named, " #", item.number, "]")
            self._names[item] = name
