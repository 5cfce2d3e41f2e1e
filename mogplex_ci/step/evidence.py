"""The output of failed checks: title, summary, annotations, and the log of a job up to its last
error.

The report to the next round holds it if GitHub responds in time.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.github_api import Check, GitHubApi
from mogplex_ci.run.updates import EvidenceMissing
from mogplex_ci.sanitize import Sanitizer, cut_between_words
from mogplex_ci.sanitize.sanitizer import PREFIX
from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")

EVIDENCE_SECONDS: Final = 30.0
"""How long GitHub is asked for the evidence of all checks."""
MAX_CHECKS: Final = 10
"""Failed checks whose evidence is read; the report names all."""
MAX_ANNOTATIONS: Final = 20
LOG_LINES: Final = 30
"""Lines of a log before its last error."""
LINE_LIMIT: Final = 200
"""Characters of a line, an annotation or a title."""
SUMMARY_LIMIT: Final = 600
LOG_BYTES: Final = 262_144
"""Bytes before a log's last error, and after it, that are kept while the log is read."""
_LONG_LINES: Final = 60_000
"""Characters of thirty lines of data: a secret may have begun in the part that was dropped."""
_STAMP: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?")
"""The time before each line, as the runner of GitHub Actions writes it."""
_COLOUR: Final = re.compile(rb"\x1b\[[0-9;:?]*[A-Za-z]")
_MARK: Final = re.compile(rb"\A(?:##\[(?:group|section|error|warning|notice|debug)\]|\[command\])")
_GROUP_END: Final = b"##[endgroup]"
_ERROR: Final = b"##[error]"


class FailedCheck(NamedTuple):
    """A failed check, as lines for the report."""

    head: Sequence[str]
    """Its name and title, and its summary."""
    annotations: Sequence[str] = ()
    log: Sequence[str] = ()

    @property
    def text(self) -> str:
        """All lines."""
        log = [f"  {line}" for line in self.log]
        if log:
            log.insert(0, "The log up to its last error:")
        return "\n".join([*self.head, *self.annotations, *log])

    def cut(self, limit: int) -> str:
        """Return up to ``limit`` characters: the first lines of the log are dropped first, then the
        last annotations.
        """
        shown = self
        while len(shown.text) > limit and shown.log:
            shown = shown._replace(log=shown.log[1:])
        while len(shown.text) > limit and shown.annotations:
            shown = shown._replace(annotations=shown.annotations[:-1])
        return cut_between_words(shown.text, limit)


def evidence_of(inspection: Inspection, safe: Sanitizer) -> list[FailedCheck]:
    """Return the output of the judged commit's failed checks, by name. Reports why the first part
    is missing that GitHub does not return in time.

    Raises:
        StopRequested: a stop signal came.
    """
    failed = [check for check in inspection.rejected_checks if check.kind == "run"]
    # In a matrix one job that fails has the others cancelled.
    failed.sort(key=lambda check: (check.conclusion == "cancelled", check.name.text, check.number))
    return _Reader(inspection, safe).read(failed[:MAX_CHECKS])


