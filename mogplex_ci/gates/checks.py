"""The judge of ``require: checks``: waits until the required checks of the judged commit exist and
every check of that commit is complete.
"""

from collections.abc import Sequence
from typing import Final, LiteralString

from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import CHECKS
from mogplex_ci.gates.case import LOOK_SECONDS, MAX_ITEMS, Case, FailedCheck
from mogplex_ci.gates.check_list import (
    SUCCESS,
    CheckList,
    WantedChecks,
    list_checks,
    source_of,
)
from mogplex_ci.github_api import Check
from mogplex_ci.inputs.patterns import CheckPatterns
from mogplex_ci.run.endings import RAISE_TIMEOUT
from mogplex_ci.run.result import Gate, Item
from mogplex_ci.run.updates import ChecksAwaited
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted

MISSING_SECONDS: Final = 300.0
"""How long a required check may be missing after everything listed is complete. GitHub lists a job
with ``needs`` when the jobs that it needs have ended.
"""
SAY_SECONDS: Final = 60.0
"""How often to report the pending checks while nothing changes."""
EXPLAIN_SECONDS: Final = 10.0
"""How long to ask for the annotations of failed checks, and for the checks of the base."""
MAX_EXPLAINED: Final = 10
"""Failed checks whose annotations are read; all are named."""
MAX_ANNOTATIONS: Final = 20
MAX_TITLES: Final = 3
"""Annotations of each check that the gate names."""
NAME_LIMIT: Final = 200
TITLES_LIMIT: Final = 300
"""Characters of a failed check's name, and of the titles of its annotations."""
RULES_SECONDS: Final = 20.0
"""How long GitHub is asked which checks the base requires, if ``checks`` names some anyway."""
_RED: Final = ("failure", "timed_out")
"""Conclusions that say that the checked code is at fault."""
_WHY_MISSING: Final = (
    "Usual causes: a path filter, [skip ci] in the commit's message, a conflict with the base, or a "
    "renamed job. With a path filter, require one job that needs all others and has if: always()."
)


def judge_checks(case: Case) -> Gate:
    """Wait until every check of the judged commit is complete and the required ones exist, and
    judge whether all passed.
    """
    commit = case.commit
    if not case.has_commit() or commit is None:
        return case.no_change(CHECKS)
    wanted = _wanted_checks(case)
    if not wanted.are_named:
        return case.rejects(
            CHECKS,
            "neither the base branch nor checks names a check",
            "Name the required checks in checks, one per line.",
            code="CHECKS_MISSING",
            is_for_people=True,
        )
    return _watch(case, commit, wanted)


def _wanted_checks(case: Case) -> WantedChecks:
    """Return the checks that must exist and pass.

    Raises:
        GitHubError: GitHub does not report the base's required checks, and ``checks`` is empty.
    """
    patterns = case.inputs.checks or CheckPatterns()
    if case.required is None:
        try:
            ends = case.service.now + RULES_SECONDS
            case.required = case.ask(lambda github: github.required_checks(case.base), ends)
        except GitHubError as error:
            if not patterns.required:
                raise
            words: LiteralString = "Could not find out which checks the base branch requires: {}"
            case.warn("Checks", words, error.cause)
    return WantedChecks(case.required or (), patterns, case.failed_before)


def _watch(case: Case, commit: str, wanted: WantedChecks) -> Gate:
    """Read the checks until the finding is certain, or the deadline has passed. Two reads in a row
    must agree, unless a check has failed and no ``repair`` needs the others. A cancelled one has
    not: a newer one may be listed soon.
    """
    service = case.service
    before: CheckList | None = None
    complete_since: float | None = None
    said_at = 0.0
    while True:
        now = _look(case, commit, wanted)
        time = service.now
        has_changed = before is None or now.state != before.state
        before = now
        if not now.is_complete:
            complete_since = None
        elif has_changed or complete_since is None:
            complete_since = time
        settled_for = time - complete_since if complete_since is not None else 0.0
        # ``cancel-in-progress`` leaves cancelled runs behind: wechuli/allcheckspassed#102.
        is_red = any(check.conclusion != "cancelled" for check in now.failed)
        if is_red and not case.inputs.repair:
            return _failed(case, now)
        # Between two jobs that need each other nothing is listed as open for a moment
        # (lewagon/wait-on-check-action#71), so one look at complete checks proves nothing.
        if settled_for > 0:
            if now.failed:
                return _failed(case, now)
            gate = _settled(case, now, wanted, settled_for)
            if gate is not None:
                return gate
        if time + LOOK_SECONDS >= service.deadline:
            return _out_of_time(case, now, wanted)
        if has_changed or time >= said_at + SAY_SECONDS:
            case.say(_awaited(commit, now, wanted))
            said_at = time
        service.sleep_until(time + LOOK_SECONDS)


def _look(case: Case, commit: str, wanted: WantedChecks) -> CheckList:
    """Return the checks of a commit that count, as they are now."""
    checks, are_all_listed = case.ask(lambda github: github.checks(commit))
    return list_checks(checks, case.own_run, wanted.ignores, are_all_listed=are_all_listed)


