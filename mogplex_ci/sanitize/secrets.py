"""Secrets that must not leave the program: values known to this process, and formats known to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"
_FORMATS = re.compile(r"\bmog_[A-Za-z0-9]{16,}")


class Redactor:
    """Replaces known secret values and known secret formats by ``***``."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Take the secret ``values`` of this process; blank ones are ignored."""
        known = sorted({value for value in values if value.strip()}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _FORMATS.sub(MASK, text)
