"""GitHub's REST API, as far as judging and announcing a run needs it.

Works against github.com and GitHub Enterprise Server. The token goes to that one host only; what GitHub answers is
untrusted like everything else that comes from outside. Facts: docs.github.com/rest, API version 2022-11-28.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mogplex_ci.api.retry import CALL_SECONDS, parse_retry_after
from mogplex_ci.api.transport import Transport
from mogplex_ci.errors import GitHubError, GitHubUnavailableError, MogplexError, UnreachableError
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.api.transport import Answer, RequestLog

PAGE_SIZE: Final = 100
MAX_PAGES: Final = 30
MAX_COMPARED_FILES: Final = 300
"""Most files in GitHub's answer to a comparison; it has no further pages of them."""
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_WORDS: Final = (
    "query($ids:[ID!]!){nodes(ids:$ids){"
    "...on Issue{title body} ...on PullRequest{title body} ...on Discussion{title body} ...on IssueComment{body} "
    "...on PullRequestReview{body} ...on PullRequestReviewComment{body} ...on DiscussionComment{body}}}"
)
_NETWORK_REMEDY: Final = "Check the proxy settings and the network between this runner and GitHub's API."
_PASSED: Final = ("success", "neutral", "skipped")
"""Conclusions of a check run that count as passed, as on a pull request's page."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a branch changes compared to its base."""

    ahead_by: int
    """Commits that the branch has and its base has not."""
    paths: tuple[Untrusted, ...]
    """Paths of the changed files; both names of a renamed one."""
    is_complete: bool
    """Whether ``paths`` holds every file."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request."""

    number: int
    url: Untrusted
    head_sha: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check run, or a commit status."""

    name: Untrusted
    url: Untrusted | None
    is_complete: bool
    passed: bool


class GitHubApi:
    """A token's view of one repository on one GitHub server.

    Every method raises ``GitHubError``: ``GitHubUnavailableError`` if asking again may help.
    """

    def __init__(self, api_url: str, token: str, repository: str, *, diagnostics: RequestLog | None = None) -> None:
        """``api_url`` is such as ``https://api.github.com``; ``repository`` is ``owner/name``."""
        self._transport = Transport(api_url, token, diagnostics=diagnostics)
        self._repo = f"/repos/{quote(repository, safe='/')}"
        self._cached: dict[str, tuple[str, object]] = {}
        """ETag and data by path: an unchanged answer does not count against the rate limit."""

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def compare(self, base: str, head: str, *, timeout: float = CALL_SECONDS) -> Comparison:
        """Compare two branches."""
        path = f"{self._repo}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        data = _mapping(self._get(path, timeout=timeout))
        files = [item for item in _list(data.get("files")) if isinstance(item, dict)]
        names = [item.get(name) for item in files for name in ("filename", "previous_filename")]
        ahead_by = data.get("ahead_by")
        return Comparison(
            ahead_by=ahead_by if isinstance(ahead_by, int) else 0,
            paths=tuple(Untrusted(name) for name in names if isinstance(name, str)),
            is_complete=len(files) < MAX_COMPARED_FILES,
        )

    def pull_request(self, number: int, *, timeout: float = CALL_SECONDS) -> PullRequest:
        """Return the pull request with ``number``."""
        return _pull_request(self._get(f"{self._repo}/pulls/{number}", timeout=timeout))

    def pull_request_of(self, branch: str, *, timeout: float = CALL_SECONDS) -> PullRequest | None:
        """Return the newest pull request whose head is ``branch`` of this repository; None when there is none."""
        owner = self._repo.split("/")[2]
        query = {"head": f"{owner}:{branch}", "state": "all", "sort": "created", "direction": "desc", "per_page": "1"}
        for item in _list(self._get(f"{self._repo}/pulls", query, timeout=timeout)):
            return _pull_request(item)
        return None

    def checks(self, sha: str, *, timeout: float = CALL_SECONDS) -> list[Check]:
        """Return the check runs and the newest statuses of a commit."""
        commit = f"{self._repo}/commits/{quote(sha, safe='')}"
        runs = self._pages(f"{commit}/check-runs", "check_runs", timeout=timeout)
        statuses = self._pages(f"{commit}/status", "statuses", timeout=timeout)
        return [*map(_check_run, runs), *map(_commit_status, statuses)]

    def may_write(self, login: str, *, timeout: float = CALL_SECONDS) -> bool:
        """Return whether a user has write access to the repository, also as a member or through a team."""
        data = self._get(f"{self._repo}/collaborators/{quote(login, safe='')}/permission", timeout=timeout)
        return _mapping(data).get("permission") in ("admin", "write")

    def words(self, node_ids: Sequence[str], *, timeout: float = CALL_SECONDS) -> list[tuple[str, str] | None]:
        """Return title and body of issues, comments and their like; None for what is not there, or not shown.

        In GraphQL, for REST has no discussions: ``api_url`` has to be without the ``/v3`` of GitHub Enterprise Server.
        """
        body = {"query": _WORDS, "variables": {"ids": list(node_ids)}}
        answer = _mapping(self._send("POST", "/graphql", body, timeout=timeout))
        nodes = [*_list(_mapping(answer.get("data") or {}).get("nodes") or []), *(None for _ in node_ids)]
        items = [node if isinstance(node, dict) else None for node in nodes[: len(node_ids)]]
        return [None if item is None else (str(item.get("title") or ""), str(item.get("body") or "")) for item in items]

    def find_comment(
        self, issue: int, marker: re.Pattern[str], *, timeout: float = CALL_SECONDS
    ) -> tuple[int, str] | None:
        """Return id and marker of an app's oldest comment on an issue or pull request that begins with ``marker``.

        An app's, because anybody may copy the marker into a comment of their own; the oldest, because an app may
        repeat what it read.
        """
        for item in self._pages(f"{self._repo}/issues/{issue}/comments", None, timeout=timeout):
            body, number = item.get("body"), item.get("id")
            user = item.get("user")
            is_app = isinstance(user, dict) and user.get("type") == "Bot"
            match = marker.match(body) if is_app and isinstance(body, str) else None
            if match and isinstance(number, int):
                return number, match[0]
        return None

    def create_comment(self, issue: int, body: str, *, timeout: float = CALL_SECONDS) -> int:
        """Comment on an issue or pull request, and return the comment's id."""
        data = _mapping(self._send("POST", f"{self._repo}/issues/{issue}/comments", {"body": body}, timeout=timeout))
        number = data.get("id")
        if not isinstance(number, int):
            raise GitHubUnavailableError("GitHub's answer has no comment id")
        return number

    def edit_comment(self, comment: int, body: str, *, timeout: float = CALL_SECONDS) -> None:
        """Replace the text of a comment."""
        self._send("PATCH", f"{self._repo}/issues/comments/{comment}", {"body": body}, timeout=timeout)

    def _pages(self, path: str, name: str | None, *, timeout: float) -> Iterator[Mapping[str, object]]:
        """Yield the items of a list, page by page; ``name`` is the field that holds it."""
        for page in range(1, MAX_PAGES + 1):
            data = self._get(path, {"per_page": str(PAGE_SIZE), "page": str(page)}, timeout=timeout)
            items = _list(data if name is None else _mapping(data).get(name))
            yield from (item for item in items if isinstance(item, dict))
            if len(items) < PAGE_SIZE:
                return

    def _get(self, path: str, query: Mapping[str, str] | None = None, *, timeout: float) -> object:
        key = f"{path}?{json.dumps(query)}"
        tag, cached = self._cached.get(key, ("", None))
        headers = {**_HEADERS, "If-None-Match": tag} if tag else _HEADERS
        answer = self._answer("GET", path, query=query, headers=headers, timeout=timeout)
        if answer.status == 304:
            return cached
        data = _data(answer)
        if answer.headers.get("ETag"):
            self._cached[key] = (answer.headers["ETag"], data)
        return data

    def _send(self, method: str, path: str, body: object, *, timeout: float) -> object:
        return _data(self._answer(method, path, json=body, headers=_HEADERS, timeout=timeout))

    def _answer(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        query: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Answer:
        try:
            return self._transport.send(method, path, query=query, json=json, headers=headers, timeout=timeout)
        except UnreachableError as error:
            raise GitHubUnavailableError("GitHub's API gives no usable answer", remedy=_NETWORK_REMEDY) from error
        except MogplexError as error:  # a redirect to another host, or a certificate that is not trusted
            raise GitHubError(f"GitHub's API cannot be used: {error.cause}", remedy=_NETWORK_REMEDY) from error


def _data(answer: Answer) -> object:
    if 200 <= answer.status < 300:
        try:
            return json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError) as error:
            raise GitHubUnavailableError("GitHub's answer is not JSON") from error
    raise _refusal(answer)


