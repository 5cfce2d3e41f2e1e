"""The gates: the input that asks for each, its error code, its judge, and the words for all that it
may find.
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Final, NamedTuple

from mogplex_ci.gates.artifact import judge_artifact
from mogplex_ci.gates.case import Case, Verdict
from mogplex_ci.gates.checks import judge_checks
from mogplex_ci.gates.delivery import judge_branch, judge_change, judge_paths, judge_pull_request
from mogplex_ci.run.updates import Update

NOT_JUDGED: Final = "NOT_JUDGED"
"""Error code of what could not be asked."""
MOST_LISTED: Final = 20
"""Paths, checks or faults that a gate lists."""


class Outcome(NamedTuple):
    """A possible finding of a gate. ``{number}`` and ``{cause}`` stand for the verdict's values."""

    found: str
    """As the rest of a sentence about the run: ``it changed nothing``."""
    remedy: str = ""
    """Advice; empty when the gate passes."""
    code: str = ""
    """Error code in place of the gate's own."""
    can_be_repaired: bool = True
    """Whether the agent can do something about it."""


_for_people: Final = partial(Outcome, can_be_repaired=False)


class GateKind(NamedTuple):
    """A row of the table."""

    name: str
    """A word of ``require``, or the input that asks for it."""
    code: str
    """Error code when it does not pass."""
    expected: str
    needs: str
    """Permissions that ``github-token`` takes for it; empty when GitHub is not asked."""
    is_for_github: bool
    """Whether nothing but GitHub can tell."""
    judge: Callable[[Case], Generator[Update, None, Verdict]]
    outcomes: Mapping[str, Outcome]
    """By the names that the judge gives them: ``bad`` is the usual one of a run that does not hold.

    ``one-NAME`` has the words for one item.
    """


_READ_WHY: Final = (
    "Read what the agent said; the task may be done already, or needs to be more specific."
)
_READ_BRANCH: Final = "Look at the branch: nothing was reverted. Change the task or the patterns."
_COMMIT_IT: Final = "Ask the agent to write it there and to commit it with git add --force: .mogplex/ is often ignored."
_ASK_FOR_JSON: Final = "Ask the agent for one JSON document in a regular file."
_SMALLER: Final = (
    "Ask the agent for a smaller document with plain text in keys and without secrets."
)
_WHO_PUSHED: Final = "See who pushed to the branch, and run the job again."
_TOLD: Final = "; GitHub was not asked"
_INVALID: Final = "ARTIFACT_INVALID"

