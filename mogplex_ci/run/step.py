"""The life of one step's run, from finding the repository to the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import ForeignRunError, InternalError, MogplexError, ServerError, UnknownRepoError
from mogplex_ci.run.cancel import INTERRUPT_BUDGET, TIMEOUT_BUDGET, cancel, cancel_unanswered
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.happenings import (
    CancelAnswered,
    CancelFailed,
    Cancelling,
    Ended,
    EventsArrived,
    FeedFull,
    Starting,
    StatusChanged,
)
from mogplex_ci.run.outcome import Outcome, Result, Verdict, of_ended, of_error
from mogplex_ci.run.pace import Pace
from mogplex_ci.run.persist import Persistence
from mogplex_ci.run.repo import find_repo
from mogplex_ci.run.start import OnRerun, Starter
from mogplex_ci.run.stop import StopRequested
from mogplex_ci.run.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import Cancelled, Repo, Run, StartRequest
    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.happenings import Happening, Started
    from mogplex_ci.run.key import Key
    from mogplex_ci.run.stop import Stop

UNSEEN_REPO_PATIENCE: Final = 90.0
"""Seconds to try a repo id that the token does not list: a hidden one starts, an unknown one answers 503 for ever."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the step shall do. Durations in seconds."""

    repo: str
    """``owner/name``, or an id."""
    repo_is_id: bool
    request: Callable[[str], StartRequest]
    """Makes the start request for a repo id."""
    key: Key
    on_rerun: OnRerun
    timeout: float
    cancel_on_timeout: bool
    cancel_on_interrupt: bool
    wait: bool
    poll_interval: float
    sharers: int
    """Jobs that use the token at the same time."""


