"""One run, from finding the repository to the result; and cancelling it in time."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.budget import PollInterval, Use
from mogplex_ci.api.retry import Backoff, finish, retrying
from mogplex_ci.models import Cancelled, Repair, Repo, Run, Sandbox, StartRequest, is_uuid
from mogplex_ci.run.follow import COMMIT_SECONDS, JUDGED_COMMIT_SECONDS, Follower
from mogplex_ci.run.repositories import find_repo
from mogplex_ci.run.result import (
    RAISE_TIMEOUT,
    Result,
    RunResult,
    cancelled_in_pause,
    failed_in_set_up,
    interrupted,
    result_of_error,
    result_of_run,
    timed_out_in_outage,
)
from mogplex_ci.run.sandbox import sandbox_of
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Key, Starter
from mogplex_ci.run.updates import (
    CancelAnswered,
    CancelFailed,
    Cancelling,
    Retrying,
    Started,
    Starting,
    Update,
)
from mogplex_ci.waiting import Clock, StopRequested

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.read import ActionInputs

T = TypeVar("T")

INTERRUPT_BUDGET: Final = 4.0
"""Seconds after a stop signal: GitHub kills 10 s after the first one, GitLab 6 s."""
TIMEOUT_BUDGET: Final = 90.0
"""Seconds when no CI system is about to kill us: long enough for a used-up request limit, which is
one of a minute.
"""
_FIRST_CANCEL_PAUSE: Final = 0.2
_LONGEST_CANCEL_PAUSE: Final = 5.0
_LONGEST_CANCEL_CALL: Final = 15.0
SHOW_REST_BUDGET: Final = INTERRUPT_BUDGET + 0.4
"""Seconds after a stop signal within which the run is cancelled and what the service has of it is
shown.
"""
FACTS_SECONDS: Final = 30.0
"""How long after the deadline the facts about a run that succeeded are asked for where gates judge
it.
"""
LAST_SECONDS: Final = 2.0
"""Seconds before the deadline in which no request is sent again."""
READ_TO_END_SECONDS: Final = 3.0
"""How long after a cancelled run's end its last events are read."""
SANDBOX_SECONDS: Final = 5.0
"""How long to look for the sandbox of a run that failed before its agent started."""
SECONDS_BEFORE_RETRY: Final = 15.0
"""Time between a failed run and its retry: the limits of a model or a sandbox seldom end sooner."""
UNLISTED_REPO_SECONDS: Final = 90.0
"""How long to try a repo id that the token does not list: a hidden one starts, an unknown one is
answered 503.
"""


class Plan(NamedTuple):
    """The plan of one run."""

    inputs: "ActionInputs"
    """Without the prompt, which ``request`` has."""
    request: Callable[[str, Repair | None], StartRequest]
    """Makes the start request for a repo id and what a later round repairs."""
    key: Key
    jobs_per_token: int
    """Jobs that use the token at the same time."""
    found: Repo | None = None
    """The repository, if it has been looked up already."""
    repair: Repair | None = None
    """In a later round of ``repair``: the part of the request that the inputs do not tell."""


