"""When and how a failed call is made again: the one retry policy of the program."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from email.utils import parsedate_to_datetime
from math import inf
from time import time
from typing import Final, NamedTuple, TypeVar

from mogplex_ci.errors import (
    LostContactError,
    MogplexError,
    NotAuthorizedError,
    TokenLostError,
    UnreachableError,
)
from mogplex_ci.waiting import Clock, Stop

T = TypeVar("T")
FIRST_PAUSE: Final = 0.5
"""Seconds before the first retry; each further failure doubles the pause."""
MAX_PAUSE: Final = 10.0
"""Longest pause, in seconds, that we choose ourselves: an outage of any length is noticed to be
over within it.
"""
LATEST: Final = 2.0
"""Seconds after the time that the server asked to wait until, within which the request is sent
again.
"""
CALL_SECONDS: Final = 30.0
"""Longest time for one request."""
_MIN_CALL_SECONDS: Final = 0.3
"""Seconds that a try gets at least, also when the deadline is closer."""
_LAST_TRY_SECONDS: Final = 1.0
"""How long before the deadline the last try is made."""
_MIN_SHARE: Final = 0.8
"""How much of a pause is waited at least."""
_MAX_RETRY_AFTER: Final = 1e9
"""More seconds than any deadline."""
_NUMBER: Final = r"\s*[0-9]{1,20}(\.[0-9]{0,20})?\s*"


class Waiting(NamedTuple):
    """An update: a request failed in a way that may pass; it is sent again after ``seconds``."""

    error: MogplexError
    seconds: float


class Backoff:
    """Pauses between tries: as long as the server asks, else doubling up to ``longest`` seconds."""

    def __init__(
        self, clock: Clock, *, first: float = FIRST_PAUSE, longest: float = MAX_PAUSE
    ) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._next = first

    def next_pause(self, asked: float | None = None) -> float:
        """Count a failure and return the seconds to wait before the next try. Jitter keeps jobs
        from meeting again.

        ``asked`` is the ``Retry-After`` of the answer, if it had one.
        """
        pause = self._next
        self._next = min(pause * 2, self._longest)
        if asked is not None:
            return asked + self._clock.random(0.0, LATEST)
        return self._clock.random(pause * _MIN_SHARE, pause)

    def reset(self) -> None:
        """Reset: the last attempt succeeded."""
        self._next = self._first


class Patience:
    """How long failures in a row are waited out: each as long as it says, counted from the first
    that has a limit.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def left(self, error: MogplexError, now: float) -> float:
        """Note a failure at the time ``now``, and return for how many seconds the request may be
        sent again.
        """
        if error.patience == inf:
            self._since = None
            return inf
        if self._since is None:
            self._since = now
        return self._since + error.patience - now

    def reset(self) -> None:
        """Note a usable answer."""
        self._since = None


class ServiceHistory:
    """Whether the service has ever answered, and accepted the token. The rounds of ``repair``
    share it. Once it has, a failure is an outage and not a wrong setup.
    """

    def __init__(self, *, has_answered: bool = False, accepts_token: bool = False) -> None:
        self._has_answered = has_answered
        self._accepts_token = accepts_token

    def answered(self, *, accepts_token: bool) -> None:
        """Note an answer in the API's own envelope."""
        self._has_answered = True
        self._accepts_token = self._accepts_token or accepts_token

    def judged(self, error: MogplexError) -> MogplexError:
        """Return the meaning of ``error``, given the service's responses so far."""
        # It says so whenever its look-up fails (Mogplex/mogplex, lib/auth/api-key.ts).
        if isinstance(error, NotAuthorizedError) and self._accepts_token:
            return TokenLostError(
                "the API now rejects a token it accepted earlier; this can happen while its database "
                "is down",
                code=error.code,
                detail=error.detail,
                retry_after=error.retry_after,
                may_have_worked=error.may_have_worked,
            )
        if isinstance(error, UnreachableError) and self._has_answered:
            return LostContactError(
                error.cause, detail=error.detail, may_have_worked=error.may_have_worked
            )
        return error


def retrying(
    call: Callable[[float], T],
    *,
    clock: Clock,
    deadline: float,
    stop: Stop | None = None,
    backoff: Backoff | None = None,
    insists: bool = False,
    say: Callable[[Waiting], None] = lambda _: None,
) -> T:
    """Make ``call`` until it is answered; it is given the seconds it may take.

    Args:
        call: raises an error with ``patience`` when it may succeed later.
        clock: time and waits.
        deadline: a time of the clock. No further try starts after it.
        stop: ends the call or a wait when a stop signal comes; None lets neither be interrupted.
        backoff: the pauses; the default ones when None.
        insists: try again sooner than the server asks, and also when it does not know the token.
            For cancels, which have a few seconds after a stop signal: room in the request budget
            comes free continuously, refused requests do not count, and the service knows no token
            while its database is down.
        say: gets each wait.

    Raises:
        MogplexError: an error that will not pass, or the last one when the next try would come
            after the deadline.
        StopRequested: a stop signal came.
    """
    backoff = backoff or Backoff(clock)
    patience = Patience()
    while True:
        try:
            with stop.interrupting() if stop else nullcontext():
                return call(max(min(deadline - clock.monotonic(), CALL_SECONDS), _MIN_CALL_SECONDS))
        except MogplexError as error:
            now = clock.monotonic()
            left = deadline - now
            is_refused_token = isinstance(error, NotAuthorizedError)
            if not (insists and is_refused_token):
                left = min(left, patience.left(error, now))
            # A cancel has seconds, not the minute that a limit asks for.
            asked = None if insists else error.retry_after
            seconds = backoff.next_pause(asked)
            # A wait that outlasts the deadline is reported at once: the job need not sit it out.
            comes_too_late = (asked or 0.0) >= left
            has_been_last = seconds >= left and left <= 2 * _LAST_TRY_SECONDS
            if comes_too_late or has_been_last:
                raise
            # The last try comes a second before the deadline, but not sooner than the server asks.
            seconds = min(seconds, max(left - _LAST_TRY_SECONDS, asked or 0.0, left / 2))
            say(Waiting(error, seconds))
        with stop.interrupting() if stop else nullcontext():
            clock.sleep(seconds)


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``: the API sends whole seconds, a proxy may send
    fractions or a date.
    """
    if header is None:
        return None
    try:
        if re.fullmatch(_NUMBER, header):
            seconds = float(header)
        else:
            seconds = parsedate_to_datetime(header).timestamp() - time()
    # A date of a proxy may be malformed, or in a year that no clock has.
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER)
