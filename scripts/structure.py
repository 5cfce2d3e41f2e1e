"""Print the size of the client, what in it is beyond the limits, and which files see one event and the prompt.

python -m scripts.structure

The client is `mogplex_ci/` without the emulator. Which files see a text is found by tracing a step: a file counts when
one of its functions is given a value that holds the text. Returning what another function returned, as a retry does for
any call, is not counted.
"""

from __future__ import annotations

import ast
import dataclasses
import io
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from mogplex_ci.cli import main as run_action
from mogplex_ci.emulator import Emulator
from mogplex_ci.untrusted import Untrusted

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "mogplex_ci"
EMULATOR: Final = PACKAGE / "emulator"
_MARK: Final = "Trace7f3a91"
"""A word that nothing else holds."""
_SCENARIO: Final = """\
variables:
  mark: [Trace, 7f3a91]
steps:
  - status: streaming
  - {{after: 500ms, event: log, message: "{message}"}}
  - {{after: 500ms, event: finished}}
  - status: success
"""
"""The mark is in two parts, so that whatever reads the scenario does not count."""
LONGEST_FUNCTION: Final = 60
"""Lines, with its signature and docstring."""
MOST_ATTRIBUTES: Final = 15
MOST_PARAMETERS: Final = 7
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEPTH: Final = 5
"""How deep in lists, objects and fields a text is looked for."""
_NOT_CODE: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
)


@dataclass(frozen=True, slots=True)
class Structure:
    """The size of the client, and the findings."""

    files: int
    lines: int
    """All of them, also blank ones, comments and docstrings."""
    code: int
    """Lines that hold code."""
    long_functions: dict[str, int]
    """Functions of more than 60 lines, and how many they have."""
    large_classes: dict[str, int]
    """Classes with more than 15 attributes that their methods set, and how many these are."""
    many_parameters: dict[str, int]
    """Functions with more than seven parameters, and how many they have."""
    same_names: tuple[str, ...]
    """Names that several files have, or several modules give to classes and constants of their own."""
    event: tuple[str, ...]
    """Files that see one event, from the body of the HTTP answer to the line in GitHub's log."""
    prompt: tuple[str, ...]
    """Files that see the prompt, from the input to the body of the start request; not those that show it in the log."""


def structure() -> Structure:
    """Read the package, and trace two dry runs."""
    files = list(_client_files())
    texts = [file.read_text(encoding="utf-8") for file in files]
    trees = {file: ast.parse(text) for file, text in zip(files, texts, strict=True)}
    names = Counter(file.name for file in files if file.name != "__init__.py")
    names.update(name for tree in trees.values() for name in set(_defined(tree)))
    return Structure(
        files=len(files),
        lines=sum(len(text.splitlines()) for text in texts),
        code=sum(map(_lines_of_code, texts)),
        long_functions=_beyond(LONGEST_FUNCTION, trees, _FUNCTIONS, _length),
        large_classes=_beyond(MOST_ATTRIBUTES, trees, (ast.ClassDef,), _attributes_set),
        many_parameters=_beyond(MOST_PARAMETERS, trees, _FUNCTIONS, _parameters),
        same_names=tuple(name for name, times in names.items() if times > 1),
        event=_files_that_see("{{ mark }}", prompt="Fix it"),
        prompt=tuple(
            file
            for file in _files_that_see("Message", prompt=_MARK)
            if not file.startswith(("platforms/", "report/", "sanitize/"))
        ),
    )


def _beyond(
    most: int, trees: dict[Path, ast.Module], kinds: tuple[type[ast.AST], ...], size: Callable[[Any], int]
) -> dict[str, int]:
    """Return the definitions of these ``kinds`` whose ``size`` is more than ``most``."""
    return {
        f"{file.relative_to(PACKAGE)}:{node.name}": size(node)
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.ClassDef, *_FUNCTIONS)) and isinstance(node, kinds) and size(node) > most
    }


def _length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def _parameters(function: ast.FunctionDef) -> int:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _attributes_set(definition: ast.ClassDef) -> int:
    """Return how many attributes of ``self`` the methods assign to."""
    stored = (
        node for node in ast.walk(definition) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    )
    return len({node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"})


def _client_files() -> Iterator[Path]:
    return (file for file in sorted(PACKAGE.rglob("*.py")) if EMULATOR not in file.parents)


def _defined(module: ast.Module) -> Iterator[str]:
    """Yield the names of a module's classes and constants, but for type variables, which mean the same everywhere."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef) else []
        yield from (name for name in names if len(name) > 1 and not name.startswith("__"))


def _lines_of_code(text: str) -> int:
    """Return how many lines are neither blank nor a comment nor a docstring."""
    docstrings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {
        line
        for token in tokens
        if token.type not in _NOT_CODE and token.string
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docstrings)


def _files_that_see(message: str, *, prompt: str) -> tuple[str, ...]:
    """Return the files that see ``_MARK`` in a step on GitHub whose run has one event with ``message``."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "scenario.yaml")
        scenario.write_text(_SCENARIO.format(message=message), encoding="utf-8")
        with Emulator(scenario) as emulator:
            env = {
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_REPOSITORY": "acme/web",
                "GITHUB_WORKSPACE": folder,
                "INPUT_API-KEY": emulator.token,
                "INPUT_BASE-URL": emulator.url,
                "INPUT_PROMPT": prompt,
                "INPUT_SUMMARY": "false",
            }
            log = io.StringIO()
            with redirect_stdout(log), _traced(env) as seen:
                code = run_action([], env)
    if code != 0 or _MARK not in log.getvalue():
        raise RuntimeError(f"the step did not show the text:\n{log.getvalue()}")
    return tuple(sorted(str(file.relative_to(PACKAGE)) for file in seen))


@contextmanager
def _traced(env: dict[str, str]) -> Iterator[set[Path]]:
    """Collect the client's files that see ``_MARK``, in every thread. To pass on the whole ``env`` is not to see it."""
    client = {str(file): file for file in _client_files()}
    seen: set[Path] = set()

    def look(frame: FrameType, happened: str, _: object) -> None:
        file = client.get(frame.f_code.co_filename)
        if file is None or file in seen or happened != "call":
            return
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = (frame.f_locals.get(name) for name in names if name != "self")
        if any(value is not env and _holds(value, _DEPTH) for value in values):
            seen.add(file)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _holds(value: object, depth: int) -> bool:
    """Return whether ``value`` is or contains the mark."""
    if isinstance(value, str):
        return _MARK in value
    if isinstance(value, bytes | bytearray):
        return _MARK.encode() in value
    if depth == 0:
        return False
    return any(_holds(part, depth - 1) for part in _parts(value))


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name, None) for field in dataclasses.fields(value))
    elif isinstance(value, Untrusted):
        yield value._value


def main() -> int:
    """Print it."""
    found = structure()
    print(f"{found.files} Python files, {found.lines:,} lines, {found.code:,} of them code")
    for what, beyond in (
        (f"functions of more than {LONGEST_FUNCTION} lines", found.long_functions),
        (f"classes with more than {MOST_ATTRIBUTES} attributes that their methods set", found.large_classes),
        (f"functions with more than {MOST_PARAMETERS} parameters", found.many_parameters),
    ):
        print(f"\n{len(beyond)} {what}", *(f"{size:>4}  {name}" for name, size in beyond.items()), sep="\n")
    print("\nNames with several meanings:", ", ".join(found.same_names) or "none")
    for text, files in (("An event", found.event), ("The prompt", found.prompt)):
        print(f"\n{text} is seen by {len(files)} files:", *files, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
