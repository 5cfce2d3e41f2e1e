"""The file that keeps ids for ``post``, for systems that hand nothing else from a job to its clean-up."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mogplex_ci.errors import UsageError
from mogplex_ci.workspace import read_text, writable, write_whole

_STATE_FOLDER: Final = ".mogplex"
_STATE_BYTES: Final = 1_000_000


class StateFile:
    """Ids for ``post`` in a file of the workspace, for systems that hand nothing else from a job to its clean-up.

    The file's name is a digest of ``names``, so that no other step, and no other try of this one, reads it.
    """

    def __init__(self, workspace: Path, names: Sequence[str]) -> None:
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        self._workspace = workspace
        self._name = f"{_STATE_FOLDER}/{digest}.json"

    def save(self, state: str) -> None:
        """Write ``state``, all of it or nothing: the process may be killed at any time.

        Empty: find out whether the file can be written, and delete it.

        Raises:
            OSError, UsageError: the file cannot be written or deleted, or would be outside the workspace.
        """
        path, ignored = (
            writable(self._workspace, name, input_name=_STATE_FOLDER)
            for name in (self._name, f"{_STATE_FOLDER}/.gitignore")
        )
        if state:
            write_whole(ignored, "*\n")
            write_whole(path, state)
            return
        path.unlink()
        with suppress(OSError):  # another step has its state there by now
            if [*path.parent.iterdir()] == [ignored]:
                ignored.unlink()
                path.parent.rmdir()

    def load(self) -> str:
        """Return what was saved; empty when there is no such file."""
        try:
            return read_text(self._workspace, self._name, input_name=_STATE_FOLDER, max_bytes=_STATE_BYTES)
        except UsageError:
            return ""
