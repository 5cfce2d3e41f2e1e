"""Files that a step hands on: variables for later steps, and the state for its clean-up."""

from __future__ import annotations

import errno
import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.models import Repair
from mogplex_ci.outputs import ALSO_VARIABLES
from mogplex_ci.platforms import base, detect
from mogplex_ci.platforms.base import Platform, dotenv, variables
from mogplex_ci.report.outputs import OUTPUT_NAMES
from mogplex_ci.run.updates import Started, Starting
from mogplex_ci.sanitize import Markdown, SafeText
from mogplex_ci.step.ledger import Ledger, saved_state
from tests.ci_environments import environment
from tests.safe_text import safe_text
from tests.unit.report.events import RUN_ID, run

TOKEN = "mog_" + "x" * 32
URL = "https://mogplex.com"
STATE = '[{"key":"gitlab-1000","run_id":"r-1"}]'
PLAIN = [
    "success",
    "agent/fix-1_2",
    "https://github.com/acme/web/pull/42?a=b#c",
    "acme/web",
    "50%",
    "",
]
NOT_PLAIN = [*(f"a{sign}b" for sign in " ;&'\"\\|>\n*"), "$HOME", "`id`", "$(id)", "(a)", "ä"]


def job(name: str, folder: Path, **changes: str | None) -> Platform:
    (folder / "workspace").mkdir(exist_ok=True)
    env = environment(name, folder) | changes
    return detect({name: value for name, value in env.items() if value is not None}, io.StringIO())


def outputs(value: str) -> dict[str, SafeText | None]:
    return {"branch": safe_text(value)}


