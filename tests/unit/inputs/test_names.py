"""What a job calls an input in messages: by the way in which it, or else the others, are set."""

from __future__ import annotations

import pytest

from mogplex_ci.inputs.names import NamesHere
from mogplex_ci.own_words import named, written
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted

ACTION = {"INPUT_PROMPT": "x", "INPUT_TIMEOUT": "", "CI": "true"}
WORDS = "Raise [[timeout]], or set [[on-timeout: cancel]]."


@pytest.mark.parametrize(
    ("argv", "env", "says"),
    [
        ([], ACTION, "Raise timeout, or set on-timeout: cancel."),
        (
            [],
            {**ACTION, "MOGPLEX_TIMEOUT": "5m"},
            "Raise MOGPLEX_TIMEOUT, or set on-timeout: cancel.",
        ),
        (["--timeout=5m"], ACTION, "Raise --timeout, or set on-timeout: cancel."),
        (["--prompt=x"], {}, "Raise --timeout, or set --on-timeout cancel."),
        (
            ["--prompt=x"],
            {"MOGPLEX_TIMEOUT": "5m"},
            "Raise MOGPLEX_TIMEOUT, or set --on-timeout cancel.",
        ),
        ([], {"MOGPLEX_PROMPT": "x"}, "Raise MOGPLEX_TIMEOUT, or set MOGPLEX_ON_TIMEOUT=cancel."),
        ([], {"CI": "true"}, "Raise MOGPLEX_TIMEOUT, or set MOGPLEX_ON_TIMEOUT=cancel."),
        ([], {}, "Raise --timeout, or set --on-timeout cancel."),
    ],
)
def test_an_input_is_called_as_it_is_set_here(
    argv: list[str], env: dict[str, str], says: str
) -> None:
    assert written(WORDS, NamesHere(argv, env)) == says
    assert Sanitizer((), NamesHere(argv, env)).line(WORDS) == says


@pytest.mark.parametrize(
    ("name", "env", "says"),
    [
        ("api-key", {}, "MOGPLEX_API_KEY"),
        ("github-token", {}, "MOGPLEX_GITHUB_TOKEN"),
        ("base-url", {}, "MOGPLEX_URL"),
        ("base-url", {"MOGPLEX_BASE_URL": "https://x"}, "MOGPLEX_BASE_URL"),
        ("api-key", ACTION, "api-key"),
        ("poll-interval", ACTION, "--poll-interval"),
        ("promt", {}, "promt"),
        ("MOGPLEX_DOTENV", {}, "MOGPLEX_DOTENV"),
    ],
)
def test_token_and_address_have_variables_and_other_words_stay(
    name: str, env: dict[str, str], says: str
) -> None:
    assert written(f"Check {named(name)}.", NamesHere(["--prompt=x"], env)) == f"Check {says}."


def test_a_line_begins_with_no_hyphen() -> None:
    safe = Sanitizer((), NamesHere(["--prompt=x"], {}))
    assert safe.message("[[timeout]] is wrong") == "flag --timeout is wrong"


def test_words_of_others_stay_as_they_are() -> None:
    safe = Sanitizer((), NamesHere(["--prompt=x"], {}))
    assert safe.line("It says: {}", Untrusted("[[timeout]]")) == "It says: [[timeout]]"
