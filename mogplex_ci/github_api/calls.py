"""A token's view of one repository on GitHub."""

import base64
import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self
from urllib.parse import quote

from mogplex_ci import errors
from mogplex_ci.api.answers import text
from mogplex_ci.api.retry import CALL_SECONDS, parse_retry_after
from mogplex_ci.api.transport import Answer, RequestLog, Transport
from mogplex_ci.github_api import payloads
from mogplex_ci.github_api.payloads import (
    Annotation,
    ChangedFile,
    Check,
    Commit,
    Comparison,
    PullRequest,
    as_commit,
    as_list,
    as_number,
    field_at,
    need,
    unusable_answer,
)
from mogplex_ci.platforms.base import COMMENT_RIGHTS

PAGE_SIZE: Final = 100
# 3,000 files are all that GitHub lists of a pull request.
MAX_PAGES: Final = 30
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_NETWORK_REMEDY: Final = (
    "Check the proxy settings and the network between this runner and GitHub's API."
)
_LACKS_RIGHT: Final = b"Resource not accessible by"
"""How GitHub's message of a missing right begins, for every kind of token."""
_LIMITED: Final = b"secondary rate limit"
"""Words of GitHub's message, in lower case, if no header reports a limit."""
SECONDARY_LIMIT_SECONDS: Final = 60.0
"""How long to wait at a secondary limit that names no time, as GitHub asks for."""
_SSO_REMEDY: Final = "Authorize the token at github.com/settings/tokens (Configure SSO)."
_CONTENTS: Final = "contents: read"
_CHECKS_PERMISSION: Final = "checks: read"
_STATUSES_PERMISSION: Final = "statuses: read"
_PULLS: Final = "pull-requests: read"
_CHECK_LISTS: Final = (
    ("check-suites", "check_suites", _CHECKS_PERMISSION, "suite"),
    ("check-runs", "check_runs", _CHECKS_PERMISSION, "run"),
    # This path has the newest status of each context; .../statuses has all that there were.
    ("status", "statuses", _STATUSES_PERMISSION, "status"),
)
"""The lists of a commit's checks: path, field, permission, kind."""


