"""One run: its state at any moment is computed from its script and the clock, so an idle run costs
nothing.
"""

import hashlib
import uuid
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tests.emulator.checkout import Checkout
from tests.emulator.clock import Clock
from tests.emulator.faults import FaultPlan
from tests.emulator.scenario import Scenario, Step, render
from tests.emulator.start import StartRequest
from tests.emulator.world import Repo, User

TERMINAL: Final = frozenset({"success", "failed", "cancelled"})
_QUEUED_AFTER: Final = 0.005
"""Seconds after the start at which the run has its runtime id: a simultaneous replay does not see
it yet.
"""
_PICKED_UP_AFTER: Final = 1.0
"""Seconds after the start at which a worker has the run: from then on it is launching the
sandbox.
"""
_EVENT_AFTER_STATUS: Final = 0.003
_QUEUE_FAILED: Final = Step(0.0, status="failed", error="Service Unavailable")
_RECONCILED: Final = "Agent worker completion reconciled"
_PACKAGES: Final = {"claude-code": "@anthropic-ai/claude-code"}
_ACCEPTED: Final = Step(
    0.0,
    event="started",
    message="External Mogplex run accepted",
    payload={
        "harness_id": "{{ harness }}",
        "working_branch": "{{ working_branch }}",
        "external_run_id": "{{ run_id }}",
    },
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A start that the service has accepted."""

    key: str
    user: User
    repo: Repo
    request: StartRequest
    scenario: Scenario
    is_queued: bool
    """False if the start call fails after the run was stored."""


@dataclass(slots=True)
class State:
    """A run at one moment."""

    status: str = "pending"
    error: str | None = None
    has_sandbox: bool = False
    updated: float = 0.0
    """Seconds after the start; events do not change it."""
    commit: str | None = None
    delivered: bool | None = None
    """Whether the run says that it delivered a change; None while it says nothing."""
    segment: int = 0
    """How often the run was resumed after a pause; only the events of the current segment are
    shown.
    """
    dead: Step | None = None
    """The step at which the worker died, if this was not noticed yet."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event of the script, with its id."""

    id: str
    step: Step
    segment: int
    microseconds: int
    """Added to ``createdAt``, so that events of different times have different stamps at any
    speed.
    """

    @property
    def order(self) -> tuple[float, str]:
        """The order in which the service lists events: by ``createdAt``, then by id."""
        return (self.step.at - self.step.backdate, self.id)


class Run:
    """A run of one user, started with one idempotency key."""

    def __init__(self, accepted: Accepted, clock: Clock, *, newest: bool) -> None:
        self.id = str(uuid.uuid4())
        self.key = accepted.key
        self.user = accepted.user
        self.repo = accepted.repo
        self.request = accepted.request
        self.scenario = scenario = accepted.scenario
        self.faults = FaultPlan(clock, scenario.faults)
        self.created = clock.now()
        self.version = 0
        """Changes when the script does."""
        self.ignored_cancels = scenario.ignored_cancels
        self._clock = clock
        self._newest = newest
        self._queued = accepted.is_queued
        self._checkout = Checkout(self.request, self._ai_call_id(0), scenario.falls_back)
        steps = scenario.steps if self._queued else (_QUEUE_FAILED,)
        self._script: tuple[Step, ...] = (_ACCEPTED, *steps)

    @property
    def status(self) -> str:
        """The status now."""
        return self.state.status

    @property
    def prompt(self) -> str:
        """The prompt, trimmed."""
        return self.request.prompt

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events until now, as the events route would show them if it had no limit."""
        return self.feed(len(self._script))

    @property
    def state(self) -> State:
        """The state now."""
        return self._state_at(self._elapsed())

    def detail(self, *, queued: bool = False) -> dict[str, object]:
        """Return the run detail of the API; ``queued`` for the answer to the start call itself."""
        elapsed = self._elapsed()
        if queued:
            elapsed = max(elapsed, _QUEUED_AFTER)
        state = self._state_at(elapsed)
        request = self.request
        has_runtime = self._queued and elapsed >= _QUEUED_AFTER
        fields: dict[str, object] = {
            "runId": self.id,
            "aiCallId": self._ai_call_id(state.segment),
            "sandboxRecordId": self._uuid("sandbox") if state.has_sandbox else None,
            "sandboxId": self._sandbox_id if state.has_sandbox else None,
            "worktreeId": None,
            "repoId": self.repo.id,
            "harness": request.harness,
            "status": state.status,
            "branch": {
                "base": request.base_branch,
                "working": request.working_branch,
                "createBranch": request.create_branch,
            },
            "rootDirectory": request.root_directory,
            "agentId": request.agent_id,
            "mode": request.mode,
            "eventsUrl": f"/api/v1/mogplex/runs/{self.id}/events",
            "cancelUrl": f"/api/v1/mogplex/runs/{self.id}/cancel",
            "createdAt": self._clock.stamp(self.created),
            "updatedAt": self._clock.stamp(self.created + state.updated),
            "error": state.error,
            "runtime": {
                "provider": "trigger" if has_runtime else None,
                "runId": self._runtime_id if has_runtime else None,
            },
            "terminalCommitSha": state.commit,
        }
        if not self._newest:
            for name in ("worktreeId", "agentId", "mode", "terminalCommitSha"):
                del fields[name]
        return fields

    def feed(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest ``limit`` events, oldest first; in 2026-08 the oldest ones."""
        listed = self.listed()
        shown = listed[-limit:] if self._newest else listed[:limit]
        return [self.present(record) for record in shown]

    def written(self, start: int = 0) -> Sequence[Record]:
        """Return the events of all segments until now, in the order of writing, from the index
        ``start`` on.
        """
        return self._records[start : self._count_written()]

    def listed(self, written: Sequence[Record] | None = None) -> list[Record]:
        """Return the events of the present segment, in the order in which the service lists them.

        Of ``written``, else of all until now.
        """
        records = self.written() if written is None else written
        segment = self.state.segment
        present = (each for each in records if each.segment == segment or not self._newest)
        return sorted(present, key=lambda each: each.order)

    def next_event_at(self) -> float | None:
        """Return the clock's second at which the next event is written, as far as is known now."""
        written = self._count_written()
        if written == len(self._records):
            return None
        return self.created + self._records[written].step.at

    def repair(self) -> None:
        """Notice that the worker died, as the service does on ``GET /runs/{id}``."""
        dead = self.state.dead
        if dead is None or not self._newest:
            return
        at = self._elapsed()
        error = dead.error
        payload = {"external_run_id": self.id, "runtime_run_id": self._runtime_id, "error": error}
        self._end_with(
            Step(at, status="failed", error=error),
            Step(at + _EVENT_AFTER_STATUS, event="failed", message=_RECONCILED, payload=payload),
        )

    def cancel(self) -> bool:
        """Cancel the run; return whether it had ended before."""
        at = self._elapsed()
        status = self.state.status
        if status in TERMINAL:
            return True
        cancelled = Step(at, status="cancelled")
        if status == "awaiting_input":
            self._end_with(cancelled)
            return False
        command_id = self._variables["command_id"] if status == "streaming" else None
        payload = {"external_run_id": self.id, "runtime_command_id": command_id}
        self._end_with(
            Step(at, event="cancel_requested", message="Cancellation requested", payload=payload),
            cancelled,
            Step(
                at + _EVENT_AFTER_STATUS,
                event="cancelled",
                message="External Mogplex run cancelled",
                payload=payload,
            ),
        )
        return False

    def present(self, record: Record) -> dict[str, Any]:
        """Return an event as the API shows it."""
        step = record.step
        message = self._render(step.message, step)
        return {
            "id": record.id,
            "type": self._render(step.event, step),
            "toolName": self._render(step.tool, step),
            "message": None if message is None else str(message),
            "payload": self._render(step.payload, step),
            "createdAt": self._clock.stamp(
                self.created + record.order[0], microseconds=record.microseconds
            ),
        }

    def artifact(self, name: str) -> dict[str, Any] | None:
        """Return the file that the run committed below ``.mogplex/artifacts``: its ``json`` or
        ``text``.
        """
        file = self.scenario.artifacts.get(name)
        if file is None:
            return None
        return dict(render(dict(file), self._variables))

    def sandbox_row(self) -> dict[str, object] | None:
        """Return the sandbox of the run as the service lists it, with its log; None while there is
        none.
        """
        state = self.state
        if not self._queued or self._elapsed() < _PICKED_UP_AFTER:
            return None
        has_failed = state.status == "failed" and not state.has_sandbox
        log = self.scenario.install_log if has_failed else ""
        is_booted = state.has_sandbox or (has_failed and log is not None)
        return {
            "id": self._uuid("sandbox"),
            "sandbox_id": self._sandbox_id if is_booted else "pending",
            "repo_id": self.repo.id,
            "status": "error" if has_failed else "running",
            "base_branch": self.request.base_branch,
            "working_branch": self._checkout.branch,
            "root_directory": self.request.root_directory,
            "preview_url": None,
            "created_at": self._clock.stamp(self.created + _PICKED_UP_AFTER),
            "last_active_at": self._clock.stamp(self.created + _PICKED_UP_AFTER),
            "error": state.error if has_failed else None,
            "install_log": log,
        }

    def _elapsed(self) -> float:
        return self._clock.now() - self.created

    def _end_with(self, *steps: Step) -> None:
        """Replace what would happen from now on, and after a worker's death, by ``steps``."""
        elapsed = self._elapsed()
        past: list[Step] = []
        for step in self._script:
            if step.worker_dies or step.at > elapsed:
                break
            past.append(step)
        self._script = (*past, *steps)
        self.version += 1
        self.__dict__.pop("_records", None)

    def _state_at(self, elapsed: float) -> State:
        state = State()
        if elapsed >= _QUEUED_AFTER:
            state.updated = _QUEUED_AFTER
        for step in self._script:
            if step.at > elapsed:
                break
            if step.worker_dies:
                state.dead = step
                break
            self._apply(step, state)
        return state

    def _apply(self, step: Step, state: State) -> None:
        """Change ``state`` as ``step`` does."""
        if step.status is not None:
            state.segment += step.status == "streaming" and state.status == "awaiting_input"
            state.has_sandbox = state.has_sandbox or step.status == "streaming"
            state.status = step.status
            state.error = self._render(step.error, step)
        if step.commit is not None and self._newest:
            work = self._render(step.commit, step)
            state.commit = self._checkout.recorded_commit(work, delivered=state.delivered)
        is_unknown_here = step.commit is not None and not self._newest
        if step.event is None and not is_unknown_here:
            state.updated = max(state.updated, step.at)
        if step.payload.get("stage") == "git_delivery":
            state.delivered = step.payload.get("changed") is True

    def _count_written(self) -> int:
        return bisect_right(self._records, self._elapsed(), key=lambda record: record.step.at)

    @cached_property
    def _records(self) -> list[Record]:
        """All events of the script, also those to come."""
        records: list[Record] = []
        state = State()
        for index, step in enumerate(self._script):
            if step.worker_dies:
                break
            self._apply(step, state)
            if step.event is not None:
                last = records[-1] if records else None
                turn = last.microseconds + (step.at > last.step.at) if last else 0
                records.append(Record(self._uuid(f"event {index}"), step, state.segment, turn))
        return records

    def _render(self, value: Any, step: Step) -> Any:
        return render(value, {**self._variables, "i": step.counter})

    @cached_property
    def _variables(self) -> dict[str, object]:
        return {
            **self.scenario.variables,
            "run_id": self.id,
            "prompt": self.request.prompt,
            "repo": self.repo.full_name,
            "branch": self._checkout.branch,
            "created_branch": self._checkout.is_elsewhere,
            "base_branch": self.request.base_branch,
            "working_branch": self.request.working_branch,
            "harness": self.request.harness,
            "harness_package": _PACKAGES.get(self.request.harness, "@openai/codex"),
            "command_id": f"cmd_{self._derived('command', 20)}",
            "commit_sha": self.commit_sha,
        }

    @property
    def commit_sha(self) -> str:
        """The commit at the tip of the run's branch, in the end."""
        return self._derived("commit", 40)

    @property
    def _runtime_id(self) -> str:
        return f"run_{self._derived('runtime', 21)}"

    @property
    def _sandbox_id(self) -> str:
        return f"mogplex-emulator-{self._derived('sandbox', 8)}"

    def _ai_call_id(self, segment: int) -> str:
        return self._uuid(f"ai call {segment}")

    def _uuid(self, label: str) -> str:
        return str(uuid.UUID(hex=self._derived(label, 32), version=4))

    def _derived(self, label: str, length: int) -> str:
        return hashlib.sha256(f"{self.id} {label}".encode()).hexdigest()[:length]
