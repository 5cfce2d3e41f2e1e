"""Troubleshooting has every exit code, error code, message and title of a warning, and quotes no
others.

Of a wrong input, which says itself what to write, the page has the words with which the fault
begins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from mogplex_ci.errors import ApiError, MogplexError
from mogplex_ci.gates.table import BRANCH, GATES, UNKNOWN
from mogplex_ci.inputs.declared import load_schema
from tests.documents import claim
from tests.program import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
QUOTED = sorted(set(re.findall('"([^"]+)"', re.sub("```.*?```", "", " ".join(PAGE.split())))))
FAULTS_BEGIN = re.findall(
    '"([^"]+)"', PAGE.partition("| the fault begins with")[2].partition("\n\n")[0]
)
SHOWN = claim("docs/troubleshooting.md", 'timeout: "3x"')
NO_CODES = {"ERROR", "GET", "NFC", "PATCH", "POST", "PYTHONPATH", "SYSTEMROOT"}
"""Words in upper case that no step ends with: the base class's code, methods of HTTP, variables."""


def errors(kind: type[MogplexError] = MogplexError) -> Iterator[type[MogplexError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors(child)


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def nodes(*patterns: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield everything that is written in modules of the program, with the path of its module."""
    for path in (path for pattern in patterns for path in (ROOT / "mogplex_ci").glob(pattern)):
        yield from ((path.name, node) for node in nodes_of(path))


def texts(*patterns: str) -> set[str]:
    """Return the strings that are written in modules of the program, as far as they are
    constant.
    """
    values = (node.value for _, node in nodes(*patterns) if isinstance(node, ast.Constant))
    return {value for value in values if isinstance(value, str)}


def test_every_exit_code_has_a_section() -> None:
    titles = re.findall(r"^## (Exit .*)", PAGE, re.MULTILINE)
    described = {int(code) for title in titles for code in re.findall(r"\d+", title)}
    assert {error.exit_code for error in errors()} | {0, 129, 130, 131, 143} == described


def test_every_error_code_is_explained() -> None:
    codes = {error.code for error in errors() if not issubclass(error, ApiError)}
    written = texts(
        "run/result.py", "run/one.py", "api/client.py", "errors.py", "gates/*.py", "github_api.py"
    )
    codes |= {text for text in written if re.fullmatch("[A-Z]{3,}(_[A-Z]+)*", text)}
    explained = set(re.findall("`([A-Z_]+)`", PAGE))
    assert {code for code in codes - NO_CODES if code not in explained} == set()


RAISERS = {error.__name__ for error in errors()} - {"UsageError"} | {"malformed", "_set_up_wrongly"}
REASONS = re.compile("(the event|the run|the service|this job) ")
"""How functions begin that return why a step ended, or was not started."""


def text_of(node: ast.expr) -> str:
    """Return the text that an expression makes, as the page writes it: with … for what is filled
    in.
    """
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


def printed(node: ast.AST) -> Iterator[str]:
    """Yield the warning or error that a command prints, if this node is one."""
    match node:
        case ast.Call(func=ast.Attribute(attr="warn" | "fail"), args=[text, *_]):
            yield from written(text)
        case ast.Assign(targets=[ast.Name(id="place")], value=ast.BoolOp(values=[*_, text])):
            yield text_of(text)
        case ast.AnnAssign(target=ast.Name(id="why"), value=text):
            yield from written(text)
        case ast.Call(
            func=ast.Attribute(attr="sentence"), args=[ast.Constant(value="Could not cancel ")]
        ):
            yield "Could not cancel …"


def told(node: ast.AST) -> Iterator[str]:
    """Yield the causes of errors and results, and the titles of warnings, that a node makes."""
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
            causes = [
                value
                for name, value in zip(names, values, strict=False)
                if ast.unparse(name) == "cause"
            ]
            yield from (text for value in causes for text in written(value))
        case ast.Return(value=ast.Tuple(elts=[value, *_]) | value) if value is not None:
            yield from filter(REASONS.match, written(value))
        case ast.AnnAssign(target=ast.Name(id="_REFUSALS"), value=ast.Dict() as table):
            rows = (row for row in ast.walk(table) if isinstance(row, ast.Tuple))
            yield from (text for row in rows for text in written(row.elts[-1]))


def fault_of(node: ast.AST) -> Iterator[str]:
    """Yield what a node says of a wrong input or argument."""
    match node:
        case ast.Call(func=ast.Name(id="Problem" | "_problem"), args=[_, fault, *_]):
            yield from written(fault)
        case (
            ast.Assign(targets=[ast.Name(id="fault")], value=fault)
            | ast.AnnAssign(target=ast.Name(id="fault"), value=fault)
        ):
            yield from written(fault)


PACKAGES = ("api", "gates", "platforms", "report", "run", "step")
STEP = (*(f"{name}/**/*.py" for name in PACKAGES), "errors.py", "github_api.py")


def faults() -> set[str]:
    """Return what is said of wrong inputs and arguments."""
    where = nodes(*STEP, "commands/*.py", "inputs/*.py", "*.py")
    kinds = load_schema("inputs")["$defs"].values()
    in_schema = {
        fault
        for kind in kinds
        for fault in (kind.get("x-fault"), *kind.get("x-refused", {}).values())
    }
    return {
        fault for _, node in where for fault in fault_of(node) if not fault.startswith("…:")
    } | in_schema - {None}


def test_every_message_is_explained() -> None:
    """By a row that quotes it as it stands, or with … in place of some words."""
    outcomes = [
        UNKNOWN,
        *(outcome for gate in (*GATES, BRANCH) for outcome in gate.outcomes.values()),
    ]
    messages = [
        *((path, text) for path, node in nodes(*STEP) for text in told(node)),
        *((path, text) for path, node in nodes("commands/*.py") for text in printed(node)),
        *(
            ("table.py", each.found.partition(":")[0].replace("{number}", "…"))
            for each in outcomes
            if each.remedy
        ),
    ]
    assert len(messages) > 100
    unexplained = [
        f"{path}: {text}"
        for path, text in messages
        if not (
            text in PAGE
            if text.startswith("| ")
            else any(covers(quoted, text) for quoted in QUOTED)
        )
    ]
    assert unexplained == [], "explain these in docs/troubleshooting.md"


def test_every_fault_of_an_input_begins_with_words_of_the_table() -> None:
    begin = re.compile("|".join(rf"(… )?{re.escape(words)}\b" for words in FAULTS_BEGIN))
    assert len(faults()) > 80
    assert [fault for fault in faults() if not begin.match(fault)] == []


def test_every_check_of_doctor_is_in_the_table() -> None:
    checks = {
        str(node.args[0].value)
        for _, node in nodes("commands/doctor.py")
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Finding", "_of_problem", "_failures")
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(checks) > 5
    assert [
        check
        for check in checks
        if not re.search(rf"^\|.* a check of .*`{check}`", PAGE, re.MULTILINE)
    ] == []


def covers(quoted: str, message: str) -> bool:
    """Whether a quotation is of this message; its … stand for any words."""
    pattern = ".*".join(re.escape(part) for part in quoted.casefold().split("…"))
    return re.fullmatch(pattern, message.casefold()) is not None and len(
        quoted.replace("…", "")
    ) >= len("preview:")


def test_a_quoted_message_is_one_of_the_program() -> None:
    program = "\n".join(texts("*.py", "[!e]*/*.py") | faults()).casefold()
    parts = [part for message in QUOTED for part in message.split("…")]
    assert [part for part in parts if part.strip().casefold() not in program] == []


def test_the_mistakes_that_are_shown_are_tested() -> None:
    mistakes = yaml.safe_load((ROOT / "tests" / "e2e" / "mistakes.yaml").read_text())
    said = {message for mistake in mistakes for message in mistake.get("says", [])}
    assert set(SHOWN.code.splitlines()) - said == set()
