"""The step's trace for OpenTelemetry, made of its finished facts and posted as OTLP's JSON, by the
standard variables.

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
from typing import Final, LiteralString
from urllib.parse import unquote

from mogplex_ci import __version__
from mogplex_ci.api.transport import failure_of
from mogplex_ci.platforms.base import Platform
from mogplex_ci.report import Report
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.run.result import Result
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
_INTERNAL: Final = 1
_CLIENT: Final = 3
_ERROR: Final = 2
_PARENT: Final = r"[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?"
"""A ``TRACEPARENT`` (https://www.w3.org/TR/trace-context/#traceparent-header)."""
Attributes = Mapping[str, str | bool | int | float | None]
Span = dict[str, object]


class Traces(Report):
    """Sends the trace when the step has ended. A bad collector is one warning."""

    title = "the trace"

    def __init__(
        self, platform: Platform, matrix: Sequence[str], lines: LogLines, stop: Stop
    ) -> None:
        """``matrix`` is what the jobs of a matrix differ in."""
        self._platform = platform
        self._matrix = matrix
        self._lines = lines
        self._stop = stop

    def end(self, facts: Facts) -> None:
        """Send the trace, and warn if that fails. A collector that takes too long is left to its
        thread.
        """
        env = self._platform.env
        body = trace_of(facts, self._platform, self._matrix, self._lines.safe)
        failure = "it did not respond in time"
        try:
            if self._stop.requested:
                left = self._stop.left(self._platform.system.stop_seconds.all)
                failure = bounded(partial(_post, body, env), min(left, _SEND_SECONDS))
            else:
                with self._stop.interrupting():
                    failure = bounded(partial(_post, body, env), _SEND_SECONDS)
        except (TimeoutError, StopRequested):
            pass
        if failure:
            template: LiteralString = "Could not send the trace to {}: {}"
            host = Untrusted(host_of(_endpoint(env)))
            self._lines.warn("Traces", self._lines.safe.line(template, host, failure))


def reason_for_no_trace(env: Mapping[str, str]) -> LiteralString | None:
    """Return why no trace is sent, by the variables of OpenTelemetry; None if one is."""
    exporters = env.get("OTEL_TRACES_EXPORTER", "")
    if exporters and "otlp" not in map(str.strip, exporters.split(",")):
        return "OTEL_TRACES_EXPORTER does not name otlp"
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", "").strip())
    if parent is not None and int(parent[3], 16) % 2 == 0:
        return "TRACEPARENT is not sampled"
    return None


def fault_of(env: Mapping[str, str]) -> LiteralString | None:
    """Return why no trace can be sent, in which ``{}`` stands for the variable with the address;
    None if one can.
    """
    host = host_of(_endpoint(env))
    if not host:
        return "No trace is sent: {} is not an address such as http://collector:4318"
    protocol = _variable(env, "PROTOCOL").strip()
    if protocol == "grpc" or (not protocol and host.endswith(":4317")):
        return (
            "No trace is sent: this step sends OTLP over HTTP only. Set OTEL_EXPORTER_OTLP_PROTOCOL "
            "to http/json, and {} to the collector's address for HTTP, often with port 4318"
        )
    return None


def trace_of(
    step: Facts, platform: Platform, matrix: Sequence[str], safe: Sanitizer
) -> dict[str, object]:
    """Return the trace as OTLP's JSON: a span for the step, below it one for its run and one for
    each gate.
    """
    ended = time.time_ns()
    began = ended - round(step.ending.duration * 1e9)
    parent = re.fullmatch(_PARENT, platform.env.get("TRACEPARENT", "").strip())
    root: Span = {"traceId": parent[1] if parent else secrets.token_hex(16)}
    if parent is not None:
        root |= {"parentSpanId": parent[2], "traceState": platform.env.get("TRACESTATE", "")}
    root |= _span("mogplex", began, ended, _of_step(step, platform, matrix), _error_of(step))
    below: Span = {"traceId": root["traceId"], "parentSpanId": root["spanId"]}
    spans = [root]
    run_ended = ended
    if step.work is not None:
        run_began = began
        if step.timeline.started is not None:
            run_began = max(began, round(step.timeline.started.timestamp() * 1e9))
        run_ended = min(max(run_began, run_began + round(step.timeline.last * 1e9)), ended)
        run_began = min(run_began, run_ended)
        # The agent has done its part of a run that gates rejected.
        error = None if step.ending.result is Result.REJECTED else _error_of(step)
        name = f"invoke_agent {step.work.harness}" if step.work.harness else "invoke_agent"
        run = _span(name, run_began, run_ended, _of_run(step), error, kind=_CLIENT)
        events = _tool_calls(step, run_began, run_ended, safe)
        spans.append(below | run | {"events": events})
    for gate in step.delivered.gates:
        attributes: Attributes = {
            "mogplex.gate.name": gate.name,
            "mogplex.gate.passed": gate.passed,
            "mogplex.run.id": step.work and step.work.run_id,
        }
        spans.append(
            below | _span(f"gate {gate.name}", run_ended, ended, attributes, gate.error_code)
        )
    scope = {"name": "mogplex_ci", "version": __version__}
    resource = {"attributes": _resource(platform.env)}
    of_scope = {"scope": scope, "spans": spans, "schemaUrl": CONVENTIONS}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [of_scope]}]}


