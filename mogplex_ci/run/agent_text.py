"""The agent's words: text deltas joined into pieces that can be shown and redacted on their own."""

import json
import re
from bisect import bisect_left
from typing import Final, NamedTuple

from mogplex_ci.sanitize import formats
from mogplex_ci.sanitize.redactor import Redactor
from mogplex_ci.untrusted import Untrusted

_CHECKPOINT_START: Final = "<<<MOGPLEX_CHECKPOINT>>>"
_CHECKPOINT_END: Final = "<<<END_MOGPLEX_CHECKPOINT>>>"
"""Marks around what a run asks when it pauses (Mogplex/mogplex, lib/harness/checkpoint.ts)."""
_MOST_HELD: Final = 64 * 1024
"""Characters after which a piece is released even if a fence, key or checkpoint is still open."""
_SENTENCE_END: Final = r"[.!?…][)\]\"'”*_`]*\Z"
_NAMING: Final = frozenset(":=<>|{}()[]\"'`\\")
"""Characters of a line that may give a name to what the next one holds."""
_LONGEST_LINES: Final = 512
_FENCE: Final = r"[ \t]{0,20}```"
_BLOCK_START: Final = rf"\n{_FENCE}|-----BEGIN |{_CHECKPOINT_START}"
"""A block that begins behind the first character. Each alternative begins with a character of its
own, and none is a group: other expressions take three to ten times as long.
"""
_BLOCK_KINDS: Final = {"\n": "fence", "-": "key", "<": "checkpoint"}
_BLOCK_ENDS: Final = {
    "fence": rf"\n{_FENCE}",
    "key": r"-----END [A-Z0-9 ]{0,40}-----",
    "checkpoint": _CHECKPOINT_END,
}
_CHECKPOINT_BLOCK: Final = (
    rf"(?s)\n{{0,9}}{_CHECKPOINT_START}(.*?)(?:{_CHECKPOINT_END}|\Z)\n{{0,9}}"
)
_LONGEST_MARK: Final = 64
_TAIL: Final = 4096
"""Characters at the end of the text in which a place to cut is looked for."""
_LONGEST_DELTA: Final = 256 * 1024
"""Characters of one delta that are read; the service knows no limit, and millions of them would
take seconds.
"""
_LAST_WORD: Final = r"(?<!\S)\S+\Z"
_PLAIN_WORD: Final = r"[A-Za-z][a-z]{0,6}"
"""One that is hardly half a secret, unless a format or a name of secrets begins like this."""
_ENDED_WORD: Final = r".*[.!?:;)…`*]"
_RANDOM_WORD: Final = r"(?=[\w+/=-]{0,60}\d)[\w+/=-]{10}"
_LONGEST_KIND: Final = 9
"""Characters behind a format's prefix that may still say what kind of secret it is, as in
``dp.st.prd.``.
"""
_NAMES: Final = (
    *(
        "passphrase",
        "password",
        "pwd",
        "secret",
        "token",
        "credentials",
        "key",
        "authorization",
        "bearer",
        "cookie",
    ),
    *("login", "curl", "mysql", "docker", "redis-cli", "x-", "https://"),
)
"""Texts of which a plain word may be the first half."""
_NAMING_WORDS: Final = (
    *(
        "pass",
        "pwd",
        "psw",
        "secret",
        "token",
        "credential",
        "key",
        "auth",
        "pat",
        "bearer",
        "cookie",
        "x-",
    ),
    *("login", "docker", "curl", "mysql", "mariadb", "redis-cli", "://", "env ", "arg ", " set "),
)
"""One of these stands in every text that names a secret."""
_SAMPLE: Final = "Tr0ub4dor3xQ9z"
"""A value that is redacted behind every name of a secret."""
_WAYS_ON: Final = tuple(
    way.format(_SAMPLE)
    for way in (
        *(
            "{}",
            " {}",
            '"{}"',
            ": {}",
            '="{}"',
            '"="{}"',
            '", "{}"',
            "a={}",
            'a = "{}"',
            ': a = "{}"',
            "response={}",
        ),
        *(
            '" value="{}"',
            'value="{}"',
            "\n  value: {}",
            "  value: {}",
            "</a><b>{}</b>",
            "<b>{}</b>",
            ">{}</a>",
        ),
        *(
            "A_SECRET {}",
            "u password {}",
            " password {}",
            "login -p {}",
            " -p {}",
            "-p{}",
            " -a {}",
        ),
        *("{}@host", "a:letmein", " -u a:letmein"),
    )
)
"""How a text that names a secret may go on; none is a secret without that text."""
_LONGEST_NAMING: Final = 256
_MOST_LINES: Final = 3
"""Lines between which a name and its secret may be divided."""
_REDACTOR: Final = Redactor((), str)


