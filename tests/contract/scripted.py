"""A service that answers what a case of ``client.yaml`` says, byte for byte, and knows nothing of
the emulator.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.virtual_time import VirtualTime

TOKEN = "mog_" + "x" * 32
REPO = {
    "id": "071ca222-7754-4058-a7aa-3ef9748ed59e",
    "full_name": "acme/web",
    "installation_id": 12345678,
    "default_branch": "main",
    "root_directory": None,
}
RUN_ID = "77be5cd4-f4cd-43a4-af75-dca84193fc9c"
RUN = {
    "runId": RUN_ID,
    "aiCallId": "05ba72b0-875a-470c-a17a-1bd6952fc778",
    "sandboxRecordId": None,
    "sandboxId": None,
    "worktreeId": None,
    "repoId": REPO["id"],
    "harness": "codex",
    "status": "pending",
    "branch": {
        "base": "main",
        "working": "mogplex/external/1f0c9a3e-77b2d4c1",
        "createBranch": True,
    },
    "rootDirectory": None,
    "agentId": None,
    "mode": None,
    "eventsUrl": f"/api/v1/mogplex/runs/{RUN_ID}/events",
    "cancelUrl": f"/api/v1/mogplex/runs/{RUN_ID}/cancel",
    "createdAt": "2026-11-20T09:14:00.012044+00:00",
    "updatedAt": "2026-11-20T09:14:41.870112+00:00",
    "error": None,
    "runtime": {"provider": "trigger", "runId": "run_06f1h2w3j4k5m6n7p8q9r"},
    "terminalCommitSha": None,
}
"""As the newest service has it, in its order."""
_NEWER_KEYS = ("worktreeId", "agentId", "mode", "terminalCommitSha")
_PAGE = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head><body></body></html>"
_BEGAN = datetime(2026, 11, 20, 9, 14, 0, 14207, UTC)


@dataclass(frozen=True)
class Request:
    """One request, and when it came."""

    route: str
    time: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedService:
    """Answers each route with what ``script`` has for it, one after the other, and the last for
    ever.

    It has what ``tests.faults.world.World`` needs of a service.
    """

    token = TOKEN

    def __init__(self, script: dict[str, Any]) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.connections = 0
        self._script = {route: list(_each(script.get(route))) for route in _ROUTES}
        self._events = [
            event for answer in self._script["stream"] for event in answer.get("events", [])
        ]

    def clear_faults(self) -> None:
        """Nothing to forget: a service plays one case."""

    def reply(self, request: Request) -> Any:
        """Return the answer in the words of the script."""
        self.requests.append(request)
        answers = self._script[request.route]
        return answers.pop(0) if len(answers) > 1 else answers[0] if answers else None

    def bytes_of(self, route: str, answer: Any) -> bytes:
        """Return what is sent."""
        if isinstance(answer, dict) and "raw" in answer:
            return str(answer["raw"]).replace("\n", "\r\n").replace("$", "\n").encode()
        if isinstance(answer, dict) and "http" in answer:
            return _plain(**answer)
        if route == "stream":
            return _stream(answer) if answer else _plain(404, html=_PAGE)
        return _plain(202 if route == "start" else 200, data=self._data(route, answer))

    def _data(self, route: str, answer: Any) -> Any:
        if route == "repos":
            return {"repos": [REPO] if answer is None else answer}
        if route == "start":
            given = answer or {}
            return run_object(given) | {
                "replayed": isinstance(given, dict) and given.get("replayed", False)
            }
        if route == "events":
            last = self._script["run"][0] if self._script["run"] else "success"
            given = answer if isinstance(answer, dict) else {}
            events = [
                event_object(*event) for event in _numbered(given.get("events", self._events))
            ]
            return {"run": run_object(given.get("run", last)), "events": events}
        if route == "cancel":
            given = {"run": "cancelled", "status": "cancelled", "alreadyTerminal": False} | (
                answer or {}
            )
            return given | {"run": run_object(given["run"])}
        return {"run": run_object(answer)} if route == "run" else answer


_ROUTES = ("repos", "start", "run", "events", "stream", "cancel", "artifact")


def _each(answers: Any) -> list[Any]:
    return answers if isinstance(answers, list) else [] if answers is None else [answers]


def _route_of(path: str) -> str:
    parts = path.partition("?")[0].removeprefix("/api/v1/mogplex/").split("/")
    if parts[0] == "runs":
        return "start" if len(parts) == 1 else "run" if len(parts) == 2 else parts[-1]
    return parts[0]


def run_object(given: Any) -> dict[str, Any]:
    """Return a run object: ``given`` is a status, or the keys that differ. ``old: true`` is one of
    the older server.
    """
    changes = dict(given) if isinstance(given, dict) else {"status": given}
    kept = {
        key: value for key, value in RUN.items() if not (changes.get("old") and key in _NEWER_KEYS)
    }
    changes.pop("old", None)
    changes.pop("replayed", None)
    return kept | changes


def event_object(
    number: int, kind: str, message: Any = None, payload: Any = None, *more: Any
) -> dict[str, Any]:
    """Return an event: its number makes its id and its time in seconds; ``more``: another time, the
    tool's name.
    """
    at = more[0] if more and more[0] is not None else number
    return {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "type": kind,
        "toolName": more[1] if len(more) > 1 else None,
        "message": message,
        "payload": {} if payload is None else payload,
        "createdAt": at if isinstance(at, str) else (_BEGAN + timedelta(seconds=at)).isoformat(),
    }


def _numbered(events: Any) -> list[list[Any]]:
    """Return the events that are listed, or those with the numbers ``from`` to ``to``; number 1 is
    the acceptance.
    """
    if isinstance(events, list):
        return events
    numbers = range(events["from"], events["to"] + 1)
    return [
        [1, "started", None, {"external_run_id": RUN_ID}] if at == 1 else [at, "log"]
        for at in numbers
    ]


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(
    http: int,
    *,
    data: Any = None,
    error: tuple[str, str] | None = None,
    html: str | None = None,
    text: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return a whole answer: the envelope with ``data`` or with code and message of ``error``, a
    page, or a text.
    """
    media_type, body = "application/json", _compact({"ok": True, "data": data})
    if error is not None:
        body = _compact({"ok": False, "error": {"code": error[0], "message": error[1]}})
    if html is not None:
        media_type, body = "text/html; charset=utf-8", html
    if text is not None:
        media_type, body = "", text
    given = {"content-type": media_type} if media_type else {}
    lines = [
        f"HTTP/1.1 {http} X",
        *(f"{name}: {value}" for name, value in (given | (headers or {})).items()),
    ]
    content = body.encode()
    return "\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content


