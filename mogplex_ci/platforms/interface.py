"""What the program asks of a CI system, and how one answers that can do nothing special."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.platforms.state_file import StateFile
    from mogplex_ci.sanitize import SafeText

VARIABLES: Final = ("MOGPLEX_DEBUG", "MOGPLEX_DOTENV", "MOGPLEX_ANNOTATIONS_FILE", "MOGPLEX_CODE_QUALITY_FILE")
"""Variables of ours that tell a platform what to write where; they are no inputs."""


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

    name: ClassVar[str]
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
    def parallel_jobs(self) -> int:
        """How many jobs like this one, itself included, the system may run at once; they share a token."""
        return 1

    @property
    def workspace(self) -> Path:
        """The folder that relative paths of inputs start from."""
        return Path.cwd()

    @property
    def is_debug(self) -> bool:
        """Whether the user asked for diagnostics; most systems have a switch of their own as well."""
        return self.env.get("MOGPLEX_DEBUG") == "1"

    @property
    def terminal(self) -> TextIO | None:
        """The stream of the log when a person watches it on a terminal; None in a CI system."""
        return None

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
        self._write(f"{level.value.upper()}: {message(title, text, file, line)}")

    def link(self, label: SafeText, url: SafeText) -> None:
        """Show a link next to the job, where the system can."""

    def debug(self, text: SafeText) -> None:
        """Print a diagnostic line where only those who asked for it see it."""
        if self.is_debug:
            self._write(f"DEBUG: {text}")

    def mask(self, secret: str) -> None:
        """Ask the system to hide ``secret`` in the log from now on, where it can."""

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Hand outputs to later steps; called early with some of them, and again at the end with all.

        Raises:
            OSError, UsageError: what takes them cannot be written.
        """
        from mogplex_ci.platforms.dotenv import dotenv

        self._write_file("MOGPLEX_DOTENV", dotenv(outputs), default="mogplex.env")

    def write_summary(self, markdown: str) -> None:
        """Show the finished summary next to the job, where the system can."""

    def save_state(self, state: Mapping[str, str]) -> None:
        """Keep ids for this step's ``post``, in place of those kept before.

        Raises:
            OSError, UsageError: they cannot be written.
        """
        if (file := self._state_file()) is not None:
            file.save(state)

    def load_state(self) -> Mapping[str, str]:
        """Return what ``save_state`` kept in the main step; nothing once ``clear_state`` was called."""
        file = self._state_file()
        return {} if file is None else file.load()

    def clear_state(self) -> None:
        """Forget the ids: nothing is left to do for ``post``.

        Raises:
            OSError, UsageError: they cannot be removed.
        """
        if (file := self._state_file()) is not None:
            file.clear()

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def _values(self, *variables: str) -> tuple[str, ...]:
        """Return the variables' values, empty where one is not set."""
        return tuple(self.env.get(variable, "") for variable in variables)

    def _count(self, variable: str) -> int:
        """Return the number that the variable holds, 1 where it holds none."""
        value = self.env.get(variable, "")
        return int(value) if re.fullmatch(r"[1-9]\d{0,5}", value, re.ASCII) else 1

    def _folder(self, variable: str) -> Path:
        """Return the folder that the variable names. A container may not have the host's: then it is where we are."""
        folder = Path(self.env.get(variable) or Path.cwd())
        return folder if folder.is_dir() else Path.cwd()

    def _write_file(self, variable: str, text: str, *, default: str) -> None:
        """Write a file in the workspace, ``default`` unless the variable names another."""
        from mogplex_ci.workspace import writable

        path = writable(self.workspace, self.env.get(variable) or default, input_name=variable)
        path.write_text(text, encoding="utf-8")

    def _state_file(self) -> StateFile | None:
        """Return the file for ``post``; None where nothing names this job, and another's ids could be taken for its."""
        from mogplex_ci.platforms.state_file import StateFile

        identity = self.identity()
        if identity is None:
            return None
        return StateFile(self.workspace, (self.name, *identity.parts, identity.attempt or ""))


def message(title: SafeText, text: SafeText, file: SafeText | None, line: int | None) -> str:
    """Return an annotation as one line, for a system that has no fields for its parts."""
    place = "" if file is None else f" ({file})" if line is None else f" ({file}:{line})"
    return f"{title}: {text}{place}"


def repository_of(clone_url: str) -> str | None:
    """Return the path of a repository's clone URL, such as ``owner/name``; None when it is no such URL."""
    match = re.fullmatch(r"(?:\w+://[^/]+/|[^/:]+:)([\w.-]+(?:/[\w.-]+?)+?)(?:\.git)?/?", clone_url, re.ASCII)
    return match[1] if match else None


def readable(*words: str) -> str:
    """Return the readable part of a key, made of the words that are known."""
    return "-".join(filter(None, words))
