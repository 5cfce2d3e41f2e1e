"""What the program asks of a CI system, and how one answers that can do nothing special."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TextIO

from mogplex_ci.workspace import writable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import SafeText

OUTPUTS: Final = (
    "result",
    "status",
    "run-id",
    "repo-id",
    "repo",
    "harness",
    "branch",
    "base-branch",
    "pull-request-url",
    "changed",
    "replayed",
    "idempotency-key",
    "error",
    "error-code",
    "sandbox-id",
    "events-count",
    "events-truncated",
    "duration-seconds",
    "result-file",
    "events-file",
    "report-file",
)
"""Every output, by its GitHub name."""


def output_variable(name: str) -> str:
    """Return the variable that carries the output ``name`` on systems other than GitHub."""
    return "MOGPLEX_" + name.upper().replace("-", "_")


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
    later_attempt: bool
    """Whether this may be a later try; true when it cannot be told."""


class Platform:
    """A CI system. This base class knows none in particular: lines on stdout, outputs in a dotenv file.

    A subclass says how its system names a step, folds and annotates the log, and takes outputs. All text comes as
    ``SafeText``: it is printed as it is.
    """

    name: ClassVar[str] = "ci"
    """First word of every key; short, lower case."""

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        """Take the process environment, and the stream of the job log."""
        self.env = env
        self._stream = stream

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Whether ``env`` is this system's."""
        raise NotImplementedError

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
        """Say why the event that started this job may be an outsider's; None when it can be trusted."""
        return None

    def line(self, text: SafeText) -> None:
        """Print one line to the job log."""
        self._write(text)

    def open_group(self, title: SafeText) -> None:
        """Begin to fold lines under ``title``; groups do not nest."""
        self._write(title)

    def close_group(self) -> None:
        """End the group."""

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Show ``text`` where the system shows what went wrong; in the log at least."""
        where = "" if file is None else f" ({file})" if line is None else f" ({file}:{line})"
        self._write(f"{level.value.upper()}: {title}: {text}{where}")

    def debug(self, text: SafeText) -> None:
        """Print a diagnostic line where only those who asked for it see it."""
        if self.is_debug:
            self._write(f"DEBUG: {text}")

    def mask(self, secret: str) -> None:
        """Ask the system to hide ``secret`` in the log from now on."""

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Hand outputs to later steps; called early with some of them, and again at the end with all.

        Raises:
            OSError, UsageError: the file that takes them cannot be written.
        """
        from mogplex_ci.platforms.dotenv import dotenv

        path = writable(self.workspace, self.env.get("MOGPLEX_DOTENV") or "mogplex.env", input_name="MOGPLEX_DOTENV")
        path.write_text(dotenv(outputs), encoding="utf-8")

    def write_summary(self, markdown: str) -> None:
        """Show the finished summary next to the job, where the system can."""

    def save_state(self, state: Mapping[str, str]) -> None:
        """Keep ids for this step's ``post``; a later call adds to an earlier one."""

    def load_state(self) -> Mapping[str, str]:
        """Return what ``save_state`` kept in the main step."""
        return {}

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
