"""The agent's words: text deltas joined into pieces that can be shown and redacted on their own."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from mogplex_ci.models import Untrusted

_CHECKPOINT: Final = "<<<MOGPLEX_CHECKPOINT>>>"
_CHECKPOINT_END: Final = "<<<END_MOGPLEX_CHECKPOINT>>>"
"""Marks around what a run asks when it pauses (Mogplex/mogplex, lib/harness/checkpoint.ts)."""
_MOST_HELD: Final = 64 * 1024
"""Characters after which a piece is released even if a fence, key or checkpoint is still open."""
_LEADS_TO_VALUE: Final = re.compile(
    r"(?:[:=,\"'(]|(?:^|\s)-[\w-]*|\b(?:bearer|basic|token|password|passphrase|secret|key|is|to))\Z", re.IGNORECASE
)
"""Ends of a text after which a secret may follow: it must not be cut there, or the secret would stand alone."""
_LONG_WORD: Final = 8
"""Characters from which on the unfinished last word may be half a secret."""


class Checkpoint(NamedTuple):
    """What a paused run asks."""

    summary: Untrusted | None
    preview_url: Untrusted | None


class TextBuffer:
    """Joins text deltas without a separator and releases pieces.

    A piece ends with a paragraph; ``flush`` and ``interrupt`` release more. An open code fence, private key or
    checkpoint block is held back until it is closed, so that it is redacted as a whole. The checkpoint's marks and JSON
    are removed from the text. The pieces joined without a separator are the text: they keep their line feeds.
    """

    def __init__(self) -> None:
        self._text = ""
        self._checked = 0
        """No paragraph that ends before this index can be released before more text arrives."""
        self.checkpoint: Checkpoint | None = None
        """The last checkpoint block seen; the service reads the last one too."""

    def add(self, delta: Untrusted) -> list[Untrusted]:
        """Append ``delta`` and return the paragraphs that are complete now."""
        self._text += delta.text
        pieces = []
        while (end := self._paragraph_end()) is not None:
            pieces += self._take(end)
        return pieces

    def flush(self) -> list[Untrusted]:
        """Return what can be shown when nothing more has come for a while: up to the last safe white space."""
        if not self._text or _is_open(self._text):
            return []
        for match in reversed(list(re.finditer(r"\s+", self._text[-4096:]))):
            end = max(len(self._text) - 4096, 0) + match.end()
            before = self._text[: end - len(match[0])]
            is_safe = "\n" in match[0] or not _LEADS_TO_VALUE.search(before[-80:])
            if is_safe and not _is_open(self._text[:end]):
                return self._take(end)
        return []

    def interrupt(self) -> list[Untrusted]:
        """Return what can be shown before something else, such as a tool call: all but a long unfinished last word."""
        if _is_open(self._text):
            return []
        last = re.search(r"\S*\Z", self._text[-4096:])
        word = last[0] if last else ""
        end = len(self._text)
        if len(word) >= _LONG_WORD and word[-1] not in ".!?:;)…`*" and not _is_open(self._text[: end - len(word)]):
            end -= len(word)
        return self._take(end)

    def drain(self) -> list[Untrusted]:
        """Return everything that is left; nothing more follows."""
        return self._take(len(self._text))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._text.strip()

    def _paragraph_end(self) -> int | None:
        start = len(self._text) - len(self._text.lstrip())  # white space left over from an earlier piece
        while (at := self._text.find("\n\n", max(self._checked, start))) >= 0:
            if not _is_open(self._text[:at]):
                return at + 2
            self._checked = at + 1
        return len(self._text) if len(self._text) - start > _MOST_HELD else None

    def _take(self, end: int) -> list[Untrusted]:
        piece, self._text, self._checked = self._text[:end], self._text[end:], 0
        piece = self._without_checkpoints(piece)
        if not piece.strip():
            self._text = ("\n\n" if piece.count("\n") > 1 else piece[-1:]) + self._text
            return []
        return [Untrusted(piece)]

    def _without_checkpoints(self, text: str) -> str:
        before, mark, rest = text.partition(_CHECKPOINT)
        if not mark:
            return text
        block, _, after = rest.partition(_CHECKPOINT_END)
        self.checkpoint = _checkpoint(block)
        return before.rstrip() + "\n\n" + self._without_checkpoints(after.lstrip()) if after.strip() else before


def _is_open(text: str) -> bool:
    """Whether ``text`` ends inside a code fence, a private key, a checkpoint block or one of its marks."""
    if len(text) > _MOST_HELD:
        return False
    fences = sum(line.lstrip().startswith("```") for line in text.split("\n"))
    return (
        fences % 2 == 1
        or text.rfind("-----BEGIN ") > text.rfind("-----END ")
        or text.rfind(_CHECKPOINT) > text.rfind(_CHECKPOINT_END)
        or any(text.endswith(_CHECKPOINT[:size]) for size in range(1, len(_CHECKPOINT)))
    )


def _checkpoint(block: str) -> Checkpoint:
    """Read the JSON of a checkpoint block; one that cannot be read still pauses the run."""
    try:
        data = json.loads(block)
    except (ValueError, RecursionError):
        data = None
    fields = Untrusted(data)
    return Checkpoint(summary=fields.at("summary"), preview_url=fields.at("previewUrl"))
