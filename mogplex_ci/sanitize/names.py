"""Secrets that only their names give away: assignments, flags, headers, commands, passwords in URLs.

Where a name of a secret ends, ``_GAP`` says what may stand between it and a value, and ``_Doubt`` how much the value
must look like a secret: ``password: hunter2`` holds one, ``token = parser.next()`` does not. Every expression is
matched at one place and reads a bounded number of characters, or stops where the next match may begin: any text takes
linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import cache

from mogplex_ci.sanitize.formats import word_start

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|(?<=[_-])(?:pass|pat|auth)|(?<=\")auth(?=\")|pwd|(?<![a-z])psw|secret"
    r"|(?<!publickey)token|credentials?|authorization|key)\d{0,2}(?=[\"'`\]*?&\s:=.|+<>\\]|\Z)"
)
"""How names of secrets end, in lower case, and what may follow one; .NET's PublicKeyToken is none."""
_NAME_STARTS = ("pass", "pwd", "psw", "secret", "token", "credential", "key", "auth", "pat")
"""One of them begins every match of ``_NAME``."""
_OPENING_KEYS = (
    *("access", "account", "admin", "api", "apim", "app", "application", "auth", "bot", "client", "consumer"),
    *("customer", "deploy", "encryption", "function", "functions", "gateway", "hmac", "integration", "master"),
    *("merchant", "private", "root", "routing", "secret", "security", "server", "service", "session", "shared"),
    *("signing", "ssh", "storage", "subscription", "webhook", "write"),
)
"""Words before a ``key`` that opens something; others sort, cache or press."""
_HEADER = r"(?<![a-z])x-[a-z-]{1,12}-\Z"

_QUOTE = r"[rbuf@]{0,2}([\"'`])"
_TYPE = rf"\??[ \t]?:?[ \t]?&?[a-z_][\w.\[\]<>|?*]{{0,40}}+(?:[ \t]\|[ \t]\w{{1,20}}){{0,2}}(?=[ \t]?:?=[ \t]?{_QUOTE})"
_OPERATOR = r"(?P<space>[ \t]*)(?P<operator>=>|[.:?|+]{0,3}=(?![=>~])|:(?!:)\*{0,2})[ \t]*"
_FALLBACK = r"[\w.]{1,60}+[ \t](?:\|\||\?\?|or)[ \t](?=[\"'`])"
_GAP = (
    rf"(?P<assigned>(?:[\"'`]\]?|\]|\*{{1,2}})?(?:{_TYPE})?{_OPERATOR}(?:{_FALLBACK})?)"
    r"|(?P<pair>[\"'][\s,]{1,60}[\"']?value[\"']?[ \t]{0,4}[:=][ \t]{0,4}"
    r"|[\"']?[ \t]*\n[ \t]*value:[ \t]*|</[\w.-]{1,40}>\s{0,60}<[\w.-]{1,40}>)"
    r"|(?P<element>>\s{0,60}(?:<!\[CDATA\[)?)"
    rf"|(?P<argument>[\"'][ \t]*,?[ \t]*(?={_QUOTE}))"
    r"|(?P<word>(?:[ \t]|\\\n)+)"
)
"""Text between the end of a name and a value, or the quote before it."""
_SCHEME = r"(?:(bearer|basic|token|api-?key|dpop|hawk|key|negotiate|ntlm|oauth)|[a-z][\w-]{0,30})[ \t]+"
_CHARS = {
    '"': r"(?:[^\"\\\n]|\\.)",
    "'": r"(?:[^'\\\n]|\\.)",
    "`": r"[^`\\\n]",
    "element": r"[^<\]\n]",
    "shell": r"[^\s\"'`<>\\]",
    "code": r"[^\s\"'`,;&<>(){}\[\]\\|]",
}
"""Characters of a value, by the quote before it or by its place."""
_JUDGED = {place: f"{char}{{1,{300 if len(place) == 1 else 64}}}+" for place, char in _CHARS.items()}
"""Characters of a value that are looked at before it is called a secret; then all of it is."""

