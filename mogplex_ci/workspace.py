"""Files in the workspace that inputs name. A path that leaves it, directly or by a symbolic link, is refused."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.models import Untrusted


def inside(workspace: Path, name: str, *, input_name: str) -> Path:
    """Return the absolute path of ``name`` in ``workspace``, without links.

    Raises:
        UsageError: the path leads out of the workspace.
    """
    root = workspace.resolve()
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise _problem(input_name, "cannot be resolved", name) from error
    if path == root or not path.is_relative_to(root):
        raise _problem(input_name, "leads out of the workspace", name)
    return path


def read_text(workspace: Path, name: str, *, input_name: str, max_bytes: int) -> str:
    """Return the UTF-8 text of a file in ``workspace``.

    Raises:
        UsageError: the file does not exist, is outside the workspace, too large, or not UTF-8.
    """
    path = inside(workspace, name, input_name=input_name)
    _check_kind(path, name, input_name)
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise _problem(input_name, "no such file in the workspace", name) from error
    except OSError as error:
        raise _problem(input_name, "cannot be read", name) from error
    if len(content) > max_bytes:
        raise _problem(input_name, f"is larger than {max_bytes:,} bytes", name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _problem(input_name, f"is not UTF-8 at byte {error.start:,}", name) from error


def writable(workspace: Path, name: str, *, input_name: str) -> Path:
    """Return the path of a file in ``workspace`` that can be written; create the file and its folders.

    Raises:
        UsageError: the path leads out of the workspace, or cannot be written.
    """
    path = inside(workspace, name, input_name=input_name)
    _check_kind(path, name, input_name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise _problem(input_name, "cannot be written", name) from error
    return path


def discard(path: Path) -> None:
    """Delete a file that an earlier step may have written."""
    path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace the content of the file at ``path`` in one step: a reader sees the old text or all of the new one.

    It is written under a name that cannot be guessed first, for the workspace may hold a link of any other name.

    Raises:
        OSError: the file cannot be written.
    """
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as partial:
        partial.write(text)
    whole = Path(partial.name)
    whole.chmod(0o644)  # later steps may run as another user
    whole.replace(path)


def _check_kind(path: Path, name: str, input_name: str) -> None:
    """Refuse folders, devices and pipes. Opening a named pipe would block the step, and no signal would end it."""
    if path.is_dir():
        raise _problem(input_name, "is a folder", name)
    if path.exists() and not path.is_file():
        raise _problem(input_name, "is not a file", name)


def _problem(input_name: str, fault: str, name: str) -> UsageError:
    return UsageError(Problem(input_name, fault, "a path inside the workspace", Untrusted(name)))