class Checkpoint(NamedTuple):
    """The question of a paused run."""

    summary: Untrusted | None
    preview_url: Untrusted | None


class TextBuffer:
    """Joins text deltas without a separator and releases pieces.

    A piece ends with a paragraph; ``flush`` and ``interrupt`` release more. An open code fence,
    private key or checkpoint block is held back until it is closed, so that it is redacted as a
    whole. The checkpoint's marks and JSON are removed from the text. The pieces joined without a
    separator are the text: they keep their line feeds.

    Every character is looked at a bounded number of times, however the text is divided into deltas.
    """

    def __init__(self) -> None:
        self._text = ""
        self._checked = 0
        """No paragraph that ends before this index can be released before more text arrives."""
        self._scanned = 0
        """Blocks that start before this index are known."""
        self._blocks: list[tuple[int, int]] = []
        """Start and end of the closed blocks, in order."""
        self._open: tuple[int, str] | None = None
        """Start and kind of the block that is open at the end."""
        self.checkpoint: Checkpoint | None = None
        """The last checkpoint block seen; the service reads the last one too."""

    def add(self, delta: Untrusted) -> list[Untrusted]:
        """Append ``delta`` and return the paragraphs that are complete now, as one piece."""
        self._text += _within_limit(delta.text)
        self._scan()
        end = self._paragraph_end()
        return [] if end is None else self._take(end)

    def flush(self) -> list[Untrusted]:
        """Return what can be shown when nothing more has come for a while: up to the end of a
        sentence, or of a plain line.

        Elsewhere, the name of a secret could be shown alone, and the secret after it would not be
        known as one.
        """
        if self._open is not None:
            return []
        if self._is_sentence():
            return self._take(len(self._text))
        start = max(len(self._text) - _TAIL, 0)
        for match in reversed(list(re.finditer(r"\s+", self._text[start:]))):
            end = start + match.end()
            word_end = start + match.start()
            before = self._text[max(word_end - _LONGEST_LINES, 0) : word_end]
            ends_sentence = re.search(_SENTENCE_END, before[-8:]) is not None
            ends_plain_line = "\n" in match[0] and _names_nothing(before)
            if (ends_sentence or ends_plain_line) and self._may_cut(end):
                return self._take(end)
        return []

    def _is_sentence(self) -> bool:
        """Whether the text ends with a sentence of which nothing can be the first half of a
        secret or of its name.
        """
        tail = self._text[-_TAIL:]
        word = re.search(_LAST_WORD, tail)
        return (
            word is not None
            and re.search(_SENTENCE_END, word[0]) is not None
            and not _may_begin_secret(word[0])
            and not _names_what_follows(tail)
            and self._may_cut(len(self._text))
        )

    def interrupt(self) -> list[Untrusted]:
        """Return what can be shown before something else, such as a tool call.

        Held back are an unfinished last word that may be half a secret, and a last line that may
        name one: redaction would not know what follows.
        """
        end = len(self._text)
        if not self._may_cut(end):
            return []
        tail = self._text[-_TAIL:]
        word = re.search(_LAST_WORD, tail)
        if word is not None and _may_begin_secret(word[0]):
            tail = tail[: word.start()]
        for _ in range(_MOST_LINES):
            if not _names_what_follows(tail):
                break
            tail = tail[: tail.rstrip().rfind("\n") + 1]
        finished = max(end - _TAIL, 0) + len(tail)
        finished = next((stop for start, stop in self._blocks if start < finished < stop), finished)
        if not self._may_cut(finished):
            return []
        return self._take(finished)

    def drain(self) -> list[Untrusted]:
        """Return everything that is left; nothing more follows."""
        return self._take(len(self._text))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._text.strip()

    def _scan(self) -> None:
        """Find the blocks in the text that has arrived since the last scan."""
        while True:
            if self._open is not None:
                start, kind = self._open
                after = max(self._scanned - _LONGEST_MARK, start + 1)
                end = re.compile(_BLOCK_ENDS[kind]).search(self._text, after)
                if end is None:
                    break
                self._blocks.append((start, end.end()))
                self._open = None
                self._scanned = end.end()
            else:
                after = 0
                if self._blocks:
                    after = self._blocks[-1][1]
                block = self._next_block(max(self._scanned - _LONGEST_MARK, after))
                if block is None:
                    break
                start, kind, self._scanned = block
                self._open = (start, kind)
        self._scanned = len(self._text)

    def _next_block(self, after: int) -> tuple[int, str, int] | None:
        """Return where the next block begins, its kind, and the end of the mark that begins it."""
        if after == 0 and (fence := re.compile(_FENCE).match(self._text)) is not None:
            return 0, "fence", fence.end()
        mark = re.compile(_BLOCK_START).search(self._text, after)
        if mark is None:
            return None
        kind = _BLOCK_KINDS[mark[0][0]]
        start = mark.start() + 1 if kind == "fence" else mark.start()
        return start, kind, mark.end()

    def _may_cut(self, end: int) -> bool:
        """Whether a piece may end at ``end``: not inside a block or the mark that starts one."""
        if self._open is not None and self._open[0] < end:
            return False
        at = bisect_left(self._blocks, (end, end)) - 1
        if at >= 0 and self._blocks[at][0] < end < self._blocks[at][1]:
            return False
        before = self._text[max(end - len(_CHECKPOINT_START), 0) : end]
        return not any(
            before.endswith(_CHECKPOINT_START[:size]) for size in range(1, len(_CHECKPOINT_START))
        )

    def _paragraph_end(self) -> int | None:
        """Return the end of the last paragraph that is complete; of all text when too much is held
        back.
        """
        # White space may be left over from an earlier piece.
        start = len(self._text) - len(self._text.lstrip())
        known = len(self._text)
        if self._open is not None:
            known = self._open[0]
        limit = known
        while (at := self._text.rfind("\n\n", max(self._checked, start), limit)) >= 0:
            if self._may_cut(at):
                return at + 2
            limit = at + 1
        self._checked = known - 1
        is_too_long = len(self._text) - start > _MOST_HELD
        return len(self._text) if is_too_long else None

    def _take(self, end: int) -> list[Untrusted]:
        shown = self._text[:end]
        if _CHECKPOINT_START in shown:
            shown = re.sub(_CHECKPOINT_BLOCK, self._read_checkpoint, shown)
        left_over = ""
        if not shown.strip():
            # What separates paragraphs, or words, is kept for the next piece.
            left_over = "\n" * min(shown.count("\n"), 2) or shown[-1:]
        self._text = left_over + self._text[end:]
        moved = end - len(left_over)
        self._blocks = [
            (start - moved, stop - moved) for start, stop in self._blocks if start >= end
        ]
        if self._open is not None:
            start, kind = self._open
            self._open = (start - moved, kind) if start >= end else None
        self._scanned = len(self._text)
        self._checked = 0
        if left_over or not shown:
            return []
        return [Untrusted(shown)]

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


