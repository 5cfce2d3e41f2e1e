"""The file that keeps ids for ``post``, for systems that hand nothing else from a job to its clean-up."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import UsageError
from mogplex_ci.workspace import inside, read_text, writable, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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

    def save(self, state: Mapping[str, str]) -> None:
        """Write ``state``, all of it or nothing: the process may be killed at any time.

        Raises:
            OSError, UsageError: the file cannot be written, or would be outside the workspace.
        """
        path = writable(self._workspace, self._name, input_name=_STATE_FOLDER)
        write_whole(writable(self._workspace, f"{_STATE_FOLDER}/.gitignore", input_name=_STATE_FOLDER), "*\n")
        write_whole(path, json.dumps(state))

    def load(self) -> Mapping[str, str]:
        """Return what was saved; empty when there is no such file or its content is not ours."""
        try:
            text = read_text(self._workspace, self._name, input_name=_STATE_FOLDER, max_bytes=_STATE_BYTES)
            state = json.loads(text)
        except (ValueError, RecursionError, UsageError):
            return {}
        items = state.items() if isinstance(state, dict) else ()
        return {name: value for name, value in items if isinstance(value, str)}

    def clear(self) -> None:
        """Delete the file, and the folder when nothing else is in it.

        Raises:
            OSError, UsageError: the file cannot be deleted, or is outside the workspace.
        """
        path = inside(self._workspace, self._name, input_name=_STATE_FOLDER)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # another step has its state there
            if [file.name for file in path.parent.iterdir()] == [".gitignore"]:
                path.with_name(".gitignore").unlink()
                path.parent.rmdir()