class GitHubApi:
    """A token's view of one repository on one GitHub server.

    Every method raises ``GitHubError``: ``GitHubUnavailableError`` if asking again may help.
    """

    def __init__(
        self,
        api_url: str,
        token: str,
        repository: str,
        *,
        diagnostics: RequestLog | None = None,
    ) -> None:
        """``api_url`` is such as ``https://api.github.com``; ``repository`` is ``owner/name``."""
        self._transport = Transport(api_url, token, diagnostics=diagnostics)
        self.repository = repository
        self._owner = repository.partition("/")[0]
        self._repo = f"/repos/{quote(repository, safe='/')}"
        self._seconds = CALL_SECONDS
        self._cached: dict[str, tuple[str | None, object]] = {}
        """ETag and answer by what was read: an unchanged answer does not count against the rate
        limit.
        """

    def within(self, seconds: float) -> Self:
        """Return the same view, with so many seconds for each request."""
        view = copy(self)
        view._seconds = seconds
        return view

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def tip(self, branch: str) -> str | None:
        """Return the commit at the tip of ``branch``; None if the branch does not exist."""
        try:
            ref = self._ask(f"{self._repo}/git/ref/heads/{_in_path(branch)}", _CONTENTS)
            return need(ref, as_commit, "object", "sha")
        except errors.GitHubNotFoundError:
            # GitHub answers a repository that the token may not read in the same way. Everybody who
            # may read one may read this.
            self._ask(self._repo, _CONTENTS)
            return None

    def try_to_read(self, path: str, right: str) -> None:
        """Read a little of what is below the repository at ``path``, which takes ``right``.

        Raises:
            GitHubForbiddenError: the token lacks the right.
            GitHubNotFoundError: the token does not see the repository.
            GitHubError: as for every call.
        """
        try:
            self._ask(f"{self._repo}/{path}", right, {"per_page": "1"})
        except errors.GitHubNotFoundError:  # an empty repository has none of it
            self._ask(self._repo, "metadata: read")

    def file(self, path: str, commit: str) -> bytes | None:
        """Return a file of a commit; None if there is none. Empty for a folder and for more than 1
        MiB.
        """
        try:
            data = self._ask(f"{self._repo}/contents/{quote(path)}", _CONTENTS, {"ref": commit})
        except errors.GitHubNotFoundError:
            return None
        # GitHub sends the encoding "none" for files of more than 1 MiB, and a list for a folder.
        content = field_at(data, "content") if field_at(data, "encoding") == "base64" else ""
        try:
            return base64.b64decode(content if isinstance(content, str) else "")
        except ValueError as error:
            raise unusable_answer() from error

    def commit(self, sha: str, until: datetime | None = None) -> Commit | None:
        """Return a commit; with ``until`` the newest one of its history that was made by then. None
        if there is none.
        """
        query = {"sha": sha, "per_page": "1"}
        if until is not None:
            query["until"] = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        listed = need(self._ask(f"{self._repo}/commits", _CONTENTS, query), as_list)
        return payloads.commit(listed[0]) if listed else None

    def compare(self, base: str, head: str) -> Comparison:
        """Compare two commits."""
        # GitHub does not serve a comparison with two dots: github/docs#13185.
        span = f"{quote(base, safe='')}...{quote(head, safe='')}"
        return payloads.comparison(self._ask(f"{self._repo}/compare/{span}", _CONTENTS))

    def tree(self, commit: str) -> Mapping[str, str]:
        """Return the id of each file's content by its path, up to 100,000 of them."""
        path = f"{self._repo}/git/trees/{quote(commit, safe='')}"
        data = self._ask(path, _CONTENTS, {"recursive": "1"})
        entries = need(data, as_list, "tree")
        return {str(field_at(each, "path")): str(field_at(each, "sha")) for each in entries}

    def pull_requests_of(self, branch: str) -> list[PullRequest]:
        """Return the newest pull requests whose head has the name ``branch`` and this repository's
        owner, up to a hundred.
        """
        query = {
            "head": f"{self._owner}:{_branch(branch)}",
            "state": "all",
            "direction": "desc",
            "per_page": str(PAGE_SIZE),
        }
        found = self._ask(f"{self._repo}/pulls", _PULLS, query)
        return [payloads.pull_request(item) for item in need(found, as_list)]

    def pull_request(self, number: int) -> PullRequest:
        """Return a pull request by its number."""
        return payloads.pull_request(self._ask(f"{self._repo}/pulls/{number}", _PULLS))

    def files_of(self, number: int) -> list[ChangedFile]:
        """Return the files of a pull request, up to 3,000: GitHub lists no more."""
        found: list[ChangedFile] = []
        for items, _ in self._pages(f"{self._repo}/pulls/{number}/files", _PULLS):
            found += map(payloads.changed_file, items)
        return found

    def checks(self, sha: str) -> tuple[list[Check], bool]:
        """Return suites, newest runs and newest statuses of a commit, and whether they are as many
        as GitHub counts.
        """
        found: list[Check] = []
        are_all_listed = True
        for path, name, needs, kind in _CHECK_LISTS:
            pages = list(self._pages(f"{self._repo}/commits/{sha}/{path}", needs, name))
            checks = [payloads.check_of(kind, item) for items, _ in pages for item in items]
            # By number: a list that grows while it is read has an item on two pages.
            listed = {check.number: check for check in checks}
            found += listed.values()
            for _, count in pages:
                are_all_listed &= isinstance(count, int) and len(listed) >= count
        return found, are_all_listed

    def required_checks(self, branch: str) -> set[str]:
        """Return the names of the checks that rules and classic protection require of a branch; in
        a private repository on the free plan there are none.
        """
        try:
            rules = self._rules(branch)
        except _NotInPlanError:
            return set()
        found = {name for rule in rules for name in payloads.required_by_rule(rule)}
        with contextlib.suppress(errors.GitHubNotFoundError):  # the branch is gone
            # Rules do not list classic protection: netresearch/git-workflow-skill#329.
            protected = self._ask(f"{self._repo}/branches/{_in_path(branch)}", _CONTENTS)
            found |= set(payloads.required_by_protection(protected))
        return found

    def _rules(self, branch: str) -> list[object]:
        """Return the active rules of a branch; none on an older GitHub Enterprise Server."""
        try:
            pages = self._pages(f"{self._repo}/rules/branches/{_in_path(branch)}", "metadata: read")
            return [rule for page, _ in pages for rule in page]
        except errors.GitHubNotFoundError:
            return []

    def annotations(self, run: int, most: int) -> list[Annotation]:
        """Return the first annotations of a check run, up to a hundred."""
        path = f"{self._repo}/check-runs/{run}/annotations"
        found = need(self._ask(path, _CHECKS_PERMISSION, {"per_page": str(most)}), as_list)
        return [payloads.annotation(item) for item in found]

    def may_write(self, login: str) -> bool:
        """Return whether a user has write access to the repository, also as a member or through a
        team.
        """
        data = self._ask(
            f"{self._repo}/collaborators/{quote(login, safe='')}/permission", "metadata: read"
        )
        # The role "maintain" counts as "write" in this field, and "triage" as "read".
        return need(data, text, "permission").one_of("admin", "write") is not None

    def find_comment(self, issue: int, marker: re.Pattern[str]) -> tuple[int, str] | None:
        """Return id and marker of an app's oldest comment on an issue or pull request that begins
        with ``marker``.

        An app's, because anybody may copy the marker into a comment of their own; the oldest,
        because an app may repeat what it read.
        """
        for items, _ in self._pages(f"{self._repo}/issues/{issue}/comments", COMMENT_RIGHTS):
            for item in items:
                body = field_at(item, "body")
                number = field_at(item, "id")
                is_app = field_at(item, "user", "type") == "Bot"
                match = marker.match(body) if is_app and isinstance(body, str) else None
                if match and isinstance(number, int):
                    return number, match[0]
        return None

    def write_comment(self, issue: int, body: str, comment: int | None = None) -> int:
        """Comment on an issue or pull request, or replace the text of ``comment``; return the
        comment's id.
        """
        method, path = "POST", f"{self._repo}/issues/{issue}/comments"
        if comment is not None:
            method, path = "PATCH", f"{self._repo}/issues/comments/{comment}"
        answer = self._send(method, path, json={"body": body}, headers=_HEADERS)
        return need(_data_of(answer, COMMENT_RIGHTS), as_number, "id")

    def _pages(self, path: str, needs: str, *name: str) -> Iterator[tuple[list[object], object]]:
        """Yield the items on each page, and how many there are on all; ``name`` is the field that
        has the items.
        """
        for page in range(1, MAX_PAGES + 1):
            data = self._ask(path, needs, {"per_page": str(PAGE_SIZE), "page": str(page)})
            items = need(data, as_list, *name)
            yield items, field_at(data, "total_count")
            if len(items) < PAGE_SIZE:
                return

    def _ask(self, path: str, needs: str, query: Mapping[str, str] | None = None) -> object:
        """Return the data of what is at a path, the same as before if GitHub says that it is
        unchanged. ``needs`` is the permission that the call takes.
        """
        key = f"{path}?{json.dumps(query)}"
        tag, cached = self._cached.get(key, (None, None))
        headers = {**_HEADERS, "If-None-Match": tag}
        answer = self._send("GET", path, query=query, headers=headers)
        if answer.status == 304 and cached is not None:
            return cached
        data = _data_of(answer, needs)
        self._cached[key] = answer.headers.get("ETag"), data
        return data

    def _send(self, method: str, path: str, **parts: Any) -> Answer:
        """Send a request, with ``parts`` as ``Transport`` takes them, and return its answer."""
        try:
            return self._transport.send(method, path, timeout=self._seconds, **parts)
        except (errors.WrongServiceError, errors.NotAuthorizedError) as error:
            # A redirect to another host or to a login page, or no file with certificates.
            raise errors.GitHubError(
                f"GitHub's API cannot be used: {error.cause}", remedy=_NETWORK_REMEDY
            ) from error
        except errors.UnreachableError as error:
            cause = "GitHub's API sent an unusable response"
            raise errors.GitHubUnavailableError(cause, remedy=_NETWORK_REMEDY) from error


