r"""Secrets that only their names tell: assignments, flags, headers, passwords in URLs.

A name is found by one regular expression; what stands behind it is judged by plain rules, so that ``password: hunter2``
goes and ``token = parser.next()`` stays. Expressions are matched at a place or stop at characters that begin the next
match: text of any shape takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mogplex_ci.sanitize.patterns import compiled, occurrences

_FLAGS = re.ASCII | re.IGNORECASE
_ENDINGS = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "credentials", "key"),
    *("_pass", "-pass", "_auth", "-auth"),
)
"""How names of secrets end."""
_KEY = r"(?:api|access|account|auth|encryption|license|master|private|secret|service|shared|signing|ssh)[_.-]?key"
_NAME_ENDS = r"\d{0,2}(?![A-Za-z0-9_])"

_CLOSED = r"(?:\\*[\"'`]\]?|\])?"
_FLAG = r"(?:=|\\*[\"']?,?\s+)\\*[\"']?(?P<value>[^\s\"'`,\\]++)"
_ELEMENT = r">(?P<value>[^<\n]++)</"
_QUERY = r"=(?P<value>[^\s\"'`<>\\&;]++)"
_SHELL = r"=(?P<value>[^\s\"'`<>\\]++)"
_HEADER = r"\\*[\"']?:[ \t]*\\*[\"']?(?P<value>[^\s\"'`,;\\]++)"
_QUOTED = (
    rf"{_CLOSED}[ \t]*(?:=>|:=|=(?![=>~])|:(?!:))[ \t]*[rbuf]{{0,2}}(?:\"(?P<double>(?:[^\"\\\n]|\\.)*+)"
    r"|'(?P<single>(?:[^'\\\n]|\\.)*+)|\\+[\"'](?P<escaped>[^\"'\\\n]*+))"
)
_SETTING = _CLOSED + r"(?::(?!:)[ \t]?|=(?![=>~]))(?P<value>[^\s\"'`,;&<>(){}\[\]\\|]++)(?![(\[{])"
_STATEMENT = _CLOSED + r"[ \t]*(?:=>|:=|=(?![=>~])|:(?!:))[ \t]*(?P<value>[^\s\"'`,;&<>(){}\[\]\\|]++)(?![(\[{])"

_OTHERS = {
    "authorization": (
        r"authorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?"
        r"(?:(?:digest|aws4-hmac-sha256)[ \t]+(?P<parameters>[^\n\"']++)"
        r"|(?:(?P<scheme>[a-z0-9-]+)[ \t]+)?(?P<value>[^\s\"'`,;\\]++))"
    ),
    "bearer": r"\bbearer[ \t]+(?P<value>(?=[A-Za-z_~+/.-]*(?:\d|\.\w))[A-Za-z0-9._~+/-]{8,}+=*+)",
    "://": r"://(?:[^\s/:@\"'`<>]*+:(?P<value>[^\s/\"'`<>]+)|(?P<user>[\w-]{20,}+))@",
    "-u": r"(?<![\w-])-(?:u|-user)[ =][\"']?[^\s:\"']++:(?P<value>[^\s\"']++)",
}
"""What stands in the text, and what a secret next to it looks like."""

_PLACEHOLDER = r"\$[\w({]|<[\w .-]*>?$|\{|%(?:[({sdvr]|\w+%)|#\{|\W{0,4}\*\*\*|\*+$|\[?redacted|x{3,}$|\.{3}|…"
_PATH = r"(?:\.{0,2}|~)/[\w.@-]{0,30}(?:/[\w.@-]{0,30})*"
_MEMBER = r"[A-Za-z_]\w*(?:(?:\.|::|->|\?\.)[A-Za-z_]\w*)+"
_OBJECT = (
    r"(?:args|config|context|core|ctx|env|github|inputs|matrix|needs|options|opts|os|params|process|props|req|request|secrets|self"
    r"|settings|steps|this|vars)\b"
)
_WORD = (
    r"(?:an?|all|and|any|argument|as|at|auto|basic|be|bool|boolean|by|bytes|can|change|false|file|flag|for|from|has|if|in|inherit|input"
    r"|instead|int|is|key|may|missing|must|no|none|not|null|nil|number|object|of|on|option|optional|or|parameter|password|read|required"
    r"|secret|set|should|str|string|that|the|then|to|token|true|type|undefined|unset|use|value|via|was|when|which|will|with|without|write"
    r"|you|your)[.:!?,]*"
)
"""What stands behind a secret's name in prose and in types."""


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` values stand that their names call secret."""
    lower = _lower(text)
    for ending in _ENDINGS:
        for at in occurrences(ending, lower):
            yield from _behind(text, at, at + len(ending))
    for mark, pattern in _OTHERS.items():
        if mark in lower:
            for match in _compiled(pattern).finditer(text):
                value = match[match.lastgroup or 0]
                is_user_id = mark == "-u" and value.isdigit()
                if not (is_user_id or _compiled(_PLACEHOLDER).match(value) or _compiled(_WORD).fullmatch(value)):
                    yield match.span(match.lastgroup or 0)


def is_secret_name(name: str) -> bool:
    """Whether ``name``, the key of an object, calls its value a secret."""
    word = _lower(name).rstrip("0123456789")
    return word.endswith(_ENDINGS) and _is_name(word)


def is_secret_value(value: str, name: str) -> bool:
    """Whether the text ``value`` of an object's key ``name`` can be a secret: no placeholder, path or word of prose."""
    return _quoted(value, name.lower())


def _is_name(word: str) -> bool:
    return not word.endswith("key") or bool(_compiled(rf"{_KEY}$").search(word))


def _lower(text: str) -> str:
    """Return ``text`` in lower case and of the same length; only ``İ`` grows in lower case."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower()


def _behind(text: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Return the place of the secret behind the name that ends with ``text[at:end]``, if it is one and one is there."""
    start = _word_start(text, at)
    rest = compiled(_NAME_ENDS).match(text, end)
    if rest is None or not _is_name(text[start:end].lower()):
        return
    word = text[start : rest.end()]
    for pattern, judge in _rules(word, text[max(start - 1, 0) : start]):
        if match := _compiled(pattern).match(text, rest.end()):
            if judge(match[match.lastgroup or 0], word.lower()):
                yield match.span(match.lastgroup or 0)
            return


def _rules(word: str, before: str) -> Iterator[tuple[str, Callable[[str, str], bool]]]:
    """Return the forms in which a value can follow the name ``word``, each with its judge; the first to fit counts."""
    if before == "/":  # the user of a URL
        return
    if word.startswith("-"):
        yield _FLAG, _given
    if before == "<":
        yield _ELEMENT, _quoted
    if before in ("?", "&", ";"):
        yield _QUERY, _given
    yield _QUOTED, _quoted
    if word.isupper():
        yield _SHELL, _given
    if word.lower().startswith(("x-", "private-")):
        yield _HEADER, _given
    yield _SETTING, _set
    yield _STATEMENT, _stated


def _given(value: str, name: str) -> bool:
    """Judge a value that a shell, a URL or a header takes as it stands."""
    if len(value) < 3 or value.startswith("-"):
        return False
    if _compiled(_PLACEHOLDER).match(value) or _compiled(_WORD).fullmatch(value) or _compiled(_PATH).fullmatch(value):
        return False
    if _compiled(_OBJECT).match(value) and _compiled(_MEMBER).fullmatch(value):
        return False
    return not (value.isupper() and value.replace("_", "").isalpha())  # a stand-in, as in `--password PASSWORD`


def _quoted(value: str, name: str) -> bool:
    """Judge a value in quotes. That of a ``token`` may also be a word of some grammar, or a message about it."""
    if name.endswith(("token", "auth")) and (len(value) < 12 or " " in value) and not _has_digit(value):
        return False
    return _given(value, name)


def _set(value: str, name: str) -> bool:
    """Judge a value without quotes in configuration."""
    if _is_password(name) and value.isalpha() and value.islower() and "pass" not in value:
        return _given(value, name)
    return _stated(value, name)


def _stated(value: str, name: str) -> bool:
    """Judge a value without quotes that may also be code: a name, a number or a type is no secret."""
    value = value.rstrip(".:!?")
    if _compiled(_MEMBER).fullmatch(value) or not _has_digit(value) or not _given(value, name):
        return False
    if value.replace("_", "").replace(".", "").isdigit():
        return _is_password(name) and len(value) >= 4
    return len(value) >= (4 if _is_password(name) else 6)


def _has_digit(value: str) -> bool:
    return any("0" <= char <= "9" for char in value)


def _is_password(name: str) -> bool:
    return "pass" in name or "pwd" in name


def _word_start(text: str, end: int) -> int:
    start = end
    while start > max(0, end - 60) and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    return start


def _compiled(pattern: str) -> re.Pattern[str]:
    return compiled(pattern, _FLAGS)
