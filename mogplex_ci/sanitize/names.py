"""Secrets that only their names give away: assignments, flags, headers, commands, passwords in
URLs.

``_NAMED`` finds the name of a secret with a value after it. Their form decides how much the value
must look like a secret: ``password: hunter2`` holds one, ``token = parser.next()`` does not. Every
expression is matched at one place and reads a bounded number of characters, or stops where the next
match may begin, so any text takes linear time.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from mogplex_ci.sanitize.formats import compiled, word_start

_NAME = (
    r"(?P<name>pass(?:word|wd|phrase|code)|(?<=[_-])(?:pass|pat|auth)|(?<=\")auth(?=\")|pwd|(?<![a-z])psw|secret"
    r"|(?<!publickey)token|credentials?|authorization|key)\d{0,2}\b"
)
"""How names of secrets end, in lower case; .NET's PublicKeyToken is none."""
_LAST_NAME = rf"{_NAME}\Z"
_NAME_STARTS = ("pass", "pwd", "psw", "secret", "token", "credential", "key", "auth", "pat")
"""One of them begins every match of ``_NAME``."""
_OPENING_KEYS = (
    "access",
    "account",
    "admin",
    "api",
    "apim",
    "app",
    "application",
    "auth",
    "bot",
    "client",
    "consumer",
    "customer",
    "deploy",
    "encryption",
    "function",
    "functions",
    "gateway",
    "hmac",
    "integration",
    "master",
    "merchant",
    "private",
    "root",
    "routing",
    "secret",
    "security",
    "server",
    "service",
    "session",
    "shared",
    "signing",
    "ssh",
    "storage",
    "subscription",
    "webhook",
    "write",
)
"""Words before a ``key`` that opens something; others sort, cache or press."""
_X_HEADER = r"(?<![a-z])x-[a-z-]{1,12}-\Z"

_CHARS = {
    "double": r"(?:[^\"\\\n]|\\.)",
    "single": r"(?:[^'\\\n]|\\.)",
    "back": r"[^`\\\n]",
    "element": r"[^<\]\n]",
    "shell": r"[^\s\"'`<>\\]",
    "code": r"[^\s\"'`,;&<>(){}\[\]\\|]",
}
"""Characters of a value, by the quote before it or by its place."""
_READ_AT_MOST = "{1,300}+"
_READ_WITHOUT_QUOTES = "{1,64}+"
"""Characters of a value that are read before it is called a secret; then all of it is read."""
_QUOTE = r"[rbuf@]{0,2}[\"'`]"
_TYPE = rf"\??[ \t]?:?[ \t]?&?[a-z_][\w.\[\]<>|?*]{{0,40}}+(?:[ \t]\|[ \t]\w{{1,20}}){{0,2}}(?=[ \t]?:?=[ \t]?{_QUOTE})"
_OPERATOR = (
    r"(?P<space>[ \t]*+)(?P<operator>=>|[.:?|+]{0,3}=(?![=>~])|:(?!:)\*{0,2})(?P<after>[ \t]*+)"
)
_FALLBACK = r"[\w.]{1,60}+[ \t](?:\|\||\?\?|or)[ \t](?=[\"'`])"
_GAP = (
    rf"(?:[\"'`]\]?|\]|\*{{1,2}})?(?:{_TYPE})?{_OPERATOR}(?:{_FALLBACK})?"
    r"|(?P<pair>(?:[\"']|[ \t]*\n)[\s,]{0,60}[\"']?value[\"']?[ \t]{0,4}[:=][ \t]{0,4})"
    rf"|(?P<argument>[\"'][ \t]*,?[ \t]*(?={_QUOTE}))"
    r"|(?P<word>(?:[ \t]|\\\n)++)"
)
"""Text between the end of a name and a value, or the quote before it."""
_CODE_OR_PROSE = (
    rf"[\w.]{_READ_WITHOUT_QUOTES} (?:\?|\|\||&&|[+*/:-] |[=!]=|is|in|or|if)"  # an operand
    rf"|[a-z_.]{_READ_WITHOUT_QUOTES} [a-z(]"  # a word before another
)
_VALUE = (
    rf"[rbuf@]{{0,2}}(?:\"(?P<double>{_CHARS['double']}{_READ_AT_MOST})|'(?P<single>{_CHARS['single']}{_READ_AT_MOST})"
    rf"|`(?P<back>{_CHARS['back']}{_READ_AT_MOST}))"
    rf"|[|>][+-]?\d?[ \t]*\n(?P<indent>[ ]++)(?P<block>.{_READ_AT_MOST})"  # a block of YAML
    rf"|(?={_CHARS['shell']}{{3}})(?!{_CODE_OR_PROSE})"
    rf"(?P<shell>(?P<code>{_CHARS['code']}{_READ_WITHOUT_QUOTES})?{_CHARS['shell']}{{0,64}}+)"
)
_ELEMENT = (
    r"(?P<next></[\w.-]{1,40}>\s{0,60}<[\w.-]{1,40})?>\s{0,60}(?:<!\[cdata\[)?"
    rf"(?P<element>{_CHARS['element']}{_READ_AT_MOST})"
)
_NAMED = rf"{_NAME}(?:(?:{_GAP})(?:{_VALUE})|{_ELEMENT})"
"""A name and a value behind it, in lower case; the last group says how the value is written."""
_MOST_NAMES = 400
_CHARACTERS_OF_A_NAME = 50
"""More names in a text, and on average more often, are there to take time: all of the text behind
them is masked. Lists of API parameters, the densest known, hold about 200 in 20,000 characters.
"""
_BLOCK = r"([ ]++).*+(?:(?:\n[ ]*+(?=\n))*+\n\1.*+)*+"
"""All lines that are indented like the first."""

