"""A stand-in for GitHub's REST API: one repository, as far as the program asks for it, over real
HTTP.

Paths, status codes, headers and fields follow docs.github.com/rest (API version 2022-11-28): ETags
on every GET, paging by ``page`` and ``per_page``, 403 or 429 with ``Retry-After`` or
``X-RateLimit-Reset`` when a limit is used up. Used by tests only; on GitHub Enterprise Server the
same API lives below ``/api/v3``, which ``base_path`` stands for.
"""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self, TypeVar
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


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int


def check(name: str, conclusion: str | None, **fields: Any) -> dict[str, Any]:
    """A check run as GitHub lists it; one without a conclusion is at work. It belongs to GitHub
    Actions.
    """
    return {
        "id": crc32(name.encode()),
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/31/job/{crc32(name.encode())}",
        "app": {"slug": "github-actions", "name": "GitHub Actions"},
        "check_suite": {"id": 1},
    } | fields


def suite(
    number: int,
    conclusion: str | None,
    *,
    app: str = "github-actions",
    runs: int = 0,
    **fields: Any,
) -> Any:
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
    return {
        "id": crc32(context.encode()),
        "context": context,
        "state": state,
        "target_url": "https://ci.example/7",
    }


@dataclass
class Look:
    """The state of a commit at one look."""

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


