"""GitHub's REST API, as far as judging and announcing a run needs it.

Works against github.com and GitHub Enterprise Server. The token goes to that one host only; what GitHub answers is
untrusted like everything else that comes from outside. Facts: docs.github.com/rest, API version 2022-11-28.
"""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from mogplex_ci import errors
from mogplex_ci.api.retry import CALL_SECONDS, parse_retry_after
from mogplex_ci.api.transport import Answer, RequestLog, Transport
from mogplex_ci.untrusted import Untrusted

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
_NO_HISTORY_REMEDY: Final = "Let the run work on a branch of its own: set create-branch."
_NETWORK_REMEDY: Final = "Check the proxy settings and the network between this runner and GitHub's API."
_SSO_REMEDY: Final = "Authorize the token at github.com/settings/tokens (Configure SSO)."
_CONTENTS: Final = "contents: read"
_COMMENTS: Final = "issues: write (of a pull request, pull-requests: write)"
_NO_COMMIT: Final = "0" * 40


class Comparison(NamedTuple):
    """The changes of a commit compared to an earlier one, or to the point where its branch left another branch."""

    ahead_by: int
    """Commits that the later one has and the earlier one has not."""
    is_descendant: bool
    """Whether the later one holds every commit of the earlier one."""
    paths: tuple[Untrusted, ...]
    """Paths of the changed files; both names of a renamed one."""
    is_complete: bool
    """Whether ``paths`` holds every file."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a commit nor a file between the two."""
        return self.ahead_by == 0 and not self.paths


class PullRequest(NamedTuple):
    """A pull request."""

    url: Untrusted
    is_open: bool
    head: tuple[str, str, str]
    """Repository as ``owner/name`` in lower case, branch, and commit."""


class Check(NamedTuple):
    """A check suite, a check run, or a commit status."""

    id: str
    """Unique among all three, and another one after it ran again."""
    name: Untrusted
    url: Untrusted | None
    is_complete: bool
    conclusion: str
    """GitHub's word, such as ``success`` or ``action_required``; empty as long as there is none."""
    app: str = ""
    """Slug of the app that made it, such as ``github-actions``; empty for a status."""
    suite: int = 0
    """Id of the suite that it is, or is part of."""
    runs: int = 0
    """Check runs of a suite."""

    @property
    def is_run(self) -> bool:
        """Whether it is a check run, which can have annotations."""
        return self.id.startswith("run ")

    @property
    def is_suite(self) -> bool:
        """Whether it is a suite."""
        return self.id.startswith("suite ")