_ON = r"(?:(?!\b(?:curl|mysql|mariadb|sshpass|redis-cli|login)\b)(?:[^\n\\]|\\.|\\\n)){0,200}?"
"""More of a command, up to the next one."""
_USER = r"(?:-u|--user|--proxy-user)(?:[ \t=]{1,9}|(?=[\w\"']))[\"']?[^\s:\"']{1,100}+:"
_WORD = r"[\"']?(?P<value>[^\s\"'`\\]++)"
_LOGIN = r"\b(?:docker|podman|buildah|skopeo|helm|oras|crane|nerdctl|az)\b[^\n]{0,60}? login\b"
_MYSQL = r"\b(?:mysql\w{0,8}|mariadb\w{0,8}|sshpass)\b"
COMMANDS = {
    "authorization": (
        r"authorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:digest|aws4-hmac-sha256)[ \t]+"
        rf"[^\n]{{0,500}}?(?:response|signature)={_WORD}"
    ),
    "bearer": r"\bbearer[ \t]+(?P<value>(?=[A-Za-z_~+/.-]{0,200}(?:\d|\.\w))[A-Za-z0-9._~+/-]{8,}+=*+)",
    "://": r"://(?:[^\s/:@\"'`<>()\[\]{}]{0,200}+:(?P<value>[^\s/\"'`<>]{1,500})|(?P<user>[\w-]{20,200}+))@",
    "curl": rf"\bcurl\b{_ON}[ \t]{_USER}{_WORD}",
    "-u": rf"(?<![\w-]){_USER}(?P<likely>(?!\d+(?:\s|\Z))[^\s\"']++)",
    " login": rf"{_LOGIN}{_ON}[ \t]-p[ =]?{_WORD}",
    " -p": rf"{_MYSQL}{_ON}(?:(?<=sshpass)[ \t]{{1,4}}-p[ \t]{{0,4}}|[ \t]-p){_WORD}",
    "redis-cli": rf"\bredis-cli\b{_ON}[ \t]-a[ \t]{{1,4}}{_WORD}",
    "login": r"\blogin\s{1,9}\S{1,100}\s{1,9}passw(?:or)?d\s{1,9}(?P<likely>\S++)",
    " is ": (
        r"(?<!\S)(?P<likely>\S{8,}+) is (?:the|my|your|our|its|a) (?:\w{1,20} ){0,2}"
        r"(?:password|passphrase|secret|token|key)\b"
    ),
}
"""Words that a text must have, in lower case, and the expression that is then searched; a named group is the secret."""
_COOKIES = r"cookie[\"']?[ \t]*[:=][ \t]*[\"']?(?P<pairs>[^\n\"']{1,4000})"
_COOKIE = (
    r"(?<=[;\s=:\"'])(?!(?:path|domain|expires|max-age|samesite|version)=)[^=;\s]{1,200}+="
    r"(?P<value>(?=[^;\s\d]{0,300}\d)[^;\s\\]{8,})"
)

_STAND_IN = (
    r"\$[\w({]|\{|\(|%(?:[({sdvr]|\w{1,60}%)|#\{|<[\w .-]{0,60}>?\Z|[a-z]{1,20} +[{$%<]"  # filled in
    r"|\W{0,4}\*\*\*|\*+\Z|\[?redacted|x{3,}\Z|\.{3}|…"  # left out
    r"|[a-z_ -]{0,80}(?:token|key|passw(?:or)?d|secret|here|credentials?)(?: \W+)?\Z"  # the name again
    r"|arn:aws|id=|(?:#|0x)[0-9a-f]{3,8},?\Z|--[a-z][a-z-]*\Z|(?:\.{0,2}|~)/[\w.@-]{0,30}(?:/[\w.@-]{0,30})*\Z"
    r"|(?:[\w.-]{1,60}:){0,3}[\^~<>=v ]*\d+(?:\.[\dx*]+){1,3}(?:[-+][\w.+-]*)?(?::[a-z]{4,10})?\Z"  # a version
    r"|(?:[a-z]{1,5}|argument|bearer|boolean|change|digest|include|inherit|instead|missing|number|object|option|optional"
    r"|parameter|passw(?:or)?d\d?|required|same-origin|should|string|undefined|without)[.:!?,]*\Z"
    r"|(?-i:[A-Z]+|[A-Z][A-Z0-9]*_[A-Z0-9_]*)[\])}>.,;:]*\Z"  # a constant
    r"|(?:args|config|context|core|ctx|env|github|inputs|matrix|needs|options|opts|os|params|process|props|req|request"
    r"|secrets|self|settings|steps|this|vars)(?:\.|->|\?\.)[a-z_]"
)
"""Placeholders, colours, options, paths, versions, constants, members of objects, and words of prose or code."""
_MEMBER = r"[a-z_]\w{0,30}(?:(?:\.|::|->|\?\.)[a-z_]\w{0,30})+"
_OPERAND = r" (?:\?|\|\||&&|[+*/:-] |[=!]=|is|in|or|if)"
_OTHER_TEXT = r"[,)\]`]|\s+(?:[+%.&|?<>=!:-]|and |or )|(?-i:[A-Z])[a-z']*(?: [\w'()-]+,?)+[.:!?]\Z"
"""Text behind a quote that ended another text, and a sentence."""
_OPAQUE = r"[^;,\"'`(){}\\]+"