class FakeGitHub(ThreadingHTTPServer):
    """The stand-in. Its public fields are the repository's state; a test changes them as it
    likes.
    """

    def __init__(self, base_path: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base_path = base_path
        self.comments: list[dict[str, Any]] = []
        self.pull_requests: list[dict[str, Any]] = []
        self.files: list[dict[str, str]] = []
        """Files of every comparison, as GitHub lists them."""
        self.changes: list[list[dict[str, str]]] = []
        """The same for the commit of each run, in order; without any, ``files`` is what all have
        changed.
        """
        self.ahead_by = 1
        self.behind_by = 0
        self.is_empty_between: set[tuple[str, str]] = set()
        """Commits or branches between which nothing has changed."""
        self.tips: dict[str, list[str | None]] = {}
        """The tip that each look at a branch finds, the last one stays; any other branch is at the
        run's commit.
        """
        self.pushes: list[dict[str, Any]] | None = []
        """The pushes that GitHub noted, the newest first; None: it does not tell."""
        self.looks: list[Look] = [Look()]
        """The state that each look at the checks finds; the last one stays."""
        self.rounds: list[Look] = []
        """The state of the commit of each run, in order; without any, ``looks`` tell of the newest
        one.
        """
        self.contents: list[dict[str, bytes]] = []
        """The files that each run has pushed, in order."""
        self.annotations: dict[str, list[str | None]] = {}
        """Titles of annotations by the name of a check run; None is an annotation that has only a
        message.
        """
        self.permissions: dict[str, str] = {}
        """The permission of each user; others may read the repository."""
        self.words: dict[str, dict[str, str] | None] = {}
        """Title and body by node id, for GraphQL; None for what the token may not read."""
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.runs: Callable[[], Sequence[Any]] = tuple
        """Returns the emulator's runs, whose work is in the repository; none for one of a test's
        own.
        """
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        """Start to serve."""
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """The value of ``GITHUB_API_URL``."""
        return f"http://127.0.0.1:{self.server_port}{self.base_path}"

    @property
    def commit(self) -> str:
        """The commit that the newest run pushed."""
        return str(runs[-1].commit_sha) if (runs := self.runs()) else HEAD

    def watch(self, emulator: Any) -> None:
        """Hold the work of the emulator's runs."""
        self.runs = lambda: emulator.runs

    def add_pull_request(self, number: int = 42, **fields: Any) -> None:
        """Open a pull request from the branch that is asked for, at the run's commit, but for what
        ``fields`` say.
        """
        url = f"https://github.com/{REPOSITORY}/pull/{number}"
        self.pull_requests.append(
            {"number": number, "html_url": url, "state": "open", "head": {}} | fields
        )

    def fail(self, **fields: Any) -> None:
        """Let the next requests meet a fault."""
        self.faults.append(Fault(**fields))

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> object:
        """Return the data of the right answer; None for what is not there."""
        if path == f"{self.base_path.removesuffix('/v3')}/graphql":
            return {
                "data": {"nodes": [self.words.get(node_id) for node_id in body["variables"]["ids"]]}
            }
        repo, rest = f"{self.base_path}/repos/{REPOSITORY}".split("/"), path.split("/")
        if rest[: len(repo)] != repo:
            return None
        match rest[len(repo) :]:
            case []:
                return {"full_name": REPOSITORY}
            case ["collaborators", login, "permission"]:
                return {"permission": self.permissions.get(login, "read"), "user": {"login": login}}
            case ["issues", "comments", number]:
                (comment,) = (comment for comment in self.comments if comment["id"] == int(number))
                comment["body"] = body["body"]
                return comment
            case ["issues", number, "comments"] if method == "POST":
                comment = {
                    "id": 100 + len(self.comments),
                    "body": body["body"],
                    "issue": int(number),
                    "user": APP,
                }
                self.comments.append(comment)
                return comment
            case ["issues", number, "comments"]:
                return _page(
                    [comment for comment in self.comments if comment["issue"] == int(number)], query
                )
            case ["pulls"]:
                owner, _, branch = query["head"].partition(":")
                default = {"ref": branch, "sha": self.commit, "repo": {"full_name": REPOSITORY}}
                known = [item | {"head": default | item["head"]} for item in self.pull_requests]
                return _page(
                    [item for item in known if (owner, item["head"]["ref"]) == ("acme", branch)],
                    query,
                )
            case ["git", "ref", "heads", *parts]:
                looks = self.tips.get("/".join(parts), [self.commit])
                tip = looks.pop(0) if len(looks) > 1 else looks[0]
                return tip and {
                    "ref": f"refs/heads/{'/'.join(parts)}",
                    "object": {"type": "commit", "sha": tip},
                }
            case ["activity"] if self.pushes is not None:
                return [push for push in self.pushes if push["ref"] == query["ref"]]
            case ["contents", *parts]:
                content = self._of_run(query["ref"], self.contents, {}).get("/".join(parts))
                encoded = {
                    "type": "file",
                    "encoding": "base64",
                    "content": b64encode(content or b"").decode(),
                }
                return None if content is None else encoded
            case ["compare", *parts]:
                base, _, head = "/".join(parts).partition("...")
                if (base, head) in self.is_empty_between:
                    return {"ahead_by": 0, "behind_by": 0, "files": []}
                files = self._of_run(head, self.changes, self.files)
                return {
                    "ahead_by": self.ahead_by,
                    "behind_by": self.behind_by,
                    "files": files[:300],
                }
            case ["check-runs", number, "annotations"]:
                titles = {
                    str(crc32(name.encode())): each for name, each in self.annotations.items()
                }.get(number, [])
                return [
                    {"path": "a.ts", "title": title, "message": "It is 2, not 3"}
                    for title in titles
                ]
            case ["commits", commit, kind]:
                look = self._of_run(
                    commit, self.rounds, self.looks[0] if commit == self.commit else Look()
                )
                if (
                    look is self.looks[0]
                    and kind == "status"
                    and len(self.looks) > 1
                    and query["page"] == "1"
                ):
                    self.looks.pop(0)  # the last call of a look
                name, items, missing = {
                    "check-suites": ("check_suites", look.all_suites(), 0),
                    "check-runs": ("check_runs", look.runs, look.missing),
                    "status": ("statuses", look.statuses, 0),
                }[kind]
                return {"total_count": len(items) + missing, name: _page(items, query)}
        return None

    def next_fault(self, method: str) -> Fault | None:
        """Return what the next request meets, if it is a fault."""
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

    def _of_run(self, commit: str, items: list[T], default: T) -> T:
        """Return the item of the run that pushed the commit, where each run has its own."""
        pushed = [run.commit_sha for run in self.runs()]
        return items[pushed.index(commit)] if items and commit in pushed else default


def _page(items: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    size, number = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
    return items[size * (number - 1) : size * number]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self) -> None:
        api = self.server
        assert isinstance(api, FakeGitHub)
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        headers: Mapping[str, str] = {}
        with api.lock:
            fault = api.next_fault(self.command)
            status, data = 401, None
            if self.headers.get("Authorization") == f"Bearer {TOKEN}" and (
                fault is None or fault.is_done
            ):
                data = api.answer(self.command, unquote(url.path), query, body)
                status = (
                    404 if data is None else 201 if url.path.endswith("/comments") and body else 200
                )
            content = json.dumps(data if status < 300 else {"message": "Not Found"}).encode()
            if self.command == "GET" and status == 200:
                headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
                if self.headers.get("If-None-Match") == headers["ETag"]:
                    status, content = 304, b""
            if fault is not None:
                status, headers, content = fault.status, fault.headers, fault.body
            is_dropped = fault is not None and fault.drop
            api.asked.append(
                Asked(self.command, url.path, dict(self.headers), 0 if is_dropped else status)
            )
        if is_dropped:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(status)
        if status != 304:
            headers = {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
            }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = handle_request  # noqa: N815 - the names that http.server looks for

    def log_message(self, *args: Any) -> None:
        """Keep the output of the tests clean."""
