"""A terminal with a person before it: what the program shows there, screen by screen."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.program import ENTRY
from tests.waits import LONG


class Shown(NamedTuple):
    """What a process that has ended left on the screen."""

    code: int
    left: list[str]
    """All lines in the end, those that were scrolled away too."""
    raw: str


def show(
    *argv: str,
    command: Sequence[str] = ENTRY,
    env: dict[str, str],
    cwd: Path,
    lines: int = 24,
    columns: int = 100,
) -> Shown:
    """Run ``entrypoint.py``, or another command, on a terminal of this size to its end; nothing
    else is in its environment.
    """
    screen = pyte.HistoryScreen(columns, lines, history=10_000)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [*command, *argv],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", **env},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    raw = b""
    with suppress(OSError):  # the other end was closed: the process has ended
        while part := os.read(ours, 65536):
            raw += part
    os.close(ours)
    pyte.ByteStream(screen).feed(raw)
    scrolled = ["".join(row[x].data for x in range(columns)).rstrip() for row in screen.history.top]
    left = [*scrolled, *(line.rstrip() for line in screen.display)]
    return Shown(process.wait(timeout=LONG), left, raw.decode())
