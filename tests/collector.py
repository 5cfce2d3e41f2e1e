"""A collector of traces: an HTTP server that decodes requests by OpenTelemetry's own messages, and
misbehaves if a test wants that.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Self

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.waits import LONG


class Received(NamedTuple):
    """A request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class SpanSeen(NamedTuple):
    """A span as a collector reads it."""

    name: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    """The attributes of each event."""
    failed: bool
    trace: str
    id: str
    parent: str
    began: int
    ended: int


Handler = BaseHTTPRequestHandler
Behaviour = Callable[[Handler], None]


def accept(handler: Handler) -> None:
    """Take the trace."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-protobuf")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def accept_late(handler: Handler) -> None:
    """Take the trace after a second."""
    time.sleep(1)
    accept(handler)


def fail(handler: Handler) -> None:
    """Answer with an error of the server."""
    handler.send_error(500)


def hang(handler: Handler) -> None:
    """Take the connection, and answer nothing before the test has given up."""
    time.sleep(2 * LONG)


class Collector:
    """Listens while it is a context."""

    def __init__(self, behaviour: Behaviour = accept) -> None:
        self.received: list[Received] = []
        received = self.received

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a body waits 40 ms behind its headers

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(Received(self.path, dict(self.headers), body))
                self.close_connection = True
                try:
                    behaviour(self)
                except OSError:
                    return  # the step has left

            def log_message(self, *_arguments: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def resource(self) -> dict[str, Any]:
        """The attributes of the service that sent the only trace."""
        (sent,) = self._only().resource_spans
        return _plain(sent.resource.attributes)

    @property
    def schema(self) -> str:
        """The version of the conventions that the only trace names."""
        (sent,) = self._only().resource_spans
        return str(sent.scope_spans[0].schema_url)

    @property
    def spans(self) -> list[SpanSeen]:
        """The spans of the only trace, by their start; the step's is the first."""
        (sent,) = self._only().resource_spans
        spans = [
            SpanSeen(
                span.name,
                _plain(span.attributes),
                [{"name": event.name, **_plain(event.attributes)} for event in span.events],
                span.status.code == span.status.STATUS_CODE_ERROR,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
            )
            for scope in sent.scope_spans
            for span in scope.spans
        ]
        return sorted(spans, key=lambda span: span.began)

    def _only(self) -> Any:
        (request,) = self.received
        return ParseDict(_with_base64(json.loads(request.body)), ExportTraceServiceRequest())


def _with_base64(value: Any) -> Any:
    """Return OTLP's JSON as protobuf's: it writes ids in base64, and OTLP in hexadecimal."""
    if isinstance(value, list):
        return [_with_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: b64encode(bytes.fromhex(item)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else _with_base64(item)
        for name, item in value.items()
    }


def _plain(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes
    }
