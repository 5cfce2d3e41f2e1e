"""Whether ``max-open-pull-requests`` of a step's own family of branches are open: then no run is
started, because reviewers do not keep up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci import errors
from mogplex_ci.run.result import Ending, Result
from mogplex_ci.sanitize import count
from mogplex_ci.step.guards import ask_github

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.github_api import OpenPullRequest
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.step.step import Step


def pull_requests_open(step: Step, inputs: ActionInputs) -> Sequence[OpenPullRequest]:
    """Return the open pull requests for which the step must not start a run; none if it may.

    Raises:
        GitHubError: GitHub could not be asked.
        StopRequested: a stop signal came.
    """
    most = inputs.max_open_pull_requests
    branch = inputs.branch
    if most is None or branch is None or inputs.dry_run:
        return ()
    family = family_of(branch)
    try:
        with step.stop.interrupting():
            found = ask_github(
                step,
                inputs,
                inputs.repo,
                lambda github: github.open_pull_requests(family, but=branch, enough=most),
            )
    except errors.GitHubError as error:
        cause = f"the open pull requests could not be counted: {error.cause}"
        raise errors.GitHubError(cause, remedy=f"{error.remedy} Nothing was started.") from error
    if found is None or len(found) < most:
        return ()
    return found


def family_of(branch: str) -> str:
    """Return a branch's name up to its last slash, with that."""
    return branch[: branch.rindex("/") + 1]


def skipped_for(found: Sequence[OpenPullRequest], inputs: ActionInputs) -> Ending:
    """Return the ending of a step that starts nothing because of open pull requests."""
    are = "is" if len(found) == 1 else "are"
    family = family_of(inputs.branch or "")
    most = f"[[max-open-pull-requests: {inputs.max_open_pull_requests}]]"
    reason = (
        f"Not started: {count(len(found), 'pull request')} from branches under {family} {are} "
        f"already open ({most}). Merge or close one."
    )
    return Ending.of(Result.SKIPPED, remedy=reason)._replace(open_pull_requests=found)
