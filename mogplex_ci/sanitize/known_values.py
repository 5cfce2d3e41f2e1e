"""Finds the secrets that this process knows by their values, as they are and as URLs, JSON, shells
and base64 write them.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from mogplex_ci.sanitize.controls import show_controls
from mogplex_ci.sanitize.formats import compiled

_MIN_LENGTH: Final = 4
_MIN_WITH_BREAKS: Final = 16
"""A value that is shorter and has no sign is not looked for across white space: it may be prose."""
_IGNORED: Final = r"[\s\\]+"
"""Tools break lines anywhere, and escape with backslashes."""
_KEPT: Final = r"[^\s\\]"
_WORD: Final = r"[\w+/~-]+"
_RANDOM_WORD: Final = r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d).{12,}|[0-9a-fA-F]{32,}"
_TOKENS_BEGIN: Final = r"(?:mog_|gh[a-z]_|github_pat_)."
# Go's JSON encoder escapes the characters of HTML.
_JSON_OF_GO: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}
_URL_SAFE: Final = str.maketrans("+/", "-_")


def looks_random(word: str) -> bool:
    """Whether ``word`` has 12 characters with capitals, small letters and digits, or 32 hex
    digits.
    """
    return compiled(_RANDOM_WORD).fullmatch(word) is not None


def is_maskable(secret: str) -> bool:
    """Whether a CI system may hide ``secret`` wherever it stands in the job's log, other steps'
    lines included. A plain word given by mistake would go missing there.
    """
    return compiled(_TOKENS_BEGIN).match(secret) is not None or looks_random(secret)


class KnownValues:
    """The values, in the forms in which they are looked for."""

    def __init__(self, values: Iterable[str]) -> None:
        whole = {value for value in map(str.strip, values) if len(value) >= _MIN_LENGTH}
        words = {word for value in whole for word in _random_words(value)}
        forms = {show_controls(form) for value in whole | words for form in _forms(value)}
        self.longest = max(map(len, forms), default=0)
        """Length of the longest value, in its longest form."""
        self._needles: dict[str, bool] = {}
        """Forms without what is ignored, and whether they are looked for across white space."""
        for form in forms:
            needle = compiled(_IGNORED).sub("", form)
            if len(needle) >= _MIN_LENGTH:
                is_long = len(needle) >= _MIN_WITH_BREAKS
                self._needles[needle] = is_long or not form.isalnum()

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the places of the values in ``text``, whose controls are visible already."""
        squeezed = compiled(_IGNORED).sub("", text)
        found = [needle for needle in self._needles if needle in squeezed]
        if not found:
            return
        places = [kept.start() for kept in compiled(_KEPT).finditer(text)]
        for needle in found:
            for at in _occurrences(needle, squeezed):
                start, end = places[at], places[at + len(needle) - 1] + 1
                if self._needles[needle] or end - start == len(needle):
                    yield start, end


def _occurrences(part: str, text: str) -> Iterator[int]:
    """Yield the indices of ``part`` in ``text``, overlaps included."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _random_words(value: str) -> Iterator[str]:
    """Yield the words of a document, a key or a connection string that look random; of a path its
    parts, too.
    """
    # A private key in JSON or in a .env file has \n in place of its line breaks.
    for word in compiled(_WORD).findall(value.replace("\\n", "\n")):
        yield from filter(looks_random, {word, *word.split("/")})


def _forms(value: str) -> Iterator[str]:
    """Yield ``value`` as URLs, JSON, shells and base64 write it."""
    # os.environ holds bytes that are not UTF-8 as lone surrogates.
    raw = value.encode("utf-8", "surrogateescape")
    yield value
    for url in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        # Python writes %2F, other languages %2f; servers take both.
        yield from (url, re.sub("%..", lambda escape: escape[0].lower(), url))
    for written in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield from (written, written.translate(_JSON_OF_GO))
    # A quote inside quotes, as people write it and as Python's shlex does.
    yield from (value.replace("'", "'\\''"), value.replace("'", "'\"'\"'"))
    # Inside a longer text, such as the user:token of a Basic header, it has one of three forms.
    for lead, first in enumerate((0, 2, 3)):
        # Characters that hold bits of a neighbour are left out.
        last = (lead + len(raw)) * 8 // 6
        encoded = base64.b64encode(b"\0" * lead + raw).decode()[first:last]
        yield from (encoded, encoded.translate(_URL_SAFE))
