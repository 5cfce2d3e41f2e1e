"""The step's trace for OpenTelemetry: a span for the step, each of its agent's runs and each gate.

A trace has names and figures only: no prompt, no text of the agent or the service, no path, no
token. ``report/otlp.py`` sends it.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, LiteralString

from mogplex_ci.models import Run
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.report.facts import EndingFacts, RunFacts, StepFacts
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.report.spans import (
    INVOKE_AGENT,
    TASK,
    TOOL_CALL,
    Attribute,
    AttributeValue,
    Span,
    SpanEvent,
)
from mogplex_ci.run.result import Gate, Result
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.run.updates import Ended, EventsArrived, GateJudged, Started, Update
from mogplex_ci.sanitize import SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import host_of
from mogplex_ci.waiting import NoThreadError, Stop, StopRequested, bounded

MAX_TOOL_CALLS: Final = 100
"""Tool calls of a run that are events of its span; all of them are counted."""
_SEND_SECONDS: Final = 2.0
_NOT_SAMPLED: Final = r"[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f][02468ace](?:-.*)?"
"""A ``TRACEPARENT`` whose last bit says that its trace is not recorded
(https://www.w3.org/TR/trace-context/#sampled-flag).
"""
_GRPC_PORT: Final = 4317
"""The port on which collectors take gRPC; HTTP has 4318."""
_OVER_HTTP: Final = ("http/protobuf", "http/json")
"""The protocols of the variables. Collectors take protobuf and JSON on one port."""


class _FollowedRun:
    """The facts of one agent run, from the updates."""

    def __init__(self, run: Run, began: int, *, joined: bool) -> None:
        self.run = run
        self.joined = joined
        self.began = began
        self.ended: int | None = None
        """None while it is followed."""
        self.events = 0
        self.calls: dict[ToolCall, int] = {}
        """The calls that have ended, with the time at which this step heard of that."""


class Traces(Report):
    """Sends a trace of the step when it has ended. The collector cannot change anything but one
    warning: sending is bounded.
    """

    title = "the trace"

    def __init__(
        self,
        endpoint: str,
        platform: Platform,
        matrix: Sequence[str],
        lines: LogLines,
        elapsed: Callable[[], float],
        stop: Stop,
    ) -> None:
        """``endpoint`` is the collector's address, ``matrix`` what the jobs of a matrix differ in,
        and ``elapsed`` returns the step's age in seconds.
        """
        self._host = host_of(endpoint)
        self._platform = platform
        self._matrix = matrix
        self._lines = lines
        self._safe = lines.safe
        self._elapsed = elapsed
        self._stop = stop
        self._began = time.time_ns() - round(elapsed() * 1e9)
        self._followed: list[_FollowedRun] = []
        """Each retry and round of ``repair`` is an agent run."""
        self._gates: list[Span] = []
        self._parts: list[Span] = []
        """The spans of the run, once it is over."""

    def on(self, update: Update) -> None:
        """Keep the facts that a run's span and the spans of its gates need."""
        runs = self._followed
        match update:
            case Started():
                self._end_last()
                runs.append(_FollowedRun(update.run, self._now(), joined=update.joined))
                # Loading the SDK takes 0.1 s and more: not before the run is started, and not in
                # the last seconds of a step that was stopped.
                import mogplex_ci.report.otlp  # noqa: F401  # loaded here, used in `end`
            case EventsArrived():
                runs[-1].run = update.run
                runs[-1].events += len(update.events)
                for addition in update.additions:
                    if isinstance(addition, ToolCall) and addition.finish is not None:
                        runs[-1].calls.setdefault(addition, self._now())
            case Ended():
                runs[-1].run = update.run
                self._end_last()
            case GateJudged():
                self._gates.append(self._gate_span(update.gate))

    def end_run(self, run: RunFacts) -> None:
        """Make the spans of the run, which is over."""
        self._end_last()
        self._parts = [*self._run_spans(run), *self._gates]

    def end(self, step: StepFacts) -> None:
        """Send the trace, and warn if that fails."""
        from mogplex_ci.report.otlp import Collector, send  # loads OpenTelemetry's SDK

        attributes = self._step_attributes(step)
        root = Span(TASK, self._began, self._now(), attributes, _error_of(step.ending))
        collector = Collector()
        if not self._was_sent(partial(send, root, self._parts, collector, self._platform.env)):
            host = Untrusted(self._host)
            template: LiteralString = "Could not send the trace to {}: {}"
            self._lines.warn("Traces", self._safe.line(template, host, collector.failure))

    def _was_sent(self, send: Callable[[], bool]) -> bool:
        """Return whether a trace was sent. A collector that takes too long is left to its
        thread.
        """
        try:
            if self._stop.requested:
                left = self._stop.left(self._platform.system.stop_seconds.all)
                return bounded(send, min(left, _SEND_SECONDS))
            with self._stop.interrupting():
                return bounded(send, _SEND_SECONDS)
        except (TimeoutError, NoThreadError, StopRequested):
            return False

    def _now(self) -> int:
        return self._began + round(self._elapsed() * 1e9)

    def _end_last(self) -> None:
        """End the newest run, unless it has ended."""
        if self._followed and self._followed[-1].ended is None:
            self._followed[-1].ended = self._now()

    def _gate_span(self, gate: Gate) -> Span:
        """Return the span of a gate: from the end of the run, or of the gate before, until now."""
        judged_run = self._followed[-1]
        began = judged_run.ended or judged_run.began
        if self._gates:
            began = max(began, self._gates[-1].ended)
        attributes: dict[str, AttributeValue] = {
            Attribute.GATE_NAME: gate.name,
            Attribute.GATE_PASSED: gate.passed,
            Attribute.RUN_ID: judged_run.run.id,
        }
        error = None if gate.passed else gate.error_code
        return Span(f"gate {gate.name}", began, self._now(), attributes, error)

    def _run_spans(self, run: RunFacts) -> Iterator[Span]:
        """Yield the span of each agent run of a step's run."""
        followed = self._followed
        repository = _repository(run.task.repo)
        for earlier in followed[:-1]:
            error = None if earlier.run.status == "success" else earlier.run.status
            yield self._run_span(earlier, repository, error)
        # The agent has done its part of a run that gates rejected.
        error = _error_of(run.ending)
        if run.ending.result is Result.REJECTED:
            error = None
        result: dict[str, AttributeValue] = {Attribute.RESULT: run.ending.result.value}
        if followed:
            yield self._run_span(followed[-1], repository | result, error)
        elif run.ending.result is not Result.SKIPPED:
            attributes = _invoke_agent() | repository | result
            yield Span(INVOKE_AGENT, self._began, self._now(), attributes, error, is_remote=True)

    def _run_span(
        self, followed: _FollowedRun, more: dict[str, AttributeValue], error: str | None
    ) -> Span:
        """Return the span of an agent run, with ``more`` attributes."""
        run = followed.run
        harness = self._safe.identifier(run.harness)
        attributes = _invoke_agent() | _known(
            {
                Attribute.AGENT_NAME: harness,
                Attribute.AGENT_ID: self._safe.identifier(run.agent_id),
                Attribute.RUN_ID: self._safe.identifier(run.id),
                Attribute.RUN_STATUS: self._safe.identifier(run.status),
                Attribute.RUN_JOINED: followed.joined,
                Attribute.RUN_EVENTS: followed.events,
                Attribute.TOOL_CALLS: len(followed.calls),
            }
        )
        calls = list(followed.calls.items())[:MAX_TOOL_CALLS]
        return Span(
            f"{INVOKE_AGENT} {harness}" if harness else INVOKE_AGENT,
            followed.began,
            followed.ended or followed.began,
            attributes | more,
            error,
            tuple(_tool_event(call, at, self._safe) for call, at in calls),
            is_remote=True,
        )

    def _step_attributes(self, step: StepFacts) -> dict[str, AttributeValue]:
        ending = step.ending
        run = step.run
        attributes: dict[str, AttributeValue | None] = {
            Attribute.TASK_NAME: TASK,
            Attribute.TASK_RUN_ID: _task_run_id(self._platform, self._matrix),
            Attribute.TASK_RESULT: ending.result.row.task_result,
            Attribute.TASK_URL: self._safe.url(self._platform.job_url),
            Attribute.EXIT_CODE: ending.exit_code,
            Attribute.RESULT: ending.result.value,
            Attribute.ERROR_CODE: ending.error_code,
        }
        if run is not None:
            attributes |= _repository(run.task.repo)
            attributes[Attribute.ROUNDS] = len(run.delivered.rounds) or None
        if run is not None and run.work is not None:
            attributes[Attribute.RUN_ID] = run.work.run_id
            attributes[Attribute.AGENT_NAME] = run.work.harness
        return _known(attributes)


def reason_for_no_trace(env: Mapping[str, str]) -> LiteralString | None:
    """Return why no trace is sent, by the variables of OpenTelemetry; None if one is."""
    exporters = env.get("OTEL_TRACES_EXPORTER", "")
    if exporters and "otlp" not in map(str.strip, exporters.split(",")):
        return "OTEL_TRACES_EXPORTER does not name otlp"
    if re.fullmatch(_NOT_SAMPLED, env.get("TRACEPARENT", "").strip()):
        return "TRACEPARENT is not sampled"
    return None


def fault_of(endpoint: str, env: Mapping[str, str]) -> LiteralString | None:
    """Return why no trace can be sent to ``endpoint``, in which ``{}`` stands for the name of its
    variable; None if one can.
    """
    if not host_of(endpoint):
        return "No trace is sent: {} is not an address such as http://collector:4318"
    if _needs_grpc(endpoint, env):
        return (
            "No trace is sent: this step sends OTLP over HTTP only. Set OTEL_EXPORTER_OTLP_PROTOCOL "
            "to http/protobuf, and {} to the collector's address for HTTP, often with port 4318"
        )
    return None


def _needs_grpc(endpoint: str, env: Mapping[str, str]) -> bool:
    """Whether the variables of OpenTelemetry ask for a protocol other than HTTP."""
    of_all = env.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or of_all
    if protocol:
        return protocol.strip() not in _OVER_HTTP
    return host_of(endpoint).endswith(f":{_GRPC_PORT}")


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    """Return the attributes that have a value."""
    return {name: value for name, value in attributes.items() if value is not None}


def _invoke_agent() -> dict[str, AttributeValue]:
    return {Attribute.OPERATION: INVOKE_AGENT, Attribute.PROVIDER: "mogplex"}


def _repository(repo: SafeText | None) -> dict[str, AttributeValue]:
    """Return the attributes of ``owner/name``."""
    if repo is None:
        return {}
    owner, _, name = repo.partition("/")
    return {Attribute.OWNER: owner, Attribute.REPOSITORY: name}


def _tool_event(call: ToolCall, at: int, safe: Sanitizer) -> SpanEvent:
    attributes: dict[str, AttributeValue | None] = {
        Attribute.TOOL_NAME: safe.identifier(call.name) or "other",
        Attribute.TOOL_SECONDS: call.seconds,
        Attribute.TOOL_FAILED: call.failed,
    }
    return SpanEvent(TOOL_CALL, at, _known(attributes))


def _error_of(ending: EndingFacts) -> str | None:
    if ending.exit_code == 0:
        return None
    return ending.error_code or ending.result.value


def _task_run_id(platform: Platform, matrix: Sequence[str]) -> str | None:
    """Return an id that only this attempt of this step has, made from the names that the CI system
    and its inputs give it; None if the system gives none.
    """
    identity = platform.identity()
    if identity is None:
        return None
    names = json.dumps([*identity.parts, *matrix, platform.key_suffix, identity.attempt])
    return hashlib.sha256(names.encode()).hexdigest()[:16]
