"""One run: its state at any moment is computed from its script and the clock, so an idle run costs nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from typing import Any, Final

from mogplex_ci.emulator.cancel import cancellation_requested, cancelled_script
from mogplex_ci.emulator.clock import Clock
from mogplex_ci.emulator.faults import FaultPlan
from mogplex_ci.emulator.payload import sanitize_payload
from mogplex_ci.emulator.scenario import QueueFailure, Scenario, Step, render
from mogplex_ci.emulator.start import StartRequest
from mogplex_ci.emulator.world import Repo, User

TERMINAL: Final = frozenset({"success", "failed", "cancelled"})
_QUEUED_AFTER: Final = 0.005
"""Seconds after the start at which the run has its runtime id: a simultaneous replay does not see it yet."""
_PACKAGES: Final = {"codex": "@openai/codex", "claude-code": "@anthropic-ai/claude-code"}
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
class Sandbox:
    """Where the agent works."""

    record_id: str
    id: str


@dataclass(slots=True)
class State:
    """A run at one moment."""

    status: str = "pending"
    error: str | None = None
    sandbox: Sandbox | None = None
    updated: float = 0.0
    """Seconds after the start; events do not change it."""
    has_command: bool = False
    """Whether the agent's own command runs (or ran), which cancelling has to kill."""


class KillFailed(Exception):  # noqa: N818  (the service's own words)
    """The agent's command could not be killed: the run goes on."""