def _settled(case: Case, now: CheckList, wanted: WantedChecks, settled_for: float) -> Gate | None:
    """Return the finding on checks that have been complete for some time and did not fail; None if
    missing ones may still be listed.
    """
    idle = wanted.without_success(now.leaves)
    if idle:
        one, several = "a required check was", f"{len(idle)} required checks were"
        return case.rejects(
            CHECKS,
            f"{one if len(idle) == 1 else several} skipped or neutral",
            "Find out why its workflow skips it; the run may have changed that.",
            *map(Untrusted, idle),
        )
    missing = wanted.missing_in(now.leaves)
    if not missing:
        passed = sum(check.conclusion == SUCCESS for check in now.leaves)
        return case.passes(CHECKS, "one check passed" if passed == 1 else f"{passed} checks passed")
    if settled_for < MISSING_SECONDS:
        return None
    one, several = "a required check is", f"{len(missing)} required checks are"
    found = f"{one if len(missing) == 1 else several} missing"
    return case.rejects(
        CHECKS, found, _WHY_MISSING, *map(Untrusted, missing), code="CHECKS_MISSING"
    )


def _out_of_time(case: Case, now: CheckList, wanted: WantedChecks) -> Gate:
    """Return the failed or incomplete checks at the deadline."""
    if now.failed:  # with ``repair`` the others were waited for
        return _failed(case, now)
    missing = wanted.missing_in(now.leaves)
    found = "the checks had not finished when the timeout passed"
    if now.is_complete and not missing:
        found = "the checks finished too close to the timeout to be read twice"
    names = map(Untrusted, [*_open_names(now), *missing])
    return case.rejects(CHECKS, found, RAISE_TIMEOUT, *names, code="TIMEOUT", is_for_people=True)


def _failed(case: Case, now: CheckList) -> Gate:
    """Return the failed checks with the titles of their annotations, and which of them fail on the
    base, too. The case gets what they say.
    """
    ends = case.service.now + EXPLAIN_SECONDS
    red = _red_on_base(case, ends)
    where = f"also red on {case.base} at {case.base_now[:7]}"
    failed = [FailedCheck(check, where if source_of(check) in red else "") for check in now.failed]
    case.failed_checks = _with_annotations(case, failed, ends)
    found = "a check failed" if len(failed) == 1 else f"{len(failed)} checks failed"
    gate = case.rejects(CHECKS, found, "Open the failed check.")
    items = [_item(each, case.safe) for each in case.failed_checks[:MAX_ITEMS]]
    return gate._replace(items=tuple(items))


def _item(failed: FailedCheck, safe: Sanitizer) -> Item:
    """Return a failed check as a gate lists it."""
    check = failed.check
    name = check.name.text
    if check.kind == "suite":  # it has its app's name
        name = f"{name}: {check.conclusion}"
    if failed.also_red:
        name = f"{name} ({failed.also_red})"
    page = safe.url(check.url)
    titles = "; ".join(each.title.text for each in failed.annotations[:MAX_TITLES])
    if page is None and check.url:  # the page of a server inside a network, say
        titles = f"{check.url.text} {titles}".rstrip()
    return Item(
        safe.clean(Untrusted(name), limit=NAME_LIMIT),
        page,
        safe.clean(Untrusted(titles), limit=TITLES_LIMIT) if titles else None,
    )


def _red_on_base(case: Case, ends: float) -> set[tuple[str, str, str]]:
    """Return the checks that fail on the base's tip; none if GitHub does not show them in time."""
    tip = case.base_now
    try:
        checks, _ = case.ask(lambda github: github.checks(tip), ends)
    # It is advice only: the finding stands without it.
    except GitHubError:
        return set()
    # A check that runs again has a higher number, and replaces the earlier one.
    newest = {source_of(check): check for check in sorted(checks, key=lambda each: each.number)}
    return {source for source, check in newest.items() if check.conclusion in _RED}


def _with_annotations(case: Case, failed: Sequence[FailedCheck], ends: float) -> list[FailedCheck]:
    """Return the checks with their annotations, if GitHub shows them in time."""
    found = list(failed)
    for place, each in enumerate(failed[:MAX_EXPLAINED]):
        if each.check.kind != "run":
            continue
        number = each.check.number
        try:
            said = case.ask(lambda github: github.annotations(number, MAX_ANNOTATIONS), ends)  # noqa: B023 - it is called at once
        # Out of time, or GitHub is down: the other checks would have no better luck.
        except GitHubError:
            break
        found[place] = each._replace(annotations=said)
    return found


def _awaited(commit: str, now: CheckList, wanted: WantedChecks) -> ChecksAwaited:
    """Return the names of the pending checks."""
    missing = wanted.missing_in(now.leaves)
    names = tuple(map(Untrusted, [*_open_names(now), *missing]))
    complete = sum(check.is_complete for check in now.leaves)
    return ChecksAwaited(commit, complete, len(now.leaves) + len(missing), names)


def _open_names(now: CheckList) -> list[str]:
    """Return the names of incomplete checks; of suites only if all their checks are."""
    leaves = [check.name.text for check in now.leaves if not check.is_complete]
    return leaves or [suite.name.text for suite in now.open]


def failed_names(checks: Sequence[Check]) -> list[str]:
    """Return the names of failed checks that must succeed in later rounds: no suite's, and none
    that was cancelled, which says nothing about the code.
    """
    return [
        check.name.text
        for check in checks
        if check.kind != "suite" and check.conclusion != "cancelled"
    ]
