"""The job log: one story outside the groups, the details inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.durations import format_duration
from mogplex_ci.models import Untrusted
from mogplex_ci.platforms.interface import Level
from mogplex_ci.run import happenings as h
from mogplex_ci.run.outcome import Result

if TYPE_CHECKING:
    from mogplex_ci.errors import MogplexError, Problem
    from mogplex_ci.inputs.action_inputs import ActionInputs
    from mogplex_ci.models import Event
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import SafeText, Sanitizer

MARKS = {
    Result.SUCCESS: "✔",
    Result.DRY_RUN: "✔",
    Result.DETACHED: "→",
    Result.SKIPPED: "→",
}
"""First character of the line that says how the step ended; ✘ for the other results."""


class LogReport:
    """Writes the job log and its annotations."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, *, annotations: str = "all") -> None:
        """Take where to write; ``annotations`` is the input: ``all``, ``errors`` or ``none``."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._annotations = annotations

    def warn(self, title: str, text: SafeText) -> None:
        """Annotate with a warning."""
        self._annotate(Level.WARNING, title, text)

    def problem(self, problem: Problem) -> None:
        """Say what is wrong with an input, and what is allowed."""
        self._platform.line(problem_line(problem, self._sanitizer))

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, the token hidden."""
        line = self._sanitizer.line
        self._platform.open_group(line("Dry run: nothing is sent to {}; it would get this", inputs.base_url))
        self._platform.line(line("POST /api/v1/mogplex/runs"))
        self._platform.line(line("Authorization: Bearer ***"))
        for text in self._sanitizer.block(Untrusted(inputs.start_request(inputs.repo or "").body())):
            self._platform.line(text)
        self._platform.close_group()

    def on(self, happening: Happening) -> None:
        """Write what happened."""
        match happening:
            case h.Waiting():
                self._say(
                    "Waiting {} to try again: {}", format_duration(happening.seconds), self._error(happening.error)
                )
            case h.Starting():
                self._say("Starting a run under the key {}", happening.key)
            case h.KeyRetired():
                self._key_retired(happening)
            case h.Started():
                self._started(happening)
            case h.StatusChanged():
                self._say("Status {} after {}", happening.run.status, format_duration(happening.elapsed))
            case h.UnknownStatus():
                self.warn("Unknown status", self._sanitizer.line("Following on in status {}", happening.run.status))
            case h.EventsArrived():
                for event in happening.events:
                    self._event(event, happening.elapsed)
            case h.FeedFull():
                self.warn("Events truncated", self._sanitizer.line("Only the first 200 events can be read"))
            case h.Trouble():
                self._say("Trouble with the API: {}", self._error(happening.error))
            case h.Recovered():
                self._say("The API answers again after {}", format_duration(happening.after))
            case h.Heartbeat():
                self._say(
                    "Still {} after {}; {} since the last event",
                    happening.run.status,
                    format_duration(happening.elapsed),
                    format_duration(happening.silence),
                )
            case h.Cancelling():
                self._say("Cancelling the run")
            case h.CancelAnswered():
                self._say("The API answered {}", happening.status)
            case h.CancelFailed():
                self.warn("Run not cancelled", self._error(happening.error))
            case h.Ended():
                pass

    def end(self, outcome: Outcome) -> None:
        """Write how the step ended, and annotate a failure once."""
        line, verdict = self._sanitizer.line, outcome.verdict
        for problem in verdict.problems:
            self.problem(problem)
        mark = MARKS.get(verdict.result, "✘")
        self._platform.line(line(f"{mark} {{}} after {{}}", verdict.result.value, format_duration(outcome.duration)))
        url = self._sanitizer.url(outcome.trail.pull_request_url)
        if url is not None:
            self._annotate(Level.NOTICE, "Pull request", url)
        if verdict.cause:
            self._annotate(Level.ERROR, "Mogplex", self._cause(verdict.cause, verdict.detail))
        if verdict.remedy:
            self._platform.line(line(verdict.remedy))

    def _started(self, started: h.Started) -> None:
        verb = "Joined run" if started.joined else "Started run"
        self._say(verb + " {} ({})", started.run.id, started.run.status)

    def _key_retired(self, retired: h.KeyRetired) -> None:
        if retired.run is None:
            self._say("The key belongs to an earlier, different request; starting afresh under {}", retired.key)
        elif retired.never_queued:
            self._say("Run {} was never queued; starting afresh under {}", retired.run.id, retired.key)
        else:
            self._say("Run {} {}; starting afresh under {}", retired.run.id, retired.run.status, retired.key)

    def _event(self, event: Event, elapsed: float) -> None:
        line = self._sanitizer.line
        values = [value for value in (event.type, event.tool_name, event.message) if value]
        title = line("[{}]" + "  {}" * len(values), format_duration(elapsed), *values)
        if not event.payload:
            self._platform.line(title)
            return
        self._platform.open_group(title)
        for text in self._sanitizer.block(event.payload):
            self._platform.line(text)
        self._platform.close_group()

    def _say(self, template: str, *values: str) -> None:
        self._platform.line(self._sanitizer.line(template, *values))

    def _error(self, error: MogplexError) -> SafeText:
        return self._cause(error.cause, error.detail)

    def _cause(self, cause: str, detail: Untrusted | None) -> SafeText:
        text = cause[:1].upper() + cause[1:]
        return self._sanitizer.line(f"{text}: {{}}", detail) if detail else self._sanitizer.line(text)

    def _annotate(self, level: Level, title: str, text: SafeText) -> None:
        wanted = self._annotations == "all" or (self._annotations == "errors" and level is Level.ERROR)
        if wanted:
            self._platform.annotate(level, self._sanitizer.line(title), text)
        else:
            self._platform.line(text)


def problem_line(problem: Problem, sanitizer: Sanitizer) -> SafeText:
    """Return the line that says what is wrong with an input, what it got, and what is allowed."""
    template, values = "Input {}: {}", [Untrusted(problem.input), Untrusted(problem.fault)]
    if problem.got is not None:
        template, values = template + ", got '{}'", [*values, problem.got]
    template, values = template + "; allowed: {}", [*values, Untrusted(problem.allowed)]
    if problem.near:
        template, values = template + "; closest: " + ", ".join("{}" for _ in problem.near), [*values, *problem.near]
    return sanitizer.line(template, *values)
