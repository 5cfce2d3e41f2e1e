"""Outputs as variables: nothing in a value does anything when a shell sources it or a template pastes it."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import OUTPUTS, dotenv, replace_lines, variables
from mogplex_ci.sanitize import SafeText
from tests.ci_environments import environment
from tests.safe_text import safe_text

PLAIN = ["success", "agent/fix-1_2", "https://github.com/acme/web/pull/42?a=b#c", "acme/web", "50%", ""]
NOT_PLAIN = [
    "a b",
    "a;b",
    "a&b",
    "$HOME",
    "`id`",
    "$(id)",
    "a'b",
    'a"b',
    "a\\b",
    "a|b",
    "a>b",
    "a\nb",
    "(a)",
    "ä",
    "a*b",
]


def outputs(value: str) -> dict[str, SafeText | None]:
    return {"branch": safe_text(value)}


@pytest.mark.parametrize("value", PLAIN)
def test_plain_values_are_handed_on(value: str) -> None:
    assert variables(outputs(value)) == {"MOGPLEX_BRANCH": value}


@pytest.mark.parametrize("value", NOT_PLAIN)
def test_a_value_that_could_be_more_than_text_is_left_out(value: str) -> None:
    assert variables(outputs(value)) == {}


def test_an_unknown_value_is_empty_and_free_text_is_left_out() -> None:
    assert variables({"changed": None, "error": safe_text("boom")}) == {"MOGPLEX_CHANGED": ""}


def test_gitlab_takes_the_whole_file() -> None:
    text = dotenv(dict.fromkeys(OUTPUTS))
    assert len(text.splitlines()) == 20
    assert "\n\n" not in text


@pytest.mark.parametrize("value", [*PLAIN, *NOT_PLAIN])
def test_a_shell_that_sources_the_file_gets_the_value_or_nothing(value: str, tmp_path: Path) -> None:
    (tmp_path / "mogplex.env").write_text(dotenv(outputs(value)), encoding="utf-8")
    done = subprocess.run(
        ["sh", "-euc", '. ./mogplex.env; printf %s "${MOGPLEX_BRANCH-}"; ls'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (value if value in PLAIN else "") + "mogplex.env\n"


def test_circleci_gets_a_shell_file_without_losing_what_the_user_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bash-env").write_text("export THEIRS=1\n", encoding="utf-8")
    platform = detect(environment("circleci", tmp_path) | {"MOGPLEX_DOTENV": "x.env"}, io.StringIO())
    platform.set_outputs(outputs("agent/one"))
    platform.set_outputs(outputs("agent/two"))
    done = subprocess.run(
        ["sh", "-euc", '. ./bash-env; echo "$THEIRS $MOGPLEX_BRANCH"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1 agent/two\n"
    assert (tmp_path / "bash-env").read_text(encoding="utf-8").count("MOGPLEX_BRANCH") == 1


def test_our_lines_are_replaced_and_theirs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "variables"
    replace_lines(path, "MOGPLEX_", ["MOGPLEX_A=1"])
    path.write_text(path.read_text(encoding="utf-8") + "OTHER=x\n", encoding="utf-8")
    replace_lines(path, "MOGPLEX_", ["MOGPLEX_A=2"])
    assert path.read_text(encoding="utf-8") == "OTHER=x\nMOGPLEX_A=2\n"
