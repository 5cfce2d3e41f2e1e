"""The job log of a step."""

import json
from pathlib import PurePosixPath
from typing import LiteralString

from mogplex_ci.gate_kinds import JUDGED_BY_EVENT
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.outputs import PAGE_FILE
from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.report import Report, text
from mogplex_ci.report.delivered import ARTIFACT_LIMIT
from mogplex_ci.report.facts import Facts, what_is_played
from mogplex_ci.report.log_lines import JobLogLines
from mogplex_ci.report.run_log import RunLog
from mogplex_ci.report.story import change_is_unknown
from mogplex_ci.run import updates as u
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import CleanText, Part, Sanitizer, count, duration
from mogplex_ci.untrusted import Untrusted


class Log(Report):
    """Writes the job log."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        self.lines = JobLogLines(platform, sanitizer)
        self._safe = sanitizer
        self._run: RunLog | None = None
        """None before the step has a run."""

    def deadline(self, seconds: float, job_end: JobEnd) -> None:
        """Log that the step ends in this many ``seconds``, because the CI system ends the job."""
        limit = self._safe.message(job_end.limit)
        self.lines.say("The step ends in ", duration(seconds), ", before ", limit, " ends the job")

    def request(self, inputs: ActionInputs) -> None:
        """Show the start request of a dry run, with the token hidden."""
        line = self._safe.line
        request = inputs.start_request(inputs.repo or "")
        body = json.dumps(request, indent=2, ensure_ascii=False)
        played = what_is_played(inputs, self.lines.platform, self._safe)
        self.lines.group(
            self._safe.sentence(
                "Dry run of ",
                played,
                ": nothing is sent to ",
                Untrusted(inputs.base_url),
                ". Request",
            ),
            [
                line("POST /api/v1/mogplex/runs"),
                line("Authorization: Bearer ***"),
                *self._safe.block(Untrusted(body)),
            ],
        )
        unjudged = inputs.gates - {kind.name for kind in JUDGED_BY_EVENT}
        if unjudged:
            names = ", ".join(sorted(unjudged))
            self.lines.say("Not judged in a dry run: ", self._safe.message(names))

    def begin_run(self, plan: Plan) -> None:
        """Stream the log of the run."""
        self._run = RunLog(self.lines, plan.inputs)

    def on(self, update: u.Update) -> None:
        """Log an update of the run."""
        if self._run is not None:
            self._run.on(update)

    def end(self, facts: "Facts") -> None:
        """Write how the step ended, and what to do next."""
        if self._run is not None:
            self._run.end()
        self._outcome(facts)
        self._failure(facts)
        self._delivery(facts)
        if facts.check_command is not None:
            self.lines.say("To check the run: ", facts.check_command)
        if facts.cancel_command is not None:
            self.lines.say("To cancel the run: ", facts.cancel_command)
        if facts.task.output_dir is not None:
            path = PurePosixPath(facts.task.output_dir) / PAGE_FILE
            url = self._safe.url(self.lines.platform.file_url(str(path)))
            if url is not None:
                self.lines.link(self._safe.line("Report"), url)
        # Last come the code, the exit code, and where the code is explained.
        ending = facts.ending
        if ending.exit_code != 0 and ending.error_code and ending.help_url:
            exits = self._safe.sentence(ending.error_code, ", exit ", ending.exit_code)
            self.lines.say(exits, ": ", ending.help_url)

    def _outcome(self, facts: "Facts") -> None:
        """Write the result, and the pull request or what else is known of a change."""
        ending = facts.ending
        said: list[Part] = [ending.mark, " ", ending.headline, " after ", duration(ending.duration)]
        if facts.work is None:
            self.lines.say(*said)
            return
        events = count(facts.timeline.event_count, "event")
        self.lines.say(*said, ", ", events, ", ", count(ending.requests, "request"))
        delivered = facts.delivered
        pull_request = facts.link(delivered.pull_request_url)
        if pull_request is not None:
            self.lines.annotate(Level.NOTICE, "Pull request", pull_request)
            self.lines.link(self._safe.line("Pull request"), pull_request)
        elif delivered.pull_request_url is None and delivered.changed is False:
            self.lines.warn("No change", self._safe.line("The run changed no files"))
        elif delivered.pull_request_url is None:
            self._unknown_change(facts)

    def _unknown_change(self, facts: "Facts") -> None:
        """Say what is not known of a change, and where it would be."""
        if change_is_unknown(facts):
            why: LiteralString = "no event reports them"
            if facts.timeline.is_incomplete:
                why = "events are missing"
            self.lines.say("Pull request and change: unknown (", why, ")")
        compare = facts.link(facts.delivered.compare_url)
        if compare is not None and (facts.delivered.has_work or facts.timeline.is_incomplete):
            self.lines.say("Compare: ", compare)

    def _failure(self, facts: "Facts") -> None:
        """Annotate each wrong input, or the one failure; of a rejected run its gates say why."""
        ending = facts.ending
        if ending.result is Result.SKIPPED:
            if ending.remedy is not None:
                self.lines.annotate(Level.NOTICE, "Skipped", ending.remedy)
        elif ending.problems:
            self.lines.annotate_each(Level.ERROR, PROGRAM, ending.problems, "more wrong input")
        elif ending.annotation is not None and ending.result is not Result.REJECTED:
            self.lines.annotate(Level.ERROR, PROGRAM, ending.annotation)
            self._detail(ending.detail)

    def _detail(self, detail: CleanText | None) -> None:
        """Write the text of others about the failure, if it is longer than its annotation."""
        if detail and not text.says_nothing(detail):
            lines = text.beyond_title(Untrusted(detail), self._safe.block)
            if lines:
                self.lines.details(self._safe.line("The full message"), lines)

    def _delivery(self, facts: "Facts") -> None:
        """Write the preview, why no further round followed, each gate that rejected the run, and
        whether the artifact is too long for its output.
        """
        preview = facts.link(facts.work.preview_url) if facts.work is not None else None
        was_shown = self._run is not None and self._run.has_shown_preview
        if preview is not None and not was_shown:
            self.lines.say("Preview: ", preview)
        delivered = facts.delivered
        if delivered.rounds and delivered.rounds[-1].ended is not None:
            self.lines.say("No further round: ", delivered.rounds[-1].ended)
        rejections = [gate.rejection(self._safe) for gate in delivered.gates if not gate.passed]
        self.lines.annotate_each(Level.ERROR, PROGRAM, rejections, "more finding")
        if delivered.artifact_is_long:
            words: LiteralString = (
                "The artifact is longer than {} characters: the output is empty, "
                "and only output-dir has it"
            )
            self.lines.warn("Artifact", self._safe.line(words, ARTIFACT_LIMIT))
