"""Text from outside cannot be printed by mistake: it does not type-check, and it raises."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, clock, count, duration, timestamp
from tests.program import ROOT

# Each line that must not type-check says so: "both" checkers refuse it, or "pyright" alone, for to mypy a LiteralString
# is any str.
BAD = """
import sys
from collections.abc import Mapping
from mogplex_ci.models import Event, Untrusted
from mogplex_ci.platforms.base import Level, Platform
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
    platform.open_group(event.type)  # both
    platform.debug(str(42))  # both
    platform.annotate(Level.ERROR, title, "raw")  # both
    platform.annotate(Level.ERROR, event.type, title)  # both
    platform.annotate(Level.ERROR, title, title, file="a.py")  # both
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


@pytest.mark.parametrize("made", [SafeText, CleanText, Markdown, type(Sanitizer().line("x"))])
def test_safe_text_cannot_be_made_by_a_call(made: Callable[[str], str]) -> None:
    with pytest.raises(TypeError, match=r"only mogplex_ci\.sanitize makes"):
        made("::error::x")


def test_safe_text_survives_a_copy() -> None:
    """Dataclasses that hold it are copied and turned into dictionaries."""
    text = Sanitizer().line("text")
    assert copy.deepcopy({"a": text}) == {"a": text}
    assert type(copy.copy(text)) is SafeText


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


def test_a_sentence_begins_with_a_word_of_ours() -> None:
    safe = Sanitizer()
    assert safe.sentence(None, "Agent: ", Untrusted("a\nb"), None, " (", 3, ")") == "Agent: a b (3)"
    assert safe.sentence(safe.line("Run {}", "r-1"), ": ", safe.clean("a\nb")) == "Run r-1: a b"
    for parts in ((), (None,), (Untrusted("x"),), (safe.clean("x"), " y"), (3, " y"), ("::", "error::"), (" x",)):
        with pytest.raises(ValueError, match="character of ours"):
            safe.sentence(*parts)


def test_a_message_begins_with_a_letter_or_behind_the_prefix() -> None:
    safe = Sanitizer()
    assert safe.message("the API failed\nagain") == "the API failed again"
    assert safe.message("::error::x") == "│\xa0::error::x"
    assert safe.message(Untrusted(" --- x")) == "│\xa0 --- x"


def test_markdown_is_put_together_from_literals_and_escaped_text() -> None:
    safe = Sanitizer()
    row = Markdown.of("| {} | {} | {:02} |", safe.markdown("a|b"), safe.line("c|[d](e) {}", "@f"), 7)
    assert row == "| <code>a&#124;b</code> | c&#124;&#91;d&#93;&#40;e&#41; &#64;<wbr>f | 07 |"
    assert Markdown.joined("\n", [row, Markdown.of("{}")]) == f"{row}\n{{}}"
    assert (
        safe.link("https://mogplex.com/a_b")
        == "[<code>https&#58;//mogplex&#46;com/a&#95;b</code>](https://mogplex.com/a_b)"
    )
    assert safe.link("https://mogplex.com/a", Markdown.of("here")) == "[here](https://mogplex.com/a)"
    assert safe.link("javascript:alert(1)") is None
    assert safe.fence("a ```` b", language="sh") == "`````sh\na ```` b\n`````"
    assert safe.diagram_label("a;b:c `#d`") == "a b c  d"


def test_numbers_are_safe_text() -> None:
    assert [duration(185.4), clock(3723), count(1, "event"), count(1200, "event")] == [
        "3m 05s",
        "1:02:03",
        "1 event",
        "1,200 events",
    ]
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)) == "2026-01-02T03:04:05.678Z"
    assert timestamp(None) == "unknown"
    assert Sanitizer().clean("ab").padded(4) == "ab  "
    assert type(Sanitizer().line("ab").padded(4)) is SafeText
