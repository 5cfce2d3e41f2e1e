"""The clean-up step: cancels the runs that the job's steps own and left unfinished, even when they
were killed.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import LiteralString

from mogplex_ci.api.retry import ServiceHistory
from mogplex_ci.errors import ForeignRunError, MogplexError, NotAuthorizedError, UsageError
from mogplex_ci.inputs.declared import check
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.names import NamesHere
from mogplex_ci.inputs.read import MatrixJob
from mogplex_ci.inputs.sources import given_texts, has_summary
from mogplex_ci.models import Cancelled, UnansweredStart
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.report.comment import CALLS_SECONDS, Comment, job_link, not_written
from mogplex_ci.report.log_lines import JobLogLines
from mogplex_ci.report.text import CANCEL, command_line, join_present, problem
from mogplex_ci.run.cancel import PATIENT, Budget, cancel, find_unanswered
from mogplex_ci.sanitize import Markdown, Part, SafeText, Sanitizer, count
from mogplex_ci.step.state import OpenRun, SavedRun, StateFiles, forget
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, Stop, StopRequested, stop_of_process


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Clean up and return the exit code: 0 when nothing of this job is left running."""
    stop = stop_of_process()
    platform = detect(env, job_log(stop))
    safe = Sanitizer(secrets_of_job(env), NamesHere(argv, env))
    texts = given_texts(argv, env)
    token = texts.get("api-key", "")
    try:
        parser().read(argv)
        matrix = MatrixJob.by_texts(texts).parts
        job = platform.job_name(texts.get("idempotency-key"), matrix)
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
            why = "[[api-key]] is missing"
        text = safe.line("Could not cancel {}: {}", count(found.unknown, "run"), safe.line(why))
        platform.annotate(Level.WARNING, safe.line(PROGRAM), text)
    code = NotAuthorizedError.exit_code if found.unknown else 0
    if not found.runs:
        return code
    clean_up = CleanUp(platform, safe, texts, token, stop)
    return max(code, clean_up.perform(found.runs))


