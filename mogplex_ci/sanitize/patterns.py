"""Regular expressions, compiled when they are first needed: importing the package stays fast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache


@cache
def compiled(pattern: str, flags: re.RegexFlag = re.ASCII) -> re.Pattern[str]:
    """Return ``pattern`` compiled."""
    return re.compile(pattern, flags)


def occurrences(part: str, text: str) -> Iterator[int]:
    """Return where ``part`` stands in ``text``, also where two of them overlap."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