def _within_limit(delta: str) -> str:
    """Return what is read of a delta, with a mark that says how much is not."""
    missing = len(delta) - _LONGEST_DELTA
    return delta if missing <= 0 else f"{delta[:_LONGEST_DELTA]}… {missing:,} more characters\n\n"


def _may_begin_secret(word: str) -> bool:
    """Whether ``word`` may be the first part of a secret, or of its name."""
    is_plain = re.fullmatch(_PLAIN_WORD, word)
    is_ended = re.fullmatch(_ENDED_WORD, word) and not re.search(_RANDOM_WORD, word)
    if not (is_plain or is_ended) or any(name.startswith(word.lower()) for name in _NAMES):
        return True
    part = word.rpartition("/")[2] or word
    prefixes = (prefix for kind in formats.formats() for prefix in kind.prefixes)
    return any(
        prefix.startswith(part)
        or (part.startswith(prefix) and len(part) < len(prefix) + _LONGEST_KIND)
        for prefix in prefixes
    )


def _names_what_follows(text: str) -> bool:
    """Whether a secret that followed ``text``, in one of many ways, would be known by a name in it.

    A last word that ends no sentence may be half of what leads to the secret: the text is tried
    without it, too.
    """
    text = text[-_LONGEST_NAMING:]
    lower = text.lower()
    if not any(word in lower for word in _NAMING_WORDS):
        return False
    starts = {text}
    word = re.search(_LAST_WORD, text)
    if word is not None and not re.fullmatch(_ENDED_WORD, word[0]):
        starts.add(text[: word.start()])
    ways = [way for way in _WAYS_ON if way[0].isspace() or not re.search(_SENTENCE_END, text)]
    return any(
        end > len(start)
        for start in starts
        for way in ways
        for _, end in _REDACTOR.find(start + way, 1)
    )


def _names_nothing(text: str) -> bool:
    """Whether the last two lines of ``text`` are plain words, and none of them names what
    follows.
    """
    lines = text.rsplit("\n", 2)[-2:]
    is_plain = len(text) < _LONGEST_LINES and not _NAMING.intersection("".join(lines))
    return is_plain and not _names_what_follows(f"{text}\n")