def shared_out(checks: Sequence[FailedCheck], limit: int) -> str:
    """Return the checks as text of up to ``limit`` characters: each has the same share, and those
    that need less leave the rest to the others.
    """
    left = limit - 2 * len(checks)
    texts: dict[int, str] = {}
    by_size = sorted(range(len(checks)), key=lambda number: len(checks[number].text))
    for place, number in enumerate(by_size):
        texts[number] = checks[number].cut(max(left // (len(checks) - place), 0))
        left -= len(texts[number])
    return "\n\n".join(texts[number] for number in sorted(texts) if texts[number])


class _Reader:
    """Reads the evidence of a commit's checks, within a time for all."""

    def __init__(self, inspection: Inspection, safe: Sanitizer) -> None:
        self._ask_github = inspection.queries.ask
        self._say = inspection.sources.service.say
        self._safe = safe
        self._ends = inspection.sources.service.now + EVIDENCE_SECONDS
        self._refusal: GitHubError | None = None
        """Why the first part is missing."""

    def read(self, checks: Sequence[Check]) -> list[FailedCheck]:
        """Return the evidence of checks. Logs come last: a blocked host would use up the time."""
        annotations = []
        for check in checks:
            annotations.append(self._annotations(check))
        logs = []
        for check in checks:
            logs.append(self._log(check))
        if self._refusal is not None:
            self._say(EvidenceMissing(self._refusal.cause, self._refusal.remedy))
        return [
            FailedCheck(self._head(check), *texts)
            for check, *texts in zip(checks, annotations, logs, strict=True)
        ]

    def _head(self, check: Check) -> list[str]:
        head = [self._line(check.name)]
        if check.title is not None and check.title.text:
            head[0] += f": {self._line(check.title)}"
        if check.summary is not None and check.summary.text:
            head.append(self._line(check.summary, SUMMARY_LIMIT))
        return head

    def _annotations(self, check: Check) -> list[str]:
        found = self._ask(lambda github: github.annotations(check.number))
        ordered = sorted(
            found or (), key=lambda each: (each.path.text, each.line, each.message.text)
        )
        return [
            f"{self._line(each.path)}:{each.line}: {self._line(each.message)}"
            for each in ordered[:MAX_ANNOTATIONS]
        ]

    def _log(self, check: Check) -> list[str]:
        """Return the last lines of a job's log up to its last error."""
        # A job that was cancelled before it began has no log.
        if not check.is_job or check.conclusion == "cancelled":
            return []

        def read(github: GitHubApi) -> str:
            log = LogToLastError()  # a new one for each attempt
            github.read_log(check.number, log.take)
            return log.end()

        text = (self._ask(read)) or ""
        lines, before = self._safe.last_lines(Untrusted(text), LOG_LINES + 1)
        if not before and len(text) > _LONG_LINES:
            return []
        shown = [line.removeprefix(PREFIX).rstrip() for line in lines]
        return [
            line if len(line) <= LINE_LIMIT else f"{cut_between_words(line, LINE_LIMIT)}…"
            for line in shown
        ]

    def _ask(self, call: Callable[[GitHubApi], T]) -> T | None:
        """Return the result of ``call``; None if GitHub does not respond in time."""
        try:
            return self._ask_github(call, self._ends)
        except GitHubError as error:
            self._refusal = self._refusal or error
            return None

    def _line(self, text: Untrusted, limit: int = LINE_LIMIT) -> str:
        return " ".join(self._safe.clean(text, limit=limit).split())


class LogToLastError:
    """The log of a job up to its last error; only a bounded part is kept while it is read.

    A failed step ends with an error; the clean-up follows. A log without an error is kept up to its
    end.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._before = bytearray()
        """The lines up to the last error."""
        self._after = bytearray()
        """The lines since then."""

    def take(self, piece: bytes) -> None:
        """Read on."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._add(line + b"\n")
        if len(self._rest) > LOG_BYTES // 4:
            self._add(self._rest)
            self._rest = b""

    def end(self) -> str:
        """Return the lines, without times, colours and marks of the runner."""
        self._add(self._rest)
        lines = bytes(self._before or self._after).split(b"\n")
        shown = [
            _MARK.sub(b"", line.rstrip(b"\r"), count=1) for line in lines if line != _GROUP_END
        ]
        return b"\n".join(shown).decode(errors="replace").rstrip("\n")

    def _add(self, line: bytes) -> None:
        """Keep a line, or a part of a long one."""
        line = _COLOUR.sub(b"", _STAMP.sub(b"", line))
        self._after += line
        if line.startswith(_ERROR):
            self._before += self._after
            self._after.clear()
        del self._before[:-LOG_BYTES]
        del self._after[:-LOG_BYTES]
