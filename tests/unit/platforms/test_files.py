"""Files that a step hands on to later steps."""

from __future__ import annotations

import errno
import io
import subprocess
from pathlib import Path

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.output_names import FREE_TEXT
from mogplex_ci.platforms import base, detect
from mogplex_ci.platforms.base import Platform, dotenv, variables
from mogplex_ci.report.outputs import OUTPUT_NAMES
from mogplex_ci.sanitize import Markdown, SafeText
from tests.ci_environments import environment
from tests.safe_text import safe_text

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


def test_an_unknown_value_is_empty_and_free_text_is_left_out() -> None:
    assert variables({"changed": None, "error": safe_text("boom")}) == {"MOGPLEX_OUT_CHANGED": ""}


def test_gitlab_takes_the_whole_file() -> None:
    text = dotenv(variables(dict.fromkeys(OUTPUT_NAMES)))
    assert len(text.splitlines()) <= 20
    assert set(OUTPUT_NAMES) > FREE_TEXT
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
    [("github", "GITHUB_OUTPUT"), *(row[:2] for row in FILES)],
)
def test_a_file_that_cannot_be_written_is_named_before_a_run_is_started(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{variable} is a folder"):
        job(name, tmp_path, **{variable: str(tmp_path)}).check_files({})


@pytest.mark.parametrize("missing", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize("named", ["", "/dev/null"])
def test_a_step_works_without_a_file_that_the_runner_did_not_name(
    missing: str, named: str, tmp_path: Path
) -> None:
    """Other programs that run workflows do not set all of them, or name a device."""
    platform = job("github", tmp_path, **{missing: named})
    platform.check_files({})
    platform.set_outputs(outputs("agent/one"))
    platform.write_summary(Markdown.of("Done"))
    written = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md"}
    assert {variable for variable, name in written.items() if not (tmp_path / name).exists()} == {
        missing
    }
