"""The job log: one story outside the groups, the details inside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_duration
from mogplex_ci.models import FEED_LIMIT, Untrusted
from mogplex_ci.report.annotations import Annotations
from mogplex_ci.report.headline import mark
from mogplex_ci.report.log_entries import EntryLog
from mogplex_ci.report.next_steps import goes_on, next_steps
from mogplex_ci.report.sentences import Part, because, count, listed, problem, sentence
from mogplex_ci.report.telling import whole
from mogplex_ci.run import happenings as h
from mogplex_ci.run.outcome import Result

if TYPE_CHECKING:
    from mogplex_ci.errors import Problem
    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.models import Run
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer

_TRUNCATED: Final = f"The API lists {FEED_LIMIT} events at most: later ones are not shown, the status is followed on"


class LogReport:
    """Writes the job log and its annotations.

    Times in brackets count from the run's first event; those in sentences from the beginning of the step.
    """

    def __init__(self, platform: Platform, sanitizer: Sanitizer, *, annotations: str = "all") -> None:
        """Take where to write; ``annotations`` is the input: ``all``, ``errors`` or ``none``."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._annotations = Annotations(platform, sanitizer, annotations)
        self._entries = EntryLog(platform, sanitizer, self._annotations)
        self._is_dry_run = False

    def warn(self, title: str, text: SafeText) -> None:
        """Annotate with a warning."""
        self._annotations.warning(title, text)

    def problem(self, fault: Problem) -> None:
        """Say what is wrong with an input, and what is allowed."""
        self._platform.line(problem(self._sanitizer, fault))

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, the token hidden; its run is found nowhere else."""
        self._is_dry_run = True
        line = self._sanitizer.line
        body = json.dumps(inputs.start_request(inputs.repo or "").body(), indent=2, ensure_ascii=False)
        self._entries.group(
            line("Dry run: nothing is sent to {}; it would get this", inputs.base_url),
            [
                line("POST /api/v1/mogplex/runs"),
                line("Authorization: Bearer ***"),
                *self._sanitizer.block(Untrusted(body)),
            ],
        )

    def on(self, happening: Happening) -> None:
        """Write what happened."""
        match happening:
            case h.Waiting(error, seconds):
                reason = because(self._sanitizer, error.cause, error.detail)
                self._say(f"Waiting {format_duration(seconds)} to try again: ", reason)
            case h.Starting():
                self._starting(happening)
            case h.KeyRetired():
                self._key_retired(happening)
            case h.Started():
                self._started(happening)
            case h.StatusChanged(run, elapsed):
                self._platform.debug(self._sanitizer.line(f"Status {{}} after {format_duration(elapsed)}", run.status))
            case h.UnknownStatus(run):
                text = self._sanitizer.line("This version does not know the status {}; it follows on", run.status)
                self.warn("Unknown status", text)
            case h.EventsArrived():
                for event in happening.events:
                    self._entries.add(event)
            case h.FeedFull():
                self._entries.end()
                self.warn("Events truncated", self._sanitizer.line(_TRUNCATED))
            case h.Trouble(error):
                self._say("Trouble with the API: ", because(self._sanitizer, error.cause, error.detail))
            case h.Recovered(after):
                self._say(f"The API answers again after {format_duration(after)}")
            case h.Heartbeat():
                self._heartbeat(happening)
            case h.Cancelling(run):
                self._entries.end()
                self._say("Cancelling the run" if run else "Asking for the run's id to cancel it")
            case h.CancelAnswered(status, already_terminal):
                said = "The run had ended before: " if already_terminal else "The API answered: "
                self._say(said, Untrusted(status))
            case h.CancelFailed():
                self._cancel_failed(happening)
            case h.Ended():
                self._entries.end()

    def end(self, outcome: Outcome) -> None:
        """Write how the step ended, annotate a failure once, and say what to do next."""
        self._entries.end()
        verdict, trail = outcome.verdict, outcome.trail
        for fault in verdict.problems:
            self.problem(fault)
        figures = [count(trail.count, "event"), count(outcome.requests_sent, "request")] if outcome.run else []
        told = listed(", ", f"{verdict.result} after {format_duration(outcome.duration)}", *figures)
        self._say(f"{mark(verdict.result)} ", *told)
        url = self._sanitizer.url(trail.pull_request_url)
        if url is not None:
            self._annotations.notice("Pull request", url)
        if trail.changed is False:
            self.warn("No change", self._sanitizer.line("The run changed nothing in the repository"))
        if verdict.cause:
            self._annotations.error("Mogplex", because(self._sanitizer, verdict.cause, verdict.detail))
        if long := whole(verdict.detail, self._sanitizer):
            self._entries.group(self._sanitizer.line("The whole error"), long)
        if goes_on(outcome) and verdict.result is not Result.DETACHED and outcome.run is not None:
            text = self._sanitizer.line(
                "The run goes on; to follow it: mogplex runs events {} --follow", outcome.run.id
            )
            self.warn("Run goes on", text)
        if verdict.remedy:
            self._say(verdict.remedy)
        for step in next_steps(outcome, self._sanitizer):
            self._say(f"To {step.purpose}: ", step.command)

    def _starting(self, starting: h.Starting) -> None:
        repo = starting.repo.full_name if starting.repo else Untrusted(starting.repo_id)
        own = self._platform.repository()
        self._entries.is_own_repository = own is not None and repo.one_of(own) is not None
        self._say("Starting a run on ", repo, " under the key ", Untrusted(starting.key))

    def _started(self, started: h.Started) -> None:
        run = started.run
        if started.unexpected:
            text = self._sanitizer.line(
                "Joined run {} ({}), although this is the first try: another use of this step may have started it. "
                "Give each use a key-suffix of its own",
                *(run.id, run.status),
            )
            self.warn("Joined run", text)
        elif started.joined:
            text = self._sanitizer.line("Joined run {} ({}): this step started it before", run.id, run.status)
            self.warn("Joined run", text)
        else:
            self._say("Started run ", Untrusted(run.id), " (", Untrusted(run.status), ")")
        self._say("Works ", *_place(run), *((" with ", run.harness) if run.harness else ()))
        if not self._is_dry_run:
            self._say("To follow it elsewhere: mogplex runs events ", Untrusted(run.id), " --follow")

    def _key_retired(self, retired: h.KeyRetired) -> None:
        if retired.run is None:
            found: list[Part] = ["The key belongs to an earlier, different request"]
        elif retired.never_queued:
            found = ["Run ", Untrusted(retired.run.id), " was never queued"]
        else:
            found = ["Run ", Untrusted(retired.run.id), " of an earlier attempt ended: ", Untrusted(retired.run.status)]
        self._say(*found, "; starting afresh under ", Untrusted(retired.key))

    def _heartbeat(self, beat: h.Heartbeat) -> None:
        now = self._entries.now()
        self._say(
            *("Still ", Untrusted(beat.run.status), f" after {format_duration(beat.elapsed)}"),
            f", {format_duration(beat.silence)} since the last event",
            *((" (", *now, ")") if now else ()),
        )

    def _cancel_failed(self, failed: h.CancelFailed) -> None:
        reason = because(self._sanitizer, failed.error.cause, failed.error.detail)
        by_hand = ("; to cancel it: mogplex runs cancel ", Untrusted(failed.run.id)) if failed.run else ()
        self.warn("Run not cancelled", sentence(self._sanitizer, "It may go on. ", reason, *by_hand))

    def _say(self, *parts: Part) -> None:
        self._platform.line(sentence(self._sanitizer, *parts))


def _place(run: Run) -> list[Part]:
    """Return the words for where the run works. The working branch may be named later, by an event."""
    creates = run.data.at("branch", "createBranch")
    is_new = creates is not None and creates.as_bool()
    base: list[Part] = ["from ", run.base_branch or "the default branch"]
    if run.working_branch is None or run.working_branch == run.base_branch:
        return ["on a new branch ", *base] if is_new else base
    return ["on the new branch " if is_new else "on ", run.working_branch, " ", *base]