def _span(
    name: str,
    began: int,
    ended: int,
    attributes: Attributes,
    error: str | None,
    kind: int = _INTERNAL,
) -> Span:
    """Return a span from ``began`` to ``ended``, in nanoseconds since 1970."""
    span: Span = {
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "attributes": _attributes({**attributes, "error.type": error}),
    }
    return span | ({"status": {"code": _ERROR}} if error is not None else {})


def _attributes(values: Attributes) -> list[dict[str, object]]:
    """Return the attributes that have a value, as OTLP writes them."""
    found: list[dict[str, object]] = []
    for name, value in values.items():
        match value:
            case None:
                continue
            case bool():
                typed: dict[str, object] = {"boolValue": value}
            case int():
                typed = {"intValue": str(value)}
            case float():
                typed = {"doubleValue": value}
            case _:
                typed = {"stringValue": str(value)}
        found.append({"key": name, "value": typed})
    return found


def _of_step(step: Facts, platform: Platform, matrix: Sequence[str]) -> Attributes:
    identity = platform.identity()
    task_run_id = None
    if identity is not None:
        # Only this attempt of this step has it.
        names = json.dumps([*identity.parts, *matrix, platform.key_suffix, identity.attempt])
        task_run_id = hashlib.sha256(names.encode()).hexdigest()[:16]
    return {
        "cicd.pipeline.task.name": "mogplex",
        "cicd.pipeline.task.run.id": task_run_id,
        "cicd.pipeline.task.run.result": step.ending.result.task_result,
        "cicd.pipeline.task.run.url.full": platform.job_url,
        "process.exit.code": step.ending.exit_code,
        "mogplex.error_code": step.ending.error_code,
        "mogplex.rounds": len(step.delivered.rounds) or None,
        **_of_both(step),
    }


def _of_run(step: Facts) -> Attributes:
    work = step.work
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "mogplex",
        "mogplex.run.status": work and work.status,
        "mogplex.run.joined": work and work.joined,
        "mogplex.run.events": step.timeline.event_count,
        "mogplex.run.tool_calls": len(step.timeline.calls),
        **_of_both(step),
    }


def _of_both(step: Facts) -> Attributes:
    owner, _, name = (step.task.repo or "").partition("/")
    return {
        "mogplex.result": step.ending.result.value,
        "mogplex.run.id": step.work and step.work.run_id,
        "gen_ai.agent.name": step.work and step.work.harness,
        "vcs.owner.name": owner or None,
        "vcs.repository.name": name or None,
    }


def _tool_calls(step: Facts, began: int, ended: int, safe: Sanitizer) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    for call in step.timeline.calls[:MAX_TOOL_CALLS]:
        at = began + round((call.at if call.ended is None else call.ended) * 1e9)
        attributes = {
            "gen_ai.tool.name": safe.identifier(call.name) or "other",
            "mogplex.tool.duration": call.seconds,
            "mogplex.tool.failed": call.failed,
        }
        events.append(
            {
                "name": "mogplex.tool_call",
                "timeUnixNano": str(min(at, ended)),
                "attributes": _attributes(attributes),
            }
        )
    return events


def _error_of(step: Facts) -> str | None:
    if step.ending.exit_code == 0:
        return None
    return step.ending.error_code or step.ending.result.value


def _resource(env: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the environment's description of this service."""
    named = {"service.name": env.get("OTEL_SERVICE_NAME") or "mogplex-run-action"}
    return _attributes(
        {"service.name": "", **_pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", "")), **named}
    )


def _pairs(text: str) -> dict[str, str]:
    """Return ``a=1,b=2`` of a variable, whose values are encoded like URLs."""
    pairs = (item.split("=", 1) for item in text.split(",") if "=" in item)
    return {name.strip(): unquote(value.strip()) for name, value in pairs}


def _variable(env: Mapping[str, str], name: str) -> str:
    """Return a variable of the exporter, first the one for traces alone."""
    of_traces = env.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}")
    return of_traces or env.get(f"OTEL_EXPORTER_OTLP_{name}") or ""


def _endpoint(env: Mapping[str, str]) -> str:
    """Return the collector's address for traces."""
    of_traces = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return of_traces or env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/") + "/v1/traces"


def _post(body: object, env: Mapping[str, str]) -> str:
    """Post a trace; return why that failed, in our words, empty if it did not. No response is read:
    a collector may send one of any size, at any pace.
    """
    url = _endpoint(env)
    headers = {"Content-Type": "application/json", **_pairs(_variable(env, "HEADERS"))}
    key = _variable(env, "CLIENT_KEY")
    certificate = _variable(env, "CLIENT_CERTIFICATE")
    session = requests.Session()
    session.auth = lambda request: request  # else requests puts a `.netrc` before the headers
    try:
        response = session.post(
            url,
            json.dumps(body),
            headers=headers,
            verify=_variable(env, "CERTIFICATE") or None,
            cert=(certificate, key) if certificate and key else certificate or None,
            allow_redirects=False,
            stream=True,
            timeout=_SEND_SECONDS,
        )
    except requests.Timeout:
        return "it did not respond in time"
    except ValueError:  # requests has no other type for a URL or header that is malformed
        return "the address of the collector or OTEL_EXPORTER_OTLP_HEADERS is malformed"
    except OSError as error:
        return failure_of(error, host_of(url), None).cause
    response.close()
    is_web_page = response.headers.get("Content-Type", "").lower().startswith("text/html")
    if response.status_code >= 400:
        return f"it responded with status {response.status_code}"
    if response.status_code >= 300 or is_web_page:
        return "it responded with a web page or a redirect, as no collector does"
    return ""
