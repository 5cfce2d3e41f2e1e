"""The agent's words: text deltas joined into pieces that can be shown and redacted on their own."""

import json
import re
from bisect import bisect_left
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from mogplex_ci.sanitize import PieceByPiece, Redactor, formats, looks_random
from mogplex_ci.untrusted import Untrusted

_CHECKPOINT_START: Final = "<<<MOGPLEX_CHECKPOINT>>>"
_CHECKPOINT_END: Final = "<<<END_MOGPLEX_CHECKPOINT>>>"
"""Marks around the question of a run that pauses (Mogplex/mogplex, lib/harness/checkpoint.ts)."""
_CHECKPOINT_BLOCK: Final = (
    rf"(?s)\n{{0,9}}{_CHECKPOINT_START}(.*?)(?:{_CHECKPOINT_END}|\Z)\n{{0,9}}"
)
_KEY_START: Final = "-----BEGIN "
_MARKS: Final = (_CHECKPOINT_START, _KEY_START)
_BLOCK_START: Final = rf"{_KEY_START}|{_CHECKPOINT_START}"
"""Each alternative begins with a character of its own: other expressions take three to ten times
as long.
"""
_LONGEST_MARK: Final = 64
_MAX_HELD: Final = 64 * 1024
"""Characters after which a piece is released even if a key or checkpoint is still open."""
_MAX_DELTA: Final = 256 * 1024
"""Characters of one delta that are read; the service knows no limit, and millions of them would
take seconds.
"""
_TAIL: Final = 4096
"""Characters at the end of the text in which a place to cut is looked for."""
_SHORTEST_PREFIX: Final = 3
_LAST_WORD: Final = r"(?<!\S)\S+\Z"
_SENTENCE_END: Final = r"[.!?:…][)\]\"'”*_`]*\Z"


class Checkpoint(NamedTuple):
    """The question of a paused run."""

    summary: Untrusted | None
    preview_url: Untrusted | None


class Piece(NamedTuple):
    """A part of the agent's words that can be shown."""

    words: Untrusted
    message: int
    """Number of the message to which it belongs."""


