"""Regular expressions as ECMA 262 has them, which JSON Schema uses, in the words of Python's ``re``."""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_NO_SPACE: Final = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
_SETS: Final = {
    "d": "0-9",
    "D": r"\x00-/:-\U0010ffff",
    "w": "0-9A-Z_a-z",
    "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": _SPACE,
    "S": _NO_SPACE,
}
"""An escape's characters, for use in brackets. Python's own would also match digits and letters of every script."""
_OUTSIDE: Final = {
    "$": r"\Z",
    ".": r"[^\n\r\u2028\u2029]",
    "^": "^",
    "|": "|",
    ")": ")",
    r"\b": r"\b",
    r"\B": r"(?!\b)",  # Python's own \B is not found in an empty text
}
_CONTROLS: Final = {r"\t": r"\t", r"\n": r"\n", r"\v": r"\x0b", r"\f": r"\f", r"\r": r"\r", r"\0": r"\x00"}
_TOKEN: Final = re.compile(
    r"\\u\{(?P<point>[0-9A-Fa-f]{1,6})\}|\\u(?P<unit>[0-9A-Fa-f]{4})|\\x(?P<byte>[0-9A-Fa-f]{2})"
    r"|\\k<(?P<name>[A-Za-z_]\w*)>|\\(?P<number>[1-9]\d*)|\\(?P<set>[dDwWsS])|(?P<escape>\\.)"
    r"|(?P<brackets>\[\^?)|\((?:\?(?P<group>[:=!]|<[=!]|<[A-Za-z_]\w*>)|(?!\?))"
    r"|(?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?P<plain>[^\\(])",
    re.DOTALL | re.ASCII,
)


def python_pattern(pattern: str) -> str:
    r"""Return a pattern for ``re.search`` that matches what ``pattern`` matches in ECMAScript.

    Raises:
        ValueError: it is no pattern, or uses what Python cannot do, such as ``\p{Letter}``.
    """
    out, at, last = ["(?a)"], 0, ""  # so that \b, too, knows ASCII only
    while at < len(pattern):
        if (match := _TOKEN.match(pattern, at)) is None:
            raise ValueError("has a group of an unknown kind, or ends with a backslash")
        at, kind = match.end(), match.lastgroup
        if kind == "brackets":
            text, at = _brackets(pattern, at, match[0])
        elif kind == "repeat" and last == "repeat":
            raise ValueError("repeats what is repeated already")  # Python would take a second + as possessive
        elif kind in ("name", "number"):
            same = f"(?P={match[kind]})" if kind == "name" else f"\\{match[kind]}"
            text = f"(?({match[kind]}){same}|)"  # a group that took no part matches nothing
        elif kind == "set":
            text = f"[{_SETS[match['set']]}]"
        elif kind in ("repeat", "group", None):
            text = match[0].replace("(?<", "(?P<") if kind == "group" and match[0].endswith(">") else match[0]
        else:
            text = _OUTSIDE.get(match[0]) or _character(match)
        out.append(text)
        last = kind or ""
    try:
        re.compile("".join(out))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError("is not a regular expression that can be checked here") from error
    return "".join(out)


def _brackets(pattern: str, at: int, opening: str) -> tuple[str, int]:
    """Return the set whose ``opening`` bracket ends at ``at``, and where it ends itself."""
    out, is_range = [opening], False
    while not pattern.startswith("]", at):
        match = _TOKEN.match(pattern, at) if pattern.startswith("\\", at) else None
        if match is None:
            if at >= len(pattern):
                raise ValueError("has a bracket that is not closed")
            is_range = pattern[at] == "-" and len(out) > 1 and not is_range and not pattern.startswith("]", at + 1)
            out.append("-" if is_range and out[-1] not in _SETS.values() else re.escape(pattern[at]))
            at += 1
            continue
        if match["name"] or match["number"]:
            raise ValueError("has a reference inside brackets")
        if match["set"] and out[-1] == "-":
            out[-1] = r"\-"
        out.append(_SETS[match["set"]] if match["set"] else r"\x08" if match[0] == r"\b" else _character(match))
        at, is_range = match.end(), False
    if len(out) > 1:
        return "".join([*out, "]"]), at + 1
    return (r"[\s\S]" if opening == "[^" else "(?!)"), at + 1


def _character(match: re.Match[str]) -> str:
    """Return the one character that a token stands for, as Python writes it."""
    digits = match["point"] or match["unit"] or match["byte"]
    if digits:
        if int(digits, 16) > 0x10FFFF:
            raise ValueError("has a character that does not exist")
        return f"\\U{int(digits, 16):08x}"
    if match["escape"] is None:
        return re.escape(match[0])
    if match[0] not in _CONTROLS and match[0][1].isalnum():
        raise ValueError(f"uses {match[0]}, which is not supported")
    return _CONTROLS.get(match[0]) or re.escape(match[0][1])
