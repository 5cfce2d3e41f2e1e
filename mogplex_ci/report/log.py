"""The job log of a step."""

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mogplex_ci.gate_kinds import JUDGED_BY_EVENT
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.outputs import PAGE_FILE
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.report import Report
from mogplex_ci.report.log_lines import JobLogLines
from mogplex_ci.report.run_log import RunLog
from mogplex_ci.run import updates as u
from mogplex_ci.run.plan import Plan
from mogplex_ci.sanitize import Sanitizer, duration
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.report.facts import RunFacts, StepFacts


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
        from mogplex_ci.report.facts import what_is_played  # a step that asks the API has none yet

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

    def end_run(self, run: "RunFacts") -> None:
        """Write how the run ended."""
        if self._run is not None:
            self._run.end(run)

    def end(self, step: "StepFacts") -> None:
        """Write how a step ended without a run; of a run all is said."""
        from mogplex_ci.report.end_log import write_blocks
        from mogplex_ci.report.story import Reader, story_of_step, told_to

        write_blocks(self.lines, told_to(Reader.LOG, story_of_step(step, self._safe)))
        if step.task.output_dir is not None:
            path = PurePosixPath(step.task.output_dir) / PAGE_FILE
            url = self._safe.url(self.lines.platform.file_url(str(path)))
            if url is not None:
                self.lines.link(self._safe.line("Report"), url)
        # Last come the code, the exit code, and where the code is explained.
        ending = step.ending
        if ending.exit_code != 0 and ending.error_code and ending.help_url:
            exits = self._safe.sentence(ending.error_code, ", exit ", ending.exit_code)
            self.lines.say(exits, ": ", ending.help_url)
