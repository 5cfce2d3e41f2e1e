"""What GitHub's REST API answers: the types, and their one reading of its JSON.

Like everything that comes from outside, it is untrusted. Facts: docs.github.com/rest, API version
2022-11-28.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.answers import text, time
from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")

NO_COMMIT: Final = "0" * 40
"""The commit of a branch before it was created, in its activity."""
MAX_COMPARED_FILES: Final = 300
"""Most files in GitHub's answer to a comparison; it has no further pages of them."""


class ChangedFile(NamedTuple):
    """A file that a comparison lists."""

    path: Untrusted
    previous_path: Untrusted | None
    """Its path before it was renamed."""
    status: str
    """GitHub's word, such as ``added``; empty if there is none."""
    content: str
    """Id of its content; empty if there is none."""


class Comparison(NamedTuple):
    """The changes of a commit compared to an earlier one, or to the point where its branch left
    another branch.
    """

    ahead_by: int
    """Commits that the later one has and the earlier one has not."""
    is_descendant: bool
    """Whether the later one holds every commit of the earlier one."""
    merge_base: str
    """The newest commit that is in both."""
    files: tuple[ChangedFile, ...]

    @property
    def is_complete(self) -> bool:
        """Whether ``files`` holds every file."""
        return len(self.files) < MAX_COMPARED_FILES


class Move(NamedTuple):
    """A branch was pushed, created, merged into or deleted."""

    before: str
    """Its commit before; zeros if there was none."""
    after: str
    at: datetime
    actor: str
    """Login of the account; empty if GitHub does not show it, as of a merge queue."""
    by_person: bool
    """Whether the account is a user, and not an app."""


class Head(NamedTuple):
    """The branch that a pull request would merge."""

    repository: str
    """``owner/name`` in lower case."""
    branch: str
    commit: str


class PullRequest(NamedTuple):
    """A pull request, as GitHub has it now."""

    number: int
    url: Untrusted
    is_open: bool
    head: Head
    base: str
    """Name of the branch that it would be merged into."""
    created_at: datetime | None
    merged_at: datetime | None
    """None unless it was merged."""
    merged_by: str
    """Login of the user who merged it; empty if it is not merged, and in a list."""
    opened_by: str
    """Login of who opened it; empty if that account is gone."""


class Check(NamedTuple):
    """A check suite, a check run, or a commit status."""

    kind: str
    """``suite``, ``run`` or ``status``."""
    id: str
    """Unique among all three, and another one after it ran again."""
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
    app_id: int
    """Number of the app; 0 for a status without one, and ``NO_APP`` for a person's."""
    completed_at: datetime | None
    """When a check run ended, or a status was made; None for a suite."""
    title: Untrusted | None = None
    """What a check run says of itself; None for all others."""
    summary: Untrusted | None = None

    @property
    def number(self) -> str:
        """GitHub's id of a check run; of a job of GitHub Actions also the job's id."""
        return self.id.removeprefix("run ")

    @property
    def is_job(self) -> bool:
        """Whether it is a job of GitHub Actions: by the page that GitHub gives it."""
        has_job_page = re.search(r"/actions/runs/[0-9]+/job/", self.page) is not None
        return self.app == "github-actions" and has_job_page


NO_APP: Final = -1
_PICTURE: Final = re.compile(r"/(?P<owner>in|u)/(?P<number>\d{1,12})(?:[?/]|$)", re.ASCII)
"""The path of the picture of an app or a person."""


class Annotation(NamedTuple):
    """What a check says of a line of a file."""

    path: Untrusted
    line: int
    title: Untrusted
    """Its message if it has no title."""
    message: Untrusted
    """Its title if it has no message."""


class RequiredCheck(NamedTuple):
    """A check that a branch's rules or protection require."""

    name: str
    app_id: int | None
    """The only app whose word counts; None if anybody's does."""


class WorkflowRun(NamedTuple):
    """A run of a workflow of GitHub Actions."""

    id: int
    suite: int
    """Id of its check suite."""
    workflow: int
    event: str
    conclusion: str
    """Empty as long as there is none."""


def pull_request(item: object) -> PullRequest:
    """Read a pull request, of a list or alone."""
    name = field_at(item, "head", "repo", "full_name")  # null when the fork was deleted
    branch = need(item, text, "head", "ref")
    commit = need(item, as_commit, "head", "sha")
    return PullRequest(
        number=need(item, as_number, "number"),
        url=need(item, text, "html_url"),
        is_open=field_at(item, "state") == "open",
        head=Head(str(name).lower(), branch.text, commit),
        base=need(item, text, "base", "ref").text,
        created_at=time(field_at(item, "created_at")),
        merged_at=time(field_at(item, "merged_at")),
        merged_by=login(field_at(item, "merged_by")),
        opened_by=login(field_at(item, "user")),
    )


