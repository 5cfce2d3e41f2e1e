"""One run: its state at any moment is computed from its script and the clock, so an idle run costs
nothing.
"""

import hashlib
import uuid
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, Final

from tests.emulator.checkout import Checkout
from tests.emulator.clock import Clock
from tests.emulator.events import redact_text, sanitize_payload
from tests.emulator.faults import FaultPlan
from tests.emulator.scenario import QueueFailure, Scenario, Step, render
from tests.emulator.start import StartRequest
from tests.emulator.worker import limited_newest, limited_old
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
_NOT_PENDING: Final = "ai_call is not pending"
_RECONCILED: Final = "Agent worker completion reconciled"
_EVENT_OF_END: Final = {"success": "finished", "failed": "failed", "cancelled": "cancelled"}
_SANDBOX_STATUS: Final = {"pending": "creating", "cancelled": "stopped"}
"""The status of a run's sandbox where it is not ``running``."""
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
    """Where the agent works; nothing is known of it before it is launched."""

    record_id: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A start that the service has accepted."""

    key: str
    user: User
    repo: Repo
    request: StartRequest


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a run meets."""

    scenario: Scenario
    queue_failure: QueueFailure | None = None
    """The failure of the start call, if it fails after the run was stored."""
    shared_sandbox: Sandbox | None = None
    """The sandbox of another run that works at the same place."""
    branch_is_ahead: bool = False
    """Whether the branch asked for has commits of earlier runs."""


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


class KillFailed(Exception):  # noqa: N818  (the service's own words)
    """The agent's command could not be killed: the run goes on."""


