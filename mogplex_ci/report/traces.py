"""The step's trace for OpenTelemetry, made of its finished facts and posted as OTLP's JSON, by the
standard variables.

A trace has names and figures only: no prompt, no text of the agent or the service, no path, no
token. ``docs/traces.md`` names its attributes. The form:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, LiteralString
from urllib.parse import unquote

from mogplex_ci import __version__
from mogplex_ci.api.transport import failure_of
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run.result import Result
from mogplex_ci.run.timeline import ToolCall
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import host_of
from mogplex_ci.waiting import Stop, bounded

import requests  # isort: skip  # the transport loads it without the parts that it can spare

CONVENTIONS: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions: spans of pipelines (``cicd.*``), agents (``gen_ai.*``)
and repositories (``vcs.*``).
"""
MAX_TOOL_CALLS: Final = 100
"""Tool calls that are events of the run's span; all of them are counted."""
_SEND_SECONDS: Final = 2.0
_PARENT: Final = r"\s*[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]([\da-f])(?:-.*)?\s*"
"""A ``TRACEPARENT`` (https://www.w3.org/TR/trace-context/#traceparent-header)."""
_TYPES: Final = {bool: "boolValue", int: "intValue", float: "doubleValue"}
"""How OTLP calls a value of each type; any other is a ``stringValue``."""
Json = dict[str, object]


def collector_of(env: Mapping[str, str]) -> str | None:
    """Return the collector's address for traces; None if the variables ask for no trace."""
    of_all = env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    url = of_all and of_all.rstrip("/") + "/v1/traces"
    exporters = env.get("OTEL_TRACES_EXPORTER") or "otlp"
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", ""))
    is_sampled = parent is None or int(parent[3], 16) % 2 == 1
    is_disabled = env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or not is_sampled or "otlp" not in map(str.strip, exporters.split(",")):
        return None
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or url or None


def send(url: str, lines: LogLines, stop: Stop, step: Facts) -> None:
    """Send the trace of a finished step to a collector, and warn if that fails. One that takes too
    long is left to its thread.
    """
    platform = lines.platform
    trace = trace_of(step, platform.env, platform.job_url, lines.safe)
    seconds = min(_SEND_SECONDS, stop.left(platform.system.stop_seconds.all))
    try:
        failure = bounded(partial(_post, trace, url, platform.env), seconds)
    except TimeoutError:
        failure = "it did not respond in time"
    if failure:
        host = Untrusted(host_of(url))
        words: LiteralString = "Could not send the trace to {} over HTTP: {}"
        lines.warn("Traces", lines.safe.line(words, host, failure))


def trace_of(step: Facts, env: Mapping[str, str], job_url: str | None, safe: Sanitizer) -> Json:
    """Return the trace as OTLP's JSON: a span for the step, below it one for its run and one for
    each gate.
    """
    root = {"traceId": secrets.token_hex(16)}
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", ""))
    if parent is not None:
        root = {"traceId": parent[1], "parentSpanId": parent[2]}
        root["traceState"] = env.get("TRACESTATE", "")
    of_step, *others = _spans(step, job_url, safe)
    below = {"traceId": root["traceId"], "parentSpanId": of_step["spanId"]}
    service = env.get("OTEL_SERVICE_NAME") or "mogplex-run-action"
    resource = _pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", "")) | {"service.name": service}
    of_scope = {
        "scope": {"name": "mogplex_ci", "version": __version__},
        "spans": [of_step | root, *(span | below for span in others)],
        "schemaUrl": CONVENTIONS,
    }
    of_service = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [of_scope]}
    return {"resourceSpans": [of_service]}


