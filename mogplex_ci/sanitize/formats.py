"""Secrets whose format sets them apart from ordinary text, and private keys.

``formats.tsv`` holds the formats, one a line, each with the page of the vendor that documents it.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Format(NamedTuple):
    """A line of ``formats.tsv``: one kind of secret, as its prefix, alphabet and length, or as an
    expression.
    """

    secret: str
    """The vendor, and its name for the secret."""
    prefix: str
    """How the secret begins; several with spaces between. It stands at the start of a word."""
    alphabet: str
    """Characters behind the prefix, as in the brackets of a regular expression."""
    length: str
    """How many of these: ``32``, or ``20+`` for 20 or more. Vendors lengthen their tokens, and logs
    cut them.
    """
    expression: str
    """Matches the text after the prefix, if one alphabet and a length are not enough. A group is
    the secret alone.

    It matches a bounded number of characters, or none that begin the prefix again: many prefixes
    take linear time.
    """
    before: str
    """How many characters of the secret stand before the prefix, at most."""
    source: str
    """The page that documents the format."""

    @property
    def prefixes(self) -> list[str]:
        """All of them."""
        return self.prefix.split()

    @property
    def pattern(self) -> str:
        """The expression of the characters behind the prefix."""
        if self.expression:
            return self.expression
        count, at_least, _ = self.length.partition("+")
        quantity = f"{{{count},}}" if at_least else rf"{{{count}}}(?!\w)"
        return rf"(?=[{self.alphabet}]{{0,60}}?{_RANDOM})[{self.alphabet}]{quantity}"


_RANDOM = r"(?:\d|[a-z][A-Z]|[A-Z][a-z]|[A-Z]{16}|[A-Za-z]{30})"
"""In every secret of an alphabet, and in few names of variables and files."""
_KEY_NAME = r"[ A-Z0-9]{0,100}PRIVATE KEY(?: BLOCK)?\s{0,4}-----"
_KEY_BEGIN = rf"-----\s{{0,4}}BEGIN{_KEY_NAME}"
_KEY_END = rf"-----\s{{0,4}}END{_KEY_NAME}"
"""RFC 7468, RFC 9580. White space may stand where a tool broke the line."""


@cache
def formats() -> tuple[Format, ...]:
    """Return the lines of ``formats.tsv``."""
    text = Path(__file__).with_name("formats.tsv").read_text(encoding="utf-8")
    _, *rows = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Format(*row.split("\t")) for row in rows)


@cache
def _by_prefix() -> tuple[tuple[str, Format], ...]:
    """Return each prefix with its format: most texts have none of them, and are asked often."""
    return tuple((prefix, format_) for format_ in formats() for prefix in format_.prefixes)


def find_formats(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places in ``text`` of secrets that have a known format, and of private keys."""
    yield from (place for _, place in matches(text))
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def matches(text: str) -> Iterator[tuple[Format, tuple[int, int]]]:
    """Yield the formats found in ``text``, with their places."""
    for prefix, format_ in _by_prefix():
        if prefix in text:
            for place in _find_format(text, prefix, format_):
                yield format_, place


def _find_format(text: str, prefix: str, format_: Format) -> Iterator[tuple[int, int]]:
    before = int(format_.before or 0)
    begin = re.escape(prefix)
    if prefix[0].isalnum() and not before:
        # Behind the prefix: an expression that begins with letters is found fast.
        begin += _starts_a_word(begin)
    for match in compiled(f"{begin}(?:{format_.pattern})").finditer(text):
        if match.lastindex:
            yield match.span(match.lastindex)
        else:
            yield _word_start(text, match.start(), before), match.end()


def _starts_a_word(prefix: str) -> str:
    r"""Return an expression for the end of ``prefix``, which must begin a word. What ends an escape
    is not a part of that word: ``\n``, ``\x3d``, ``\u0026``, ``%20``, ``\u001b[31m``.
    """
    escapes = (
        r"\\[nrt]",
        r"\\x[0-9A-Fa-f]{2}",
        r"\\u[0-9A-Fa-f]{4}",
        "%[0-9A-Fa-f]{2}",
        *(rf"[\[;]{digits}m" for digits in ("", r"\d", r"\d\d", r"\d\d\d")),
    )
    ends = "|".join(f"(?<={escape}{prefix})" for escape in escapes)
    return f"(?:(?<![A-Za-z0-9]{prefix})|{ends})"


def _word_start(text: str, at: int, most: int) -> int:
    """Return the start of the word around ``at``, up to this many characters before it."""
    stop = max(at - most, 0)
    while at > stop and (text[at - 1].isalnum() or text[at - 1] in "_-+/=~."):
        at -= 1
    return at


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of private keys, each up to its end; without one, up to the text's."""
    at = 0
    while begin := compiled(_KEY_BEGIN).search(text, at):
        end = compiled(_KEY_END).search(text, begin.end())
        at = end.end() if end else len(text)
        yield begin.start(), at


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII)
