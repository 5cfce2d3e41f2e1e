"""A stand-in for GitHub's REST API: one repository, as far as the program asks for it, over real HTTP.

Paths, status codes, headers and fields follow docs.github.com/rest (API version 2022-11-28): ETags on every GET, paging
by ``page`` and ``per_page``, 403 or 429 with ``Retry-After`` or ``X-RateLimit-Reset`` when a limit is used up. Used by
tests only; on GitHub Enterprise Server the same API lives below ``/api/v3``, which ``base_path`` stands for.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "ghs_standInTokenOfTheTests0000000000"
REPOSITORY = "acme/web"
HEAD = "0" * 39 + "1"
APP = {"login": "github-actions[bot]", "type": "Bot"}


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
    is_done: bool = False
    """Whether the request is carried out nevertheless."""


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int


class FakeGitHub:
    """The stand-in. Its public fields are the repository's state; a test changes them as it likes."""

    def __init__(self, base_path: str = "") -> None:
        self.base_path = base_path
        self.comments: list[dict[str, Any]] = []
        self.pull_requests: list[dict[str, Any]] = []
        self.files: list[dict[str, str]] = []
        """Files of every comparison, as GitHub lists them."""
        self.ahead_by = 1
        self.check_runs: list[list[dict[str, Any]]] = [[]]
        """What each look at the check runs finds; the last one stays."""
        self.statuses: list[dict[str, Any]] = []
        self.permissions: dict[str, str] = {}
        """What each user may do with the repository; others may read it."""
        self.words: dict[str, dict[str, str] | None] = {}
        """Title and body by node id, for GraphQL; None for what the token may not read."""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        """Start to serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """What ``GITHUB_API_URL`` is set to."""
        return f"http://127.0.0.1:{self._server.server_port}{self.base_path}"

    def add_pull_request(self, number: int = 42, branch: str = "mogplex/fix") -> None:
        """Open a pull request."""
        url = f"https://github.com/{REPOSITORY}/pull/{number}"
        self.pull_requests.append({"number": number, "html_url": url, "head": {"ref": branch, "sha": HEAD}})

    def fail(self, **fields: Any) -> None:
        """Let the next requests meet a fault."""
        self.faults.append(Fault(**fields))

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, object, Mapping[str, str]]:
        if path == f"{self.base_path.removesuffix('/v3')}/graphql":
            return 200, {"data": {"nodes": [self.words.get(node_id) for node_id in body["variables"]["ids"]]}}, {}
        repo = f"{self.base_path}/repos/{REPOSITORY}"
        if not path.startswith(f"{repo}/"):
            return 404, {"message": "Not Found"}, {}
        rest = path.removeprefix(repo)
        if match := re.fullmatch(r"/collaborators/([\w.-]+)/permission", rest):
            return 200, {"permission": self.permissions.get(match[1], "read"), "user": {"login": match[1]}}, {}
        if match := re.fullmatch(r"/issues/(\d+)/comments", rest):
            if method == "POST":
                comment = {"id": 100 + len(self.comments), "body": body["body"], "issue": int(match[1]), "user": APP}
                self.comments.append(comment)
                return 201, comment, {}
            return 200, self._page([c for c in self.comments if c["issue"] == int(match[1])], query), {}
        if (match := re.fullmatch(r"/issues/comments/(\d+)", rest)) and method == "PATCH":
            for comment in self.comments:
                if comment["id"] == int(match[1]):
                    comment["body"] = body["body"]
                    return 200, comment, {}
        if match := re.fullmatch(r"/pulls/(\d+)", rest):
            for item in self.pull_requests:
                if item["number"] == int(match[1]):
                    return 200, item, {}
        if rest == "/pulls":
            owner, _, branch = query["head"].partition(":")
            found = [item for item in self.pull_requests if (owner, item["head"]["ref"]) == ("acme", branch)]
            return 200, self._page(found, query), {}
        if re.fullmatch(r"/compare/.+\.\.\..+", rest):
            return 200, {"ahead_by": self.ahead_by, "files": self.files[:300]}, {}
        if re.fullmatch(r"/commits/[0-9a-f]+/check-runs", rest):
            looks = self.check_runs
            runs = looks.pop(0) if len(looks) > 1 and query["page"] == "1" else looks[0]
            return 200, {"total_count": len(runs), "check_runs": self._page(runs, query)}, {}
        if re.fullmatch(r"/commits/[0-9a-f]+/status", rest):
            return 200, {"statuses": self._page(self.statuses, query)}, {}
        return 404, {"message": "Not Found"}, {}

    def _page(self, items: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        size, number = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        return items[size * (number - 1) : size * number]

    def _next_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in (None, method):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                url = urlsplit(self.path)
                path, query = unquote(url.path), {name: values[0] for name, values in parse_qs(url.query).items()}
                with api._lock:
                    fault = api._next_fault(self.command)
                    status, data = 401, cast("object", {"message": "Bad credentials"})
                    headers: Mapping[str, str] = {}
                    if self.headers.get("Authorization") == f"Bearer {TOKEN}" and (fault is None or fault.is_done):
                        status, data, headers = api._answer(self.command, path, query, body)
                    content = json.dumps(data).encode()
                    tag = f'"{hashlib.sha256(content).hexdigest()}"'
                    if self.command == "GET" and status == 200:
                        headers = {**headers, "ETag": tag}
                        if self.headers.get("If-None-Match") == tag:
                            status, content = 304, b""
                    if fault is not None:
                        status, headers, content = fault.status, fault.headers, fault.body
                    sent = 0 if fault is not None and fault.drop else status
                    api.asked.append(Asked(self.command, url.path, query, dict(self.headers), sent))
                if fault is not None and fault.drop:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = handle_request  # noqa: N815 - the names that http.server looks for

            def log_message(self, *args: Any) -> None:
                """Keep the output of the tests clean."""

        return Handler
