"""Lines of the log, put together from words of ours and text of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import CleanText

if TYPE_CHECKING:
    from mogplex_ci.errors import Problem
    from mogplex_ci.sanitize import SafeText, Sanitizer


NAME_LIMIT: Final = 60
"""Characters of a tool's name where there is little room."""
Part: TypeAlias = str | Untrusted | None
"""A plain ``str`` is our words, ``Untrusted`` and ``CleanText`` are text of others; None is left out."""


def sentence(sanitizer: Sanitizer, *parts: Part) -> SafeText:
    """Return one line of ``parts``. The first one is ours, and begins with a visible character."""
    template = ""
    values: list[Untrusted | CleanText] = []
    for part in parts:
        if isinstance(part, Untrusted | CleanText):
            template += "{}"
            values.append(part)
        elif part is not None:
            template += part.replace("{", "{{").replace("}", "}}")
    return sanitizer.line(template, *values) if values else sanitizer.line(template.format())


def listed(separator: str, *parts: Part) -> list[Part]:
    """Return the parts that are there, with ``separator`` between them."""
    pieces: list[Part] = [piece for part in parts if part for piece in (separator, part)]
    return pieces[1:]


def because(sanitizer: Sanitizer, cause: str, detail: Untrusted | None) -> SafeText:
    """Return why something went wrong: our words, and what others wrote about it."""
    return sentence(sanitizer, *listed(": ", cause[:1].upper() + cause[1:], detail))


def problem(sanitizer: Sanitizer, fault: Problem) -> SafeText:
    """Return what is wrong with an input, and what to do about it."""
    template, values = fault.line()
    return sanitizer.line("Input " + template, *values)


def count(number: int, noun: str) -> str:
    """Return ``1 event``, ``2 events``, ``1,200 events``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
