"""The files in which a step keeps state for ``post``: one for each run to cancel.

A file is named by the job and the run, so that several uses in one job have their own, and ``post``
finds them all from any step. It counts only with a MAC made with the token: a committed file, or
another job's, cancels nothing. Owner and mode do not matter: root gives its files to the owner of
the folder, and Windows has no mode.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import nlargest
from os import DirEntry, scandir
from pathlib import Path
from typing import Final, NamedTuple

from mogplex_ci.errors import StateError
from mogplex_ci.models import StartRequest
from mogplex_ci.platforms.base import Platform
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import ROOM, discard, inside, make_folder, read_head, write_whole

FOLDER: Final = ".mogplex"
"""In the workspace, if the system has no folder for the state. It is never removed: another use of
the program may be about to write to it.
"""
MAX_BYTES: Final = 1_000_000
MAX_FILES: Final = 1_000
"""Files of one job that are read, the newest of them."""
MAX_AGE: Final = 31 * 24 * 3600.0
"""Seconds after which no step can need a file: the longest ``timeout`` is 30 days."""
_DIGITS: Final = 16
_FILE: Final = rf"mogplex-([0-9a-f]{{{_DIGITS}}})-[0-9a-f]{{{_DIGITS}}}\.json"
_OURS: Final = rf"{_FILE}|\.{_FILE}\.[0-9a-f]{{16}}"
"""A file, or one that was never finished; see ``write_whole``."""


class OpenRun(NamedTuple):
    """A run that may have to be cancelled: its id, or the start request that may have made it."""

    base_url: str
    key: str = ""
    """Empty for an existing run that the step only follows."""
    run_id: str = ""
    request: StartRequest | None = None
    """The request without a response so far, to be sent again under the key. It holds the prompt,
    and no token.
    """
    may_be_foreign: bool = False
    """Whether another job may have started a run under the key."""


class SavedRun(NamedTuple):
    """A run that was found in a file."""

    file: Path
    run: OpenRun


class Found(NamedTuple):
    """The files of a job."""

    runs: Sequence[SavedRun]
    """The newest first."""
    unknown: int
    """Files with the job's name that were not written by it with this token."""


class StateFiles:
    """The files of one attempt of a job."""

    def __init__(self, platform: Platform, job: Sequence[str], token: str) -> None:
        """``job`` names the attempt.

        Raises:
            UsageError: the folder for the files is a link out of the workspace.
        """
        self._folder = _folder_of(platform)
        self._job = job
        self._token = token

    def check(self, name: str) -> None:
        """Check that the file of a run can be written, and has room. A file that an earlier process
        of the job left there stays. Old files are removed.

        Raises:
            StateError: it cannot be written.
        """
        path = self._path(name)
        try:
            before = _content(path)
            _prepare(self._folder)
            write_whole(path, before + "\n" * ROOM, 0o600)
            if not before:
                discard(path)
        except OSError as error:
            raise StateError(Untrusted(f"{self._folder}: {error.strerror}")) from error
        _remove_old(self._folder)

    def save(self, name: str, state: OpenRun) -> None:
        """Save the state that ``post`` needs to cancel a run, replacing the earlier state.

        Raises:
            OSError: it cannot be written.
        """
        _prepare(self._folder)
        write_whole(self._path(name), self._signed(state), 0o600)

    def remove(self, name: str) -> None:
        """Remove the file of a run that is over.

        Raises:
            OSError: it cannot be removed.
        """
        with suppress(FileNotFoundError):
            discard(self._path(name))

    def find(self) -> Found:
        """Return the saved state of this job's runs. A file that cannot be read is ignored."""
        runs: list[SavedRun] = []
        unknown = 0
        for entry in nlargest(MAX_FILES, self._files(), key=_changed):
            path = Path(entry.path)
            text = _content(path)
            run = self._verified(text)
            if run is not None:
                runs.append(SavedRun(path, run))
            elif text:
                unknown += 1
        return Found(runs, unknown)

    def _path(self, name: str) -> Path:
        return self._folder / f"mogplex-{_digest(self._job)}-{_digest([name])}.json"

    def _files(self) -> Iterator[DirEntry[str]]:
        """Yield the files that have the job's name."""
        job = _digest(self._job)
        # Without the folder, no step has saved anything.
        with suppress(OSError), scandir(self._folder) as entries:
            for entry in entries:
                match = re.fullmatch(_FILE, entry.name)
                if match is not None and match[1] == job:
                    yield entry

    def _signed(self, state: OpenRun) -> str:
        values = {name: value for name, value in state._asdict().items() if value}
        # ASCII would make twelve bytes of a rare character, and a long prompt too large to be read.
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        # Half a character has no UTF-8, and is written as JSON has it in ASCII.
        text = re.sub(r"[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):x}", text)
        return f"{self._mac(text)} {text}"

    def _verified(self, content: str) -> OpenRun | None:
        """Return the run in a file, if this job wrote it with this token."""
        mac, _, text = content.partition(" ")
        # Anyone may have committed this file: it counts only if this job wrote it. Without a token
        # anyone can make its MAC, and the file names the server that is asked to cancel.
        if not self._token or not hmac.compare_digest(mac.encode(), self._mac(text).encode()):
            return None
        values = json.loads(text)
        # A later version may have saved more.
        return OpenRun(**{name: values[name] for name in OpenRun._fields if name in values})

    def _mac(self, text: str) -> str:
        """Return a text that only the holder of the token can write, and only for this job."""
        signed = json.dumps([self._job, text])
        return hmac.new(self._token.encode(), signed.encode(), hashlib.sha256).hexdigest()


def forget(saved: SavedRun) -> None:
    """Remove the file of a run that is settled; the next ``post`` does not mention it again."""
    # If it stays, the next clean-up finds a run that has ended.
    with suppress(OSError):
        discard(saved.file)


def _folder_of(platform: Platform) -> Path:
    """Return the folder for the state, without links.

    Raises:
        UsageError: it is a link out of the workspace.
    """
    of_system = platform.state_folder
    if of_system is not None and of_system.is_dir():
        return of_system.resolve()
    return inside(platform.workspace, f"{FOLDER}/file", input_name=FOLDER).parent


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]


def _prepare(folder: Path) -> None:
    """Make the folder in the workspace. The system's is there, or it is not used.

    Raises:
        OSError: it cannot be made.
    """
    ignored = folder / ".gitignore"
    if folder.name == FOLDER and not ignored.exists():
        make_folder(folder)
        write_whole(ignored, "*\n")


def _content(path: Path) -> str:
    """Return the text of a file; empty if it is not a regular file that can be read."""
    try:
        return read_head(path, MAX_BYTES).decode(errors="replace").rstrip("\n")
    except OSError:
        return ""


def _changed(entry: DirEntry[str]) -> float:
    """Return when a file was written; long ago if it is gone."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _remove_old(folder: Path) -> None:
    """Remove our files that no step can need any more."""
    now = time.time()
    # What cannot be removed does no harm: no step reads a file of another job.
    with suppress(OSError), scandir(folder) as entries:
        for entry in entries:
            if now - _changed(entry) > MAX_AGE and re.fullmatch(_OURS, entry.name):
                with suppress(OSError):
                    discard(folder / entry.name)
