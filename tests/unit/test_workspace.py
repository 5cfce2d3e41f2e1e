"""Files of the workspace: what is opened stays in it, also when somebody changes it in between."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import (
    append_text,
    discard,
    read_text,
    usable,
    writable,
    write_whole,
)


def text_of(workspace: Path, name: str) -> str:
    return read_text(workspace, name, input_name="prompt-file", max_bytes=100)


def file_for(workspace: Path, name: str) -> Path:
    return writable(workspace, name, input_name="output-dir")


@pytest.fixture(autouse=True, params=["this system", "as on macOS", "as on Windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take away the calls and flags of ``os`` that the system does not have."""
    missing = {
        "this system": [],
        "as on macOS": ["O_PATH"],
        "as on Windows": [
            "O_PATH",
            "O_DIRECTORY",
            "O_NOFOLLOW",
            "O_NONBLOCK",
            "fchmod",
        ],
    }
    for name in missing[request.param]:
        monkeypatch.delattr(os, name)
    if request.param == "as on Windows":
        monkeypatch.setattr(os, "supports_dir_fd", set[object]())
    return str(request.param)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("theirs")
    return tmp_path / "workspace"


def test_links_inside_the_workspace_are_followed(workspace: Path) -> None:
    (workspace / "real").mkdir()
    (workspace / "real" / "task").write_text("Fix it")
    (workspace / "docs").symlink_to("real")
    assert text_of(workspace, "docs/task") == "Fix it"
    assert file_for(workspace, "docs/new") == workspace.resolve() / "real" / "new"


@pytest.mark.parametrize(
    "name", ["..", "../outside/file", "/etc/motd", "link", "folder/file", "a/../../outside/file"]
)
def test_what_is_outside_is_refused(workspace: Path, name: str) -> None:
    (workspace / "link").symlink_to("../outside/file")
    (workspace / "folder").symlink_to("../outside")
    remedy = "Use a path inside it, such as ci/task.md."
    for use, input_name in ((text_of, "prompt-file"), (file_for, "output-dir")):
        with pytest.raises(UsageError) as refused:
            use(workspace, name)
        outside = Problem(input_name, "is outside the workspace", remedy, Untrusted(name))
        assert list(refused.value.problems) == [outside]


@pytest.mark.parametrize(
    ("name", "read", "written"),
    [
        (".", "is a folder", "is a folder"),
        ("folder", "is a folder", "is a folder"),
        ("pipe", "is not a regular file", "is not a regular file"),
        ("loop", "is a link to itself", "is a link to itself"),
        ("blocked/file", "does not exist in the workspace", "is below a file"),
        (
            "long" * 100,
            "cannot be read (File name too long)",
            "cannot be written (File name too long)",
        ),
    ],
)
def test_what_is_no_file_is_refused(
    workspace: Path, name: str, read: str, written: str, system: str
) -> None:
    if (name, system) == ("pipe", "as on Windows"):
        return  # it has no pipes with a path
    (workspace / "folder").mkdir()
    (workspace / "loop").symlink_to("loop")
    (workspace / "blocked").write_text("")
    os.mkfifo(workspace / "pipe")
    for use, input_name, fault in (
        (text_of, "prompt-file", read),
        (file_for, "output-dir", written),
    ):
        with pytest.raises(UsageError) as refused:
            use(workspace, name)
        (problem,) = refused.value.problems
        assert (problem.input, problem.fault, problem.got) == (input_name, fault, Untrusted(name))
        is_a_matter_of_the_path = fault.startswith(("is ", "does "))
        assert problem.remedy.startswith(("Use ", "Check the path")) is is_a_matter_of_the_path


def test_a_file_that_becomes_a_link_is_not_followed(workspace: Path) -> None:
    path = file_for(workspace, "result")
    path.unlink()
    path.symlink_to("../outside/file")
    with pytest.raises(OSError, match="symbolic link"):
        append_text(path, "ours")
    write_whole(path, "ours")
    assert (path.read_text(), path.is_symlink()) == ("ours", False)
    assert (workspace.parent / "outside" / "file").read_text() == "theirs"


