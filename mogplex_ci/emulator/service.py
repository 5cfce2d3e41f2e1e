"""A Mogplex in memory: what each of the five routes does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from threading import RLock
from typing import Final

from werkzeug.wrappers import Request

from mogplex_ci.emulator.answers import Answer, Refused, ok
from mogplex_ci.emulator.clock import Clock
from mogplex_ci.emulator.faults import Fault, FaultPlan
from mogplex_ci.emulator.limits import Limits
from mogplex_ci.emulator.routes import Call, authorization
from mogplex_ci.emulator.run import KillFailed, Run
from mogplex_ci.emulator.runs import Runs
from mogplex_ci.emulator.scenario import Cast, QueueFailure, Scenario
from mogplex_ci.emulator.start import StartRequest, normalize, read_body, read_key, trim
from mogplex_ci.emulator.world import Repo, Token, World

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"\s*([+-]?\d+)")
_CHALLENGE: Final = 'Bearer resource_metadata="{host}.well-known/oauth-protected-resource/api/v1/mogplex/mcp"'
_DEFAULT_LIMIT: Final = 100
_MOST: Final = 200


class Service:
    """Answers calls. Thread-safe: one call at a time does its work."""

    def __init__(self, world: World, cast: Cast, clock: Clock, *, limited: bool) -> None:
        self.runs = Runs()
        self.faults = FaultPlan(cast.default.faults)
        """Those of the default scenario and those armed later. A scenario picked by a prompt has its own, per run."""
        self._world = world
        self._cast = cast
        self._clock = clock
        self._limits = Limits(clock) if limited else None
        self._lock = RLock()
        self._queue_failures: Counter[str] = Counter()

    def strike(self, call: Call) -> Fault | None:
        """Count the call and return the fault that spoils its answer."""
        fault = self.faults.strike(call.route)
        run = self.runs.named(call.run_id) if call.run_id else None
        if run is None or run.scenario is self._cast.default:
            return fault
        return fault or run.faults.strike(call.route)

    def work(self, call: Call) -> Answer:
        """Do what the call asks for and answer it."""
        try:
            with self._lock:
                token = self._authenticate(call.request)
                match call.route:
                    case "repos":
                        return self._repos(token, call.request)
                    case "start":
                        return self._start(token, call.request)
                    case "run":
                        return ok({"run": self._run(token, call, "Failed to load run").detail()})
                    case "events":
                        run = self._run(token, call, "Failed to list events")
                        return ok({"run": run.detail(), "events": run.feed(_limit(call.request))})
                    case _:
                        return self._cancel(token, call)
        except Refused as refused:
            return refused.answer

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

    def _repos(self, token: Token, request: Request) -> Answer:
        found = token.user.search(trim(request.args.get("q")), trim(request.args.get("id")), _limit(request))
        fields = ("id", "full_name", "installation_id", "default_branch", "root_directory")
        return ok({"repos": [{name: getattr(repo, name) for name in fields} for repo in found]})

    def _start(self, token: Token, request: Request) -> Answer:
        """Start a run, or answer with the one that this key started before."""
        _need_write(token)
        key = read_key(request.headers.get("Idempotency-Key"))
        body = read_body(request.get_data())
        if body is None:
            return Answer(500)  # The service looks a field up in null, and falls over.
        fields: Mapping[str, object] = body if isinstance(body, dict) else {}
        repo = self._admit_start(token, trim(fields.get("repoId")))
        start = normalize(fields, repo, key)
        existing = self.runs.with_key(token.user, key)
        if existing is not None:
            if existing.request != start:
                raise Refused("IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request")
            return ok({**existing.detail(), "replayed": True}, 202)
        if start.holds_nul():
            raise Refused("INTERNAL_ERROR", "Failed to start run")
        return self._new_run(token, repo, key, start)

    def _admit_start(self, token: Token, repo_id: str | None) -> Repo:
        """Count the start and return the repository. Counting an unknown repository fails, hence the odd 503."""
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
        scenario = self._cast.scenario_for(start.prompt)
        queue_failure = self._queue_failure(scenario)
        run = Run(
            key=key,
            user=token.user,
            repo=repo,
            request=start,
            scenario=scenario,
            queue_failure=queue_failure,
            shared_sandbox=self.runs.sandbox_for(token.user, start),
            clock=self._clock,
        )
        self.runs.add(run)
        if queue_failure:
            failed = Refused("INTERNAL_ERROR", "Failed to start run").answer
            return Answer(failed.status, failed.headers, failed.body, delay=queue_failure.after)
        return ok({**run.detail(queued=True), "replayed": False}, 202)

    def _queue_failure(self, scenario: Scenario) -> QueueFailure | None:
        """Tell whether this start of the scenario fails to queue."""
        failure = scenario.queue_failure
        if failure is None:
            return None
        self._queue_failures[scenario.name] += 1
        return failure if failure.times is None or self._queue_failures[scenario.name] <= failure.times else None

    def _cancel(self, token: Token, call: Call) -> Answer:
        _need_write(token)
        run = self._run(token, call, "Failed to cancel run")
        try:
            already_terminal = run.cancel()
        except KillFailed:
            raise Refused("INTERNAL_ERROR", "Failed to cancel run") from None
        return ok({"run": run.detail(), "status": run.status, "alreadyTerminal": already_terminal})

    def _run(self, token: Token, call: Call, failure: str) -> Run:
        """Return the run that the path names; an id that is no UUID fails in the database."""
        if not _UUID.fullmatch(call.run_id):
            raise Refused("INTERNAL_ERROR", failure)
        run = self.runs.with_id(token.user, call.run_id)
        if run is None:
            raise Refused("NOT_FOUND", "Run not found")
        return run


def _need_write(token: Token) -> None:
    if "write" not in token.scopes:
        message = "Missing required scope: write. Issue a new token with the 'write' scope at /settings/api-keys."
        raise Refused("FORBIDDEN", message)


def _limit(request: Request) -> int:
    """Read ``limit`` as JavaScript's parseInt does, then clamp it."""
    number = _INTEGER.match(request.args.get("limit", ""))
    return min(_MOST, max(1, int(number.group(1)))) if number else _DEFAULT_LIMIT
