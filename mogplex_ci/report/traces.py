"""The step's trace for OpenTelemetry: made of the finished facts, posted as OTLP's JSON, configured
by the standard variables.

A trace has names and figures only: no prompt, no text of the agent or the service, no path, no
token. ``docs/traces.md`` explains each attribute. The form:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import unquote

from mogplex_ci import __version__
from mogplex_ci.api.transport import failure_of
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report.delivered import GateFacts
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import host_of
from mogplex_ci.waiting import Stop, StopRequested, bounded

import requests  # isort: skip  # the transport loads it without the parts that it can spare

CONVENTIONS: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions: spans of pipelines (``cicd.*``), agents (``gen_ai.*``)
and repositories (``vcs.*``).
"""
MAX_TOOL_CALLS: Final = 100
"""Tool calls that are events of the run's span; all of them are counted."""
_SEND_SECONDS: Final = 2.0
_PARENT: Final = r"[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?"
"""A ``TRACEPARENT`` (https://www.w3.org/TR/trace-context/#traceparent-header)."""
_NEEDS_HTTP: Final = (
    "No trace is sent: this step sends OTLP over HTTP only. Set OTEL_EXPORTER_OTLP_PROTOCOL to "
    "http/json, and the endpoint to the collector's http address, often with port 4318"
)
_TYPES: Final = {bool: "boolValue", int: "intValue", float: "doubleValue"}
"""How OTLP calls a value of each type; any other is a ``stringValue``."""
_Json = dict[str, object]
_Attributes = Mapping[str, str | bool | int | float | None]


def is_wanted(lines: LogLines) -> bool:
    """Say where the trace will go, or why there is none, unless no variable asks for one; return
    whether there is one.
    """
    env = lines.platform.env
    host = host_of(_endpoint(env))
    exporters = env.get("OTEL_TRACES_EXPORTER") or "otlp"
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", "").strip())
    protocol = _variable(env, "PROTOCOL").strip()
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if "otlp" not in map(str.strip, exporters.split(",")):
        lines.say("No trace is sent: OTEL_TRACES_EXPORTER does not name otlp")
        return False
    if parent is not None and int(parent[3], 16) % 2 == 0:
        lines.say("No trace is sent: TRACEPARENT is not sampled")
        return False
    is_grpc = protocol == "grpc" or (not protocol and host.endswith(":4317"))
    if is_grpc or not host:
        lines.warn("Traces", lines.safe.line(_NEEDS_HTTP))
        return False
    lines.say("A trace of this step goes to ", Untrusted(host))
    return True


def send(step: Facts, matrix: Sequence[str], lines: LogLines, stop: Stop) -> None:
    """Send the trace of a finished step, and warn if that fails. ``matrix`` is what the jobs of a
    matrix differ in. A collector that takes too long is left to its thread.
    """
    env = lines.platform.env
    post = partial(_post, trace_of(step, lines.platform, matrix, lines.safe), env)
    failure = "it did not respond in time"
    try:
        if stop.requested:
            left = stop.left(lines.platform.system.stop_seconds.all)
            failure = bounded(post, min(left, _SEND_SECONDS))
        else:
            with stop.interrupting():
                failure = bounded(post, _SEND_SECONDS)
    except (TimeoutError, StopRequested):
        pass
    if failure:
        host = Untrusted(host_of(_endpoint(env)))
        lines.warn("Traces", lines.safe.line("Could not send the trace to {}: {}", host, failure))


def trace_of(step: Facts, platform: Platform, matrix: Sequence[str], safe: Sanitizer) -> _Json:
    """Return the trace as OTLP's JSON: a span for the step, below it one for its run and one for
    each gate.
    """
    env = platform.env
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", "").strip())
    ended = time.time_ns()
    began = ended - round(step.ending.duration * 1e9)
    error = None if step.ending.exit_code == 0 else step.ending.error_code or step.ending.result
    root = _span("mogplex", began, ended, _of_step(step, platform, matrix), error)
    trace: _Json = {"traceId": parent[1] if parent else secrets.token_hex(16)}
    below = trace | {"parentSpanId": root["spanId"]}
    if parent is not None:
        root |= {"parentSpanId": parent[2], "traceState": env.get("TRACESTATE", "")}
    spans = [trace | root]
    run_ended = began
    if step.work is not None:
        run, run_ended = _run(step, began, ended, error, safe)
        spans.append(below | run)
    for gate in step.delivered.gates:
        spans.append(below | _gate(gate, step, run_ended, ended))
    service = env.get("OTEL_SERVICE_NAME") or "mogplex-run-action"
    about = _pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", "")) | {"service.name": service}
    scope = {"name": "mogplex_ci", "version": __version__}
    scoped = {"scope": scope, "spans": spans, "schemaUrl": CONVENTIONS}
    resource = {"attributes": _attributes(about)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}


