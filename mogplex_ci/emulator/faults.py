"""Faults on demand: which answer to spoil, and how."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, Final, Literal

from mogplex_ci.durations import parse_duration
from mogplex_ci.emulator.answers import Answer
from mogplex_ci.emulator.documents import DocumentError, faults_of, field_name, schema_of

GARBAGE: Final = b'\x00\xff\xfe<!DOCTYPE html>\r\n{"ok": tru\x80'
"""A body that is neither JSON nor UTF-8."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Spoils ``times`` answers of ``route`` after ``skip`` good ones."""

    route: str
    """``repos``, ``start``, ``run``, ``events``, ``cancel`` or ``any``."""
    skip: int = 0
    times: int | Literal["always"] = 1
    when: Literal["before", "after"] = "before"
    """Whether the request's work is left undone, or done and only its answer spoiled."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = ""
    """Text, or a value to send as JSON."""
    drop: bool = False
    """Close the connection without an answer."""
    cut: int | None = None
    """Close the connection after this many bytes of the body."""
    garbage: bool = False
    delay: float = 0.0
    """Seconds to wait before anything is sent: real ones, also with a test's own clock."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Fault:
        """Make a fault of checked fields. What needs the real answer (cut, delay alone) does the work by default."""
        delay = fields.get("delay", 0.0)
        seconds = parse_duration(delay) if isinstance(delay, str) else float(delay)
        spoils_answer = not any(fields.get(name) for name in ("status", "drop", "garbage"))
        when = fields.get("when", "after" if spoils_answer else "before")
        return cls(**{**fields, "delay": seconds, "when": when})

    @classmethod
    def parse(cls, fields: object) -> Fault:
        """Check what came over HTTP or from Python, and make a fault of it.

        Raises:
            DocumentError: naming each wrong field.
        """
        schema = schema_of("scenario")
        wrong = faults_of(fields, {**schema["$defs"]["fault"], "$defs": schema["$defs"]})
        if wrong:
            raise DocumentError("\n".join(f"fault: {field_name(path)}: {message}" for path, message in wrong))
        assert isinstance(fields, dict)  # noqa: S101  (the schema says so)
        return cls.from_fields(fields)

    def apply(self, answer: Answer) -> Answer:
        """Return the answer to send in place of ``answer``."""
        if self.garbage:
            return Answer(answer.status, {"content-type": "application/json"}, GARBAGE)
        if self.status is None:
            return answer
        if isinstance(self.body, str):
            return Answer(
                self.status, {"content-type": "text/plain; charset=utf-8", **self.headers}, self.body.encode()
            )
        return Answer(self.status, {"content-type": "application/json", **self.headers}, json.dumps(self.body).encode())


class FaultPlan:
    """Counts requests by route and says which fault strikes. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._seen: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Arm a fault; it counts requests from now on."""
        with self._lock:
            self._seen.append((fault, 0))

    def clear(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._seen.clear()

    def describe(self) -> list[dict[str, Any]]:
        """Return every armed fault with how many requests of its route it has seen."""
        with self._lock:
            return [{**asdict(fault), "seen": seen} for fault, seen in self._seen]

    def strike(self, route: str) -> Fault | None:
        """Count a request and return the first armed fault that it meets. Every fault counts every request."""
        struck = None
        with self._lock:
            for index, (fault, seen) in enumerate(self._seen):
                if fault.route not in (route, "any"):
                    continue
                self._seen[index] = (fault, seen + 1)
                due = seen >= fault.skip and (fault.times == "always" or seen < fault.skip + fault.times)
                if due and struck is None:
                    struck = fault
        return struck