class Execution:
    """Starts one run, follows it, and cancels it when asked to.

    ``perform`` yields updates; afterwards ``result`` says how it ended.
    """

    result: RunResult

    def __init__(self, service: Service, plan: Plan) -> None:
        """``service`` has the step's deadline."""
        self._service = service
        self._plan = plan
        self._inputs = plan.inputs
        self._repo: Repo | None = None
        self._starter: Starter | None = None
        self._started: Started | None = None
        self._follower: Follower | None = None
        self._cancelled: Cancelled | None = None
        self._left_behind = False

    def perform(self) -> Iterator[Update]:
        """Do the step's work, and leave nothing of it behind when a stop signal comes."""
        try:
            result = yield from self._work()
        except errors.MogplexError as error:
            result = self._result_of_error(error)
            yield from self._cancel_unanswered()
            started, run = self._started, self._run
            is_live = (
                run is not None
                and not run.is_terminal
                and not isinstance(error, errors.NotFoundError)
            )
            self._left_behind = self._left_behind or (
                started is not None and started.owned and is_live
            )
        except StopRequested:
            result = yield from self._interrupted()
        self.result = self.with_known(result)

    def _result_of_error(self, error: errors.MogplexError) -> RunResult:
        """Return the result of an error that has ended the step.

        A failure that would have been waited out means that the deadline came first. Once a run was
        started, that is a timeout: the codes of an outage are for steps that started nothing.
        """
        has_started_one = self._started is not None or self._plan.repair is not None
        if has_started_one and self._is_out_of_time(error):
            return timed_out_in_outage("another run could not be started", error)
        is_unread = self._run is not None and not self._run.is_terminal
        return result_of_error(error)._replace(is_unread=is_unread)

    def _is_out_of_time(self, error: errors.MogplexError) -> bool:
        """Whether ``error`` ended the step because no time was left to ask again."""
        is_late = self._service.now >= self._service.deadline - LAST_SECONDS
        return error.patience == inf or (error.patience > 0 and is_late)

    def with_known(self, result: RunResult) -> RunResult:
        """Return ``result`` with all that is known about the run."""
        return result._replace(
            requests_sent=self._service.client.requests_sent,
            followed=self._follower.timeline if self._follower else None,
            repo=self._repo,
            run=self._run,
            key=self._started.key if self._started else "",
            joined=self._started is not None and self._started.joined,
            cancelled_by_step=self._cancelled is not None and not self._cancelled.already_terminal,
            left_behind=self._left_behind or result.left_behind,
        )

    @property
    def _run(self) -> Run | None:
        """The run as last seen."""
        if self._cancelled is not None and self._cancelled.run is not None:
            return self._cancelled.run
        if self._follower is not None:
            return self._follower.run
        return self._started.run if self._started else None

    def _work(self) -> Generator[Update, None, RunResult]:
        plan, inputs = self._plan, self._inputs
        if inputs.run_id is not None:
            started = yield from self._attach(inputs.run_id)
            return (yield from self._result_of(started))
        name = inputs.repo or ""
        self._repo = yield from self._find_repo(name)
        repo_id = self._repo.id if self._repo else name
        starter = self._starter = Starter(
            self._service, plan.request(repo_id, plan.repair), plan.key, inputs.on_rerun
        )
        retries_left = inputs.retries
        while True:
            started = yield from self._start(starter, repo_id)
            result = yield from self._result_of(started)
            has_time = self._service.now + SECONDS_BEFORE_RETRY < self._service.deadline
            if not (retries_left and result.may_pass and len(starter.keys) > 1 and has_time):
                return result
            yield Retrying(started.run, result, retries_left, SECONDS_BEFORE_RETRY)
            retries_left -= 1
            self._service.sleep_until(self._service.now + SECONDS_BEFORE_RETRY)
            del starter.keys[0]

    def _attach(self, run_id: str) -> Generator[Update, None, Started]:
        """Return the run that something else started. This step may cancel it only if its inputs
        say so.
        """
        inputs, service = self._inputs, self._service
        run = yield from service.answer_to(
            lambda timeout: service.client.run(run_id, timeout=timeout)
        )
        if run.repo_id is not None:
            self._repo = yield from self._find_repo(run.repo_id.text)
        owned = "cancel" in (inputs.on_interrupt, inputs.on_timeout, inputs.on_pause)
        return Started(run, key="", joined=True, owned=owned, followed=True)

    def _result_of(self, started: Started) -> Generator[Update, None, RunResult]:
        """Follow a started run and return its result."""
        self._started, self._follower, self._cancelled = started, None, None
        yield started
        inputs, service, jobs = self._inputs, self._service, self._plan.jobs_per_token
        if not inputs.wait:
            return RunResult(Result.DETACHED, 0)
        interval = PollInterval(service.clock, shortest=inputs.poll_interval, jobs_per_token=jobs)
        waits = inputs.on_pause == "wait"
        follower = self._follower = Follower(
            service, started.run, interval, waits_while_paused=waits
        )
        judged = bool(inputs.gates)
        commit_seconds: Sequence[float] = COMMIT_SECONDS
        if judged:
            commit_seconds = JUDGED_COMMIT_SECONDS
        elif interval.is_shared:
            # Runs of a matrix often end together. To ask for a commit that no gate needs would use
            # up the requests with which the other jobs learn that their runs have ended.
            commit_seconds = ()
        yield from follower.follow(service.deadline, commit_seconds)
        result = result_of_run(follower.run, follower.timeline, follower.health.trouble)
        has_paused = follower.run.is_paused and not waits
        policy = inputs.on_pause if has_paused else inputs.on_timeout
        if policy == "cancel":
            yield from self._cancel(quickly=False)
        if self._cancelled is not None and self._cancelled.run is not None:
            # The gates, too, ask for their facts until then.
            ends = service.now + (FACTS_SECONDS if judged else READ_TO_END_SECONDS)
            yield from follower.read_to_end(self._cancelled.run, ends, commit_seconds)
            result = self._revised(result, follower, self._cancelled)
        yield from follower.end()
        if result.result is Result.FAILED and not follower.timeline.agent_worked:
            sandbox = self._sandbox_of_failure(follower.run)
            if sandbox is not None:
                result = failed_in_set_up(result, sandbox)
        return result

    def _sandbox_of_failure(self, run: Run) -> Sandbox | None:
        """Return the sandbox whose set-up failed, whose log tells why; None when it is not known.

        One request that may fail: it only adds to a result that is known.
        """
        if run.repo_id is None or run.never_queued:
            return None
        service = self._service
        seconds = min(SANDBOX_SECONDS, service.deadline - service.now)
        try:
            with service.stop.interrupting():
                listed = service.client.sandboxes(repo_id=run.repo_id.text, timeout=seconds)
        except errors.MogplexError:
            return None
        return sandbox_of(run, listed)

    def _revised(self, result: RunResult, follower: Follower, cancelled: Cancelled) -> RunResult:
        """Return the result after a cancel at the deadline or in a pause, which may have learned
        that the run had ended by itself.
        """
        if cancelled.already_terminal:
            return result_of_run(follower.run, follower.timeline)
        if result.result is Result.PAUSED:
            return cancelled_in_pause(result, has_waited=self._inputs.on_pause == "wait")
        has_outage = follower.health.trouble is not None
        return result if has_outage else result._replace(remedy=RAISE_TIMEOUT)

    def _find_repo(self, name: str) -> Generator[Update, None, Repo | None]:
        """Return the repository; None for an id that the token does not list."""
        client, ask = self._service.client, self._service.answer_to
        if self._plan.found is not None:
            return self._plan.found
        if is_uuid(name):
            listed = yield from ask(lambda timeout: client.repos(repo_id=name, timeout=timeout))
            return next(iter(listed), None)
        return (yield from ask(lambda timeout: find_repo(client, name, timeout=timeout)))

    def _start(self, starter: Starter, repo_id: str) -> Generator[Update, None, Started]:
        yield Starting(repo_id, self._repo, starter.keys[0], self._plan.repair)
        may_start_here = self._repo is not None or self._started is not None
        if may_start_here:
            return (yield from starter.start(self._service.deadline))
        try:
            return (yield from starter.start(self._service.now + UNLISTED_REPO_SECONDS))
        except errors.ServerError as error:
            raise errors.UnknownRepoError(error) from error

    def _interrupted(self) -> Generator[Update, None, RunResult]:
        """Cancel what this step owns, then show what the service has: the CI system kills a few
        seconds later.
        """
        result, ends = interrupted(self._service.stop), self._service.now + SHOW_REST_BUDGET
        if self._inputs.on_interrupt == "cancel":
            yield from self._cancel(quickly=True)
            yield from self._cancel_unanswered()
        if self._follower is not None:
            yield from self._follower.show_rest(ends - self._service.now)
            yield from self._follower.end()
        return result

    def _cancel(self, *, quickly: bool) -> Iterator[Update]:
        """Cancel the run if it is this step's and not over. A stop signal ends it unless it is to
        be quick anyway.
        """
        started, run = self._started, self._run
        if started is None or run is None or run.is_terminal:
            return
        if not started.owned:
            yield CancelFailed(run, errors.ForeignRunError())
            return
        yield Cancelling(run)
        budget = INTERRUPT_BUDGET if quickly else TIMEOUT_BUDGET
        with nullcontext() if quickly else self._service.stop.interrupting():
            answer = self._answer_of(partial(cancel, self._service.client, run.id), run, budget)
        yield answer

    def _cancel_unanswered(self) -> Iterator[Update]:
        """Cancel the run whose start was not answered, if there may be one: no other job could find
        it.
        """
        starter = self._starter
        if starter is None or starter.key_in_doubt is None:
            return
        yield Cancelling(None)
        client, key = self._service.client, starter.key_in_doubt
        ask = partial(
            cancel_unanswered, client, starter.request, key, may_be_foreign=self._plan.key.explicit
        )
        yield self._answer_of(ask, None, INTERRUPT_BUDGET)

    def _answer_of(self, ask: Callable[..., Cancelled], run: Run | None, budget: float) -> Update:
        """Cancel and keep the API's answer."""
        try:
            self._cancelled = ask(clock=self._service.clock, budget=budget)
        except errors.MogplexError as error:
            self._left_behind = not isinstance(error, errors.ForeignRunError)
            return CancelFailed(run, error)
        return CancelAnswered(self._cancelled.status, self._cancelled.already_terminal)


