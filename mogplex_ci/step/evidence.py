"""What failed checks say: title, summary, annotations, and the last lines of the step that failed.

It stands in the start of the next round, which a re-run of the job must make again byte for byte:
so it is whole or it is not used, it is sorted, and nothing in it depends on when it is read.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.run.updates import NamesAlone
from mogplex_ci.sanitize.sanitizer import PREFIX
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from mogplex_ci.gates import Inspection
    from mogplex_ci.github_api import Annotation, Check, CheckRun, GitHubApi, JobStep
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import Sanitizer

EVIDENCE_SECONDS: Final = 30.0
"""How long GitHub is asked for the evidence of all checks."""
MOST_CHECKS: Final = 10
"""Failed checks whose evidence is read; the names of all are told."""
MOST_EARLIER: Final = 3
"""Earlier attempts whose evidence is read where checks ran again."""
MOST_ANNOTATIONS: Final = 20
LOG_LINES: Final = 30
LINE_LIMIT: Final = 200
"""Characters of a line, an annotation or a title."""
SUMMARY_LIMIT: Final = 600
LOG_BYTES: Final = 262_144
"""Bytes of a log that are kept while it is read."""
_LONG_LINES: Final = 100_000
"""Characters of thirty lines that are data: a secret may have begun in what was not kept."""
_STAMP: Final = re.compile(rb"(?:\xef\xbb\xbf)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z ?")
"""The time before each line, as the runner of GitHub Actions writes it."""
_COLOUR: Final = re.compile(rb"\x1b\[[0-9;:?]*[A-Za-z]")
_MARK: Final = re.compile(rb"\A(?:##\[(?:group|section|error|warning|notice|debug)\]|\[command\])")
_GROUP_END: Final = b"##[endgroup]"
_ERROR: Final = b"##[error]"
_DID_NOT_FAIL: Final = ("", "success", "skipped", "neutral")
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class FailedCheck:
    """A failed check, as lines for the report."""

    def __init__(self, head: Sequence[str], annotations: Sequence[str], log: Sequence[str]) -> None:
        self._head = list(head)
        self._annotations = list(annotations)
        self._log = list(log)

    @property
    def text(self) -> str:
        """All of it."""
        log = [f"  {line}" for line in self._log]
        if log:
            log.insert(0, "The last lines of the step that failed:")
        return "\n".join([*self._head, *self._annotations, *log])

    def cut(self, most: int) -> str:
        """Return at most so many characters: the first lines of the log go first, then the last
        annotations.
        """
        while len(self.text) > most and self._log:
            del self._log[0]
        while len(self.text) > most and self._annotations:
            del self._annotations[-1]
        return self.text[:most]


def evidence_of(
    inspection: Inspection, safe: Sanitizer
) -> Generator[Update, None, list[list[FailedCheck]]]:
    """Return what the failed checks of the judged commit say; nothing if GitHub does not tell all
    of it, which is said.

    In a re-run of the job the earlier try may have read it before a check ran again: then what the
    attempts before say follows, the newest first.

    Raises:
        StopRequested: a stop signal came.
    """
    failed = [check for check in inspection.rejected_checks if check.kind == "run"]
    if not failed or inspection.commit is None:
        return []
    reader = _Reader(inspection, safe)
    try:
        return (yield from reader.read(failed, inspection.commit))
    except GitHubError as error:
        yield NamesAlone(error.cause, error.remedy)
        return []


def shared_out(checks: Sequence[FailedCheck], most: int) -> str:
    """Return the checks as text of at most so many characters: each has the same share, and those
    that need less leave the rest to the others.
    """
    left = most - 2 * len(checks)
    texts: dict[int, str] = {}
    by_size = sorted(range(len(checks)), key=lambda number: len(checks[number].text))
    for place, number in enumerate(by_size):
        texts[number] = checks[number].cut(max(left // (len(checks) - place), 0))
        left -= len(texts[number])
    return "\n\n".join(texts[number] for number in sorted(texts) if texts[number])


class _Reader:
    """Reads the evidence of a commit's checks, within a time for all."""

    def __init__(self, inspection: Inspection, safe: Sanitizer) -> None:
        self._inspection = inspection
        self._safe = safe
        self._ends = inspection.sources.service.now + EVIDENCE_SECONDS

    def read(
        self, failed: Sequence[Check], commit: str
    ) -> Generator[Update, None, list[list[FailedCheck]]]:
        """Return the evidence of the attempts that count, and in a re-run of earlier ones, as far
        as GitHub still tells that.

        Raises:
            GitHubError: GitHub does not tell all of the attempts that count.
        """
        ask = self._inspection.ask_github
        pushed_at = yield from self._next_push(commit)
        runs = yield from ask(lambda github: github.check_runs(commit), self._ends)
        newest, *earlier = _attempts(failed, runs, pushed_at)
        found = [(yield from self._checks(newest))]
        if self._inspection.had_ended:
            for attempts in earlier[:MOST_EARLIER]:
                with contextlib.suppress(GitHubError):
                    found.append((yield from self._checks(attempts)))
        return found

    def _checks(self, attempts: Sequence[CheckRun]) -> Generator[Update, None, list[FailedCheck]]:
        """Return the evidence of attempts, by the checks' names. Those that were cancelled come
        last: in a matrix one that fails lets the others be cancelled.
        """
        in_order = sorted(
            attempts, key=lambda run: (run.conclusion == "cancelled", run.name.text, run.id)
        )
        found = []
        for run in in_order[:MOST_CHECKS]:
            found.append((yield from self._check(run)))
        return found

    def _next_push(self, commit: str) -> Generator[Update, None, datetime | None]:
        """Return when the branch moved on from a commit; None if it did not."""
        later = None
        for move in (yield from self._inspection.own_moves(self._ends)):
            if move.after == commit:
                break
            later = move.at
        else:
            return None
        return later

    def _check(self, run: CheckRun) -> Generator[Update, None, FailedCheck]:
        ask = self._inspection.ask_github
        annotations = yield from ask(lambda github: github.annotations_of(run.id), self._ends)
        log: list[str] = []
        if run.is_job:
            steps = yield from ask(lambda github: github.job_steps(run.id), self._ends)
            if steps:  # a job that was cancelled before it began has no log
                log = yield from self._log(run.id, steps)
        head = [self._line(run.name)]
        if run.title is not None and run.title.text:
            head[0] += f": {self._line(run.title)}"
        if run.summary is not None and run.summary.text:
            head.append(self._line(run.summary, SUMMARY_LIMIT))
        return FailedCheck(head, self._annotations(annotations), log)

    def _annotations(self, found: Sequence[Annotation]) -> list[str]:
        ordered = sorted(found, key=lambda each: (each.path.text, each.line, each.message.text))
        return [
            f"{self._line(each.path)}:{each.line}: {self._line(each.message)}"
            for each in ordered[:MOST_ANNOTATIONS]
        ]

    def _log(self, job: int, steps: Sequence[JobStep]) -> Generator[Update, None, list[str]]:
        """Return the last lines of the step of a job that failed."""

        def read(github: GitHubApi) -> str:
            log = StepLog(steps)  # anew in each try
            github.read_log(job, log.take)
            return log.end()

        text = yield from self._inspection.ask_github(read, self._ends)
        lines, before = self._safe.last_lines(Untrusted(text), LOG_LINES)
        if not before and len(text) > _LONG_LINES:
            return []
        shown = [line.removeprefix(PREFIX).rstrip() for line in lines]
        return [line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}…" for line in shown]

    def _line(self, text: Untrusted, limit: int = LINE_LIMIT) -> str:
        return " ".join(self._safe.clean(text, limit=limit).split())


