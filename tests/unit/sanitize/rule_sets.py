"""Rule sets of other secret scanners, and samples made from their expressions: what the formats are
measured against.

betterleaks' rules come with its package; those of gitleaks (``config/gitleaks.toml``) are read from
a clone.
"""

from __future__ import annotations

import random as randomness
import re
import string
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]  # private, but there is no other parser
from re import _parser as parser  # type: ignore[attr-defined]  # private, but there is no other parser
from typing import Any, NamedTuple

from mogplex_ci.sanitize.formats import Format

_NEARBY = re.compile(
    r"=\|>\|:\{1,3\}=|\[=:\|\]\{1,3\}|\[\\n\\r\]\)\{0,|\[\\s\\S\]\{0,|\.\{0,\d|\(\?:=>\|:=\|=\|:\)|\\s\)\{0,|secret\[|AccountKey"
)
"""Parts of expressions that look for a name near the secret."""
_NO_SECRETS = re.compile(
    r"(?:^|[-_.])(?:id|url|host|domain|user|account|username|public-key|cloud-name)(?:\b|$)"
    r"|:\w*(?:url|host|domain|user|id|mail|placeholder|FalsePos|tenant|portal|instance|keyName)\w*Pat"
    r"|^(?:couchbase|jdbc|ldap|postgres):",
    re.IGNORECASE,
)
"""Names of rules that find no secret: addresses, and ids that a user sees."""
_OBJECTS = re.compile(
    r"^(?:gcp|docker|nuget|kubernetes|azure-app-config|azureappconfig|azure-servicebus|gcpapplicationdefault|curl)"
)
"""Names of rules that find a whole object, file or command: what is secret in it has a name, see
``FORMS``.
"""


_URL = re.compile(r"\w[\w+]*://[\w.~!$&()*+,;=%-]*:[\w.~!$&()*+,;=:%-]+@", re.ASCII)
"""The start of a URL with a password; all other characters are escaped in one."""
_URLS = re.compile(r"uri:|mongodb|redis:|rabbitmq:|ftp:|generic-credential-uri")
"""Names of rules whose expressions match URLs, and much that is none."""


class Rule(NamedTuple):
    """One expression of a rule set."""

    name: str
    pattern: str
    """In Python's syntax."""
    is_named: bool
    """Whether the expression needs the name of a vendor or a word like "token" near the secret."""
    keyword: str
    """The word that it needs."""


class Sample(NamedTuple):
    """A text that a rule matches, and the secret in it."""

    text: str
    secret: str
    has_shape: bool
    """Whether three or more characters in a row, in or beside the secret, are always the same."""

    @property
    def is_plain(self) -> bool:
        """Whether the secret can be written in code, in a shell and in a file without escapes."""
        return not set(self.secret) & set(" \n\r\"'`\\\\")


@cache
def betterleaks() -> list[Rule]:
    """Return the rules in betterleaks' package, where they are part of the compiled library."""
    spec = find_spec("betterleaks")
    assert spec is not None
    assert spec.origin is not None
    library = Path(spec.origin).with_name("libbetterleaks.so").read_bytes()
    start = library.index(b'title = "betterleaks config"')
    end = library.index(b"\0", library.rindex(b"[[rules]]"))
    return gitleaks(library[start:end].decode())


def gitleaks(config: str) -> list[Rule]:
    """Return the rules of a configuration file of gitleaks or betterleaks."""
    rules = []
    for entry in tomllib.loads(config)["rules"]:
        if "regex" not in entry or _NO_SECRETS.search(entry["id"]) or _OBJECTS.search(entry["id"]):
            continue
        is_named = bool(_NEARBY.search(entry["regex"]))
        words = re.findall(r"[a-z]{3,}", (entry.get("keywords") or [entry["id"]])[0].lower())
        rules.append(
            Rule(entry["id"], _python(entry["regex"]), is_named, words[0] if words else "service")
        )
    return rules


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
            return Sample(text, match[match.lastindex] if match.lastindex else text, True)


def samples(rule: Rule, count: int, seed: int = 0) -> Iterator[Sample]:
    """Return texts that ``rule`` matches, made anew from its expression."""
    random = randomness.Random(f"{rule.name} {seed}")  # noqa: S311 - no real secret
    expression = re.compile(rule.pattern, re.IGNORECASE)
    made = 0
    for _ in range(count * 20):
        maker = _Maker(random)
        text = maker.make(_parsed(rule.pattern))
        match = expression.search(text)
        if match is None:
            continue
        groups = [group for group in match.groups() if group]
        secret = max(groups, key=len) if groups else match[0]
        if "password" in rule.pattern and groups:
            secret = match.groupdict().get("password") or groups[-1]
        if len(secret) < 6 or (_URLS.match(rule.name) and not _URL.match(text)):
            continue
        made += 1
        yield Sample(text, secret.strip(), maker.fixed >= 3)
        if made == count:
            return


class _Maker:
    """Makes texts from a parsed expression."""

    def __init__(self, random: randomness.Random) -> None:
        self._random = random
        self.before = ""
        """The text that the last assertion wants before the match."""
        self.fixed = 0
        """Length of the longest run of literal characters."""

    def make(self, nodes: Any) -> str:
        run = 0
        for kind, _ in nodes:
            run = run + 1 if kind is kinds.LITERAL else 0
            self.fixed = max(self.fixed, run)
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


_PYTHON = (
    *((r"\z", r"\Z"), ("[:alnum:]", "a-zA-Z0-9"), ("[:alpha:]", "a-zA-Z"), ("[:digit:]", "0-9")),
    *((r"\pL", "A-Za-z"), (r"\p{L}", "A-Za-z"), (r"\p{N}", "0-9")),
    *(("(?<", "(?P<"), ("(?P<=", "(?<="), ("(?P<!", "(?<!")),
)
"""Syntax of Go's expressions that Python's have not, in the order in which it is replaced."""


def _python(pattern: str) -> str:
    """Return a Go expression in Python's syntax, without the flags inside it: a sample is looked
    for in any case.
    """
    for go, python in _PYTHON:
        pattern = pattern.replace(go, python)
    return re.sub(r"\(\?[imsU-]+\)", "", pattern)
