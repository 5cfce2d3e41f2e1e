"""How much is shown of secrets that reach a log in different ways: as they are, encoded, or in
parts.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle, pairwise
from random import Random
from typing import NamedTuple
from urllib.parse import quote

from mogplex_ci.run.agent_text import Piece, TextBuffer
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.formats import formats
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.rule_sets import Rule
from tests.unit.sanitize.secret_samples import (
    FORMS,
    NAMED,
    PASSWORD,
    STANDALONE,
    formed,
    name_for,
    seeded,
    telling_parts,
)

SANITIZER = Sanitizer()


class Sample(NamedTuple):
    """A text with a secret in it, and the kind of the secret."""

    before: str
    secret: str
    after: str
    kind: str

    @property
    def text(self) -> str:
        """All of it."""
        return self.before + self.secret + self.after

    @classmethod
    def of(cls, text: str, secret: str, kind: str) -> Sample:
        """Return ``text``, in which ``secret`` stands; of a URL and of a cookie the last part is
        secret.
        """
        secret = (
            secret.rpartition("/")[2]
            if secret.startswith("https://")
            else secret.removeprefix("_gitlab_session=")
        )
        before, _, after = text.partition(secret)
        return cls(before, secret, after, kind)

    def encoded(self, encode: Callable[[str], str]) -> Sample:
        """Return all parts encoded."""
        return Sample(encode(self.before), encode(self.secret), encode(self.after), self.kind)


def listed(seed: int) -> Iterator[Sample]:
    """Yield secrets of every prefix of every format, in a sentence."""
    for known in formats():
        for prefix in known.prefixes:
            sample = rule_sets.of_format(known, prefix, seed)
            yield Sample.of(
                f"The agent read {sample.text} and went on.",
                sample.secret,
                f"{known.secret}, {prefix}",
            )


def shaped(rules: list[Rule], seed: int) -> Iterator[Sample]:
    """Yield secrets with a shape of their own that others describe, in a sentence."""
    for kind, make in STANDALONE.items():
        if "PRIVATE KEY" not in (secret := make(seeded(seed))):
            yield Sample.of(f"The agent read {secret} and went on.", secret, kind)
    for rule in rules:
        for sample in rule_sets.samples(rule, 2, seed) if not rule.is_named else ():
            if sample.has_shape and sample.is_plain:
                yield Sample.of(
                    f"The agent read {sample.text} and went on.", sample.secret, rule.name
                )


def named(rules: list[Rule], seed: int) -> Iterator[Sample]:
    """Yield secrets that only their names tell, each in one of the forms."""
    for kind, (template, make) in NAMED.items():
        secret = make(seeded(seed))
        yield Sample.of(template.format(secret), secret, kind)
    forms = [form for form in FORMS if form not in ("base64", "URL")]
    for form in forms:
        yield Sample.of(formed(secret := PASSWORD(seeded(seed)), form, "db_password"), secret, form)
    following = cycle(forms)
    for rule in rules:
        for sample in rule_sets.samples(rule, 1, seed) if rule.is_named else ():
            if sample.is_plain:
                form = next(following)
                text = formed(sample.secret, form, name_for(rule.keyword, rule.name))
                yield Sample.of(text, sample.secret, f"{rule.name}, {form}")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _base64(sample: Sample, width: int = 10**6) -> Sample:
    """Encode all of it, in lines of ``width`` characters; characters that also hold a neighbour are
    not the secret.
    """
    start, end = len(sample.before.encode()), len((sample.before + sample.secret).encode())
    encoded = base64.b64encode(sample.text.encode()).decode()
    cuts = (0, (start * 8 + 5) // 6, end * 8 // 6, len(encoded))
    before, secret, after = (
        "".join(f"\n{encoded[at]}" if at and at % width == 0 else encoded[at] for at in range(*cut))
        for cut in pairwise(cuts)
    )
    return Sample(before, secret, after, sample.kind)


_FILE = "# A file that is long enough for several lines of base64, as it is wrapped by tools.\n"
ENCODINGS: dict[str, Callable[[Sample], Sample]] = {
    "plain": lambda sample: sample,
    "in a JSON string": lambda sample: sample.encoded(_in_json),
    "in JSON in a JSON string": lambda sample: sample.encoded(
        lambda text: _in_json(_in_json(text))
    ),
    "URL-encoded": lambda sample: sample.encoded(lambda text: quote(text, safe="")),
    "URL-encoded, in a path": lambda sample: sample.encoded(quote),
    "escaped in Markdown": lambda sample: sample.encoded(
        lambda text: re.sub(r"([\\`*_])", r"\\\1", text)
    ),
    "in base64": _base64,
    "in base64 over lines": lambda sample: _base64(
        sample._replace(before=_FILE + sample.before), 76
    ),
}
PARTS = {
    "in two parts, a pause between": (2, "flush"),
    "in two parts, a tool call between": (2, "interrupt"),
    "in three parts, tool calls between": (3, "interrupt"),
}


def is_looked_for(sample: Sample, way: str) -> bool:
    """Whether the log looks for the secret: not behind a name that is escaped twice, in a text that
    is escaped once more.
    """
    return way not in ENCODINGS or way == "plain" or "JSON in JSON" not in sample.kind


def leak(sample: Sample, way: str) -> str:
    """Return what a log shows of ``sample`` that comes this ``way``; empty when nothing of the
    secret is in it.
    """
    if way in ENCODINGS:
        sample = ENCODINGS[way](sample)
        shown: str = SANITIZER.clean(Untrusted(sample.text))
    else:
        parts, then = PARTS[way]
        sample = sample._replace(
            before=f"I look at it.\n{sample.before}", after=f"{sample.after}\nDone."
        )
        shown = spoken(list(_cut(sample, parts)), then)
    lines = [line for line in sample.secret.splitlines() if len(line) > 5]
    return shown if any(part in shown for line in lines for part in telling_parts(line)) else ""


def spoken(deltas: list[str], then: str) -> str:
    """Return what the log shows of ``deltas``; ``then`` comes between them: ``interrupt``,
    ``flush`` or nothing.
    """
    buffer = TextBuffer(SANITIZER.redactor)
    pieces: list[Piece] = []
    for delta in deltas:
        pieces += buffer.add(Untrusted(delta))
        if then == "flush":
            pieces += buffer.flush()
        elif then:
            pieces += buffer.interrupt(ends_message=True)
    return "\n".join(_clean(piece.words) for piece in (*pieces, *buffer.drain()))


@cache
def _clean(piece: Untrusted) -> str:
    return SANITIZER.clean(piece)


def _cut(sample: Sample, parts: int) -> Iterator[str]:
    """Yield a text in so many parts, cut inside the secret and, if there are more than two, also
    before it.
    """
    random = Random(sample.text)  # noqa: S311 - no real secret
    start, end = len(sample.before), len(sample.before) + len(sample.secret)
    cuts = random.sample(range(start + 1, end), parts - 1)
    if parts > 2 and random.random() < 0.5:
        cuts[-1] = random.randrange(1, start + 1)
    for one, other in pairwise([0, *sorted(cuts), len(sample.text)]):
        yield sample.text[one:other]