def _attempts(
    failed: Sequence[Check], runs: Sequence[CheckRun], pushed_at: datetime | None
) -> list[list[CheckRun]]:
    """Return the attempts of the failed checks that were the newest ones when the branch moved on,
    or that are the newest ones if it did not; then the same as it was before each later attempt.

    Raises:
        GitHubError: GitHub does not list one of the checks.
    """
    left = [_attempts_of(check, runs, pushed_at) for check in failed]
    found = [[each[-1] for each in left]]
    while repeated := [each for each in left if len(each) > 1]:
        max(repeated, key=lambda each: _order(each[-1])).pop()
        found.append([each[-1] for each in left])
    return found


def _attempts_of(
    check: Check, runs: Sequence[CheckRun], pushed_at: datetime | None
) -> list[CheckRun]:
    """Return the attempts of a check that had begun when the branch moved on, the oldest first; all
    if it did not move on, or none had.

    Raises:
        GitHubError: GitHub does not list it.
    """
    same = [run for run in runs if (run.suite, run.name.text) == (check.suite, check.name.text)]
    if not same:
        raise GitHubError("GitHub does not list a check that failed")
    earlier = []
    if pushed_at is not None:
        earlier = [run for run in same if (run.started_at or _LONG_AGO) <= pushed_at]
    return sorted(earlier or same, key=_order)


def _order(run: CheckRun) -> tuple[datetime, int]:
    return run.started_at or _LONG_AGO, run.id


class StepLog:
    """The log of a job's failed step, cut out while the log is read: by the step's times, and up to
    its last error, since the next step begins in the same second.

    A job without a failed step has that of all its steps.
    """

    def __init__(self, steps: Sequence[JobStep]) -> None:
        failed = next((step for step in steps if step.conclusion not in _DID_NOT_FAIL), None)
        self._first = b""
        self._last = b"9"
        if failed is not None and failed.started_at is not None:
            self._first = _second(failed.started_at)
        if failed is not None and failed.completed_at is not None:
            self._last = _second(failed.completed_at)
        self._is_inside = failed is None
        self._rest = b""
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._is_cut = False

    def take(self, piece: bytes) -> None:
        """Read on."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._add(line + b"\n")
        if len(self._rest) > LOG_BYTES // 4:
            self._add(self._rest)
            self._rest = b""

    def end(self) -> str:
        """Return the step's last lines, without times, colours and marks of the runner."""
        self._add(self._rest)
        self._rest = b""
        content = b"".join(self._kept)
        if self._is_cut:
            content = content.partition(b"\n")[2]
        lines = content.split(b"\n")
        errors = [number for number, line in enumerate(lines) if line.startswith(_ERROR)]
        if errors:
            del lines[errors[-1] + 1 :]
        shown = [
            _MARK.sub(b"", line.rstrip(b"\r"), count=1) for line in lines if line != _GROUP_END
        ]
        return b"\n".join(shown).decode(errors="replace").rstrip("\n")

    def _add(self, line: bytes) -> None:
        """Keep a line, or a part of a long one, if it is the step's."""
        stamp = _STAMP.match(line)
        if stamp is not None:
            self._is_inside = self._first <= stamp[1] <= self._last
            line = line[stamp.end() :]
        if not self._is_inside:
            return
        line = _COLOUR.sub(b"", line)
        self._kept.append(line)
        self._size += len(line)
        while self._size > LOG_BYTES:
            self._size -= len(self._kept.popleft())
            self._is_cut = True


def _second(time: datetime) -> bytes:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
