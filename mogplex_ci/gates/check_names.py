"""Whether anything names a check, found out before the start: a run costs money, and without a name
nothing could be judged.
"""

import re
from collections.abc import Sequence
from typing import Final

from mogplex_ci.errors import GitHubError, UsageError
from mogplex_ci.gates.queries import Queries
from mogplex_ci.github_api import RequiredCheck
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted

MAX_SUGGESTED: Final = 10
"""Checks of the base that the usage error lists."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/()-]{0,60}")


def required_by_base(
    queries: Queries, base: str, tip: str | None, ends: float, *, is_named: bool
) -> tuple[RequiredCheck, ...] | None:
    """Return the checks that a base requires; None if GitHub does not report them.

    Args:
        queries: GitHub.
        base: name of the branch.
        tip: its commit, if it is known.
        ends: a time of the clock until which GitHub is queried.
        is_named: whether the input ``checks`` names a check.

    Raises:
        UsageError: neither the base nor ``checks`` names a check, or GitHub does not report the
            base's and ``checks`` names none.
        StopRequested: a stop signal came.
    """
    try:
        required = queries.ask(lambda github: github.required_checks(base), ends)
    except GitHubError as error:
        if is_named:
            return None
        fault = f"names no check, and GitHub does not report which the base branch requires: {error.cause}"
        raise UsageError(Problem("checks", fault, f"{error.remedy} {_advice(())}")) from error
    if required or is_named:
        return tuple(required)
    names = _names_on(queries, tip, ends)
    near = tuple(map(Untrusted, names[:MAX_SUGGESTED]))
    fault = "names no check, and the base branch requires none"
    raise UsageError(Problem("checks", fault, _advice(names), near=near))


def _names_on(queries: Queries, commit: str | None, ends: float) -> Sequence[str]:
    """Return the names of a commit's checks; none if GitHub does not report them."""
    if not commit:
        return ()
    try:
        checks, _ = queries.ask(lambda github: github.checks(commit), ends)
    except GitHubError:
        return ()
    return sorted({check.name.text for check in checks if check.kind != "suite"})


def _advice(names: Sequence[str]) -> str:
    """Return an example with the first name that needs no quoting."""
    plain = [name for name in names if _PLAIN_NAME.fullmatch(name)]
    example = plain[0] if plain else "test"
    return f"Name the checks that must pass, as in checks: {example}."