def test_a_folder_that_becomes_a_link_is_not_followed(workspace: Path) -> None:
    path = file_for(workspace, "out/file")
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to("../outside")
    changes = [
        partial(write_whole, path, "ours"),
        partial(discard, path),
        partial(append_text, path, "ours"),
    ]
    for change in changes:
        with pytest.raises(NotADirectoryError):
            change()
    assert (workspace.parent / "outside" / "file").read_text() == "theirs"


def test_a_whole_file_replaces_the_old_one(workspace: Path) -> None:
    path = file_for(workspace, "out/result")
    write_whole(path, "old")
    write_whole(path, "new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert [file.name for file in path.parent.iterdir()] == ["result"]
    discard(path)
    discard(path)
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_what_root_makes_goes_to_the_owner_of_the_folder_and_no_other_users_file_does(
    workspace: Path,
) -> None:
    os.chown(workspace, 1001, 1003)
    theirs, ours = file_for(workspace, "theirs"), file_for(workspace, "new/folder/ours")
    theirs.touch()
    os.chown(theirs, 1002, 1002)
    for file in (theirs, ours):
        append_text(file, "x")
    assert theirs.stat().st_uid == 1002
    made = (workspace / "new", workspace / "new" / "folder", ours)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(1001, 1003)}


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"x" * 100, "x" * 100),
        (b"x" * 101, 'has more than 100 bytes: "task". Use a smaller file.'),
        (b"\xef\xbb\xbff\xc3\xbcr\r\n", "für\r\n"),
        (b"f\xfcr", 'is not UTF-8 text, see byte 1: "task". Save the file as UTF-8.'),
    ],
)
def test_a_text_is_read_whole_or_refused(workspace: Path, content: bytes, read: str) -> None:
    (workspace / "task").write_bytes(content)
    try:
        found = text_of(workspace, "task")
    except UsageError as error:
        (problem,) = error.problems
        assert (problem.input, problem.got) == ("prompt-file", Untrusted("task"))
        found = f'{problem.fault}: "task". {problem.remedy}'
    assert found == read


CHECK = "Check the path, and that the repository is checked out."
RIGHTS = "Check the file's and its folder's permissions."


@pytest.mark.parametrize(
    ("verb", "number", "fault", "remedy"),
    [
        ("read", errno.ENOENT, "does not exist in the workspace", CHECK),
        ("read", errno.ENOTDIR, "does not exist in the workspace", CHECK),
        ("written", errno.ENOENT, "cannot be written (ENOENT)", RIGHTS),
        ("written", errno.ENOTDIR, "is below a file", "Use a path in a folder."),
        ("written", errno.EISDIR, "is a folder", "Use the path of a file."),
        ("written", errno.EEXIST, "is below a file", "Use a path in a folder."),
        ("read", errno.ENXIO, "is not a regular file", "Use the path of a file."),
        ("read", None, "is not a regular file", "Use the path of a file."),
        ("written", errno.ENOSPC, "cannot be written (ENOSPC)", "Free some space on its disk."),
        ("written", errno.EDQUOT, "cannot be written (EDQUOT)", "Free some space on its disk."),
        ("read", errno.EIO, "cannot be read (EIO)", RIGHTS),
        (
            "read",
            errno.EACCES,
            "cannot be read (EACCES): this step runs as user {user}, there belongs to {owner}",
            "Run the step as that user, or give this one access.",
        ),
    ],
)
def test_why_a_file_cannot_be_used_and_what_helps(
    workspace: Path, verb: str, number: int | None, fault: str, remedy: str
) -> None:
    path = workspace / "there" / "not" / "there"
    (workspace / "there").mkdir()
    error = OSError("odd") if number is None else OSError(number, errno.errorcode[number])
    for name, shown in (("mine", "mine"), ("", str(path))):
        with pytest.raises(UsageError) as refused, usable("output-dir", verb, path, name):
            raise error
        (problem,) = refused.value.problems
        owner = (workspace / "there").stat().st_uid
        assert problem.fault == fault.format(user=os.geteuid(), owner=owner)
        assert (problem.input, problem.remedy) == ("output-dir", remedy)
        assert problem.got == Untrusted(shown)
