"""The subject of the gates, according to GitHub: a commit, its changes, and the pull requests of
its branch.
"""

from functools import partial
from typing import Final, NamedTuple

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.baseline import Baseline
from mogplex_ci.gates.history import Beginning, Changes, History
from mogplex_ci.gates.queries import Queries
from mogplex_ci.github_api import PullRequest
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.result import RunDetails

WHO_DELETED: Final = "Find out who deleted it, and run the job again."
_NO_START: Final = "the service does not report when the run was started"


class Candidate(NamedTuple):
    """The newest run's details."""

    details: RunDetails
    branch: str | None
    """The branch that the run really used; None if it is unknown."""
    had_ended: bool
    """Whether the run had ended before this step asked for it: a later round may have pushed
    since.
    """
    known_at: float = 0.0
    """When the commit was known, as a time of the clock."""
    commit: str | None = None
    """The judged commit, or the service's word if GitHub is not queried; None when the run pushed
    none, or it is unknown.
    """
    commit_error: GitHubError | None = None
    """Why the commit is unknown."""
    changes: Changes | GitHubError = Changes()
    """Empty if there is no commit. An error if GitHub does not show them."""
    pull_requests: tuple[PullRequest, ...] | GitHubError = ()
    """The branch's own, the newest first. An error if GitHub does not show them."""

    @property
    def repository(self) -> str | None:
        """``owner/name`` of the run's repository, in lower case."""
        if self.details.repo is None:
            return None
        return self.details.repo.full_name.text.lower()

    @property
    def base_now(self) -> str | None:
        """The base's tip that the commit was compared with; None if GitHub did not show it."""
        return self.changes.base_now if isinstance(self.changes, Changes) else None

    @property
    def is_merged(self) -> bool:
        """Whether a pull request has merged the commit."""
        if isinstance(self.pull_requests, GitHubError):
            return False
        return any(
            item.merged_at is not None and item.head.commit == self.commit
            for item in self.pull_requests
        )

    def with_changes(self, baseline: Baseline, queries: Queries) -> "Candidate":
        """Return it with the changes compared with the base as it is now.

        Raises:
            StopRequested: a stop signal came.
        """
        if self.commit is None:
            return self
        if baseline.since is None or baseline.branch is None:
            return self._replace(changes=GitHubError(_NO_START))
        beginning = Beginning(
            baseline.branch,
            baseline.base,
            baseline.branch_tip,
            baseline.base_tip or "",
            baseline.since,
        )
        wait = partial(queries.wait_to_settle, self.known_at)
        history = History(queries.ask, beginning, self.commit, wait)
        try:
            changes = history.changes()
        except GitHubError as error:
            return self._replace(changes=error)
        return self._replace(changes=changes)

    def with_pull_requests(self, queries: Queries) -> "Candidate":
        """Return it with the pull requests of the branch as they are now."""
        try:
            own = own_pull_requests(self, queries)
        except GitHubError as error:
            return self._replace(pull_requests=error)
        return self._replace(pull_requests=own)


def own_pull_requests(candidate: Candidate, queries: Queries) -> tuple[PullRequest, ...]:
    """Return the pull requests of the branch, the newest first.

    Raises:
        GitHubError: GitHub does not show them.
    """
    branch = candidate.branch
    if branch is None:
        return ()
    listed = queries.ask(lambda github: github.pull_requests_of(branch))
    place = (candidate.repository, branch)
    return tuple(item for item in listed if (item.head.repository, item.head.branch) == place)


def with_commit(
    candidate: Candidate, inputs: ActionInputs, baseline: Baseline, queries: Queries
) -> Candidate:
    """Return the candidate with the commit to judge, or with the reason why it is unknown."""
    try:
        commit = _judged_commit(candidate, inputs, baseline, queries)
    except GitHubError as error:
        return candidate._replace(commit_error=error)
    return candidate._replace(commit=commit)


def _judged_commit(
    candidate: Candidate, inputs: ActionInputs, baseline: Baseline, queries: Queries
) -> str | None:
    """Return the commit to judge: the one that the service reports of the branch worked on, else
    the tip.

    With ``repair`` an earlier attempt of the job may have pushed further rounds to the branch of a
    run that it started: the tip is judged.
    """
    run = candidate.details.run
    branch = candidate.branch
    if run is None or branch is None:
        return None
    told = run.commit_of(candidate.details.branch)
    if told is not None and not (inputs.repair and candidate.had_ended):
        return told
    tip = queries.ask(lambda github: github.tip(branch))
    if tip is not None or baseline.since is None:
        return tip
    if queries.moves_since(branch, baseline.since):
        # A run that merges its branch and deletes it has not done nothing.
        raise GitHubError("the branch no longer exists", remedy=WHO_DELETED)
    return None
