"""How long to wait before a failed call is made again."""

from __future__ import annotations

from typing import Final

from urllib3.util import Retry

from mogplex_ci.errors import ApiError, MogplexError

BACKOFF_WIDEST: Final = 30.0
"""Longest wait, in seconds, that we choose ourselves; the server may ask for more."""


class Backoff:
    """Exponential waits, as urllib3 counts them, but never shorter than the server asks for."""

    def __init__(self, factor: float = 0.5) -> None:
        """Take the seconds that double with each failure."""
        self._retry = Retry(total=None, backoff_factor=factor, backoff_max=BACKOFF_WIDEST)

    def seconds_after(self, error: MogplexError) -> float:
        """Count a failure and return the seconds to wait before the next try."""
        self._retry = self._retry.increment(error=error)
        asked = error.retry_after if isinstance(error, ApiError) else None
        return max(self._retry.get_backoff_time(), asked or 0.0)
