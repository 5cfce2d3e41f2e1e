"""Code that prints text from outside by mistake: no line that says `ignore` type-checks, and all
others do.

`make types` refuses a comment that ignores nothing. To mypy a `LiteralString` is any `str`: some
lines only pyright refuses.
"""

# pyright: standard, reportUnnecessaryTypeIgnoreComment=true
# ruff: noqa

import sys
from mogplex_ci.models import Event
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, count

__all__ = ["careful", "careless", "constructors", "summary", "templates"]


def careless(platform: Platform, event: Event, safe: Sanitizer) -> None:
    title = safe.line("Agent")
    platform.line(event.message)  # type: ignore[arg-type]
    platform.line(event.data)  # type: ignore[arg-type]
    platform.line(title + " and more")  # type: ignore[arg-type]
    platform.line(safe.clean(event.type))  # type: ignore[arg-type]
    platform.line(Markdown.code(safe.clean(event.type)))  # type: ignore[arg-type]
    platform.fold(event.type, [])  # type: ignore[arg-type]
    platform.annotate(Level.ERROR, title, "raw")  # type: ignore[arg-type]
    platform.set_outputs({"branch": "main"})  # type: ignore[dict-item]
    sys.stdout.write(event.data)  # type: ignore[arg-type]
    event.data + "text"  # type: ignore[operator]


def summary(platform: Platform, event: Event, safe: Sanitizer, raw: str) -> None:
    platform.write_summary(event.data)  # type: ignore[arg-type]
    Markdown.of(raw)  # pyright: ignore
    Markdown.of(f"{raw} {{}}", 1)  # pyright: ignore
    Markdown.of("{}", safe.clean(event.type))  # type: ignore[arg-type]
    Markdown.joined("", [raw])  # type: ignore[list-item]
    Markdown.joined(raw, [])  # pyright: ignore
    Markdown.code(raw)  # type: ignore[arg-type]
    safe.fence(event.type, language=raw)  # pyright: ignore


def templates(safe: Sanitizer, event: Event, raw: str) -> None:
    safe.line(raw)  # pyright: ignore
    safe.line("Agent " + raw + "{}", event.type)  # pyright: ignore
    safe.sentence(raw)  # pyright: ignore
    safe.sentence("Agent: ", raw)  # pyright: ignore
    count(3, raw)  # pyright: ignore


def constructors(raw: str, title: SafeText) -> None:
    SafeText(raw)  # type: ignore[arg-type]
    CleanText("text")  # type: ignore[arg-type]
    Markdown(raw)  # type: ignore[arg-type]
    make = type(title)
    make(raw)  # type: ignore[arg-type]


def careful(platform: Platform, event: Event, safe: Sanitizer, level: Level, is_new: bool) -> None:
    platform.line(safe.line("Agent: {}", event.type))
    platform.line(
        safe.sentence("new" if is_new else "old", ": ", event.type, event.message, 3, level.value)
    )
    platform.line(safe.message(event.type))
    for line in safe.block(event.data):
        platform.line(line)
    platform.annotate(Level.ERROR, safe.line("Agent"), safe.line("It says {}", event.type))
    platform.set_outputs({"branch": safe.branch(event.data.at("working_branch"))})
    table = Markdown.of("| {} | {} |", Markdown.code(safe.clean(event.type)), count(3, "event"))
    platform.write_summary(Markdown.joined("\n", [table, safe.fence(event.data)]))
