"""The ways in which a text with a secret reaches a log: as it is, encoded, or in parts with something between."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple
from urllib.parse import quote

from mogplex_ci.run.agent_text import TextBuffer
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize.secret_samples import telling_parts


class Sample(NamedTuple):
    """A text with a secret in it."""

    before: str
    secret: str
    after: str

    @property
    def text(self) -> str:
        """All of it."""
        return self.before + self.secret + self.after

    @classmethod
    def of(cls, text: str, secret: str) -> Sample:
        """Return ``text``, in which ``secret`` stands."""
        before, _, after = text.partition(secret)
        return cls(before, secret, after)


def _joined(encode: Callable[[str], str]) -> Callable[[Sample], Sample]:
    return lambda sample: Sample(*map(encode, sample))


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _base64(sample: Sample, width: int = 0) -> Sample:
    """Encode all of it, in lines of ``width`` characters; characters that also hold a neighbour are not the secret."""
    start, end = len(sample.before.encode()), len((sample.before + sample.secret).encode())
    encoded = base64.b64encode(sample.text.encode()).decode()
    start, end = (start * 8 + 5) // 6, end * 8 // 6
    parts = Sample(encoded[:start], encoded[start:end], encoded[end:])
    if not width:
        return parts
    breaks = [sum(map(len, parts[:at])) for at in range(3)]
    return Sample(*(_wrapped(part, at, width) for part, at in zip(parts, breaks, strict=True)))


def _wrapped(part: str, at: int, width: int) -> str:
    return "".join(f"\n{char}" if (at + n) % width == 0 and at + n else char for n, char in enumerate(part))


ENCODINGS: dict[str, Callable[[Sample], Sample]] = {
    "plain": lambda sample: sample,
    "in a JSON string": _joined(_in_json),
    "in JSON in a JSON string": _joined(lambda text: _in_json(_in_json(text))),
    "URL-encoded": _joined(lambda text: quote(text, safe="")),
    "URL-encoded, in a path": _joined(quote),
    "base64": _base64,
    "base64 over lines": lambda sample: _base64(
        sample._replace(
            before="# A file that is long enough for several lines of base64, as it is wrapped by tools.\n"
            + sample.before
        ),
        76,
    ),
}


def leaks(sample: Sample, shown: str) -> list[str]:
    """Return what is left of the secret in ``shown``."""
    lines = [line for line in sample.secret.splitlines() if len(line) > 5] if "\n" in sample.secret else [sample.secret]
    return [part for line in lines for part in telling_parts(line) if part in shown]


def spoken(deltas: Sequence[str], then: str, sanitizer: Sanitizer) -> str:
    """Return what the log shows of ``deltas``; ``then`` comes between them: ``interrupt``, ``flush`` or nothing."""
    buffer = TextBuffer()
    pieces: list[Untrusted] = []
    for delta in deltas:
        pieces += buffer.add(Untrusted(delta))
        pieces += {"interrupt": buffer.interrupt, "flush": buffer.flush, "": list[Untrusted]}[then]()
    return "\n".join(sanitizer.clean(piece) for piece in (*pieces, *buffer.drain()))


def cut(sample: Sample, parts: int, random: Random) -> Iterator[str]:
    """Yield a text in so many parts, cut inside the secret and, if there are more than two, before it."""
    start, end = len(sample.before), len(sample.before) + len(sample.secret)
    inside = random.sample(range(start + 1, end), min(parts - 1, end - start - 1))
    if parts > 2 and start and random.random() < 0.5:
        inside[-1] = random.randrange(start + 1)
    cuts = [0, *sorted(inside), len(sample.text)]
    for one, other in pairwise(cuts):
        yield sample.text[one:other]
