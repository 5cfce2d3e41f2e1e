"""A terminal with a person before it: what the program shows there, screen by screen."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.program import ENTRY
from tests.waits import LONG


class Shown(NamedTuple):
    """The screen of a process that has ended."""

    code: int
    screens: list[list[str]]
    """The lines of the screen after each time that the process wrote to it."""
    left: list[str]
    """All lines in the end, those that were scrolled away too."""
    raw: str


def show(
    *argv: str,
    env: dict[str, str],
    cwd: Path,
    lines: int = 24,
    columns: int = 100,
    each_time: Callable[[list[str]], None] = lambda _: None,
) -> Shown:
    """Run ``entrypoint.py`` on a terminal of this size to its end; nothing else is in its
    environment.

    ``each_time`` is called with the screen after each time that the process wrote to it. It may
    move a clock.
    """
    screen = pyte.HistoryScreen(columns, lines, history=10_000)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [*ENTRY, *argv],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", **env},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screens, raw = [], b""
    try:
        while part := os.read(ours, 65536):
            raw += part
            stream.feed(part)
            screens.append([line.rstrip() for line in screen.display])
            each_time(screens[-1])
    except OSError:  # the other end was closed: the process has ended
        pass
    os.close(ours)
    scrolled = ["".join(row[x].data for x in range(columns)).rstrip() for row in screen.history.top]
    left = [*scrolled, *(line.rstrip() for line in screen.display)]
    return Shown(process.wait(timeout=LONG), screens, left, raw.decode())
