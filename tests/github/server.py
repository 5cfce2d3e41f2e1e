"""GitHub's REST API over real HTTP, as far as the program asks for it.

Paths, status codes, headers and fields follow docs.github.com/rest (API version 2022-11-28): ETags
and the time on every answer, pages by number, 403 with what the token lacks, 403 or 429 with
``Retry-After`` or ``X-RateLimit-Reset`` when a limit is used up. On GitHub Enterprise Server the
same API lives below ``/api/v3``, which ``base_path`` stands for.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.github.repository import Repository

TOKEN = "ghs_standInTokenOfTheTests0000000000"
_LISTS = ("check_suites", "check_runs", "statuses")
_NEEDS = {
    "git": "contents: read",
    "contents": "contents: read",
    "compare": "contents: read",
    "branches": "contents: read",
    "pulls": "pull-requests: read",
    "rules": "metadata: read",
    "check-runs": "checks: read",
    "check-suites": "checks: read",
    "status": "statuses: read",
    "commits": "contents: read",
    "collaborators": "metadata: read",
    "issues": "issues: write",
}
"""What a call takes, by the first word of its path; of ``commits``, by the last one."""


@dataclass
class Fault:
    """An answer in place of the right one; ``drop`` closes the connection without any."""

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False
    skip: int = 0
    """Requests before it that are answered as they should be."""
    times: int = 1
    method: str | None = None
    """Only requests of this method meet it."""
    path: str = ""
    """Only requests whose path has this part meet it."""
    is_done: bool = False
    """Whether the request is carried out nevertheless."""


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    query: Mapping[str, str]
    at: datetime


class _Answer(NamedTuple):
    status: int
    data: object
    headers: dict[str, str]


_NOT_FOUND = _Answer(404, {"message": "Not Found"}, {})


class GitHub(Repository):
    """A GitHub that serves one repository, ``acme/web``, whose stories a test tells."""

    def __init__(self, base_path: str = "", clock: Callable[[], datetime] | None = None) -> None:
        super().__init__(clock=clock)
        self.base_path = base_path
        self.missing_permissions: set[str] = set()
        """Such as ``checks: read``: calls that need one are refused."""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.github = self  # type: ignore[attr-defined]  # a field of ours

    def __enter__(self) -> Self:
        """Start to serve."""
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The value of ``GITHUB_API_URL``."""
        return f"http://127.0.0.1:{self._server.server_port}{self.base_path}"

    def lacks(self, *permissions: str) -> None:
        """Take permissions such as ``checks: read`` from the token."""
        self.missing_permissions |= set(permissions)

    def fail(self, **fields: Any) -> None:
        """Let the next requests meet a fault."""
        self.faults.append(Fault(**fields))

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Return what the next request meets, if it is a fault."""
        for fault in self.faults:
            if fault.method in (None, method) and fault.path in path:
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def respond(self, method: str, path: str, query: Mapping[str, str], body: Any) -> _Answer:
        """Return the right answer to a request of somebody with the token."""
        match path.removeprefix(self.base_path).split("/"):
            case ["", "repos", owner, name, *parts]:
                is_known = f"{owner}/{name}".lower() == self.name
            case _:
                return _NOT_FOUND
        if not is_known:
            return _NOT_FOUND
        self.catch_up()
        if refusal := self._refusal(parts):
            return refusal
        if body is not None:
            data = self.write(parts, body)
            return _Answer(201 if method == "POST" else 200, data, {}) if data else _NOT_FOUND
        data = self.answer(parts, query)
        if data is None:
            return _NOT_FOUND
        return self._page(data, query)

    def _refusal(self, parts: list[str]) -> _Answer | None:
        """Return why the token may not do this, if it may not."""
        if parts[:1] == ["rules"] and not self.has_rules:
            upgrade = "Upgrade to GitHub Pro or make this repository public to enable this feature."
            return _Answer(403, {"message": upgrade}, {"X-RateLimit-Remaining": "4000"})
        first = parts[-1] if parts[:1] == ["commits"] and len(parts) == 3 else "".join(parts[:1])
        needs = "issues: read" if parts == ["issues"] else _NEEDS.get(first, "metadata: read")
        if needs not in self.missing_permissions:
            return None
        accepted = needs.replace(": ", "=").replace("-", "_")
        headers = {"X-Accepted-GitHub-Permissions": accepted, "X-RateLimit-Remaining": "4000"}
        return _Answer(403, {"message": "Resource not accessible by integration"}, headers)

    @staticmethod
    def _page(data: object, query: Mapping[str, str]) -> _Answer:
        """Return the page of a list that is asked for, and the rest of the answer as it is."""
        size = min(int(query.get("per_page", 30)), 100)
        start = size * (int(query.get("page", 1)) - 1)
        if isinstance(data, list):
            data = data[start : start + size]
        elif isinstance(data, dict):
            cut = {name: data[name][start : start + size] for name in _LISTS if name in data}
            data = data | cut
        return _Answer(200, data, {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms behind its headers

    def handle_request(self) -> None:
        github = self.server.github  # type: ignore[attr-defined]  # a field of ours
        assert isinstance(github, GitHub)
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with github.lock:
            fault = github.fault_of(self.command, url.path)
            answer = _Answer(401, {"message": "Bad credentials"}, {})
            is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if is_known and (fault is None or fault.is_done):
                answer = github.respond(self.command, unquote(url.path), query, body)
            status, headers = answer.status, answer.headers
            content = json.dumps(answer.data).encode()
            if self.command == "GET" and status == 200:
                headers = headers | {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
                if self.headers.get("If-None-Match") == headers["ETag"]:
                    status, content = 304, b""
            if fault is not None:
                status, headers, content = fault.status, dict(fault.headers), fault.body
            is_dropped = fault is not None and fault.drop
            known = 0 if is_dropped else status
            at = github.clock()
            asked = Asked(self.command, url.path, dict(self.headers), known, query, at)
            github.asked.append(asked)
            date = format_datetime(at, usegmt=True)
        if is_dropped:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response_only(status)
        if status != 304:
            headers = headers | {
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
            }
        for name, value in {"Date": date, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = handle_request  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has
        """Keep the output of the tests clean."""