def _run(
    step: Facts, began: int, ended: int, error: str | None, safe: Sanitizer
) -> tuple[_Json, int]:
    """Return the span of the run of a step from ``began`` to ``ended``, and its end."""
    started = step.timeline.started
    at = began if started is None else round(started.timestamp() * 1e9)
    run_began = min(max(began, at), ended)
    run_ended = min(run_began + round(step.timeline.last * 1e9), ended)
    if step.ending.result is Result.REJECTED:  # the agent has done its part
        error = None
    harness = step.work and step.work.harness
    name = f"invoke_agent {harness or ''}".strip()
    run = _span(name, run_began, run_ended, _of_run(step), error)
    calls = step.timeline.calls[:MAX_TOOL_CALLS]
    run["kind"] = 3  # a client: another service has done the work
    run["events"] = [_tool_call(call, run_began, run_ended, safe) for call in calls]
    return run, run_ended


def _gate(gate: GateFacts, step: Facts, began: int, ended: int) -> _Json:
    attributes: _Attributes = {
        "mogplex.gate.name": gate.name,
        "mogplex.gate.passed": gate.passed,
        "mogplex.run.id": step.work and step.work.run_id,
    }
    return _span(f"gate {gate.name}", began, ended, attributes, gate.error_code)


def _span(name: str, began: int, ended: int, attributes: _Attributes, error: str | None) -> _Json:
    """Return a span; ``began`` and ``ended`` are in nanoseconds since 1970."""
    span: _Json = {
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "attributes": _attributes({**attributes, "error.type": error}),
    }
    return span | {"status": {"code": 2}} if error is not None else span


def _attributes(values: _Attributes) -> list[_Json]:
    """Return the attributes that have a value."""
    return [
        {"key": name, "value": {_TYPES.get(type(value), "stringValue"): value}}
        for name, value in values.items()
        if value is not None
    ]


def _of_step(step: Facts, platform: Platform, matrix: Sequence[str]) -> _Attributes:
    identity = platform.identity()
    task_run = None
    if identity is not None:  # only this attempt of this step has these names
        names = json.dumps([*identity.parts, *matrix, platform.key_suffix, identity.attempt])
        task_run = hashlib.sha256(names.encode()).hexdigest()[:16]
    return {
        "cicd.pipeline.task.name": "mogplex",
        "cicd.pipeline.task.run.id": task_run,
        "cicd.pipeline.task.run.result": step.ending.result.task_result,
        "cicd.pipeline.task.run.url.full": platform.job_url,
        "process.exit.code": step.ending.exit_code,
        "mogplex.error_code": step.ending.error_code,
        "mogplex.rounds": len(step.delivered.rounds) or None,
        **_of_both(step),
    }


def _of_run(step: Facts) -> _Attributes:
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "mogplex",
        "mogplex.run.status": step.work and step.work.status,
        "mogplex.run.joined": step.work and step.work.joined,
        "mogplex.run.events": step.timeline.event_count,
        "mogplex.run.tool_calls": len(step.timeline.calls),
        **_of_both(step),
    }


def _of_both(step: Facts) -> _Attributes:
    owner, _, name = (step.task.repo or "").partition("/")
    return {
        "mogplex.result": step.ending.result.value,
        "mogplex.run.id": step.work and step.work.run_id,
        "gen_ai.agent.name": step.work and step.work.harness,
        "vcs.owner.name": owner or None,
        "vcs.repository.name": name or None,
    }


def _tool_call(call: ToolCall, began: int, ended: int, safe: Sanitizer) -> _Json:
    """Return a call as an event of its run, which lasted from ``began`` to ``ended``."""
    seconds = call.at if call.ended is None else call.ended
    attributes: _Attributes = {
        "gen_ai.tool.name": safe.identifier(call.name) or "other",
        "mogplex.tool.duration": call.seconds,
        "mogplex.tool.failed": call.state.failed,
    }
    at = min(began + round(seconds * 1e9), ended)
    return {
        "name": "mogplex.tool_call",
        "timeUnixNano": str(at),
        "attributes": _attributes(attributes),
    }


def _pairs(text: str) -> dict[str, str]:
    """Return ``a=1,b=2`` of a variable, whose values are encoded like those of URLs."""
    pairs = (item.split("=", 1) for item in text.split(",") if "=" in item)
    return {name.strip(): unquote(value.strip()) for name, value in pairs}


def _variable(env: Mapping[str, str], name: str) -> str:
    """Return a variable of the exporter, first the one for traces alone."""
    of_traces = env.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}")
    return of_traces or env.get(f"OTEL_EXPORTER_OTLP_{name}", "")


def _endpoint(env: Mapping[str, str]) -> str:
    """Return the collector's address for traces."""
    of_all = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/") + "/v1/traces"
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or of_all


def _post(trace: _Json, env: Mapping[str, str]) -> str:
    """Post a trace; return why that failed, in our words, empty if it did not. No response is read:
    a collector may send one of any size, at any pace.
    """
    url = _endpoint(env)
    session = requests.Session()
    session.auth = lambda request: request  # else requests puts a `.netrc` before the headers
    try:
        response = session.post(
            url,
            json.dumps(trace),
            headers={"Content-Type": "application/json"} | _pairs(_variable(env, "HEADERS")),
            verify=_variable(env, "CERTIFICATE") or None,
            allow_redirects=False,
            stream=True,
        )
    except OSError as error:
        return failure_of(error, host_of(url), None).cause
    response.close()
    media_type = response.headers.get("Content-Type", "").lower()
    if response.status_code >= 300 or media_type.startswith("text/html"):
        return f"it responded with {response.status_code} {media_type}".strip()
    return ""
