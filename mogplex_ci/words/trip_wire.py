"""A trip wire: finds an outsider's words in a prompt, even if a workflow's expressions have changed
their spelling.

It is not the boundary, which is that no text of the event is in ``prompt``: an attacker can get
past this.
"""

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import Final

_LINE: Final = 12
"""Letters and digits of a field, or of a line of it, that count when all of it is in the prompt."""
_PIECE: Final = 24
"""Letters and digits that count when they are only a piece of the field.

Fewer would refuse prompts for words that everybody uses: "pull request" alone has 11.
"""
_QUOTE: Final = 40
"""Maximum length of the quoted words."""
_ONE_WORD: Final = r"\W*(?:[A-Z\u00c0-\u00de]+|[A-Za-z\u00c0-\u024f][a-z\u00df-\u024f]*)\W*"
"""A line such as "## Documentation": it gives no instruction, and the project's own prompts have
such words. ``ReadAllSecrets`` are several.
"""
_CJK: Final = (
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Characters of which one says as much as two letters: they count twice."""
_SMUGGLED: Final = "[\U000e0000-\U000e007f\U000e0100-\U000e01ef]+"
"""Tag characters, which spell ASCII, and variation selectors 17 to 256, which spell bytes."""
_FLAG: Final = (
    "\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""The flags of England, Scotland and Wales: the only emoji with tag characters."""
_FENCED_CODE: Final = r"```[\s\S]*?(?:```|\Z)"
_INLINE_CODE: Final = r"`[^\n`]*`"
_SKILL: Final = r"(?a)(?<![\w$\\])\$([A-Za-z0-9][\w-]*)"
"""A skill that the service runs outside of code, in any case, ``_`` for ``-``
(Mogplex/mogplex, lib/skill-catalog/invocations.ts).

To JavaScript, which looks for it there, only ASCII has letters: ``é$deploy`` runs one.
"""


class TripWire:
    """A prompt, in which an outsider's words are looked for."""

    def __init__(self, prompt: str, own_address: str) -> None:
        """``own_address`` is the repository's page, which many texts and prompts name: it does not
        count.
        """
        self._own_address = re.escape(own_address)
        from_json = _json_unescaped(prompt)
        from_html = html.unescape(prompt)
        forms = {prompt, from_json, from_html, html.unescape(from_json), _json_unescaped(from_html)}
        self._forms = "\n".join(forms)
        # A line break stands between two forms, and in no letters of a field.
        self._letters = "\n".join({_letters(self._plain(form)) for form in forms})
        self._pieces = {
            self._letters[start : start + _PIECE]
            for start in range(len(self._letters) - _PIECE + 1)
        }
        prose = re.sub(_INLINE_CODE, " ", re.sub(_FENCED_CODE, " ", prompt))
        self._skills = set(map(_skill, re.findall(_SKILL, prose)))

    def touched_by(self, field: str) -> str | None:
        """Return the words of ``field`` that are in the prompt, up to 40 characters, or None."""
        for form in dict.fromkeys((field, html.unescape(field))):
            found = self._words_in(form) or self._skill_in(form) or self._smuggled_in(form)
            if found is not None:
                return found[:_QUOTE].strip()
        return None

    def _words_in(self, field: str) -> str | None:
        """Return the field or a line of it if the prompt has all of that, or a long piece."""
        for line in (*field.splitlines(), field):
            plain = self._plain(line)
            letters = _letters(plain)
            says_something = len(letters) >= _LINE and not re.fullmatch(_ONE_WORD, plain)
            if says_something and letters in self._letters:
                return line.lstrip()
        return self._piece_in(self._plain(field))

    def _piece_in(self, plain: str) -> str | None:
        letters = _letters(plain)
        for start in range(len(letters) - _PIECE + 1):
            if letters[start : start + _PIECE] in self._pieces:
                ends = list(accumulate(len(_folded(character)) for character in plain))
                first = bisect_right(ends, start)
                last = bisect_left(ends, start + _PIECE)
                return plain[first : last + 1]
        return None

    def _skill_in(self, field: str) -> str | None:
        """Return a skill that the prompt runs and the field names: not ``$HOME``, a variable."""
        for name in re.findall(_SKILL, field):
            if name != name.upper() and _skill(name) in self._skills:
                return f"${name}"
        return None

    def _smuggled_in(self, field: str) -> str | None:
        """Return the numbers of characters that spell something unseen, if the prompt has such,
        too.
        """
        spelt = re.search(_SMUGGLED, re.sub(_FLAG, "", field))
        if spelt is None or not re.search(_SMUGGLED, re.sub(_FLAG, "", self._forms)):
            return None
        return " ".join(f"U+{ord(character):04X}" for character in spelt[0])

    def _plain(self, text: str) -> str:
        """Return ``text`` in one spelling, without the repository's own address."""
        without_address = re.sub(self._own_address, "", text, flags=re.IGNORECASE)
        return unicodedata.normalize("NFKC", without_address)


def _letters(plain: str) -> str:
    """Return the letters and digits without case, characters of CJK twice."""
    return "".join(map(_folded, plain))


@lru_cache(maxsize=4_096)
def _folded(character: str) -> str:
    letters = "".join(filter(str.isalnum, character.casefold()))
    return letters * 2 if re.match(_CJK, letters) else letters


def _skill(name: str) -> str:
    """Return the name by which the service looks for a skill."""
    return name.lower().replace("_", "-").rstrip("-")


def _json_unescaped(text: str) -> str:
    """Return ``text`` with the letters and digits that escapes of a JSON string stand for."""

    def character(match: re.Match[str]) -> str:
        if match[1] is not None:
            return chr(int(match[1], 16))
        return " " if match[0][1] in "bfnrt" else match[0][1]

    plain = re.sub(r"(?s)\\(?:u([0-9a-fA-F]{4})|.)", character, text)
    # Two escapes may be one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
