"""How long to wait before a failed call is made again."""

from __future__ import annotations

from typing import Final

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from mogplex_ci.errors import MogplexError

BACKOFF_WIDEST: Final = 30.0
"""Longest wait, in seconds, that we choose ourselves; the server may ask for more."""
_LONGEST: Final = 10**9
"""More seconds than any deadline; the library's own limit of six hours is shorter than this service's daily one."""


class Backoff:
    """Exponential waits, as urllib3 counts them, but never shorter than the server asks for."""

    def __init__(self, factor: float) -> None:
        """Take the seconds of which every further failure doubles the wait."""
        self._retry = Retry(total=None, backoff_factor=factor, backoff_max=max(BACKOFF_WIDEST, factor))

    def seconds_after(self, error: MogplexError) -> float:
        """Count a failure and return the seconds to wait before the next try; the first wait is as short as can be."""
        if self._retry.get_backoff_time() < self._retry.backoff_max:  # counting on would only make numbers huge
            self._retry = self._retry.increment(error=error)
        return max(self._retry.get_backoff_time(), error.retry_after or 0.0)


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``: this API sends whole seconds, a proxy before it may send a date."""
    if header is None:
        return None
    try:
        return float(Retry(retry_after_max=_LONGEST).parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):
        return None
