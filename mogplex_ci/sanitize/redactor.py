"""Replaces secrets by ``***``: values that this process knows, known formats, values behind telling
names.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote_plus, unquote

from mogplex_ci.sanitize import formats, names
from mogplex_ci.sanitize.encodings import Decoded, from_base64, unescaped
from mogplex_ci.sanitize.formats import compiled

MASK: Final = "***"

_SHORTEST_VARIABLE = 8
_SHORTEST = 4
_MOST_ENCODINGS = 2
"""Encodings around one another in which a secret is looked for, such as JSON in base64."""
_SHORTEST_ACROSS_BREAKS = 16
"""A value is looked for across line breaks and spaces when it is this long, or holds a sign: others
are in prose.
"""

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
"""Names of variables with the repository, branch or host of the job. None of their values is a
secret.
"""
_FULL_PATH = r"/(?:builds|dev|etc|github|home|mnt|opt|private|root|run|srv|tmp|usr|var|Users|workspace)(?:/[\w.@-]+)*/?"
_CREDENTIAL_URL = r"[a-z][a-z0-9+.-]{1,30}://[^\s/:@]*:([^\s/@]{8,})@"
_URL_SAFE = str.maketrans("+/", "-_")


def secrets_of(env: Mapping[str, str]) -> set[str]:
    """Return the secrets in ``env``, of at least 8 characters each.

    These are the values of variables whose names speak of secrets, and passwords in URLs. A path is
    none, and neither is the job's repository, branch or host, which may stand in a variable such as
    ``SONAR_TOKEN_KEY`` too.
    """
    public = {
        value.casefold()
        for name, value in env.items()
        if compiled(_PUBLIC_NAME).search(name.upper())
    }
    public |= {part for value in public for part in re.split(r"://|/", value)}
    found = set()
    for name, value in env.items():
        if compiled(_TELLING_NAME).search(name.upper()) and not compiled(_HARMLESS_NAME).search(
            name.upper()
        ):
            found.add(value)
        if "@" in value and (match := compiled(_CREDENTIAL_URL).match(value)):
            found.update((match[1], unquote(match[1])))
    return {
        value
        for value in found
        if len(value.strip()) >= _SHORTEST_VARIABLE
        and value.casefold() not in public
        and not (value.startswith("/") and compiled(_FULL_PATH).fullmatch(value))
    }


class Redactor:
    """Finds and masks secrets: those of this process, and everything that looks like one.

    Values of less than 4 characters are ignored: masking them would mask ordinary text.
    """

    def __init__(self, values: Iterable[str], shown: Callable[[str], str]) -> None:
        """Know ``values``; ``shown`` is what every text goes through before it is redacted."""
        forms = {
            form
            for value in map(str.strip, values)
            if len(value) >= _SHORTEST
            for form in _forms(value)
        }
        self.longest_value = max(map(len, forms), default=0)
        """Length of the longest known value, in its longest form."""
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

    def redact(self, texts: Sequence[str]) -> list[str]:
        """Return ``texts`` without secrets, also without those that span several texts, like the
        lines of a key.
        """
        return list(_masked(texts, self.find("\n".join(texts))))

    def find(self, text: str, encodings: int = _MOST_ENCODINGS) -> Iterator[tuple[int, int]]:
        """Return where secrets stand in ``text``, and in what it holds in up to so many
        ``encodings``.
        """
        yield from self._find_values(text)
        yield from formats.find(text)
        yield from names.find(text)
        for decode in (unescaped, from_base64) if encodings else ():
            decoded = decode(text)
            if decoded.text.strip():
                yield from (decoded.span(*span) for span in self.find(decoded.text, encodings - 1))

    def _find_values(self, text: str) -> Iterator[tuple[int, int]]:
        """Return where in ``text``, whose controls are shown already, known values stand, with any
        line breaks.
        """
        squeezed = "".join(text.split())
        if hits := [needle for needle in self._needles if needle in squeezed]:
            parts = re.split(r"(\s+)", text)
            words = Decoded(parts, ["" if part.isspace() else part for part in parts])
            for needle in hits:
                across = (
                    len(needle) >= _SHORTEST_ACROSS_BREAKS or not self._needles[needle].isalnum()
                )
                for at in names.occurrences(needle, squeezed):
                    start, end = words.span(at, at + len(needle))
                    if across or end - start == len(needle):
                        yield start, end


def _forms(value: str) -> Iterator[str]:
    """Return ``value``, its lines, and what web forms, shells, hex and base64 make of it."""
    yield value
    if "\n" in value:
        lines = map(str.strip, value.splitlines())
        yield from (line for line in lines if len(line) >= 8 and not line.startswith("-----"))
    raw = value.encode("utf-8", "surrogateescape")
    yield from (quote_plus(raw), value.replace("'", "'\\''"), value.replace("'", "'\"'\"'"))
    yield from (raw.hex(), raw.hex().upper())
    for lead, first in enumerate(
        (0, 2, 3)
    ):  # wherever it stands in the encoded text; the partial ends are left out
        encoded = base64.b64encode(b"\0" * lead + raw).decode()[first : (lead + len(raw)) * 8 // 6]
        yield from (encoded, encoded.translate(_URL_SAFE))


def _masked(texts: Sequence[str], spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Mask ``spans``: positions in the texts joined by one character each. A span may cover several
    texts.
    """
    covered = bytearray(sum(map(len, texts)) + len(texts))
    for start, stop in spans:
        covered[start:stop] = b"x" * (stop - start)
    offset = 0
    for text in texts:
        parts, here = [], 0
        for secret in re.finditer(b"x+", covered[offset : offset + len(text)]):
            parts += [text[here : secret.start()], MASK]
            here = secret.end()
        yield "".join([*parts, text[here:]])
        offset += len(text) + 1
