"""A Mogplex in memory: the work of each route."""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from threading import RLock
from typing import Final

from werkzeug.wrappers import Request

from tests.emulator.clock import Clock, Notifier
from tests.emulator.faults import Fault, FaultPlan
from tests.emulator.limits import Limits
from tests.emulator.resources import read_artifact
from tests.emulator.routes import UUID, Answer, Call, Refused, ok
from tests.emulator.run import Accepted, Run
from tests.emulator.sandboxes import list_sandboxes, read_logs
from tests.emulator.scenario import NoSuchScenarioError, Scenario, ScenarioSet
from tests.emulator.start import StartRequest, normalize, read_body, read_key, trim
from tests.emulator.stream import EventStream, StreamAnswer
from tests.emulator.world import Repo, Token, User, World

_STREAM_HEADERS: Final = {
    "cache-control": "no-cache, no-transform",
    "connection": "keep-alive",
    "content-type": "text/event-stream",
}
_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 200


class Service:
    """Answers calls. Thread-safe: one call at a time does its work."""

    def __init__(
        self, world: World, scenarios: ScenarioSet, clock: Clock, *, limited: bool, newest: bool
    ) -> None:
        self.runs = Runs()
        self.faults = FaultPlan(clock, scenarios.default.faults)
        """Those of the default scenario and those armed later. A scenario picked by a prompt has
        its own, per run.
        """
        self.changes = Notifier(clock)
        self._world = world
        self._scenarios = scenarios
        self._clock = clock
        self._limits = Limits(clock) if limited else None
        self._newest = newest
        self._lock = RLock()
        self._starts: Counter[str] = Counter()
        """By the scenario's name."""

    def strike(self, call: Call) -> Fault | None:
        """Count the call and return the fault that applies to its answer."""
        fault = self.faults.strike(*call.names)
        run = self.runs.named(call.run_id) if call.run_id else None
        if run is None or run.scenario is self._scenarios.default:
            return fault
        return fault or run.faults.strike(*call.names)

    def work(self, call: Call) -> Answer:
        """Do what the call asks for and answer it."""
        try:
            with self._lock:
                return self._routes[call.route](self._authenticate(call.request), call)
        except Refused as refused:
            return refused.answer

    @cached_property
    def _routes(self) -> dict[str, Callable[[Token, Call], Answer]]:
        """The work of each route."""
        return {
            "repos": self._repos,
            "start": self._start,
            "run": self._read_run,
            "events": self._events,
            "stream": self._stream,
            "cancel": self._cancel,
            "artifact": self._artifact,
            "sandboxes": self._sandboxes,
            "sandbox-logs": self._sandbox_logs,
        }

    def _authenticate(self, request: Request) -> Token:
        """Return the token, and count the request against its limit."""
        text = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = self._world.tokens.get(text)
        if token is None:
            raise Refused("UNAUTHORIZED", "Unauthorized")
        if self._limits:
            self._limits.admit_request(text)
        return token

    def _repos(self, token: Token, call: Call) -> Answer:
        asked = call.request.args
        found = token.user.search(
            asked.get("q", ""), asked.get("id", ""), _limit(call), with_hidden=self._newest
        )
        fields = ["id", "full_name", "installation_id", "default_branch", "root_directory"]
        if self._newest:
            fields.append("hidden")
        return ok({"repos": [{name: getattr(repo, name) for name in fields} for repo in found]})

    def _start(self, token: Token, call: Call) -> Answer:
        """Start a run, or answer with the one that this key started before."""
        request = call.request
        _need_write(token)
        key = read_key(request.headers.get("Idempotency-Key"))
        fields = read_body(request.get_data())
        repo = self._admit_start(token, trim(fields.get("repoId")))
        start = normalize(fields, repo, key, newest=self._newest)
        existing = self.runs.with_key(token.user, key)
        if existing is None:
            return self._new_run(token, repo, key, start)
        if start != existing.request:
            message = "Idempotency key already used for a different request"
            raise Refused("IDEMPOTENCY_CONFLICT", message)
        return ok({**existing.detail(), "replayed": True}, 202)

    def _admit_start(self, token: Token, repo_id: str | None) -> Repo:
        """Count the start and return the repository. Counting an unknown repository fails, hence
        the odd 503.
        """
        if repo_id is not None and repo_id.lower() not in self._world.repo_ids:
            message = "External Mogplex run rate limit unavailable"
            raise Refused("SERVICE_UNAVAILABLE", message, {"retry-after": "60"})
        if self._limits:
            self._limits.admit_start(token.text)
        if repo_id is None:
            raise Refused("BAD_REQUEST", "repoId is required")
        repo = token.user.repo(repo_id)
        if repo is None:
            raise Refused("NOT_FOUND", "Repo not found")
        return repo

    def _new_run(self, token: Token, repo: Repo, key: str, start: StartRequest) -> Answer:
        try:
            scenario = self._scenarios.scenario_for(start.prompt, start.harness)
        except NoSuchScenarioError as error:
            raise Refused("BAD_REQUEST", str(error)) from None
        is_queued = self._is_queued(scenario)
        accepted = Accepted(key, token.user, repo, start, scenario, is_queued)
        run = Run(accepted, self._clock, newest=self._newest)
        self.runs.add(run)
        if not is_queued:
            raise Refused("INTERNAL_ERROR", "Failed to start run")
        return ok({**run.detail(queued=True), "replayed": False}, 202)

    def _is_queued(self, scenario: Scenario) -> bool:
        """Count a start of the scenario, and return whether it does not fail."""
        self._starts[scenario.name] += 1
        return self._starts[scenario.name] > scenario.queue_failures

    def _read_run(self, token: Token, call: Call) -> Answer:
        run = self._run(token, call)
        run.repair()
        self.changes.notify()
        return ok({"run": run.detail()})

    def _events(self, token: Token, call: Call) -> Answer:
        run = self._run(token, call)
        return ok({"run": run.detail(), "events": run.feed(_limit(call))})

    def _artifact(self, token: Token, call: Call) -> Answer:
        return read_artifact(self._run(token, call), call.request.args.get("path", ""))

    def _sandboxes(self, token: Token, call: Call) -> Answer:
        return list_sandboxes(self.runs.of(token.user), call.request.args.get("repo_id"))

    def _sandbox_logs(self, token: Token, call: Call) -> Answer:
        return read_logs(self.runs.of(token.user), call.arguments["sandbox_id"])

    def _stream(self, token: Token, call: Call) -> Answer:
        stream = EventStream(
            self._run(token, call),
            limit=_limit(call),
            last_event_id=call.last_event_id,
            clock=self._clock,
            lock=self._lock,
        )
        return StreamAnswer(200, _STREAM_HEADERS, stream=stream)

    def _cancel(self, token: Token, call: Call) -> Answer:
        _need_write(token)
        run = self._run(token, call)
        already_terminal = False
        if run.ignored_cancels > 0:  # as when the call is marked as cancelled and the run is not
            run.ignored_cancels -= 1
        else:
            already_terminal = run.cancel()
        self.changes.notify()
        return ok({"run": run.detail(), "status": run.status, "alreadyTerminal": already_terminal})

    def _run(self, token: Token, call: Call) -> Run:
        """Return the run that the path names; an id that is no UUID fails in the database."""
        if not UUID.fullmatch(call.run_id):
            raise Refused("INTERNAL_ERROR", "Failed to load run")
        run = self.runs.named(call.run_id)
        if run is None or run.user.name != token.user.name:
            raise Refused("NOT_FOUND", "Run not found")
        return run


