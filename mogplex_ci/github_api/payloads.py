"""What GitHub's REST API answers: the types, and their one reading of its JSON.

Like everything that comes from outside, it is untrusted. Facts: docs.github.com/rest, API version
2022-11-28.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.answers import text, time
from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")

MAX_COMPARED_FILES: Final = 300
"""Most files in GitHub's answer to a comparison; it has no further pages of them."""
MAX_LISTED_FILES: Final = 3_000
"""Most files that GitHub lists of a pull request."""


class ChangedFile(NamedTuple):
    """A file of a comparison or a pull request."""

    path: Untrusted
    previous_path: Untrusted | None
    """Its path before it was renamed."""
    status: str
    """GitHub's word, such as ``added``, ``removed`` or ``renamed``; empty if there is none."""
    content: str
    """Id of its content; empty if there is none."""
    additions: int
    deletions: int
    """Lines; both are 0 if GitHub does not count them, as in a binary file."""


class Comparison(NamedTuple):
    """The changes of a commit since the point where its branch left another branch."""

    ahead_by: int
    """Commits that the later one has and the earlier one has not."""
    behind_by: int
    """Commits that the earlier one has and the later one has not."""
    merge_base: str
    """The newest commit that is in both; git chooses one of several."""
    files: tuple[ChangedFile, ...]
    first_parents: Mapping[str, str]
    """First parent of each commit that the later one has and the earlier one has not; the newest
    250.
    """


class Commit(NamedTuple):
    """A commit."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    """Id of all its files: two commits with the same files have the same."""
    author: str
    """Login of its author; empty if GitHub knows no account."""


class PullRequest(NamedTuple):
    """A pull request, as GitHub has it now."""

    number: int
    url: Untrusted
    is_open: bool
    is_own: bool
    """Whether its branch is in the same repository, not in a fork."""
    branch: str
    commit: str
    """The tip of its branch, as of its merge if it was merged."""
    base: str
    """Name of the branch that it would be merged into."""
    opened_by: str
    """Login of who opened it; empty if that account is gone."""
    merged_at: datetime | None
    """None unless it was merged."""
    merged_by: str
    """Login of who merged it; empty if it is not merged, and in a list."""
    merge_commit: str
    """The merge, or GitHub's test of it as long as it is open; empty if there is none."""


class Check(NamedTuple):
    """A check suite, a check run, or a commit status."""

    kind: str
    """``suite``, ``run`` or ``status``."""
    number: int
    """GitHub's id of it; a newer one of its kind has a higher one."""
    name: Untrusted
    url: Untrusted | None
    page: str
    """The address that GitHub gives it; empty if there is none. The maker's own, ``details_url``,
    proves nothing.
    """
    is_complete: bool
    conclusion: str
    """GitHub's word, such as ``success`` or ``action_required``; empty as long as there is none."""
    app: str
    """Slug of the app that made it, such as ``github-actions``; empty for a status."""
    suite: int
    """Id of the suite that it is, or is part of; 0 for a status."""
    runs: int
    """Check runs of a suite."""
    title: Untrusted | None
    """What a check run says of itself; None for all others."""
    summary: Untrusted | None


class Annotation(NamedTuple):
    """What a check says of a line of a file."""

    path: Untrusted
    line: int
    title: Untrusted
    """Its message if it has no title."""
    message: Untrusted
    """Its title if it has no message."""


def pull_request(item: object) -> PullRequest:
    """Read a pull request, of a list or alone."""
    head_repo = field_at(item, "head", "repo", "id")  # null when the fork was deleted
    return PullRequest(
        number=need(item, as_number, "number"),
        url=need(item, text, "html_url"),
        is_open=field_at(item, "state") == "open",
        is_own=head_repo is not None and head_repo == field_at(item, "base", "repo", "id"),
        branch=need(item, text, "head", "ref").text,
        commit=need(item, as_commit, "head", "sha"),
        base=need(item, text, "base", "ref").text,
        opened_by=_login(item, "user"),
        merged_at=time(field_at(item, "merged_at")),
        merged_by=_login(item, "merged_by"),
        merge_commit=as_commit(field_at(item, "merge_commit_sha")) or "",
    )


def comparison(data: object) -> Comparison:
    """Read a comparison."""
    first_parents = {}
    for item in as_list(field_at(data, "commits")) or ():
        parents = as_list(field_at(item, "parents"))
        if parents:
            first_parents[need(item, as_commit, "sha")] = need(parents[0], as_commit, "sha")
    return Comparison(
        ahead_by=need(data, as_number, "ahead_by"),
        behind_by=need(data, as_number, "behind_by"),
        merge_base=need(data, as_commit, "merge_base_commit", "sha"),
        files=tuple(map(changed_file, need(data, as_list, "files"))),
        first_parents=first_parents,
    )