def cancel(client: "Client", run_id: str, *, clock: Clock, budget: float) -> Cancelled:
    """Cancel the run, trying again for ``budget`` seconds.

    The service may answer that a run's state has just changed, or with 200 and a status that is not
    terminal: then the run is read, and cancelled again unless it is over. Stop signals do not
    interrupt this.

    Raises:
        MogplexError: the run could not be cancelled in time.
    """
    may_have_cancelled = False

    def try_once(timeout: float) -> Cancelled:
        nonlocal may_have_cancelled
        try:
            answer = cancel_once(client, run_id, timeout)
        except errors.MogplexError as error:
            may_have_cancelled = may_have_cancelled or error.may_have_worked
            raise
        if may_have_cancelled and answer.status == "cancelled":
            # The answer to an earlier try was lost: the run did not end by itself.
            return answer._replace(already_terminal=False)
        return answer

    return _within(budget, clock, try_once)


def cancel_unanswered(
    client: "Client",
    request: StartRequest,
    key: str,
    *,
    may_be_foreign: bool,
    clock: Clock,
    budget: float,
) -> Cancelled:
    """Cancel the run whose start was not answered: ask with the same key for its id first.

    ``may_be_foreign``: the key is the user's own, so another job may have started a run under it.

    Raises:
        ForeignRunError: another job may have started it; it was left alone.
        MogplexError: its id could not be learned, or it could not be cancelled, in time.
    """
    ends = clock.monotonic() + budget
    started = _within(budget, clock, lambda timeout: client.start(request, key, timeout=timeout))
    if may_be_foreign and started.replayed:
        raise errors.ForeignRunError
    return cancel(client, started.run.id, clock=clock, budget=ends - clock.monotonic())


