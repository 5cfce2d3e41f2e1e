"""Troubleshooting has a row with an anchor for each error code, and no other, and each title of a
warning.

Messages are not quoted there: each says itself what happened and what to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from mogplex_ci.errors import ERROR_CODES, ApiError, MogplexError
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r'^\| <a id="([a-z_]+)"></a>`([A-Z_]+)` \| ([\d, ]+) \| .+ \|$', PAGE, re.MULTILINE
)
"""Anchor, code and exit codes of each row."""
SENDERS = ("run/*.py", "api/client.py", "errors.py", "gates/*.py", "github_api/client.py")
"""Modules that write codes."""
NO_CODES = {"ERROR", "GET", "HEAD", "PATCH", "POST"}
"""Words in upper case that no step ends with: the base class's code, methods of HTTP, HEAD."""


def errors(kind: type[MogplexError] = MogplexError) -> Iterator[type[MogplexError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors(child)


def nodes(*patterns: str) -> Iterator[ast.AST]:
    """Yield everything that is written in modules of the program."""
    for pattern in patterns:
        for path in sorted(Path(ROOT, "mogplex_ci").glob(pattern)):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_each_error_code_has_one_row_with_its_anchor() -> None:
    rows = [code for _, code, _ in ROWS]
    assert set(ERROR_CODES) - set(rows) == set(), (
        "give each a row in docs/troubleshooting.md, with its anchor and exit code"
    )
    assert set(rows) - set(ERROR_CODES) == set(), (
        "add each to ERROR_CODES in mogplex_ci/errors.py, or remove its row"
    )
    assert rows == sorted(rows), "the rows of docs/troubleshooting.md are in alphabetical order"
    assert [anchor for anchor, _, _ in ROWS] == [code.lower() for code in rows]


def test_each_row_says_what_happened_why_what_to_do_and_how_to_prevent_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| <a id")]
    assert len(rows) == len(ROWS)
    assert [row for row in rows if not all(map(str.strip, row[1:-1].split("|")))] == []


def test_every_code_that_is_written_is_declared() -> None:
    written = {
        node.value
        for node in nodes(*SENDERS)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    codes = {text for text in written if re.fullmatch("[A-Z]{3,}|[A-Z]{2,}(_[A-Z]+)+", text)}
    codes |= {error.code for error in errors() if not issubclass(error, ApiError)}
    assert codes - NO_CODES - ERROR_CODES == set(), (
        "add each to ERROR_CODES in mogplex_ci/errors.py, with its row in docs/troubleshooting.md"
    )


def test_a_row_has_the_exit_code_of_its_error() -> None:
    told = {code: {int(number) for number in exits.split(", ")} for _, code, exits in ROWS}
    for error in errors():
        if error.code in told:
            assert error.exit_code in told[error.code], error


def test_every_title_of_a_warning_is_in_the_list() -> None:
    titles = {
        node.args[0].value
        for node in nodes(
            "report/*.py", "step/*.py", "platforms/*.py", "commands/*.py", "gates/*.py"
        )
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in ("warn", "_warn", "_warn_of_file")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch("[A-Z][a-z ]+", node.args[0].value)
    }
    headings = re.findall(r"^- \*\*(.+?)\*\*:", PAGE.partition("## Warnings")[2], re.MULTILINE)
    listed = {title for heading in headings for title in heading.split(", ")}
    assert len(titles) > 10
    assert sorted(titles - listed) == []