def changed_file(item: object) -> ChangedFile:
    """Read a file of a comparison or a pull request."""
    previous = None
    if field_at(item, "previous_filename"):
        previous = need(item, text, "previous_filename")
    return ChangedFile(
        path=need(item, text, "filename"),
        previous_path=previous,
        status=str(field_at(item, "status") or ""),
        content=str(field_at(item, "sha") or ""),
        additions=as_number(field_at(item, "additions")) or 0,
        deletions=as_number(field_at(item, "deletions")) or 0,
    )


def commit(item: object) -> Commit:
    """Read a commit of a list."""
    parents = need(item, as_list, "parents")
    return Commit(
        sha=need(item, as_commit, "sha"),
        parents=tuple(need(parent, as_commit, "sha") for parent in parents),
        tree=need(item, as_commit, "commit", "tree", "sha"),
        author=_login(item, "author"),
    )


def check_of(kind: str, item: object) -> Check:
    """Read an item of a list of checks."""
    state = field_at(item, "state")
    number = as_number(field_at(item, "id")) or 0
    # A run has a name, a status a context, and a suite only that of its app.
    name = field_at(item, "name") or field_at(item, "context") or field_at(item, "app", "name")
    # GitHub's own page first: ``details_url`` is free text of the check's maker.
    url = field_at(item, "html_url") or field_at(item, "details_url")
    suite = number if kind == "suite" else as_number(field_at(item, "check_suite", "id"))
    is_complete = field_at(item, "status") == "completed"
    return Check(
        kind,
        number,
        name=Untrusted(name or "checks"),
        url=text(url or field_at(item, "target_url")),
        page=str(field_at(item, "html_url") or ""),
        is_complete=is_complete or state in ("success", "failure", "error"),
        conclusion=str(field_at(item, "conclusion") or state or ""),
        app=str(field_at(item, "app", "slug") or ""),
        suite=suite or 0,
        runs=as_number(field_at(item, "latest_check_runs_count")) or 0,
        title=text(field_at(item, "output", "title")),
        summary=text(field_at(item, "output", "summary")),
    )


def annotation(item: object) -> Annotation:
    """Read an annotation of a check run."""
    title = field_at(item, "title")
    message = field_at(item, "message")
    return Annotation(
        path=Untrusted(field_at(item, "path") or ""),
        line=as_number(field_at(item, "start_line")) or 1,
        title=Untrusted(title or message or ""),
        message=Untrusted(message or title or ""),
    )


def required_by_rule(rule: object) -> Iterator[str]:
    """Yield the names of the checks that a rule requires."""
    if field_at(rule, "type") == "required_status_checks":
        for item in as_list(field_at(rule, "parameters", "required_status_checks")) or ():
            yield need(item, text, "context").text


def required_by_protection(branch: object) -> Iterator[str]:
    """Yield the names of the checks that the classic protection of a branch requires."""
    # A token without administration gets no more than this part: isaacs/github#1940.
    required = ("protection", "required_status_checks")
    for item in as_list(field_at(branch, *required, "checks")) or ():
        yield need(item, text, "context").text
    # The older form. A check may be in one of the two lists alone.
    for name in as_list(field_at(branch, *required, "contexts")) or ():
        yield need(name, text).text


def field_at(data: object, *path: str) -> object:
    """Return the value below the object keys ``path``; None when it is missing."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def need(data: object, read: Callable[[object], T | None], *path: str) -> T:
    """Return what ``read`` makes of the value below the object keys ``path``.

    Raises:
        GitHubUnavailableError: it is missing, or something else.
    """
    found = read(field_at(data, *path))
    if found is None:
        raise unusable_answer()
    return found


def unusable_answer() -> errors.GitHubUnavailableError:
    """Return the error for an answer that has not what its documentation promises."""
    return errors.GitHubUnavailableError("GitHub's response does not follow its API")


def as_list(value: object) -> list[object] | None:
    """Return a list as it is; None for all else."""
    return value if isinstance(value, list) else None


def as_number(value: object) -> int | None:
    """Return a whole number as it is; None for all else."""
    return value if isinstance(value, int) else None


def as_commit(value: object) -> str | None:
    """Return the id of a commit, as SHA-1 or SHA-256; None for all else."""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", value):
        return value
    return None


def _login(item: object, role: str) -> str:
    return str(field_at(item, role, "login") or "")
