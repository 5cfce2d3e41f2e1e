"""Starts a run once, however often the step is tried and whatever answers get lost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mogplex_ci.errors import ConflictError, ServerError, UnreachableError
from mogplex_ci.run.happenings import KeyRetired, Started
from mogplex_ci.run.persist import persist

if TYPE_CHECKING:
    from collections.abc import Generator

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import StartedRun, StartRequest
    from mogplex_ci.run.clock import Clock
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.key import Key
    from mogplex_ci.run.stop import Stop


class OnRerun(StrEnum):
    """What a later try of the same step does with the run of an earlier one."""

    AUTO = "auto"
    """Join a live run, report a success, replace a dead one."""
    NEW = "new"
    """Always start a run of its own."""
    ATTACH = "attach"
    """Never start a second run."""


class Starter:
    """The start of one run.

    ``key_in_flight`` is the key of a request whose answer has not been understood: if the program is stopped then,
    a run may exist under it.
    """

    def __init__(
        self, client: Client, request: StartRequest, key: Key, on_rerun: OnRerun, *, clock: Clock, stop: Stop
    ) -> None:
        """Take what to start, under which key, and what a re-run shall do."""
        self._client = client
        self.request = request
        self._key = key
        self._on_rerun = on_rerun
        self._clock = clock
        self._stop = stop
        self.key_in_flight: str | None = None

    @property
    def first_key(self) -> str:
        """The key of the first request."""
        return self._key.for_attempt() if self._on_rerun is OnRerun.NEW else self._key.base

    def start(self, deadline: float) -> Generator[Happening, None, Started]:
        """Start the run, or find the one that this step has started before.

        Raises:
            MogplexError: the API refuses, or gave no usable answer until ``deadline``.
            StopRequested: a stop signal came; see ``key_in_flight``.
        """
        key = self._key
        used = self.first_key
        may_retire = self._on_rerun is OnRerun.AUTO
        may_repeat = self._on_rerun is not OnRerun.ATTACH
        while True:
            try:
                answer, first = yield from self._ask(used, deadline)
            except ConflictError as error:
                if not may_retire or not key.later_attempt or error.code != "IDEMPOTENCY_CONFLICT":
                    raise
                may_retire = False
                used = key.for_attempt()
                yield KeyRetired(None, used, never_queued=False)
                continue
            run, joined = answer.run, answer.replayed and first
            dead = answer.replayed and run.status in ("failed", "cancelled")
            never_queued = dead and run.status == "failed" and not run.queued
            if dead and joined and may_retire:
                may_retire = False
                used = key.for_attempt()
            elif never_queued and may_repeat:
                may_repeat = False
                used = key.afresh(used)
            else:
                return Started(run, used, joined=joined, owned=not (joined and key.explicit))
            yield KeyRetired(run, used, never_queued=never_queued)

    def _ask(self, used: str, deadline: float) -> Generator[Happening, None, tuple[StartedRun, bool]]:
        """Return the answer, and whether it is the first one: after a lost answer the run may be this process's own."""
        first = True

        def call(timeout: float) -> StartedRun:
            nonlocal first
            try:
                return self._client.start(self.request, used, timeout=timeout)
            except (UnreachableError, ServerError):
                first = False
                raise

        self.key_in_flight = used
        answer = yield from persist(call, clock=self._clock, stop=self._stop, deadline=deadline)
        self.key_in_flight = None
        return answer, first
