"""Secrets made from the expressions of ``formats.tsv``."""

from __future__ import annotations

import random as randomness
import re
import string
from collections.abc import Callable
from functools import cache
from re import _constants as kinds  # type: ignore[attr-defined]  # private, but there is no other parser
from re import _parser as parser  # type: ignore[attr-defined]  # private, but there is no other parser
from typing import Any, NamedTuple

from mogplex_ci.sanitize.formats import Format


class Sample(NamedTuple):
    """A text that a format matches, and the secret in it."""

    text: str
    secret: str


def of_format(known: Format, prefix: str, seed: int = 0) -> Sample:
    """Return a secret of this format: characters of its alphabet, or what its expression matches
    behind ``prefix``.

    Letters are added to what stands before the prefix, up to the most that belongs to the secret.
    """
    random = randomness.Random(f"{known.secret} {prefix} {seed}")  # noqa: S311 - no real secret
    while True:
        maker = _Maker(random)
        body = maker.make(_parsed(known.pattern, re.ASCII))
        before = maker.before[
            : -len(prefix)
        ]  # the assertion ends with the prefix, or with as many dots
        if not (known.before or maker.before.endswith(prefix)):
            before = ""  # it is about something else
        before = ("abcdef" * 9)[: max(int(known.before or 0) - len(before), 0)] + before
        text = before + prefix + body
        match = re.compile(known.pattern, re.ASCII).match(text, len(before + prefix))
        if match and match.end() == len(text):
            return Sample(text, match[match.lastindex] if match.lastindex else text)


class _Maker:
    """Makes texts from a parsed expression."""

    def __init__(self, random: randomness.Random) -> None:
        self._random = random
        self.before = ""
        """The text that the last assertion wants before the match."""

    def make(self, nodes: Any) -> str:
        return "".join(self._one(kind, argument) for kind, argument in nodes)

    def _one(self, kind: Any, argument: Any) -> str:
        """Return a text that one node of an expression matches."""
        makers: dict[Any, Callable[[Any], str]] = {
            kinds.LITERAL: chr,
            kinds.NOT_LITERAL: self._other_than,
            kinds.ANY: lambda _: ".",  # mostly a full stop that was not escaped
            kinds.IN: lambda characters: self._random.choice(members(characters)),
            kinds.BRANCH: lambda branch: self.make(self._random.choice(branch[1])),
            kinds.MAX_REPEAT: self._repeated,
            kinds.MIN_REPEAT: self._repeated,
            kinds.POSSESSIVE_REPEAT: self._repeated,
            kinds.SUBPATTERN: lambda group: self.make(group[3]),
            kinds.ATOMIC_GROUP: self.make,
            kinds.ASSERT: self._asserted,
        }
        make = makers.get(kind)
        return make(argument) if make else ""  # anchors and other assertions

    def _other_than(self, code: int) -> str:
        return self._random.choice([char for char in _TEXT if ord(char) != code])

    def _repeated(self, argument: Any) -> str:
        least, most, inner = argument
        if most >= 30 and inner[0][0] is kinds.IN and len(members(inner[0][1])) > 9:
            least = max(least, 16 if most is kinds.MAXREPEAT else 8)
        most = min(int(most), least + (12 if least > 3 else 2))
        return "".join(self.make(inner) for _ in range(self._random.randint(least, most)))

    def _asserted(self, argument: Any) -> str:
        """Remember what has to stand before; what has to follow is left to chance."""
        direction, inner = argument
        if direction < 0:
            self.before = self.make(inner)
        return ""


_TEXT = string.ascii_letters + string.digits


def members(argument: Any) -> list[str]:
    """Return the characters of a set, at least one."""
    kind, _ = argument[0]
    if kind is kinds.NEGATE:
        out = {char for item in argument[1:] for char in members([item])}
        return [char for char in _TEXT if char not in out] or ["~"]
    found: list[str] = []
    for kind, value in argument:
        if kind is kinds.LITERAL:
            found.append(chr(value))
        elif kind is kinds.RANGE:
            found += map(chr, range(value[0], min(value[1], 0x7E) + 1))
        elif kind is kinds.CATEGORY:
            found += _CATEGORIES[value]
    return found


_CATEGORIES: dict[Any, str] = {
    kinds.CATEGORY_DIGIT: string.digits,
    kinds.CATEGORY_WORD: _TEXT + "_",
    kinds.CATEGORY_SPACE: " ",
    kinds.CATEGORY_NOT_SPACE: _TEXT,
    kinds.CATEGORY_NOT_DIGIT: string.ascii_letters,
    kinds.CATEGORY_NOT_WORD: " ",
}


@cache
def _parsed(pattern: str, flags: int = 0) -> Any:
    return parser.parse(pattern, flags)
