"""Ids for the clean-up: in a file of the workspace, or where GitHub's runner keeps them for the action."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.state import StateFile
from mogplex_ci.run.updates import Started
from mogplex_ci.step.ledger import Ledger, saved_state
from tests.ci_environments import environment
from tests.unit.report.events import RUN_ID, run

TOKEN = "mog_" + "x" * 32
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


URL = "https://mogplex.com"


def save(system: Platform) -> str:
    """Save the state of a step whose run has started, and return it."""
    ledger = Ledger(system.save_state, URL, TOKEN, lambda error: pytest.fail(str(error)))
    ledger.on(None, "", Started(run("pending"), "key-1", joined=False, owned=True))
    return system.load_state()


def test_the_state_counts_with_the_token_that_it_was_made_with(tmp_path: Path) -> None:
    system = github(tmp_path, **{"INPUT_POST-STEP": None})
    text = save(system)
    assert TOKEN not in text
    saved = saved_state(system, token=TOKEN, key=None)
    assert saved is not None
    assert ([each.run_id for each in saved.runs], saved.base_url, saved.is_ours) == ([RUN_ID], URL, True)
    for token, forged in ((TOKEN[:-1], text), (None, text), (TOKEN, text.replace("mogplex.com", "example.com"))):
        system.save_state(forged)
        saved = saved_state(system, token=token, key=None)
        assert saved is not None
        assert not saved.is_ours


@pytest.mark.parametrize(
    "content",
    [
        *("", "x", "x [1, 2]", 'x {"base_url": "u", "runs": [{"key": 7}]}', 'x {"fleet":"[1,2"}', "x [1,2"),
        "x " + "[" * 100_000,
    ],
)
def test_what_is_not_ours_is_no_state(content: str, tmp_path: Path) -> None:
    assert saved_state(github(tmp_path, STATE_runs=content), token=TOKEN, key=None) is None


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
