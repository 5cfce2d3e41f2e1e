"""Finds an outsider's words in a prompt, also where a workflow's expressions changed how they are
written.

Compared are letters and digits, without case. Words in other clothes are compared besides: symbols
that look like letters, invisible characters, names of skills, commands of a few letters.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cached_property
from string import punctuation
from typing import TYPE_CHECKING, Final

from mogplex_ci.sanitize import INVISIBLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE: Final = 12
"""Letters and digits of a field, or of a line of it, that count when all of it is in the prompt."""
_PIECE: Final = 24
"""Letters and digits that count when they are only a piece of the field.

Fewer would refuse prompts for words that everybody uses: "pull request" alone has 11.
"""
_TOGETHER: Final = 16
"""Letters and digits of a title, a body and a branch that count when each is in the prompt, and
none has enough alone.
"""
_ONE_WORD: Final = r"\W*(?:[A-Z\u00c0-\u00de]+|[A-Za-z\u00c0-\u024f][a-z\u00df-\u024f]*)\W*"
"""A line such as "## Documentation": it gives no instruction, and the project's own prompts have
such words. ``ReadAllSecrets`` are several.
"""
_MOST_ESCAPED: Final = 2
"""How often one text is escaped at most, for JSON or HTML."""
_CJK: Final = (
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Characters of which one says as much as two letters: they count twice."""
_LETTER_SYMBOLS: Final = {
    first + number: chr(ord("a") + number)
    for first in (0x1F150, 0x1F170, 0x1F1E6)  # negative circled, negative squared, regional
    for number in range(26)
} | {
    code: name[-1].lower()
    for code in (*range(0x363, 0x370), *range(0x1DD3, 0x1DF5))
    if (name := unicodedata.name(chr(code)))[-2] == " "  # COMBINING LATIN SMALL LETTER A
}
"""Symbols that show letters, and that Unicode's normalization (NFKC) leaves as they are."""

