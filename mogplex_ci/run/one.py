"""One run, from finding the repository to the result."""

from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Final, LiteralString, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.budget import PollInterval
from mogplex_ci.models import Cancelled, Repo, Run, UnansweredStart
from mogplex_ci.run.cancel import PATIENT, Budget, cancel, find_unanswered
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.repositories import look_up
from mogplex_ci.run.result import (
    EXIT_UNAVAILABLE,
    Ending,
    Result,
    RunDetails,
    RunResult,
    cancelled_in_pause,
    ending_of_error,
    ending_of_run,
    failed_install,
    interrupted,
    names_install,
    started_too_late,
    timed_out_in_outage,
    with_retry_advice,
    with_sandbox_error,
)
from mogplex_ci.run.sandbox import sandbox_of
from mogplex_ci.run.service import LEAST_CALL_SECONDS, Service
from mogplex_ci.run.start import Starter
from mogplex_ci.run.updates import (
    CancelFailed,
    Cancelling,
    InstallLog,
    Said,
    Started,
    Starting,
)
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

T = TypeVar("T")

FACTS_SECONDS: Final = 30.0
"""How long after the cancel a run that had succeeded is asked about where gates judge it."""
LAST_SECONDS: Final = 2.0
"""Seconds before the deadline in which no request is sent again."""
READ_TO_END_SECONDS: Final = 3.0
"""How long after a cancelled run's end its last events are read."""
SANDBOX_SECONDS: Final = 10.0
"""How long to look for the sandbox of a run that failed before that was ready, and for its log."""
NEVER_ECHOED: Final = ("conversationId", "workspaceSessionId")
"""Fields of a request that the service uses without an answer that repeats them."""


