"""The clean-up step: cancels the runs that the job's steps own and left unfinished, even when they
were killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, LiteralString

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import Backoff, ServiceHistory
from mogplex_ci.errors import ForeignRunError, MogplexError, NotAuthorizedError, UsageError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.read import Given, MatrixJob, collect
from mogplex_ci.models import Cancelled, StartRequest, UnansweredStart
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.report.comment import CALLS_SECONDS, Comment, job_link, not_written
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.report.text import CANCEL, command_line, join_present, problem
from mogplex_ci.run.cancel import (
    FIRST_CANCEL_PAUSE,
    PATIENT,
    Budget,
    cancelling,
    find_once,
    may_pass,
)
from mogplex_ci.sanitize import Markdown, Part, SafeText, Sanitizer, count
from mogplex_ci.step.state import OpenRun, SavedRun, StateFiles, forget
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop, StopRequested, stop_of_process

MIN_CALL_SECONDS: Final = 0.3
"""Seconds that each run gets for a try, also when time is up."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Clean up and return the exit code: 0 when nothing of this job is left running."""
    stop = stop_of_process()
    platform = detect(env, job_log(stop))
    safe = Sanitizer(secrets_of_job(env))
    try:
        # Knows this command's help, and refuses unknown flags, which collect() only notes.
        parser().read(argv)
        given = collect(argv, env)
        token = given.texts.get("api-key", "")
        matrix = MatrixJob.of(given.value("job-context")).parts
        job = platform.job_name(given.texts.get("idempotency-key"), matrix)
        if job is None:  # no step has saved anything
            return 0
        found = StateFiles(platform, job, token).find()
    except UsageError as error:
        for fault in error.problems:
            platform.annotate(Level.ERROR, safe.line(PROGRAM), problem(safe, fault))
        return error.exit_code
    if found.unknown:
        why: LiteralString = "the state was saved with another token, or by another job"
        if not token:
            why = "api-key is missing"
        text = safe.line("Could not cancel {}: {}", count(found.unknown, "run"), safe.line(why))
        platform.annotate(Level.WARNING, safe.line(PROGRAM), text)
    code = NotAuthorizedError.exit_code if found.unknown else 0
    if not found.runs:
        return code
    clean_up = CleanUp(platform, safe, given, token, stop, Clock())
    return max(code, clean_up.perform(found.runs))


class _RunToCancel:
    """A run that may still be running, and what its tries have brought so far."""

    def __init__(self, saved: SavedRun, client: Client) -> None:
        self.saved = saved
        self.run = saved.run
        self.was_tried = False
        self.error: MogplexError | None = None
        """Why the last try failed."""
        self._client = client
        self._cancel: Callable[[float], Cancelled] | None = None

    def find(self, request: StartRequest, timeout: float) -> None:
        """Learn the id of a start without a response: ``request`` is sent again.

        Raises:
            MogplexError: it is still not known.
        """
        start = UnansweredStart(self.run.key, request, self.run.may_be_foreign)
        run_id = find_once(self._client, start, timeout).id
        self.run = self.run._replace(run_id=run_id, request=None)

    def cancel(self, timeout: float) -> Cancelled:
        """Cancel the run by its id.

        Raises:
            MogplexError: it was not cancelled.
        """
        if self._cancel is None:
            self._cancel = cancelling(self._client, self.run.run_id)
        return self._cancel(timeout)


