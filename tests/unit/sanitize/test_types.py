"""Text from outside cannot be printed by mistake: it does not type-check, and it raises."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from mogplex_ci.models import Untrusted
from tests.program import ROOT

# Each line that must not type-check says with which error.
BAD = """
import sys
from collections.abc import Mapping
from mogplex_ci.models import Event, Untrusted
from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.sanitize import SafeText, Sanitizer

def careless(platform: Platform, event: Event, safe: Sanitizer, data: Mapping[str, object]) -> None:
    title = safe.line("Agent")
    platform.line(event.message)  # arg-type
    platform.line(event.payload)  # arg-type
    platform.line("Agent says")  # arg-type
    platform.line(f"Agent says {title}")  # arg-type
    platform.line(title + " and more")  # arg-type
    platform.line(title.upper())  # arg-type
    platform.line(safe.clean(event.type))  # arg-type
    platform.line(data["message"])  # arg-type
    platform.open_group(event.type)  # arg-type
    platform.debug(str(42))  # arg-type
    platform.annotate(Level.ERROR, title, "raw")  # arg-type
    platform.annotate(Level.ERROR, event.type, title)  # arg-type
    platform.annotate(Level.ERROR, title, title, file="a.py")  # arg-type
    platform.set_outputs({"branch": "main"})  # dict-item
    platform.set_outputs({"branch": event.payload})  # dict-item
    platform.write_summary(event.payload)  # arg-type
    platform.write_summary(f"Run {title}")  # arg-type
    sys.stdout.write(event.payload)  # arg-type
    event.payload + "text"  # operator

def careful(platform: Platform, event: Event, safe: Sanitizer) -> None:
    platform.line(safe.line("Agent: {}", event.type))
    for line in safe.block(event.payload):
        platform.line(line)
    platform.annotate(Level.ERROR, safe.line("Agent"), safe.line("It says {}", event.type))
    platform.set_outputs({"branch": safe.branch(event.payload.at("working_branch"))})
"""


def test_printing_raw_text_does_not_type_check(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(BAD)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path / "cache", snippet],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {}
    for line in checked.stdout.splitlines():
        if "error:" in line and line.startswith(str(snippet)):
            found[int(line.split(":")[1])] = line.rsplit("[", 1)[-1].rstrip("]")
    expected = {number: line.rsplit("# ", 1)[1] for number, line in enumerate(BAD.splitlines(), 1) if "  # " in line}
    assert found == expected, checked.stdout + checked.stderr


@pytest.mark.parametrize("show", [str, "{}".format, lambda value: f"{value}", "{!s}".format, print])
def test_untrusted_text_refuses_to_become_text(show: object) -> None:
    assert callable(show)
    with pytest.raises(TypeError, match="sanitize"):
        show(Untrusted("::error::x"))
    assert "error" not in repr(Untrusted("::error::x"))


def test_the_package_that_sanitizes_is_the_only_door() -> None:
    """Nothing else makes safe text, or opens what is untrusted."""
    made = {"SafeText", "CleanText", "Markdown"}
    offenders = []
    for path in sorted((ROOT / "mogplex_ci").rglob("*.py")):
        name = path.relative_to(ROOT / "mogplex_ci").as_posix()
        if name.startswith(("sanitize/", "emulator/")) or name == "models.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in made:
                offenders.append(f"{name}:{node.lineno} makes {ast.unparse(node.func)}")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("cast") and "Text" in ast.unparse(node):
                offenders.append(f"{name}:{node.lineno} casts to it")
            if isinstance(node, ast.Attribute) and node.attr == "_value" and ast.unparse(node.value) != "self":
                offenders.append(f"{name}:{node.lineno} opens {ast.unparse(node.value)}")
    assert offenders == []
