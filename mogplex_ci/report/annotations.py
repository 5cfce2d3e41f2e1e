"""What is shown beside the job instead of only in its log."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mogplex_ci.platforms.base import Level

if TYPE_CHECKING:
    from mogplex_ci.models import Untrusted
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.sanitize import SafeText, Sanitizer

LIMIT: Final = 10
"""Annotations of a level; GitHub drops what comes after."""
PLACES_LIMIT: Final = 5
"""Of these, how many the agent's findings in files may take: the others tell how the step went."""


class Annotations:
    """Annotates the step. What is not wanted, or too much, is a line of the log."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, wanted: str) -> None:
        """Take where to write; ``wanted`` is the input: ``all``, ``errors`` or ``none``."""
        self._platform = platform
        self._sanitizer = sanitizer
        self._levels = {"all": frozenset(Level), "errors": frozenset({Level.ERROR})}.get(wanted, frozenset())
        self._made: Counter[Level] = Counter()
        self._places: Counter[Level] = Counter()

    def notice(self, title: str, text: SafeText) -> None:
        """Tell something worth knowing."""
        self._annotate(Level.NOTICE, title, text)

    def warning(self, title: str, text: SafeText) -> None:
        """Tell something that may need attention."""
        self._annotate(Level.WARNING, title, text)

    def error(self, title: str, text: SafeText) -> None:
        """Tell why the step failed."""
        self._annotate(Level.ERROR, title, text)

    def place(self, payload: Untrusted, text: SafeText) -> bool:
        """Annotate the line of a file that ``payload`` names, if it does, and say whether it was done.

        The file is named by ``path`` or ``file``, relative to the repository; the line by ``line``.
        """
        path, number = payload.at("path") or payload.at("file"), payload.at("line")
        file, line = self._sanitizer.path(path), number.as_int() if number else None
        if file is None or ".." in file.split("/") or line is None or line < 1:
            return False
        named = payload.at("level") or payload.at("severity")
        level = Level.WARNING if named and named.one_of("warning", "error") else Level.NOTICE
        if level not in self._levels or self._made[level] >= LIMIT or self._places[level] >= PLACES_LIMIT:
            return False
        self._made[level] += 1
        self._places[level] += 1
        self._platform.annotate(level, self._sanitizer.line("Agent"), text, file=file, line=line)
        return True

    def _annotate(self, level: Level, title: str, text: SafeText) -> None:
        if level in self._levels and self._made[level] < LIMIT:
            self._made[level] += 1
            self._platform.annotate(level, self._sanitizer.line(title), text)
        else:
            self._platform.line(self._sanitizer.line(f"{level.value.capitalize()}: {{}}: {{}}", title, text))