class CleanUp:
    """Cancels runs and says how that went."""

    def __init__(
        self, platform: Platform, safe: Sanitizer, texts: Mapping[str, str], token: str, stop: Stop
    ) -> None:
        """``texts`` are those of the inputs that are given."""
        self._platform = platform
        self._safe = safe
        self._texts = texts
        self._token = token
        self._stop = stop
        self._clock = Clock()
        self._left: list[SavedRun] = []
        """Runs of which it has not said yet what became of them."""
        self._cancelled: list[SafeText] = []
        self._over: list[SafeText] = []
        """Runs that had ended before the clean-up asked."""
        self._to_tell: list[tuple[OpenRun, str]] = []
        """What comments do not say yet: every run is cancelled first."""

    def perform(self, runs: Sequence[SavedRun]) -> int:
        """Cancel each run and return the exit code. One that fails stops no other."""
        codes: list[int] = []
        self._left = list(runs)
        try:
            with self._stop.interrupting():
                for saved in runs:
                    codes.append(self._clean_up(saved, PATIENT))
                self._write_comments()
        except StopRequested:
            codes.append(self._hurry())
        self._say_settled()
        return max(codes)

    def _hurry(self) -> int:
        """Say which runs may still be running, and cancel them in the seconds of a stopped step."""
        left = list(self._left)
        for saved in left:
            shown = self._safe.sentence(
                self._name(saved.run), " may still be running", *self._by_hand(saved.run)
            )
            self._warn(shown)
        for saved in left:
            seconds = self._stop.left(self._platform.system.stop_seconds.cancel)
            if seconds > 0:
                self._clean_up(saved, Budget.after_signal(seconds))
        self._write_comments()
        return self._stop.exit_code

    def _clean_up(self, saved: SavedRun, budget: Budget) -> int:
        """Cancel one run, say how that went, and return the exit code: 0 when it is not left
        running.
        """
        run = saved.run
        name = self._name(run)
        self._line("The step ended before its run; cancelling ", name)
        try:
            answer = self._cancel(run, budget)
        except ForeignRunError as error:
            self._warn(
                self._safe.sentence(
                    "Could not cancel ", name, ": ", self._safe.message(error.cause)
                )
            )
            self._settle(saved)
            return 0
        except MogplexError as error:
            self._to_tell.append((run, "it could not be cancelled and may still be running"))
            why = self._safe.message(error.cause)
            self._warn(
                self._safe.sentence(
                    "Could not cancel ",
                    name,
                    ": ",
                    why,
                    ". The run may still be running",
                    *self._by_hand(run),
                )
            )
            self._left.remove(saved)
            return error.exit_code
        self._settle(saved)
        run_id = answer.run.id if answer.run is not None else run.run_id
        if answer.already_terminal:
            self._over.append(self._safe.line("run {} ({})", run_id, answer.status))
            self._line("The run had already ended: ", Untrusted(answer.status))
        else:
            self._cancelled.append(self._safe.line("run {}", run_id))
            self._line("Run ", Untrusted(answer.status))
        self._to_tell.append((run, f"its status is {answer.status}"))
        return 0

    def _settle(self, saved: SavedRun) -> None:
        """Note that there is nothing more to do about a run."""
        self._left.remove(saved)
        forget(saved)

    def _cancel(self, run: OpenRun, budget: Budget) -> Cancelled:
        """Cancel the run by its id. A start without a response is sent again to learn the id.

        Raises:
            MogplexError: it could not be cancelled.
        """
        from mogplex_ci.api.client import Client  # loads urllib3

        # The step has started a run there with this token: what fails now is an outage.
        history = ServiceHistory(has_answered=True, accepts_token=True)
        with contextlib.closing(Client(run.base_url, self._token, history=history)) as client:
            run_id = run.run_id
            if run.request is not None:
                start = UnansweredStart(run.key, run.request, run.may_be_foreign)
                found, budget = find_unanswered(client, start, clock=self._clock, budget=budget)
                run_id = found.id
                self._line("Its run is ", Untrusted(run_id))
            return cancel(client, run_id, clock=self._clock, budget=budget)

    def _name(self, run: OpenRun) -> SafeText:
        if not run.run_id:
            return self._safe.line("its run")
        return self._safe.line("run {}", run.run_id)

    def _by_hand(self, run: OpenRun) -> list[Part]:
        """Return how a person can cancel or find a run."""
        if not run.run_id:
            key = self._safe.key(run.key)
            return [". Its key: ", key, ". Re-run the [[job]]: it finds this run"]
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
        lines = JobLogLines(self._platform, safe)
        lines.wanted = self._texts.get("annotations", "all").lower()
        lines.annotate(Level.NOTICE, PROGRAM, said)
        if not has_summary(self._texts):
            return
        try:
            self._platform.add_to_summary(Markdown.of("{}\n", said))
        except (OSError, UsageError):
            self._line("Could not write the summary")

    def _write_comments(self) -> None:
        while self._to_tell:
            self._comment(*self._to_tell[0])
            del self._to_tell[0]

    def _comment(self, run: OpenRun, said: str) -> None:
        """Say in the comment of ``comment-on``, if there is one, that the step ended before its
        run.
        """
        platform, safe, texts = self._platform, self._safe, self._texts
        repository = platform.repository()
        is_wanted = {"comment-on", "github-token"} <= texts.keys()
        if not run.run_id or repository is None or not is_wanted:
            return
        if check({"comment-on": texts["comment-on"]}):  # no step that started a run had it so
            return
        from mogplex_ci.github_api import GitHubApi  # loads urllib3

        text = safe.sentence(
            "The job was stopped before its Mogplex run ended; ", safe.message(said)
        )
        shown = Markdown.of("**{}**{}\n", text, job_link(safe, platform.job_url))
        try:
            github = GitHubApi(platform.github_api_url(), texts["github-token"], repository)
            with contextlib.closing(github):
                comment = Comment(github, int(texts["comment-on"]), self._token, self._clock)
                seconds = CALLS_SECONDS
                if self._stop.requested:
                    seconds = self._stop.left(platform.system.stop_seconds.all)
                comment.write(shown, run.run_id, seconds, only_edit=True)
        except MogplexError as error:  # an address of the API that is none, too
            platform.annotate(Level.WARNING, safe.line("Comment"), not_written(safe, error))

    def _line(self, *parts: Part) -> None:
        self._platform.line(self._safe.sentence(*parts))

    def _warn(self, text: SafeText) -> None:
        self._platform.annotate(Level.WARNING, self._safe.line(PROGRAM), text)


def parser() -> Parser:
    """Return the parser of the command: the flags of the step that it cleans up after."""
    description = "Cancel runs that the job's steps left behind, from their saved state."
    shown = ("api-key", "idempotency-key", "github-token", "comment-on", "annotations", "summary")
    return flag_parser("post", description, example="post", shown=shown)
