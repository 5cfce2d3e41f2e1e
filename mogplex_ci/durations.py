"""Durations as people write them: ``900``, ``15m``, ``1h30m``, ``200ms``."""

import re

_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)
"""Of an hour, a minute, a second and a millisecond."""
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_UNITS = re.compile(
    r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?",
    re.ASCII,
)
MAX_SECONDS = 30 * 24 * 3600.0


def parse_duration(text: str) -> float:
    """Return ``text`` in seconds.

    Units go from large to small, each at most once; a bare number is seconds.

    Raises:
        ValueError: not a duration, or longer than 30 days.
    """
    text = text.strip().lower()
    if _PLAIN.fullmatch(text):
        text += "s"
    match = _UNITS.fullmatch(text)
    # All units may be missing, so the pattern matches an empty text.
    if not text or match is None:
        raise ValueError("not a duration")
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    seconds = sum(float(number) * unit for number, unit in parts if number)
    if seconds > MAX_SECONDS:
        raise ValueError("longer than 30 days")
    return seconds
