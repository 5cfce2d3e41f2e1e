"""Files in the workspace that inputs name. A path that leaves it, directly or by a symbolic link,
is refused.

An agent's branch or an earlier step decides what is in the workspace, and may change it while the
step runs. Links are therefore resolved once, when the inputs are read, and looked for again just
before a file is opened, which follows none itself. Whoever can put a link into the moment between
the two runs in this job, and needs none.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from secrets import token_hex
from typing import Final

from mogplex_ci.errors import UsageError
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted

ROOM: Final = 64 * 1024
"""Bytes of the outputs of a step with many runs, or of a run's state, about."""


def inside(workspace: Path, name: str, *, input_name: str) -> Path:
    """Return the absolute path of ``name`` in ``workspace``, without links.

    Raises:
        UsageError: the path leads out of the workspace.
    """
    path = _resolved(workspace, name, input_name)
    if os.path.isdir(path):  # noqa: PTH112 - a path that is too long, or closed to us, is refused when it is opened
        raise _problem(input_name, "is a folder", name, "Use the path of a file.")
    return path


def folder_inside(workspace: Path, name: str, *, input_name: str) -> Path:
    """Return the absolute path of the folder ``name`` in ``workspace``, without links. It need not
    exist.

    Raises:
        UsageError: the path leads out of the workspace, or a file is in its place.
    """
    path = _resolved(workspace, name, input_name, "mogplex")
    existing = next(each for each in (path, *path.parents) if os.path.exists(each))  # noqa: PTH110 - as above
    if not os.path.isdir(existing):  # noqa: PTH112 - as above
        raise _problem(input_name, "is not a folder", name, "Use the path of a folder.")
    return path


def _resolved(workspace: Path, name: str, input_name: str, example: str = "ci/task.md") -> Path:
    root = workspace.resolve()
    path = _without_links(root / name)
    if path is None:
        raise _problem(input_name, "is a link to itself", name, "Use another path.")
    if not path.is_relative_to(root):
        remedy = f"Use a path inside it, such as {example}."
        raise _problem(input_name, "is outside the workspace", name, remedy)
    return path


def _without_links(path: Path) -> Path | None:
    """Return the same path without links, or None if one of them leads to itself."""
    try:
        found = path.resolve()
    except (OSError, RuntimeError):
        return None
    # Since Python 3.13 such a link raises nothing, and stays in the path.
    is_loop = any(os.path.islink(each) for each in (found, *found.parents))  # noqa: PTH114 - as above
    return None if is_loop else found


def read_text(workspace: Path, name: str, *, input_name: str, max_bytes: int) -> str:
    """Return the UTF-8 text of a file in ``workspace``.

    Raises:
        UsageError: the file does not exist, is outside the workspace, too large, or not UTF-8.
    """
    path = inside(workspace, name, input_name=input_name)
    return read_file(path, name, input_name=input_name, max_bytes=max_bytes)


def read_file(path: Path, name: str, *, input_name: str, max_bytes: int) -> str:
    """Return the UTF-8 text of the regular file at ``path``, an absolute path without links, which
    the user calls ``name``.

    Raises:
        UsageError: the file does not exist, is a link, too large, or not UTF-8.
    """
    with usable(input_name, "read", path, name):
        content = read_head(path, max_bytes + 1)
    return decode(content, name, input_name=input_name, max_bytes=max_bytes)


def read_head(path: Path, max_bytes: int) -> bytes:
    """Return up to ``max_bytes`` from the beginning of the regular file at ``path``, an absolute
    path without links.

    Raises:
        OSError: it cannot be read, or part of the path is a link.
    """
    with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
        return file.read(max_bytes)


def decode(content: bytes, name: str, *, input_name: str, max_bytes: int) -> str:
    """Return the UTF-8 text of what was read from ``name``.

    Raises:
        UsageError: it is too large, or not UTF-8.
    """
    if len(content) > max_bytes:
        raise _problem(
            input_name, f"has more than {max_bytes:,} bytes", name, "Use a smaller file."
        )
    try:
        # Editors on Windows begin a file with a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 text, see byte {error.start:,}"
        raise _problem(input_name, fault, name, "Save the file as UTF-8.") from error


def writable(workspace: Path, name: str, *, input_name: str) -> Path:
    """Return the path of a file in ``workspace`` that can be written; create the file and its
    folders.

    Raises:
        UsageError: the path leads out of the workspace, or cannot be written.
    """
    path = inside(workspace, name, input_name=input_name)
    with usable(input_name, "written", path, name):
        make_folder(path.parent)
        append_text(path, "")
    return path


def append_text(path: Path, text: str) -> None:
    """Write at the end of a file that ``writable`` returned: all of ``text``, or nothing.

    Raises:
        OSError: the file cannot be written, or it or one of its folders has become a link.
    """
    with os.fdopen(_open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, text.encode())
        except OSError:
            # A full disk takes the first part: half a line would spoil the file for its readers.
            with suppress(OSError):
                file.truncate(size)
            raise