class Step:
    """One step: start a run, follow it, stop it when asked to.

    ``perform`` yields what happens; afterwards ``outcome`` says how it ended.
    """

    outcome: Outcome

    def __init__(self, client: Client, plan: Plan, *, clock: Clock, stop: Stop, began: float) -> None:
        """Take what to do; ``began`` is the time of ``clock`` from which the timeout counts."""
        self._client = client
        self._plan = plan
        self._clock = clock
        self._stop = stop
        self._began = began
        self._deadline = began + plan.timeout
        self._persistence = Persistence(clock=clock, stop=stop, sharers=plan.sharers)
        self._trail = Trail()
        self._repo: Repo | None = None
        self._starter: Starter | None = None
        self._started: Started | None = None
        self._run: Run | None = None
        self._cancelled_by_us = False
        self._left_behind = False

    def perform(self) -> Iterator[Happening]:
        """Do the step's work, and leave nothing of it behind when a stop signal comes."""
        try:
            verdict = yield from self._work()
        except MogplexError as error:
            verdict = of_error(error)
            yield from self._cancel_unanswered()
        except StopRequested:
            verdict = yield from self._stopped()
        except Exception as error:  # the run is worth more than our mistake: its id and ``post`` need an outcome
            verdict = of_error(InternalError.of(error))
            self._left_behind = True
        self.outcome = Outcome(
            verdict,
            duration=self._clock.monotonic() - self._began,
            requests_sent=self._client.requests_sent,
            trail=self._trail,
            repo=self._repo,
            run=self._run,
            key=self._started.key if self._started else "",
            joined=self._started is not None and self._started.joined,
            cancelled_by_us=self._cancelled_by_us,
            left_behind=self._left_behind,
        )

    def _work(self) -> Generator[Happening, None, Verdict]:
        self._repo = yield from self._find_repo()
        self._started = started = yield from self._start(self._repo)
        self._run = started.run
        yield started
        if not self._plan.wait:
            return Verdict(Result.DETACHED, 0)
        ended = yield from self._follow(started.run)
        if not ended.run.is_terminal and self._plan.cancel_on_timeout:
            yield from self._cancel(started, ended.run, self._cancel_patiently)
        return of_ended(ended, self._trail)

    def _find_repo(self) -> Generator[Happening, None, Repo | None]:
        """Return the repository; None for an id that the token does not list."""
        plan = self._plan

        def look(timeout: float) -> Repo | None:
            if plan.repo_is_id:
                return next(iter(self._client.repos(repo_id=plan.repo, timeout=timeout)), None)
            return find_repo(self._client, plan.repo, timeout=timeout)

        return (yield from self._persistence.answer(look, self._deadline))

    def _start(self, repo: Repo | None) -> Generator[Happening, None, Started]:
        plan = self._plan
        repo_id = repo.id if repo else plan.repo
        self._starter = Starter(self._client, plan.request(repo_id), plan.key, plan.on_rerun, self._persistence)
        yield Starting(repo_id, repo, self._starter.first_key)
        if repo is not None:
            return (yield from self._starter.start(self._deadline))
        try:
            patience = self._clock.monotonic() + UNSEEN_REPO_PATIENCE
            return (yield from self._starter.start(min(self._deadline, patience)))
        except ServerError as error:
            raise UnknownRepoError(error) from error

    def _follow(self, run: Run) -> Generator[Happening, None, Ended]:
        pace = Pace(self._clock, self._plan.poll_interval, self._plan.sharers)
        follower = Follower(self._client, clock=self._clock, stop=self._stop, pace=pace, began=self._began)
        ended = Ended(run, None)
        for happening in follower.follow(run, self._deadline):
            if isinstance(happening, StatusChanged | EventsArrived | Ended):
                self._run = happening.run
            if isinstance(happening, EventsArrived):
                self._trail.add(happening.events)
            elif isinstance(happening, FeedFull):
                self._trail.truncated = True
            elif isinstance(happening, Ended):
                ended = happening
            yield happening
        return ended

    def _stopped(self) -> Generator[Happening, None, Verdict]:
        """Cancel what this step owns. It takes a few seconds at most: the CI system kills what stays longer."""
        if self._plan.cancel_on_interrupt:
            if self._started is not None and self._run is not None and not self._run.is_terminal:
                yield from self._cancel(self._started, self._run, self._cancel_quickly)
            yield from self._cancel_unanswered()
        return Verdict(
            Result.INTERRUPTED,
            self._stop.exit_code,
            f"stopped by {self._stop.name}",
            error_code="INTERRUPTED",
        )

    def _cancel(self, started: Started, run: Run, ask: Callable[[Run], Cancelled]) -> Iterator[Happening]:
        if not started.owned:
            yield CancelFailed(run, ForeignRunError())
            return
        yield Cancelling(run)
        yield self._cancelled(run, lambda: ask(run))

    def _cancel_quickly(self, run: Run) -> Cancelled:
        return cancel(self._client, run.id, clock=self._clock, budget=INTERRUPT_BUDGET)

    def _cancel_patiently(self, run: Run) -> Cancelled:
        """Cancel after the step's own deadline: a stop signal makes haste of it."""
        with self._stop.interrupting():
            return cancel(self._client, run.id, clock=self._clock, budget=TIMEOUT_BUDGET)

    def _cancel_unanswered(self) -> Iterator[Happening]:
        """Cancel the run of which no answer tells, if there may be one: nobody else could ever learn of it."""
        starter = self._starter
        if starter is None or starter.key_in_doubt is None:
            return
        key = starter.key_in_doubt
        yield Cancelling(None)
        yield self._cancelled(
            None,
            lambda: cancel_unanswered(
                self._client,
                starter.request,
                key,
                may_be_foreign=self._plan.key.explicit,
                clock=self._clock,
                budget=INTERRUPT_BUDGET,
            ),
        )

    def _cancelled(self, run: Run | None, ask: Callable[[], Cancelled]) -> Happening:
        """Ask for the cancellation and keep what the API answers."""
        try:
            answer = ask()
        except MogplexError as error:
            self._left_behind = not isinstance(error, ForeignRunError)
            return CancelFailed(run, error)
        self._run = answer.run or self._run
        self._cancelled_by_us = not answer.already_terminal
        return CancelAnswered(answer.status, answer.already_terminal)
