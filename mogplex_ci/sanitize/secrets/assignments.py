r"""Secrets that only their names tell: assignments, flags, headers, passwords in URLs.

A name is found by one regular expression; what stands behind it is judged by plain rules, so that ``password: hunter2``
goes and ``token = parser.next()`` stays. Expressions are matched at a place or stop at characters that begin the next
match: text of any shape takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

_FLAGS = re.ASCII | re.IGNORECASE
_ENDINGS = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "credentials", "key"),
    *("_pass", "-pass", "_auth", "authorization"),
)
"""How names of secrets end."""
_KEY = r"(?:api|access|account|auth|encryption|license|master|private|secret|service|shared|signing|ssh)[_.-]?key"
_NAME_ENDS = r"\d{0,2}(?![A-Za-z0-9_])"

_CLOSED = r"(?:\\*[\"'`]\]?|\])?"
_OPERATOR = r"[ \t]*(?:=>|:=|=(?![=>~])|:(?!:))[ \t]*"
_PLAIN = r"[^\s\"'`\\]"
_CODE = r"[^\s\"'`,;&<>(){}\[\]\\|]"
_MOST_JUDGED = 300
"""Characters of a value that are looked at before it is called a secret; then all of it is."""


class Form(NamedTuple):
    """How a value follows a name: what leads to it, what it is made of, and whether such a value is a secret."""

    lead: str
    chars: str
    judge: Callable[[str, str], bool]


_SCHEMES = r"(?:bearer|basic|token|api-?key|dpop|hawk|key|negotiate|ntlm|oauth)"
_OTHERS = {
    "authorization": (
        r"authorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?(?:digest|aws4-hmac-sha256)[ \t]+"
        r"[^\n]{0,500}?(?:response|signature)=\\*[\"']?(?P<value>[\w+/=-]++)"
    ),
    "bearer": r"\bbearer[ \t]+(?P<value>(?=[A-Za-z_~+/.-]*(?:\d|\.\w))[A-Za-z0-9._~+/-]{8,}+=*+)",
    "://": r"://(?:[^\s/:@\"'`<>]*+:(?P<value>[^\s/\"'`<>]+)|(?P<user>[\w-]{20,}+))@",
    "-u": r"(?<![\w-])-(?:u|-user)[ =][\"']?[^\s:\"']{1,100}+:(?P<value>[^\s\"']++)",
}
"""What stands in the text, and what a secret next to it looks like."""

_PLACEHOLDER = (
    r"\$[\w({]|<[\w .-]*>?$|\{|%(?:[({sdvr]|\w+%)|#\{|\W{0,4}\*\*\*|\*+$|\[?redacted|x{3,}$|\.{3}|…|&lt;|arn:aws"
    r"|(?:basic|bearer|token) *(?:[{$%<]|$)"
    r"|[a-z]+(?:[-_ ][a-z]+)*[-_ ](?:token|key|password|secret|here)$"
)
_PATH = r"(?:\.{0,2}|~)/[\w.@-]{0,30}(?:/[\w.@-]{0,30})*"
_MEMBER = r"[A-Za-z_]\w*(?:(?:\.|::|->|\?\.)[A-Za-z_]\w*)+"
_SENTENCE = r"[A-Z][a-z']*(?: [\w'()-]+,?)+[.:!?]"
_NAMES = r"[A-Za-z_.: ]*"
_OBJECT = (
    r"(?:args|config|context|core|ctx|env|github|inputs|matrix|needs|options|opts|os|params|process|props|req|request|secrets|self"
    r"|settings|steps|this|vars)\b"
)
_WORD = (
    r"(?:an?|all|and|any|argument|as|at|auto|basic|be|bearer|bool|boolean|by|bytes|can|change|digest|false|file|flag|for|from|has|if|in|inherit|input"
    r"|instead|int|is|key|may|missing|must|no|none|not|null|nil|number|object|of|on|option|optional|or|parameter|password|read|required"
    r"|secret|set|should|str|string|that|the|then|to|token|true|type|undefined|unset|use|value|via|void|was|when|which|will|with|without|write"
    r"|you|your)[.:!?,]*"
)
"""What stands behind a secret's name in prose and in types."""


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` values stand that their names call secret."""
    lower = _lower(text)
    for ending in _ENDINGS:
        done = 0
        for name in re.finditer(re.escape(ending), lower):
            if name.start() >= done and (place := _behind(text, *name.span())):
                yield place
                done = place[1]
    for mark, pattern in _OTHERS.items():
        if mark in lower:
            for match in _compiled(pattern).finditer(text):
                value = match[match.lastgroup or 0]
                if _given(value, mark) and not (mark == "-u" and value.isdigit()):
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


def _behind(text: str, at: int, end: int) -> tuple[int, int] | None:
    """Return the place of the secret behind the name that ends with ``text[at:end]``, if it is one and one is there."""
    start = _word_start(text, at)
    before = text[max(start - 1, 0) : start]
    rest = _compiled(_NAME_ENDS, re.ASCII).match(text, end)
    if rest is None or not _is_name(text[start:end].lower()):
        return None
    if before == "/" or (before == ":" and ":" in (text[max(start - 2, 0) : start - 1], text[end : end + 1])):
        return None  # a URL's user, a C++ or CloudFormation type, a part of an ARN
    word = text[start : rest.end()]
    for form in _forms(word, before):
        judged, remainder = _expressions(form)
        match = judged.match(text, rest.end())
        if match is None:
            continue
        is_call = form.chars == _CODE and text[match.end() : match.end() + 1] in ("(", "[", "{")
        if is_call or not form.judge(match[1], word.lower()):
            return None
        whole = remainder.match(text, match.end())
        return match.start(1), whole.end() if whole else match.end()
    return None


def _forms(word: str, before: str) -> Iterator[Form]:
    """Return the forms in which a value can follow the name ``word``; the first that fits counts."""
    if word.startswith("-"):
        yield from _FLAG
    if before == "<":
        yield _ELEMENT
    if before in ("?", "&", ";"):
        yield _QUERY
    if word.lower().endswith("authorization"):
        yield _AUTHORIZATION
    yield from _IN_QUOTES
    if word.isupper():
        yield _VARIABLE
    if word.lower().startswith(("x-", "private-")):
        yield _HEADER
    yield from _BARE


@cache
def _expressions(form: Form) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds the judged part of a value behind its name, and what finds the rest of it."""
    judged = _compiled(rf"{form.lead}((?:{form.chars}){{1,{_MOST_JUDGED}}}+)")
    return judged, _compiled(rf"(?:{form.chars})*+")


def _given(value: str, name: str) -> bool:
    """Judge a value that a shell, a URL or a header takes as it stands."""
    if len(value) < 3:
        return False
    if _compiled(_PLACEHOLDER).match(value) or _compiled(_WORD).fullmatch(value) or _compiled(_PATH).fullmatch(value):
        return False
    if _compiled(_OBJECT).match(value) and _compiled(_MEMBER).fullmatch(value):
        return False
    stand_in = value.rstrip("])}>.,;:")  # as in `--password PASSWORD`, or another constant
    return not (stand_in.isupper() and stand_in.isidentifier() and (stand_in.isalpha() or "_" in stand_in))


def _flagged(value: str, name: str) -> bool:
    """Judge what follows a flag; it may be the next flag."""
    return not value.startswith("-") and _given(value, name)


def _quoted(value: str, name: str) -> bool:
    """Judge a value in quotes. That of a ``token`` may also be a name, a version, or a message about a word."""
    if value.startswith((",", ")", "]")):  # the quote ended some other text
        return False
    if name.endswith(("token", "auth")) and (_compiled(_NAMES).fullmatch(value) or _is_number(value)):
        return False
    return _given(value, name) and not _compiled(_SENTENCE, re.ASCII).fullmatch(value)


def _set(value: str, name: str) -> bool:
    """Judge a value without quotes in configuration."""
    if _is_password(name) and value.isalpha() and value.islower() and len(value) >= 6 and "pass" not in value:
        return _given(value, name)
    return _stated(value, name)


def _stated(value: str, name: str) -> bool:
    """Judge a value without quotes that may also be code: a name, a number or a type is no secret."""
    value = value.rstrip(".:!?")
    if _compiled(_MEMBER).fullmatch(value) or not _has_digit(value) or not _given(value, name):
        return False
    if _is_number(value):
        return _is_password(name) and len(value) >= 4
    return len(value) >= (4 if _is_password(name) else 6)


def _is_number(value: str) -> bool:
    return value.replace("_", "").replace(".", "").isdigit()


def _has_digit(value: str) -> bool:
    return any("0" <= char <= "9" for char in value)


def _is_password(name: str) -> bool:
    return "pass" in name or "pwd" in name


def _word_start(text: str, end: int) -> int:
    start = end
    while start > max(0, end - 60) and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    return start


@cache
def _compiled(pattern: str, flags: re.RegexFlag = _FLAGS) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, flags)


_FLAG = (Form(r"(?:=|\s+)\\*[\"']?", _PLAIN, _flagged), Form(r"\\*[\"'],?\s+\\*[\"']", _PLAIN, _flagged))
_ELEMENT = Form(r">(?=[^<\n]{0,300}</)", r"[^<\n]", _quoted)
_QUERY = Form("=", _CODE, _given)
_AUTHORIZATION = Form(rf"{_CLOSED}{_OPERATOR}\\*[\"']?{_SCHEMES}[ \t]+", _CODE, _given)
_IN_QUOTES = (
    Form(rf"{_CLOSED}{_OPERATOR}[rbuf]{{0,2}}\"", r"[^\"\\\n]|\\.", _quoted),
    Form(rf"{_CLOSED}{_OPERATOR}[rbuf]{{0,2}}'", r"[^'\\\n]|\\.", _quoted),
    Form(rf"{_CLOSED}{_OPERATOR}\\+[\"']", r"[^\"'\\\n]", _quoted),
)
_VARIABLE = Form("=", r"[^\s\"'`<>\\]", _given)
_HEADER = Form(r"\\*[\"']?:[ \t]*\\*[\"']?", _CODE, _given)
_BARE = (
    Form(_CLOSED + r"(?::(?!:)[ \t]?|=(?![=>~]))", _CODE, _set),
    Form(_CLOSED + _OPERATOR, _CODE, _stated),
)