_SMUGGLED: Final = "[\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
"""Tag characters, which spell ASCII, and variation selectors 17 to 256, which spell bytes."""
_FLAG: Final = (
    "\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
"""The flags of England, Scotland and Wales: the only emoji with tag characters."""
_INVISIBLE_RUN: Final = rf"[{INVISIBLE}](?:\s*[{INVISIBLE}]){{3}}"
"""Emoji and Persian words have one or two in a row."""
_FENCED_CODE: Final = r"```[\s\S]*?(?:```|\Z)"
_INLINE_CODE: Final = r"`[^\n`]*`"
_SKILL: Final = r"(?a)(?<![\w$\\])\$([A-Za-z][\w-]{3,}|\d+(?:[_-]?[A-Za-z]){4}[\w-]*)"
"""A skill that the service runs outside of code, in any case, ``_`` for ``-``
(Mogplex/mogplex, lib/skill-catalog/invocations.ts). Prices have fewer letters.

To JavaScript, which looks for it there, only ASCII has letters: ``é$deploy`` runs one.
"""
_BYTE_ORDER_MARK: Final = "\ufeff"
"""White space to JavaScript, and not to Python."""
_COMMAND: Final = r"(?<!\S)/([\dA-Za-z][0-9A-Za-z_-]{3,})(?!\S)"
"""A skill that the service runs when it is the first word of a prompt."""
_SHELL_VARIABLE: Final = (
    r"(?:CI|GITHUB|GITLAB|RUNNER|AGENT|BUILD|SYSTEM|BUILDKITE|CIRCLE|BITBUCKET|TEAMCITY|CODEBUILD|DRONE|JENKINS"
    r"|FORGEJO|GITEA|MOGPLEX|INPUT|AWS|AZURE|GOOGLE|DOCKER|NODE|NPM|PYTHON|XDG|LC)_[A-Z0-9_]+"
    r"|HOME|PATH|USER|LOGNAME|SHELL|LANG|TERM|EDITOR|PAGER|OLDPWD|TMPDIR|TEMP|HOST|HOSTNAME|RANDOM|DISPLAY"
    r"|PYTHONPATH|GOPATH|GOROOT|JAVA_HOME|CARGO_HOME|VIRTUAL_ENV|WORKSPACE|DATABASE_URL"
)
"""Variables that people name in prose."""
_RUN: Final = 8
"""Characters of a run without white space that is compared as it stands."""
_RUN_SIGNS: Final = 5
"""How many of these are neither letters nor digits. Fewer are in paths and addresses."""
_RULER: Final = r"(.)\1*|[|:+=-]+"
"""A line between paragraphs, or below the heading of a table."""
_MARKER: Final = r"\A\s*(?:[-*+>]|\d+[.)])\s+(?:\[[ xX]\]\s)?"
"""Of an item of a list, also of one to do."""
_COMMAND_WORDS: Final = 3
_COMMAND_SIGNS: Final = 3
"""Of a line with too few letters to be compared by these: ``rm -rf /srv #``."""
_SYMBOLS: Final = 8
"""Characters of a line that are neither ASCII nor letters, digits, marks or invisible: Braille and
emoji spell words.
"""


class WordsInPrompt:
    """A prompt, in which words of others are looked for."""

    def __init__(self, prompt: str, own_address: str) -> None:
        """``own_address`` is the repository's page, which many texts and prompts name."""
        self._prompt = prompt
        self._own_address = own_address
        self._forms = {prompt}
        for _ in range(_MOST_ESCAPED):
            self._forms |= {
                unescape(form)
                for form in self._forms
                for unescape in (_json_unescaped, html.unescape)
            }

    def hold(self, text: str) -> bool:
        """Return whether ``text``, a line of it or a long piece is in the prompt."""
        return (
            self._hold_letters(text)
            or self._hold_invisible(text)
            or self._hold_skill(text)
            or self._hold_signs(text)
        )

    def hold_together(self, texts: Iterable[str]) -> bool:
        """Return whether those of ``texts`` that are in the prompt count together, though each has
        too few letters.
        """
        several_words = [text for text in texts if not re.fullmatch(_ONE_WORD, text)]
        letters = set(map(self._letters_of, several_words)) - {""}
        held = {part for part in letters if any(part in form for form in self._letters)}
        return len(held) > 1 and sum(map(len, held)) >= _TOGETHER

    @cached_property
    def _letters(self) -> set[str]:
        """The letters and digits of each form."""
        return set(map(self._letters_of, self._forms))

    @cached_property
    def _pieces(self) -> set[str]:
        return {piece for form in self._letters for piece in _windows(form, _PIECE)}

    @cached_property
    def _starts_of_lines(self) -> set[str]:
        return {start for form in self._letters for start in _windows(form, _LINE)}

    @cached_property
    def _squeezed(self) -> list[str]:
        """Each form on one line, words and signs as they stand."""
        return [" ".join(form.split()) for form in self._forms]

    def _letters_of(self, text: str) -> str:
        return _folded(text).replace(_folded(self._own_address), "")

    def _hold_letters(self, text: str) -> bool:
        if not self._pieces.isdisjoint(_windows(self._letters_of(text), _PIECE)):
            return True
        lines = {
            self._letters_of(line)
            for line in (text, *text.splitlines())
            if not re.fullmatch(_ONE_WORD, line)
        }
        return any(
            line in form
            for line in lines
            if line[:_LINE] in self._starts_of_lines
            for form in self._letters
        )

    def _hold_invisible(self, text: str) -> bool:
        """Whether both hide something: nobody hides words of their own."""
        if text.isascii():
            return False
        text = re.sub(_FLAG, "", text)
        forms = [re.sub(_FLAG, "", form) for form in self._forms]
        return any(
            re.search(hidden, text) and any(re.search(hidden, form) for form in forms)
            for hidden in (_SMUGGLED, _INVISIBLE_RUN)
        )

    def _hold_skill(self, text: str) -> bool:
        """Whether a skill that the prompt runs is named in ``text``."""
        prose = re.sub(_INLINE_CODE, " ", re.sub(_FENCED_CODE, " ", self._prompt))
        prompt = prose.replace(_BYTE_ORDER_MARK, " ").strip()
        text = text.replace(_BYTE_ORDER_MARK, " ")
        command = re.match(_COMMAND, prompt)
        if command is not None and command[1].lower() in map(str.lower, re.findall(_COMMAND, text)):
            return True
        return "$" in text and not _skills(prompt).isdisjoint(_skills(text))

    def _hold_signs(self, text: str) -> bool:
        """Whether a run of signs, or a line with a command, is in the prompt as it stands."""
        text = text.replace(self._own_address, "") if self._own_address else text
        return any(signs in form for signs in _with_signs(text) for form in self._squeezed)


def _with_signs(text: str) -> Iterator[str]:
    """Yield the parts of ``text`` that say more in signs than in letters."""
    for run in text.split():
        if len(run) >= _RUN and _signs(run) >= _RUN_SIGNS and not re.fullmatch(_RULER, run):
            yield run
    all_words = text.split()
    if _spells_in_symbols("".join(all_words)):
        yield " ".join(all_words)
    for line in text.splitlines():
        words = re.sub(_MARKER, "", line).split()
        characters = "".join(words)
        is_command = len(words) >= _COMMAND_WORDS and _is_command(characters)
        if is_command or _spells_in_symbols(characters):
            yield " ".join(words)


def _is_command(characters: str) -> bool:
    """Whether a line of these ``characters``, white space left out, may be a command."""
    if len(characters) < _RUN or re.fullmatch(_RULER, characters):
        return False
    signs = sum(character in punctuation for character in characters)
    is_figures = any(map(str.isdigit, characters)) and not any(map(str.isalpha, characters))
    return signs >= _COMMAND_SIGNS and not is_figures


def _spells_in_symbols(characters: str) -> bool:
    """Whether a line of these ``characters`` may be words in symbols."""
    if characters.isascii() or re.fullmatch(_RULER, characters):
        return False
    kinds = [unicodedata.category(character) for character in characters if character > "\x7f"]
    return sum(kind[0] not in "LNMZ" and kind != "Cf" for kind in kinds) >= _SYMBOLS


def _signs(text: str) -> int:
    """Return how many characters are punctuation or symbols. Marks belong to letters, and format
    characters to words.
    """
    return sum(unicodedata.category(character)[0] in "PS" for character in text)


def _skills(text: str) -> set[str]:
    """Return the names behind ``$``, without shell variables such as ``$HOME``."""
    names: list[str] = re.findall(_SKILL, text)
    return {
        name.lower().replace("_", "-").rstrip("-")
        for name in names
        if not re.fullmatch(_SHELL_VARIABLE, name)
    }


def _folded(text: str) -> str:
    """Return the letters and digits of ``text`` without case, in one spelling, characters of CJK
    twice.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    if not plain.isascii():
        plain = plain.translate(_LETTER_SYMBOLS)
    letters = re.sub(r"[\W_]+", "", plain)
    if letters.isascii():
        return letters
    return re.sub(_CJK, r"\g<0>\g<0>", letters)  # compiled only when needed


def _json_unescaped(text: str) -> str:
    """Return ``text`` with what the escapes of a JSON string stand for, as far as letters and
    digits go.
    """

    def character(match: re.Match[str]) -> str:
        if match[1] is not None:
            return chr(int(match[1], 16))
        return " " if match[0][1] in "bfnrt" else match[0][1]

    plain = re.sub(r"(?s)\\(?:u([0-9a-fA-F]{4})|.)", character, text)
    # Two escapes may be one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _windows(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}
