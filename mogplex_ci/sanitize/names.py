r"""Secrets that only their names give away: assignments, flags, headers, commands, passwords in URLs.

One expression finds where a name ends. ``Form`` objects say what may follow it, and plain rules judge the value, so
that ``password: hunter2`` is a secret and ``token = parser.next()`` is not. Every expression is matched at one place
and reads a bounded number of characters, or stops where the next match may begin: any text takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

_FLAGS = re.ASCII | re.IGNORECASE
_NAME = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|psw|secret|token|credentials?|key|auth(?:orization)?|pat)"
    r"(?=\d{0,2}(?![a-z0-9_]))"
)
"""How names of secrets end, in lower case."""
_NAME_STARTS = ("pass", "pwd", "psw", "secret", "token", "credential", "key", "auth", "pat")
"""One of them begins whatever ``_NAME`` matches."""
_AFTER_HYPHEN = ("pass", "auth", "pat")
"""Endings that count only behind a hyphen or an underscore."""
_KEY = (
    r"(?:access|account|admin|api|apim|app|application|auth|bot|client|consumer|customer|deploy|encryption|functions?"
    r"|gateway|hmac|integration|master|merchant|private|root|routing|secret|security|server|service|session"
    r"|shared|signing|ssh|storage|subscription|webhook|write)[_.\- ]?key\Z"
)
"""Keys that open something; others sort, cache or press."""

_CLOSED = r"(?:\\*[\"'`]\]?|\]|\*{1,2})?"
_TYPE = r"(?:\??[ \t]?:?[ \t]?&?[a-z_][\w.\[\]<>|?*]{0,40}(?:[ \t]\|[ \t]\w{1,20}){0,2}(?=[ \t]?:?=))?"
_OPERATOR = r"[ \t]*(?:=>|::?=|\?\?=|\|\|=|[?+]=|=(?![=>~])|:(?!:)\*{0,2})[ \t]*"
_FALLBACK = r"(?:[\w.]{1,60}[ \t](?:\|\||\?\?|or)[ \t])?"
_TO_QUOTE = rf"{_CLOSED}{_TYPE}{_OPERATOR}{_FALLBACK}[rbuf@]{{0,2}}\\*[\"'`]"
"""What leads to the quote of a value, in any form."""
_APART = ".;/()[{}<!#$%@^~-"
"""Characters with which nothing begins that leads from a name to a value."""
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
_ON_ONE_LINE = r"(?:[^\n\\]|\\.|\\\n)"
COMMANDS = {
    "authorization": (
        r"authorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?(?:digest|aws4-hmac-sha256)[ \t]+"
        r"[^\n]{0,500}?(?:response|signature)=\\*[\"']?(?P<value>[\w+/=-]++)"
    ),
    "bearer": r"\bbearer[ \t]+(?P<value>(?=[A-Za-z_~+/.-]{0,200}(?:\d|\.\w))[A-Za-z0-9._~+/-]{8,}+=*+)",
    "://": r"://(?:[^\s/:@\"'`<>]{0,200}+:(?P<value>[^\s/\"'`<>]{1,500})|(?P<user>[\w-]{20,200}+))@",
    "-u": (
        r"(?<![\w-])(?:-u|--user|--proxy-user)(?:[ \t=]{1,9}|(?=[\w\"']))[\"']?"
        r"[^\s:\"']{1,100}+:(?P<value>[^\s\"']++)"
    ),
    " -p": (
        r"\b(?:docker|podman|buildah|skopeo|helm|oras|crane|nerdctl|az)\b[^\n]{0,60}? login\b"
        rf"{_ON_ONE_LINE}{{0,120}}?[ \t]-p[ =]?[\"']?(?P<value>{_PLAIN}++)"
        rf"|\b(?:mysql\w{{0,8}}|mariadb\w{{0,8}}|sshpass)\b{_ON_ONE_LINE}{{0,120}}?"
        rf"[ \t]-p[\"']?(?P<attached>{_PLAIN}++)"
        rf"|\bsshpass[ \t]{{1,4}}-p[ \t]{{1,4}}[\"']?(?P<apart>{_PLAIN}++)"
    ),
    "redis-cli": rf"\bredis-cli\b{_ON_ONE_LINE}{{0,120}}?[ \t]-a[ \t]{{1,4}}[\"']?(?P<value>{_PLAIN}++)",
    "login": r"\blogin\s{1,9}\S{1,100}\s{1,9}passw(?:or)?d\s{1,9}(?P<value>\S++)",
}
"""What has to stand in a text, in lower case, and the expression that is searched then; a named group is the secret."""
_COOKIES = r"cookie\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?(?P<pairs>[^\n\"']{1,4000})"
_COOKIE = r"(?:^|;)[ \t]*(?!(?:path|domain|expires|max-age|samesite|version)=)[^=;\s]{1,200}=(?P<value>[^;\s\\]{8,})"

_HARMLESS = (
    r"\$[\w({]|<[\w .-]{0,60}>?\Z|\{|%(?:[({sdvr]|\w{1,60}%)|#\{|\W{0,4}\*\*\*|\*+\Z|\[?redacted|x{3,}\Z|\.{3}|…"
    r"|&lt;|arn:aws|[a-z]{1,20} +[{$%<]|(?:basic|bearer|token)\Z"
    r"|[a-z_ -]{0,80}(?:token|key|passw(?:or)?d|secret|here|credentials?)\Z|#[0-9a-f]{3,8}\Z"
    r"|(?:\.{0,2}|~)/[\w.@-]{0,30}(?:/[\w.@-]{0,30})*\Z"
    r"|[\^~<>=v ]*\d+(?:\.[\dx*]+){1,3}(?:[-+][\w.+-]*)?\Z"
    r"|(?:an?|all|and|any|argument|as|at|auto|basic|be|bearer|bool|boolean|by|bytes|can|change|digest|false|file|flag|for|from|has|if|in|include"
    r"|inherit|input|instead|int|is|key|may|missing|must|no|none|not|null|nil|number|object|of|omit|on|option|optional|or|parameter|pass|password|passwd|pw|pwd|read"
    r"|required|same-origin|secret|set|should|str|string|that|the|then|to|token|true|type|undefined|unset|use|value|via|void|was|when|which"
    r"|will|with|without|write|you|your)[.:!?,]*\Z"
)
"""Placeholders, paths, versions, and what stands behind a secret's name in prose and in types."""
_MEMBER = r"[A-Za-z_]\w{0,30}(?:(?:\.|::|->|\?\.)[A-Za-z_]\w{0,30})+"
_OPERAND = r" (?:\?|\|\||&&|[+*/:-] |[=!]=|is|in|or|if)"
_WORDS = rf"{_OPERAND}| [a-z(]"
_SENTENCE = r"[A-Z][a-z']*(?: [\w'()-]+,?)+[.:!?]"
_NAMES = r"[A-Za-z_.: -]*"
_OPAQUE = r"[\w.~+/=:@!|$%&* -]+"
_OBJECT = (
    r"(?:args|config|context|core|ctx|env|github|inputs|matrix|needs|options|opts|os|params|process|props|req|request|secrets|self"
    r"|settings|steps|this|vars)\b"
)


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` values stand that their names call secret."""
    lower = _lower(text)
    yield from _assigned(text, lower)
    yield from _in_commands(text, lower)
    if "cookie" in lower:
        yield from _cookies(text)


def is_secret_name(name: str) -> bool:
    """Whether ``name``, the key of an object, calls its value a secret."""
    lower = _lower(name[-100:]).rstrip("0123456789")
    return any(end.end() == len(lower) and _is_name(lower, end.start()) for end in _compiled(_NAME).finditer(lower))


def is_secret_value(value: str, name: str) -> bool:
    """Whether the text ``value`` of an object's key ``name`` can be a secret: no placeholder, path or word of prose."""
    return _quoted(value[:_MOST_JUDGED], name.lower())


def _assigned(text: str, lower: str) -> Iterator[tuple[int, int]]:
    done = 0
    for name in _names(lower):
        if name.start() >= done and (place := _behind(text, lower, *name.span())):
            yield place
            done = place[1]


def _names(lower: str) -> Iterator[re.Match[str]]:
    """Return the ends of names of secrets, in order.

    As ``finditer``, which is slower: it tries the expression at every character.
    """
    end = 0
    for at in sorted(at for start in _NAME_STARTS for at in occurrences(start, lower)):
        if at >= end and (match := _compiled(_NAME).match(lower, at)):
            end = match.end()
            yield match


def occurrences(part: str, text: str) -> Iterator[int]:
    """Return where ``part`` stands in ``text``, overlaps included."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _in_commands(text: str, lower: str) -> Iterator[tuple[int, int]]:
    for mark, pattern in COMMANDS.items():
        if mark not in lower:
            continue
        for match in _compiled(pattern).finditer(text):
            value = match[match.lastgroup or 0]
            if mark == "-u" and "curl" not in lower[max(match.start() - 200, 0) : match.start()]:
                is_secret = _stated(value, "password") and not value.isdigit()  # also `chown -u` and `docker run -u`
            else:
                is_secret = _given(value[:_MOST_JUDGED], mark)
            if is_secret:
                yield match.span(match.lastgroup or 0)


def _cookies(text: str) -> Iterator[tuple[int, int]]:
    for header in _compiled(_COOKIES).finditer(text):
        at = header.start("pairs")
        for pair in _compiled(_COOKIE).finditer(header["pairs"]):
            if _has_digit(pair["value"]) and _given(pair["value"], "cookie"):
                yield at + pair.start("value"), at + pair.end("value")


def _is_name(lower: str, at: int) -> bool:
    """Whether the name that ends with the ending at ``lower[at:]`` is that of a secret."""
    if lower.startswith("key", at):
        return bool(_compiled(_KEY).search(lower, at - 14, at + 3))
    if lower.startswith(("passw", "passp", "passc", "authorization"), at):
        return True
    return not lower.startswith(_AFTER_HYPHEN, at) or lower[at - 1 : at] in ("_", "-")


def _lower(text: str) -> str:
    """Return ``text`` in lower case and of the same length; only ``İ`` grows in lower case."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower()


def _behind(text: str, lower: str, at: int, end: int) -> tuple[int, int] | None:
    """Return the place of the secret behind the name that ends with ``text[at:end]``, if it is one and one is there."""
    while text[end : end + 1].isdigit():
        end += 1
    if text[end : end + 1] in _APART:  # or at the end of the text
        return None
    if not (_is_name(lower, at) or (lower[at - 1 : end + 1] == '"auth"')):
        return None
    window = text[max(at - 60, 0) : at]
    start = at - len(window) + len(window.rstrip(_WORD))
    before = text[start - 1 : start]
    if before == "/" or (before == ":" and ":" in (text[start - 2 : start - 1], text[end : end + 1])):
        return None  # a URL's user, a C++ or CloudFormation type, a part of an ARN
    word = text[start:end]
    for form in _forms(word, text[max(start - 9, 0) : start], is_quoted=bool(_compiled(_TO_QUOTE).match(text, end))):
        judged, remainder = _expressions(form)
        match = judged.match(text, end)
        if match is None:
            continue
        if form.chars in (_CODE, _PLAIN) and _is_code_or_prose(match[1], text[match.end() : match.end() + 3]):
            return None
        if not form.judge(match[1], word.lower()):
            return None
        rest = remainder.match(text, match.end())
        return match.start(1), rest.end() if rest else match.end()
    return _block(text, start, end)


def _forms(word: str, before: str, *, is_quoted: bool) -> Iterator[Form]:
    """Return the forms in which a value can follow the name ``word``; the first that fits counts."""
    if word.startswith("-"):
        yield from _FLAG
    if before.endswith("<"):
        yield from _ELEMENT
    if before.endswith(("?", "&", ";")):
        yield _QUERY
    if before.endswith(("ENV ", "ARG ", "setx ", "setenv ")):
        yield _DOCKERFILE
    if before.endswith(" set "):
        yield _SET_COMMAND
    if before.endswith(('"', "'")):
        yield from _PAIR
        if before[:-1].rstrip().endswith("("):
            yield _CALL
    elif "name:" in before:
        yield _YAML_PAIR
    if word.lower().endswith("authorization"):
        yield from _AUTHORIZATION
    if is_quoted:
        yield from _IN_QUOTES
    if word.isupper():
        yield _VARIABLE
    if "-" in word:
        yield _HEADER if word.lower().startswith(("x-", "private-")) else _OTHER_HEADER
    yield from _BARE


def _block(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the place of a YAML block below the name: all lines that are indented more than it is."""
    match = _compiled(r"[\"']?:[ \t]*[|>][+-]?\d?[ \t]*\n").match(text, end)
    if match is None:
        return None
    line = text[max(start - 200, 0) : start].rpartition("\n")[2]
    indent = len(line) - len(line.lstrip(" -"))
    block = _compiled(rf"(?:[ ]{{{indent + 1},}}+[^\n]*+(?:\n|\Z)|[ ]*+\n)*+").match(text, match.end())
    if block is None or not block[0].strip():
        return None
    return match.end(), match.end() + len(block[0].rstrip())


@cache
def _expressions(form: Form) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds the judged part of a value behind its name, and what finds the rest of it."""
    judged = _compiled(rf"{form.lead}((?:{form.chars}){{1,{_MOST_JUDGED}}}+)")
    return judged, _compiled(rf"(?:{form.chars})*+")


def _is_code_or_prose(value: str, behind: str) -> bool:
    """Whether ``value`` without quotes is called, is an operand, or is a word with more words behind it."""
    if behind[:1] in ("(", "[", "{"):
        return True
    continued = _OPERAND if _has_digit(value) else _WORDS
    return value.replace(".", "").isidentifier() and bool(_compiled(continued).match(behind))


def _given(value: str, name: str) -> bool:
    """Judge a value that a shell, a URL or a header takes as it stands."""
    if len(value) < 3 or _compiled(_HARMLESS).match(value):
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
    if _compiled(r"[,)\]]|\s+[+%.&|?<>=!:-]").match(value):  # the quote ended some other text
        return False
    is_token = name.endswith(("token", "auth", "pat", "credentials"))
    if is_token and (
        _compiled(_NAMES).fullmatch(value) or _is_number(value) or not _compiled(_OPAQUE).fullmatch(value)
    ):
        return False
    return _given(value, name) and not _compiled(_SENTENCE, re.ASCII).fullmatch(value)


def _argument(value: str, name: str) -> bool:
    """Judge the argument behind a name in a call: the next name of a list has no digits."""
    return _has_digit(value) and _quoted(value, name)


def _set(value: str, name: str) -> bool:
    """Judge a value without quotes in configuration."""
    if _is_password(name) and value.isalpha() and value.islower() and len(value) >= 6 and "pass" not in value:
        return _given(value, name)
    return _stated(value, name)


def _stated(value: str, name: str) -> bool:
    """Judge a value without quotes that may also be code: a name, a number or a type is no secret."""
    value = value[:_MOST_JUDGED].rstrip(".:!?*")
    if name.endswith("token") and "token" in value.lower() and value.isidentifier():
        return False
    if not _has_digit(value) or _compiled(_MEMBER).fullmatch(value) or not _given(value, name):
        return False
    if _is_number(value):
        return _is_password(name) and len(value) >= 4
    return len(value) >= (4 if _is_password(name) else 6)


def _is_number(value: str) -> bool:
    digits = value.replace("_", "").replace(".", "")
    return (digits.isdigit() and len(digits) < 10) or (value[:2].lower() == "0x" and len(value) <= 18)


def _has_digit(value: str) -> bool:
    return _compiled("[0-9]").search(value) is not None


def _is_password(name: str) -> bool:
    return "pass" in name or "pwd" in name or "psw" in name


@cache
def _compiled(pattern: str, flags: re.RegexFlag = _FLAGS) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, flags)


_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_QUOTE = r"\\*[\"']?"
_FLAG = (Form(rf"(?:=|\s+){_QUOTE}", _PLAIN, _flagged), Form(r"\\*[\"'],?\s+\\*[\"']", _PLAIN, _flagged))
_ELEMENT = (
    Form(r">\s{0,60}<!\[CDATA\[", r"[^\]\n]|\](?!\]>)", _quoted),
    Form(r">\s{0,60}(?=[^<]{0,2000}</)", r"[^<\n]", _quoted),
)
_QUERY = Form("=", _CODE, _given)
_DOCKERFILE = Form(rf"[ \t]+{_QUOTE}", _PLAIN, _given)
_SET_COMMAND = Form(rf"[ \t]+{_QUOTE}", _PLAIN, _stated)
_PAIR_LEAD = rf"{_QUOTE}[\s,]{{1,60}}{_QUOTE}value{_QUOTE}[ \t]{{0,4}}[:=][ \t]{{0,4}}"
_PAIR = (
    Form(_PAIR_LEAD + r"\\*[\"']", r"[^\"'\\\n]", _given),
    Form(_PAIR_LEAD, _CODE, _given),
)
_YAML_PAIR = Form(rf"[ \t]*\n[ \t]*value:[ \t]*{_QUOTE}", r"[^\"'\\\s]", _given)
_CALL = Form(r"\\*[\"'][ \t]*,[ \t]*[rbuf]{0,2}\\*[\"'`]", r"[^\"'`\\\n]", _argument)
_AUTHORIZATION = (
    Form(rf"{_CLOSED}{_OPERATOR}{_QUOTE}{_SCHEMES}[ \t]+", _CODE, _given),
    Form(rf"{_CLOSED}{_OPERATOR}{_QUOTE}(?:[a-z][\w-]{{0,30}}[ \t]+)?", _CODE, _stated),
)
_IN_QUOTES = (
    Form(rf"{_CLOSED}{_TYPE}{_OPERATOR}{_FALLBACK}[rbuf@]{{0,2}}\"", r"[^\"\\\n]|\\.", _quoted),
    Form(rf"{_CLOSED}{_TYPE}{_OPERATOR}{_FALLBACK}[rbuf@]{{0,2}}'", r"[^'\\\n]|\\.", _quoted),
    Form(rf"{_CLOSED}{_TYPE}{_OPERATOR}`", r"[^`\\\n]", _quoted),
    Form(rf"{_CLOSED}{_OPERATOR}\\+[\"']", r"[^\"'\\\n]", _quoted),
)
_VARIABLE = Form(r"(?:=|[ \t]?(?:[?+]|::?)=[ \t]?)", r"[^\s\"'`<>\\]", _given)
_HEADER = Form(rf"{_QUOTE}:[ \t]*{_QUOTE}", _CODE, _given)
_OTHER_HEADER = Form(rf"{_QUOTE}:[ \t]*{_QUOTE}", _CODE, _stated)
_BARE = (
    Form(_CLOSED + r"(?::(?!:)\*{0,2}[ \t]?|=(?![=>~]))", _CODE, _set),
    Form(_CLOSED + _OPERATOR, _CODE, _stated),
)
