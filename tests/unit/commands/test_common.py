"""What the commands share: numbers that are typed, and what is said of an error."""

from __future__ import annotations

import pytest

from mogplex_ci import errors
from mogplex_ci.commands.common import error_lines, remedy_of
from mogplex_ci.errors import MogplexError, UsageError
from mogplex_ci.problems import Problem
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (
            UsageError(Problem("--limit", "is wrong"), Problem("--repo", "is missing")),
            ["--limit is wrong", "--repo is missing"],
        ),
        (errors.NotFoundError("not found", code="NOT_FOUND"), ["not found (NOT_FOUND)"]),
        (
            errors.NotFoundError("not found", code="NOT_FOUND", detail=Untrusted("no\nrun")),
            ["not found (NOT_FOUND): no run"],
        ),
    ],
    ids=["inputs", "cause", "detail"],
)
def test_the_lines_of_an_error(error: MogplexError, lines: list[str]) -> None:
    told = [
        Sanitizer().line("error: " + template, *values) for template, values in error_lines(error)
    ]
    assert [line.removeprefix("error: ") for line in told] == lines


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errors.NotAuthorizedError("no"), "Set MOGPLEX_API_KEY to a current token"),
        (errors.KeyConflictError("no", code="X"), "Use another --idempotency-key"),
        (errors.RateLimitedError("no"), "Wait, or use another token."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_person_is_told_what_to_type(error: MogplexError, says: str) -> None:
    assert remedy_of(error).startswith(says)