class Checks(NamedTuple):
    """All checks of a commit."""

    suites: tuple[Check, ...]
    runs: tuple[Check, ...]
    statuses: tuple[Check, ...]
    are_all_listed: bool
    """Whether GitHub listed as many as it counts."""


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

    def tip(self, branch: str, *, timeout: float = CALL_SECONDS) -> str | None:
        """Return the commit at the tip of ``branch``; None when there is no such branch."""
        try:
            data = self._get(f"{self._repo}/git/ref/heads/{quote(branch, safe='/')}", needs=_CONTENTS, timeout=timeout)
        except errors.GitHubNotFoundError:
            # GitHub answers a repository that the token may not read in the same way. Everybody who may read one may
            # read this.
            self._get(self._repo, needs=_CONTENTS, timeout=timeout)
            return None
        found = _mapping(data).get("object")
        return _commit(found.get("sha") if isinstance(found, dict) else None)

    def tip_at(self, branch: str, when: datetime, *, timeout: float = CALL_SECONDS) -> str | None:
        """Return the commit at the tip of ``branch`` at a time, as GitHub noted its pushes; None if there was none.

        Dates of commits say nothing about that: who commits chooses them.

        Raises:
            GitHubError: also when GitHub does not know, as for a time before its hundred newest pushes.
        """
        query = {"ref": f"refs/heads/{branch}", "per_page": str(PAGE_SIZE)}
        pushes = _list(self._get(f"{self._repo}/activity", query, needs=_CONTENTS, timeout=timeout))
        tip: object = None
        for push in map(_mapping, pushes):  # the newest comes first
            if _time(push.get("timestamp")) <= when:
                tip = push.get("after")
                break
            tip = push.get("before")
        else:
            if len(pushes) in (0, PAGE_SIZE):
                raise errors.GitHubError("GitHub does not tell what the branch was before", remedy=_NO_HISTORY_REMEDY)
        return None if tip == _NO_COMMIT else _commit(tip)

    def file(self, path: str, commit: str, *, timeout: float = CALL_SECONDS) -> bytes | None:
        """Return a file of a commit; None if there is none. Empty for a folder and for more than 1 MiB."""
        query = {"ref": commit}
        try:
            data = self._get(f"{self._repo}/contents/{quote(path)}", query, needs=_CONTENTS, timeout=timeout)
        except errors.GitHubNotFoundError:
            return None
        content = data.get("content") if isinstance(data, dict) and data.get("encoding") == "base64" else ""
        try:
            return base64.b64decode(content if isinstance(content, str) else "")
        except ValueError as error:
            raise errors.GitHubUnavailableError("GitHub's answer is not base64") from error

    def compare(self, base: str, head: str, *, timeout: float = CALL_SECONDS) -> Comparison:
        """Compare two branches or commits."""
        path = f"{self._repo}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        data = _mapping(self._get(path, needs=_CONTENTS, timeout=timeout))
        files = [item for item in _list(data.get("files")) if isinstance(item, dict)]
        names = [item.get(name) for item in files for name in ("filename", "previous_filename")]
        ahead_by = data.get("ahead_by")
        if not isinstance(ahead_by, int):
            raise errors.GitHubUnavailableError("GitHub's answer is not a comparison")
        return Comparison(
            ahead_by=ahead_by,
            is_descendant=data.get("behind_by") == 0,
            paths=tuple(Untrusted(name) for name in names if isinstance(name, str)),
            is_complete=len(files) < MAX_COMPARED_FILES,
        )

    def pull_requests_of(self, branch: str, *, timeout: float = CALL_SECONDS) -> list[PullRequest]:
        """Return the newest pull requests of this repository whose head has the name ``branch``, up to a hundred."""
        owner = self._repo.split("/")[2]
        query = {"head": f"{owner}:{branch}", "state": "all", "direction": "desc", "per_page": str(PAGE_SIZE)}
        path, needs = f"{self._repo}/pulls", "pull-requests: read"
        return [_pull_request(item) for item in _list(self._get(path, query, needs=needs, timeout=timeout))]

    def checks(self, sha: str, *, timeout: float = CALL_SECONDS) -> Checks:
        """Return the check suites, the newest check runs and the newest statuses of a commit."""
        commit = f"{self._repo}/commits/{quote(sha, safe='')}"
        suites, all_suites = self._counted(f"{commit}/check-suites", "check_suites", "checks: read", timeout)
        runs, all_runs = self._counted(f"{commit}/check-runs", "check_runs", "checks: read", timeout)
        statuses, all_statuses = self._counted(f"{commit}/status", "statuses", "statuses: read", timeout)
        return Checks(
            tuple(map(_suite, suites)),
            tuple(map(_check_run, runs)),
            tuple(map(_commit_status, statuses)),
            are_all_listed=all_suites and all_runs and all_statuses,
        )

    def annotations(self, check: Check, *, timeout: float = CALL_SECONDS) -> list[Untrusted]:
        """Return the titles of the first annotations of a check run; one without a title has its message."""
        path = f"{self._repo}/check-runs/{check.id.removeprefix('run ')}/annotations"
        found = map(_mapping, _list(self._get(path, {"per_page": "3"}, needs="checks: read", timeout=timeout)))
        return [Untrusted(item.get("title") or item.get("message")) for item in found]

    def may_write(self, login: str, *, timeout: float = CALL_SECONDS) -> bool:
        """Return whether a user has write access to the repository, also as a member or through a team."""
        data = self._get(
            f"{self._repo}/collaborators/{quote(login, safe='')}/permission", needs="metadata: read", timeout=timeout
        )
        return _mapping(data).get("permission") in ("admin", "write")

    def words(
        self, node_ids: Sequence[str], *, needs: str, timeout: float = CALL_SECONDS
    ) -> list[tuple[str, str] | None]:
        """Return title and body of issues, comments and their like; None for what is not there, or not shown.

        In GraphQL, for REST has no discussions: ``api_url`` has to be without the ``/v3`` of GitHub Enterprise Server.
        """
        body = {"query": _WORDS, "variables": {"ids": list(node_ids)}}
        answer = _mapping(self._send("POST", "/graphql", body, needs=needs, timeout=timeout))
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
        for item in self._pages(f"{self._repo}/issues/{issue}/comments", None, needs=_COMMENTS, timeout=timeout):
            body, number = item.get("body"), item.get("id")
            user = item.get("user")
            is_app = isinstance(user, dict) and user.get("type") == "Bot"
            match = marker.match(body) if is_app and isinstance(body, str) else None
            if match and isinstance(number, int):
                return number, match[0]
        return None

    def create_comment(self, issue: int, body: str, *, timeout: float = CALL_SECONDS) -> int:
        """Comment on an issue or pull request, and return the comment's id."""
        data = _mapping(
            self._send(
                "POST", f"{self._repo}/issues/{issue}/comments", {"body": body}, needs=_COMMENTS, timeout=timeout
            )
        )
        number = data.get("id")
        if not isinstance(number, int):
            raise errors.GitHubUnavailableError("GitHub's answer has no comment id")
        return number

    def edit_comment(self, comment: int, body: str, *, timeout: float = CALL_SECONDS) -> None:
        """Replace the text of a comment."""
        self._send("PATCH", f"{self._repo}/issues/comments/{comment}", {"body": body}, needs=_COMMENTS, timeout=timeout)

    def _counted(self, path: str, name: str, needs: str, timeout: float) -> tuple[list[Mapping[str, object]], bool]:
        """Return the items of a list, and whether they are as many as GitHub says that there are."""
        totals: list[object] = []
        items = list(self._pages(path, name, needs=needs, timeout=timeout, totals=totals))
        return items, all(isinstance(total, int) and len(items) >= total for total in totals)

    def _pages(
        self, path: str, name: str | None, *, needs: str, timeout: float, totals: list[object] | None = None
    ) -> Iterator[Mapping[str, object]]:
        """Yield the items of a list, page by page; ``name`` is the field that holds it.

        ``totals`` gets what each page says about the length of the list.
        """
        for page in range(1, MAX_PAGES + 1):
            query = {"per_page": str(PAGE_SIZE), "page": str(page)}
            data = self._get(path, query, needs=needs, timeout=timeout)
            items = _list(data if name is None else _mapping(data).get(name))
            if totals is not None:
                totals.append(_mapping(data).get("total_count"))
            yield from (item for item in items if isinstance(item, dict))
            if len(items) < PAGE_SIZE:
                return

    def _get(self, path: str, query: Mapping[str, str] | None = None, *, needs: str, timeout: float) -> object:
        """Return the data of an answer; ``needs`` is the permission that the call takes."""
        key = f"{path}?{json.dumps(query)}"
        tag, cached = self._cached.get(key, ("", None))
        headers = {**_HEADERS, "If-None-Match": tag} if tag else _HEADERS
        answer = self._answer("GET", path, query=query, headers=headers, timeout=timeout)
        if answer.status == 304:
            return cached
        data = _data(answer, needs)
        if answer.headers.get("ETag"):
            self._cached[key] = (answer.headers["ETag"], data)
        return data

    def _send(self, method: str, path: str, body: object, *, needs: str, timeout: float) -> object:
        return _data(self._answer(method, path, json=body, timeout=timeout), needs)

    def _answer(self, method: str, path: str, *, headers: Mapping[str, str] = _HEADERS, **parts: Any) -> Answer:
        try:
            return self._transport.send(method, path, headers=headers, **parts)
        except errors.MogplexError as error:
            if isinstance(error, errors.UnreachableError) and not isinstance(error, errors.WrongServiceError):
                raise errors.GitHubUnavailableError(
                    "GitHub's API gives no usable answer", remedy=_NETWORK_REMEDY
                ) from error
            # A redirect to another host, or a certificate that is not trusted.
            raise errors.GitHubError(f"GitHub's API cannot be used: {error.cause}", remedy=_NETWORK_REMEDY) from error


