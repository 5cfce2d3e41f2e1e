"""Finds the secrets that this process knows by their values: whole, in the forms that tools write,
and any 16 characters of one in a row.

So a value that was cut, or stands in two fields, in a sum of strings, over lines or in a diff, is
hidden, too.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote_plus

from mogplex_ci.sanitize import names
from mogplex_ci.sanitize.connections import names_server, passwords_in
from mogplex_ci.sanitize.encodings import Decoded, unescaped
from mogplex_ci.sanitize.formats import Vocabulary, compiled

_SHORTEST: Final = 4
_SHORTEST_LEAF: Final = 8
_WINDOW: Final = 16
"""Characters of a value that are hidden wherever they stand in a row."""
_BLOCK: Final = 8
"""Every window holds one whole block of the value, and only blocks are searched for."""
_SHORTEST_ACROSS_BREAKS: Final = 16
"""A value is looked for across line breaks and spaces when it is this long, or holds a sign: others
are in prose.
"""
_KINDS: Final = (r"\d", "[A-Z]", "[a-z]", r"[^A-Za-z\d]")
_KINDS_OF_A_SECRET: Final = 3
"""Fewer kinds of characters are in words: names of branches and projects, sentences."""
_CHANGES_OF_A_SECRET: Final = 4
"""How often letters and digits change places in a window of a hexadecimal secret, at least."""
_URL: Final = r"([a-z][a-z0-9+.-]{1,30}://)(?:([^\s/@]*)@)?[^\s/?#]*"
_OUTSIDE_ADDRESS: Final = 8
"""Characters of a window that do not belong to a URL's scheme and host, at least."""
_PEM: Final = r"-----BEGIN [^\n-]{1,60}-----(.*?)(?:-----END|\Z)"
_OPAQUE: Final = r"[\w+/=.~-]{16,}"
_WORD: Final = "[a-z]{7}"
_YAML: Final = r"\s*(?:---\s+|#.*\n\s*)*[\w.-]+:(?:\s|\Z)"
_TELLING_KEY: Final = r"(?i)key|token|secret|passw|credential|auth\b"
_URL_SAFE: Final = str.maketrans("+/", "-_")