class Runs:
    """The runs of all users, oldest first, by id and by idempotency key."""

    def __init__(self) -> None:
        self._by_id: dict[str, Run] = {}
        self._by_key: dict[tuple[str, str], Run] = {}

    def all(self) -> list[Run]:
        """Return the runs, oldest first."""
        return list(self._by_id.values())

    def of(self, user: User) -> list[Run]:
        """Return the user's runs, oldest first."""
        return [run for run in self.all() if run.user.name == user.name]

    def named(self, run_id: str) -> Run | None:
        """Return the run with this id, of any owner."""
        return self._by_id.get(run_id.lower())

    def with_key(self, user: User, key: str) -> Run | None:
        """Return the run that the user started with this key, by whichever token."""
        return self._by_key.get((user.name, key))

    def add(self, run: Run) -> None:
        """Keep a new run."""
        self._by_id[run.id] = run
        self._by_key[run.user.name, run.key] = run


def _need_write(token: Token) -> None:
    if "write" not in token.scopes:
        message = "Missing required scope: write. Issue a new token with the 'write' scope at /settings/api-keys."
        raise Refused("FORBIDDEN", message)


def _limit(call: Call) -> int:
    """Read ``limit`` and clamp it."""
    number = call.request.args.get("limit", _DEFAULT_LIMIT, type=int)
    return min(_MAX_LIMIT, max(1, number))
