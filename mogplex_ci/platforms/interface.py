"""What the program asks of a CI system, and how plain CI answers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, TextIO

from mogplex_ci.sanitize import SafeText


class Level(StrEnum):
    """How loud an annotation is."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Identity:
    """What names this one step of this one workflow run.

    The idempotency key is made of ``parts`` alone; they stay the same when the same step is tried again.
    """

    parts: tuple[str, ...]
    """Server, repository, workflow run, job, matrix values or parallel index, step."""
    label: str
    """Readable part of the key, for example ``acme/web-9876543210-build``."""
    attempt: str | None
    """Names this try among the tries of the same step: GitHub's run attempt, GitLab's job id. None: cannot be told."""
    is_first_attempt: bool
    """Whether the CI system says that this is the first try."""


class Platform:
    """A CI system. This base class is the plain one: lines on stdout, outputs in a dotenv file.

    A subclass says how its system names a step, folds and annotates the log, and takes outputs. All text comes as
    ``SafeText``: it is printed as it is.
    """

    name: ClassVar[str] = "plain"

    def __init__(self, env: Mapping[str, str], stream: TextIO | None = None) -> None:
        """Take the process environment, and the stream of the job log (stdout when None)."""
        self.env = env
        self._stream = stream if stream is not None else sys.stdout

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Whether ``env`` is this system's."""
        return True

    def identity(self) -> Identity | None:
        """Name this step; None when the environment does not tell."""
        return None

    def repository(self) -> str | None:
        """Return ``owner/name`` of the repository that this job belongs to."""
        return None

    @property
    def workspace(self) -> Path:
        """The folder that relative paths of inputs start from."""
        return Path.cwd()

    @property
    def is_debug(self) -> bool:
        """Whether the user asked this system for debug output."""
        return False

    def untrusted_trigger(self) -> str | None:
        """Name the event that an outsider may have caused; None when the job's trigger can be trusted."""
        return None

    def line(self, text: SafeText) -> None:
        """Print one line to the job log."""
        self._write(text)

    @contextlib.contextmanager
    def group(self, title: SafeText) -> Iterator[None]:
        """Fold the lines printed inside; groups do not nest."""
        self._write(title)
        yield

    def annotate(
        self,
        level: Level,
        title: SafeText,
        text: SafeText,
        *,
        file: SafeText | None = None,
        line: int | None = None,
    ) -> None:
        """Show ``text`` where the system shows what went wrong; in the log at least."""
        where = f" ({file}:{line})" if file is not None else ""
        self._write(f"{level.value.upper()}: {title}: {text}{where}")

    def debug(self, text: SafeText) -> None:
        """Print a diagnostic line where only those who asked for it see it."""
        if self.is_debug:
            self._write(f"DEBUG: {text}")

    def mask(self, secret: str) -> None:
        """Ask the system to hide ``secret`` in the log from now on."""

    def set_outputs(self, outputs: Mapping[str, SafeText]) -> None:
        """Hand outputs to later steps; called early with some of them, and again at the end with all."""

    def write_summary(self, markdown: str) -> None:
        """Show the finished summary next to the job, where the system can."""

    def save_state(self, state: Mapping[str, str]) -> None:
        """Keep ids for this step's ``post``."""

    def load_state(self) -> Mapping[str, str]:
        """Return what ``save_state`` kept in the main step."""
        return {}

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