def _data(answer: Answer, needs: str) -> object:
    if 200 <= answer.status < 300:
        try:
            return json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError) as error:
            raise errors.GitHubUnavailableError("GitHub's answer is not JSON") from error
    raise _refusal(answer, needs)


def _refusal(answer: Answer, needs: str) -> errors.GitHubError:
    """Return the error for a refused request. GitHub refuses with 403 or 429 when a rate limit is used up."""
    wait = parse_retry_after(answer.headers.get("Retry-After"))
    is_used_up = answer.headers.get("X-RateLimit-Remaining") == "0"
    if answer.status in (403, 429) and (wait is not None or is_used_up or answer.status == 429):
        error: errors.GitHubError = errors.GitHubUnavailableError("GitHub's rate limit is used up")
        error.retry_after = wait if wait is not None else _until_reset(answer.headers.get("X-RateLimit-Reset", ""))
        return error
    if answer.status >= 500:
        error = errors.GitHubUnavailableError("GitHub's API is not available")
        error.retry_after = wait
        return error
    if answer.status == 401:
        remedy = "Set it to ${{ github.token }}, or to another current token."
        return errors.GitHubError("GitHub does not accept github-token", remedy=remedy)
    if answer.status == 403 and "X-GitHub-SSO" in answer.headers:
        return errors.GitHubError(
            "github-token is not authorized for the organization's single sign-on", remedy=_SSO_REMEDY
        )
    remedy = f"Give the job the permission {needs}, and github-token access to this repository."
    if answer.status == 403:
        return errors.GitHubError("github-token may not do this", remedy=remedy)
    if answer.status == 404:
        return errors.GitHubNotFoundError("GitHub does not find it, or github-token may not read it", remedy=remedy)
    return errors.GitHubError(f"GitHub refused the request with status {answer.status}")


