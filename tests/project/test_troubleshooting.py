"""Troubleshooting has every exit code, error code, message of a step and title of a warning, and quotes no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from mogplex_ci.errors import ApiError, MogplexError
from mogplex_ci.gates.table import _FOR_ALL, BRANCH, GATES
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


RAISERS = {error.__name__ for error in errors()} - {"UsageError"} | {"malformed", "_set_up_wrongly"}
REASONS = re.compile("(the event|the run|the service|this job) ")
"""How functions begin that return why a step ended, or was not started."""


def written(node: ast.expr | None) -> Iterator[str]:
    """Yield the texts that an expression may be, as the page writes them: with … for what is filled in."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.JoinedStr():
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        case ast.IfExp():
            yield from [*written(node.body), *written(node.orelse)]


def messages(tree: ast.Module) -> Iterator[str]:
    """Yield the causes of errors and results, and the titles of warnings, that are written in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *others]):
                if name in RAISERS:
                    yield from written(first)
                if name == "RunResult":
                    yield from (text for argument in others[1:2] for text in written(argument))
                if name in ("warn", "_warn", "_warn_of_file"):
                    yield from (f"| {title} |" for title in written(first))
            case ast.Assign(targets=[ast.Name(id="cause")], value=value):
                yield from written(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                causes = [value for name, value in zip(names, values, strict=False) if ast.unparse(name) == "cause"]
                yield from (text for value in causes for text in written(value))
            case ast.Return(value=ast.Tuple(elts=[value, *_]) | value) if value is not None:
                yield from filter(REASONS.match, written(value))
            case ast.AnnAssign(target=ast.Name(id="_REFUSALS"), value=ast.Dict(values=rows)):
                yield from (text for row in rows if isinstance(row, ast.Tuple) for text in written(row.elts[2]))


MESSAGES = {
    message: str(path.relative_to(ROOT))
    for part in ("api", "gates", "platforms", "report", "run", "step", "errors.py", "github_api.py")
    for path in sorted((ROOT / "mogplex_ci").glob(part if part.endswith(".py") else f"{part}/**/*.py"))
    for message in messages(ast.parse(path.read_text()))
} | {
    outcome.found.partition(":")[0].replace("{number}", "…"): "gates/table.py"
    for outcomes in (_FOR_ALL, *(gate.outcomes for gate in (*GATES, BRANCH)))
    for outcome in outcomes.values()
    if outcome.remedy
}


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_of_a_step_is_explained(message: str) -> None:
    is_there = message.casefold() in " ".join(PAGE.split()).casefold()
    assert is_there, f"explain the message of {MESSAGES[message]} in docs/troubleshooting.md: {message}"


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_one_of_the_program(message: str) -> None:
    program = "\n".join(texts("*.py", "[!e]*/*.py")).casefold()
    assert [part for part in message.split("…") if part.strip().casefold() not in program] == []


def test_the_mistakes_that_are_shown_are_tested() -> None:
    mistakes = yaml.safe_load((ROOT / "tests" / "e2e" / "mistakes.yaml").read_text())
    said = {message for mistake in mistakes for message in mistake.get("says", [])}
    assert set(SHOWN.code.splitlines()) - said == set()
