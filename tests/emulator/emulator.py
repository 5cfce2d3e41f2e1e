"""The emulator's public interface: start it, point a client at it, inspect runs and requests."""

import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from werkzeug.wrappers import Request

from tests.emulator.clock import Clock, Waiter
from tests.emulator.faults import CONTROL_PATH, Fault, control
from tests.emulator.requestlog import RequestLog, RequestRecord, body_for_log
from tests.emulator.routes import Answer, Call, Routes
from tests.emulator.run import Run
from tests.emulator.scenario import ScenarioSet, load_scenario
from tests.emulator.server import Server
from tests.emulator.service import Service
from tests.emulator.stream import StreamAnswer
from tests.emulator.world import Api, World, load_world


class Options(TypedDict, total=False):
    """What an emulator can be told; each has a default."""

    others: Iterable[str | Path]
    """Further scenario files, which prompts can name by the file's name."""
    api: str | None
    """The generation of the service, ``2026-11`` or ``2026-08``; the world decides without it."""
    world: str | Path | World | None
    """A world file, or a world that was read before; else the default world."""
    repos: Iterable[str]
    """Full names or ids of repositories to add to the world, unless they are there."""
    speed: float
    """How much faster than the clock scripts and limits run."""
    limits: bool | None
    """Whether rate limits apply; the world decides without it."""
    clock: Callable[[], float]
    """Monotonic seconds; with a clock of its own a test makes runs advance without waiting."""
    waiter: Callable[[], Waiter] | None
    """Makes a ``Waiter`` for each open stream, for tests in virtual time."""
    host: str
    """The address to bind, this machine's own by default."""
    port: int
    """0 picks a free one."""
    log_requests: str | Path | None
    """File to which every request is appended as a line of JSON."""


def _world(options: Options) -> World:
    world = options.get("world")
    if not isinstance(world, World):
        world = load_world(Path(world) if world else None)
    for repo in options.get("repos", ()):
        world = world.with_repo(repo)
    return world


class Emulator:
    """A local Mogplex. As a context manager it serves on a thread of its own until the block
    ends.
    """

    def __init__(self, scenario: str | Path = "success", **options: Unpack[Options]) -> None:
        """Load scenarios and world, and bind the port.

        ``scenario`` is the name of a shipped scenario, or a file; every run plays it whose prompt
        names no other.

        Raises:
            DocumentError: a scenario or the world is wrong.
            ValueError: the speed is not a positive number, or there is no such generation.
            OSError: the port cannot be bound, or the log cannot be written.
        """
        self._clock = Clock(options.get("clock", time.monotonic), options.get("speed", 1.0))
        others = [load_scenario(other) for other in options.get("others", ())]
        scenarios = ScenarioSet(load_scenario(scenario), others)
        self.world = _world(options)
        self.api = Api(options.get("api") or self.world.api)
        newest = self.api is Api.NEWEST
        limited = options.get("limits")
        if limited is None:
            limited = self.world.limited
        self._service = Service(self.world, scenarios, self._clock, limited=limited, newest=newest)
        self._routes = Routes(newest=newest)
        log = options.get("log_requests")
        self._log = RequestLog(Path(log) if log else None)
        waiter = options.get("waiter") or self._service.changes.waiter
        address = (options.get("host", "127.0.0.1"), options.get("port", 0))
        self._server = Server(*address, self._respond, waiter)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    @property
    def url(self) -> str:
        """Base URL without a slash at the end; the API is below ``/api/v1/mogplex``."""
        host, port = self._server.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(str(self._server.server_address[0])).is_loopback

    @property
    def token(self) -> str:
        """A token that may start runs."""
        return self.world.default_token

    @property
    def runs(self) -> list[Run]:
        """The runs started so far, oldest first; their state is that of this moment."""
        return self._service.runs.all()

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests served so far, oldest first."""
        return self._log.records()

    def inject(self, route: str, **fields: Any) -> None:
        """Arm a fault: the fields of ``faults:`` in a scenario, such as ``status=502, skip=1,
        times=2``.

        Raises:
            DocumentError: naming each wrong field.
        """
        self._service.faults.add(Fault.parse({"route": route, **fields}))

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
        self._log.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _respond(self, request: Request) -> tuple[Answer, Fault | None]:
        if request.path == CONTROL_PATH:
            return control(request, self._service.faults), None
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
        delay = answer.delay
        if fault is not None:
            delay += fault.delay
        self._stopping.wait(self._clock.real_seconds(delay))
        return answer, fault

    def _record(
        self, request: Request, route: str | None, answer: Answer, fault: Fault | None
    ) -> None:
        headers = {
            name: value for name, value in request.headers if name.lower() != "authorization"
        }
        data = request.get_data()
        record = RequestRecord(
            time=self._clock.stamp(self._clock.now()),
            route=route,
            method=request.method,
            path=request.full_path.rstrip("?"),
            headers=headers,
            body=body_for_log(data),
            status=None if fault and fault.drop else answer.status,
        )
        self._log.add(record, len(data))
