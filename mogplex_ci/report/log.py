"""The job log of a step.

Of one run everything is written as it happens. Of several runs the turning points are, and each
run's own log follows in one group when the run ends.
"""

import io
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, LiteralString

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import RateLimitedError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.platforms.event_words import EventText
from mogplex_ci.platforms.system import System
from mogplex_ci.report import Report, text
from mogplex_ci.report.facts import RunFacts, StepFacts, what_is_played
from mogplex_ci.report.run_log import DETAILS_LIMIT, RunLog
from mogplex_ci.run import updates as u
from mogplex_ci.run.many import CanariesPassed, NoMoreStarts
from mogplex_ci.run.repositories import Match
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import SafeText, Sanitizer, count, duration
from mogplex_ci.untrusted import Untrusted

_LEAST_ROOM: Final = 20_000
_WayToRun = Waiting | u.NextKey | u.Started | u.Retrying | u.NextRound
_News = u.StatusChanged | u.UnknownStatus | u.EventsMissing | u.Trouble | u.Recovered
TurningPoint = _WayToRun | _News | u.Cancelling | u.CancelFailed
"""Updates that are a line of the log as soon as they come, also of one run of many."""


class Log(Report):
    """Writes the job log."""

    def __init__(
        self, platform: Platform, sanitizer: Sanitizer, elapsed: Callable[[], float]
    ) -> None:
        """``elapsed`` tells how many seconds the step has taken."""
        self.lines = RunLog(platform, sanitizer)
        """Those of the only run; of several runs, those that belong to none of them."""
        self._safe = sanitizer
        self._elapsed = elapsed
        self._runs: dict[SafeText, tuple[RunLog, _Kept]] = {}
        """The runs of several that are not over."""
        self._wait_ends = 0.0
        """Until when starts have to wait, as the log says; in seconds since the step began."""

    def begin_runs(self, runs: Mapping[SafeText, ActionInputs]) -> None:
        """Say which of several runs will be started, their names and inputs, and what bounds
        them.
        """
        room = max(DETAILS_LIMIT // len(runs), _LEAST_ROOM)
        for name, inputs in runs.items():
            kept = _Kept(self._safe, room)
            log = RunLog(kept, self._safe, room)
            log.start(inputs)
            self._runs[name] = log, kept
        title = ["Starting ", count(len(runs), "run")]
        inputs = next(iter(runs.values()))  # the bounds are those of the step, the same for all
        self.lines.fold(self._safe.sentence(*title, *text.bounds(inputs)), runs)

    def bound(self, news: CanariesPassed | NoMoreStarts) -> None:
        """Say that the canaries let the other runs start, or that nothing more is started."""
        match news:
            case CanariesPassed(canaries, others):
                self.lines.say(
                    *("All canaries succeeded (", canaries, "): "),
                    *("starting the others (", others, ")"),
                )
            case NoMoreStarts(cause, left_out):
                self.lines.say(
                    *("Nothing more is started, and what works goes on: ", Untrusted(cause)),
                    *(". Runs not started: ", left_out),
                )

    def hidden_repos(self, found: Mapping[str, Match]) -> None:
        """Say which hidden repositories patterns leave out, and which ones are used since they are
        named. ``found``: by the words of ``repo``.
        """
        for word, matched in found.items():
            if matched.left_out:
                template: LiteralString = (
                    "The pattern {} leaves out hidden repositories ({}), which were removed from Mogplex's "
                    "dashboard: to start runs on them, give their full names"
                )
                self.lines.line(self._safe.line(template, Untrusted(word), matched.left_out))
            for repo in matched.repos:
                if repo.hidden:
                    self.lines.line(text.hidden_repo(repo, self._safe))

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, with the token hidden."""
        line = self._safe.line
        body = json.dumps(
            inputs.start_request(", ".join(inputs.repos)), indent=2, ensure_ascii=False
        )
        which: LiteralString = (
            "The request for each repository" if inputs.is_for_many_repos else "The request"
        )
        played = what_is_played(inputs, self.lines.platform, self._safe)
        self.lines.group(
            self._safe.sentence(
                *(
                    "Dry run: nothing is sent to ",
                    Untrusted(inputs.base_url),
                    ", and ",
                    played,
                    " is played. ",
                ),
                *(which, " would be"),
            ),
            [
                line("POST /api/v1/mogplex/runs"),
                line("Authorization: Bearer ***"),
                *self._safe.block(Untrusted(body)),
            ],
        )

    def left_out(self, event: EventText) -> None:
        """Show what ``include-event`` has left out of the event's words, if anything."""
        lines = [part for text in event.left_out for part in self._safe.block(Untrusted(text))]
        if event.invisible:
            points = Counter(f"U+{ord(character):04X}" for character in "".join(event.invisible))
            shown = ", ".join(f"{point} ({times}x)" for point, times in points.most_common(20))
            lines.append(self._safe.line("Invisible characters: {}", shown))
        if lines:
            self.lines.group(
                self._safe.line("Not in the prompt: readers of the event's page do not see it"),
                lines,
            )

    def on(self, name: SafeText | None, update: u.Update) -> None:
        """Write what happened; of a run of several its turning points, and everything else into its
        group.
        """
        if name is None:
            self.lines.on(update)
            return
        log, kept = self._runs[name]
        log.settle(update)
        kept.first_of_update = None
        log.on(update)
        if isinstance(update, Waiting) and isinstance(update.error, RateLimitedError):
            if self._elapsed() < self._wait_ends:
                return  # another run has said that all of them wait
            self._wait_ends = self._elapsed() + update.seconds
        if isinstance(update, TurningPoint) and kept.first_of_update:
            self.lines.say(name, " ", kept.first_of_update)

    def end_run(self, run: RunFacts) -> None:
        """Write how a run ended; and its log, if it is one of several."""
        if run.name is None:
            self.lines.end(run.facts)
            return
        log, kept = self._runs.pop(run.name)
        facts = run.facts
        if (
            facts.result is Result.SKIPPED
        ):  # one line says it of all; the table at the end names them
            return
        log.end(facts)
        took = text.behind(" after ", duration(facts.duration) if facts.run_id else None)
        link = text.behind(": ", facts.link(facts.pull_request_url))
        self.lines.say(run.name, " ", facts.mark, " ", facts.headline, *took, *link)
        if facts.exit_code != 0 and facts.annotation:
            self.lines.annotate(
                Level.ERROR, "Mogplex", self._safe.sentence(run.name, " ", facts.annotation)
            )
        if lines := kept.all():
            self.lines.fold(self._safe.sentence(run.name, " The run's log"), lines)

    def end(self, step: StepFacts) -> None:
        """Write how a step with several runs ended; of one run all is said."""
        if not step.is_fleet:
            return
        facts = step.facts
        columns = [
            [self._safe.line(name), *cells] for name, cells in step.table(self._safe).items()
        ]
        padded = [[cell.padded(max(map(len, column))) for cell in column] for column in columns]
        for row in zip(*padded, strict=True):
            self.lines.line(self._safe.sentence(*text.join_present("  ", *row)))
        self.lines.say(
            *(facts.mark, " ", step.headline(self._safe)),
            *(" after ", duration(facts.duration), ", ", count(facts.requests, "request")),
        )
        if step.why:
            self.lines.annotate(Level.ERROR, "Mogplex", step.why)


class _Kept(Platform):
    """Keeps the lines of one run's log until they are shown in one group; of a long log, its
    end.
    """

    def __init__(self, safe: Sanitizer, room: int) -> None:
        """``room`` is the characters that are kept."""
        super().__init__(System("kept"), {}, io.StringIO())
        self._safe = safe
        self._room = room
        self._lines: deque[SafeText] = deque()
        self._dropped = 0
        self.first_of_update: SafeText | None = None
        """The first line since it was last set to None."""

    def line(self, text: SafeText) -> None:
        """Keep a line, in place of the oldest ones when there is no room for all."""
        self.first_of_update = self.first_of_update or text
        self._lines.append(text)
        self._room -= len(text)
        while self._room < 0:
            self._room += len(self._lines.popleft())
            self._dropped += 1

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Keep the title as a line: groups do not nest."""
        for line in (title, *lines):
            self.line(line)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, place: Place | None = None
    ) -> None:
        """Keep the text as a line; ``Log`` annotates how the run ended."""
        self.line(self._safe.sentence(title, ": ", text))

    def all(self) -> list[SafeText]:
        """Return all lines that were kept."""
        dropped = (
            [self._safe.sentence("… ", count(self._dropped, "line"), " left out")]
            if self._dropped
            else []
        )
        return [*dropped, *self._lines]
