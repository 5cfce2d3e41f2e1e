"""Starts a run once, however often the step is tried and whatever answers get lost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mogplex_ci.errors import ConflictError, MogplexError
from mogplex_ci.run.happenings import KeyRetired, Started

if TYPE_CHECKING:
    from collections.abc import Generator

    from mogplex_ci.api.client import Client
    from mogplex_ci.models import StartedRun, StartRequest
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.key import Key
    from mogplex_ci.run.persist import Persistence


class OnRerun(StrEnum):
    """What a later try of the same step does with the run of an earlier one."""

    AUTO = "auto"
    """Join a live run, report a success, replace a dead one."""
    NEW = "new"
    """Always start a run of its own."""
    ATTACH = "attach"
    """Never start a second run."""


class Starter:
    """The start of one run."""

    def __init__(
        self, client: Client, request: StartRequest, key: Key, on_rerun: OnRerun, persistence: Persistence
    ) -> None:
        """Take what to start, under which key, and what a re-run shall do."""
        self.request = request
        self.key_in_doubt: str | None = None
        """The key of a request that may have started a run, of which no answer tells."""
        self._client = client
        self._key = key
        self._on_rerun = on_rerun
        self._persistence = persistence

    @property
    def first_key(self) -> str:
        """The key of the first request."""
        return self._key.for_attempt() if self._on_rerun is OnRerun.NEW else self._key.base

    def start(self, deadline: float) -> Generator[Happening, None, Started]:
        """Start the run, or find the one that this step has started before.

        Raises:
            MogplexError: the API refuses, or gave no usable answer until ``deadline``; see ``key_in_doubt``.
            StopRequested: a stop signal came; see ``key_in_doubt``.
        """
        key, used = self._key, self.first_key
        may_replace = self._on_rerun is OnRerun.AUTO
        may_repeat = self._on_rerun is not OnRerun.ATTACH
        while True:
            try:
                answer, is_first = yield from self._ask(used, deadline)
            except ConflictError as error:
                if not may_replace or not key.later_attempt or error.code != "IDEMPOTENCY_CONFLICT":
                    raise
                may_replace = False
                used = key.for_attempt()
                yield KeyRetired(None, used, never_queued=False)
                continue
            run, joined = answer.run, answer.replayed and is_first
            if answer.replayed and run.never_queued and may_repeat:
                may_repeat = False
                used = key.afresh(used)
            elif joined and run.is_dead and may_replace:
                may_replace = False
                used = key.for_attempt()
            else:
                return Started(
                    run,
                    used,
                    joined=joined,
                    owned=not (key.explicit and answer.replayed),
                    unexpected=joined and not key.explicit and not key.later_attempt,
                )
            yield KeyRetired(run, used, never_queued=run.never_queued)

    def _ask(self, used: str, deadline: float) -> Generator[Happening, None, tuple[StartedRun, bool]]:
        """Return the answer, and whether it is the first one: after a lost answer the run may be this process's own."""
        is_first = True

        def call(timeout: float) -> StartedRun:
            nonlocal is_first
            self.key_in_doubt = used
            try:
                return self._client.start(self.request, used, timeout=timeout)
            except MogplexError as error:
                is_first = is_first and not error.may_have_worked
                self.key_in_doubt = None if is_first else used
                raise

        answer = yield from self._persistence.answer(call, deadline)
        self.key_in_doubt = None  # only here: until now a stop signal could have thrown the answer away
        return answer, is_first