class _Doubt(IntEnum):
    """How much a value must look like a secret."""

    NONE = 0
    """A shell, a URL or a header takes it as it stands."""
    TEXT = 1
    """It is text in quotes, which may also be a message or the name of something."""
    WORD = 2
    """It may also be a name, a number or a type, but only a password is a word."""
    CODE = 3
    """It may also be a name, a number or a type."""


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` values stand that their names call secret."""
    lower = _lower(text)
    done = 0
    for name in _names(lower):
        if name.start() >= done and (place := _behind(text, *name.span())):
            yield place
            done = place[1]
    for mark, pattern in COMMANDS.items():
        for match in _compiled(pattern).finditer(text) if mark in lower else ():
            group = match.lastgroup or ""
            if _is_secret(match[group], "password", _Doubt.CODE if group == "likely" else _Doubt.NONE):
                yield match.span(group)
    for header in _compiled(_COOKIES).finditer(text) if "cookie" in lower else ():
        for pair in _compiled(_COOKIE).finditer(text, *header.span("pairs")):
            if _is_secret(pair["value"], "cookie", _Doubt.NONE):
                yield pair.span("value")


def is_secret_name(name: str) -> bool:
    """Whether ``name``, the key of an object, calls its value a secret."""
    lower = _lower(name[-100:])
    return any(end.end() == len(lower) for end in _names(lower))


def is_secret_value(value: str, name: str) -> bool:
    """Whether the text ``value`` of an object's key ``name`` can be a secret: no placeholder, path or word of prose."""
    return _is_secret(value, name.lower(), _Doubt.TEXT)


def _names(lower: str) -> Iterator[re.Match[str]]:
    """Return the ends of names of secrets, in order.

    As ``finditer``, which is slower: it tries the expression at every character.
    """
    end = 0
    for at in sorted(at for start in _NAME_STARTS for at in occurrences(start, lower)):
        if at >= end and (match := _compiled(_NAME).match(lower, at)):
            end = match.end()
            if lower[at] != "k" or _opens(lower[max(at - 20, 0) : at]):
                yield match


def _opens(before: str) -> bool:
    """Whether a key behind ``before`` opens something."""
    words = before[:-1] if before.endswith(("_", ".", "-", " ")) else before
    return words.endswith(_OPENING_KEYS) or bool(before.endswith("-") and _compiled(_HEADER).search(before))


def occurrences(part: str, text: str) -> Iterator[int]:
    """Return where ``part`` stands in ``text``, overlaps included."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _lower(text: str) -> str:
    """Return ``text`` in lower case and of the same length; only ``İ`` grows in lower case."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower()


def _behind(text: str, at: int, end: int) -> tuple[int, int] | None:
    """Return the place of the secret behind the name that ends with ``text[at:end]``, if one is there."""
    gap = _compiled(_GAP).match(text, end)
    if gap is None:
        return None
    start = word_start(text, at, 60, "-.")
    word, before = text[start:end], text[max(start - 9, 0) : start]
    if before.endswith(("/", "::")) or (before.endswith(":") and text[end] == ":"):
        return None  # a URL's user, a C++ or CloudFormation type, a part of an ARN
    quote = _compiled(_QUOTE).match(text, gap.end())
    here = quote.end() if quote else gap.end()
    expected = _expected(word, before, gap, quote[1] if quote else "")
    name = word.lower()
    if name.endswith("authorization") and (scheme := _compiled(_SCHEME).match(text, here)):
        here, expected = scheme.end(), (_Doubt.NONE if scheme[1] else _Doubt.CODE, "code")
    if expected is None:
        return None
    doubt, chars = expected
    value = _compiled(_JUDGED[chars]).match(text, here)
    if value is None:
        return _block(text, start, gap.end())
    if word.startswith("-") and gap["word"] and value[0].startswith("-"):
        return None  # the next option
    if chars in ("code", "shell") and _is_code_or_prose(value[0], text[value.end() : value.end() + 3]):
        return None
    if not _is_secret(value[0], name, doubt):
        return None
    rest = _compiled(f"{_CHARS[chars]}*+").match(text, value.end())
    return here, rest.end() if rest else value.end()


def _expected(word: str, before: str, gap: re.Match[str], quote: str) -> tuple[_Doubt, str] | None:
    """Return how much to doubt a value behind ``gap``, and what it is made of; None if there is none."""
    is_flag = word.startswith("-")
    match gap.lastgroup:
        case "element":
            is_group = before.endswith(("P<", "?<"))  # of a regular expression
            return (_Doubt.TEXT, "element") if before.endswith("<") and not is_group and quote != "`" else None
        case "pair":
            return _Doubt.NONE, quote or "code"
        case "argument":
            doubt = _Doubt.NONE if is_flag else _Doubt.CODE
            return (doubt, quote) if is_flag or before[:-1].rstrip().endswith("(") else None
        case "word":
            doubt = _Doubt.CODE if before.endswith(" set ") or word == "--auth" else _Doubt.NONE
            is_known = is_flag or before.endswith(("ENV ", "ARG ", "setx ", "setenv ", " set "))
            return (doubt, quote or "shell") if is_known else None
    operator, is_spaced = gap["operator"], bool(gap["space"])
    if quote:
        return _Doubt.TEXT, quote
    if (is_flag and not gap[0].endswith((" ", "\t"))) or (
        word.isupper() and operator.endswith("=") and (len(operator) > 1 or not is_spaced)
    ):
        return _Doubt.NONE, "shell"
    if before.endswith(("?", "&", ";")) or word.lower().startswith(("x-", "private-")):
        return _Doubt.NONE, "code"
    return _Doubt.CODE if is_spaced else _Doubt.WORD, "code"