_ON = r"(?:(?!\b(?:curl|mysql|mariadb|sshpass|redis-cli|login)\b)(?:[^\n\\]|\\.|\\\n)){0,200}?"
"""More of a command, up to the next one."""
_USER = r"(?:-u|--user|--proxy-user)(?:[ \t=]{1,9}|(?=[\w\"']))[\"']?[^\s:\"']{1,100}+:"
_ARGUMENT = r"[\"']?(?P<value>[^\s\"'`\\]++)"
_SCHEME = r"(?:bearer|basic|token|api-?key|dpop|hawk|key|negotiate|ntlm|oauth)"
_LOGIN = r"\b(?:docker|podman|buildah|skopeo|helm|oras|crane|nerdctl|az)\b[^\n]{0,60}? login\b"
_MYSQL = r"\b(?:mysql\w{0,8}|mariadb\w{0,8}|sshpass)\b"
_CARRIERS = {
    "authorization": (
        r"authorization(?:[\"'`\]]{0,2}[ \t]*[?+:]{0,3}[:=,][*\s]{0,4}|[\"'\s,]{1,60}value[\"']?[ \t]{0,4}[:=]\s{0,4})"
        r"[\"'`]?(?:"
        rf"(?:digest|aws4-hmac-sha256)[ \t]+[^\n]{{0,500}}?(?:response|signature)={_ARGUMENT}"
        rf"|{_SCHEME}[ \t]+(?P<token>{_CHARS['code']}++)|[a-z][\w-]{{0,30}}[ \t]+(?P<likely>{_CHARS['code']}++))"
    ),
    "authorization ": rf"authorization[ \t]{{1,4}}{_SCHEME}[ \t]{{1,4}}(?P<likely>{_CHARS['code']}++)",
    "bearer": r"\bbearer[ \t]+(?P<value>(?=[A-Za-z_~+/.-]{0,200}(?:\d|\.\w))[A-Za-z0-9._~+/-]{8,}+=*+)",
    "://": r"://(?:[^\s/:@\"'`<>()\[\]{}]{0,200}+:(?P<value>[^\s/\"'`<>]{1,500})|(?P<user>[\w-]{20,200}+))@",
    "curl": rf"\bcurl\b{_ON}[ \t]{_USER}{_ARGUMENT}",
    "-u": rf"(?<![\w-]){_USER}(?P<likely>(?!\d+(?:\s|\Z))[^\s\"']++)",
    " login": rf"{_LOGIN}{_ON}[ \t]-p[ =]?{_ARGUMENT}",
    " -p": rf"{_MYSQL}{_ON}(?:(?<=sshpass)[ \t]{{1,4}}-p[ \t]{{0,4}}|[ \t]-p){_ARGUMENT}",
    "redis-cli": rf"\bredis-cli\b{_ON}[ \t]-a[ \t]{{1,4}}{_ARGUMENT}",
    "login": r"\blogin\s{1,9}\S{1,100}\s{1,9}passw(?:or)?d\s{1,9}(?P<likely>\S++)",
    " is ": (
        r"(?<!\S)(?P<likely>\S{8,}+) is (?:the|my|your|our|its|a) (?:\w{1,20} ){0,2}"
        r"(?:password|passphrase|secret|token|key)\b"
    ),
}
"""Words that a text must have, in lower case, and the expression that is then searched; a named
group is the secret.
"""
_COOKIES = r"cookie[\"']?[ \t]*[:=][ \t]*[\"']?(?P<pairs>[^\n\"']{1,4000})"
_COOKIE = (
    r"(?<=[;\s=:\"'])(?!(?:path|domain|expires|max-age|samesite|version)=)[^=;\s]{1,200}+="
    r"(?P<value>(?=[^;\s\d]{0,300}\d)[^;\s\\]{8,})"
)