class Execution:
    """Starts one run, follows it, and cancels it when asked to."""

    def __init__(
        self,
        service: Service,
        plan: Plan,
        on_unanswered: Callable[[UnansweredStart | None], None] = lambda _: None,
        *,
        before_start: Callable[[Starting], None] = lambda _: None,
        after_start: Callable[[Started], None] = lambda _: None,
    ) -> None:
        """``service`` has the step's deadline. ``on_unanswered`` is called with a start request
        right before it is sent, and with None when it is certain that it has started nothing.
        ``before_start`` raises if no run may be started.
        """
        self._service = service
        self._plan = plan
        self._on_unanswered = on_unanswered
        self._before_start = before_start
        self._after_start = after_start
        self._inputs = plan.inputs
        self._repo: Repo | None = None
        self._starter: Starter | None = None
        self._started: Started | None = None
        self._follower: Follower | None = None
        self._cancelled: Cancelled | None = None
        self._has_begun_cancel = False
        """Whether the inputs wanted the run cancelled, at the deadline or in a pause."""
        self._left_behind = False
        self._is_foreign = False
        self._not_cancelled = ""
        self._is_unread = False
        self._install_began = False

    def perform(self) -> RunResult:
        """Do the step's work, leave nothing of it behind when a stop signal comes, and return how
        it ended.
        """
        try:
            ending = self._work()
        except errors.MogplexError as error:
            ending = self._ending_of_error(error)
            self._is_unread = self._run is not None and not self._run.is_terminal
            in_doubt = Budget.after_signal(self._service.stop_seconds.cancel)
            was_started = self._cancel_unanswered(in_doubt)
            if was_started:
                ending = started_too_late(error)
            run = self._run
            is_owned = self._started is not None and self._started.owned
            is_live = run is not None and not run.is_terminal
            is_gone = isinstance(error, errors.NotFoundError)
            if is_owned and is_live and not is_gone and self._inputs.on_interrupt == "cancel":
                self._left_behind = True
        except StopRequested:
            ending = self._interrupted()
        return RunResult(ending, self.details())

    def _ending_of_error(self, error: errors.MogplexError) -> Ending:
        """Return the ending that an error makes.

        A failure that would have been waited out means that the deadline came first. In a later
        round, and while a start is in doubt, that is a timeout: the codes of an outage are for
        steps that certainly started nothing.
        """
        is_later_round = self._plan.repair is not None
        is_late = self._service.now >= self._service.deadline - LAST_SECONDS
        is_out_of_time = error.patience == inf or (error.patience > 0 and is_late)
        if is_later_round and is_out_of_time:
            return timed_out_in_outage("another run could not be started", error)
        if self._unanswered_key and is_out_of_time:
            ending = timed_out_in_outage("the start was not answered", error)
            return ending._replace(remedy="")  # what to do is told with the key
        ending = ending_of_error(error)
        if self._unanswered_key and ending.exit_code == EXIT_UNAVAILABLE:
            return ending._replace(exit_code=1)
        return ending

    def details(self) -> RunDetails:
        """Return the known facts about the run so far."""
        is_owned = self._started is None or self._started.owned
        return RunDetails(
            requests_sent=self._service.client.requests_sent,
            followed=None if self._follower is None else self._follower.timeline,
            repo=self._repo,
            run=self._run,
            key=self._key,
            joined=self._started is not None and self._started.joined,
            cancelled_by_step=self._cancelled is not None and not self._cancelled.already_terminal,
            left_behind=self._left_behind,
            unanswered_key=self._unanswered_key,
            owned=is_owned and not self._is_foreign,
            not_cancelled=self._not_cancelled,
            install_began=self._install_began,
            is_unread=self._is_unread,
        )

    @property
    def _key(self) -> str:
        """The key of the run that was started, or may have been; empty if there is none."""
        if self._started is not None:
            return self._started.key
        return self._unanswered_key

    @property
    def _unanswered_key(self) -> str:
        """The key of a start without a response; empty if there is none."""
        if self._starter is None or self._starter.unanswered is None:
            return ""
        return self._starter.unanswered.key

    @property
    def _run(self) -> Run | None:
        """The run as last seen."""
        if self._cancelled is not None and self._cancelled.run is not None:
            return self._cancelled.run
        if self._follower is not None:
            return self._follower.run
        if self._started is not None:
            return self._started.run
        return None

    def _work(self) -> Ending:
        plan = self._plan
        inputs = self._inputs
        if inputs.run_id is not None:
            started = self._attach(inputs.run_id)
            return self._follow(started)
        name = inputs.repo or ""
        self._repo = plan.found
        if self._repo is None:
            self._repo = look_up(self._service, name, plan.fault_of_repo)
        repo_id = name if self._repo is None else self._repo.id
        starter = self._starter = Starter(
            self._service,
            plan.request(repo_id, plan.repair),
            plan.key,
            inputs.on_rerun,
            self._on_unanswered,
            knows_repo=self._repo is not None,
        )
        started = self._start(starter, repo_id)
        ending = self._follow(started)
        if RunResult(ending, self.details()).may_pass:
            return with_retry_advice(ending)
        return ending

    def _attach(self, run_id: str) -> Started:
        """Return the run that something else started. This step may cancel it only if its inputs
        say so.
        """
        inputs = self._inputs
        service = self._service
        run = service.answer_to(lambda timeout: service.client.run(run_id, timeout=timeout))
        if run.repo_id is not None:
            self._repo = look_up(service, run.repo_id.text)
        owned = "cancel" in (inputs.on_interrupt, inputs.on_timeout, inputs.on_pause)
        return Started(run, key="", joined=True, owned=owned, followed=True)

    def _follow(self, started: Started) -> Ending:
        """Follow a started run and return how it ended."""
        self._started = started
        self._follower = None
        self._install_began = False
        self._service.say(started)
        self._after_start(started)
        inputs = self._inputs
        service = self._service
        if not inputs.wait:
            return Ending.of(Result.DETACHED)
        interval = PollInterval(
            service.clock,
            shortest=inputs.poll_interval,
            jobs_per_token=self._plan.jobs_per_token,
        )
        follower = Follower(service, started.run, interval)
        self._follower = follower
        asks_commit = not inputs.gates  # they ask GitHub
        follower.follow(service.deadline, asks_commit=asks_commit)
        policy = inputs.on_pause if follower.run.is_paused else inputs.on_timeout
        trouble = follower.health.trouble
        is_left = policy != "cancel"
        ending = ending_of_run(follower.run, follower.timeline, trouble, is_left=is_left)
        self._is_unread = trouble is not None and not follower.run.is_terminal
        if policy == "cancel" and not follower.run.is_terminal:
            self._has_begun_cancel = True
            self._cancel(PATIENT)
            if self._cancelled is not None and self._cancelled.run is not None:
                # The gates, too, ask for their facts until then.
                seconds = FACTS_SECONDS if inputs.gates else READ_TO_END_SECONDS
                service.deadline = service.now + seconds
                follower.read_to_end(self._cancelled.run, asks_commit=asks_commit)
            ending = self._revised(ending, follower)
        follower.end()
        if ending.result is Result.FAILED and not follower.timeline.sandbox_was_ready:
            ending = self._with_sandbox(ending, follower.run)
        return ending

    def _with_sandbox(self, failed: Ending, run: Run) -> Ending:
        """Return the ending of a run that failed before its sandbox was ready, with the sandbox's
        own error, and report the log of its installation. Nothing is added that cannot be read.
        """
        repo_id = run.repo_id
        if repo_id is None or run.never_queued:
            return failed
        client = self._service.client
        ends = self._service.now + SANDBOX_SECONDS
        listed = self._read_once(
            lambda left: client.sandboxes(repo_id=repo_id.text, timeout=left), ends
        )
        sandbox = sandbox_of(run, listed or [])
        if sandbox is not None:
            failed = with_sandbox_error(failed, sandbox.error)
            sandbox_id = sandbox.id
            logs = self._read_once(lambda left: client.sandbox_logs(sandbox_id, timeout=left), ends)
            log = logs.install_log if logs is not None else None
            if log is not None and log.text.strip():
                self._service.say(InstallLog(log))
                self._install_began = True
        if not self._install_began and not names_install(failed):
            return failed
        self._install_began = True
        return failed_install(failed)

    def _read_once(self, call: Callable[[float], T], ends: float) -> T | None:
        """Return the result of one request until the time ``ends``; None if it fails."""
        service = self._service
        with suppress(errors.MogplexError), service.stop.interrupting():
            return call(max(min(ends, service.deadline) - service.now, LEAST_CALL_SECONDS))
        return None

    def _revised(self, ending: Ending, follower: "Follower") -> Ending:
        """Return the ending after a cancel at the deadline or in a pause, which may have failed, or
        learned that the run had ended by itself.
        """
        if self._cancelled is None:
            if ending.result is Result.PAUSED and self._left_behind:
                return ending._replace(remedy="")  # no one needs to answer it
            return ending
        if self._cancelled.already_terminal:
            self._is_unread = False
            return ending_of_run(follower.run, follower.timeline)
        if ending.result is Result.PAUSED:
            return cancelled_in_pause(ending)
        return ending

    def _start(self, starter: Starter, repo_id: str) -> Started:
        starting = Starting(repo_id, self._repo, starter.keys[0])
        self._before_start(starting)
        self._service.say(starting)
        started = starter.start(self._service.deadline)
        unused = [
            name
            for name, value in self._inputs.run_options.items()
            if name not in NEVER_ECHOED and value is not None and started.run.data.at(name) is None
        ]
        return started._replace(unused_options=tuple(map(Untrusted, unused)))

    def _interrupted(self) -> Ending:
        """Cancel the runs that this step owns, then show the service's last events: the CI system
        kills a few seconds later.
        """
        ending = interrupted(self._service.stop)  # by the first signal; others may follow
        if self._follower is not None:
            self._is_unread = self._follower.health.trouble is not None
        service = self._service
        cancel_ends = service.stopped_at + service.stop_seconds.cancel
        if self._inputs.on_interrupt == "cancel" or self._has_begun_cancel:
            budget = Budget.after_signal(cancel_ends - service.now)
            self._cancel(budget)
            self._cancel_unanswered(budget)
        if self._follower is not None:
            self._follower.show_rest(cancel_ends - service.now)
            self._follower.end()
        return ending

    def _cancel(self, budget: Budget) -> None:
        """Cancel the run if it is this step's and not over. A stop signal ends a patient cancel."""
        started = self._started
        run = self._run
        if started is None or run is None or run.is_terminal:
            return
        if not started.owned:
            self._service.say(CancelFailed(run, errors.ForeignRunError()))
            return
        self._service.say(Cancelling(run))
        if budget is not PATIENT:
            self._cancel_run(run, budget)
            return
        with self._service.stop.interrupting():
            self._cancel_run(run, budget)

    def _cancel_unanswered(self, budget: Budget) -> bool:
        """Cancel the run whose start was not answered, if there may be one: no other job could find
        it. Return whether one was found, which is the step's run from then on.
        """
        starter = self._starter
        if starter is None or starter.unanswered is None:
            return False
        self._service.say(Cancelling(None))
        start = starter.unanswered
        service = self._service
        try:
            run, rest = find_unanswered(service.client, start, clock=service.clock, budget=budget)
        except errors.MogplexError as error:
            self._on_failed_cancel(None, error)
            return False
        starter.unanswered = None
        self._started = Started(run, start.key, joined=False, owned=True)
        self._follower = None  # it followed the run before this one, which has failed
        if run.is_terminal:  # nothing is left to cancel
            self._say_cancelled(run.status, already_terminal=True)
        self._cancel(rest)
        return True

    def _cancel_run(self, run: Run, budget: Budget) -> None:
        """Cancel and keep the API's answer."""
        service = self._service
        try:
            self._cancelled = cancel(service.client, run.id, clock=service.clock, budget=budget)
        except errors.MogplexError as error:
            self._on_failed_cancel(run, error)
            return
        answer = self._cancelled
        self._say_cancelled(answer.status, already_terminal=answer.already_terminal)

    def _say_cancelled(self, status: str, *, already_terminal: bool) -> None:
        words: LiteralString = "The run had already ended: {}" if already_terminal else "Run {}"
        self._service.say(Said(words, (Untrusted(status),)))

    def _on_failed_cancel(self, run: Run | None, error: errors.MogplexError) -> None:
        """Note and report why a run was not cancelled."""
        self._is_foreign = isinstance(error, errors.ForeignRunError)
        self._left_behind = not self._is_foreign
        self._not_cancelled = error.cause
        self._service.say(CancelFailed(run, error))
