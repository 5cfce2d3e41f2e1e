"""Markdown that shows text and nothing else, for job summaries."""

from __future__ import annotations

import re

from mogplex_ci.sanitize.patterns import compiled
from mogplex_ci.sanitize.text import CleanText, Markdown

_MARKUP = r"[!-,.:;<-@\[-`{-~]"
"""ASCII punctuation but ``-`` and ``/``, which mean nothing inside a line."""


def inline(text: str) -> Markdown:
    """Return ``text`` as inline code that may stand anywhere in markdown, in a table's cell and in HTML too.

    Markup is written as character references, which markdown never takes for markup; the ``code`` element keeps
    GitHub's second pass from making links of mentions, issue numbers and commits. Mail addresses are read after the
    references: a ``wbr``, which is nothing but a chance to break the line, keeps their two halves apart.
    """
    return Markdown(f"<code>{compiled(_MARKUP).sub(_reference, text)}</code>")


def fence(text: CleanText) -> Markdown:
    """Return ``text`` as a fenced block that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    bar = "`" * max(3, longest + 1)
    return Markdown(f"{bar}text\n{text}\n{bar}")


def _reference(match: re.Match[str]) -> str:
    return "&#64;<wbr>" if match[0] == "@" else f"&#{ord(match[0])};"
