"""``GET /runs/{id}/events/stream``: one open stream of server-sent events."""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from threading import RLock
from typing import Final

from tests.emulator.clock import Clock
from tests.emulator.faults import Fault
from tests.emulator.routes import Answer, Refused, encode
from tests.emulator.run import Record, Run

_OPENING: Final = 2
"""Records before the first event: the comment ``connected`` and the run."""
_TICK: Final = 1e-6
"""Shortest wait, in seconds."""
_TERMINAL_EVENTS: Final = frozenset({"finished", "failed", "cancelled"})


class End(Enum):
    """Whether and how a stream has ended."""

    OPEN = "open"
    CLOSED = "closed"
    """The body ends properly."""
    BROKEN = "broken"
    """The connection is closed before the end of the body."""


class EventStream:
    """The records of one stream, each as soon as its event has been written.

    A stream shows the segment of the run that was current when it was opened. It ends after the
    first terminal event, and for no other reason: neither when the run ends without such an event
    nor when a new segment begins.
    """

    def __init__(
        self, run: Run, *, limit: int, last_event_id: str | None, clock: Clock, lock: RLock
    ) -> None:
        """Open the stream with the newest ``limit`` events, or with all after ``last_event_id``.

        Raises:
            Refused: the id is not in the run's current segment.
        """
        self.end = End.OPEN
        self.torn = b""
        """The part of the last record that is sent before the connection is closed."""
        self._run = run
        self._clock = clock
        self._lock = lock
        self._opened_at = clock.now()
        self._version = run.version
        self._segment = run.state.segment
        written = run.written()  # once: the clock goes on meanwhile
        listed = run.listed(written)
        self._newest = listed[-limit:]
        self._written = len(written)
        first = self._newest
        if last_event_id:
            first = _after(listed, last_event_id)
        self._pending: deque[bytes | Record] = deque(
            [b": connected\n\n", _field("run", run.detail()), *first]
        )
        self._fault: Fault | None = None
        self._cut_at: int | None = None
        self._held: list[bytes] = []
        self._sent = 0
        self._bytes_sent = 0

    def apply(self, fault: Fault) -> None:
        """Make the stream fail as ``fault`` says."""
        self._fault = fault
        if fault.events is None:
            self._cut_at = fault.cut
        if fault.replay:
            self._pending = deque([*list(self._pending)[:_OPENING], *self._newest])

    def pull(self) -> list[bytes]:
        """Return the records that are due now, and set ``end``."""
        with self._lock:
            self._version = self._run.version
            new = self._run.written(self._written)
            self._pending += [each for each in new if each.segment == self._segment]
            self._written += len(new)
            records: list[bytes] = []
            while (
                self.end is End.OPEN
                and self._pending
                and not (self._is_silent() or self._is_over())
            ):
                self._send(self._pending.popleft(), records)
            if self.end is End.OPEN and self._is_over():
                self.end = End.CLOSED
        if self._fault is None or not self._fault.buffered:
            return records
        self._held += records
        if self.end is End.OPEN:
            return []
        return self._held

    def seconds_to_next(self) -> float:
        """Return in how many seconds of the clock's source ``pull`` has something to do, as far as
        is known now.
        """
        with self._lock:
            now = self._clock.now()
            event_at = self._run.next_event_at()
            times = [math.inf]
            if event_at is not None:
                times.append(event_at - now)
            if (
                self._fault
                and self._fault.close is not None
                and self._opened_at + self._fault.close > now
            ):
                times.append(self._opened_at + self._fault.close - now)
            # Rounding may make an event due at this very moment, but not written yet.
            return self._clock.real_seconds(max(min(times), _TICK))

    def has_changed(self) -> bool:
        """Return whether the run's script has changed since the last ``pull``."""
        return self._run.version != self._version

    def _send(self, item: bytes | Record, records: list[bytes]) -> None:
        """Append a record, or the part of it before a cut."""
        record = item if isinstance(item, bytes) else _event(self._run.present(item))
        if self._cut_at is not None and self._bytes_sent + len(record) > self._cut_at:
            self.torn = record[: self._cut_at - self._bytes_sent]
            self.end = End.BROKEN
            return
        records.append(record)
        self._sent += 1
        self._bytes_sent += len(record)
        if (
            self._fault
            and self._fault.cut is not None
            and self._cut_at is None
            and self._fault_strikes()
        ):
            self._cut_at = self._bytes_sent + self._fault.cut
        if self._bytes_sent == self._cut_at:
            self.end = End.BROKEN
        elif isinstance(item, Record) and item.step.event in _TERMINAL_EVENTS:
            self.end = End.CLOSED

    def _fault_strikes(self) -> bool:
        """Return whether the events before the fault have been sent."""
        return self._fault is not None and self._sent >= _OPENING + (self._fault.events or 0)

    def _is_silent(self) -> bool:
        return self._fault is not None and self._fault.silent and self._fault_strikes()

    def _is_over(self) -> bool:
        """Return whether a fault ends the body now."""
        if self._fault is None or self._fault.close is None or not self._fault_strikes():
            return False
        return self._clock.now() >= self._opened_at + self._fault.close


@dataclass(frozen=True, slots=True)
class StreamAnswer(Answer):
    """An answer whose body comes record by record, instead of ``body``."""

    stream: EventStream = field(kw_only=True)


def _after(listed: list[Record], last_event_id: str) -> list[Record]:
    for index, record in enumerate(listed):
        if record.id == last_event_id:
            return listed[index + 1 :]
    raise Refused("BAD_REQUEST", "Last-Event-ID does not belong to this run")


def _field(name: str, value: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode("utf-8", "replace"), encode(value))


def _event(event: dict[str, object]) -> bytes:
    return b"id: %s\n" % str(event["id"]).encode() + _field(str(event["type"]), event)