def changed_file(item: object) -> ChangedFile:
    """Read a file of a comparison."""
    previous = None
    if field_at(item, "previous_filename"):
        previous = need(item, text, "previous_filename")
    return ChangedFile(
        path=need(item, text, "filename"),
        previous_path=previous,
        status=str(field_at(item, "status") or ""),
        content=str(field_at(item, "sha") or ""),
    )


def move(item: object) -> Move:
    """Read a move of a branch, of its activity."""
    return Move(
        before=need(item, as_commit, "before"),
        after=need(item, as_commit, "after"),
        at=need(item, time, "timestamp"),
        actor=login(field_at(item, "actor")),
        by_person=field_at(item, "actor", "type") == "User",
    )


def login(user: object) -> str:
    """Read the login of an account; empty if there is none."""
    return str(field_at(user, "login") or "")


def check_of(kind: str, item: object, path_of_suite: Sequence[str]) -> Check:
    """Read an item of a list of checks; ``path_of_suite`` is where it has the id of its suite."""
    state = field_at(item, "state")
    return Check(
        kind,
        id=f"{kind} {field_at(item, 'id')}",
        name=Untrusted(
            field_at(item, "name")
            or field_at(item, "context")
            or field_at(item, "app", "name")
            or "checks"
        ),
        url=text(
            field_at(item, "html_url")
            or field_at(item, "details_url")
            or field_at(item, "target_url")
        ),
        is_complete=field_at(item, "status") == "completed"
        or state in ("success", "failure", "error"),
        conclusion=str(field_at(item, "conclusion") or state or ""),
        app=str(field_at(item, "app", "slug") or ""),
        suite=as_number(field_at(item, *path_of_suite)) or 0,
        runs=as_number(field_at(item, "latest_check_runs_count")) or 0,
        page=str(field_at(item, "html_url") or ""),
        app_id=as_number(field_at(item, "app", "id")) or _app_of_status(item),
        completed_at=time(field_at(item, "created_at" if kind == "status" else "completed_at")),
        title=text(field_at(item, "output", "title")),
        summary=text(field_at(item, "output", "summary")),
    )


def _app_of_status(item: object) -> int:
    """Return the number of the app that made a status, if its picture shows it: GitHub lists
    statuses without their app, and an app's picture is ``…/in/NUMBER``, a person's ``…/u/NUMBER``.
    """
    picture = _PICTURE.search(str(field_at(item, "avatar_url") or ""))
    if picture is None:
        return 0
    if picture["owner"] == "u":
        return NO_APP
    return int(picture["number"])


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


def workflow_run(item: object) -> WorkflowRun:
    """Read a run of a workflow."""
    return WorkflowRun(
        id=need(item, as_number, "id"),
        suite=as_number(field_at(item, "check_suite_id")) or 0,
        workflow=as_number(field_at(item, "workflow_id")) or 0,
        event=str(field_at(item, "event") or ""),
        conclusion=str(field_at(item, "conclusion") or ""),
    )


def required_by_rule(rule: object) -> Iterator[RequiredCheck]:
    """Yield the checks that a rule requires."""
    if field_at(rule, "type") != "required_status_checks":
        return
    for item in as_list(field_at(rule, "parameters", "required_status_checks")) or ():
        name = need(item, text, "context").text
        yield RequiredCheck(name, as_number(field_at(item, "integration_id")))


def approvals_by_rule(rule: object) -> int:
    """Return how many approvals a rule requires."""
    if field_at(rule, "type") != "pull_request":
        return 0
    return as_number(field_at(rule, "parameters", "required_approving_review_count")) or 0


def required_by_protection(branch: object) -> Iterator[RequiredCheck]:
    """Yield the checks that the classic protection of a branch requires. An app's number of -1
    stands for any.
    """
    required = ("protection", "required_status_checks")
    told = as_list(field_at(branch, *required, "checks")) or []
    for item in told:
        app = as_number(field_at(item, "app_id"))
        if app is not None and app <= 0:
            app = None
        yield RequiredCheck(need(item, text, "context").text, app)
    names = {need(item, text, "context").text for item in told}
    for name in as_list(field_at(branch, *required, "contexts")) or ():
        if isinstance(name, str) and name not in names:
            yield RequiredCheck(name, None)


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
    if (found := read(field_at(data, *path))) is None:
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
