"""The file that keeps a run's ids for the clean-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.platforms.base import StateFile

NAMES = ("gitlab", "https://gitlab.com", "1000", "agent", "176068")
STATE = {"key": "gitlab-1000", "run-id": "r-1"}


def test_what_was_saved_is_loaded_and_the_last_word_counts(tmp_path: Path) -> None:
    StateFile(tmp_path, NAMES).save({"key": "other", "repo-id": "x"})
    StateFile(tmp_path, NAMES).save(STATE)
    assert StateFile(tmp_path, NAMES).load() == STATE


def test_nothing_is_there_before_and_after(tmp_path: Path) -> None:
    file = StateFile(tmp_path, NAMES)
    assert file.load() == {}
    file.save(STATE)
    file.clear()
    file.clear()
    assert file.load() == {}
    assert list(tmp_path.iterdir()) == []


def test_another_step_keeps_its_own(tmp_path: Path) -> None:
    one, other = StateFile(tmp_path, NAMES), StateFile(tmp_path, (*NAMES[:-1], "176069"))
    one.save(STATE)
    other.save({"key": "other"})
    one.clear()
    assert other.load() == {"key": "other"}


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b'{"key": 7}', b"\xff", b'"text"'])
def test_what_is_not_ours_is_no_state(content: bytes, tmp_path: Path) -> None:
    file = StateFile(tmp_path, NAMES)
    file.save(STATE)
    (path,) = (tmp_path / ".mogplex").glob("*.json")
    path.write_bytes(content)
    assert file.load() == {}


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    workspace, elsewhere = tmp_path / "workspace", tmp_path / "elsewhere"
    workspace.mkdir()
    elsewhere.mkdir()
    (workspace / ".mogplex").symlink_to(elsewhere)
    file = StateFile(workspace, NAMES)
    with pytest.raises(UsageError):
        file.save(STATE)
    assert file.load() == {}
    assert list(elsewhere.iterdir()) == []
