"""One step and the service it talks to, both in a time in which waiting costs nothing."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mogplex_ci.api.client import Client
from mogplex_ci.api.retry import ServiceHistory
from mogplex_ci.errors import ForeignRunError, MogplexError
from mogplex_ci.models import UnansweredStart
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS, StopSeconds
from mogplex_ci.run.cancel import PATIENT, cancel, find_unanswered
from mogplex_ci.run.endings import result_of_error
from mogplex_ci.run.execution import Execution
from mogplex_ci.run.plan import Plan
from mogplex_ci.run.result import Ending, Result, RunDetails, RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.start import Key
from mogplex_ci.run.updates import EventsArrived, Update
from mogplex_ci.step.ledger import Ledger
from mogplex_ci.step.state import OpenRun
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.emulator import Emulator
from tests.emulator.run import Run
from tests.typed_inputs import typed_inputs
from tests.virtual_time import VirtualTime

_NUMBERS = itertools.count(1)


class Killed(BaseException):
    """The process is killed: nothing of it runs any more."""


@dataclass(frozen=True)
class Trip:
    """Something that happens at one request of a step."""

    request: int
    """Which one, counted from 1."""
    answered: bool
    """Whether it happens before the request is sent, or when its answer is there but not understood
    yet.
    """
    action: Callable[[], None]


class Saved:
    """What a run of a step has saved for ``post``; once ``killed`` is set, nothing more."""

    def __init__(self, killed: threading.Event | None = None) -> None:
        self._killed = killed or threading.Event()
        self.run: OpenRun | None = None
        """The run that ``post`` cancels; None when there is none."""
        self._ledger = Ledger(self._save, "https://mogplex.example")

    def note(self, update: Update) -> None:
        """Note an update."""
        self._ledger.on(update)

    def _save(self, run: OpenRun | None) -> None:
        if self._killed.is_set():
            raise Killed
        self.run = run


@dataclass(frozen=True)
class Played:
    """A step that has ended."""

    end: RunResult
    updates: Sequence[Update]
    seconds: float
    """How long it took, in the time of its world."""
    asked: Sequence[tuple[str, float]]
    """The routes that it asked, in order, each with the seconds since the first request."""
    left: OpenRun | None
    """What ``post`` finds of its run."""

    @property
    def routes(self) -> list[str]:
        """The routes that it asked, in order."""
        return [route for route, _ in self.asked]

    @property
    def code(self) -> int:
        """The exit code."""
        return self.end.ending.exit_code

    @property
    def result(self) -> str:
        """The ``result`` output."""
        return self.end.ending.result.value

    @property
    def shown(self) -> list[Untrusted]:
        """The ids of the events that were reported, in order."""
        return [event.id for update in self.of(EventsArrived) for event in update.events]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the updates of one kind."""
        return [update for update in self.updates if isinstance(update, kind)]


class World:
    """A service in a time of its own."""

    def __init__(self, time: VirtualTime, emulator: Emulator) -> None:
        """``emulator`` runs on ``time``; see ``serve``."""
        self.time = time
        self.emulator = emulator

    @classmethod
    def serve(cls, *others: Any, **options: Any) -> World:
        """Return a world whose service can play the scenario files ``others`` too; ``options`` are
        an emulator's.
        """
        time = VirtualTime(between_reads=1e-9)
        options = {"limits": False, **options}
        return cls(
            time,
            Emulator("success", others=others, clock=time.monotonic, waiter=time.waiter, **options),
        )

    def new_case(self, scenario: str = "brief", **fields: Any) -> Case:
        """Return a step that nobody has tried yet, against a service that works; ``fields`` as in
        ``Case.plan``.
        """
        self.emulator.clear_faults()
        return Case(self, f"case-{next(_NUMBERS)}", scenario, fields)

    def client(self, history: ServiceHistory | None = None) -> Client:
        """Return a client of the service, in the world's time."""
        return self.time.connect(Client(self.emulator.url, self.emulator.token, history=history))


