"""Ids for the clean-up: in a file of the workspace, or where GitHub's runner keeps them for the action."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.state import StateFile
from mogplex_ci.step.ledger import open_runs
from tests.ci_environments import environment

NAMES = ("gitlab", "https://gitlab.com", "1000", "agent", "176068")
STATE = '[{"key":"gitlab-1000","run_id":"r-1"}]'


def test_what_was_saved_is_loaded_and_the_last_word_counts(tmp_path: Path) -> None:
    StateFile(tmp_path, NAMES).save("other")
    StateFile(tmp_path, NAMES).save(STATE)
    assert StateFile(tmp_path, NAMES).load() == STATE


def test_nothing_is_there_before_and_after(tmp_path: Path) -> None:
    file = StateFile(tmp_path, NAMES)
    assert file.load() == ""
    file.save(STATE)
    file.save("")
    file.save("")
    assert file.load() == ""
    assert list(tmp_path.iterdir()) == []


def test_another_step_keeps_its_own(tmp_path: Path) -> None:
    one, other = StateFile(tmp_path, NAMES), StateFile(tmp_path, (*NAMES[:-1], "176069"))
    one.save(STATE)
    other.save("other")
    one.save("")
    assert other.load() == "other"


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b'[{"key": 7}]', b'{"key": "k"}', b"\xff", b'"text"', b"[1,2", b"[" * 100_000, b"null"]
)
def test_what_is_not_ours_is_no_state(content: bytes, tmp_path: Path) -> None:
    system = github(tmp_path, **{"INPUT_POST-STEP": None})
    system.save_state(STATE)
    assert [run.run_id for run in open_runs(system)] == ["r-1"]
    (path,) = (tmp_path / "workspace" / ".mogplex").glob("*.json")
    path.write_bytes(content)
    assert open_runs(system) == []


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    workspace, elsewhere = tmp_path / "workspace", tmp_path / "elsewhere"
    workspace.mkdir()
    elsewhere.mkdir()
    (workspace / ".mogplex").symlink_to(elsewhere)
    file = StateFile(workspace, NAMES)
    with pytest.raises(UsageError):
        file.save(STATE)
    assert file.load() == ""
    assert list(elsewhere.iterdir()) == []


def github(folder: Path, **changes: str | None) -> Platform:
    (folder / "workspace").mkdir(exist_ok=True)
    env = environment("github", folder) | changes
    return detect({name: value for name, value in env.items() if value is not None}, io.StringIO())


def test_the_actions_post_step_gets_the_state_from_the_runner(tmp_path: Path) -> None:
    github(tmp_path).save_state(STATE)
    assert "runs<<" in (tmp_path / "state").read_text(encoding="utf-8")
    assert list((tmp_path / "workspace").iterdir()) == []
    assert github(tmp_path, STATE_runs=STATE).load_state() == STATE
    assert github(tmp_path, STATE_runs="").load_state() == ""


@pytest.mark.parametrize("matrix", [None, '{"os": "linux"}'], ids=["run step", "image with a matrix given by hand"])
def test_a_step_that_is_not_the_action_leaves_the_state_for_a_later_step_of_the_job(
    matrix: str | None, tmp_path: Path
) -> None:
    def step(**changes: str) -> Platform:
        return github(tmp_path, **{"INPUT_POST-STEP": None, "INPUT_MATRIX": matrix}, **changes)

    step(GITHUB_ACTION="__run").save_state(STATE)
    assert not (tmp_path / "state").exists()
    assert step(GITHUB_ACTION="__run_2").load_state() == STATE
    assert step(GITHUB_ACTION="__run_2", GITHUB_JOB="other").load_state() == ""
    assert step(GITHUB_ACTION="__run_2", GITHUB_RUN_ATTEMPT="2").load_state() == ""
    step(GITHUB_ACTION="__run_2").save_state("")
    assert list((tmp_path / "workspace").iterdir()) == []