@pytest.mark.parametrize("missing", [None, ""])
def test_azure_without_its_folder_gets_no_summary_in_some_other(
    missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    (work / "missing").mkdir(parents=True)
    monkeypatch.chdir(work)
    azure = job("azure", tmp_path, AGENT_TEMPDIRECTORY=missing)
    azure.write_summary(Markdown.code(safe_text("done")), "✔")
    assert [path.name for path in work.rglob("*")] == ["missing"]


def test_an_unknown_value_is_empty_and_free_text_is_left_out() -> None:
    assert variables({"changed": None, "error": safe_text("boom")}) == {"MOGPLEX_OUT_CHANGED": ""}


def test_gitlab_takes_the_whole_file() -> None:
    text = dotenv(variables(dict.fromkeys(OUTPUT_NAMES)))
    assert len(text.splitlines()) <= 20
    assert set(OUTPUT_NAMES) >= ALSO_VARIABLES
    assert not {"message", "error", "artifact", "results", "output-dir"} & ALSO_VARIABLES
    assert "\n\n" not in text


@pytest.mark.parametrize("value", [*PLAIN, *NOT_PLAIN])
def test_a_shell_that_sources_the_file_gets_the_value_or_nothing(
    value: str, tmp_path: Path
) -> None:
    """A value that could be more than text is left out."""
    assert variables(outputs(value)) == ({"MOGPLEX_OUT_BRANCH": value} if value in PLAIN else {})
    (tmp_path / "mogplex.env").write_text(dotenv(variables(outputs(value))), encoding="utf-8")
    script = '. ./mogplex.env; printf %s "${MOGPLEX_OUT_BRANCH-}"; ls'
    done = subprocess.run(
        ["sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == (value if value in PLAIN else "") + "mogplex.env\n"


FILES = [
    ("circleci", "BASH_ENV", "export MOGPLEX_OUT_BRANCH='agent/two'\n"),
    ("bitbucket", "BITBUCKET_PIPELINES_VARIABLES_PATH", "MOGPLEX_OUT_BRANCH=agent/two\n"),
]


@pytest.mark.parametrize(("name", "variable", "ours"), FILES)
@pytest.mark.parametrize(
    "theirs",
    [b"", b"export MOGPLEX_OUT_BRANCH=mine\nNAME=J\xfcrgen\r\n", b"TEXT='no\nend'", b"\0\n\n"],
)
def test_what_others_wrote_to_a_shared_file_stays_as_it_is(
    name: str,
    variable: str,
    ours: str,
    theirs: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shared"
    path.write_bytes(theirs)
    platform = job(name, tmp_path, **{variable: str(path), "MOGPLEX_DOTENV": "x.env"})
    platform.set_outputs(outputs("agent/one"))
    with path.open("ab") as file:
        file.write(b"LATER=1\n")
    platform.set_outputs(outputs("agent/two"))
    end_of_line = b"" if theirs.endswith(b"\n") or not theirs else b"\n"
    assert path.read_bytes() == theirs + end_of_line + b"LATER=1\n" + ours.encode()


def test_a_folder_that_takes_no_new_file_is_named_with_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file itself can be written, and is replaced by one that is whole."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(base, "write_whole", refuse)
    with pytest.raises(
        UsageError,
        match=r"\(Permission denied\): this step runs as user \d+, workspace belongs to \d+",
    ):
        job("jenkins", tmp_path).check_files({})


@pytest.mark.parametrize(
    ("name", "variable"),
    [("github", "GITHUB_OUTPUT"), ("github", "GITHUB_STATE"), *(row[:2] for row in FILES)],
)
def test_a_file_that_cannot_be_written_is_named_before_a_run_is_started(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{variable} is a folder"):
        job(name, tmp_path, **{variable: str(tmp_path)}).check_files({})


@pytest.mark.parametrize("missing", ["GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"])
def test_a_step_works_without_a_file_that_the_runner_did_not_name(
    missing: str, tmp_path: Path
) -> None:
    """Other programs that run workflows do not set all of them."""
    platform = job("github", tmp_path, **{missing: ""})
    platform.check_files({})
    platform.save_state("state")
    platform.set_outputs(outputs("agent/one"))
    platform.write_summary(Markdown.of("Done"), "✔")
    written = {
        "GITHUB_OUTPUT": "output",
        "GITHUB_STATE": "state",
        "GITHUB_STEP_SUMMARY": "summary.md",
    }
    assert {variable for variable, name in written.items() if not (tmp_path / name).exists()} == {
        missing
    }
    assert (tmp_path / "workspace" / ".mogplex").exists() == (missing == "GITHUB_STATE")


@pytest.mark.parametrize(
    "again", [{"CI_JOB_ID": "176069"}, {"CI_JOB_NAME": "other"}], ids=["a retry", "another job"]
)
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


def test_where_nothing_names_the_step_its_own_key_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    ledger = Ledger(system.save_state, URL, TOKEN, system.state_owner())
    ledger.on(None, "", Started(run("pending"), "key-1", joined=False, owned=True))
    text = system.load_state()
    assert TOKEN not in text
    saved = saved_state(system, token=TOKEN, key=None)
    assert saved is not None
    assert ([each.run_id for each in saved.runs], saved.base_url, saved.is_ours) == (
        [RUN_ID],
        URL,
        True,
    )
    for token, forged in (
        (TOKEN[:-1], text),
        (None, text),
        (TOKEN, text.replace("mogplex.com", "example.com")),
    ):
        system.save_state(forged)
        saved = saved_state(system, token=token, key=None)
        assert saved is not None
        assert not saved.is_ours


def test_the_state_has_a_run_that_something_else_started(tmp_path: Path) -> None:
    """It has no key. With ``on-interrupt: cancel`` it is this step's to cancel."""
    system = job("github", tmp_path, **{"INPUT_POST-STEP": None})
    ledger = Ledger(system.save_state, URL, TOKEN, system.state_owner())
    ledger.on(None, "", Started(run("streaming"), "", joined=True, owned=True, followed=True))
    saved = saved_state(system, token=TOKEN, key=None)
    assert saved is not None
    assert [(each.run_id, each.key) for each in saved.runs] == [(RUN_ID, "")]


def test_the_state_has_the_report_of_a_round_as_it_was_sent(tmp_path: Path) -> None:
    system = job("github", tmp_path, **{"INPUT_POST-STEP": None})
    ledger = Ledger(system.save_state, URL, TOKEN, system.state_owner())
    repair = Repair("branch", "main", "report")
    ledger.on(None, "", Starting("repo", None, "key-r2-a1", repair))
    ledger.save_unanswered(None, "key-r2-a1")
    saved = saved_state(system, token=TOKEN, key=None)
    assert saved is not None
    assert [(run.key, Repair(*run.repair)) for run in saved.runs] == [("key-r2-a1", repair)]


def test_a_steps_own_state_is_found_beside_one_of_another_job(tmp_path: Path) -> None:
    """An earlier step has put that, which the same token signed, where the runner's would be."""

    def saved_by(name: str, **changes: str | None) -> Platform:
        system = job("github", tmp_path, **{"INPUT_POST-STEP": None, "GITHUB_JOB": name, **changes})
        ledger = Ledger(system.save_state, URL, TOKEN, system.state_owner())
        ledger.on(None, "", Started(run("pending"), f"key-{name}", joined=False, owned=True))
        return system

    other = saved_by("other").load_state()
    saved_by("build")
    system = job(
        "github", tmp_path, **{"INPUT_POST-STEP": None, "GITHUB_JOB": "build", "STATE_runs": other}
    )
    saved = saved_state(system, token=TOKEN, key=None)
    assert saved is not None
    assert ([each.key for each in saved.runs], saved.is_ours) == (["key-build"], True)


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            "x",
            "x [1, 2]",
            'x {"base_url": "u", "runs": [{"id": 7}]}',
            'x {"fleet":"[1,2"}',
            "x [1,2",
        ),
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


@pytest.mark.parametrize(
    "matrix", [None, '{"os": "linux"}'], ids=["run step", "image with a matrix given by hand"]
)
def test_a_step_that_is_not_the_action_leaves_the_state_for_a_later_step_of_the_job(
    matrix: str | None, tmp_path: Path
) -> None:
    def step(**changes: str) -> Platform:
        return job(
            "github", tmp_path, **{"INPUT_POST-STEP": None, "INPUT_MATRIX": matrix}, **changes
        )

    step(GITHUB_ACTION="__run").save_state(STATE)
    assert not (tmp_path / "state").exists()
    assert step(GITHUB_ACTION="__run_2").load_state() == STATE
    assert step(GITHUB_ACTION="__run_2", GITHUB_JOB="other").load_state() == ""
    assert step(GITHUB_ACTION="__run_2", GITHUB_RUN_ATTEMPT="2").load_state() == ""
    step(GITHUB_ACTION="__run_2").save_state("")
    assert list((tmp_path / "workspace").iterdir()) == []


def test_jobs_that_share_a_workspace_come_and_go_at_once(tmp_path: Path) -> None:
    """Each removes the folder of states when it is the last to leave."""

    def come_and_go(number: str) -> None:
        system = job("gitlab", tmp_path, CI_NODE_INDEX=number)
        for _ in range(100):
            system.save_state("")

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(come_and_go, number) for number in "1234"]:
            done.result()
    assert not (tmp_path / "workspace" / ".mogplex").exists()
