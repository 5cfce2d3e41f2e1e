"""Troubleshooting has every exit code, error code, message and title of a warning, and quotes no others.

Of a wrong input, which says itself what to write, the page has the words with which the fault begins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
import yaml

from mogplex_ci.errors import ApiError, MogplexError
from mogplex_ci.gates.table import BRANCH, GATES, UNKNOWN
from mogplex_ci.inputs.declared import load_schema
from tests.documents import claim
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED = sorted(set(re.findall('"([^"]+)"', re.sub("```.*?```", "", " ".join(PAGE.split())))))
FAULTS_BEGIN = re.findall('"([^"]+)"', PAGE.partition("| the fault begins with")[2].partition("\n\n")[0])
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


def text_of(node: ast.expr) -> str:
    """Return the text that an expression makes, as the page writes it: with … for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text.replace("{}", "…")
        case ast.JoinedStr():
            return "".join(map(text_of, node.values))
        case ast.BinOp(op=ast.Add()):
            return text_of(node.left) + text_of(node.right)
    return "…"


def written(node: ast.expr | None) -> Iterator[str]:
    """Yield the texts that an expression may be."""
    if isinstance(node, ast.IfExp):
        yield from [*written(node.body), *written(node.orelse)]
    elif node is not None and (text := text_of(node)).strip("…"):
        yield text


def printed(tree: ast.Module) -> Iterator[str]:
    """Yield the warnings and errors that a command prints."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="warn" | "fail"), args=[text, *_]):
                yield from written(text)
            case ast.Assign(targets=[ast.Name(id="place")], value=ast.BoolOp(values=[*_, text])):
                yield text_of(text)
            case ast.AnnAssign(target=ast.Name(id="why"), value=text):
                yield from written(text)
            case ast.Call(func=ast.Attribute(attr="sentence"), args=[ast.Constant(value="Could not cancel ")]):
                yield "Could not cancel …"


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
            case ast.AnnAssign(target=ast.Name(id="_REFUSALS"), value=ast.Dict() as table):
                rows = (row for row in ast.walk(table) if isinstance(row, ast.Tuple))
                yield from (text for row in rows for text in written(row.elts[-1]))


def faults(tree: ast.Module) -> Iterator[str]:
    """Yield what is said of wrong inputs and arguments in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Problem" | "_problem"), args=[_, fault, *_]):
                yield from written(fault)
            case (
                ast.Assign(targets=[ast.Name(id="fault")], value=fault)
                | ast.AnnAssign(target=ast.Name(id="fault"), value=fault)
            ):
                yield from written(fault)


def modules(*parts: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield path and tree of each module of parts of the program."""
    for part in parts:
        for path in sorted((ROOT / "mogplex_ci").glob(part if part.endswith(".py") else f"{part}/**/*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


STEP = ("api", "gates", "platforms", "report", "run", "step", "errors.py", "github_api.py")
MESSAGES = {message: path for path, tree in modules(*STEP) for message in messages(tree)} | {
    outcome.found.partition(":")[0].replace("{number}", "…"): "gates/table.py"
    for outcome in (UNKNOWN, *(outcome for gate in (*GATES, BRANCH) for outcome in gate.outcomes.values()))
    if outcome.remedy
}
OF_COMMANDS = {message: path for path, tree in modules("commands") for message in printed(tree)}
FAULTS = {
    fault: path
    for path, tree in modules(*STEP, "commands", "inputs", "*.py")
    for fault in faults(tree)
    if not fault.startswith("…:")
} | {
    fault: "schemas/inputs.schema.json"
    for kind in load_schema("inputs")["$defs"].values()
    for fault in (*filter(None, [kind.get("x-fault")]), *kind.get("x-refused", {}).values())
}

CHECKS = {
    str(first.value)
    for _, tree in modules("commands/doctor.py")
    for call in ast.walk(tree)
    if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Finding", "_of_problem", "_failures")
    for first in call.args[:1]
    if isinstance(first, ast.Constant)
}


@pytest.mark.parametrize("message", MESSAGES | OF_COMMANDS)
def test_every_message_is_explained(message: str) -> None:
    """By a row that quotes it as it stands, or with … in place of some words."""
    title = message.startswith("| ")
    is_there = message in PAGE if title else any(covers(quoted, message) for quoted in QUOTED)
    place = (MESSAGES | OF_COMMANDS)[message]
    assert is_there, f"explain the message of {place} in docs/troubleshooting.md: {message}"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_an_input_begins_with_words_of_the_table(fault: str) -> None:
    begins = any(re.match(rf"(… )?{re.escape(words)}\b", fault) for words in FAULTS_BEGIN)
    assert begins, f"the table of faults in docs/troubleshooting.md lacks this one of {FAULTS[fault]}: {fault}"


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_every_check_of_doctor_is_in_the_table(check: str) -> None:
    assert re.search(rf"^\|.* a check of .*`{check}`", PAGE, re.MULTILINE)


def covers(quoted: str, message: str) -> bool:
    """Whether a quotation is of this message; its … stand for any words."""
    pattern = ".*".join(re.escape(part) for part in quoted.casefold().split("…"))
    return re.fullmatch(pattern, message.casefold()) is not None and len(quoted.replace("…", "")) >= len("preview:")


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_one_of_the_program(message: str) -> None:
    program = "\n".join([*texts("*.py", "[!e]*/*.py"), *FAULTS]).casefold()
    assert [part for part in message.split("…") if part.strip().casefold() not in program] == []


def test_the_mistakes_that_are_shown_are_tested() -> None:
    mistakes = yaml.safe_load((ROOT / "tests" / "e2e" / "mistakes.yaml").read_text())
    said = {message for mistake in mistakes for message in mistake.get("says", [])}
    assert set(SHOWN.code.splitlines()) - said == set()
