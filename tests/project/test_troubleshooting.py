"""Troubleshooting has a section for each exit code, and a word on each error code of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mogplex_ci.errors import ApiError, ForeignRunError, MogplexError
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OUTCOMES = (ROOT / "mogplex_ci" / "run" / "outcome.py").read_text()


def errors(kind: type[MogplexError] = MogplexError) -> Iterator[type[MogplexError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors(child)


def test_every_exit_code_has_a_section() -> None:
    titles = re.findall(r"^## (Exit .*)", PAGE, re.MULTILINE)
    described = {int(code) for title in titles for code in re.findall(r"\d+", title)}
    assert {error.exit_code for error in errors()} | {0, 130, 143} == described


def test_every_error_code_is_explained() -> None:
    # The API's errors carry its own codes; a foreign run is met only while cancelling, and said in the log.
    codes = {error.code for error in errors() if not issubclass(error, ApiError | ForeignRunError)}
    codes |= set(re.findall(r'"([A-Z]+_?[A-Z]+)"', OUTCOMES))
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