def _spans(step: Facts, job_url: str | None, safe: Sanitizer) -> Iterator[Json]:
    """Yield the spans of the step, its run and each gate. Times are nanoseconds since 1970."""
    ended = time.time_ns()
    began = ended - round(step.ending.duration * 1e9)
    run_began = began
    if step.timeline.started is not None:
        run_began = min(max(began, round(step.timeline.started.timestamp() * 1e9)), ended)
    run_ended = min(run_began + round(step.timeline.last * 1e9), ended)
    owner, _, name = (step.task.repo or "").partition("/")
    about = {
        "mogplex.result": step.ending.result.value,
        "mogplex.run.id": step.work and step.work.run_id,
        "gen_ai.agent.name": step.work and step.work.harness,
        "vcs.owner.name": owner or None,
        "vcs.repository.name": name or None,
    }
    of_step = about | {
        "cicd.pipeline.task.name": "mogplex",
        "cicd.pipeline.task.run.id": secrets.token_hex(8),
        "cicd.pipeline.task.run.result": step.ending.result.task_result,
        "cicd.pipeline.task.run.url.full": job_url,
        "process.exit.code": step.ending.exit_code,
        "mogplex.error_code": step.ending.error_code,
        "mogplex.rounds": len(step.delivered.rounds) or None,
    }
    error = None if step.ending.exit_code == 0 else step.ending.error_code or step.ending.result
    yield _span("mogplex", began, ended, of_step, error)
    if step.work is not None:
        of_run = about | {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "mogplex",
            "mogplex.run.status": step.work.status,
            "mogplex.run.joined": step.work.joined,
            "mogplex.run.events": step.timeline.event_count,
            "mogplex.run.tool_calls": len(step.timeline.calls),
        }
        if step.ending.result is Result.REJECTED:
            error = None  # the agent has done its part
        name = f"invoke_agent {step.work.harness or ''}".strip()
        calls = step.timeline.calls[:MAX_TOOL_CALLS]
        events = [_tool_call(call, run_began, run_ended, safe) for call in calls]
        # Another service does the work, so it is the span of a client.
        run = {"kind": 3, "events": events}
        yield _span(name, run_began, run_ended, of_run, error) | run
    for gate in step.delivered.gates:
        of_gate = {"mogplex.gate.name": gate.name, "mogplex.gate.passed": gate.passed}
        of_gate["mogplex.run.id"] = about["mogplex.run.id"]
        yield _span(f"gate {gate.name}", run_ended, ended, of_gate, gate.error_code)


def _span(
    name: str, began: int, ended: int, attributes: Mapping[str, object], error: str | None
) -> Json:
    return {
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": 1,  # internal
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "attributes": _attributes({**attributes, "error.type": error}),
        "status": {"code": 0 if error is None else 2},
    }


def _tool_call(call: ToolCall, began: int, ended: int, safe: Sanitizer) -> Json:
    """Return a call as an event of its run, which lasted from ``began`` to ``ended``."""
    seconds = call.at if call.ended is None else call.ended
    attributes = {
        "gen_ai.tool.name": safe.identifier(call.name) or "other",
        "mogplex.tool.duration": call.seconds,
        "mogplex.tool.failed": call.state.failed,
    }
    return {
        "name": "mogplex.tool_call",
        "timeUnixNano": str(min(began + round(seconds * 1e9), ended)),
        "attributes": _attributes(attributes),
    }


def _attributes(values: Mapping[str, object]) -> list[Json]:
    """Return the attributes that have a value, as OTLP writes them."""
    return [
        {"key": name, "value": {_TYPES.get(type(value), "stringValue"): value}}
        for name, value in values.items()
        if value is not None
    ]


def _pairs(text: str) -> dict[str, str]:
    """Return ``a=1,b=2`` of a variable, whose values are encoded like URLs."""
    pairs = (item.split("=", 1) for item in text.split(",") if "=" in item)
    return {name.strip(): unquote(value.strip()) for name, value in pairs}


def _post(trace: Json, url: str, env: Mapping[str, str]) -> str:
    """Post a trace; return why that failed, in our words, empty if it did not. No response is read:
    a collector may send one of any size, at any pace.
    """
    of_all = env.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    headers = env.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or of_all
    for_all = env.get("OTEL_EXPORTER_OTLP_CERTIFICATE")
    certificate = env.get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE") or for_all
    session = requests.Session()
    session.auth = lambda request: request  # else requests puts a `.netrc` before the headers
    try:
        response = session.post(
            url,
            json.dumps(trace),
            headers={"Content-Type": "application/json"} | _pairs(headers),
            verify=certificate,
            allow_redirects=False,
            stream=True,
        )
    except ValueError:  # requests has no other type for a URL or header that is malformed
        return "its address or OTEL_EXPORTER_OTLP_HEADERS is malformed"
    except OSError as error:
        return failure_of(error, host_of(url), None).cause
    response.close()
    return "" if response.status_code < 300 else f"it responded with status {response.status_code}"
