"""The emulator's public interface: start it, point a client at it, inspect runs and requests."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from werkzeug.wrappers import Request

from tests.emulator.clock import Clock, Waiter
from tests.emulator.faults import Fault
from tests.emulator.routes import Answer, Call, Routes
from tests.emulator.run import Run
from tests.emulator.scenario import ScenarioSet, load_scenario
from tests.emulator.server import Server
from tests.emulator.service import Service
from tests.emulator.stream import StreamAnswer
from tests.emulator.world import load_world


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that was served."""

    time: str
    """When it was answered (for a stream: when it began), in the API's format."""
    route: str | None
    """The route's name, such as ``start`` or ``stream``, or None for a path that is no route."""
    path: str
    """Path with query."""
    headers: Mapping[str, str]
    """All but ``Authorization``."""
    body: Any
    """The JSON value; None without one."""
    status: int | None
    """None when the connection was dropped instead of answering."""


class Options(TypedDict, total=False):
    """What an emulator can be told; each has a default."""

    others: Iterable[str | Path]
    """Further scenario files, which prompts can name by the file's name."""
    api: str
    """The generation of the service, ``2026-11`` or ``2026-08``."""
    world: Path
    """A world file."""
    speed: float
    """How much faster than the clock scripts and limits run."""
    limits: bool
    """Whether rate limits apply."""
    clock: Callable[[], float]
    """Monotonic seconds; with a clock of its own a test makes runs advance without waiting."""
    waiter: Callable[[], Waiter] | None
    """Makes a ``Waiter`` for each open stream, for tests in virtual time."""


class Emulator:
    """A local Mogplex. As a context manager it serves on a thread of its own until the block
    ends.
    """

    def __init__(self, scenario: str | Path = "success", **options: Unpack[Options]) -> None:
        """Load scenarios and world, and bind the port.

        ``scenario`` is the name of a shipped scenario, or a file; every run plays it whose prompt
        names no other.

        Raises:
            NoSuchScenarioError: there is no such scenario.
        """
        self._clock = Clock(options.get("clock", time.monotonic), options.get("speed", 1.0))
        others = [load_scenario(other) for other in options.get("others", ())]
        scenarios = ScenarioSet(load_scenario(scenario), others)
        self.world = load_world(options["world"]) if "world" in options else load_world()
        self.api = options.get("api", "2026-11")
        newest = self.api == "2026-11"
        limited = options.get("limits", True)
        self._service = Service(self.world, scenarios, self._clock, limited=limited, newest=newest)
        self._routes = Routes(newest=newest)
        self.requests: list[RequestRecord] = []
        """The requests served so far, oldest first."""
        waiter = options.get("waiter") or self._service.changes.waiter
        self._server = Server(self._respond, waiter)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    @property
    def url(self) -> str:
        """Base URL without a slash at the end; the API is below ``/api/v1/mogplex``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def token(self) -> str:
        """The world's first token."""
        return self.world.default_token

    @property
    def runs(self) -> list[Run]:
        """The runs started so far, oldest first; their state is that of this moment."""
        return self._service.runs.all()

    def inject(self, route: str, **fields: Any) -> None:
        """Arm a fault: the fields of ``faults:`` in a scenario, such as ``status=502, skip=1,
        times=2``.
        """
        self._service.faults.add(Fault.from_fields({"route": route, **fields}))

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._service.faults.clear()

    def start(self) -> None:
        """Serve on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self._stopping.set()
        self._server.stop()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _respond(self, request: Request) -> tuple[Answer, Fault | None]:
        found = self._routes.find(request)
        fault = None
        if isinstance(found, Answer):
            answer = found
        else:
            fault = self._service.strike(found)
            answer = Answer(200)
            if fault is None or fault.when == "after":
                answer = self._service.work(found)
            if fault is not None and isinstance(answer, StreamAnswer):
                answer.stream.apply(fault)
            if fault is not None:
                answer = fault.apply(answer)
        self._record(request, found.route if isinstance(found, Call) else None, answer, fault)
        if fault is not None:
            self._stopping.wait(self._clock.real_seconds(fault.delay))
        return answer, fault

    def _record(
        self, request: Request, route: str | None, answer: Answer, fault: Fault | None
    ) -> None:
        headers = {
            name: value for name, value in request.headers if name.lower() != "authorization"
        }
        self.requests.append(
            RequestRecord(
                time=self._clock.stamp(self._clock.now()),
                route=route,
                path=request.full_path.rstrip("?"),
                headers=headers,
                body=request.get_json(force=True, silent=True),
                status=None if fault and fault.drop else answer.status,
            )
        )
