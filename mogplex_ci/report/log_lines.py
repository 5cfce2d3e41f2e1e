"""Lines, groups and annotations of a job log, no more of them than CI systems show."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final, LiteralString

from mogplex_ci.models import FileLocation
from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.report.text import EntryText, long_lines
from mogplex_ci.sanitize import BLOCK_LIMIT, CleanText, Part, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted

DETAILS_LIMIT: Final = 2_000_000
"""Bytes of details and of the agent's words. GitLab cuts a log at 4 MiB: the result must come before that."""
ANNOTATIONS_LIMIT: Final = 10
"""Annotations of one level; GitHub drops what comes after."""
LOCATIONS_LIMIT: Final = 5
"""Annotations from which on the agent's findings in files get none: the others say how the step went."""
_LEVELS: Final[dict[str, Collection[Level]]] = {"all": tuple(Level), "errors": (Level.ERROR,), "none": ()}
"""By value of the input ``annotations``: what it lets through."""


class LogLines:
    """Writes to the job log of a platform."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer, room: int = DETAILS_LIMIT) -> None:
        """``room`` is the bytes of details and of the agent's words; what goes beyond is left out."""
        self.platform = platform
        self.safe = sanitizer
        self.agent_speaks = False
        """Whether the last line is the agent's."""
        self.wanted = "all"
        """The input ``annotations``: those that are not wanted are lines."""
        self._annotated: Counter[Level] = Counter()
        self._room = room
        self._says_full = False

    def say(self, *parts: Part) -> None:
        """Write one line."""
        self.line(self.safe.sentence(*parts))

    def warn(self, title: LiteralString, message: SafeText) -> None:
        """Annotate with a warning."""
        self.annotate(Level.WARNING, title, message)

    def annotate(self, level: Level, title: LiteralString, message: SafeText) -> None:
        """Annotate the step; what is not wanted, or too much, is a line of the log."""
        self.agent_speaks = False
        if level in _LEVELS[self.wanted] and self._annotated[level] < ANNOTATIONS_LIMIT:
            self._annotated[level] += 1
            self.platform.annotate(level, self.safe.line(title), message)
        else:
            self.say(level.value.capitalize(), ": ", title, ": ", message)

    def annotate_location(self, location: FileLocation, message: SafeText) -> None:
        """Annotate a line of a file of this repository with what the agent says about it."""
        path = self.safe.path(location.path)
        level = Level.WARNING if location.is_problem else Level.NOTICE
        is_room = level in _LEVELS[self.wanted] and self._annotated[level] < LOCATIONS_LIMIT
        if is_room and path is not None and ".." not in path.split("/"):
            self._annotated[level] += 1
            self.platform.annotate(level, self.safe.line("Agent"), message, Place(path, location.line))

    def below(self, words: EntryText) -> list[SafeText]:
        """Return the lines for what an entry's own line leaves out; none once the log has no room for them."""
        lines = long_lines(words.message, self.block)
        for details in words.details:
            lines += self.block(self.safe.details(details)) if self._room > 0 else []
        return lines

    def block(self, value: Untrusted | CleanText) -> list[SafeText]:
        """Return the lines of ``value``; none once the log has no room for it.

        A long line is cut, but reading it for secrets takes time: it takes the room of all that is read.
        """
        if self._room <= 0:
            return []
        lines = self.safe.block(value)
        read = len(value.text) if isinstance(value, Untrusted) else len(value)
        self._room -= max(min(read, BLOCK_LIMIT) - sum(map(len, lines)), 0)
        return lines

    def group(self, title: SafeText, lines: Sequence[SafeText]) -> None:
        """Write ``title``, with ``lines`` folded below it if there are any and the log has room for them."""
        if lines and self.has_room_for(lines):
            self.fold(title, lines)
        else:
            self.line(title)

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Write ``lines`` folded under ``title``."""
        self.agent_speaks = False
        self.platform.fold(title, lines)

    def line(self, text: SafeText) -> None:
        """Write a finished line."""
        self.agent_speaks = False
        self.platform.line(text)

    def has_room_for(self, lines: Sequence[SafeText]) -> bool:
        """Whether the log is short enough for more details; says so when it no longer is."""
        self._room -= sum(len(line.encode()) for line in lines)
        if self._room <= 0 and not self._says_full:
            self._says_full = True
            self.say("The log is long and goes on without details; the events file and the report can hold them")
        return self._room > 0