def _until_reset(header: str) -> float | None:
    """Return the seconds until a rate limit's reset, which GitHub gives in seconds since 1970."""
    if not header.isascii() or not header.isdigit() or len(header) > 12:
        return None
    return max(int(header) - time.time(), 1.0)


def _pull_request(data: object) -> PullRequest:
    item = _mapping(data)
    head = _mapping(item.get("head"))
    repo = head.get("repo")  # null when the fork was deleted
    name = repo.get("full_name") if isinstance(repo, dict) else None
    url, branch = item.get("html_url"), head.get("ref")
    if not isinstance(url, str) or not isinstance(branch, str):
        raise errors.GitHubUnavailableError("GitHub's answer is not a pull request")
    return PullRequest(
        Untrusted(url), item.get("state") == "open", (str(name).lower(), branch, _commit(head.get("sha")))
    )


def _suite(item: Mapping[str, object]) -> Check:
    runs = item.get("latest_check_runs_count")
    return _check("suite", item, item, runs=runs if isinstance(runs, int) else 0)


def _check_run(item: Mapping[str, object]) -> Check:
    return _check("run", item, _mapping(item.get("check_suite")))


def _check(kind: str, item: Mapping[str, object], suite: Mapping[str, object], *, runs: int = 0) -> Check:
    app = item.get("app")
    slug, name = (app.get("slug"), app.get("name")) if isinstance(app, dict) else (None, None)
    suite_id = suite.get("id")
    return Check(
        id=f"{kind} {item.get('id')}",
        name=Untrusted(item.get("name") or name or "checks"),
        url=_text(item.get("html_url")) or _text(item.get("details_url")),
        is_complete=item.get("status") == "completed",
        conclusion=str(item.get("conclusion") or ""),
        app=str(slug or ""),
        suite=suite_id if isinstance(suite_id, int) else 0,
        runs=runs,
    )


def _commit_status(item: Mapping[str, object]) -> Check:
    state = item.get("state")
    return Check(
        id=f"status {item.get('id')}",
        name=Untrusted(item.get("context")),
        url=_text(item.get("target_url")),
        is_complete=state in ("success", "failure", "error"),
        conclusion=str(state),
    )


def _commit(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", value):
        raise errors.GitHubUnavailableError("GitHub's answer lacks a commit")
    return value


def _time(value: object) -> datetime:
    try:
        time_of_push = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise errors.GitHubUnavailableError("GitHub's answer lacks a time") from error
    return time_of_push if time_of_push.tzinfo else time_of_push.replace(tzinfo=UTC)


def _mapping(data: object) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise errors.GitHubUnavailableError("GitHub's answer lacks an object")
    return data


def _list(data: object) -> list[object]:
    if not isinstance(data, list):
        raise errors.GitHubUnavailableError("GitHub's answer lacks a list")
    return data


def _text(value: object) -> Untrusted | None:
    return Untrusted(value) if isinstance(value, str) else None
