"""Code that prints text from outside by mistake does not type-check."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.program import ROOT

# Each line that must not type-check says so: "both" checkers refuse it, or "pyright" alone, for to mypy a LiteralString
# is any str.
BAD = """
import sys
from collections.abc import Mapping
from mogplex_ci.models import Event
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, count

def careless(platform: Platform, event: Event, safe: Sanitizer, data: Mapping[str, object]) -> None:
    title = safe.line("Agent")
    platform.line(event.message)  # both
    platform.line(event.data)  # both
    platform.line("Agent says")  # both
    platform.line(f"Agent says {title}")  # both
    platform.line(title + " and more")  # both
    platform.line(title.upper())  # both
    platform.line(title[1:])  # both
    platform.line(safe.clean(event.type))  # both
    platform.line(safe.markdown(event.type))  # both
    platform.line(data["message"])  # both
    platform.fold(event.type, [])  # both
    platform.debug(str(42))  # both
    platform.annotate(Level.ERROR, title, "raw")  # both
    platform.annotate(Level.ERROR, event.type, title)  # both
    platform.annotate(Level.ERROR, title, title, Place("a.py", 1))  # both
    platform.set_outputs({"branch": "main"})  # both
    platform.set_outputs({"branch": event.data})  # both
    sys.stdout.write(event.data)  # both
    event.data + "text"  # both

def summary(platform: Platform, event: Event, safe: Sanitizer, raw: str) -> None:
    platform.write_summary(event.data)  # both
    platform.write_summary(raw)  # both
    platform.write_summary(f"{Markdown.of('x')}")  # both
    Markdown.of(raw)  # pyright
    Markdown.of(f"{raw} {{}}", 1)  # pyright
    Markdown.of("{}", raw)  # both
    Markdown.of("{}", safe.clean(event.type))  # both
    Markdown.of("{}", event.type)  # both
    Markdown.joined("", [raw])  # both
    Markdown.joined(raw, [])  # pyright
    Markdown.code(raw)  # both
    safe.fence(event.type, language=raw)  # pyright

def templates(safe: Sanitizer, event: Event, raw: str, words: dict[str, str]) -> None:
    safe.line(raw)  # pyright
    safe.line("Agent " + raw + "{}", event.type)  # pyright
    safe.line(f"Agent {raw}")  # pyright
    safe.line(words["agent"])  # pyright
    safe.sentence(raw)  # pyright
    safe.sentence("Agent: ", raw)  # pyright
    safe.sentence("Agent: ", f"{raw}")  # pyright
    safe.sentence("Agent: ", words)  # both
    count(3, raw)  # pyright

def constructors(raw: str, title: SafeText) -> None:
    SafeText(raw)  # both
    CleanText("text")  # both
    Markdown(raw)  # both
    Renamed = SafeText
    Renamed(raw)  # both
    make = type(title)
    make(raw)  # both
    SafeText()  # both

def careful(platform: Platform, event: Event, safe: Sanitizer, level: Level, is_new: bool) -> None:
    platform.line(safe.line("Agent: {}", event.type))
    platform.line(safe.sentence("new" if is_new else "old", ": ", event.type, event.message, 3, level.value))
    platform.line(safe.message(event.type))
    for line in safe.block(event.data):
        platform.line(line)
    platform.annotate(Level.ERROR, safe.line("Agent"), safe.line("It says {}", event.type))
    platform.set_outputs({"branch": safe.branch(event.data.at("working_branch"))})
    table = Markdown.of("| {} | {} |", safe.markdown(event.type), count(3, "event"))
    platform.write_summary(Markdown.joined("\\n", [table, safe.fence(event.data)]))
"""


def _snippet(folder: Path) -> tuple[Path, dict[int, str]]:
    """Write the careless code, and return which of its lines must not type-check."""
    path = folder / "snippet.py"
    path.write_text(BAD, encoding="utf-8")
    return path, {n: line.rsplit("# ", 1)[1] for n, line in enumerate(BAD.splitlines(), 1) if "  # " in line}


def test_careless_code_does_not_type_check_with_mypy(tmp_path: Path) -> None:
    path, marked = _snippet(tmp_path)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(tmp_path / "cache"),
        str(path),
    ]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = {
        int(line.split(":")[1])
        for line in checked.stdout.splitlines()
        if "error:" in line and line.startswith(str(path))
    }
    assert found == {number for number, who in marked.items() if who == "both"}, checked.stdout + checked.stderr


def test_careless_code_does_not_type_check_with_pyright(tmp_path: Path) -> None:
    path, marked = _snippet(tmp_path)
    settings = tmp_path / "pyrightconfig.json"
    settings.write_text(json.dumps({"include": [str(path)], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(settings)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(checked.stdout)
    found = {
        error["range"]["start"]["line"] + 1 for error in report["generalDiagnostics"] if error["severity"] == "error"
    }
    assert found == set(marked), report


def test_the_package_that_sanitizes_is_the_only_door() -> None:
    """Nothing else makes safe text, or opens what is untrusted."""
    made = {"SafeText", "CleanText", "Markdown"}
    offenders = []
    for path in sorted((ROOT / "mogplex_ci").rglob("*.py")):
        name = path.relative_to(ROOT / "mogplex_ci").as_posix()
        if name.startswith(("sanitize/", "emulator/")) or name == "untrusted.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in made:
                offenders.append(f"{name}:{node.lineno} makes {ast.unparse(node.func)}")
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("cast")
                and made & set(re.findall(r"\w+", ast.unparse(node)))
            ):
                offenders.append(f"{name}:{node.lineno} casts to it")
            if isinstance(node, ast.Attribute) and node.attr == "_value" and ast.unparse(node.value) != "self":
                offenders.append(f"{name}:{node.lineno} opens {ast.unparse(node.value)}")
    assert offenders == []
