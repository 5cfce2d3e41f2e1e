"""Print the size of the client, and which of its files see one event and the prompt.

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
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

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
_DEPTH: Final = 5
"""How deep in lists, objects and fields a text is looked for."""
_NOT_CODE: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
)


@dataclass(frozen=True, slots=True)
class Structure:
    """What there is to read."""

    files: int
    lines: int
    """All of them, also blank ones, comments and docstrings."""
    code: int
    """Lines that hold code."""
    event: tuple[str, ...]
    """Files that see one event, from the body of the HTTP answer to the line in GitHub's log."""
    prompt: tuple[str, ...]
    """Files that see the prompt, from the input to the body of the start request; not those that show it in the log."""


def structure() -> Structure:
    """Read the package, and trace two dry runs."""
    files = list(_client_files())
    texts = [file.read_text(encoding="utf-8") for file in files]
    return Structure(
        files=len(files),
        lines=sum(len(text.splitlines()) for text in texts),
        code=sum(map(_lines_of_code, texts)),
        event=_files_that_see("{{ mark }}", prompt="Fix it"),
        prompt=tuple(
            file
            for file in _files_that_see("Message", prompt=_MARK)
            if not file.startswith(("platforms/", "report/", "sanitize/"))
        ),
    )


def _client_files() -> Iterator[Path]:
    return (file for file in sorted(PACKAGE.rglob("*.py")) if EMULATOR not in file.parents)


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
    for text, files in (("An event", found.event), ("The prompt", found.prompt)):
        print(f"\n{text} is seen by {len(files)} files:", *files, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