class Run:
    """A run of one user, started with one idempotency key."""

    def __init__(
        self, accepted: Accepted, conditions: Conditions, clock: Clock, *, newest: bool
    ) -> None:
        self.id = str(uuid.uuid4())
        self.key = accepted.key
        self.user = accepted.user
        self.repo = accepted.repo
        self.request = accepted.request
        self.scenario = scenario = conditions.scenario
        self.faults = FaultPlan(clock, scenario.faults)
        self.created = clock.now()
        self.version = 0
        """Changes when the script does."""
        self.cancel_conflicts = list(scenario.cancel_conflicts)
        self.ignored_cancels = scenario.ignored_cancels
        self._clock = clock
        self._newest = newest
        failure = conditions.queue_failure
        self._queued = failure is None
        self._shared_sandbox = conditions.shared_sandbox
        self._kill_failures = 0 if newest else scenario.kill_failures
        self._cancel_requested = False
        self._checkout = Checkout(
            self.request, self._ai_call_id(0), scenario.falls_back, conditions.branch_is_ahead
        )
        if failure is not None:
            steps = [Step(failure.after, status="failed", error=failure.error)]
        elif newest:
            steps = limited_newest(scenario.steps, lambda at: clock.stamp(self.created + at))
        else:
            steps = limited_old(scenario.steps)
        if self._checkout.is_ahead:
            steps = [_with_older_commits(step) for step in steps]
        self._script: tuple[Step, ...] = (_ACCEPTED, *steps)
        self._final: State | None = None
        """The state after the last step of the script: computed once."""

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
        sandbox = state.sandbox or Sandbox(None, None)
        has_runtime = self._queued and elapsed >= _QUEUED_AFTER
        fields: dict[str, object] = {
            "runId": self.id,
            "aiCallId": self._ai_call_id(state.segment),
            "sandboxRecordId": sandbox.record_id,
            "sandboxId": sandbox.id,
            "worktreeId": request.worktree_id,
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
        """Return the newest ``limit`` events, oldest first; in 2026-08 the oldest ones, ties in no
        order.
        """
        if self._newest:
            return [self.present(record) for record in self.listed()[-limit:]]
        return [self.present(record) for record in _unordered(self.written())][:limit]

    def written(self, start: int = 0) -> Sequence[Record]:
        """Return the events of all segments until now, in the order of writing, from the index
        ``start`` on.
        """
        return self._records[start : self._count_written()]

    def listed(self, written: Sequence[Record] | None = None) -> list[Record]:
        """Return the events of the present segment, in the order in which the service lists them.

        Of ``written``, else of all until now.
        """
        records = written
        if records is None:
            records = self.written()
        segment = self.state.segment
        return sorted(
            (each for each in records if each.segment == segment), key=lambda each: each.order
        )

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
        error = self._render(dead.error, dead)
        payload = {"external_run_id": self.id, "runtime_run_id": self._runtime_id, "error": error}
        kind = _EVENT_OF_END[str(dead.status)]
        end = (
            Step(at, status=dead.status, error=error),
            Step(at + _EVENT_AFTER_STATUS, event=kind, message=_RECONCILED, payload=payload),
        )
        self._change_script((*self._split(at)[0], *end))

    def cancel(self) -> bool:
        """Cancel the run; return whether it had ended before.

        Raises:
            KillFailed: the agent could not be stopped; the run goes on and can be cancelled again.
        """
        at = self._elapsed()
        state = self._state_at(at)
        if state.status in TERMINAL:
            return True
        if state.status == "awaiting_input":
            self._change_script((*self._split(at)[0], Step(at, status="cancelled")))
            return False
        command_id = str(self._variables["command_id"]) if state.has_command else None
        payload = {"external_run_id": self.id, "runtime_command_id": command_id}
        if not self._cancel_requested:
            self._cancel_requested = True
            past, rest = self._split(at)
            requested = Step(
                at, event="cancel_requested", message="Cancellation requested", payload=payload
            )
            self._change_script((*past, requested, *rest))
        if state.has_command and self._kill_failures > 0:
            self._kill_failures -= 1
            raise KillFailed
        past, rest = self._split(at)
        end = [
            Step(at, status="cancelled"),
            Step(
                at + _EVENT_AFTER_STATUS,
                event="cancelled",
                message="External Mogplex run cancelled",
                payload=payload,
            ),
        ]
        if not self._newest:
            end += self._aftermath(rest, at, state)
        self._change_script((*past, *sorted(end, key=lambda step: step.at)))
        return False

    def present(self, record: Record) -> dict[str, Any]:
        """Return an event as the API shows it."""
        step = record.step
        message = self._message_of(step)
        payload = self._render(step.payload, step)
        payload = sanitize_payload(payload)
        return {
            "id": record.id,
            "type": self._render(step.event, step),
            "toolName": self._render(step.tool, step),
            "message": message,
            "payload": payload,
            "createdAt": self._clock.stamp(
                self.created + record.order[0], microseconds=record.microseconds
            ),
        }

    def _message_of(self, step: Step) -> str | None:
        """Return an event's message; the newest service has replaced the tokens in it."""
        if step.message is None:
            return None
        message = str(self._render(step.message, step))
        if self._newest:
            return redact_text(message)
        return message

    def artifact(self, name: str) -> dict[str, Any] | None:
        """Return the file that the run committed below ``.mogplex/artifacts``: its ``json`` or
        ``text``.
        """
        file = self.scenario.artifacts.get(name)
        if file is None:
            return None
        return dict(render(dict(file), self._variables))

    def has_delivered(self, repo_id: str, branch: str) -> bool:
        """Return whether the run has delivered a change on this branch."""
        is_there = self.repo.id == repo_id.lower() and self._checkout.branch == branch
        return is_there and self.state.delivered is True

    def sandbox_row(self) -> dict[str, object] | None:
        """Return the sandbox of the run as the service lists it, with its logs; None while there is
        none, and for a run in another one's sandbox.
        """
        elapsed = self._elapsed()
        state = self.state
        request = self.request
        if not self._queued or self._shared_sandbox is not None or elapsed < _PICKED_UP_AFTER:
            return None
        has_failed = state.sandbox is None and state.status == "failed"
        status = _SANDBOX_STATUS.get(state.status, "running")
        if has_failed:
            status = "error"
        elif state.status == "success" and self._newest and request.create_branch:
            status = "paused"
        booted = state.sandbox is not None or (has_failed and self.scenario.install_log is not None)
        log = render(self.scenario.install_log or "", self._variables)
        return {
            "id": self._uuid("sandbox"),
            "sandbox_id": f"mogplex-emulator-{self._derived('sandbox', 8)}"
            if booted
            else "pending",
            "repo_id": self.repo.id,
            "status": status,
            "base_branch": request.base_branch,
            "working_branch": self._checkout.branch,
            "root_directory": request.root_directory,
            "preview_url": None,
            "created_at": self._clock.stamp(self.created + _PICKED_UP_AFTER),
            "last_active_at": self._clock.stamp(
                self.created + max(state.updated, _PICKED_UP_AFTER)
            ),
            "error": state.error if has_failed else None,
            "install_log": log if booted else None,
            "dev_log": None,
        }

    def _aftermath(self, rest: tuple[Step, ...], at: float, state: State) -> list[Step]:
        """Return what a 2026-08 worker still writes when it does not notice the cancellation."""
        if state.has_command:
            return []
        if state.status == "streaming":
            return _rest_of_setup(rest)
        if at >= _PICKED_UP_AFTER:
            return _failing_launch(rest)
        return []

    def _elapsed(self) -> float:
        return self._clock.now() - self.created

    def _split(self, at: float) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """Return the steps until ``at`` and those after it. After a worker's death there are
        none.
        """
        past = [step for step in self._script if step.at <= at]
        for index, step in enumerate(past):
            if step.worker_dies:
                return (*past[:index], replace(step, worker_dies=False, status=None)), ()
        return tuple(past), self._script[len(past) :]

    def _change_script(self, script: tuple[Step, ...]) -> None:
        self._script = script
        self._final = None
        self.version += 1
        self.__dict__.pop("_records", None)

    def _state_at(self, elapsed: float) -> State:
        if self._final is not None:
            return self._final
        state = self._replay(elapsed)
        if elapsed >= max(self._script[-1].at, _QUEUED_AFTER):
            self._final = state
        return state

    def _replay(self, elapsed: float) -> State:
        state = State(sandbox=self._shared_sandbox)
        if elapsed >= _QUEUED_AFTER:
            state.updated = _QUEUED_AFTER
        for step in self._script:
            if step.at > elapsed:
                break
            if step.worker_dies:
                state.dead = step
                break
            if step.status is not None:
                state.segment += step.status == "streaming" and state.status == "awaiting_input"
                state.status = step.status
                state.error = self._render(step.error, step)
            if step.commit is not None and self._newest:
                work = self._render(step.commit, step)
                state.commit = self._checkout.recorded_commit(work, delivered=state.delivered)
            is_unknown_here = step.commit is not None and not self._newest
            if step.event is None and not is_unknown_here:
                state.updated = max(state.updated, step.at)
            if step.sandbox and state.sandbox is None:
                state.sandbox = Sandbox(
                    self._uuid("sandbox"), f"mogplex-emulator-{self._derived('sandbox', 8)}"
                )
            state.has_command = state.has_command or step.event == "status_changed"
            if step.payload.get("stage") == "git_delivery":
                state.delivered = step.payload.get("changed") is True
        return state

    def _count_written(self) -> int:
        return bisect_right(self._records, self._elapsed(), key=lambda record: record.step.at)

    @cached_property
    def _records(self) -> list[Record]:
        """All events of the script, also those to come."""
        records: list[Record] = []
        segment = 0
        status = "pending"
        for index, step in enumerate(self._script):
            if step.worker_dies:
                break
            if step.status is not None:
                segment += step.status == "streaming" and status == "awaiting_input"
                status = step.status
            if step.event is not None:
                last = records[-1] if records else None
                turn = last.microseconds + (step.at > last.step.at) if last else 0
                records.append(Record(self._uuid(f"event {index}"), step, segment, turn))
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

    def _ai_call_id(self, segment: int) -> str:
        return self._uuid(f"ai call {segment}")

    def _uuid(self, label: str) -> str:
        return str(uuid.UUID(hex=self._derived(label, 32), version=4))

    def _derived(self, label: str, length: int) -> str:
        return hashlib.sha256(f"{self.id} {label}".encode()).hexdigest()[:length]


def _with_older_commits(step: Step) -> Step:
    """Return the delivery of a run whose branch has commits of earlier runs: it has a pull request
    for them although this run has changed nothing.
    """
    if step.payload.get("stage") != "git_delivery" or step.payload.get("changed") is not False:
        return step
    url = "https://github.com/{{ repo }}/pull/42"
    payload = {**step.payload, "changed": True, "pull_request_url": url}
    return replace(step, message="Pull request ready", payload=payload)


def _unordered(records: Sequence[Record]) -> Iterator[Record]:
    """Sort by time; those of the same time come in the order of a database that was not asked for
    one.
    """
    for _, same_time in groupby(
        sorted(records, key=lambda each: each.order[0]), key=lambda each: each.order[0]
    ):
        tied = list(same_time)
        turn = len(tied) - 2 % len(tied)
        yield from tied[turn:]
        yield from tied[:turn]


def _rest_of_setup(rest: tuple[Step, ...]) -> list[Step]:
    """Cancelled during set-up: its events still come, and the run is touched where the agent would
    start.
    """
    tail = []
    for step in rest:
        if step.event == "status_changed":
            tail.append(Step(step.at))
            break
        if step.event is not None:
            tail.append(step)
    return tail


def _failing_launch(rest: tuple[Step, ...]) -> list[Step]:
    """Cancelled while the sandbox is launched: the worker writes ``failed`` over ``cancelled`` when
    it is up.
    """
    launched = next((step.at for step in rest if step.status == "streaming"), None)
    if launched is None:
        return []
    return [
        Step(launched, status="failed", error=_NOT_PENDING, sandbox=True),
        Step(
            launched + 0.002,
            event="failed",
            message="External Mogplex run failed",
            payload={"error": _NOT_PENDING},
        ),
    ]