class TextBuffer:
    """Joins text deltas without a separator and releases pieces.

    A piece ends at white space, or with its message; ``flush`` and ``interrupt`` release more.
    Three things are held back: half of a value that the redactor knows, until the rest has come or
    cannot come any more; an open private key; and a checkpoint block, whose marks and JSON are
    removed from the text. The pieces joined without a separator are the text: they keep their line
    feeds.

    Every character is read a bounded number of times, however the text is divided into deltas.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._shown = PieceByPiece(redactor)
        self._text = ""
        self._message = 0
        """Number of the message that is being written."""
        self._ends: list[int] = []
        """Where in the text earlier messages end."""
        self._checked = 0
        """No paragraph that ends before this index can be released before more text arrives."""
        self._scanned = 0
        """Blocks that start before this index are known; of an open key, its lines."""
        self._blocks: list[tuple[int, int]] = []
        """Start and end of the closed blocks, in order."""
        self._open: int | None = None
        """Start of the block that is open at the end."""
        self.checkpoint: Checkpoint | None = None
        """The last checkpoint block seen; the service reads the last one too."""

    def add(self, delta: Untrusted) -> list[Piece]:
        """Append ``delta`` and return the paragraphs that are complete now, as one piece."""
        self._append(delta)
        end = self._paragraph_end()
        return [] if end is None else self._take(end)

    def whole(self, message: Untrusted) -> list[Piece]:
        """Return a message that comes in one piece."""
        self._append(message)
        return self.interrupt(ends_message=True)

    def flush(self) -> list[Piece]:
        """Return the text to show when nothing more has come for a while: all words but the last;
        the last one, too, if it ends a sentence, or if the words before it are shown already.
        """
        end = len(self._text)
        words_end = end - len(self._last_word)
        if self.is_inside_word and self._text[:words_end].strip():
            end = words_end
        has_ended = self._ends[-1:] == [len(self._text)]
        return self._take(self._cut_before(end, may_be_mark=not has_ended))

    def interrupt(self, *, ends_message: bool, keeps_word: bool = False) -> list[Piece]:
        """Return the text to show before another entry, such as a tool call.

        Held back is a last word that may be half a token; with ``keeps_word`` any unfinished one.
        """
        end = len(self._text)
        word = self._last_word
        may_be_token = _may_be_token(word)
        if word == self._text:
            # Its beginning may stand in a piece that was shown before.
            may_be_token = _may_be_token(self._shown.last_word + word)
        if may_be_token or (keeps_word and self.is_inside_word):
            end -= len(word)
        pieces = self._take(self._cut_before(end))
        if ends_message:
            if self._text:
                self._ends.append(len(self._text))
            self._message += 1
        return pieces

    def drain(self) -> list[Piece]:
        """Return the rest of the text; nothing more follows."""
        self._text = self._shown.without_half(self._text)
        self._ends = [min(end, len(self._text)) for end in self._ends]
        return self._take(len(self._text), is_last=True)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._text.strip()

    @property
    def is_inside_word(self) -> bool:
        """Whether the text seems to end inside a word."""
        return self._last_word != "" and not re.search(_SENTENCE_END, self._last_word)

    @property
    def _last_word(self) -> str:
        """The end of the text behind the last white space or block."""
        blocks_end = self._blocks[-1][1] if self._blocks else 0
        word = re.search(_LAST_WORD, self._text[max(len(self._text) - _TAIL, blocks_end) :])
        return "" if word is None else word[0]

    def _append(self, text: Untrusted) -> None:
        delta = text.text
        missing = len(delta) - _MAX_DELTA
        if missing > 0:
            delta = f"{delta[:_MAX_DELTA]}… {missing:,} more characters\n\n"
        self._text += delta
        self._scan()

    def _scan(self) -> None:
        """Find the blocks in the text that has arrived since the last scan."""
        while True:
            if self._open is None:
                after = self._blocks[-1][1] if self._blocks else 0
                start = re.compile(_BLOCK_START).search(
                    self._text, max(self._scanned - _LONGEST_MARK, after)
                )
                if start is None:
                    break
                self._open = self._scanned = start.start()
            end = self._end_of_block(self._open)
            if end is None:
                return
            self._blocks.append((self._open, end))
            self._open = None
            self._scanned = end
        self._scanned = len(self._text)

    def _end_of_block(self, start: int) -> int | None:
        """Return the end of the block that begins at ``start``; None while it is open."""
        if self._text.startswith(_KEY_START, start):
            self._scanned, is_open = formats.open_key(self._text, start, self._scanned)
            return None if is_open else self._scanned
        after = max(self._scanned - _LONGEST_MARK, start)
        at = self._text.find(_CHECKPOINT_END, after)
        self._scanned = len(self._text)
        return None if at < 0 else at + len(_CHECKPOINT_END)

    def _cut_before(self, end: int, *, may_be_mark: bool = True) -> int:
        """Return the last place up to ``end`` at which a piece may end: not inside a block or the
        mark that starts one.
        """
        if self._open is not None:
            end = min(end, self._open)
        at = bisect_left(self._blocks, (end, end)) - 1
        if at >= 0 and self._blocks[at][0] < end < self._blocks[at][1]:
            end = self._blocks[at][0]
        if end == len(self._text) and may_be_mark:
            known = self._blocks[-1][1] if self._blocks else 0
            before = self._text[max(end - _LONGEST_MARK, known) :]
            end -= max(_beginning_at_end(mark, before) for mark in _MARKS)
        return end

    def _paragraph_end(self) -> int | None:
        """Return the end of the last paragraph that is complete; of all text when too much is held
        back.
        """
        # White space may be left over from an earlier piece.
        start = len(self._text) - len(self._text.lstrip())
        known = len(self._text)
        if self._open is not None:
            known = self._open
        limit = known
        while (at := self._text.rfind("\n\n", max(self._checked, start), limit)) >= 0:
            if self._cut_before(at) == at:
                return at + 2
            limit = at + 1
        self._checked = max(known - 1, 0)
        is_too_long = len(self._text) - start > _MAX_HELD
        return len(self._text) if is_too_long else None

    def _take(self, end: int, *, is_last: bool = False) -> list[Piece]:
        if not is_last:
            end = min(end, self._shown.half_at_end(self._text[:end]))
        shown = self._text[:end]
        ends = [at for at in self._ends if at <= end]
        number = self._message - len(self._ends)
        parts = [shown[start:stop] for start, stop in pairwise([0, *ends, end])]
        if _CHECKPOINT_START in shown:
            parts = [re.sub(_CHECKPOINT_BLOCK, self._read_checkpoint, shown)]
        left_over = ""
        if not "".join(parts).strip():
            # The separator of paragraphs, or words, is kept for the next piece.
            text = "".join(parts)
            left_over = "\n" * min(text.count("\n"), 2) or text[-1:]
        self._text = left_over + self._text[end:]
        self._forget(end, end - len(left_over))
        if left_over or not shown:
            return []
        masked = self._shown.next(parts)
        return [Piece(Untrusted(words), number + at) for at, words in enumerate(masked) if words]

    def _forget(self, end: int, moved: int) -> None:
        """Note that the text up to ``end`` was taken, and all behind it has moved to the left."""
        self._ends = [at - moved for at in self._ends if at > end]
        self._blocks = [
            (start - moved, stop - moved) for start, stop in self._blocks if start >= end
        ]
        self._scanned = max(self._scanned - moved, 0)
        if self._open is not None:
            self._open = self._open - moved if self._open >= end else None
        if self._open is None:
            self._scanned = len(self._text)
        self._checked = 0

    def _read_checkpoint(self, block: re.Match[str]) -> str:
        """Keep the JSON of a checkpoint block; one that cannot be read still pauses the run."""
        try:
            fields = Untrusted(json.loads(block[1]))
        except (ValueError, RecursionError):
            fields = Untrusted(None)
        self.checkpoint = Checkpoint(
            summary=fields.at("summary"), preview_url=fields.at("previewUrl")
        )
        return "\n\n"


def _beginning_at_end(mark: str, text: str) -> int:
    """Return how many characters of ``mark`` end ``text``, less than all of it."""
    end = text[-len(mark) + 1 :]
    while end and not mark.startswith(end):
        _, first, rest = end[1:].partition(mark[0])
        end = first + rest
    return len(end)


def _may_be_token(word: str) -> bool:
    """Whether ``word`` may be the first half of a token."""
    return looks_random(word) or any(prefix in word for prefix in _long_prefixes())


@lru_cache(maxsize=1)
def _long_prefixes() -> list[str]:
    """Return how tokens begin, but for beginnings that many words hold."""
    prefixes = (prefix for kind in formats.formats() for prefix in kind.prefixes)
    return [prefix for prefix in prefixes if len(prefix) >= _SHORTEST_PREFIX]
