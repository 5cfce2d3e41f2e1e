"""Replaces secrets by ``***``: values that this process knows, known formats, values behind telling names."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Final, TypeAlias
from urllib.parse import quote, quote_plus, unquote

from mogplex_ci.sanitize import names
from mogplex_ci.sanitize.formats import FORMATS, Format

MASK: Final = "***"

_SHORTEST_VARIABLE = 8
_SHORTEST = 4
_SHORTEST_ACROSS_BREAKS = 16
"""A value is looked for across line breaks and spaces when it is this long: a shorter one could be made up by prose."""

_TELLING_NAME = (
    r"TOKEN(?![A-Z])|SECRET|PASSW|PASSPHRASE|PASSCODE|CREDENTIAL|KEY(?:[_-]?ID)?$"
    r"|(?:^|[_-])(?:PASS|PWD|PAT|AUTH|DSN|CREDS)$"
)
_HARMLESS_NAME = (
    r"(?:IDEMPOTENCY|MISSING|CACHE|PROJECT|PRIMARY|SORT|PARTITION|FOREIGN|PUBLIC|LOCK|GROUP|CONCURRENCY|ISSUE|JOB|STEP"
    r"|BUILD|MON|TUR|HOT|SURROGATE|DON|HOC|JOC)[_-]?KEY(?:[_-]?ID)?$"
    r"|KEY[_-]SUFFIX$|[_-](?:FILE|PATH|DIR|URL|URI|NAME|TTL|EXPIRY|LENGTH|ENABLED|TYPE)$"
)
"""Names that sound like those of secrets, inputs of ours among them."""
_PUBLIC_NAME = (
    r"(?:^|[_-])(?:REPO|REPOSITORY|(?:REPO|PROJECT)[_-](?:SLUG|PATH|NAME|NAMESPACE)|SLUG|OWNER|BRANCH|REF|REF[_-]NAME|HOST"
    r"|HOSTNAME|SERVER[_-]URL|BASE[_-]URL|ACTOR)$"
)
"""Names of variables with the repository, branch or host of the job. None of their values is a secret."""
_PATH = r"/(?:builds|dev|etc|github|home|mnt|opt|private|root|run|srv|tmp|usr|var|Users|workspace)(?:/[\w.@-]+)*/?"
_CREDENTIAL_URL = r"[a-z][a-z0-9+.-]{1,30}://[^\s/:@]*:([^\s/@]{8,})@"
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_XML_NUMBERS = str.maketrans({char: f"&#{ord(char)};" for char in "&<>\"'"})
_XML_39 = _XML | {ord("'"): "&#39;", ord('"'): "&#34;"}
_GO = str.maketrans({char: f"\\u{ord(char):04x}" for char in "&<>"})
_DOUBLE_QUOTED = str.maketrans({char: f"\\{char}" for char in '\\"$`'})
_UNQUOTED = r"[^\w@%+=:,./-]"
_BASE64 = r"[A-Za-z0-9+/_-]{24,}"
_BREAK = r"\s+|(?<!\\)\\+[nrt]"
"""White space, and how JSON and shells write it."""
_ESCAPE = r"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\[[\d;]{0,8}m)\Z"
"""What ends in a letter or a digit and yet ends a word: an escape of JSON or of a URL, a colour."""
_KEY_BEGIN = r"-----\s{0,4}BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?\s{0,4}-----"
_KEY_EDGE = rf"{_KEY_BEGIN}|KEY(?: BLOCK)?\s{{0,4}}-----"
_KEY_BREAK = r"(?:[\s\"',|>+*#]|\\+[nrt])*+"
_KEY_BODY = (
    rf"{_KEY_BREAK}(?:[A-Za-z-]+: [^\n\\]*+{_KEY_BREAK})*+(?:[A-Za-z0-9+/=]{{16,}}+{_KEY_BREAK})+[A-Za-z0-9+/=]*"
)
_LOOKS_LIKE_BODY = r"\n|\\[nr]|[A-Za-z0-9+/=]{16}"


def secrets_of(env: Mapping[str, str]) -> set[str]:
    """Return the secrets in ``env``, of at least 8 characters each.

    These are the values of variables whose names speak of secrets, and passwords in URLs. A path is none, and neither
    is the job's repository, branch or host, which may stand in a variable such as ``SONAR_TOKEN_KEY`` too.
    """
    public = {value.casefold() for name, value in env.items() if _compiled(_PUBLIC_NAME).search(name.upper())}
    public |= {part for value in public for part in re.split(r"://|/", value)}
    found = set()
    for name, value in env.items():
        if _compiled(_TELLING_NAME).search(name.upper()) and not _compiled(_HARMLESS_NAME).search(name.upper()):
            found.add(value)
        if "@" in value and (match := _compiled(_CREDENTIAL_URL).match(value)):
            found.update((match[1], unquote(match[1])))
    return {
        value
        for value in found
        if len(value.strip()) >= _SHORTEST_VARIABLE
        and value.casefold() not in public
        and not (value.startswith("/") and _compiled(_PATH).fullmatch(value))
    }


class Redactor:
    """Finds and masks secrets: those of this process, and everything that looks like one."""

    def __init__(self, values: Iterable[str], shown: Callable[[str], str]) -> None:
        """Know ``values``; ``shown`` is what every text goes through before it is redacted."""
        self._values = KnownValues(values, shown)

    @property
    def longest_value(self) -> int:
        """Length of the longest known value, in its longest form."""
        return self._values.longest

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets."""
        return self.redact_all([text])[0]

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` without secrets, also without those that span several texts, like the lines of a key."""
        whole = "\n".join(texts)
        spans = _merged([*self._values.find(whole), *_find(whole), *_find_encoded(whole)])
        if not spans:
            return list(texts)
        return list(_masked(texts, spans))


class KnownValues:
    """Finds given values in text, whatever line breaks, escapes or encodings they come with.

    Values of less than 4 characters are ignored: masking them would mask ordinary text.
    """

    def __init__(self, values: Iterable[str], shown: Callable[[str], str]) -> None:
        forms = {form for value in map(str.strip, values) if len(value) >= _SHORTEST for form in _forms(value)}
        self.longest = max(map(len, forms), default=0)
        """Length of the longest form."""
        self._forms = [form for form in map(shown, forms) if len(form) >= _SHORTEST]
        self._needles = {needle: form for form in self._forms if len(needle := _squeezed(form)) >= _SHORTEST}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Return where in ``text``, whose controls are shown already, the values stand."""
        if "\\" in text:  # a break there may also be a backslash before a value that begins with n, r or t
            for form in self._forms:
                yield from ((at, at + len(form)) for at in names.occurrences(form, text))
        squeezed = _squeezed(text)
        hits = [needle for needle in self._needles if needle in squeezed]
        if not hits:
            return
        places = _places(text)
        for needle in hits:
            across = len(needle) >= _SHORTEST_ACROSS_BREAKS or len(self._needles[needle]) != len(needle)
            for at in names.occurrences(needle, squeezed):
                start, end = places[at], places[at + len(needle) - 1] + 1
                if across or end - start == len(needle):
                    yield start, end


def _find(text: str) -> Iterator[tuple[int, int]]:
    yield from find_formats(text)
    yield from names.find(text)


_Mark: TypeAlias = tuple[str, frozenset[tuple[str, str]], Format]
"""What begins a secret, without white space; its pairs of characters; and the format that it is of."""


def marks_of(formats: Iterable[Format]) -> list[_Mark]:
    """Return the marks of ``formats``."""
    return [(mark, frozenset(pairwise(mark)), format_) for format_ in formats for mark in format_.marks]


_MARKS = marks_of(FORMATS)


def find_formats(text: str, marks: Iterable[_Mark] = _MARKS) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something of a known format stands, or a private key."""
    pairs = set(pairwise(" ".join(set(text.split()))))  # of characters, in its words, many of which repeat
    for mark, pairs_of_mark, format_ in marks:
        if not pairs_of_mark <= pairs:
            continue  # most marks need no search
        at = text.find(mark)
        while at >= 0:
            end = at + len(mark)
            if format_.lead or not mark[0].isalnum() or _begins_word(text, at):
                match = _compiled(format_.rest, re.ASCII).match(text, end)
                if match:
                    end = match.end()
                    yield match.span(match.lastindex) if match.lastindex else (_start(text, at, format_.lead), end)
            at = text.find(mark, end)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _begins_word(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    is_inside = before.isascii() and before.isalnum()
    return not is_inside or bool(_compiled(_ESCAPE).search(text, at - 10, at))


def _start(text: str, at: int, lead: int) -> int:
    start = at
    while start > max(at - lead, 0) and (text[start - 1].isalnum() or text[start - 1] in "_-+/=~."):
        start -= 1
    return start


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where private keys stand (RFC 7468, RFC 9580), with line breaks real or escaped, complete or cut."""
    here = 0
    while begin := _compiled(_KEY_BEGIN).search(text, here):
        edge = _compiled(_KEY_EDGE).search(text, begin.end())
        body = _compiled(_KEY_BODY).match(text, begin.end())
        here = begin.end()
        if edge and edge[0].startswith("KEY") and _compiled(_LOOKS_LIKE_BODY).search(text, begin.end(), edge.start()):
            here = edge.end()
        elif body:
            here = body.end()
        else:
            continue
        yield begin.start(), here


def _find_encoded(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something stands in base64 that would be redacted if it were decoded."""
    runs = [(run.span(), decoded) for run in _compiled(_BASE64).finditer(text) if (decoded := _decoded(run[0]))]
    ends = list(accumulate(len(decoded) + 1 for _, decoded in runs))
    for start, _ in _find("\n".join(decoded for _, decoded in runs)) if runs else ():
        yield runs[bisect(ends, start)][0]


def _decoded(run: str) -> str:
    """Return the text that ``run`` is in base64, padding left out; empty when it is no text."""
    whole = run[:-1] if len(run) % 4 == 1 else run  # one character more is less than a byte
    try:
        text = base64.b64decode(f"{whole}==", altchars="-_" if "-" in run or "_" in run else None)
        decoded = text.decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded if re.sub(r"[\n\r\t]", "", decoded).isprintable() else ""


def _forms(value: str) -> Iterator[str]:
    """Return ``value`` in the encodings of URLs, JSON, HTML, shells, base64 and hex."""
    yield value
    if "\n" in value:
        yield from (
            line for part in value.splitlines() if len(line := part.strip()) >= 8 and not line.startswith("-----")
        )
    raw = value.encode("utf-8", "surrogateescape")
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
        yield quote(encoded, safe="")
    for in_json in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        for form in (in_json, in_json.translate(_GO), in_json.replace("/", "\\/")):  # Python's, Go's and PHP's
            yield form
            yield json.dumps(form, ensure_ascii=False)[1:-1]
    for table in (_XML, _XML_39, _XML_NUMBERS):
        yield value.translate(table)
    yield value.replace("'", "'\\''")
    yield value.replace("'", "'\"'\"'")
    yield value.translate(_DOUBLE_QUOTED)
    yield _compiled(_UNQUOTED).sub(r"\\\g<0>", value)
    yield raw.hex()
    yield raw.hex().upper()
    yield from _base64_forms(raw)


def _base64_forms(value: bytes) -> Iterator[str]:
    """Return what base64 makes of ``value`` wherever it stands in the encoded text; the partial ends are left out."""
    for lead, first in enumerate((0, 2, 3)):
        end = (lead + len(value)) * 8 // 6
        padded = b"\0" * lead + value
        yield base64.b64encode(padded).decode()[first:end]
        yield base64.urlsafe_b64encode(padded).decode()[first:end]


def _squeezed(text: str) -> str:
    return _compiled(_BREAK).sub("", text) if "\\" in text else "".join(text.split())


def _places(text: str) -> list[int]:
    """Return for every character of the squeezed text where it stands in ``text``."""
    places: list[int] = []
    here = 0
    for match in _compiled(_BREAK).finditer(text):
        places.extend(range(here, match.start()))
        here = match.end()
    places.extend(range(here, len(text)))
    return places


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _masked(texts: Sequence[str], spans: list[tuple[int, int]]) -> Iterator[str]:
    """Mask ``spans``: positions in the texts joined by one character each. A span may cover several texts."""
    pending = deque(spans)
    offset = 0
    for text in texts:
        end = offset + len(text)
        parts, here = [], offset
        while pending and pending[0][0] < end:
            start, stop = pending[0]
            parts += [text[here - offset : max(start, here) - offset], MASK]
            here = min(stop, end)
            if stop > end + 1:
                break
            pending.popleft()
        yield "".join([*parts, text[here - offset :]])
        offset = end + 1


@cache
def _compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, flags)