def _data_of(answer: Answer, needs: str) -> object:
    """Return the data of an answer.

    Raises:
        GitHubError: GitHub refuses, or the response is not JSON.
    """
    if not 200 <= answer.status < 300:
        raise _refusal(answer, needs)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise unusable_answer() from error


class _NotInPlanError(errors.GitHubError):
    """The plan of the repository's owner does not have what was asked for."""


def _refusal(answer: Answer, needs: str) -> errors.GitHubError:
    """Return the error for a refused request. GitHub refuses with 403 or 429 when a rate limit is
    used up: the hour's, which headers describe, or a secondary one, which only its message may
    mention (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
    """
    status = answer.status
    headers = answer.headers
    wait = parse_retry_after(headers.get("Retry-After"))
    is_used_up = headers.get("X-RateLimit-Remaining") == "0"
    says_limited = wait is not None or is_used_up or _LIMITED in answer.body.lower()
    if status == 429 or (status == 403 and says_limited):
        if wait is None:
            wait = _until_reset(headers) if is_used_up else SECONDARY_LIMIT_SECONDS
        return errors.GitHubUnavailableError("GitHub's rate limit is used up", retry_after=wait)
    if status >= 500:
        return errors.GitHubUnavailableError("GitHub's API is not available", retry_after=wait)
    # A private repository on the free plan. Only the message tells it from a missing permission:
    # https://github.com/github/branch-deploy/issues/345
    if status == 403 and b"Upgrade to GitHub" in answer.body:
        return _NotInPlanError("this repository's plan has no rules for branches")
    permission = f"Give github-token the permission {needs}, and access to this repository."
    match status:
        case 401:
            remedy = "Set it to a current token that can read this repository."
            return errors.GitHubTokenError("GitHub does not accept github-token", remedy=remedy)
        case 403 if "X-GitHub-SSO" in headers:
            cause = "github-token is not authorized for the organization's single sign-on"
            return errors.GitHubTokenError(cause, remedy=_SSO_REMEDY)
        case 403 if _LACKS_RIGHT in answer.body:
            return errors.GitHubForbiddenError("github-token may not do this", remedy=permission)
        case 403:  # such as for an address that the organization does not allow
            return errors.GitHubError("github-token may not do this", remedy=permission)
        case 404:
            cause = "GitHub did not find it, or github-token may not read it"
            return errors.GitHubNotFoundError(cause, remedy=permission)
    return errors.GitHubError(f"GitHub refused the request with status {status}")


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a rate limit's reset, which GitHub gives in seconds since 1970, by
    its own clock.
    """
    reset = headers.get("X-RateLimit-Reset", "")
    if not re.fullmatch("[0-9]{1,12}", reset):
        return None
    told = _date_of(headers)
    now = time.time() if told is None else told.timestamp()
    return max(int(reset) - now, 1.0)


def _date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return the time of an answer; None if it has none, as that of a proxy may."""
    try:
        told = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, OverflowError):
        return None
    # A date with the zone -0000 comes without one.
    return told.replace(tzinfo=told.tzinfo or UTC)


def _is_branch_name(name: str) -> bool:
    """Whether git accepts ``name`` as a branch's (git-check-ref-format(1)).

    No other name is asked of GitHub: ``requests`` resolves the dots of ``..``, quoted or not, so
    that another address than the branch's would be asked.
    """
    parts = name.split("/")
    return (
        not re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", name)
        and all(part and part[0] != "." and not part.endswith(".lock") for part in parts)
        and name != "@"
        and name[0] != "-"
        and not name.endswith(".")
    )


def _branch(name: str) -> str:
    """Return a branch's name, or a commit.

    Raises:
        GitHubError: git would not accept it.
    """
    if not _is_branch_name(name):
        raise errors.GitHubError("the run's branch has a name that git does not accept")
    return name


def _in_path(branch: str) -> str:
    return quote(_branch(branch), safe="/")
