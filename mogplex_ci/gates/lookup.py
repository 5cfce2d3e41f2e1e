"""Finds what a run has delivered, according to GitHub."""

from mogplex_ci.errors import GitHubError, GitHubForbiddenError
from mogplex_ci.gate_kinds import PULL_REQUEST
from mogplex_ci.gates.case import Case
from mogplex_ci.gates.changes import find_changes, has_changed
from mogplex_ci.github_api import PullRequest
from mogplex_ci.run.result import Delivery, RunDetails
from mogplex_ci.waiting import StopRequested

_MERGE_QUEUE = "github-merge-queue[bot]"


def find_results(case: Case, details: RunDetails) -> None:
    """Find the delivery of a run that has succeeded. If GitHub does not show it, or cannot be
    queried, the case has the error.

    Raises:
        StopRequested: a stop signal came.
    """
    case.begin(details)
    case.connect(details.repo)
    try:
        _use_branch_and_base(case)
        case.commit = case.tip(case.branch)
        case.found_at = case.service.now
        read_pull_requests(case)
        if case.commit is None:
            _find_deleted(case)
        if case.branch_before is None:
            # Of an existing branch, as it was before the run of an earlier attempt.
            case.branch_before = case.newest_commit_before_run(case.commit) if case.commit else ""
        compare_with_base(case)
    except GitHubError as error:
        case.error = error


def _use_branch_and_base(case: Case) -> None:
    """Note which branch the run used, and use the base that the service reports, unless the inputs
    name one. The inputs do not always name the branch: not that of a worktree or a followed run.

    Raises:
        GitHubError: the service does not report the branch.
    """
    run = case.details.run
    used = case.details.branch
    if run is None or used is None:
        raise GitHubError("the service does not report the branch of the run")
    branch = used.text
    # The service works elsewhere if the branch is gone, or its pull request closed.
    if branch != case.branch:
        case.branch_before = None
    if case.branch_before is None and run.made(branch):
        case.branch_before = ""
    case.branch = branch
    told = run.base_branch if case.inputs.base_branch is None else None
    if told is not None and told.text != case.base:
        case.base = told.text
        case.base_before = None
        case.required = None


def compare_with_base(case: Case) -> None:
    """Compare the commit with the base's tip as it is now."""
    case.base_now = case.tip(case.base) or case.base_before or ""
    if not case.base_now:  # GitHub may take an empty name for the default branch's
        raise GitHubError(
            "GitHub does not have the base branch", remedy="Set base-branch to one that exists."
        )
    try:
        case.changes_found = find_changes(case)
    except GitHubError as error:
        case.changes_found = error


def read_pull_requests(case: Case) -> None:
    """Read the pull requests of the branch, and choose the one to pass on."""
    branch = case.branch
    try:
        listed = case.ask(lambda github: github.pull_requests_of(branch))
    except GitHubForbiddenError as error:
        if PULL_REQUEST.name in case.inputs.gates:
            raise
        case.pull_requests_error = error  # the other gates can do without them
        return
    case.pull_requests = [item for item in listed if item.is_own and item.branch == branch]
    _choose_pull_request(case)


def _choose_pull_request(case: Case) -> None:
    """Choose the pull request that would merge the commit into the base, or has well merged it."""
    case.pull_request = None
    case.merger = ""
    for item in case.pull_requests:
        if (item.base, item.commit) != (case.base, case.commit):
            continue
        if item.is_open or _is_merged_well(case, item):
            case.pull_request = item
            return


def _is_merged_well(case: Case, item: PullRequest) -> bool:
    """Return whether someone else merged it than who opened it, and no app but the merge queue."""
    if item.merged_at is None:
        return False
    # An agent may be able to merge its own pull request: only another person's merge counts as a
    # review, or the merge queue's, which the base's rules guard.
    by = case.ask(lambda github: github.pull_request(item.number)).merged_by
    is_app = by.endswith("[bot]") and by != _MERGE_QUEUE
    if by and by != item.opened_by and not is_app:
        return True
    case.merger = by or "an unknown account"
    return False


def _find_deleted(case: Case) -> None:
    """Find the commit of a branch that was merged and deleted since the first run was started."""
    for item in case.pull_requests:
        if item.merged_at is not None and item.merged_at >= case.started_at:
            case.commit = item.commit
            _choose_pull_request(case)
            return


def warn_of_history(case: Case) -> None:
    """Warn of commits that the branch has lost, and of those of the base that were not judged.

    Raises:
        GitHubError: GitHub does not show it.
    """
    case.require_facts()
    before = case.branch_before
    if case.commit is None or case.commit == before:
        return
    if before and case.compare(before, case.commit).behind_by > 0:
        case.warn("Branch", "The branch {} lacks commits that it had before the run", case.branch)
    start = case.base_at_start()
    if case.base_now == start or not start:
        return
    with_base = case.compare(case.base_now, case.commit)
    is_merged = with_base.ahead_by == 0 and not case.changes.is_of_base
    if is_merged or with_base.merge_base == start:
        return
    if case.compare(start, with_base.merge_base).ahead_by > 0:
        case.warn(
            "Base",
            "The base {} moved during the run, and the branch holds what came in, which was not judged",
            case.base,
        )


def with_delivery(details: RunDetails, case: Case) -> RunDetails:
    """Return the details with the delivery according to GitHub, if that can be queried. A stopped
    step asks no more.
    """
    if case.github is None:
        return details
    try:
        changed: bool | None = has_changed(case)
    except (GitHubError, StopRequested):
        changed = None
    are_known = case.error is None and case.pull_requests_error is None
    delivery = Delivery(case.branch, case.base, case.commit, changed, are_known)
    details = details._replace(delivery=delivery)
    if not are_known:
        return details
    url = None if case.pull_request is None else case.pull_request.url
    return details._replace(pull_request_url=url)
