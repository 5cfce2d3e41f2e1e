"""Ids for ``post`` in a file of the workspace: most systems hand nothing else from a job's script to its clean-up."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import UsageError
from mogplex_ci.workspace import inside, writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER: Final = ".mogplex"


class StateFile:
    """One step's file. Its name is a digest of what names this try of the step, so that no other try reads it."""

    def __init__(self, workspace: Path, names: Sequence[str]) -> None:
        """Take the workspace, and what names this try."""
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        self._workspace = workspace
        self._name = f"{FOLDER}/{digest}.json"

    def save(self, state: Mapping[str, str]) -> None:
        """Write ``state``, all or nothing: the process may be killed at any time.

        Raises:
            OSError, UsageError: the file cannot be written, or lies outside of the workspace.
        """
        path = writable(self._workspace, self._name, input_name=FOLDER)
        ignore = writable(self._workspace, f"{FOLDER}/.gitignore", input_name=FOLDER)
        ignore.write_text("*\n", encoding="utf-8")
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as new:
            json.dump(state, new)
        Path(new.name).replace(path)

    def load(self) -> Mapping[str, str]:
        """Return what was saved; nothing when there is no such file, or it is not ours."""
        try:
            state = json.loads(inside(self._workspace, self._name, input_name=FOLDER).read_text(encoding="utf-8"))
        except (OSError, ValueError, UsageError):
            return {}
        items = state.items() if isinstance(state, dict) else ()
        return {name: value for name, value in items if isinstance(value, str)}

    def clear(self) -> None:
        """Remove the file, and the folder when nothing else is in it.

        Raises:
            OSError, UsageError: the file cannot be removed, or lies outside of the workspace.
        """
        path = inside(self._workspace, self._name, input_name=FOLDER)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # another step keeps its state there
            if [file.name for file in path.parent.iterdir()] == [".gitignore"]:
                path.with_name(".gitignore").unlink()
                path.parent.rmdir()
