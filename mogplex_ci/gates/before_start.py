"""Notes the base and the branch before the first run is started: a run may move both."""

import re
from collections.abc import Sequence
from typing import Final

from mogplex_ci.errors import (
    GitHubError,
    GitHubForbiddenError,
    GitHubUnavailableError,
    NotNotedError,
    UsageError,
)
from mogplex_ci.gate_kinds import CHECKS
from mogplex_ci.gates.case import Case
from mogplex_ci.models import Repo
from mogplex_ci.problems import Problem
from mogplex_ci.run.repositories import FIND_REPO
from mogplex_ci.untrusted import Untrusted

NOTE_SECONDS: Final = 20.0
"""How long to ask for the facts from before the start."""
MAX_SUGGESTED: Final = 10
"""Checks of the base that the usage error lists."""
_MERGED_INTO: Final = "Set it to the branch that the work is to be merged into."
_ADD_AGAIN: Final = "If you removed it from Mogplex's dashboard, add it again."
"""Older services do not list it then, and start runs on its id all the same."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()-]{0,60}")


def note(case: Case, repo: Repo | None) -> None:
    """Note the base and the branch.

    Raises:
        UsageError: the Mogplex token does not list the repository, the base is in doubt or not
            there, or no check is named.
        NotNotedError: GitHub does not report them.
        StopRequested: a stop signal came.
    """
    if repo is None and case.needs_repo:
        fault = "is not a repository that the Mogplex token lists, and the gates need one"
        remedy = f"{FIND_REPO} {_ADD_AGAIN}"
        raise UsageError(Problem("repo", fault, remedy, Untrusted(case.inputs.repo)))
    if case.github is None:
        return
    ends = case.service.now + NOTE_SECONDS
    branch = case.inputs.branch
    try:
        tip = case.base_before = case.ask(lambda github: github.tip(case.base), ends)
        if tip is None:
            fault = "is not a branch of the repository on GitHub"
            raise UsageError(Problem("base-branch", fault, _MERGED_INTO, Untrusted(case.base)))
        if branch is not None:
            case.branch_before = case.ask(lambda github: github.tip(branch), ends) or ""
            if case.branch_before and case.inputs.base_branch is None:
                _check_base(case, branch, ends)
        if CHECKS.name in case.inputs.gates:
            case.required = _required_checks(case, tip, ends)
    except GitHubError as error:
        raise NotNotedError(error) from error
    case.is_noted = True


def _check_base(case: Case, branch: str, ends: float) -> None:
    """Make sure that no open pull request of the branch targets another base: an earlier run may
    have chosen that.

    Raises:
        UsageError: one does.
    """
    try:
        found = case.ask(lambda github: github.pull_requests_of(branch), ends)
    except GitHubForbiddenError:
        return  # without the right to read them the inputs decide the base
    for item in found:
        if item.is_open and item.is_own and item.branch == branch and item.base != case.base:
            fault = "is not set, and the branch has an open pull request into another base than"
            raise UsageError(
                Problem("base-branch", f"{fault} {case.base}", _MERGED_INTO, Untrusted(item.base))
            )


def _required_checks(case: Case, tip: str, ends: float) -> set[str] | None:
    """Return the names of the checks that the base, which is at ``tip``, requires; None if GitHub
    refuses to report them, and ``checks`` names some.

    Raises:
        UsageError: nothing names a check: a run costs money, and could not be judged.
        GitHubUnavailableError: GitHub gave no usable response in time.
    """
    patterns = case.inputs.checks
    is_named = patterns is not None and bool(patterns.required)
    try:
        required = case.ask(lambda github: github.required_checks(case.base), ends)
    # An outage passes: the step may be tried again as it is, and no input is at fault.
    except GitHubUnavailableError:
        raise
    except GitHubError as error:
        if is_named:
            return None
        fault = f"names no check, and GitHub does not report which the base branch requires: {error.cause}"
        raise UsageError(Problem("checks", fault, f"{error.remedy} {_advice(())}")) from error
    if required or is_named:
        return required
    names = _names_on(case, tip, ends)
    near = tuple(map(Untrusted, names[:MAX_SUGGESTED]))
    fault = "names no check, and the base branch requires none"
    raise UsageError(Problem("checks", fault, _advice(names), near=near))


def _names_on(case: Case, commit: str, ends: float) -> Sequence[str]:
    """Return the names of the checks of a commit; none if GitHub does not report them."""
    try:
        checks, _ = case.ask(lambda github: github.checks(commit), ends)
    except GitHubError:
        return ()
    return sorted({check.name.text for check in checks if check.kind != "suite"})


def _advice(names: Sequence[str]) -> str:
    """Return an example with the first name that needs no quoting."""
    plain = [name for name in names if _PLAIN_NAME.fullmatch(name)]
    example = plain[0] if plain else "test"
    return f"Name the checks that must pass, as in checks: {example}."
