"""Fault injection: which answers fail, and how. Tests in another process arm faults over HTTP."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from threading import Lock
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from mogplex_ci.durations import parse_duration
from tests.emulator.clock import Clock
from tests.emulator.documents import DocumentError, errors_of, field_name, schema_of
from tests.emulator.routes import Answer, encode

CONTROL_PATH: Final = "/_emulator/faults"
_MAX_CONTROL_BODY: Final = 1024 * 1024
_MOST_FAULTS: Final = 1_000
GARBAGE: Final = b'\x00\xff\xfe<!DOCTYPE html>\r\n{"ok": tru\x80'
"""A body that is neither JSON nor UTF-8."""


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
    garbage: bool = False
    interim: tuple[int, ...] = ()
    """Statuses 1xx of answers that are sent before the real one."""
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
        """Make a fault from validated fields. One that needs the real answer defaults to ``when:
        after``.
        """
        answers_instead = any(fields.get(name) for name in ("status", "drop", "garbage"))
        when = "before" if answers_instead else "after"
        values = {
            **fields,
            "when": fields.get("when", when),
            "delay": seconds_of(fields.get("delay", 0.0)),
        }
        if "lasts" in fields:
            values["lasts"] = seconds_of(fields["lasts"])
        values["interim"] = tuple(fields.get("interim", ()))
        if fields.get("close") is True:
            values["close"] = 0.0
        elif "close" in fields:
            values["close"] = seconds_of(fields["close"])
        return cls(**values)

    @classmethod
    def parse(cls, fields: object) -> "Fault":
        """Validate fields that came over HTTP or from Python, and make a fault from them.

        Raises:
            DocumentError: naming each wrong field.
        """
        schema = schema_of("scenario")
        wrong = errors_of(fields, {**schema["$defs"]["fault"], "$defs": schema["$defs"]})
        if wrong:
            raise DocumentError(
                "\n".join(f"fault: {field_name(path)}: {message}" for path, message in wrong)
            )
        assert isinstance(fields, dict)
        return cls.from_fields(fields)

    def apply(self, answer: Answer) -> Answer:
        """Return the answer to send instead of ``answer``."""
        if self.garbage:
            return Answer(answer.status, {"content-type": "application/json"}, GARBAGE)
        if self.status is None:
            return answer
        own = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(self.body, str):
            kind = {"content-type": "text/plain; charset=utf-8"}
            return Answer(self.status, {**kind, **own}, self.body.encode())
        kind = {"content-type": "application/json"}
        return Answer(self.status, {**kind, **own}, json.dumps(self.body).encode())


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

    def describe(self) -> list[dict[str, Any]]:
        """Return every armed fault with how many requests of its route it has seen."""
        with self._lock:
            return [{**asdict(armed.fault), "seen": armed.seen} for armed in self._armed]

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


def control(request: Request, plan: FaultPlan) -> Answer:
    """Arm the faults of a POST, list them on GET, disarm all on DELETE. For this machine only."""
    reason = _refusal(request)
    if reason is not None:
        return _reply(403, {"error": reason})
    match request.method:
        case "GET":
            return _reply(200, {"faults": plan.describe()})
        case "DELETE":
            plan.clear()
            return _reply(200, {"faults": []})
        case "POST":
            return _arm(request, plan)
        case _:
            return Answer(405, {"allow": "DELETE, GET, POST"})


def _arm(request: Request, plan: FaultPlan) -> Answer:
    data = request.get_data()
    if len(data) > _MAX_CONTROL_BODY:
        return _reply(413, {"error": f"the body is longer than {_MAX_CONTROL_BODY} bytes"})
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return _reply(400, {"error": "the body is not JSON: send one fault or a list of them"})
    try:
        new = [Fault.parse(each) for each in (fields if isinstance(fields, list) else [fields])]
    except DocumentError as error:
        return _reply(400, {"error": str(error)})
    if len(plan.describe()) + len(new) > _MOST_FAULTS:
        return _reply(400, {"error": f"more than {_MOST_FAULTS} faults"})
    for fault in new:
        plan.add(fault)
    return _reply(201, {"faults": plan.describe()})


def _refusal(request: Request) -> str | None:
    """Return why the request is refused: it must come from this machine, and not from a page of
    another site.

    A page in a browser can reach loopback, too. The ``Origin`` header gives it away, or the
    ``Host`` header if its own name resolves to loopback (DNS rebinding).
    """
    if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104  (an address that is not loopback)
        return "faults can be armed from this machine only"
    if not _is_loopback(urlsplit(f"//{request.host}").hostname):
        return "use the emulator's address on this machine, such as http://127.0.0.1:8787"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        return "a page of another site cannot arm faults"
    return None


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _reply(status: int, value: object) -> Answer:
    return Answer(status, {"content-type": "application/json"}, encode(value))


def seconds_of(value: float | str) -> float:
    """Return a number or a text such as ``200ms`` in seconds."""
    return parse_duration(value) if isinstance(value, str) else float(value)
