"""Patterns: in ``.gitignore`` style for the inputs of paths, and with ``*``
and ``?`` for ``checks``.
"""

# No `from __future__ import annotations`, as in models.py.

import re
import unicodedata
import warnings
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from pathspec import GitIgnoreSpec

_NOT_SHOWN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that a reader does not see: a name with one may look like another
name.
"""
_MAX_NAME: Final = 255
"""Characters: no usual disk holds a longer one, for which stars in a pattern can take minutes."""
_FAULTS: Final = {
    r"(^|[^\\])\s#": "contains a comment after a pattern, which would become part of it",
    r"//": "contains //, which no path has",
    r"(^|/)\.{1,2}(/|$)": "contains . or .. as part of a path, which no path in a repository has",
    r"^/*$": "contains a pattern that matches nothing",
}
"""Patterns that git accepts and no path matches: they look like protection and give none."""


class Patterns(NamedTuple):
    """Patterns, a later one of which decides; ``!`` takes a path out again."""

    spec: "GitIgnoreSpec"
    folded: "GitIgnoreSpec"
    """The same in one form of Unicode and without case, as file systems on macOS and Windows
    compare names; a folder's pattern also stands for a link or a submodule of its name.
    """

    @classmethod
    def parse(cls, text: str) -> "Patterns":
        """Parse one pattern a line; blank lines and comments are ignored.

        Raises:
            ValueError: a line is not a pattern or matches no path, or there is none. The message
                says so.
        """
        stripped = (line.strip() for line in text.split("\n"))
        given = [line for line in stripped if line and not line.startswith("#")]
        if all(line.startswith("!") for line in given):
            raise ValueError("does not contain a pattern that matches anything")
        for line in given:
            for fault, words in _FAULTS.items():
                if re.search(fault, line.removeprefix("!")):
                    raise ValueError(words)
        folded = [_fold(line if line.startswith("!") else line.rstrip("/")) for line in given]
        try:
            # The warnings are about regular expressions that pathspec makes.
            with warnings.catch_warnings(action="ignore"):
                return cls(GitIgnoreSpec.from_lines(given), GitIgnoreSpec.from_lines(folded))
        except (ValueError, re.error) as error:
            raise ValueError("contains an invalid pattern") from error

    def allow(self, path: str) -> bool:
        """Return whether ``path`` is inside: a name with invisible characters, or of more than any
        disk holds, never is.
        """
        return not _is_deceptive(path) and self.spec.match_file(path)

    def protect(self, path: str) -> bool:
        """Return whether ``path`` is inside, or is what a folder's pattern stands for itself: a
        link or a submodule. What ``!`` takes out it takes out by its own letters alone: on Linux
        ``src/gen/`` is another folder than ``src/Gen/``.
        """
        return (
            _is_deceptive(path) or self.spec.match_file(path) or self.folded.match_file(_fold(path))
        )


NO_PATTERNS: Final = Patterns(GitIgnoreSpec(()), GitIgnoreSpec(()))
"""Nothing is inside."""


def _fold(text: str) -> str:
    # Twice: folding the case can undo the normal form (Unicode's definition D145).
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _is_deceptive(path: str) -> bool:
    is_long = any(len(name) > _MAX_NAME for name in path.split("/"))
    return is_long or any(unicodedata.category(character) in _NOT_SHOWN for character in path)


class CheckPatterns(NamedTuple):
    """Patterns of the names of checks, for the input ``checks``."""

    required: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "CheckPatterns":
        """Parse one pattern a line; ``!`` before it leaves checks out. Blank lines are ignored.

        Raises:
            ValueError: a pattern has neither a letter nor a digit, so that it stands for any check.
        """
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not all(any(map(str.isalnum, line)) for line in lines):
            raise ValueError("contains a pattern without a letter or digit")
        return cls(
            tuple(line for line in lines if not line.startswith("!")),
            tuple(line[1:].strip() for line in lines if line.startswith("!")),
        )

    def ignore(self, name: str) -> bool:
        """Return whether the check ``name`` is left out."""
        return any(is_check(pattern, name) for pattern in self.ignored)


def is_check(pattern: str, name: str) -> bool:
    """Return whether ``pattern`` stands for the check ``name``: ``*`` for any characters, ``?`` for
    one.
    """
    # Brackets are not special: the jobs of a matrix have names such as "build [linux]".
    return fnmatchcase(name, pattern.replace("[", "[[]"))