class Case:
    """One step of one workflow run, which may be tried several times."""

    def __init__(self, world: World, key: str, scenario: str, fields: dict[str, Any]) -> None:
        """``key`` is the step's first key, ``scenario`` what its runs play."""
        self._world = world
        self._prompt = f"scenario: {scenario}"
        self._fields = fields
        self.key = key
        self.explicit = False
        self.attempt = 1

    def inject(self, route: str, **fields: Any) -> None:
        """Arm a fault at the service."""
        self._world.emulator.inject(route, **fields)

    def play(
        self,
        *,
        client: Client | None = None,
        stop: Stop | None = None,
        stop_after: float | None = None,
        number: signal.Signals = signal.SIGINT,
        watch: Callable[[Update], None] = lambda _: None,
        trip: Trip | None = None,
        stop_seconds: StopSeconds = USUAL_STOP_SECONDS,
        **fields: Any,
    ) -> Played:
        """Try the step; ``stop_after``: a stop signal comes that many seconds after its beginning,
        in a wait.

        ``watch`` is called with every update; ``trip`` happens at one of the requests.
        """
        emulator, stop = self._world.emulator, stop or Stop()
        clock = self._world.time.clock()
        if stop_after is not None:
            clock.ring(stop_after, lambda: stop.request(number))
        began, asked = clock.monotonic(), len(emulator.requests)
        client = client or self._world.client()
        if trip is not None:
            set_trip(client, trip)
        updates: list[Update] = []
        plan = self.plan(**fields)
        saved = Saved()

        def say(update: Update) -> None:
            saved.note(update)
            updates.append(update)
            watch(update)

        service = Service(client, clock, stop, began, plan.inputs.timeout, stop_seconds, say)
        execution = Execution(service, plan)
        end = KILLED
        try:
            end = execution.perform()
        except Killed:
            pass
        except RuntimeError as error:  # a fault of ours, as the step treats it
            end = result_of_error(error, stop, execution.details())
        finally:
            clock.leave()
            client.close()
        requests = [
            (str(each.route), datetime.fromisoformat(each.time))
            for each in emulator.requests[asked:]
        ]
        times = [(route, round((at - requests[0][1]).total_seconds(), 3)) for route, at in requests]
        return Played(end, updates, round(clock.monotonic() - began, 6), times, saved.run)

    def post(self, played: Played) -> None:
        """Clean up after a try, as the post step does with what was saved."""
        left = played.left
        if left is None:
            return
        clock = self._world.time.clock()
        client = self._world.client(ServiceHistory(has_answered=True, accepts_token=True))
        try:
            run_id, budget = left.run_id, PATIENT
            if left.request is not None:
                start = UnansweredStart(left.key, left.request, left.may_be_foreign)
                found, budget = find_unanswered(client, start, clock=clock, budget=budget)
                run_id = found.id
            cancel(client, run_id, clock=clock, budget=budget)
        except ForeignRunError:
            assert self.explicit
        except MogplexError as error:
            raise AssertionError(f"post could not clean up: {error}") from error
        finally:
            clock.leave()
            client.close()

    @property
    def runs(self) -> list[Run]:
        """The runs that the service has for this step, oldest first."""
        return [
            run
            for run in self._world.emulator.runs
            if run.key == self.key or run.key.startswith(f"{self.key}-")
        ]

    @property
    def run(self) -> Run:
        """The one run of this step."""
        (run,) = self.runs
        return run

    @property
    def live(self) -> list[Run]:
        """The runs of this step that are at work."""
        return [run for run in self.runs if run.status not in ("success", "failed", "cancelled")]

    def plan(self, **fields: Any) -> Plan:
        """Return what a try shall do: the usual, but for ``fields``, which are the plan's own or
        the inputs'.
        """
        key = Key(
            self.key,
            explicit=self.explicit,
            attempt=str(self.attempt),
            later_attempt=self.attempt > 1,
        )
        fields = self._fields | fields
        own = {name: fields.pop(name) for name in Plan._fields if name in fields}
        inputs = typed_inputs(**{"prompt": self._prompt, "create_branch": None} | fields)
        return Plan(inputs, key, 1)._replace(**own)


KILLED = RunResult(Ending(Result.ERROR, 137), RunDetails(left_behind=True))
"""The result of a killed process: nothing is known but what it saved."""


def set_trip(client: Client, trip: Trip) -> None:
    """Have ``trip`` happen at a request of ``client``."""
    transport = client._transport

    def tripping(send: Callable[..., Any]) -> Callable[..., Any]:
        def sending(*args: Any, **options: Any) -> Any:
            is_it = transport.requests_sent + 1 == trip.request
            if is_it and not trip.answered:
                trip.action()
            answer = send(*args, **options)
            if is_it and trip.answered:
                try:
                    trip.action()
                except Killed:
                    if answer.stream is not None:
                        # the kernel closes a killed process's connections
                        answer.stream.raw.shutdown()
                    raise
            return answer

        return sending

    transport.send = tripping(transport.send)  # type: ignore[method-assign]  # of this transport only


def ids(run: Run) -> list[Untrusted]:
    """Return the ids of a run's events, as the service has them."""
    return [Untrusted(event["id"]) for event in run.events]