_STAND_IN = (
    # filled in
    r"(?i)\$[\w({]|\{|\(|%(?:[({sdvr]|\w{1,60}%)|#\{|<[\w .-]{0,60}>?\Z|[a-z]{1,20} +[{$%<]"
    r"|\W{0,4}\*\*\*|\*+\Z|\[?redacted|x{3,}\Z|\.{3}|…"  # left out
    # the name again
    r"|[a-z_ -]{0,80}(?:token|key|passw(?:or)?d|secret|here|credentials?)(?: \W+)?\Z"
    r"|arn:aws|id=|(?:#|0x)[0-9a-f]{3,8},?\Z|--[a-z][a-z-]*\Z|(?:\.{0,2}|~)/[\w.@-]{0,30}(?:/[\w.@-]{0,30})*\Z"
    # a version
    r"|(?:[\w.-]{1,60}:){0,3}[\^~<>=v ]*\d+(?:\.[\dx*]+){1,3}(?:[-+][\w.+-]*)?(?::[a-z]{4,10})?\Z"
    r"|(?:[a-z]{1,5}|argument|bearer|boolean|change|digest|include|inherit|instead|missing|number|object|option|optional"
    r"|parameter|passw(?:or)?d\d?|required|same-origin|should|string|undefined|without)[.:!?, ]*\Z"
    r"|(?-i:[A-Z]+|[A-Z][A-Z0-9]*_[A-Z0-9_]*)[\])}>.,;:]*\Z"  # a constant
    r"|(?:args|config|context|core|ctx|env|github|inputs|matrix|needs|options|opts|os|params|process|props|req|request"
    r"|secrets|self|settings|steps|this|vars)(?:\.|->|\?\.)[a-z_]"
)
"""Placeholders, colours, options, paths, versions, constants, members of objects, and words of
prose or code.
"""
_MEMBER = r"[a-z_]\w{0,30}(?:(?:\.|::|->|\?\.)[a-z_]\w{0,30})+"
_OTHER_TEXT = r"[,)\]`]|\s+(?:[+%.&|?<>=!:-]|and |or )|(?-i:[A-Z])[a-z']*(?: [\w'()-]+,?)+[.:!?]\Z"
"""Text behind a quote that ended another text, and a sentence."""
_SURE = r"(?s)..."
_TEXT = rf"(?is)(?!{_OTHER_TEXT})..."
_OPAQUE = rf"(?i:(?=\D*+\d)(?!{_OTHER_TEXT}|{_MEMBER}\Z)[^;,\"'`(){{}}\\]{{4,}}+\Z)"
_OPAQUE_OR_WORD = rf"{_OPAQUE}|(?!\w*pass)[a-z]{{6,}}+\Z"
_LONG_AND_OPAQUE = rf"(?!(?i:.{{0,5}}\Z|(?:\d[_.]*){{1,9}}\Z|0x.{{0,16}}\Z)){_OPAQUE}"
_OTHER_THAN_TOKEN = rf"(?!(?i:\w*token\w*\Z)){_LONG_AND_OPAQUE}"
"""The form of a secret where any value is one, where it may also be a message, and where it may be
a name or a number.
"""


