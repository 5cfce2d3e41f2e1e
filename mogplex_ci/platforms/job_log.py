"""The job log, written so that it never holds the step.

Its reader may leave, its disk may be full, and a pipe may have no reader.
"""

import contextlib
import os
import re
import select
import sys
import threading
import time
from typing import Final, TextIO, cast

from mogplex_ci.waiting import Stop

DETAILS_END: Final = 3 * 2**20
"""Size of a log from which on it gets no details. GitLab's runner cuts a log at 4 MiB, and what
says how the step ended must come before that.
"""
_STAMP_BYTES: Final = 32
"""GitLab's runner puts a time stamp before each line:
https://docs.gitlab.com/runner/configuration/feature-flags/ (``FF_TIMESTAMPS``).
"""
PATIENCE: Final = 5.0
"""Seconds that a line waits for a reader that has fallen behind."""
PATIENCE_IN_ALL: Final = 60.0
"""Seconds that all lines wait together: a reader that takes a line now and then must not hold the
step either.
"""
STOPPED_PATIENCE: Final = 0.3
"""Seconds that all lines wait together once a stop signal has come: the CI system kills the job
soon.
"""
_AT_ONCE: Final = 4096
"""Bytes: a pipe that has room takes as many without blocking (``PIPE_BUF`` on Linux)."""
# Between two of them a waiting line checks for a stop signal.
_POLL_SECONDS: Final = 0.1
_LINE_COLOURS: Final = {
    r"notice: ": "36",
    r"(\[[^]]*\] )?✔|v |(status  |--- run \S+ )success": "32",
    r"(\[[^]]*\] )?✘|x |error: |(status  |--- run \S+ )failed": "31",
    r"(\[[^]]*\] )?→|! |warning: |(status  |--- run \S+ )(cancelled|awaiting_input)": "33",
}
"""Cyan, green, red and yellow, as ANSI's SGR sequence has them, by how a line begins, in any case.

A time or a run's name in brackets may stand before a mark.
"""
_IDS: Final = re.compile(r"https?://\S+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""Links and ids, which are dim on a terminal: few people read them."""

_MATCHED_BLANKS: Final = re.compile(r"([:(]\d++(?:[:,]\d++)*+:?|:)([ \t]*+)", re.ASCII)
"""A colon, numbers behind one, or numbers behind a bracket, and the blanks behind that, if any: a
match without blanks keeps the search linear, since no number is read twice.
"""
_MATCHED_BLANK: Final = re.compile(r"[:\d][ \t]", re.ASCII)
"""What each line has in which there are such blanks: most have none."""


def size_in_log(*lines: str) -> int:
    """Return the bytes that lines take in a job's log."""
    return (_STAMP_BYTES + 1) * len(lines) + len("".join(lines).encode("utf-8", "replace"))


def without_matches(line: str) -> str:
    r"""Return a line of GitHub's log with no-break spaces where a problem matcher looks for blanks.

    GitHub tries the matchers that earlier steps registered (setup-go, setup-node, …) on every line,
    and makes annotations of what they find: https://github.com/actions/toolkit/blob/main/docs/problem-matchers.md
    Their ``\s`` and ``\d`` know ASCII alone, since the runner compiles them as ECMAScript.
    """
    if not _MATCHED_BLANK.search(line):
        return line
    return _MATCHED_BLANKS.sub(lambda found: found[1] + "\xa0" * len(found[2]), line)


def coloured(line: str) -> str:
    """Return a line for people on a terminal in the colour of the mark, level or status that it
    begins with.
    """
    for beginning, colour in _LINE_COLOURS.items():
        if re.match(beginning, line, re.IGNORECASE):
            return f"\x1b[{colour}m{line}\x1b[0m"
    return line


def for_terminal(line: str) -> str:
    """Return a line as a terminal shows it: in colour, with dim ids and links."""
    return coloured(_IDS.sub("\x1b[2m\\g<0>\x1b[22m", line))


class JobLog:
    """Writes to ``stream``, such as stdout. Leaves out the lines that the reader does not take; no
    method raises.
    """

    def __init__(self, stream: TextIO, stop: Stop) -> None:
        """``stop`` shortens the wait for a slow reader."""
        self.encoding = stream.encoding or "utf-8"
        self._stream = stream
        self._stop = stop
        self._lock = threading.Lock()
        self._poll: select.poll | None = None
        """None where there is none, as on Windows, and for a stream in memory."""
        self._patience = PATIENCE_IN_ALL
        self._left_out = 0
        """Lines that the reader did not take."""
        # Windows has no poll(), a stream in memory no descriptor, and this one may be closed.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
            # Lines are written past the stream's buffer: what is in it must come first.
            descriptor = stream.fileno()
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)

    def isatty(self) -> bool:
        """Return whether a person watches."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write lines until the reader takes no more."""
        with self._lock:
            if self._left_out:
                # The last line may have been cut off.
                text = f"\n… {self._left_out} lines left out here: nothing read the log\n{text}"
            if self._put(text.encode(self.encoding, "replace")):
                self._left_out = 0
            else:
                self._left_out += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: every line is written at once."""

    def _put(self, data: bytes) -> bool:
        """Write ``data`` and return whether all of it was taken."""
        try:
            if self._poll is None:
                # Encoded before: a character that the encoding lacks has become a question mark.
                self._stream.write(data.decode(self.encoding))
                self._stream.flush()
                return True
            while data:
                if not self._has_room(self._poll):
                    return False
                # Only if another process has made the pipe non-blocking, and filled it since the
                # poll.
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._stream.fileno(), data[:_AT_ONCE]) :]
        except (OSError, ValueError):
            return False  # the reader has left, the disk is full, or the stream is closed
        return True

    def _has_room(self, poll: "select.poll") -> bool:
        """Return whether the reader takes more. It is waited for, but not a second time while it
        takes nothing.
        """
        began = time.monotonic()
        while True:
            if self._stop.requested:
                self._patience = min(self._patience, STOPPED_PATIENCE)
            patience = min(PATIENCE, self._patience)
            if self._left_out:
                patience = 0.0
            has_room = bool(poll.poll(min(_POLL_SECONDS, patience) * 1000))
            waited = time.monotonic() - began
            if has_room or waited >= patience:
                # To poll(), less than no time is for ever.
                self._patience = max(self._patience - waited, 0.0)
                return has_room


def job_log(stop: Stop) -> TextIO:
    """Return stdout as the log of this process's job."""
    return cast("TextIO", JobLog(sys.stdout, stop))
