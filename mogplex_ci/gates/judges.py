"""``require`` (a change, a pull request, passed checks), ``allowed-paths``, ``protected-paths`` and ``artifact``.

The run's ``git_delivery`` event says what was delivered. Where events are missing, GitHub is asked if there is a token.
The artifact is a JSON document that the agent commits under ``.mogplex/artifacts/``, checked against a schema.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mogplex_ci.api.retry import retrying
from mogplex_ci.errors import ApiError, ConflictError, GitHubError, MogplexError, NotFoundError, OldServiceError
from mogplex_ci.run.result import Gate
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import TypeVar

    from pathspec import GitIgnoreSpec

    from mogplex_ci.gates import Judge
    from mogplex_ci.github_api import Check, PullRequest
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.updates import Update

    T = TypeVar("T")

CHECKS_PAUSE: Final = 10.0
"""Seconds between two looks at the checks; an unchanged answer does not count against GitHub's rate limit."""
FIRST_CHECK_SECONDS: Final = 90.0
"""How long to wait for the first check of a new pull request to appear."""
FETCH_SECONDS: Final = 60.0
"""How long to ask for the artifact."""
VALIDATION_SECONDS: Final = 10.0
"""How long to check it against its schema."""
MOST_LISTED: Final = 20
"""Paths or faults that a gate lists."""
_PULL_REQUEST: Final = re.compile(r"https://[^/]+/[^/]+/[^/]+/pull/(\d{1,9})/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns in ``.gitignore`` style; a later one decides, ``!`` takes a path out again."""

    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    @classmethod
    def parse(cls, lines: Sequence[str]) -> Patterns:
        """Parse one pattern a line; blank lines and comments are ignored.

        Raises:
            ValueError: a line is not a pattern, or there is none.
        """
        from pathspec import GitIgnoreSpec  # only for steps that use it

        given = tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))
        if not any(not line.startswith("!") for line in given):
            raise ValueError("holds no pattern that matches anything")
        try:
            with warnings.catch_warnings(action="ignore"):  # about regular expressions that pathspec makes
                return cls(given, GitIgnoreSpec.from_lines(given))
        except (ValueError, re.error) as error:
            raise ValueError("holds a pattern that is not valid") from error


@dataclass(frozen=True, slots=True)
class ArtifactWanted:
    """Which artifact, and what it must look like."""

    path: str
    """From the repository's root, such as ``.mogplex/artifacts/report.json``."""
    schema: Mapping[str, Any] | None = None
    """A JSON Schema, already checked to be one."""


def judge_change(result: RunResult, judge: Judge) -> Generator[Update, None, Gate]:
    """Judge whether the run changed the repository."""
    expected = "a change"
    changed = result.timeline.changed
    if changed is None and judge.github is not None and result.branch and result.base_branch:
        github, base, branch = judge.github, result.base_branch.text, result.branch.text
        try:
            comparison = yield from ask(judge, partial(github.compare, base, branch))
        except GitHubError as error:
            return not_judged("change", expected, "NO_CHANGE", error)
        changed = comparison.ahead_by > 0
    if changed:
        return Gate("change", True, expected, "it changed the repository")
    if changed is None:
        words = "nothing says whether it changed anything"
        return Gate("change", False, expected, words, judge.why_not, "NO_CHANGE")
    remedy = "Read what the agent said; the task may be done already, or needs to be more specific."
    return Gate("change", False, expected, "it changed nothing", remedy, "NO_CHANGE")


def judge_pull_request(result: RunResult, judge: Judge) -> Generator[Update, None, Gate]:
    """Judge whether there is a pull request."""
    expected = "a pull request"
    try:
        found = yield from _pull_request(result, judge)
    except GitHubError as error:
        return not_judged("pull-request", expected, "NO_PULL_REQUEST", error)
    if found is not None:
        return Gate("pull-request", True, expected, "it opened a pull request", items=(found,))
    is_known = result.timeline.changed is not None and not result.timeline.is_incomplete
    remedy = "Check that the Mogplex GitHub App may open pull requests here." if is_known else judge.why_not
    words = "it opened no pull request" if is_known else "nothing says whether it opened a pull request"
    return Gate("pull-request", False, expected, words, remedy, "NO_PULL_REQUEST")


