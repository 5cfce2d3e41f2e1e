"""Sends a trace by OTLP over HTTP, by the standard variables of OpenTelemetry.

Nothing loads this module unless a trace is sent: OpenTelemetry's SDK takes 0.1 s and more.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from mogplex_ci import __version__
from mogplex_ci.api.transport import (
    failure_of,
)  # loads requests without the parts that it can spare
from mogplex_ci.report.spans import CONVENTIONS, SERVICE, Attribute, Span
from mogplex_ci.urls import host_of

import requests  # isort: skip
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context

_UNNAMED: Final = "unknown_service"
"""How the SDK names a service that the environment does not name."""

# Its warnings would be printed into the job log; one of ours says what failed.
logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
logging.getLogger("opentelemetry").propagate = False


def send(root: Span, parts: Sequence[Span], collector: Collector, env: Mapping[str, str]) -> bool:
    """Send a trace, the span of a step and those below it. Return whether the collector took it, or
    the sampler does not want it. May take as long as the collector wants.
    """
    recorded = InMemorySpanExporter()
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(recorded))
    tracer = provider.get_tracer("mogplex_ci", __version__, CONVENTIONS)
    carrier = {name.lower(): env.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
    parent = TraceContextTextMapPropagator().extract(carrier)
    step = _started(tracer, root, parent)
    for part in parts:
        _started(tracer, part, set_span_in_context(step)).end(part.ended)
    step.end(root.ended)
    spans = recorded.get_finished_spans()
    if not spans:
        return True
    return OTLPSpanExporter(session=collector).export(spans) is SpanExportResult.SUCCESS


def _resource() -> Resource:
    """Return the environment's description of this service."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith(_UNNAMED):
        return resource.merge(Resource({SERVICE_NAME: SERVICE}))
    return resource


def _started(tracer: Tracer, span: Span, parent: Context) -> SdkSpan:
    """Return a span of the SDK that has not ended."""
    kind = SpanKind.CLIENT if span.is_remote else SpanKind.INTERNAL
    attributes = dict(span.attributes)
    started = tracer.start_span(span.name, parent, kind, attributes, start_time=span.began)
    for event in span.events:
        started.add_event(event.name, dict(event.attributes), event.at)
    if span.error is not None:
        started.set_attribute(Attribute.ERROR_TYPE, span.error)
        started.set_status(Status(StatusCode.ERROR))
    return started


class Collector(requests.Session):
    """Connects to the collector, and remembers why it did not take a trace.

    No body is read: a collector may send one of any size, at any pace.
    """

    def __init__(self) -> None:
        super().__init__()
        self.auth = lambda request: request  # else requests puts a `.netrc` before the headers
        self.failure = "it did not respond in time"
        """In our words; the SDK tries again after some failures."""

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """Send the trace.

        Raises:
            OSError: there is no collector at this address.
        """
        try:
            response = super().request(*args, **{**options, "stream": True})
        except requests.Timeout:
            raise
        except ValueError:  # requests has no other type for a URL or header that is malformed
            self.failure = "the address of the collector or OTEL_EXPORTER_OTLP_HEADERS is malformed"
            raise
        except OSError as error:
            self.failure = failure_of(error, host_of(options["url"]), None).cause
            raise
        response.close()
        media_type = response.headers.get("Content-Type", "").lower()
        is_web_page = media_type.startswith("text/html")
        if response.status_code >= 400:
            self.failure = f"it responded with status {response.status_code}"
        elif response.status_code >= 300 or is_web_page:
            # The SDK takes it for success.
            self.failure = "it responded with a web page or a redirect, as no collector does"
            raise requests.RequestException
        return response
