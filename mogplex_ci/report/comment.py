"""``comment-on``: one comment on an issue or pull request, written when the run starts and edited when it ends.

A hidden marker on its first line tells it from other comments, so that a re-run edits it instead of adding another one.
What the agent wrote stands in a fenced block, where no mention, link, image, heading or HTML takes effect.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from mogplex_ci.api.retry import finish, retrying
from mogplex_ci.errors import GitHubError
from mogplex_ci.report import Report
from mogplex_ci.report.summary import Detail, gates, last_words, top_line, why
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import Started
from mogplex_ci.sanitize import Markdown
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable

    from mogplex_ci.github_api import GitHubApi
    from mogplex_ci.report.facts import StepFacts
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import SafeText, Sanitizer
    from mogplex_ci.waiting import Clock, Stop

CALLS_SECONDS: Final = 15.0
"""How long GitHub is asked for one change of the comment. The run is not followed meanwhile."""
STOPPED_SECONDS: Final = 0.5
"""The same after a stop signal: the CI system kills the job five seconds after it."""
_DETAIL: Final = Detail(calls=0, tools=0, text=6_000)
"""GitHub takes 65,536 characters in all; the longest comment has eight such texts."""
_MARKER: Final = "<!-- run-action "
_DIGITS: Final = 32
"""Hexadecimal digits of a digest in the marker."""
_ANY: Final = f"[0-9a-f]{{{_DIGITS}}}"


class CommentReport(Report):
    """Keeps the comment up to date. Failing to do so is a warning."""

    def __init__(
        self,
        github: GitHubApi,
        issue: int,
        sanitizer: Sanitizer,
        *,
        key: str,
        job_url: SafeText | None,
        clock: Clock,
        stop: Stop,
        warn: Callable[[SafeText], None],
    ) -> None:
        """``key`` is the first idempotency key of the step: the same whichever run its tries found."""
        self._github = github
        self._issue = issue
        self._safe = sanitizer
        self._key = _digest(key)
        self._run: str | None = None
        """Digest of the run's id, once there is a run."""
        self._found_by = ""
        """Pattern for the marker of an earlier comment: of this step's key, or of the run that is followed."""
        self._job_url = job_url
        self._clock = clock
        self._stop = stop
        self._warn = warn
        self._comment: int | None = None
        """Id of the comment, once it is known."""

    def on(self, name: SafeText | None, update: Update) -> None:
        """Write the comment when the run has started. A retry's run is only put into the marker."""
        if not isinstance(update, Started):
            return
        is_first, self._run = self._run is None, _digest(update.run.id)
        if is_first:
            self._found_by = f"key={_ANY} run={self._run}" if update.followed else f"key={self._key} run={_ANY}"
            said = Markdown.of("**The Mogplex run is at work**")
            self._write(Markdown.of("{}{}\n", said, self._job_link()), CALLS_SECONDS)

    def end(self, step: StepFacts) -> None:
        """Say in the comment how the run ended. Nothing is said when there was no run."""
        facts = step.facts
        if self._run is None or facts.run_id is None:
            return
        parts = [Markdown.of("{}{}\n", top_line(facts, self._safe), self._job_link())]
        parts += [part for section in (why, gates, last_words) for part in section(facts, self._safe, _DETAIL)]
        seconds = STOPPED_SECONDS if facts.result is Result.INTERRUPTED else CALLS_SECONDS
        self._write(Markdown.joined("\n", parts), seconds)

    def _job_link(self) -> Markdown:
        link = self._safe.link(self._job_url, Markdown.of("job log")) if self._job_url else None
        return Markdown.of(" · {}", link) if link else Markdown.of("")

    def _write(self, text: Markdown, seconds: float) -> None:
        """Write or edit the comment within ``seconds``."""
        stop = None if self._stop.requested else self._stop
        deadline = self._clock.monotonic() + seconds
        work = retrying(lambda left: self._write_once(text, left), clock=self._clock, deadline=deadline, stop=stop)
        try:
            finish(work)
        except GitHubError as error:
            cause = self._safe.message(error.cause)
            self._warn(
                self._safe.sentence("The comment could not be written: ", cause, ". ", self._safe.message(error.remedy))
            )
        except StopRequested:
            pass  # whoever follows the run notices it next

    def _write_once(self, text: Markdown, timeout: float) -> None:
        """Look for an earlier comment first, also after a failure: it may have been written nevertheless."""
        if self._comment is None:
            pattern = re.compile(f"{_MARKER}{self._found_by} -->", re.ASCII)
            if (found := self._github.find_comment(self._issue, pattern, timeout=timeout)) is not None:
                self._comment, marker = found
                self._key = marker.removeprefix(f"{_MARKER}key=")[:_DIGITS]  # of the step that started the run
        body = f"{_MARKER}key={self._key} run={self._run} -->\n{text}"
        if self._comment is None:
            self._comment = self._github.create_comment(self._issue, body, timeout=timeout)
        else:
            self._github.edit_comment(self._comment, body, timeout=timeout)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
