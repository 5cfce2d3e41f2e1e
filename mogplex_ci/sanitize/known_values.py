"""Finds the secrets that this process knows by their values: complete values and the pieces of one
that look random, each also as URLs, JSON, shells and base64 write it.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import quote_plus, unquote

from mogplex_ci.sanitize import names
from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.encodings import Decoded, unescaped
from mogplex_ci.sanitize.formats import Vocabulary, compiled

_SHOWN: Final = 4
"""Characters of a known value that may be shown: so few are in every text."""
_LONGEST_HALF: Final = 4096
"""Characters at the end of a text in which the first half of a value is looked for."""
_SHORTEST: Final = 4
_SHORTEST_PIECE: Final = 8
_LONG_PIECE: Final = 16
_SHORTEST_ACROSS_BREAKS: Final = 16
"""A value is looked for across line breaks and spaces when it is this long, or holds a sign: others
are in prose.
"""
_BETWEEN_PIECES: Final = r"(?:[\s\"'`=:,;{}\[\]]|\\[nrt])+"
"""White space, quotes and signs; JSON's line breaks part the lines of a key in a document."""
_IN_AN_ADDRESS: Final = r"[/@?&#]+"
_KINDS: Final = (r"\d", "[A-Z]", "[a-z]", r"[^A-Za-z\d./:@_-]")
_KINDS_OF_A_SECRET: Final = 3
"""Fewer kinds of characters are in words: names of branches and projects, dates."""
_DIGITS_OF_A_SECRET: Final = 4
_TOKENS_BEGIN: Final = r"(?:mog_|gh[a-z]_|github_pat_)."
_URL_SAFE: Final = str.maketrans("+/", "-_")


def looks_random(text: str) -> bool:
    """Whether ``text`` is made of many kinds of characters, as passwords and tokens are."""
    kinds = sum(compiled(kind).search(text) is not None for kind in _KINDS)
    if len(text) >= _SHORTEST_PIECE and kinds >= _KINDS_OF_A_SECRET:
        return True
    digits = sum(character.isdigit() for character in text)
    # Digits alone are ids and times.
    has_letters = compiled("[A-Za-z]").search(text) is not None
    return len(text) >= _LONG_PIECE and digits >= _DIGITS_OF_A_SECRET and has_letters


def is_maskable(secret: str) -> bool:
    """Whether a CI system may hide ``secret`` wherever it stands in the job's log, other steps'
    lines included. A plain word given by mistake would go missing there.
    """
    return compiled(_TOKENS_BEGIN).match(secret) is not None or looks_random(secret)


class KnownValues:
    """The values, in the forms in which they are looked for."""

    def __init__(self, values: Iterable[str]) -> None:
        whole = {value for value in map(str.strip, values) if len(value) >= _SHORTEST}
        pieces = {piece for value in whole for piece in _random_pieces(value)}
        forms = {form for value in whole | pieces for form in _forms(value)}
        self.longest = max(map(len, forms), default=0)
        """Length of the longest value, in its longest form."""
        self._needles: dict[str, bool] = {}
        """Forms without white space, as they stand in a text and in an unescaped one; and whether
        they may go over several words.
        """
        for form in map(show_controls, forms):
            for text in (form, unescaped(form).text):
                needle = "".join(text.split())
                across = len(needle) >= _SHORTEST_ACROSS_BREAKS or not text.isalnum()
                if len(needle) >= _SHORTEST:
                    self._needles[needle] = across
        self._pairs = {needle: frozenset(pairwise(needle)) for needle in self._needles}

    def find(self, text: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
        """Return where in ``text``, whose controls are shown already, the values stand, with any
        line breaks.
        """
        if not self._needles:
            return
        all_words = text.split()
        squeezed = "".join(all_words)
        pairs = vocabulary.pairs | {(word[-1], after[0]) for word, after in pairwise(all_words)}
        needles = [
            needle
            for needle, pairs_of_needle in self._pairs.items()
            if pairs_of_needle <= pairs and needle in squeezed
        ]
        if not needles:
            return
        words = _without_breaks(text)
        for needle in needles:
            for at in names.occurrences(needle, squeezed):
                start, end = words.span(at, at + len(needle))
                if self._needles[needle] or end - start == len(needle):
                    yield start, end

    def half_at_end(self, text: str) -> int:
        """Return the index from which ``text`` may hold the first half of a value, too long to be
        shown; the length of ``text`` if there is none.
        """
        if not self._needles:
            return len(text)
        tail_at = max(len(text) - min(2 * self.longest, _LONGEST_HALF), 0)
        tail = text[tail_at:]
        starts = [self._half_in(_without_breaks(tail))]
        line_at = tail.rfind("\n") + 1
        while tail.endswith("\\\n", 0, line_at):  # the line continues
            line_at = tail.rfind("\n", 0, line_at - 1) + 1
        line = tail[line_at:]
        # A backslash at the end may begin an escape, or a line break that the next piece brings.
        for end in ("", "\n") if line.endswith("\\") else ("",):
            decoded = unescaped(line + end)
            at = self._half_in(_without_breaks(decoded.text))
            if at < len(decoded.text):
                starts.append(line_at + decoded.span(at, at + 1)[0])
        start = min(starts)
        return len(text) if start >= len(tail) else tail_at + start

    def _half_in(self, words: Decoded) -> int:
        """Return the index of the half value that ends a text; its length if there is none."""
        squeezed = words.text
        best = len(squeezed)
        for needle in self._needles:
            tail = squeezed[-len(needle) + 1 :]
            for at in names.occurrences(needle[: _SHOWN + 1], tail):
                if needle.startswith(tail[at:]):
                    best = min(best, len(squeezed) - len(tail) + at)
                    break
        if best == len(squeezed):
            return words.length
        return words.span(best, best + 1)[0]


def _without_breaks(text: str) -> Decoded:
    pieces = re.split(r"(\s+)", text)
    return Decoded(pieces, ["" if piece.isspace() else piece for piece in pieces])


def _random_pieces(value: str) -> Iterator[str]:
    """Yield the pieces of a document, a key or a connection string that look random. Those of an
    address stand between its slashes; its host is none.
    """
    for piece in compiled(_BETWEEN_PIECES).split(value):
        parts = [piece]
        if piece.startswith("//"):
            authority, _, path = unquote(piece[2:]).partition("/")
            user = authority.rpartition("@")[0]
            parts = [user, *compiled(_IN_AN_ADDRESS).split(path)]
        yield from filter(looks_random, parts)


def _forms(value: str) -> Iterator[str]:
    """Return ``value`` as web forms, single quotes of a shell and base64 write it. Escaped forms
    are found in the unescaped text.
    """
    raw = value.encode("utf-8", "surrogateescape")
    yield value
    yield from (quote_plus(raw), value.replace("'", "'\\''"), value.replace("'", "'\"'\"'"))
    yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[str]:
    """Yield ``raw`` as it is in base64, wherever it stands in the encoded text; characters that it
    shares with its neighbours are left out.
    """
    for lead, first in enumerate((0, 2, 3)):
        encoded = base64.b64encode(b"\0" * lead + raw).decode()[first : (lead + len(raw)) * 8 // 6]
        yield from (encoded, encoded.translate(_URL_SAFE))
