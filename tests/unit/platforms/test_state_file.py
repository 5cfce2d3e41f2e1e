"""Ids for the clean-up: in a file of the workspace, or where GitHub's runner keeps them for the action."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.run.updates import Started
from mogplex_ci.step.ledger import Ledger, saved_state
from tests.ci_environments import environment
from tests.unit.report.events import RUN_ID, run

TOKEN = "mog_" + "x" * 32
URL = "https://mogplex.com"
STATE = '[{"key":"gitlab-1000","run_id":"r-1"}]'


def job(name: str, folder: Path, **changes: str | None) -> Platform:
    (folder / "workspace").mkdir(exist_ok=True)
    env = environment(name, folder) | changes
    return detect({name: value for name, value in env.items() if value is not None}, io.StringIO())


@pytest.mark.parametrize("again", [{"CI_JOB_ID": "176069"}, {"CI_JOB_NAME": "other"}], ids=["a retry", "another job"])
def test_the_last_word_counts_until_nothing_is_left_and_others_have_their_own(
    again: dict[str, str], tmp_path: Path
) -> None:
    step, other = job("gitlab", tmp_path), job("gitlab", tmp_path, **again)
    assert (step.load_state(), other.load_state()) == ("", "")
    for state in ("other", STATE):
        step.save_state(state)
        assert job("gitlab", tmp_path).load_state() == state
    assert other.load_state() == ""
    other.save_state("other")
    step.save_state("")
    assert (step.load_state(), other.load_state()) == ("", "other")
    for _ in range(2):
        other.save_state("")
        assert list((tmp_path / "workspace").iterdir()) == []
    (tmp_path / "workspace" / ".mogplex" / "artifacts").mkdir(parents=True)
    step.save_state("")
    assert [path.name for path in (tmp_path / "workspace").rglob("*")] == [".mogplex", "artifacts"]


def test_where_nothing_names_the_step_its_own_key_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    step = detect({}, io.StringIO())
    step.save_state("lost")
    step.save_state(STATE, key="nightly")
    assert [step.load_state(key=key) for key in (None, "nightly", "other")] == ["", STATE, ""]


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    step = job("gitlab", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "workspace" / ".mogplex").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        step.save_state(STATE)
    assert step.load_state() == ""
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_state_counts_with_the_token_that_it_was_made_with(tmp_path: Path) -> None:
    system = job("github", tmp_path, **{"INPUT_POST-STEP": None})
    ledger = Ledger(system.save_state, URL, TOKEN)
    ledger.on(None, "", Started(run("pending"), "key-1", joined=False, owned=True))
    text = system.load_state()
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
        *("", "x", "x [1, 2]", 'x {"base_url": "u", "runs": [{"id": 7}]}', 'x {"fleet":"[1,2"}', "x [1,2"),
        "x " + "[" * 100_000,
    ],
)
def test_what_is_not_ours_is_no_state(content: str, tmp_path: Path) -> None:
    assert saved_state(job("github", tmp_path, STATE_runs=content), token=TOKEN, key=None) is None


def test_the_actions_post_step_gets_the_state_from_the_runner(tmp_path: Path) -> None:
    job("github", tmp_path).save_state(STATE)
    assert "runs<<" in (tmp_path / "state").read_text(encoding="utf-8")
    assert list((tmp_path / "workspace").iterdir()) == []
    assert job("github", tmp_path, STATE_runs=STATE).load_state() == STATE
    assert job("github", tmp_path, STATE_runs="").load_state() == ""


@pytest.mark.parametrize("matrix", [None, '{"os": "linux"}'], ids=["run step", "image with a matrix given by hand"])
def test_a_step_that_is_not_the_action_leaves_the_state_for_a_later_step_of_the_job(
    matrix: str | None, tmp_path: Path
) -> None:
    def step(**changes: str) -> Platform:
        return job("github", tmp_path, **{"INPUT_POST-STEP": None, "INPUT_MATRIX": matrix}, **changes)

    step(GITHUB_ACTION="__run").save_state(STATE)
    assert not (tmp_path / "state").exists()
    assert step(GITHUB_ACTION="__run_2").load_state() == STATE
    assert step(GITHUB_ACTION="__run_2", GITHUB_JOB="other").load_state() == ""
    assert step(GITHUB_ACTION="__run_2", GITHUB_RUN_ATTEMPT="2").load_state() == ""
    step(GITHUB_ACTION="__run_2").save_state("")
    assert list((tmp_path / "workspace").iterdir()) == []
