"""The rights that the inputs need on GitHub, and whether the token has them: queried before the
start, because a run costs money from its first second.

No call lists a token's rights, so each is tried with a small read. Write access cannot be tried
without effect. A public repository responds without any right.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from mogplex_ci import errors
from mogplex_ci.gate_kinds import GATES
from mogplex_ci.gates import Case
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.waiting import Clock

_CONTENTS: Final = "contents: read"
READ_RIGHTS: Final[Mapping[str, str]] = {
    _CONTENTS: "git/ref/heads/HEAD",
    "pull-requests: read": "pulls",
    "issues: read": "issues",
    "checks: read": "commits/HEAD/check-suites",
    "statuses: read": "commits/HEAD/status",
}
"""Rights to read, each with a path below a repository that takes it and shows little; HEAD is its
default branch (docs.github.com/rest/authentication/permissions-required-for-github-apps).
"""
RIGHTS_SECONDS: Final = 2.0
"""Total seconds for queries to GitHub. The rest is found out after the run."""
_NOTHING_STARTED: Final = "Nothing was started."
_ADD_RIGHTS: Final = (
    "Add `{}` to the job's `permissions`, then start the workflow again: "
    "a re-run keeps the old permissions."
)
_GIVE_RIGHTS: Final = "Give the token that permission, and try again."
_OTHER_REPOSITORY: Final = (
    "A workflow's own token cannot see other private repositories: use the token of a GitHub App "
    "installed there."
)


def require_rights_of_run(case: Case) -> None:
    """Query GitHub for the rights that gates and ``repair`` need in the repository of a run that is
    about to start.

    Raises:
        MissingRightsError: with all missing rights.
        StopRequested: a stop signal came.
    """
    rights = rights_needed(case.inputs)
    if not rights or case.github is None:
        return
    clock = case.service.clock
    is_workflow = bool(case.own_run)
    with case.service.stop.interrupting():
        require_rights(case.github, rights, case.base, clock=clock, is_workflow=is_workflow)


def rights_needed(inputs: ActionInputs) -> list[str]:
    """Return the rights to read that gates and ``repair`` need in the run's repository, such as
    ``checks: read``. None without ``github-token``: GitHub is not asked then. A right that a gate
    can do without does not stand in its row, and does not keep a run from starting.
    """
    if inputs.github_token is None or inputs.dry_run:
        return []
    needed: set[str] = set()
    if inputs.repair:
        needed.add(_CONTENTS)
    for kind in GATES:
        if kind.name in inputs.gates and kind.needs:
            needed.update(kind.needs.split(", "))
    return [right for right in READ_RIGHTS if right in needed]


def require_rights(
    github: GitHubApi, rights: Sequence[str], branch: str, *, clock: Clock, is_workflow: bool
) -> None:
    """Query GitHub whether the token has the rights in the repository of ``github``. A right is
    ignored if GitHub did not respond in time, limits requests, or has trouble.

    Args:
        github: GitHub's API of the repository.
        rights: such as ``checks: read``.
        branch: the base of the run; empty if unknown.
        clock: time.
        is_workflow: whether this is a job of GitHub Actions, whose workflow grants the rights.

    Raises:
        MissingRightsError: with all missing rights.
    """
    try:
        missing = _missing_in(github, rights, branch, clock)
    except errors.GitHubNotFoundError as error:
        cause = f"github-token does not see {github.repository}"
        raise _error(cause, _OTHER_REPOSITORY) from error
    except errors.GitHubTokenError as error:
        raise _error(error.cause, error.remedy) from error
    if missing:
        add = _ADD_RIGHTS.format("`, `".join(missing))
        cause = f"github-token lacks {_all_of(missing)} in {github.repository}"
        raise _error(cause, add if is_workflow else _GIVE_RIGHTS)


def _missing_in(github: GitHubApi, rights: Sequence[str], branch: str, clock: Clock) -> list[str]:
    """Return the rights that the token lacks in a repository, according to GitHub's responses in
    ``RIGHTS_SECONDS``.

    Raises:
        GitHubNotFoundError: the token does not see the repository.
        GitHubTokenError: GitHub does not accept the token.
    """
    missing: list[str] = []
    ends = clock.monotonic() + RIGHTS_SECONDS
    for right in rights:
        left = ends - clock.monotonic()
        if left <= 0:
            break
        try:
            bounded = github.within(left)
            if right == _CONTENTS and branch:
                bounded.tip(branch)  # which the baseline begins with, too
            else:
                bounded.try_to_read(READ_RIGHTS[right], right)
        except errors.GitHubForbiddenError:
            missing.append(right)
        # Both are about the token as such, and say more than a list of rights.
        except (errors.GitHubNotFoundError, errors.GitHubTokenError):
            raise
        except errors.GitHubError:
            # Slow, limited or down: that says nothing about the right.
            continue
    return missing


def _all_of(words: list[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _error(cause: str, remedy: str) -> errors.MissingRightsError:
    return errors.MissingRightsError(cause, remedy=f"{remedy} {_NOTHING_STARTED}")
