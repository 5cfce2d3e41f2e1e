"""Durations as people write them: ``900``, ``15m``, ``1h30m``, ``200ms``."""

import re

_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)
"""Of an hour, a minute, a second and a millisecond."""
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_UNITS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.ASCII)
MAX_SECONDS = 30 * 24 * 3600.0
ALLOWED = "seconds or units, such as 900, 15m, 1h30m or 200ms, at most 720h"


def parse_duration(text: str) -> float:
    """Return ``text`` in seconds.

    Units go from large to small, each at most once; a bare number is seconds.

    Raises:
        ValueError: not a duration, or longer than 30 days.
    """
    text = text.strip().lower()
    match = _UNITS.fullmatch(f"{text}s" if _PLAIN.fullmatch(text) else text)
    if not text or match is None:
        raise ValueError(f"not a duration: use {ALLOWED}")
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    seconds = sum(float(number) * unit for number, unit in parts if number)
    if seconds > MAX_SECONDS:
        raise ValueError(f"too long: use {ALLOWED}")
    return seconds


def format_duration(seconds: float) -> str:
    """Return ``seconds`` as people write it: ``0.4s``, ``12s``, ``3m 05s``, ``1h 02m``."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}".removesuffix(".0") + "s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def format_clock(seconds: float) -> str:
    """Return a time in seconds as a clock shows it: ``00:04``, ``12:30``, ``1:02:03``."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
