"""Starts a run exactly once, even if the step is retried and responses get lost.

The idempotency key is derived from the identity of this step of this workflow run, so every attempt
of the step sends the same key. Keys form a chain (``KEY``, ``KEY-g2``, ``KEY-g3`` ...): if the run
under one is dead, the next one is used.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final, Literal, LiteralString, NamedTuple, Self, TypeAlias

from mogplex_ci.errors import (
    KeyConflictError,
    MogplexError,
    NotFoundError,
    ServerError,
    UnknownAgentError,
    UnknownRepoError,
)
from mogplex_ci.models import Run, StartedRun, StartRequest, UnansweredStart
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Said, Started, StartInDoubt
from mogplex_ci.untrusted import Untrusted

MAX_KEY_LENGTH: Final = 200
"""The API's limit, in characters."""
MAX_CHAIN: Final = 10
"""Keys of a chain that are tried."""
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._/-]+", re.ASCII)
_DIGEST_LENGTH: Final = 16
_NO_SUCH_AGENT: Final = Untrusted("Agent not found")
"""The service's word for an agent that is not in the user's roster."""


OnRerun: TypeAlias = Literal["auto", "new"]
"""How a later try of the same step treats the run of an earlier one.

``auto`` joins a live run, reports a success and replaces a dead one; ``new`` always starts a run.
"""


class Key(NamedTuple):
    """An idempotency key and where it comes from."""

    base: str
    """First key of the chain."""
    explicit: bool
    """Given by the user: another job may have started a run under it."""
    attempt: str
    """Identifies this try among the tries of the step."""
    later_attempt: bool
    """Whether this may be a later try: an earlier one may have used the base key with another
    request.
    """

    def of_round(self, number: int) -> Self:
        """Return the key of a later round, such as ``KEY-r2-a1``, with a chain of its own.

        It names the attempt: another attempt builds another report, and the service refuses a key
        with another request.
        """
        return self._replace(base=_extended(self.base, f"r{number}-a{self.attempt}"))

    def first(self, on_rerun: OnRerun) -> str:
        """Return the key to try first."""
        return _extended(self.base, self.attempt) if on_rerun == "new" else self.base

    def chain(self, on_rerun: OnRerun) -> list[str]:
        """Return the keys to try, in order."""
        first = self.first(on_rerun)
        return [first, *(_extended(first, f"g{number}") for number in range(2, MAX_CHAIN + 1))]


def derive_key(system: str, label: str, parts: Sequence[str], suffix: str = "") -> str:
    """Return the key for the step that ``parts`` and ``suffix`` name: readable text plus a digest
    of them all.

    ``label`` is the readable text, such as ``acme/web-9876543210-build``; the digest alone makes
    the key unique.
    """
    name = json.dumps([system, *parts, suffix], ensure_ascii=True, separators=(",", ":"))
    return _with_digest(_UNUSUAL.sub("_", f"{system}-{label}"), name)


def _extended(key: str, addition: str) -> str:
    extended = f"{key}-{_UNUSUAL.sub('_', addition)}"
    return extended if len(extended) <= MAX_KEY_LENGTH else _with_digest(key, extended)


