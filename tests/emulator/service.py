"""A Mogplex in memory: the work of each route."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from threading import RLock
from typing import Final

from werkzeug.wrappers import Request

from tests.emulator.clock import Clock, Notifier
from tests.emulator.documents import DocumentError
from tests.emulator.faults import Fault, FaultPlan
from tests.emulator.limits import Limits
from tests.emulator.resources import check_artifact_path, read_artifact
from tests.emulator.routes import UUID, Answer, Call, Refused, authorization, ok
from tests.emulator.run import TERMINAL, Accepted, Conditions, KillFailed, Run, Sandbox
from tests.emulator.sandboxes import list_sandboxes, read_logs
from tests.emulator.scenario import QueueFailure, Scenario, ScenarioSet
from tests.emulator.start import StartRequest, normalize, read_body, read_key, trim
from tests.emulator.stream import EventStream, StreamAnswer
from tests.emulator.world import Repo, Token, User, World

MOST_RUNS: Final = 1_000
"""Beyond this many, the oldest ended runs are forgotten with their keys."""
_INTEGER = re.compile(r"\s*([+-]?\d+)")
_CHALLENGE: Final = (
    'Bearer resource_metadata="{host}.well-known/oauth-protected-resource/api/v1/mogplex/mcp"'
)
_STREAM_HEADERS: Final = {
    "cache-control": "no-cache, no-transform",
    "connection": "keep-alive",
    "content-type": "text/event-stream",
}
_DEFAULT_LIMIT: Final = 100
_MOST: Final = 200
_CONFLICTS: Final = {
    "changed": "Run state changed; retry cancellation",
    "inactive": "Run is no longer active",
    "inconsistent": "Run state is inconsistent",
}
_KEY_IS_LIMITED: Final = (
    "This Mogplex API key is set to Automations only, so it can start work only through a configured automation. "
    "Call POST /api/v1/mogplex/automations/{automationId}/trigger for an enabled automation with an API trigger, "
    "or change the key to Full access in Settings → Mogplex Keys."
)
_TEAM_IS_LIMITED: Final = (
    "This team allows Mogplex API keys to start work on its repositories only through a configured automation. "
    "Call POST /api/v1/mogplex/automations/{automationId}/trigger for an enabled automation with an API trigger. "
    "A team owner can change this in the team's settings."
)
_TEAM_IS_UNKNOWN: Final = (
    "Unable to check this team's API key access. Nothing was started; retry shortly."
)


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
        self._queue_failures: Counter[str] = Counter()

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
        text = authorization(request).removeprefix("Bearer ")
        token = self._world.tokens.get(text)
        if token is None or not token.valid(self._clock.wall(self._clock.now())):
            challenge = _CHALLENGE.format(host=request.host_url)
            raise Refused("UNAUTHORIZED", "Unauthorized", {"www-authenticate": challenge})
        if self._limits:
            self._limits.admit_request(text)
        return token

    def _repos(self, token: Token, call: Call) -> Answer:
        request = call.request
        found = token.user.search(
            trim(request.args.get("q")),
            trim(request.args.get("id")),
            _limit(request),
            with_hidden=self._newest,
        )
        fields = ["id", "full_name", "installation_id", "default_branch", "root_directory"]
        if self._newest:
            fields.append("hidden")
        return ok({"repos": [{name: getattr(repo, name) for name in fields} for repo in found]})

    def _start(self, token: Token, call: Call) -> Answer:
        """Start a run, or answer with the one that this key started before."""
        request = call.request
        _need_scope(token, "write")
        if self._newest and token.automations_only:
            raise Refused("AUTOMATION_REQUIRED", _KEY_IS_LIMITED)
        key = read_key(request.headers.get("Idempotency-Key"))
        body = read_body(request.get_data())
        if body is None:
            return Answer(500)  # The service looks a field up in null, and falls over.
        fields: Mapping[str, object] = body if isinstance(body, dict) else {}
        repo_id = trim(fields.get("repoId"))
        if self._newest and repo_id is not None:
            self._check_team(repo_id)
        repo = self._admit_start(token, repo_id)
        start = normalize(fields, repo, key, newest=self._newest)
        existing = self.runs.with_key(token.user, key)
        if existing is not None:
            if not start.repeats(existing.request):
                raise Refused(
                    "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request"
                )
            return ok({**existing.detail(), "replayed": True}, 202)
        if start.holds_nul():
            raise Refused("INTERNAL_ERROR", "Failed to start run")
        if start.agent_id is not None and start.agent_id not in token.user.agents:
            raise Refused("NOT_FOUND", "Agent not found")
        return self._new_run(token, repo, key, start.in_worktree(repo))

    def _check_team(self, repo_id: str) -> None:
        """Ask whether the team that owns the repository lets keys start runs on it."""
        policy = "unknown"
        if UUID.fullmatch(repo_id):
            policy = self._world.key_policy(repo_id)
        if policy == "unknown":
            raise Refused("SERVICE_UNAVAILABLE", _TEAM_IS_UNKNOWN)
        if policy == "automations":
            raise Refused("AUTOMATION_REQUIRED", _TEAM_IS_LIMITED)

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
        except DocumentError as error:
            raise Refused("BAD_REQUEST", str(error)) from None
        queue_failure = self._queue_failure(scenario)
        conditions = Conditions(
            scenario,
            queue_failure,
            self.runs.sandbox_for(token.user, start),
            branch_is_ahead=self.runs.is_ahead(start),
        )
        accepted = Accepted(key, token.user, repo, start)
        run = Run(accepted, conditions, self._clock, newest=self._newest)
        self.runs.add(run)
        if queue_failure:
            failed = Refused("INTERNAL_ERROR", "Failed to start run").answer
            return Answer(failed.status, failed.headers, failed.body, delay=queue_failure.after)
        return ok({**run.detail(queued=True), "replayed": False}, 202)

    def _queue_failure(self, scenario: Scenario) -> QueueFailure | None:
        """Return whether this start of the scenario fails to queue."""
        failure = scenario.queue_failure
        if failure is None:
            return None
        self._queue_failures[scenario.name] += 1
        if failure.times is not None and self._queue_failures[scenario.name] > failure.times:
            return None
        return failure

    def _read_run(self, token: Token, call: Call) -> Answer:
        run = self._run(token, call, "Failed to load run")
        run.repair()
        self.changes.notify()
        return ok({"run": run.detail()})

    def _events(self, token: Token, call: Call) -> Answer:
        run = self._run(token, call, "Failed to list events")
        return ok({"run": run.detail(), "events": run.feed(_limit(call.request))})

    def _artifact(self, token: Token, call: Call) -> Answer:
        path = check_artifact_path(call.request)
        return read_artifact(self._run(token, call, "Could not read artifact"), path)

    def _sandboxes(self, token: Token, call: Call) -> Answer:
        return list_sandboxes(self.runs.of(token.user), call.request, _limit(call.request))

    def _sandbox_logs(self, token: Token, call: Call) -> Answer:
        _need_scope(token, "read")
        return read_logs(self.runs.of(token.user), call.arguments["sandbox_id"])

    def _stream(self, token: Token, call: Call) -> Answer:
        run = self._run(token, call, "Failed to stream events")
        stream = EventStream(
            run,
            limit=_limit(call.request),
            last_event_id=call.last_event_id,
            clock=self._clock,
            lock=self._lock,
        )
        return StreamAnswer(200, _STREAM_HEADERS, stream=stream)

    def _cancel(self, token: Token, call: Call) -> Answer:
        _need_scope(token, "write")
        run = self._run(token, call, "Failed to cancel run")
        if self._newest and run.cancel_conflicts:
            raise Refused("CONFLICT", _CONFLICTS[run.cancel_conflicts.pop(0)])
        if run.ignored_cancels > 0:  # as when the call is marked as cancelled and the run is not
            run.ignored_cancels -= 1
            return ok({"run": run.detail(), "status": run.status, "alreadyTerminal": False})
        try:
            already_terminal = run.cancel()
        except KillFailed:
            raise Refused("INTERNAL_ERROR", "Failed to cancel run") from None
        finally:
            self.changes.notify()
        return ok({"run": run.detail(), "status": run.status, "alreadyTerminal": already_terminal})

    def _run(self, token: Token, call: Call, failure: str) -> Run:
        """Return the run that the path names; an id that is no UUID fails in the database."""
        if not UUID.fullmatch(call.run_id):
            raise Refused("INTERNAL_ERROR", failure)
        run = self.runs.with_id(token.user, call.run_id)
        if run is None:
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

    def is_ahead(self, start: StartRequest) -> bool:
        """Return whether the branch that a start goes on with has commits of earlier runs."""
        goes_on = not start.create_branch and start.working_branch != start.base_branch
        return goes_on and any(
            run.has_delivered(start.repo_id, start.working_branch) for run in self.all()
        )

    def named(self, run_id: str) -> Run | None:
        """Return the run with this id, of any owner."""
        return self._by_id.get(run_id.lower())

    def with_id(self, user: User, run_id: str) -> Run | None:
        """Return the user's run with this id; another user's is not found."""
        run = self.named(run_id)
        if run is None or run.user.name != user.name:
            return None
        return run

    def with_key(self, user: User, key: str) -> Run | None:
        """Return the run that the user started with this key, by whichever token."""
        return self._by_key.get((user.name, key))

    def add(self, run: Run) -> None:
        """Keep a new run."""
        if len(self._by_id) >= MOST_RUNS:
            self._forget_ended()
        self._by_id[run.id] = run
        self._by_key[run.user.name, run.key] = run

    def sandbox_for(self, user: User, start: StartRequest) -> Sandbox | None:
        """Return the sandbox in which another run works on the same branch and directory: it is
        shared.
        """
        for run in reversed(self.all()):
            if (
                run.status == "streaming"
                and run.user.name == user.name
                and _place(run.request) == _place(start)
            ):
                return run.state.sandbox
        return None

    def _forget_ended(self) -> None:
        """Drop a tenth at once, so that a full house is not searched at every start."""
        ended = (run for run in list(self._by_id.values()) if run.status in TERMINAL)
        for run, _ in zip(ended, range(MOST_RUNS // 10), strict=False):
            del self._by_id[run.id]
            del self._by_key[run.user.name, run.key]


def _place(start: StartRequest) -> tuple[str, str, str | None]:
    return (start.repo_id.lower(), start.working_branch, start.root_directory)


def _need_scope(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        message = f"Missing required scope: {scope}. Issue a new token with the '{scope}' scope at /settings/api-keys."
        raise Refused("FORBIDDEN", message)


def _limit(request: Request) -> int:
    """Read ``limit`` as JavaScript's parseInt does, then clamp it."""
    number = _INTEGER.match(request.args.get("limit", ""))
    if number is None:
        return _DEFAULT_LIMIT
    return min(_MOST, max(1, int(number.group(1))))