class KnownValues:
    """The values, in the forms in which they are looked for."""

    def __init__(self, values: Iterable[str], shown: Callable[[str], str]) -> None:
        """``shown`` is what every text goes through before it is searched."""
        whole = [value for value in map(str.strip, values) if len(value) >= _SHORTEST]
        parts = {part for value in whole for part in _parts(value)}
        forms = {form for value in (*whole, *parts) for form in _forms(value)}
        self.longest = max(map(len, forms), default=0)
        """Length of the longest value, in its longest form."""
        needles = {
            "".join(text.split()): text
            for form in map(shown, forms)
            for text in (form, unescaped(form).text)
        }
        self._needles = {
            needle: text for needle, text in needles.items() if len(needle) >= _SHORTEST
        }
        """Forms by what they are without white space, as they stand in a text and as they stand in
        a decoded one.
        """
        self._blocks: dict[str, list[tuple[str, int]]] = {}
        """Pieces of 8 characters, the values that have them, and where."""
        texts = {"".join(shown(value).split()) for value in parts}
        long = {text for text in texts if len(text) >= _WINDOW}
        self._dumps = {dump for text in long for dump in (*_hex(text), *_base64(text))}
        """What a hex dump shows of the values, and what base64 does that lacks its start."""
        for text in sorted(long | self._dumps):
            for at in range(0, len(text) - _BLOCK + 1, _BLOCK):
                block = text[at : at + _BLOCK]
                if len(set(block)) > 1:  # the same character again and again takes quadratic time
                    self._blocks.setdefault(block, []).append((text, at))
        self._pairs = {block: frozenset(pairwise(block)) for block in self._blocks}

    def find(self, text: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
        """Return where in ``text``, whose controls are shown already, the values stand, with any
        line breaks.
        """
        if not self._needles:
            return
        all_words = text.split()
        squeezed = "".join(all_words)
        needles = [needle for needle in self._needles if needle in squeezed]
        blocks = self._blocks_in(squeezed, vocabulary.pairs | _pairs_of_neighbours(all_words))
        if not needles and not blocks:
            return
        pieces = re.split(r"(\s+)", text)
        words = Decoded(pieces, ["" if piece.isspace() else piece for piece in pieces])
        for needle in needles:
            across = len(needle) >= _SHORTEST_ACROSS_BREAKS or not self._needles[needle].isalnum()
            for at in names.occurrences(needle, squeezed):
                start, end = words.span(at, at + len(needle))
                if across or end - start == len(needle):
                    yield start, end
        for start, end in self._find_windows(squeezed, blocks):
            yield words.span(start, end)

    def _blocks_in(self, text: str, pairs: Set[tuple[str, str]]) -> Collection[str]:
        """Return the blocks that are in ``text``, whose characters have these ``pairs`` of
        neighbours.
        """
        if len(text) < len(self._blocks):  # of a key with many lines
            return self._blocks.keys() & {
                text[at : at + _BLOCK] for at in range(len(text) - _BLOCK + 1)
            }
        return [
            block
            for block, pairs_of_block in self._pairs.items()
            if pairs_of_block <= pairs and block in text
        ]

    def _find_windows(self, text: str, blocks: Iterable[str]) -> Iterator[tuple[int, int]]:
        """Yield the runs of ``text`` that a value has, too, if they hold one of its windows."""
        done: dict[tuple[str, int], int] = {}
        for block in blocks:
            for at in names.occurrences(block, text):
                for value, offset in self._blocks[block]:
                    shift = at - offset
                    if at < done.get((value, shift), 0):
                        continue  # in the run that an earlier block has found
                    start, end = _common_run(text, value, at, offset)
                    done[value, shift] = end
                    starts = range(start - shift, end - shift - _WINDOW + 1)
                    if any(value in self._dumps or _is_telling(value, first) for first in starts):
                        yield start, end


def _hex(value: str) -> tuple[str, ...]:
    """Return the bytes of ``value`` as hexadecimal digits, also as OpenSSL prints them."""
    raw = value.encode("utf-8", "surrogateescape")
    lower = (raw.hex(), raw.hex(":"))
    return *lower, *map(str.upper, lower)


def _pairs_of_neighbours(words: list[str]) -> set[tuple[str, str]]:
    """Return the pairs of the last character of a word and the first one of the next."""
    ends = [word[-1] for word in words]
    starts = [word[0] for word in words[1:]]
    return set(zip(ends, starts, strict=False))


def _common_run(text: str, value: str, at: int, offset: int) -> tuple[int, int]:
    """Return where the run of characters around ``at`` begins and ends that ``text`` and ``value``,
    there at ``offset``, have in common.
    """
    start = at
    while start and start - at + offset and text[start - 1] == value[start - 1 - at + offset]:
        start -= 1
    end = at + _BLOCK
    last = min(len(text), len(value) - offset + at)
    while end < last and text[end] == value[end - at + offset]:
        end += 1
    return start, end


@lru_cache(100_000)
def _is_telling(value: str, start: int) -> bool:
    """Whether the window of ``value`` at ``start`` is neither words nor an address."""
    window = value[start : start + _WINDOW]
    outside = range(start, start + len(window))
    if (address := compiled(_URL).match(value)) is not None:
        user = range(*address.span(2))
        outside_count = sum(at >= address.end() or at in user for at in outside)
        if outside_count < _OUTSIDE_ADDRESS:
            return False
    return not _is_words(window)


def _is_words(text: str) -> bool:
    """Whether ``text`` may be a name or prose."""
    kinds = sum(compiled(kind).search(text) is not None for kind in _KINDS)
    changes = len(compiled(r"[a-zA-Z](?=\d)|\d(?=[a-zA-Z])").findall(text))
    return kinds < _KINDS_OF_A_SECRET and changes < _CHANGES_OF_A_SECRET


def _parts(value: str) -> Iterator[str]:
    """Yield what is secret in ``value``: itself, or the leaves of JSON and YAML, the body of a key
    in PEM, the passwords of a connection string, the lines of any other text.
    """
    keys = compiled(f"(?s){_PEM}").findall(value.replace("\\n", "\n"))
    documents = [] if keys and value.startswith("-----") else _documents(value)
    if documents:
        for document in documents:
            yield from _leaves(document)
    elif keys:
        yield from ("".join(body.split()) for body in keys)
        yield from _long_lines("\n".join(keys))
    else:
        passwords = set(passwords_in(value))
        yield from passwords
        if not passwords or not names_server(value):
            yield value
        if "\n" in value:
            yield from _long_lines(value)


def _long_lines(text: str) -> Iterator[str]:
    for line in map(str.strip, text.splitlines()):
        if len(line) >= _SHORTEST_LEAF and not line.startswith("-----"):
            yield line


def _documents(value: str) -> list[Any]:
    """Return the objects and lists that ``value`` is in JSON or YAML; none for other text."""
    found: list[Any] = []
    if value.startswith(("{", "[")):
        found = _json(value)
    elif "\n" in value and compiled(_YAML).match(value):
        found = _yaml(value)
    is_structured = bool(found) and all(isinstance(each, dict | list) for each in found)
    return found if is_structured else []


def _json(value: str) -> list[Any]:
    try:
        return [json.loads(value)]
    except (ValueError, RecursionError):
        return []


def _yaml(value: str) -> list[Any]:
    import yaml  # slow to import, and few secrets are YAML

    try:
        return list(yaml.safe_load_all(value))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []


def _leaves(document: object) -> Iterator[str]:
    """Yield the texts in a document that are secrets by their key, or look like one."""
    nodes: list[tuple[str, object]] = [("secret", document)]  # items of a list have no key
    seen: set[int] = set()
    for key, value in nodes:  # which grows meanwhile
        if isinstance(value, dict | list):
            if id(value) in seen:
                continue  # YAML's aliases may repeat it without end
            seen.add(id(value))
        if isinstance(value, dict):
            nodes += ((str(name), item) for name, item in value.items())
        elif isinstance(value, list):
            nodes += ((key, item) for item in value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).strip()
            if "-----BEGIN" in text or any(passwords_in(text)):
                yield from _parts(text)
            elif _is_secret_leaf(text, key):
                yield text


def _is_secret_leaf(text: str, key: str) -> bool:
    if len(text) < _SHORTEST_LEAF or compiled(_URL).match(text):
        return False
    if compiled(_TELLING_KEY).search(key):
        return not compiled(r"[a-z _-]+\Z").match(text)  # a kind of key, such as "service-account"
    if not compiled(_OPAQUE).fullmatch(text):
        return False
    starts = range(len(text) - _WINDOW + 1)
    words = {at for word in compiled(_WORD).finditer(text) for at in range(*word.span())}
    return any(_is_telling(text, at) and words.isdisjoint(range(at, at + _WINDOW)) for at in starts)


def _forms(value: str) -> Iterator[str]:
    """Return ``value``, and what web forms, shells, hex and base64 make of it."""
    yield value
    raw = value.encode("utf-8", "surrogateescape")
    yield from (quote_plus(raw), value.replace("'", "'\\''"), value.replace("'", "'\"'\"'"))
    yield from _hex(value)
    yield from _base64(value)


def _base64(value: str) -> Iterator[str]:
    """Yield ``value`` as it is in base64, wherever it stands in the encoded text; characters that
    it shares with its neighbours are left out.
    """
    raw = value.encode("utf-8", "surrogateescape")
    for lead, first in enumerate((0, 2, 3)):
        encoded = base64.b64encode(b"\0" * lead + raw).decode()[first : (lead + len(raw)) * 8 // 6]
        yield from (encoded, encoded.translate(_URL_SAFE))