def _with_digest(readable: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{readable[: MAX_KEY_LENGTH - _DIGEST_LENGTH - 1]}-{digest}"


class Starter:
    """The start of one run."""

    def __init__(
        self,
        service: Service,
        request: StartRequest,
        key: Key,
        on_rerun: OnRerun,
        *,
        knows_repo: bool = True,
    ) -> None:
        """``knows_repo``: the token lists the repository."""
        self.request = request
        self.unanswered: UnansweredStart | None = None
        """The request that may have started a run whose id is not known."""
        self._service = service
        self._key = key
        self._on_rerun: OnRerun = on_rerun
        self._knows_repo = knows_repo
        self._has_requeued = False
        """Whether a start that was never queued was repeated, which is done once."""

    def start(self, deadline: float) -> Started:
        """Start the run, or find the one that this step has started before.

        Raises:
            MogplexError: the API refuses, or gave no usable answer until ``deadline``; see
                ``unanswered``.
            StopRequested: a stop signal came; see ``unanswered``.
        """
        keys = self._key.chain(self._on_rerun)
        # A key that belongs to another request may belong to an earlier try of this step.
        may_replace_request = self._on_rerun == "auto" and self._key.later_attempt
        while True:
            key, *others = keys
            try:
                response, is_first = self._ask(key, deadline)
            except KeyConflictError:
                if not others or not may_replace_request:
                    raise
                keys = others
                words: LiteralString = (
                    "The key belongs to an earlier, different request; next idempotency key: {}"
                )
                self._service.say(Said(words, (Untrusted(others[0]),)))
                continue
            run = response.run
            joined = response.replayed and is_first
            # Who re-runs a job whose run came to nothing wants the work done, not a report of it.
            is_dead = joined and run.status in ("failed", "cancelled") and self._on_rerun == "auto"
            # The service answers 500 to a start that it could not queue, and keeps the failed run.
            is_unqueued = response.replayed and run.never_queued and not self._has_requeued
            needs_next_key = is_dead or is_unqueued
            if not others or not needs_next_key:
                started = self._started(response, key, joined=joined)
                return started._replace(keys_used_up=needs_next_key)
            if not is_dead:
                self._has_requeued = True
            keys = others
            self._say_next_key(run, others[0])

    def start_once(self, deadline: float) -> Started:
        """Start the run under the first key alone, or find the one under it, however that ended;
        otherwise as ``start``.
        """
        key = self._key.first(self._on_rerun)
        response, is_first = self._ask(key, deadline)
        return self._started(response, key, joined=response.replayed and is_first)

    def _say_next_key(self, run: Run, key: str) -> None:
        words: LiteralString = (
            "Run {} of an earlier attempt has ended ({}); next idempotency key: {}"
        )
        values = [run.id, run.status, key]
        if run.never_queued:  # the service could not hand it to a runtime
            words = "Run {} was never queued; next idempotency key: {}"
            values = [run.id, key]
        self._service.say(Said(words, tuple(map(Untrusted, values))))

    def _started(self, answer: StartedRun, key: str, *, joined: bool) -> Started:
        may_be_known = self._key.explicit or self._key.later_attempt
        return Started(
            answer.run,
            key,
            joined=joined,
            # Another job may have started the run under a key that the user chose.
            owned=not (self._key.explicit and answer.replayed),
            unexpected=joined and not may_be_known,
            may_be_earlier=answer.replayed and not joined and may_be_known,
        )

    def _ask(self, key: str, deadline: float) -> tuple[StartedRun, bool]:
        """Return the answer, and whether it is the first one: after a lost answer the run may be
        this process's own.
        """
        is_first = True

        def call(timeout: float) -> StartedRun:
            nonlocal is_first
            self._doubt(key)
            try:
                return self._service.client.start(self.request, key, timeout=timeout)
            except MogplexError as error:
                is_first = is_first and not error.may_have_worked
                # Another request has this key: ours has started nothing under it.
                if is_first or isinstance(error, KeyConflictError):
                    self._doubt(None)
                # Unknown agents and repositories have one code: only the text differs.
                if isinstance(error, NotFoundError) and error.detail == _NO_SUCH_AGENT:
                    raise UnknownAgentError(self.request["agentId"]) from error
                # The service answers 503 to an id that it does not know, as in an outage.
                if isinstance(error, ServerError) and not self._knows_repo:
                    raise UnknownRepoError(error) from error
                raise

        answer = self._service.answer_to(call, deadline)
        # Only here: until now a stop signal could have discarded the answer.
        self.unanswered = None
        return answer, is_first

    def _doubt(self, key: str | None) -> None:
        self.unanswered = None
        if key is not None:
            self.unanswered = UnansweredStart(key, self.request, self._key.explicit)
        self._service.say(StartInDoubt(self.unanswered))
