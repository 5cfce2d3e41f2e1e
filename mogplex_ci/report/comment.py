"""``comment-on``: one comment on an issue or pull request, written when the run starts and edited
when it ends.

A hidden marker on its first line identifies it, so that a re-run edits it instead of adding another
one. The marker is made with the Mogplex token: no one else can write one for a future run, even
with a known key. The agent's text is a quote, in which no mention, link, image, heading or HTML
takes effect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from mogplex_ci.api.retry import retrying
from mogplex_ci.errors import GitHubError, MogplexError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.story import COMMENT, coloured_mark, outcome_words, report_of
from mogplex_ci.report.text import faults_line
from mogplex_ci.run.updates import NextRound, Started, Update
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer
from mogplex_ci.waiting import Clock, Stop, StopRequested

CALLS_SECONDS: Final = 15.0
"""How long GitHub is asked for one change of the comment. The run is not followed meanwhile. After
a stop signal the system's seconds count.
"""
COMMENT_LIMIT: Final = 60_000
"""Bytes; GitHub takes 65,536 characters."""
_MARKER: Final = "<!-- run-action "
_DIGITS: Final = 32
"""Hexadecimal digits of a digest in the marker."""
_ANY: Final = f"[0-9a-f]{{{_DIGITS}}}"


class Comment:
    """The comment, wherever it is written: by the step, by a later try of it, or by ``post``."""

    def __init__(
        self, github: GitHubApi, issue: int, token: str, clock: Clock, key: str | None = None
    ) -> None:
        """An earlier comment is found by ``key`` or by the first run. ``token`` is the Mogplex
        token.

        ``key`` is the first idempotency key of the step, the same whichever run its tries found;
        None for a step that only follows.
        """
        self._github = github
        self._issue = issue
        self._token = token
        self._clock = clock
        self._key = ""
        if key:
            self._key = self._digest(key)
        """The digest in the marker; a step that only follows takes the run's."""
        self._earlier = ""
        """Pattern of the marker of an earlier comment; in later rounds, too, it names the first
        run.
        """
        self._id: int | None = None
        """Id of the comment at GitHub, once it is known."""

    def write(
        self,
        text: Markdown,
        run_id: str,
        seconds: float,
        *,
        stop: Stop | None = None,
        only_edit: bool = False,
    ) -> None:
        """Write or edit the comment about a run within ``seconds``; with ``only_edit`` never add
        one.

        Raises:
            GitHubError: GitHub refuses it, or could not be queried.
            StopRequested: a stop signal came.
        """
        run = self._digest(run_id)
        self._key = self._key or run
        self._earlier = self._earlier or f"{_marker(self._key, _ANY)}|{_marker(_ANY, run)}"

        def write_once(left: float) -> None:
            """Look for an earlier comment first, also after a failure: it may have been written
            nevertheless.
            """
            github = self._github.within(left)
            if self._id is None:
                self._take_over(github)
            if self._id is not None or not only_edit:
                self._id = github.write_comment(
                    self._issue, f"{_marker(self._key, run)}\n{text}", self._id
                )

        retrying(
            write_once, clock=self._clock, deadline=self._clock.monotonic() + seconds, stop=stop
        )

    def _take_over(self, github: GitHubApi) -> None:
        """Find the comment of an earlier try, and edit that one from now on."""
        found = github.find_comment(self._issue, re.compile(self._earlier))
        if found is not None:
            self._id, marker = found
            # The key is that of the step that started the run.
            self._key = marker.removeprefix(f"{_MARKER}key=")[:_DIGITS]

    def _digest(self, text: str) -> str:
        # "comment" keeps it apart from the saved state's signature, made with the same token.
        words = f"comment {text}".encode()
        return hmac.new(self._token.encode(), words, hashlib.sha256).hexdigest()[:_DIGITS]


class CommentReport(Report):
    """Keeps the comment up to date. Failing to do so is a warning."""

    def __init__(
        self,
        comment: Comment,
        safe: Sanitizer,
        platform: Platform,
        stop: Stop,
        warn: Callable[[SafeText], None],
        task: CleanText,
    ) -> None:
        """``task`` is the task's first line."""
        self.comment = comment
        self.task = Markdown.code(task)
        self.safe = safe
        self.link = job_link(safe, platform.job_url)
        self.stop = stop
        self.stop_seconds = platform.system.stop_seconds
        self.warn = warn
        self.run_id = ""
        """Of the newest run that has started."""
        self.said = Markdown.of("**The Mogplex run is running**")
        self.refused_with = ""

    def on(self, update: Update) -> None:
        """Write the comment when a run has started: its marker, by which ``post`` finds it, names
        the newest one.
        """
        if isinstance(update, NextRound):
            found = faults_line(update.faults, self.safe)
            self.said = Markdown.of(
                "**Round {} of {} is running** · {}", update.number, update.most, found
            )
        if isinstance(update, Started):
            self.run_id = update.run.id
            if not self.stop.requested:  # its seconds are for the cancel, and ``end`` comes soon
                self._write(Markdown.of("{}\n\n{}{}\n", self.task, self.said, self.link))

    def end(self, facts: Facts) -> None:
        """Write in the comment how the run ended. Nothing is written if there was no run."""
        if not self.run_id or not facts.has_run:
            return
        parts = [
            Markdown.of("{}\n", self.task),
            Markdown.of(
                "{} {}{}\n", coloured_mark(facts), outcome_words(facts, self.safe), self.link
            ),
            report_of(COMMENT, facts, self.safe, limit=COMMENT_LIMIT),
        ]
        text = Markdown.joined("\n", parts)
        if not self._write(text):
            self._write(text)  # in the seconds of a stopped step

    def _write(self, text: Markdown) -> bool:
        """Write the comment, and return False if a stop signal came meanwhile. After one it is
        written in the seconds that are left.
        """
        seconds: float = CALLS_SECONDS
        stop: Stop | None = self.stop
        if self.stop.requested:
            seconds = self.stop.left(self.stop_seconds.all)
            stop = None
        try:
            self.comment.write(text, self.run_id, seconds, stop=stop)
        except GitHubError as error:
            # Said once, not when the run starts and again when it ends.
            if self.refused_with != error.cause:
                self.refused_with = error.cause
                self.warn(not_written(self.safe, error))
        except StopRequested:
            return False  # the loop that follows the run notices it next
        return True


def job_link(safe: Sanitizer, job_url: SafeText | str | None) -> Markdown:
    """Return a link to the job's log, to stand behind a sentence; empty without one."""
    link = safe.link(job_url, Markdown.of("job log")) if job_url else None
    if link is None:
        return Markdown.of("")
    return Markdown.of(" · {}", link)


def not_written(safe: Sanitizer, error: MogplexError) -> SafeText:
    """Return the warning that the comment could not be written."""
    return safe.line("Could not write the comment: {}. {}", error.cause, error.remedy)


def _marker(key: str, run: str) -> str:
    return f"{_MARKER}key={key} run={run} -->"