class CleanUp:
    """Cancels runs and says how that went."""

    def __init__(
        self,
        platform: Platform,
        safe: Sanitizer,
        given: Given,
        token: str,
        stop: Stop,
        clock: Clock,
    ) -> None:
        """``given`` are the inputs of the step."""
        self._platform = platform
        self._safe = safe
        self._given = given
        self._token = token
        self._stop = stop
        self._clock = clock
        self._codes = [0]
        """The highest is the exit code."""
        self._left: list[_RunToCancel] = []
        """Runs of which it has not said yet what became of them."""
        self._cancelled: list[SafeText] = []
        self._over: list[SafeText] = []
        """Runs that had ended before the clean-up asked."""
        self._to_tell: list[tuple[OpenRun, str]] = []
        """What comments do not say yet: every run is cancelled first."""

    def perform(self, runs: Sequence[SavedRun]) -> int:
        """Cancel each run and return the exit code. One that fails stops no other."""
        with contextlib.ExitStack() as clients:
            self._left = [
                _RunToCancel(saved, clients.enter_context(self._connect(saved.run)))
                for saved in runs
            ]
            try:
                with self._stop.interrupting():
                    self._cancel_all(PATIENT)
                    self._write_comments()
            except StopRequested:
                self._hurry()
        self._say_settled()
        return max(self._codes)

    def _connect(self, run: OpenRun) -> contextlib.closing[Client]:
        # The step has started a run there with this token: what fails now is an outage.
        history = ServiceHistory(has_answered=True, accepts_token=True)
        return contextlib.closing(Client(run.base_url, self._token, history=history))

    def _hurry(self) -> None:
        """Say which runs may still be running, and cancel them in the seconds of a stopped step."""
        self._codes.append(self._stop.exit_code)
        # Before the cancels: the CI system may kill the job during them.
        for each in self._left:
            shown = self._safe.sentence(
                self._name(each.run), " may still be running", *self._by_hand(each.run)
            )
            self._warn(shown)
        seconds = self._stop.left(self._platform.system.stop_seconds.cancel)
        if seconds > 0:
            self._cancel_all(Budget.after_signal(seconds))
        self._write_comments()

    def _cancel_all(self, budget: Budget) -> None:
        """Try each run once, then those that are left again, until the seconds of ``budget`` are
        over. Say of each what became of it.
        """
        ends = self._clock.monotonic() + budget.seconds
        pauses = Backoff(self._clock, first=FIRST_CANCEL_PAUSE, longest=budget.longest_pause)
        while True:
            waiting = list(self._left)
            for number, each in enumerate(waiting):
                # A run whose cancel hangs leaves the others their share.
                share = (ends - self._clock.monotonic()) / (len(waiting) - number)
                self._try(each, max(min(share, budget.longest_call), MIN_CALL_SECONDS))
            pause = pauses.next_pause()
            if not self._left or self._clock.monotonic() + pause >= ends:
                break
            self._clock.sleep(pause)
        for each in list(self._left):
            self._give_up(each)

    def _try(self, each: _RunToCancel, timeout: float) -> None:
        """Try to cancel one run, and say so the first time. Say what became of it, unless another
        try may help.
        """
        if not each.was_tried:
            self._line("The step ended before its run; cancelling ", self._name(each.run))
        each.was_tried = True
        request = each.run.request
        try:
            if request is not None:
                timeout /= 2  # both calls share it
                each.find(request, timeout)
                self._line("Its run is ", Untrusted(each.run.run_id))
            answer = each.cancel(timeout)
        except ForeignRunError as error:
            # Final: another attempt would not find out whose run it is.
            why = self._safe.message(error.cause)
            self._warn(self._safe.sentence("Could not cancel ", self._name(each.run), ": ", why))
            self._settle(each)
            return
        except MogplexError as error:
            each.error = error
            if not may_pass(error):
                self._give_up(each)
            return
        self._settle(each)
        run_id = each.run.run_id
        if answer.already_terminal:
            self._over.append(self._safe.line("run {} ({})", run_id, answer.status))
            self._line("The run had already ended: ", Untrusted(answer.status))
        else:
            self._cancelled.append(self._safe.line("run {}", run_id))
            self._line("Run ", Untrusted(answer.status))
        self._to_tell.append((each.run, f"its status is {answer.status}"))

    def _give_up(self, each: _RunToCancel) -> None:
        """Say that a run could not be cancelled."""
        if each.error is None:  # it was not tried
            return
        self._left.remove(each)
        self._codes.append(each.error.exit_code)
        self._to_tell.append((each.run, "it could not be cancelled and may still be running"))
        self._warn(
            self._safe.sentence(
                "Could not cancel ",
                self._name(each.run),
                ": ",
                self._safe.message(each.error.cause),
                ". The run may still be running",
                *self._by_hand(each.run),
            )
        )

    def _settle(self, each: _RunToCancel) -> None:
        """Note that there is nothing more to do about a run."""
        self._left.remove(each)
        forget(each.saved)

    def _name(self, run: OpenRun) -> SafeText:
        if not run.run_id:
            return self._safe.line("its run")
        return self._safe.line("run {}", run.run_id)

    def _by_hand(self, run: OpenRun) -> list[Part]:
        """Return how a person can cancel a run. Whether a re-run finds one without an id depends
        on the inputs, which ``post`` does not know.
        """
        if not run.run_id:
            return [". Its key: ", self._safe.key(run.key), ". Check in Mogplex whether it exists"]
        return [
            ". To cancel it by hand: ",
            command_line(CANCEL, run.run_id, run.base_url, self._safe),
        ]

    def _say_settled(self) -> None:
        """Say in one notice, and in one line of the summary, what became of the runs."""
        safe = self._safe
        parts: list[Part] = []
        if self._cancelled:
            parts += ["The clean-up cancelled ", *join_present(", ", *self._cancelled), "."]
        if self._over:
            over: list[Part] = ["Already finished: ", *join_present(", ", *self._over), "."]
            parts += [" ", *over] if parts else over
        if not parts:
            return
        said = safe.sentence(*parts)
        lines = LogLines(self._platform, safe)
        lines.wanted = self._given.value("annotations")
        lines.annotate(Level.NOTICE, PROGRAM, said)
        if not self._given.value("summary"):
            return
        try:
            self._platform.write_summary(Markdown.of("{}\n", said))
        except (OSError, UsageError):
            self._line("Could not write the summary")

    def _write_comments(self) -> None:
        while self._to_tell:
            self._comment(*self._to_tell[0])
            # Only now: if a stop signal interrupted the write, _hurry() repeats it.
            del self._to_tell[0]

    def _comment(self, run: OpenRun, said: str) -> None:
        """Say in the comment of ``comment-on``, if there is one, that the step ended before its
        run.
        """
        platform, safe = self._platform, self._safe
        repository = platform.repository()
        issue = self._given.value("comment-on")
        token = self._given.value("github-token")
        if not run.run_id or repository is None or issue is None or token is None:
            return
        text = safe.sentence(
            "The job was stopped before its Mogplex run ended; ", safe.message(said)
        )
        shown = Markdown.of("**{}**{}\n", text, job_link(safe, platform.job_url))
        try:
            github = GitHubApi(platform.github_api_url(), token, repository)
            with contextlib.closing(github):
                comment = Comment(github, issue, self._token, self._clock)
                seconds = CALLS_SECONDS
                if self._stop.requested:
                    seconds = self._stop.left(platform.system.stop_seconds.all)
                comment.write(shown, run.run_id, seconds, only_edit=True)
        except MogplexError as error:  # also for a malformed address of the API
            platform.annotate(Level.WARNING, safe.line("Comment"), not_written(safe, error))

    def _line(self, *parts: Part) -> None:
        self._platform.line(self._safe.sentence(*parts))

    def _warn(self, text: SafeText) -> None:
        self._platform.annotate(Level.WARNING, self._safe.line(PROGRAM), text)


def parser() -> Parser:
    """Return the parser of the command: the flags of the step that it cleans up after."""
    description = (
        "Cancel runs that the job's steps left behind, from their saved state.\n"
        "It takes the flags of a step."
    )
    return flag_parser("post", description, example="post")
