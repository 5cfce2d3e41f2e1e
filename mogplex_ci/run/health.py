"""Whether the API answers, and until when it asks to be left alone."""

from math import inf
from typing import Final

from mogplex_ci.api.retry import Patience
from mogplex_ci.errors import ForbiddenError, MogplexError, NotAuthorizedError, NotFoundError

NOT_FOUND_GRACE: Final = 10.0
"""Seconds after the start in which the API may not know the run yet."""


class Health:
    """The API's health, as the answers about one run tell it. Times are those of one clock."""

    def __init__(self, now: float) -> None:
        self.trouble: MogplexError | None = None
        """Why the API gave no usable answer last; None when it did."""
        self.not_before = -inf
        """Until when the API asks to wait."""
        self._since = self._answered_at = now
        self._patience = Patience()

    def failed(self, now: float, error: MogplexError) -> bool:
        """Note a failure and return whether trouble begins with it.

        Raises:
            MogplexError: ``error``, when asking again is of no use. Other odd answers may be a proxy in trouble.
        """
        is_lost = isinstance(error, NotFoundError) and now - self._since > NOT_FOUND_GRACE
        is_refusal = isinstance(error, NotAuthorizedError | ForbiddenError)
        if is_lost or (is_refusal and self._patience.left(error, now) <= 0):
            raise error
        if not is_refusal:
            self._patience.reset()
        is_first, self.trouble = self.trouble is None, error
        self.not_before = now + (error.retry_after or 0.0)
        return is_first

    def answered(self, now: float) -> float | None:
        """Note an answer. Return the seconds without one when trouble ends with it."""
        seconds = None if self.trouble is None else now - self._answered_at
        self.trouble, self._answered_at = None, now
        self._patience.reset()
        return seconds
