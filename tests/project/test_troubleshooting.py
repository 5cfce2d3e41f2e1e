"""Troubleshooting has a heading for each error code, and no other.

Messages are not quoted there: each says itself what happened and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mogplex_ci.errors import ERROR_CODES, MogplexError
from tests.documents import error_codes
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CODES = error_codes()


def errors(kind: type[MogplexError] = MogplexError) -> Iterator[type[MogplexError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors(child)


def test_each_error_code_has_one_heading() -> None:
    assert set(ERROR_CODES) - set(CODES) == set(), (
        "give each a heading in docs/troubleshooting.md, with its exit code"
    )
    assert set(CODES) - set(ERROR_CODES) == set(), (
        "add each to ERROR_CODES in mogplex_ci/errors.py, or remove its heading"
    )
    assert list(CODES) == sorted(CODES), "docs/troubleshooting.md has the codes in order"
    assert PAGE.count("\n### `") == len(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_its_exit_code_what_happened_and_what_to_do(code: str) -> None:
    form = r"\n\nExit (\d[\d, or]*)\. [A-Z`].+?\.\n\*\*Fix:\*\* .+\n"
    assert re.match(form, CODES[code], re.DOTALL)


def test_a_heading_has_the_exit_code_of_its_error() -> None:
    for error in errors():
        if error.code in CODES:
            told, _, _ = CODES[error.code].partition(".")
            assert str(error.exit_code) in re.findall(r"\d+", told), error
