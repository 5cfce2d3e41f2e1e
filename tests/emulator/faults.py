"""Fault injection: which answers fail, and how."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from mogplex_ci.waiting import parse_duration
from tests.emulator.clock import Clock
from tests.emulator.routes import Answer


@dataclass(frozen=True, slots=True)
class Fault:
    """Makes ``times`` answers of ``route`` fail, after ``skip`` good ones."""

    route: str
    """A route's name, ``resume`` for streams that send ``Last-Event-ID``, or ``any``."""
    skip: int = 0
    times: int | Literal["always"] = 1
    lasts: float | None = None
    """Instead of ``times``: for how many seconds answers fail, from the first one on."""
    when: Literal["before", "after"] = "before"
    """Whether the request is not processed at all, or processed and only its answer fails."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = ""
    """Text, or a value to send as JSON."""
    drop: bool = False
    """Close the connection without an answer."""
    cut: int | None = None
    """Close the connection after this many bytes of the body; of a stream with ``events``, after
    those events.
    """
    delay: float = 0.0
    """Seconds to wait before anything is sent: real ones, also with a test's own clock."""
    events: int | None = None
    """How many events of a stream arrive before ``cut``, ``close`` or ``silent`` strikes."""
    close: float | None = None
    """End the body of a stream as if all were well, at the earliest so many seconds after it was
    opened.
    """
    silent: bool = False
    """Send nothing more, but leave the connection open."""
    buffered: bool = False
    """Hold the body of a stream back until it ends."""
    replay: bool = False
    """Ignore ``Last-Event-ID``: send the newest events again."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Fault":
        """Make a fault from its fields, in which seconds may be texts such as ``200ms``. One that
        needs the real answer defaults to ``when: after``.
        """
        answers_instead = any(fields.get(name) for name in ("status", "drop"))
        values = {"when": "before" if answers_instead else "after", **fields}
        for name in ("delay", "lasts", "close"):
            if name in values:
                values[name] = seconds_of(values[name])
        return cls(**values)

    def apply(self, answer: Answer) -> Answer:
        """Return the answer to send instead of ``answer``."""
        if self.status is None:
            return answer
        kind = "application/json"
        body = json.dumps(self.body)
        if isinstance(self.body, str):
            kind = "text/plain; charset=utf-8"
            body = self.body
        own = {name.lower(): value for name, value in self.headers.items()}
        return Answer(self.status, {"content-type": kind, **own}, body.encode())


class FaultPlan:
    """Counts requests by route and selects the fault that applies. Thread-safe."""

    def __init__(self, clock: Clock, faults: Iterable[Fault] = ()) -> None:
        self._clock = clock
        self._armed = [_Armed(fault) for fault in faults]
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Arm a fault; it counts requests from now on."""
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._armed.clear()

    def strike(self, *names: str) -> Fault | None:
        """Count a request with these route names; return the first armed fault that applies.

        Every fault counts every request of its route, including those to which another fault
        applies.
        """
        struck = None
        with self._lock:
            for armed in self._armed:
                if armed.fault.route not in (*names, "any"):
                    continue
                if armed.strike(self._clock.now()) and struck is None:
                    struck = armed.fault
        return struck


@dataclass
class _Armed:
    """A fault, and what it has seen."""

    fault: Fault
    seen: int = 0
    """Requests of its route."""
    struck_at: float | None = None
    """When it struck first."""

    def strike(self, now: float) -> bool:
        """Count a request, and return whether the fault applies to it."""
        fault, seen = self.fault, self.seen
        self.seen += 1
        if seen < fault.skip:
            return False
        self.struck_at = now if self.struck_at is None else self.struck_at
        if fault.lasts is not None:
            return now < self.struck_at + fault.lasts
        return fault.times == "always" or seen < fault.skip + fault.times


def seconds_of(value: float | str) -> float:
    """Return a number or a text such as ``200ms`` in seconds."""
    return parse_duration(value) if isinstance(value, str) else float(value)