def judge_checks(result: RunResult, judge: Judge) -> Generator[Update, None, Gate]:
    """Wait until every check on the pull request's head is complete, and judge whether all passed."""
    expected, code = "passed checks on the pull request", "CHECKS_FAILED"
    github = judge.github
    if github is None:
        return Gate("checks", False, expected, "its checks could not be read", judge.why_not, code)
    appeared_by = judge.clock.monotonic() + FIRST_CHECK_SECONDS
    before: int | None = None
    try:
        number = yield from _pull_request_number(result, judge)
        if number is None:
            remedy = "Require a pull request as well to see why there is none."
            return Gate("checks", False, expected, "it has no pull request whose checks could pass", remedy, code)
        while True:
            pull_request = yield from ask(judge, partial(github.pull_request, number))
            checks = yield from ask(judge, partial(github.checks, pull_request.head_sha))
            if failed := [check for check in checks if check.is_complete and not check.passed]:
                return _failed_checks(expected, code, failed)
            if checks and all(check.is_complete for check in checks) and len(checks) == before:
                return Gate("checks", True, expected, f"all {len(checks)} checks passed")
            now = judge.clock.monotonic()
            if not checks and now >= appeared_by:
                remedy = "Add a workflow for pull requests, or do not require checks."
                return Gate("checks", False, expected, "its pull request has no checks", remedy, code)
            if now + CHECKS_PAUSE >= judge.deadline:
                open_checks = tuple(check.name for check in checks if not check.is_complete)
                words = "its checks were not complete when the timeout passed"
                return Gate("checks", False, expected, words, "Raise timeout.", code, open_checks)
            before = len(checks)
            judge.stop.sleep(judge.clock, CHECKS_PAUSE)
    except GitHubError as error:
        return not_judged("checks", expected, code, error)


def judge_paths(
    result: RunResult, patterns: Patterns, judge: Judge, *, are_allowed: bool
) -> Generator[Update, None, Gate]:
    """Judge the paths that differ between base and branch; a renamed file counts with both names."""
    name = "allowed-paths" if are_allowed else "protected-paths"
    expected = "changes inside the allowed paths only" if are_allowed else "no changes in protected paths"
    code = "PATH_NOT_ALLOWED"
    if result.timeline.changed is False and not result.timeline.is_incomplete:
        return Gate(name, True, expected, "it changed nothing")
    github = judge.github
    if github is None:
        return Gate(name, False, expected, "its changed paths could not be read", judge.why_not, code)
    if result.branch is None or result.base_branch is None or result.branch == result.base_branch:
        return _not_comparable(name, expected)
    base, branch = result.base_branch.text, result.branch.text
    try:
        comparison = yield from ask(judge, partial(github.compare, base, branch))
    except GitHubError as error:
        return not_judged(name, expected, code, error)
    if not comparison.paths and result.timeline.changed:
        return _not_comparable(name, expected)
    bad = [path for path in comparison.paths if patterns.spec.match_file(path.text) != are_allowed]
    if bad:
        number, which = ("a", "path") if len(bad) == 1 else (str(len(bad)), "paths")
        words = f"it changed {number} {which} outside the allowed ones"
        if not are_allowed:
            words = f"it changed {number} protected {which}"
        remedy = "Look at the branch: nothing was reverted. Change the task or the patterns."
        return Gate(name, False, expected, words, remedy, code, tuple(bad[:MOST_LISTED]))
    if not comparison.is_complete:
        remedy = "Look at the branch by hand: GitHub lists 300 changed files at most."
        return Gate(name, False, expected, "it changed more files than GitHub lists", remedy, code)
    return Gate(name, True, expected, "all paths that it changed are allowed")


def judge_artifact(result: RunResult, wanted: ArtifactWanted, judge: Judge) -> Generator[Update, None, Gate]:
    """Fetch the artifact and judge it by its schema."""
    expected = f"the artifact {wanted.path}"
    run = result.run
    if run is None:
        return Gate("artifact", False, expected, "there is no run", "", "ARTIFACT_MISSING")
    deadline = min(judge.deadline, judge.clock.monotonic() + FETCH_SECONDS)
    try:
        artifact = yield from retrying(
            lambda timeout: judge.client.artifact(run.id, wanted.path, timeout=timeout),
            clock=judge.clock,
            deadline=deadline,
            stop=judge.stop,
        )
    except MogplexError as error:
        return _not_read(expected, error)
    content, schema = artifact.content, wanted.schema
    try:
        faults = bounded(lambda: _faults(content, schema), VALIDATION_SECONDS) if schema is not None else []
    except TimeoutError:
        faults = [Untrusted("checking it against the schema took too long")]
    if faults:
        words, remedy = "its artifact does not satisfy the schema", "Give the agent the schema in its task."
        items = tuple(faults[:MOST_LISTED])
        return Gate("artifact", False, expected, words, remedy, "ARTIFACT_INVALID", items, content)
    return Gate("artifact", True, expected, "its artifact is there", artifact=content)


