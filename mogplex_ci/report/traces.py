"""The step's trace for OpenTelemetry, made of its finished facts and posted as OTLP's JSON, by the
standard variables.

A trace has names and figures only: no prompt, no text of the agent or the service, no path, no
token. ``docs/traces.md`` names its attributes. The form:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final, LiteralString
from urllib.parse import unquote

from mogplex_ci import __version__
from mogplex_ci.api.transport import failure_of
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.log_lines import LogLines
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
# Later versions of the header may have more fields at the end.
_PARENT: Final = r"\s*[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]([\da-f])(?:-.*)?\s*"
"""A ``TRACEPARENT`` (https://www.w3.org/TR/trace-context/#traceparent-header)."""
_TYPES: Final = {bool: "boolValue", int: "intValue", float: "doubleValue"}
"""How OTLP calls a value of each type; any other is a ``stringValue``."""


def collector_of(env: Mapping[str, str]) -> str:
    """Return the collector's address for traces; empty if the variables ask for no trace."""
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", ""))
    # The last bit of the flags; a collector would drop the spans of a trace that is not sampled.
    is_sampled = parent is None or int(parent[3], 16) % 2 == 1
    is_disabled = env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    # A list of names. The specification's default is otlp.
    exporters = env.get("OTEL_TRACES_EXPORTER") or "otlp"
    if is_disabled or not is_sampled or "otlp" not in exporters:
        return ""
    # The general variable has a base address; that of traces is taken as it stands.
    server = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (server and f"{server}/v1/traces")


def send(url: str, lines: LogLines, stop: Stop, run: Facts) -> None:
    """Send the trace of a finished step to a collector, and warn if that fails. One that takes too
    long is left to its thread. No response is read: it may have any size, and come at any pace.
    """
    env = lines.platform.env
    headers = env.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
    certificate = env.get("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE")
    post = partial(
        requests.post,
        url,
        json=trace_of(run, env, lines.platform.job_url, lines.safe),
        headers=_pairs(headers or env.get("OTEL_EXPORTER_OTLP_HEADERS", "")),
        verify=certificate or env.get("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        auth=lambda request: request,  # else requests puts a `.netrc` before the headers
        allow_redirects=False,
        stream=True,
    )
    seconds = min(_SEND_SECONDS, stop.left(lines.platform.system.stop_seconds.all))
    try:
        status = bounded(post, seconds).status_code
        fault = f"it responded with status {status}" if status >= 300 else ""
    except TimeoutError:
        fault = "it did not respond in time"
    # Before OSError, which it is as well: requests has no other type for a malformed URL or header.
    except ValueError:
        fault = "its address or OTEL_EXPORTER_OTLP_HEADERS is malformed"
    except OSError as error:
        fault = failure_of(error, host_of(url), None).cause
    if fault:
        words: LiteralString = "Could not send the trace to {} over HTTP: {}"
        lines.warn("Traces", lines.safe.line(words, Untrusted(host_of(url)), fault))


def trace_of(
    run: Facts, env: Mapping[str, str], job_url: str | None, safe: Sanitizer
) -> dict[str, object]:
    """Return the trace as OTLP's JSON. The step's span is below that of ``TRACEPARENT``."""
    parent = re.fullmatch(_PARENT, env.get("TRACEPARENT", ""))
    trace_id, parent_id = parent.group(1, 2) if parent else (secrets.token_hex(16), "")
    step, *others = _spans(run, job_url, safe)
    below = {"traceId": trace_id, "parentSpanId": step["spanId"]}
    step |= {"traceId": trace_id, "parentSpanId": parent_id}
    resource = {
        **_pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        "service.name": env.get("OTEL_SERVICE_NAME") or "mogplex-run-action",
    }
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {
                        "scope": {"name": "mogplex_ci", "version": __version__},
                        "spans": [step, *(span | below for span in others)],
                        "schemaUrl": CONVENTIONS,
                    }
                ],
            }
        ]
    }


def _spans(run: Facts, job_url: str | None, safe: Sanitizer) -> Iterator[dict[str, object]]:
    """Yield the spans of the step, its run and each gate. Times are nanoseconds since 1970."""
    ended = time.time_ns()
    began = ended - round(run.duration * 1e9)
    started = run.timeline.started
    run_began = began if started is None else round(started.timestamp() * 1e9)
    run_began = min(max(began, run_began), ended)  # the service's clock may differ from ours
    run_ended = min(run_began + round(run.timeline.last * 1e9), ended)
    error = None if run.exit_code == 0 else run.error_code or run.result.value
    owner, _, name = (run.repo or "").partition("/")
    about = {
        "mogplex.result": run.result.value,
        "mogplex.run.id": run.run_id,
        "gen_ai.agent.name": run.harness,
        "vcs.owner.name": owner or None,
        "vcs.repository.name": name or None,
    }
    yield _span(
        "mogplex",
        began,
        ended,
        error,
        about
        | {
            "cicd.pipeline.task.name": "mogplex",
            "cicd.pipeline.task.run.id": secrets.token_hex(8),
            "cicd.pipeline.task.run.result": run.result.task_result,
            "cicd.pipeline.task.run.url.full": job_url,
            "process.exit.code": run.exit_code,
            "mogplex.error_code": run.error_code,
            "mogplex.rounds": len(run.rounds) or None,
        },
    )
    if run.has_run:
        calls = run.timeline.calls[:MAX_TOOL_CALLS]
        yield _span(
            f"invoke_agent {run.harness or ''}".strip(),
            run_began,
            run_ended,
            None if run.status == "success" else error,  # a rejected run has done its part
            about
            | {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "mogplex",
                "mogplex.run.status": run.status,
                "mogplex.run.joined": run.joined,
                "mogplex.run.events": run.timeline.event_count,
                "mogplex.run.tool_calls": len(run.timeline.calls),
            },
            kind=3,  # another service does the work, so it is the span of a client
            events=[_tool_call(call, run_began, run_ended, safe) for call in calls],
        )
    for gate in run.gates:
        yield _span(
            f"gate {gate.name}",
            run_ended,
            ended,
            gate.error_code,
            {
                "mogplex.gate.name": gate.name,
                "mogplex.gate.passed": gate.passed,
                "mogplex.run.id": run.run_id,
            },
        )


def _span(
    name: str,
    began: int,
    ended: int,
    error: str | None,
    attributes: Mapping[str, object],
    kind: int = 1,  # internal
    events: Sequence[object] = (),
) -> dict[str, object]:
    return {
        "spanId": secrets.token_hex(8),
        "name": name,
        "kind": kind,
        # JSON has no 64-bit numbers: OTLP writes them as text.
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "attributes": _attributes({**attributes, "error.type": error}),
        "events": events,
        # OTLP's numbers of "unset" and "error"; "ok" is for people to set.
        "status": {"code": 0 if error is None else 2},
    }


def _tool_call(call: ToolCall, began: int, ended: int, safe: Sanitizer) -> dict[str, object]:
    """Return a call as an event of its run, which lasted from ``began`` to ``ended``."""
    seconds = call.at if call.ended is None else call.ended
    return {
        "name": "mogplex.tool_call",
        "timeUnixNano": str(min(began + round(seconds * 1e9), ended)),
        "attributes": _attributes(
            {
                "gen_ai.tool.name": safe.identifier(call.name) or "other",
                "mogplex.tool.duration": call.seconds,
                "mogplex.tool.failed": call.state.failed,
            }
        ),
    }


def _attributes(values: Mapping[str, object]) -> list[dict[str, object]]:
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
