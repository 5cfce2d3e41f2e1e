"""Files of the workspace: what is opened stays in it, also when somebody changes it in between."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.workspace import append_text, discard, read_text, writable, write_whole


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
            "O_CLOEXEC",
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
    with pytest.raises(UsageError, match="outside the workspace"):
        text_of(workspace, name)
    with pytest.raises(UsageError, match="outside the workspace"):
        file_for(workspace, name)


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
    for use, fault in ((text_of, read), (file_for, written)):
        with pytest.raises(UsageError) as refused:
            use(workspace, name)
        assert [problem.fault for problem in refused.value.problems] == [fault]


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


def test_text_is_appended(workspace: Path) -> None:
    for text in ("a\n", "b\r\n"):
        append_text(file_for(workspace, "events"), text)
    assert (workspace / "events").read_bytes() == b"a\nb\r\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_what_root_makes_goes_to_the_owner_of_the_folder_and_no_other_users_file_does(
    workspace: Path,
) -> None:
    os.chown(workspace, 1001, 1003)
    theirs, ours = file_for(workspace, "theirs"), file_for(workspace, "ours")
    theirs.touch()
    os.chown(theirs, 1002, 1002)
    for file in (theirs, ours):
        append_text(file, "x")
    assert (theirs.stat().st_uid, ours.stat().st_uid, ours.stat().st_gid) == (1002, 1001, 1003)