def not_judged(name: str, expected: str, code: str, error: GitHubError) -> Gate:
    """Return the gate for what GitHub could not be asked: it does not pass."""
    return Gate(name, False, expected, f"this could not be judged: {error.cause}", error.remedy, code)


def ask(judge: Judge, call: Callable[..., T]) -> Generator[Update, None, T]:
    """Return what ``call(timeout=seconds)`` returns; it is made again until it is answered or the deadline comes.

    Raises:
        GitHubError: GitHub refuses, or gave no usable answer in time.
        StopRequested: a stop signal came.
    """
    return (
        yield from retrying(
            lambda timeout: call(timeout=timeout), clock=judge.clock, deadline=judge.deadline, stop=judge.stop
        )
    )


def _not_comparable(name: str, expected: str) -> Gate:
    """Return the gate of a run whose changes no comparison of branches shows: it does not pass."""
    remedy = "Let the run work on a branch of its own: set create-branch."
    return Gate(name, False, expected, "no comparison shows what it changed", remedy, "PATH_NOT_ALLOWED")


def _failed_checks(expected: str, code: str, failed: list[Check]) -> Gate:
    names = tuple(Untrusted(f"{check.name.text} {check.url.text if check.url else ''}".strip()) for check in failed)
    words = (
        "a check on its pull request failed" if len(failed) == 1 else f"{len(failed)} checks on its pull request failed"
    )
    return Gate("checks", False, expected, words, "Open the failed checks.", code, names)


def _pull_request(result: RunResult, judge: Judge) -> Generator[Update, None, Untrusted | None]:
    """Return the pull request's URL, from the run's events or from GitHub; None when there is none."""
    if result.timeline.pull_request_url is not None:
        return result.timeline.pull_request_url
    found = yield from _pull_request_on_github(result, judge)
    return found.url if found else None


def _pull_request_number(result: RunResult, judge: Judge) -> Generator[Update, None, int | None]:
    url = result.timeline.pull_request_url
    match = _PULL_REQUEST.fullmatch(url.text) if url is not None else None
    if match is not None:
        return int(match[1])
    found = yield from _pull_request_on_github(result, judge)
    return found.number if found else None


def _pull_request_on_github(result: RunResult, judge: Judge) -> Generator[Update, None, PullRequest | None]:
    if judge.github is None or result.branch is None:
        return None
    github, branch = judge.github, result.branch.text
    return (yield from ask(judge, partial(github.pull_request_of, branch)))


def _not_read(expected: str, error: MogplexError) -> Gate:
    """Return the gate of an artifact that could not be fetched."""
    words, remedy, code = f"its artifact cannot be read: {error.cause}", error.remedy, "ARTIFACT_MISSING"
    match error:
        case OldServiceError():
            words = "this service has no artifacts"
        case NotFoundError():
            words = "it committed no such artifact"
            remedy = (
                "Ask the agent to write it there and to commit it with git add --force: .mogplex/ is often ignored."
            )
        case ConflictError():
            words = "its artifact cannot be read"
            remedy = "Artifacts need a branch of the run's own: set create-branch."
        case ApiError(http_status=400):  # the path was checked before the start, so it is what stands there
            words, code = "its artifact is not a JSON file of at most 1 MiB", "ARTIFACT_INVALID"
            remedy = "Ask the agent for one JSON document in a regular file."
    items = (error.detail,) if error.detail else ()
    return Gate("artifact", False, expected, words, remedy, code, items)


def _faults(content: Untrusted, schema: Mapping[str, Any]) -> list[Untrusted]:
    """Return every fault with its JSON pointer. References to other documents are not followed."""
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    validator = validator_for(schema)(schema, registry=Registry())
    try:
        errors = content.inspect(lambda value: sorted(validator.iter_errors(value), key=lambda error: error.json_path))
    except Unresolvable:
        return [Untrusted("the schema refers to another document, which is not read")]
    return [Untrusted(f"{_pointer(error.absolute_path)}: {error.message}") for error in errors]


def _pointer(path: Any) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "/" + "/".join(steps)