def _refusal(answer: Answer) -> GitHubError:
    """Return the error for a refused request. GitHub refuses with 403 or 429 when a rate limit is used up."""
    wait = parse_retry_after(answer.headers.get("Retry-After"))
    is_used_up = answer.headers.get("X-RateLimit-Remaining") == "0"
    if answer.status in (403, 429) and (wait is not None or is_used_up or answer.status == 429):
        error: GitHubError = GitHubUnavailableError("GitHub's rate limit is used up")
        error.retry_after = wait if wait is not None else _until_reset(answer.headers.get("X-RateLimit-Reset", ""))
        return error
    if answer.status >= 500:
        error = GitHubUnavailableError("GitHub's API is not available")
        error.retry_after = wait
        return error
    if answer.status == 401:
        return GitHubError("GitHub does not accept github-token")
    if answer.status == 403:
        return GitHubError("github-token may not do this")
    if answer.status == 404:
        return GitHubError("GitHub does not find it, or github-token may not read it")
    return GitHubError(f"GitHub refused the request with status {answer.status}")


def _until_reset(header: str) -> float | None:
    """Return the seconds until a rate limit's reset, which GitHub gives in seconds since 1970."""
    if not header.isascii() or not header.isdigit() or len(header) > 12:
        return None
    return max(int(header) - time.time(), 1.0)


def _pull_request(data: object) -> PullRequest:
    item = _mapping(data)
    number, url, head = item.get("number"), item.get("html_url"), item.get("head")
    sha = head.get("sha") if isinstance(head, dict) else None
    if not isinstance(number, int) or not isinstance(url, str) or not isinstance(sha, str) or not sha.isalnum():
        raise GitHubUnavailableError("GitHub's answer is not a pull request")
    return PullRequest(number, Untrusted(url), sha)


def _check_run(item: Mapping[str, object]) -> Check:
    return Check(
        name=Untrusted(item.get("name")),
        url=_text(item.get("html_url")),
        is_complete=item.get("status") == "completed",
        passed=item.get("conclusion") in _PASSED,
    )


def _commit_status(item: Mapping[str, object]) -> Check:
    return Check(
        name=Untrusted(item.get("context")),
        url=_text(item.get("target_url")),
        is_complete=item.get("state") != "pending",
        passed=item.get("state") == "success",
    )


def _mapping(data: object) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise GitHubUnavailableError("GitHub's answer lacks an object")
    return data


def _list(data: object) -> list[object]:
    if not isinstance(data, list):
        raise GitHubUnavailableError("GitHub's answer lacks a list")
    return data


def _text(value: object) -> Untrusted | None:
    return Untrusted(value) if isinstance(value, str) else None