def cancel_once(client: "Client", run_id: str, timeout: float) -> Cancelled:
    """Send one cancel request. Only a run that is over counts as cancelled, not the answer alone.

    Raises:
        NotCancelledError: the run still works, and the request has to be sent again.
        MogplexError: as for every call.
    """
    answer, refusal = None, None
    try:
        answer = client.cancel(run_id, timeout=timeout)
        if answer.run is not None and answer.run.is_terminal:
            has_ended = answer.already_terminal or answer.run.status != "cancelled"
            return answer._replace(
                status=answer.run.status, already_terminal=has_ended
            )  # not "cancellation_requested"
    except (
        errors.ConflictError
    ) as error:  # "Run state changed; retry cancellation", or "Run is no longer active"
        refusal = error
    run = client.run(run_id, timeout=timeout / 2, use=Use.CANCEL)
    if not run.is_terminal:
        if refusal is not None:
            raise errors.NotCancelledError(
                "the run's state changed while it was cancelled", detail=refusal.detail
            )
        raise errors.NotCancelledError(
            f"the API answered the cancel request, but the run is still {run.status}"
        )
    was_cancelled = answer is not None and not answer.already_terminal and run.status == "cancelled"
    return Cancelled(run, run.status, already_terminal=not was_cancelled, data=run.data)


def _within(budget: float, clock: Clock, call: Callable[[float], T]) -> T:
    """Make ``call`` until it is answered or ``budget`` seconds are over; a hanging answer leaves
    time for a second.
    """
    return finish(
        retrying(
            call,
            clock=clock,
            deadline=clock.monotonic() + budget,
            backoff=Backoff(
                clock, first=_FIRST_CANCEL_PAUSE, longest=min(budget / 4, _LONGEST_CANCEL_PAUSE)
            ),
            longest_call=min(budget * 0.6, _LONGEST_CANCEL_CALL),
            insists=True,
        )
    )