def _block(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the place of a YAML block below the name: all lines that are indented more than it is."""
    match = _compiled(r"[|>][+-]?\d?[ \t]*\n").match(text, end)
    line = text[max(start - 200, 0) : start].rpartition("\n")[2]
    indent = len(line) - len(line.lstrip(" -"))
    block = match and _compiled(rf"(?:[ ]{{{indent + 1},}}+[^\n]*+(?:\n|\Z)|[ ]*+\n)*+").match(text, match.end())
    if not block or not _is_secret(block[0].strip(), "", _Doubt.NONE):
        return None
    return block.start(), block.start() + len(block[0].rstrip())


def _is_code_or_prose(value: str, behind: str) -> bool:
    """Whether ``value`` without quotes is called, is an operand, or is a word with more words behind it."""
    if not behind.startswith(" ") or not value.replace(".", "").isidentifier():
        return behind.startswith(("(", "[", "{"))
    return bool(_compiled(_OPERAND if _has_digit(value) else rf"{_OPERAND}| [a-z(]").match(behind))


def _is_secret(value: str, name: str, doubt: _Doubt) -> bool:
    """Whether ``value`` behind ``name``, which is in lower case, is a secret."""
    value = value[:300]
    value = value.rstrip(".:!?*") if doubt >= _Doubt.WORD else value
    if len(value) < 3 or (doubt and not _may_be_secret(value, name, doubt)):
        return False
    return not (_compiled(_STAND_IN).match(value) or (doubt and _compiled(_OTHER_TEXT).match(value)))


def _may_be_secret(value: str, name: str, doubt: _Doubt) -> bool:
    """Whether ``value`` looks like a secret where it may be something else."""
    if doubt is _Doubt.TEXT and not name.endswith(("token", "auth", "pat", "credentials")):
        return True
    if not _has_digit(value):
        is_word = value.isalpha() and value.islower() and "pass" not in value
        return doubt is _Doubt.WORD and is_word and len(value) >= 6 and _is_password(name)
    is_password = _is_password(name)
    digits = value.replace("_", "").replace(".", "")
    if (digits.isdigit() and len(digits) < 10) or (value[:2].lower() == "0x" and len(value) <= 18):
        return is_password and len(value) >= 4
    is_its_name = name.endswith("token") and "token" in value.lower() and value.isidentifier()
    if is_its_name or _compiled(_MEMBER).fullmatch(value):
        return False
    return len(value) >= (4 if is_password else 6) and bool(_compiled(_OPAQUE).fullmatch(value))


def _is_password(name: str) -> bool:
    return "pass" in name or "pwd" in name or "psw" in name


def _has_digit(value: str) -> bool:
    return _compiled("[0-9]").search(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII | re.IGNORECASE)