class Run:
    """A run of one user, started with one idempotency key."""

    def __init__(
        self,
        *,
        key: str,
        user: User,
        repo: Repo,
        request: StartRequest,
        scenario: Scenario,
        queue_failure: QueueFailure | None,
        shared_sandbox: Sandbox | None,
        clock: Clock,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.key = key
        self.user = user
        self.repo = repo
        self.request = request
        self.scenario = scenario
        self.faults = FaultPlan(scenario.faults)
        self.created = clock.now()
        self._clock = clock
        self._queued = queue_failure is None
        self._shared_sandbox = shared_sandbox
        self._kill_failures = scenario.kill_failures
        self._cancel_requested = False
        steps = scenario.steps
        if queue_failure is not None:
            steps = (Step(queue_failure.after, status="failed", error=queue_failure.error),)
        self._script = (_ACCEPTED, *steps)
        self._final: tuple[tuple[Step, ...], State] | None = None
        """The state after the last step of a script: computed once."""

    @property
    def status(self) -> str:
        """The status now."""
        return self.state.status

    @property
    def prompt(self) -> str:
        """The prompt as the service keeps it."""
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
        elapsed = max(self._elapsed(), _QUEUED_AFTER) if queued else self._elapsed()
        state = self._state_at(elapsed)
        has_runtime = self._queued and elapsed >= _QUEUED_AFTER
        return {
            "runId": self.id,
            "aiCallId": self._ai_call_id,
            "sandboxRecordId": state.sandbox.record_id if state.sandbox else None,
            "sandboxId": state.sandbox.id if state.sandbox else None,
            "repoId": self.repo.id,
            "harness": self.request.harness,
            "status": state.status,
            "branch": {
                "base": self.request.base_branch,
                "working": self.request.working_branch,
                "createBranch": self.request.create_branch,
            },
            "rootDirectory": self.request.root_directory,
            "eventsUrl": f"/api/v1/mogplex/runs/{self.id}/events",
            "cancelUrl": f"/api/v1/mogplex/runs/{self.id}/cancel",
            "createdAt": self._clock.stamp(self.created),
            "updatedAt": self._clock.stamp(self.created + state.updated),
            "error": state.error,
            "runtime": {
                "provider": "trigger" if has_runtime else None,
                "runId": f"run_{self._derived('runtime', 21)}" if has_runtime else None,
            },
        }

    def feed(self, limit: int) -> list[dict[str, Any]]:
        """Return the oldest ``limit`` events. There is no way to read the later ones."""
        return [self._present(index, step) for index, step in islice(self._happened(), limit)]

    def cancel(self) -> bool:
        """Cancel the run; return whether it had ended before.

        Raises:
            KillFailed: the agent could not be stopped; the run goes on and can be cancelled again.
        """
        at = self._elapsed()
        state = self._state_at(at)
        if state.status in TERMINAL:
            return True
        command_id = str(self._variables["command_id"]) if state.has_command else None
        if not self._cancel_requested:
            self._cancel_requested = True
            self._script = cancellation_requested(self._script, at, self.id, command_id)
        if state.has_command and self._kill_failures > 0:
            self._kill_failures -= 1
            raise KillFailed
        self._script = cancelled_script(self._script, at, self.id, command_id, state.status == "streaming")
        return False

    def _elapsed(self) -> float:
        return self._clock.now() - self.created

    def _state_at(self, elapsed: float) -> State:
        script, final = self._script, self._final
        if final is not None and final[0] is script:
            return final[1]
        state = self._replay(script, elapsed)
        if elapsed >= max(script[-1].at, _QUEUED_AFTER):
            self._final = (script, state)
        return state

    def _replay(self, script: tuple[Step, ...], elapsed: float) -> State:
        state = State(sandbox=self._shared_sandbox, updated=_QUEUED_AFTER if elapsed >= _QUEUED_AFTER else 0.0)
        for step in script:
            if step.at > elapsed:
                break
            if step.status is not None:
                state.status, state.error = step.status, self._render(step.error, step)
            if step.event is None:
                state.updated = max(state.updated, step.at)
            if step.sandbox and state.sandbox is None:
                state.sandbox = Sandbox(self._uuid("sandbox"), f"mogplex-emulator-{self._derived('sandbox', 8)}")
            state.has_command = state.has_command or step.event == "status_changed"
        return state

    def _happened(self) -> Iterator[tuple[int, Step]]:
        """Go through past events; those of the same time come in the order of a database, which is none."""
        elapsed = self._elapsed()
        past = ((i, step) for i, step in enumerate(self._script) if step.event is not None and step.at <= elapsed)
        for _, same_time in groupby(past, key=lambda item: item[1].at):
            tied = list(same_time)
            turn = len(tied) - 2 % len(tied)
            yield from tied[turn:]
            yield from tied[:turn]

    def _present(self, index: int, step: Step) -> dict[str, Any]:
        return {
            "id": self._uuid(f"event {index}"),
            "type": self._render(step.event, step),
            "toolName": self._render(step.tool, step),
            "message": self._render(step.message, step),
            "payload": sanitize_payload(self._render(step.payload, step)),
            "createdAt": self._clock.stamp(self.created + step.at),
        }

    def _render(self, value: Any, step: Step) -> Any:
        return render(value, {**self._variables, "i": step.counter})

    @cached_property
    def _variables(self) -> dict[str, object]:
        working, base = self.request.working_branch, self.request.base_branch
        # The agent never works on the base branch itself: it makes a branch of its own.
        own_branch = working == base
        return {
            **self.scenario.variables,
            "run_id": self.id,
            "prompt": self.request.prompt,
            "repo": self.repo.full_name,
            "branch": f"mogplex/agent-{self._ai_call_id.replace('-', '')[:12]}" if own_branch else working,
            "created_branch": own_branch,
            "base_branch": base,
            "working_branch": working,
            "harness": self.request.harness,
            "harness_package": _PACKAGES[self.request.harness],
            "command_id": f"cmd_{self._derived('command', 20)}",
        }

    @property
    def _ai_call_id(self) -> str:
        return self._uuid("ai call")

    def _uuid(self, label: str) -> str:
        return str(uuid.UUID(hex=self._derived(label, 32), version=4))

    def _derived(self, label: str, length: int) -> str:
        return hashlib.sha256(f"{self.id} {label}".encode()).hexdigest()[:length]