def check_room(path: Path) -> None:
    """Check that a step's outputs can be added to a file, and leave it unchanged.

    To open a file, or to write nothing to it, works on a full disk, too.

    Raises:
        OSError: there is no room, or the file or one of its folders has become a link.
    """
    with os.fdopen(_open(path, os.O_WRONLY | os.O_APPEND), "wb", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, b"\n" * ROOM)
        finally:
            file.truncate(size)


def _write_all(file: RawIOBase, data: bytes) -> None:
    while data:
        # A raw file may write only part of the bytes; None means that it wrote none.
        data = data[file.write(data) or 0 :]


def discard(path: Path) -> None:
    """Delete a file that ``writable`` returned and an earlier step may have written.

    Raises:
        OSError: the file cannot be deleted, or one of its folders has become a link.
    """
    _refuse_links(path)
    path.unlink(missing_ok=True)


def write_whole(path: Path, text: str | Iterator[str], mode: int = 0o644) -> None:
    """Replace the content of the file at ``path`` in one step: a reader sees the old text or all of
    the new one.

    An iterator's pieces are written as they come. The file gets ``mode`` despite the umask: later
    steps may run as another user.

    Raises:
        OSError: the file cannot be written, or one of its folders has become a link.
    """
    # In the same folder: a file cannot be renamed into another file system.
    partial = path.with_name(f".{path.name}.{token_hex(8)}")
    file = _open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(file, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines([text] if isinstance(text, str) else text)
            if hasattr(os, "fchmod"):
                os.fchmod(file, mode)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _refuse_links(path: Path) -> None:
    """Check that no folder of ``path``, an absolute path without links, has become one.

    Raises:
        OSError: one has, or does not exist.
    """
    if path.parent.resolve(strict=True) != path.parent:
        raise NotADirectoryError(errno.ENOTDIR, "part of the path has become a link")


def _open(path: Path, flags: int, mode: int = 0o644) -> int:
    """Open a regular file without following links; a new one gets ``mode``. Opening a named pipe
    would block, and no signal would end that.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    _refuse_links(path)
    if path.is_symlink():  # Windows has no flag that refuses it
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    file = os.open(path, flags | _flags("O_NOFOLLOW", "O_NONBLOCK"), mode)
    if flags & os.O_CREAT:
        _hand_over(file, path.parent)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("not a regular file")
    return file


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _hand_over(folder, folder.parent)


def _hand_over(made: int | Path, folder: Path) -> None:
    """Give what root has made to the owner of its folder: a runner with another user could not
    clean up after us.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0 and os.stat(made).st_uid == 0:  # noqa: PTH116 - or a descriptor
        owner = folder.stat()
        with suppress(OSError):  # a file system without owners
            os.chown(made, owner.st_uid, owner.st_gid)


def _flags(*names: str) -> int:
    """Return the flags of ``os.open`` with these names; one that the system lacks counts as
    none.
    """
    return sum(getattr(os, name, 0) for name in names)


@contextmanager
def usable(input_name: str, verb: str, path: Path, name: str = "") -> Iterator[None]:
    """Guard a block in which a file is ``verb``, "read" or "written".

    ``name`` is what the user calls it, if that is not its path.

    Raises:
        UsageError: that failed; it says why, and what helps.
    """
    try:
        yield
    except OSError as error:
        raise _unusable(input_name, verb, path, error, name or str(path)) from error


def _unusable(input_name: str, verb: str, path: Path, error: OSError, name: str) -> UsageError:
    if verb == "read" and isinstance(error, FileNotFoundError | NotADirectoryError):
        remedy = "Check the path, and that the repository is checked out."
        return _problem(input_name, "does not exist in the workspace", name, remedy)
    if isinstance(error, IsADirectoryError):
        return _problem(input_name, "is a folder", name, "Use the path of a file.")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return _problem(input_name, "is below a file", name, "Use a path in a folder.")
    # Our own error has no number; a named pipe that nothing reads has ENXIO.
    if error.errno in (None, errno.ENXIO):
        return _problem(input_name, "is not a regular file", name, "Use the path of a file.")
    fault = f"cannot be {verb} ({error.strerror})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Free some space on its disk."
        problem = Problem(input_name, fault, remedy, Untrusted(name), is_full_disk=True)
        return UsageError(problem)
    if not isinstance(error, PermissionError) or not hasattr(os, "geteuid"):
        return _problem(input_name, fault, name, "Check the file's and its folder's permissions.")
    there = next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
    fault += f": this step runs as user {os.geteuid()}, {there.name or there} belongs to {there.stat().st_uid}"
    return _problem(input_name, fault, name, "Run the step as that user, or give this one access.")


def _problem(input_name: str, fault: str, name: str, remedy: str) -> UsageError:
    return UsageError(Problem(input_name, fault, remedy, Untrusted(name)))
