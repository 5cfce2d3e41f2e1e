"""Troubleshooting has every exit code and error code, and quotes messages that the program has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from mogplex_ci.errors import ApiError, MogplexError
from tests.documents import claim
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED = sorted(set(re.findall(r'(?:\*\*|\| |with )"([^"]+)"', PAGE.replace("\n", " "))))
SHOWN = claim("docs/troubleshooting.md", 'timeout: "3x"')
NO_CODES = {"ERROR", "GET", "NFC", "PATCH", "POST", "PYTHONPATH", "SYSTEMROOT"}
"""Words in upper case that no step ends with: the base class's code, methods of HTTP, variables."""


def errors(kind: type[MogplexError] = MogplexError) -> Iterator[type[MogplexError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors(child)


@cache
def texts(*modules: str) -> tuple[str, ...]:
    """Return the strings that are written in modules of the program, as far as they are constant."""
    paths = [path for pattern in modules for path in (ROOT / "mogplex_ci").glob(pattern)]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    return tuple(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_every_exit_code_has_a_section() -> None:
    titles = re.findall(r"^## (Exit .*)", PAGE, re.MULTILINE)
    described = {int(code) for title in titles for code in re.findall(r"\d+", title)}
    assert {error.exit_code for error in errors()} | {0, 129, 130, 131, 143} == described


def test_every_error_code_is_explained() -> None:
    codes = {error.code for error in errors() if not issubclass(error, ApiError)}
    written = texts("run/result.py", "run/one.py", "api/client.py", "errors.py", "gates/*.py", "github_api.py")
    codes |= {text for text in written if re.fullmatch("[A-Z]{3,}(_[A-Z]+)*", text)}
    explained = set(re.findall("`([A-Z_]+)`", PAGE))
    assert {code for code in codes - NO_CODES if code not in explained} == set()


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_one_of_the_program(message: str) -> None:
    program = "\n".join(texts("*.py", "[!e]*/*.py")).casefold()
    assert [part for part in message.split("…") if part.strip().casefold() not in program] == []


def test_the_mistakes_that_are_shown_are_tested() -> None:
    mistakes = yaml.safe_load((ROOT / "tests" / "e2e" / "mistakes.yaml").read_text())
    said = {message for mistake in mistakes for message in mistake.get("says", [])}
    assert set(SHOWN.code.splitlines()) - said == set()