def find_named(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` values stand that their names call secret."""
    lower = _lower(text)
    yield from _find_named(text, lower)
    yield from _find_carried(text, lower)
    if "cookie" in lower:
        yield from _find_cookies(text, lower)


def _find_named(text: str, lower: str) -> Iterator[tuple[int, int]]:
    """Yield the values behind names of secrets."""
    done = 0
    for number, found in enumerate(_names(lower)):
        if number >= max(_MOST_NAMES, found.start() // _CHARACTERS_OF_A_NAME):
            yield found.start(), len(text)
            return
        if found.start() < done:
            continue  # a name in the value before
        place = _secret(text, found)
        if place is not None:
            yield place
            done = place[1]


def _names(lower: str) -> Iterator[re.Match[str]]:
    """Yield the names of secrets in ``lower`` that have a value behind them."""
    keys = set(occurrences("key", lower))
    others = (occurrences(start, lower) for start in _NAME_STARTS if start != "key")
    named: re.Pattern[str] | None = None
    for at in sorted(chain(keys, *others)):
        if at not in keys or _opens(lower, at):
            # Compiled when the first name comes: that takes long, and the step's own first lines
            # hold none.
            named = named or compiled(_NAMED)
            found = named.match(lower, at)
            if found is not None:
                yield found


def _find_carried(text: str, lower: str) -> Iterator[tuple[int, int]]:
    """Yield the secrets in headers, commands and addresses."""
    for mark, pattern in _CARRIERS.items():
        if mark not in lower:
            continue
        for match in compiled(pattern).finditer(lower):
            start, end = match.span(match.lastgroup or 0)
            expected = _OPAQUE if match.lastgroup == "likely" else _SURE
            if _is_secret(text[start:end], expected):
                yield start, end


def _find_cookies(text: str, lower: str) -> Iterator[tuple[int, int]]:
    """Yield the values of the cookies of a header that look random."""
    for header in compiled(_COOKIES).finditer(lower):
        for pair in compiled(_COOKIE).finditer(lower, *header.span("pairs")):
            start, end = pair.span("value")
            if _is_secret(text[start:end], _SURE):
                yield start, end


def is_secret_name(name: str) -> bool:
    """Whether ``name``, the key of an object, calls its value a secret."""
    found = compiled(_LAST_NAME).search(_lower(name[-100:]))
    return found is not None and _opens(found.string, found.start())


def is_secret_value(value: str, name: str, *, quoted: bool) -> bool:
    """Whether ``value`` of an object's key ``name`` can be a secret: no placeholder, path, word of
    prose or count.
    """
    if name.startswith("-"):
        return _is_secret(value, _SURE)
    if quoted:
        return _is_secret(value, _in_quotes(name.lower()))
    return _is_secret(value, _likely(name.lower()))


def _opens(lower: str, at: int) -> bool:
    """Whether the name at ``at`` is not ``key``, or is a key that opens something."""
    if not lower.startswith("key", at):
        return True
    before = lower[max(at - 20, 0) : at]
    if before.endswith("-") and compiled(_X_HEADER).search(before):
        return True
    words = before[:-1] if before.endswith(("_", ".", "-", " ")) else before
    return words.endswith(_OPENING_KEYS)


def occurrences(part: str, text: str) -> Iterator[int]:
    """Return where ``part`` stands in ``text``, overlaps included."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _lower(text: str) -> str:
    """Return ``text`` in lower case and of the same length; only ``İ`` grows in lower case."""
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").lower()


class _Name(NamedTuple):
    """A name of a secret in a text, with the text after it."""

    word: str
    """All of it, such as ``--client-secret`` or ``DB_PASSWORD``."""
    before: str
    """The few characters before it."""
    found: re.Match[str]
    """A match of ``_NAMED``, in lower case."""

    @property
    def name(self) -> str:
        """The word in lower case."""
        return self.word.lower()

    @property
    def is_flag(self) -> bool:
        """Whether it is a command's option."""
        return self.word.startswith("-")

    @property
    def is_part_of_another(self) -> bool:
        """Whether it is a URL's user, a C++ or CloudFormation type, or a part of an ARN."""
        if self.before.endswith(("/", "::")):
            return True
        next_character = self.found.string[self.found.end("name")]
        return self.before.endswith(":") and next_character == self.found["operator"] == ":"


def _secret(text: str, found: re.Match[str]) -> tuple[int, int] | None:
    """Return the place of the secret behind the name, if one is there."""
    start = word_start(text, found.start(), 60, "-.")
    name = _Name(text[start : found.end("name")], text[max(start - 9, 0) : start], found)
    expected, written = _expected(name)
    here, end = found.span(written)
    is_call = written == "code" and text[end : end + 1] in ("(", "[", "{")  # or an index
    if not expected or is_call or not _is_secret(text[here:end], expected):
        return None
    if written == "block":
        rest = compiled(_BLOCK).match(text, found.start("indent"))
    else:
        rest = compiled(f"{_CHARS[written]}*+").match(text, end)
    return here, rest.end() if rest is not None else end


def _expected(name: _Name) -> tuple[str, str]:
    """Return the form that a value after the name must have, empty if there cannot be one, and how
    it is written.
    """
    found = name.found
    written = found.lastgroup or ""
    if name.is_part_of_another:
        return "", written
    if written == "block" or found["pair"]:
        return _SURE, "code" if written == "shell" else written
    if written == "element":
        return _expected_in_element(name), written
    if found["operator"] and written == "shell":
        return _expected_without_quotes(name)
    if found["operator"]:
        return _in_quotes(name.name), written
    return _expected_without_operator(name), written


def _expected_in_element(name: _Name) -> str:
    """Return the form that the text of an XML element must have: ``<password>…``."""
    is_group = name.before.endswith(("P<", "?<"))  # of a regular expression
    is_element = name.before.endswith("<") and not is_group
    if is_element or name.found["next"]:
        return _in_quotes(name.name)
    return ""


def _expected_without_quotes(name: _Name) -> tuple[str, str]:
    """Return the form that a value after ``=`` or ``:`` must have, and its extent."""
    operator = name.found["operator"]
    assigns = operator.endswith("=") and (len(operator) > 1 or not name.found["space"])
    is_variable = name.word.isupper() and assigns
    if is_variable or (name.is_flag and not name.found["after"]):
        return _SURE, "shell"
    is_in_query = name.before.endswith(("?", "&", ";"))
    if is_in_query or name.name.startswith(("x-", "private-")):
        return _SURE, "code"
    likely = _likely(name.name)
    return _OPAQUE_OR_WORD if likely == _OPAQUE else likely, "code"


def _expected_without_operator(name: _Name) -> str:
    """Return the form that the next word must have: an option's value, a command's, an argument."""
    found = name.found
    if not found["word"]:
        if name.is_flag:
            return _SURE
        is_in_call = found["argument"] and name.before[:-1].rstrip().endswith("(")
        if is_in_call:
            return _likely(name.name)
        return ""
    if name.is_flag and found.string.startswith("-", found.end("word")):
        return ""  # the next option
    if name.before.endswith(" set ") or name.word == "--auth":
        return _likely(name.name)
    is_set = name.before.endswith(("ENV ", "ARG ", "setx ", "setenv "))
    return _SURE if name.is_flag or is_set else ""


def _likely(name: str) -> str:
    """Return the form of a secret of this name where a value may also be a name or a number."""
    if "pass" in name or "pwd" in name or "psw" in name:
        return _OPAQUE
    return _OTHER_THAN_TOKEN if name.endswith("token") else _LONG_AND_OPAQUE


def _in_quotes(name: str) -> str:
    if name.endswith(("token", "auth", "pat", "credentials")):
        return _likely(name)
    return _TEXT


def _is_secret(value: str, expected: str) -> bool:
    """Whether ``value`` looks as it is ``expected`` to, and stands for no other."""
    value = value[:300]
    if expected not in (_SURE, _TEXT):
        value = value.rstrip(".:!?*")
    return bool(compiled(expected).match(value)) and not compiled(_STAND_IN).match(value)
