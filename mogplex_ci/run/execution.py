"""One run, from finding the repository to the result."""

from collections.abc import Callable
from contextlib import nullcontext
from math import inf
from typing import Final, LiteralString

from mogplex_ci import errors
from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.models import Cancelled, Repo, Run, UnansweredStart
from mogplex_ci.run import endings
from mogplex_ci.run.cancel import PATIENT, Budget, cancel, find_unanswered
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.repositories import look_up
from mogplex_ci.run.result import Ending, Result, RunDetails, RunResult
from mogplex_ci.run.sandbox import with_words_of_sandbox
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Starter
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.run.updates import CancelFailed, Cancelling, Said, Started, Starting
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

FACTS_SECONDS: Final = 30.0
"""How long after the cancel a run that had succeeded is asked about where gates judge it."""
LAST_SECONDS: Final = 2.0
"""Seconds before the deadline in which no request is sent again."""
REPO_SECONDS: Final = 10.0
"""How long to look for the repository of a followed run that no gate judges."""
READ_TO_END_SECONDS: Final = 3.0
"""How long after a cancelled run's end its last events are read."""
NEVER_ECHOED: Final = ("conversationId", "workspaceSessionId")
"""Fields of a request that the service uses without an answer that repeats them."""


class Execution:
    """Starts one run, follows it, and cancels it when asked to."""

    def __init__(
        self,
        service: Service,
        plan: Plan,
        *,
        before_start: Callable[[Starting], None] = lambda _: None,
    ) -> None:
        """``service`` has the step's deadline. ``before_start`` raises if no run may be started."""
        self._service = service
        self._plan = plan
        self._before_start = before_start
        self._inputs = plan.inputs
        self._repo: Repo | None = None
        self._starter: Starter | None = None
        self._started: Started | None = None
        self._follower: Follower | None = None
        self._cancelled: Cancelled | None = None
        self._cancel_failure: errors.MogplexError | None = None
        self._has_begun_cancel = False
        """Whether the inputs wanted the run cancelled, at the deadline or in a pause."""
        self._is_abandoned = False
        """Whether an error ended the step, and its run may still be running."""

    def perform(self) -> RunResult:
        """Do the step's work, leave nothing of it behind when a stop signal comes, and return how
        it ended.
        """
        try:
            run_id = self._inputs.run_id
            started = self._start() if run_id is None else self._attach(run_id)
            ending = self._follow(started)
        except errors.MogplexError as error:
            ending = self._give_up(error)
        except StopRequested:
            ending = self._interrupted()
        return RunResult(ending, self.details())

    def details(self) -> RunDetails:
        """Return the known facts about the run so far."""
        started = self._started
        follower = self._follower
        unanswered = self._unanswered
        is_foreign = isinstance(self._cancel_failure, errors.ForeignRunError)
        timeline = follower.timeline if follower is not None else Timeline()
        return RunDetails(
            requests_sent=self._service.client.requests_sent,
            timeline=timeline,
            pull_request_url=timeline.outcome.pull_request_url,
            repo=self._repo,
            run=self._run,
            key=started.key if started is not None else "",
            joined=started is not None and started.joined,
            may_be_earlier=started is not None and started.may_be_earlier,
            cancelled_by_step=self._cancelled is not None and not self._cancelled.already_terminal,
            left_behind=self._is_abandoned or (self._cancel_failure is not None and not is_foreign),
            unanswered_key=unanswered.key if unanswered is not None else "",
            owned=not is_foreign and (started is None or started.owned),
            not_cancelled=self._cancel_failure.cause if self._cancel_failure is not None else "",
            # Its status may have changed since it was read last.
            is_unread=self._is_live
            and follower is not None
            and follower.health.trouble is not None,
        )

    @property
    def _run(self) -> Run | None:
        """The run as last seen."""
        if self._cancelled is not None:
            return self._cancelled.run
        if self._follower is not None:
            return self._follower.run
        if self._started is not None:
            return self._started.run
        return None

    @property
    def _unanswered(self) -> UnansweredStart | None:
        """The start without a response; None if there is none."""
        return self._starter.unanswered if self._starter is not None else None

    @property
    def _is_live(self) -> bool:
        return self._run is not None and not self._run.is_terminal

    def _attach(self, run_id: str) -> Started:
        """Return the run that something else started. This step may cancel it only if its inputs
        say so.
        """
        inputs = self._inputs
        service = self._service
        run = service.answer_to(lambda timeout: service.client.run(run_id, timeout=timeout))
        owned = "cancel" in (inputs.on_interrupt, inputs.on_timeout, inputs.on_pause)
        return Started(run, key="", joined=True, owned=owned, followed=True)

    def _start(self) -> Started:
        """Start the run, or find the one that this step has started before."""
        plan = self._plan
        name = self._inputs.repo or ""
        self._repo = plan.found
        if self._repo is None:
            self._repo = look_up(self._service, name)
        repo_id = name if self._repo is None else self._repo.id
        starter = self._starter = Starter(
            self._service,
            self._inputs.start_request(repo_id, plan.repair),
            plan.key,
            self._inputs.on_rerun,
            knows_repo=self._repo is not None,
        )
        starting = Starting(repo_id, self._repo, plan.key.first(self._inputs.on_rerun))
        self._before_start(starting)
        self._service.say(starting)
        started = starter.start(self._service.deadline)
        # A service ignores fields that it does not know, and its run object lacks them.
        shown = {"agentId": "agent", "mode": "mode"} | {
            name: name for name in self._inputs.run_options
        }
        unused = [
            option
            for name, option in shown.items()
            if name not in NEVER_ECHOED
            and starter.request.get(name) is not None
            and started.run.data.at(name) is None
        ]
        return started._replace(unused_options=tuple(map(Untrusted, unused)))

    def _follow(self, started: Started) -> Ending:
        """Follow a started run and return how it ended."""
        self._started = started
        self._service.say(started)
        if started.followed and started.run.repo_id is not None:
            # Not before: the run is saved for ``post`` by then, whatever becomes of this request.
            self._find_repo_of_followed(started.run.repo_id.text)
        if not self._inputs.wait:
            return endings.detached()
        interval = PollInterval(
            self._service.clock,
            shortest=self._inputs.poll_interval,
            jobs_per_token=self._plan.jobs_per_token,
        )
        follower = self._follower = Follower(self._service, started.run, interval)
        follower.follow()
        ending = self._cancel_if_wanted(follower)
        follower.end()
        if ending.result is Result.FAILED and not follower.timeline.sandbox_was_ready:
            return with_words_of_sandbox(ending, follower.run, self._service)
        return ending

    def _find_repo_of_followed(self, repo_id: str) -> None:
        """Find the repository of a followed run. Only gates cannot do without it."""
        needs_it = bool(self._inputs.gates)
        ends = inf if needs_it else self._service.now + REPO_SECONDS
        try:
            self._repo = look_up(self._service, repo_id, ends)
        except errors.MogplexError:
            if needs_it:
                raise

    def _cancel_if_wanted(self, follower: Follower) -> Ending:
        """Return how the followed run ended. One that has paused, or not ended in time, is
        cancelled before if the inputs say so.
        """
        service = self._service
        run = follower.run
        policy = self._inputs.on_pause if run.is_paused else self._inputs.on_timeout
        is_left = policy != "cancel"
        trouble = follower.health.trouble
        ending = endings.ending_of_run(run, follower.timeline, trouble, is_left=is_left)
        if is_left or run.is_terminal:
            return ending
        self._has_begun_cancel = True
        self._cancel(PATIENT)
        if self._cancelled is None:
            return ending
        # A run that had succeeded by then is judged: its gates query GitHub until then, too.
        service.extend(FACTS_SECONDS if self._inputs.gates else READ_TO_END_SECONDS)
        follower.read_to_end(self._cancelled.run)
        if self._cancelled.already_terminal:  # it had ended by itself
            return endings.ending_of_run(follower.run, follower.timeline)
        if ending.result is Result.PAUSED:
            return endings.cancelled_in_pause(ending)
        return ending

    def _give_up(self, error: errors.MogplexError) -> Ending:
        """Return the ending that an error makes, after the run of a start without a response was
        looked for.
        """
        ending = self._ending_of_error(error)
        in_doubt = Budget.after_signal(self._service.stop_seconds.cancel)
        # A start whose response was lost may have made a run that no one would cancel.
        if self._cancel_unanswered(in_doubt):
            return endings.started_too_late(error)
        is_owned = self._started is not None and self._started.owned
        # A run that the API no longer knows cannot be cancelled, by ``post`` either.
        is_gone = isinstance(error, errors.NotFoundError)
        is_wanted = self._inputs.on_interrupt == "detach"
        self._is_abandoned = is_owned and self._is_live and not is_gone and not is_wanted
        return ending

    def _ending_of_error(self, error: errors.MogplexError) -> Ending:
        """Return the ending that an error makes. A failure that would have been waited out means
        that the deadline came first.
        """
        is_late = self._service.now >= self._service.deadline - LAST_SECONDS
        is_out_of_time = error.patience == inf or (error.patience > 0 and is_late)
        is_later_round = self._plan.repair is not None
        # The first round's run exists: 69 is for steps that started nothing.
        if is_later_round and is_out_of_time:
            return endings.timed_out_in_outage("another run could not be started", error)
        # So does the run to follow.
        if self._inputs.run_id is not None and is_out_of_time:
            return endings.timed_out_in_outage("the run could not be read", error)
        if self._unanswered is not None:
            return endings.left_in_doubt(error, is_out_of_time=is_out_of_time)
        return endings.ending_of_error(error)

    def _interrupted(self) -> Ending:
        """Cancel the runs that this step owns: the CI system kills it a few seconds later."""
        service = self._service
        ending = endings.interrupted(service.stop)  # by the first signal; others may follow
        if self._inputs.on_interrupt == "cancel" or self._has_begun_cancel:
            budget = Budget.after_signal(service.stop.left(service.stop_seconds.cancel))
            self._cancel(budget)
            self._cancel_unanswered(budget)
        if self._follower is not None:
            self._follower.end()
        return ending

    def _cancel(self, budget: Budget) -> None:
        """Cancel the run if it is this step's and not over. A stop signal ends a patient cancel."""
        service = self._service
        started = self._started
        run = self._run
        # A run to follow may have to be cancelled before it was read.
        run_id = self._inputs.run_id if run is None else run.id
        if run_id is None or (run is not None and run.is_terminal):
            return
        # It was joined through the user's own key: another job may be waiting for it.
        if started is not None and not started.owned:
            service.say(CancelFailed(run_id, errors.ForeignRunError()))
            return
        service.say(Cancelling(run_id))
        # At the deadline there is time until a signal comes; after one, another must not end the
        # cancel: GitHub sends SIGINT, and SIGTERM 7.5 s later.
        is_patient = budget is PATIENT
        try:
            with service.stop.interrupting() if is_patient else nullcontext():
                answer = cancel(service.client, run_id, clock=service.clock, budget=budget)
        except errors.MogplexError as error:
            self._fail_to_cancel(run_id, error)
            return
        self._cancelled = answer
        self._cancel_failure = None  # of an earlier try
        self._say_cancelled(answer.status, already_terminal=answer.already_terminal)

    def _cancel_unanswered(self, budget: Budget) -> bool:
        """Cancel the run whose start was not answered, if there may be one: no other job could find
        it. Return whether one was found, which is the step's run from then on.
        """
        service = self._service
        start = self._unanswered
        if self._starter is None or start is None:
            return False
        service.say(Cancelling(None))
        try:
            run, rest = find_unanswered(service.client, start, clock=service.clock, budget=budget)
        except errors.MogplexError as error:
            self._fail_to_cancel(None, error)
            return False
        self._starter.unanswered = None
        self._started = Started(run, start.key, joined=False, owned=True)
        if run.is_terminal:  # nothing is left to cancel
            self._say_cancelled(run.status, already_terminal=True)
        self._cancel(rest)
        return True

    def _say_cancelled(self, status: str, *, already_terminal: bool) -> None:
        words: LiteralString = "The run had already ended: {}" if already_terminal else "Run {}"
        self._service.say(Said(words, (Untrusted(status),)))

    def _fail_to_cancel(self, run_id: str | None, error: errors.MogplexError) -> None:
        """Note and report why a run was not cancelled."""
        self._cancel_failure = error
        self._service.say(CancelFailed(run_id, error))
