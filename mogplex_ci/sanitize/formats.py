"""Secrets whose format sets them apart from ordinary text, and private keys.

``formats.tsv`` holds the formats, one a line, each with the page of the vendor that documents it.
"""

import re
from collections.abc import Iterator, Set
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self


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
_KEY_BEGIN = r"-----\s{0,4}BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?\s{0,4}-----"
_KEY_EDGE = rf"{_KEY_BEGIN}|KEY(?: BLOCK)?\s{{0,4}}-----"
_KEY_BREAK = r"[\s\"',|>+*#-]*+"
_KEY_BODY = (
    rf"{_KEY_BREAK}(?:[A-Za-z-]+: [^\n]*+{_KEY_BREAK})*+(?:[A-Za-z0-9+/=]{{16,}}+{_KEY_BREAK})+"
    r"(?:(?<!\n\n)[A-Za-z0-9+/=]+)?"  # a blank line ends the key: what follows is another text
)
_KEY_HEADER_SO_FAR = r"-----BEGIN[ A-Z0-9_-]{0,120}"
_KEY_SIGN = r"(?:[\s\"',|>+*#-]|\\[nr]|\\\Z)"
_KEY_LINE = rf"{_KEY_SIGN}*+(?:[A-Za-z-]++: .*|(?:[A-Za-z0-9+/=]{{16,}}+{_KEY_SIGN}*+)*+)"
"""A line of a key: nothing, a header, or much of its body."""
_LAST_KEY_LINE = (
    rf"{_KEY_LINE}(?:[A-Za-z0-9+/=]{{1,15}}+{_KEY_SIGN}*+|END[A-Z0-9 ]*+-*+|[A-Za-z-]++:?)?"
)
"""The same, when more of it may come, and the end of the body."""
_LOOKS_LIKE_BODY = r"\n|[A-Za-z0-9+/=]{16}"


@cache
def formats() -> tuple[Format, ...]:
    """Return the lines of ``formats.tsv``."""
    text = Path(__file__).with_name("formats.tsv").read_text(encoding="utf-8")
    _, *rows = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Format(*row.split("\t")) for row in rows)


class Vocabulary(NamedTuple):
    """The distinct words of a text, many of which repeat.

    Most texts lack the few characters that a secret needs, and this check is faster than a search.
    """

    words: str
    pairs: Set[tuple[str, str]]
    """Neighbours among the characters of the words."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Return that of ``text``."""
        words = " ".join(set(text.split()))
        return cls(words, set(pairwise(words)))


def matches(text: str, vocabulary: Vocabulary) -> Iterator[tuple[Format, tuple[int, int]]]:
    """Yield the formats found in ``text``, with their places."""
    for prefix, pairs, format_ in _prefixes():
        if pairs <= vocabulary.pairs and prefix in vocabulary.words:
            for place in _find_format(text, prefix, format_):
                yield format_, place


def find_formats(text: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something of a known format stands, or a private key."""
    yield from (place for _, place in matches(text, vocabulary))
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _find_format(text: str, prefix: str, format_: Format) -> Iterator[tuple[int, int]]:
    before = int(format_.before or 0)
    begin = re.escape(prefix)
    if prefix[0].isalnum() and not before:
        # behind the prefix: an expression that begins with letters is found fast
        begin += f"(?<![A-Za-z0-9]{begin})"
    for match in compiled(f"{begin}(?:{format_.pattern})").finditer(text):
        start = word_start(text, match.start(), before, "-+/=~.")
        yield match.span(match.lastindex) if match.lastindex else (start, match.end())


def word_start(text: str, at: int, most: int, punctuation: str) -> int:
    """Return the start of the word around ``at``, up to this many characters before it."""
    while (
        most
        and at
        and (text[at - 1].isalnum() or text[at - 1] == "_" or text[at - 1] in punctuation)
    ):
        at -= 1
        most -= 1
    return at


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where private keys stand (RFC 7468, RFC 9580), complete or cut."""
    for begin in compiled(_KEY_BEGIN).finditer(text):
        edge = compiled(_KEY_EDGE).search(text, begin.end())
        inside = (begin.end(), edge.start() if edge else len(text))
        if edge and edge[0].startswith("KEY") and compiled(_LOOKS_LIKE_BODY).search(text, *inside):
            yield begin.start(), edge.end()
        elif body := compiled(_KEY_BODY).match(text, *inside):
            yield begin.start(), body.end()


def open_key(text: str, start: int, after: int) -> tuple[int, bool]:
    """Return the end of the private key at ``start``, of which the part before ``after`` was read
    earlier, and whether more of it may follow: the text so far can be its body.
    """
    begin = compiled(_KEY_BEGIN).match(text, start)
    if begin is None:
        is_open = compiled(_KEY_HEADER_SO_FAR).fullmatch(text, start) is not None
        return (start if is_open else start + 1), is_open
    at = max(after, begin.end())
    while True:
        line_end = text.find("\n", at)
        stop = len(text) if line_end < 0 else line_end
        edge = compiled(_KEY_EDGE).search(text, at, stop)
        if edge is not None:
            return (edge.end() if edge[0].startswith("KEY") else edge.start()), False
        has_body = bool(text[begin.end() : min(at, begin.end() + 100)].strip())
        line = _LAST_KEY_LINE if has_body or line_end < 0 else _KEY_LINE
        if compiled(line).fullmatch(text, at, stop) is None:
            return at, False
        if line_end < 0:
            return at, True
        at = line_end + 1


@cache
def _prefixes() -> list[tuple[str, frozenset[tuple[str, str]], Format]]:
    """Return all prefixes, each with its pairs of characters and its format."""
    return [
        (prefix, frozenset(pairwise(prefix)), one) for one in formats() for prefix in one.prefixes
    ]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII)
