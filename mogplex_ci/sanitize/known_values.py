"""Finds the secrets that this process knows by their values, however a program wrote them: the text
is read as it is meant.
"""

import base64
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from mogplex_ci.sanitize.controls import INVISIBLE, show_controls
from mogplex_ci.sanitize.formats import compiled

_MIN_LENGTH: Final = 4
_MIN_WITH_BREAKS: Final = 16
"""A value that is shorter and has no sign is not looked for across white space: it may be prose."""
_IGNORED: Final = rf"[\s\\\"'`\x00-\x1f\x7f-\xa0\u2400-\u2426{INVISIBLE}]+"
r"""Tools break lines anywhere, escape with backslashes, and write a quote inside quotes as
``'\''``. Controls stand in a text as their pictures.
"""
_MARKS: Final = "\\\"'`"
"""What is ignored inside a word."""
_IGNORED_BYTES: Final = bytes(
    code for code in range(128) if re.match(_IGNORED, chr(code), re.ASCII)
)
_PERCENT: Final = r"%(?:25)*(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})"  # JavaScript's escape() writes %u
_ENTITY: Final = r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,30});"
_BACKSLASH: Final = (
    # Begun behind a backslash, a long row of them would be read again from each.
    r"\\(?<!\\\\)\\*+(?:[abefnrtv]|[0-7]{1,3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U000[0-9A-Fa-f]{5}"
    r"|[ux]\{[0-9A-Fa-f]{1,5}\})"
)
_WORD: Final = r"[\w+/~-]+"
_RANDOM_WORD: Final = r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d).{12,}|[0-9a-fA-F]{32,}"
_TOKENS_BEGIN: Final = r"(?:mog_|gh[a-z]_|github_pat_)."
_URL_SAFE: Final = str.maketrans("+/", "-_")
_LONGEST_SIGN: Final = 12
"""Characters of the longest sign: an emoji as ``%F0%9F%98%80`` or ``\\ud83d\\ude00``."""


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


class _Reading(NamedTuple):
    """A way to read a text: each escape of a language as the one sign that it stands for."""

    escape: str
    """Matches one, which stands for a byte or a UTF-16 unit at least."""
    sign: Callable[[str], str]
    """Returns the sign of an escape."""
    has_ignored: bool = False
    """Whether escapes begin with what is ignored: it is dropped after they are read, not before."""

    def read(self, text: str) -> str:
        """Return ``text`` as it is meant, without what is ignored."""
        read, count = compiled(self.escape).subn(lambda found: self.sign(found[0]), text)
        return _squeezed(read) if count or self.has_ignored else read

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return where each sign of ``read(text)`` stands in ``text``."""
        either = compiled(f"(?s:({self.escape})|.)")
        signs = (
            (found.span(), self.sign(found[1]) if found[1] else found[0])
            for found in either.finditer(text)
        )
        return [place for place, sign in signs if not compiled(_IGNORED).match(sign)]


def _squeezed(text: str) -> str:
    """Return ``text`` without what is ignored."""
    # Bytes are translated in a tenth of the time that an expression takes.
    plain = text.encode("utf-8", "surrogatepass").translate(None, _IGNORED_BYTES)
    read = plain.decode("utf-8", "surrogatepass")
    return read if read.isascii() else compiled(_IGNORED).sub("", read)


def _of_percent(escape: str) -> str:
    return chr(int(escape[-4:] if "u" in escape else escape[-2:], 16))


def _of_entity(escape: str) -> str:
    """A name that HTML does not have stands for its first sign, in a value as well."""
    sign = html.unescape("&" + escape[1:].replace("amp;", ""))
    return sign if len(sign) == 1 else "&"


def _of_backslash(escape: str) -> str:
    code = escape.lstrip("\\")
    if code[0] in "xuU":
        return chr(int(code[1:].strip("{}"), 16))
    return chr(int(code, 8)) if code.isdigit() else "\n"


# Begins with a sign that texts do not have: it is found missing at once.
_NOTHING: Final = r"\x00(?!)"
_PLAIN: Final = _Reading(_NOTHING, str)
_READINGS: Final = (
    _PLAIN,
    _Reading(_PERCENT, _of_percent),
    _Reading(_ENTITY, _of_entity),
    _Reading(_BACKSLASH, _of_backslash, has_ignored=True),
)


class KnownValues:
    """The values, in the few forms in which they are looked for in each reading of a text."""

    def __init__(self, values: Iterable[str]) -> None:
        known = {value for value in map(str.strip, values) if len(value) >= _MIN_LENGTH}
        known |= {word for value in known for word in _random_words(value)}
        self.longest = _LONGEST_SIGN * max(map(len, known), default=0)
        """Length of the longest value, however it is written."""
        forms = {form for value in known for form in _forms(value)}
        self._needles = {reading: dict(_needles(forms, reading)) for reading in _READINGS}
        """Of each reading what is looked for, and whether across white space."""

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the places of the values in ``text``, whose controls are visible already."""
        squeezed = _squeezed(text)
        for reading, needles in self._needles.items():
            base = text if reading.has_ignored else squeezed
            read = reading.read(base)
            found = [needle for needle in needles if needle in read]
            if found:
                places = reading.places(base)
                if base is squeezed:
                    kept = _PLAIN.places(text)
                    places = [(kept[start][0], kept[end - 1][1]) for start, end in places]
                for needle in found:
                    for at in _occurrences(needle, read):
                        signs = places[at : at + len(needle)]
                        if needles[needle] or _is_one_word(text, signs):
                            yield signs[0][0], signs[-1][1]


def _is_one_word(text: str, signs: Sequence[tuple[int, int]]) -> bool:
    """Whether no white space stands between the signs at these places."""
    gaps = (text[one[1] : following[0]] for one, following in pairwise(signs))
    return not any(gap.strip(_MARKS) for gap in gaps)


def _needles(forms: Iterable[str], reading: _Reading) -> Iterator[tuple[str, bool]]:
    """Yield each form as ``reading`` has it, and as it is: a value may have escapes of its own."""
    for form in forms:
        plain = _squeezed(form)
        for needle in {reading.read(form if reading.has_ignored else plain), plain}:
            if len(needle) >= _MIN_LENGTH:
                yield needle, len(needle) >= _MIN_WITH_BREAKS or not form.isalnum()


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
    """Yield ``value`` as it is, as a form's field, as its bytes, as its UTF-16 units, and as base64
    writes it.
    """
    # os.environ holds bytes that are not UTF-8 as lone surrogates.
    raw = value.encode("utf-8", "surrogateescape")
    for text in {value, show_controls(value), value.replace(" ", "+")}:
        yield text
        if not text.isascii():
            yield text.encode("utf-8", "surrogateescape").decode("latin-1")
            units = text.encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
            yield "".join(chr(int(unit, 16)) for unit in units)
    # Inside a longer text, such as the user:token of a Basic header, it has one of three forms.
    for lead, first in enumerate((0, 2, 3)):
        # Characters that hold bits of a neighbour are left out.
        last = (lead + len(raw)) * 8 // 6
        encoded = base64.b64encode(b"\0" * lead + raw).decode()[first:last]
        yield from (encoded, encoded.translate(_URL_SAFE))
