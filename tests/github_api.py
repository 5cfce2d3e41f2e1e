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
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

T = TypeVar("T")
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


def check(name: str, conclusion: str | None, **fields: Any) -> dict[str, Any]:
    """A check run as GitHub lists it; one without a conclusion is at work. It belongs to GitHub Actions."""
    return {
        "id": crc32(name.encode()),
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/31/job/{crc32(name.encode())}",
        "app": {"slug": "github-actions", "name": "GitHub Actions"},
        "check_suite": {"id": 1},
    } | fields


def suite(number: int, conclusion: str | None, *, app: str = "github-actions", runs: int = 0, **fields: Any) -> Any:
    """A check suite as GitHub lists it; one without a conclusion is at work."""
    return {
        "id": number,
        "status": "completed" if conclusion else "queued",
        "conclusion": conclusion,
        "latest_check_runs_count": runs,
        "app": {"slug": app, "name": app},
    } | fields


def status(context: str, state: str) -> dict[str, Any]:
    """A commit status as GitHub lists it."""
    return {"id": crc32(context.encode()), "context": context, "state": state, "target_url": None}


@dataclass
class Look:
    """What there is about a commit at one look."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    suites: list[dict[str, Any]] | None = None
    """None: one of GitHub Actions for the runs."""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    missing: int = 0
    """Runs that GitHub counts and does not list yet."""

    def all_suites(self) -> list[dict[str, Any]]:
        """The suites, with those that the runs belong to."""
        if self.suites is not None or not self.runs:
            return self.suites or []
        ends = [run["conclusion"] for run in self.runs]
        bad = [end for end in ends if end not in ("success", "neutral", "skipped")]
        return [suite(1, None if None in ends else (bad or ends)[0], runs=len(self.runs))]


class FakeGitHub:
    """The stand-in. Its public fields are the repository's state; a test changes them as it likes."""

    def __init__(self, base_path: str = "") -> None:
        self.base_path = base_path
        self.comments: list[dict[str, Any]] = []
        self.pull_requests: list[dict[str, Any]] = []
        self.files: list[dict[str, str]] = []
        """Files of every comparison, as GitHub lists them."""
        self.changes: list[list[dict[str, str]]] = []
        """The same for the commit of each run, in order; without any, ``files`` is what all have changed."""
        self.ahead_by = 1
        self.behind_by = 0
        self.is_empty_between: set[tuple[str, str]] = set()
        """Commits or branches between which nothing has changed."""
        self.tips: dict[str, list[str | None]] = {}
        """What each look at a branch finds, the last one stays; any other branch is at the run's commit."""
        self.pushes: list[dict[str, Any]] | None = []
        """What GitHub noted, the newest first; None: it does not tell."""
        self.looks: list[Look] = [Look()]
        """What each look at the checks finds; the last one stays."""
        self.rounds: list[Look] = []
        """What there is about the commit of each run, in order; without any, ``looks`` tell of the newest one."""
        self.contents: list[dict[str, bytes]] = []
        """The files that each run has pushed, in order."""
        self.annotations: dict[str, list[str | None]] = {}
        """Titles of annotations by the name of a check run; None is an annotation that has only a message."""
        self.permissions: dict[str, str] = {}
        """What each user may do with the repository; others may read it."""
        self.words: dict[str, dict[str, str] | None] = {}
        """Title and body by node id, for GraphQL; None for what the token may not read."""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.runs: Callable[[], list[Any]] = list
        """Returns all runs of the emulator."""
        self.run: Callable[[], Any] = lambda: None
        """Returns the emulator's run whose work is in the repository; None for one of a test's own."""
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

    @property
    def commit(self) -> str:
        """The commit that the run pushed."""
        run = self.run()
        return HEAD if run is None else str(run.commit_sha)

    def watch(self, emulator: Any) -> None:
        """Hold the work of the emulator's newest run."""
        self.runs = lambda: emulator.runs
        self.run = lambda: emulator.runs[-1] if emulator.runs else None

    def add_pull_request(self, number: int = 42, **fields: Any) -> None:
        """Open a pull request from the branch that is asked for, at the run's commit, but for what ``fields`` say."""
        url = f"https://github.com/{REPOSITORY}/pull/{number}"
        self.pull_requests.append({"number": number, "html_url": url, "state": "open", "head": {}} | fields)

    def fail(self, **fields: Any) -> None:
        """Let the next requests meet a fault."""
        self.faults.append(Fault(**fields))

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[int, object, Mapping[str, str]]:
        if path == f"{self.base_path.removesuffix('/v3')}/graphql":
            return 200, {"data": {"nodes": [self.words.get(node_id) for node_id in body["variables"]["ids"]]}}, {}
        repo = f"{self.base_path}/repos/{REPOSITORY}"
        if not (path == repo or path.startswith(f"{repo}/")):
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
        if rest == "/pulls":
            owner, _, branch = query["head"].partition(":")
            default = {"ref": branch, "sha": self.commit, "repo": {"full_name": REPOSITORY}}
            known = [item | {"head": default | item["head"]} for item in self.pull_requests]
            found = [item for item in known if (owner, item["head"]["ref"]) == ("acme", branch)]
            return 200, self._page(found, query), {}
        if match := re.fullmatch(r"/git/ref/heads/(.+)", rest):
            looks = self.tips.get(match[1], [self.commit])
            if (tip := looks.pop(0) if len(looks) > 1 else looks[0]) is None:
                return 404, {"message": "Not Found"}, {}
            return 200, {"ref": f"refs/heads/{match[1]}", "object": {"type": "commit", "sha": tip}}, {}
        if match := re.fullmatch(r"/check-runs/(\d+)/annotations", rest):
            titles = {str(crc32(name.encode())): each for name, each in self.annotations.items()}.get(match[1], [])
            return 200, [{"path": "a.ts", "title": title, "message": "It is 2, not 3"} for title in titles], {}
        if match := re.fullmatch(r"/contents/(.+)", rest):
            content = self._of_run(query["ref"], self.contents, {}).get(match[1])
            if content is None:
                return 404, {"message": "Not Found"}, {}
            return 200, {"type": "file", "encoding": "base64", "content": b64encode(content).decode()}, {}
        if rest == "":
            return 200, {"full_name": REPOSITORY}, {}
        if rest == "/activity" and self.pushes is not None:
            return 200, [push for push in self.pushes if push["ref"] == query["ref"]], {}
        if match := re.fullmatch(r"/compare/(.+)\.\.\.(.+)", rest):
            if match.groups() in self.is_empty_between:
                return 200, {"ahead_by": 0, "behind_by": 0, "files": []}, {}
            files = self._of_run(match[2], self.changes, self.files)
            return 200, {"ahead_by": self.ahead_by, "behind_by": self.behind_by, "files": files[:300]}, {}
        if match := re.fullmatch(r"/commits/(HEAD|[0-9a-f]+)/(check-suites|check-runs|status)", rest):
            look = self._of_run(match[1], self.rounds, self.looks[0] if match[1] == self.commit else Look())
            if look is self.looks[0] and match[2] == "status" and len(self.looks) > 1 and query["page"] == "1":
                self.looks.pop(0)  # the last call of a look
            name, items, missing = {
                "check-suites": ("check_suites", look.all_suites(), 0),
                "check-runs": ("check_runs", look.runs, look.missing),
                "status": ("statuses", look.statuses, 0),
            }[match[2]]
            return 200, {"total_count": len(items) + missing, name: self._page(items, query)}, {}
        return 404, {"message": "Not Found"}, {}

    def _of_run(self, commit: str, items: list[T], default: T) -> T:
        """What there is about the commit of a run, where each run has its own."""
        pushed = [run.commit_sha for run in self.runs()]
        return items[pushed.index(commit)] if items and commit in pushed else default

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
