"""The lines of the job log.

They are limited: CI systems cut a long log, and show a limited number of annotations. A long log
continues without details, which are the events of a run except its phases, and all folded groups.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, LiteralString

from mogplex_ci.platforms.base import PROGRAM, Level, Platform
from mogplex_ci.platforms.job_log import DETAILS_END, size_in_log
from mogplex_ci.report import text
from mogplex_ci.sanitize import BLOCK_LIMIT, CleanText, Part, SafeText, Sanitizer, count
from mogplex_ci.untrusted import Untrusted

ANNOTATIONS_LIMIT: Final = 10
"""Annotations of one level; GitHub drops further ones."""
_LEVELS: Final[dict[str, Collection[Level]]] = {
    "all": tuple(Level),
    "errors": (Level.ERROR,),
    "none": (),
}
"""By value of the input ``annotations``: the levels that it allows."""


class LogLines:
    """Lines of the job log, which a CI system shows as they come."""

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        self.platform = platform
        self.safe = sanitizer
        self.wanted = "all"
        """The input ``annotations``: those that are not wanted are lines."""
        self._annotated: Counter[Level] = Counter()
        self._read_only = 0
        """Characters that were read, and are not shown."""
        self._is_full = False
        """Whether the log continues without details."""

    def line(self, text: SafeText) -> None:
        """Write a finished line."""
        self.platform.line(text)

    def annotate(self, level: Level, title: LiteralString, message: SafeText) -> None:
        """Annotate the step. Too much, or not wanted, it is a line of the log."""
        if level in _LEVELS[self.wanted] and self._annotated[level] < ANNOTATIONS_LIMIT:
            self._annotated[level] += 1
            self.platform.annotate(level, self.safe.line(title), message)
            return
        kind = level.value.capitalize()
        if title == PROGRAM:
            self.say(kind, ": ", message)
        else:
            self.say(kind, ": ", title, ": ", message)

    def say(self, *parts: Part) -> None:
        """Write one line."""
        self.line(self.safe.sentence(*parts))

    def annotate_each(
        self, level: Level, title: LiteralString, messages: Sequence[SafeText], more: LiteralString
    ) -> None:
        """Annotate with each message. The last annotation that is shown counts the messages that
        none has room for, which are lines; ``more`` is the noun for one of them.
        """
        for number, message in enumerate(messages):
            left = len(messages) - number
            if left > 1 and self.is_last_annotation(level):
                self.annotate(
                    level, title, self.safe.sentence(count(left, more), ": the log has them")
                )
                for rest in messages[number:]:
                    self.say(level.value.capitalize(), ": ", rest)
                return
            self.annotate(level, title, message)

    def is_last_annotation(self, level: Level) -> bool:
        """Whether one more annotation of ``level`` is shown, and none after it."""
        return level in _LEVELS[self.wanted] and self._annotated[level] == ANNOTATIONS_LIMIT - 1

    def warn(self, title: LiteralString, message: SafeText) -> None:
        """Annotate with a warning."""
        self.annotate(Level.WARNING, title, message)

    def group(self, title: SafeText, lines: Sequence[SafeText]) -> None:
        """Write ``title``, with ``lines`` behind or folded below it if there are any and the log
        has room for them.
        """
        if not lines or not self.has_room_for(lines):
            self.line(title)
        elif len(lines) == 1 and len(lines[0]) <= text.LONG_LINE:
            self.say(title, " ", lines[0])
        else:
            self.platform.fold(title, lines)

    def details(self, title: SafeText, lines: Sequence[SafeText] = ()) -> None:
        """Write a detail, which a long log leaves out: ``title``, with ``lines`` as in a group."""
        if self.has_room_for([title, *lines]):
            self.group(title, lines)

    def below(self, words: text.EntryText) -> list[SafeText]:
        """Return the lines for the rest of an entry, beyond its own line; none once the log has no
        room for them.
        """
        lines = text.beyond_title(words.message, self.block)
        for details in words.details:
            if self._has_room:
                lines += self.block(self.safe.listed(details))
        return lines

    def block(self, value: Untrusted | CleanText) -> list[SafeText]:
        """Return the lines of ``value``; none once the log has no room for it.

        A long line is cut, but reading it for secrets takes time, so it counts with its full
        length.
        """
        if not self._has_room:
            return []
        lines = self.safe.block(value)
        read = len(value.text) if isinstance(value, Untrusted) else len(value)
        self._read_only += max(min(read, BLOCK_LIMIT) - sum(map(len, lines)), 0)
        return lines

    @property
    def _has_room(self) -> bool:
        return not self._is_full and self.platform.log_size + self._read_only < DETAILS_END

    def has_room_for(self, lines: Sequence[SafeText]) -> bool:
        """Whether the log is short enough for more details. Once it is not, it takes none at all,
        and says so.
        """
        if self._is_full:
            return False
        end = self.platform.log_size + self._read_only + size_in_log(*lines)
        if end >= DETAILS_END:
            self._is_full = True
            self.say(
                "The log is long and continues without details; the events file and the report can contain them"
            )
        return not self._is_full