def _stream(answer: dict[str, Any]) -> bytes:
    """Return a stream's bytes as the service writes them: one chunk a record, ``: connected``
    first.
    """
    records = [] if answer.get("silent") else [": connected\n\n"]
    if answer.get("run") is not None:
        records.append(f"event: run\ndata: {_compact(run_object(answer['run']))}\n\n")
    for event in (event_object(*each) for each in answer.get("events", [])):
        records.append(f"id: {event['id']}\nevent: {event['type']}\ndata: {_compact(event)}\n\n")
    chunks = [answer["content"]] if "content" in answer else [record.encode() for record in records]
    if "pieces" in answer:  # a read can end anywhere in a record
        whole, size = b"".join(chunks), answer["pieces"]
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    head = "content-type: text/event-stream\r\ncache-control: no-cache, no-transform\r\n"
    if answer.get("version") == 1.0:
        return f"HTTP/1.0 200 OK\r\n{head}\r\n".encode() + b"".join(chunks)
    body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    end = b"0\r\n\r\n" if answer.get("end", "closed") == "closed" else b""
    head = f"HTTP/1.1 200 OK\r\n{head}connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + body[: len(body) - answer.get("torn", 0)] + end


@contextmanager
def serving(script: dict[str, Any]) -> Iterator[tuple[VirtualTime, ScriptedService]]:
    """Serve ``script`` on loopback, in a time in which waiting costs nothing."""
    time = VirtualTime()
    service = ScriptedService(script)

    class Connection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms behind its headers

        def setup(self) -> None:
            super().setup()
            service.connections += 1

        def do_GET(self) -> None:
            at = (
                datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=time.monotonic())
            ).isoformat()
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            answer = service.reply(
                Request(_route_of(self.path), at, self.command, self.path, headers, body)
            )
            content = service.bytes_of(_route_of(self.path), answer)
            ends = isinstance(answer, dict) and (
                answer.get("end") == "broken" or answer.get("version") == 1.0
            )
            # In one piece with what ends it: virtual time goes on while a reader has nothing to
            # read.
            self.connection.sendall(content, socket.MSG_MORE if ends else 0)
            if ends:
                self.connection.shutdown(socket.SHUT_WR)

        do_POST = do_GET  # noqa: N815 - the name that the base class asks for

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Connection) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield time, service
        server.shutdown()