UNKNOWN: Final = _for_people("this could not be judged: {cause}", "{remedy}", NOT_JUDGED)
_CHANGE: Final = {
    "passed": Outcome("it changed the repository"),
    "told": Outcome(f"its delivery event says that it changed the repository{_TOLD}"),
    "bad": Outcome("it changed nothing", _READ_WHY),
}
_APP: Final = "Check that the Mogplex GitHub App may open pull requests here."
_FOREIGN: Final = "its delivery event names a pull request of another repository"
_PULL_REQUEST: Final = {
    "passed": Outcome("its pull request is open"),
    "told": Outcome(f"its delivery event names a pull request{_TOLD}"),
    "bad": Outcome("it opened no pull request", _APP),
    "not-open": _for_people(
        "its pull request is closed or merged", "Reopen it, or let the run use a new branch."
    ),
    "other-commit": _for_people("its pull request has another commit at its head", _WHO_PUSHED),
    "foreign": _for_people(_FOREIGN, "Give github-token, and read what the agent did."),
}
_TOO_MANY: Final = "it changed 300 files or more, and GitHub lists no more"
_PATHS: Final = {
    "unchanged": Outcome("it changed nothing"),
    "too-many": _for_people(_TOO_MANY, "Look at the branch by hand, or make the task smaller."),
}
_ALLOWED: Final = {
    "passed": Outcome("all paths that it changed are allowed"),
    "one-bad": Outcome("it changed a path outside the allowed ones", _READ_BRANCH),
    "bad": Outcome("it changed {number} paths outside the allowed ones", _READ_BRANCH),
}
_PROTECTED: Final = {
    "passed": Outcome("it changed no protected path"),
    "one-bad": Outcome("it changed a protected path", _READ_BRANCH),
    "bad": Outcome("it changed {number} protected paths", _READ_BRANCH),
}
_ARTIFACT: Final = {
    "passed": Outcome("its artifact is there"),
    "missing": Outcome("it committed no such artifact", _COMMIT_IT),
    "old-service": _for_people(
        "this service has no artifacts", "Ask for an update of the Mogplex server."
    ),
    "no-branch": _for_people(
        "its artifact cannot be read",
        "Artifacts need a branch of the run's own: set create-branch.",
    ),
    "not-read": _for_people("its artifact cannot be read: {cause}", "{remedy}", NOT_JUDGED),
    "no-json": Outcome("its artifact is not a JSON file of at most 1 MiB", _ASK_FOR_JSON, _INVALID),
    "other-commit": _for_people(
        "its artifact is of another commit than the judged one", _WHO_PUSHED, _INVALID
    ),
    "changed": Outcome("its artifact holds what cannot be handed on as it is", _SMALLER, _INVALID),
    "bad": Outcome(
        "its artifact does not satisfy the schema",
        "Give the agent the schema in its task.",
        _INVALID,
    ),
}
_SEE_WHY: Final = "See why the workflow skips its jobs; the run may have changed it."
_CHECKS: Final = {
    "passed": Outcome("{number} checks passed"),
    "one-passed": Outcome("its only check passed"),
    "bad": Outcome("{number} checks failed", "Open the failed checks."),
    "one-bad": Outcome("a check failed", "Open the failed check."),
    "skipped": Outcome("none of its checks did anything: all were skipped", _SEE_WHY),
    "none": _for_people(
        "its commit has no checks", "Add a workflow for pull requests, or do not require checks."
    ),
    "no-commit": Outcome("it pushed no commit that could have checks", _READ_WHY),
    "open": _for_people(
        "its checks were not complete when the timeout passed", "Raise timeout.", "TIMEOUT"
    ),
}
_BRANCH: Final = {
    "passed": Outcome("its branch is still at the judged commit"),
    "moved": _for_people("its branch moved on from the judged commit", _WHO_PUSHED),
    "gone": _for_people("its branch is gone", "See who deleted it, and run the job again."),
}

_PATH: Final = "PATH_NOT_ALLOWED"
_READ: Final = "contents: read"
_READ_PULLS: Final = f"{_READ}, pull-requests: read"
_READ_CHECKS: Final = f"{_READ}, checks: read, statuses: read"
_OPEN_ONE: Final = "an open pull request with the run's commit"
_INSIDE: Final = "changes inside the allowed paths only"
_OUTSIDE: Final = "no changes in protected paths"
_AT_TIP: Final = "the judged commit at the tip of the branch"
GATES: Final = (
    GateKind("change", "NO_CHANGE", "a change", _READ, False, judge_change, _CHANGE),
    GateKind(
        "pull-request",
        "NO_PULL_REQUEST",
        _OPEN_ONE,
        _READ_PULLS,
        False,
        judge_pull_request,
        _PULL_REQUEST,
    ),
    GateKind(
        "allowed-paths",
        _PATH,
        _INSIDE,
        _READ,
        True,
        partial(judge_paths, protects=False),
        _ALLOWED | _PATHS,
    ),
    GateKind(
        "protected-paths",
        _PATH,
        _OUTSIDE,
        _READ,
        True,
        partial(judge_paths, protects=True),
        _PROTECTED | _PATHS,
    ),
    GateKind(
        "artifact",
        "ARTIFACT_MISSING",
        "the artifact {artifact}",
        "",
        False,
        judge_artifact,
        _ARTIFACT,
    ),
    GateKind(
        "checks",
        "CHECKS_FAILED",
        "passed checks of the run's commit",
        _READ_CHECKS,
        True,
        judge_checks,
        _CHECKS,
    ),
)
"""In the order in which they are judged; checks are the last, since that waits for others."""

BRANCH: Final = GateKind("branch", "BRANCH_MOVED", _AT_TIP, _READ, True, judge_branch, _BRANCH)
"""Judged after all others, when they passed and one of them asked GitHub: the judged commit must
still be the tip.
"""
