"""The judge of ``require: checks``: waits until the required checks of the judged commit exist and
every check of that commit is complete.
"""

import contextlib
from collections.abc import Mapping, Sequence
from enum import unique
from math import inf
from typing import Final

from mogplex_ci.errors import GitHubError, GitHubUnavailableError
from mogplex_ci.gates.change import READ_WHY
from mogplex_ci.gates.check_list import (
    ACTIONS,
    SUCCESS,
    CheckList,
    ExpectedChecks,
    failed_names,
    list_checks,
    red_before,
    superseded_suites,
)
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding, GateOutcome, Passed, Rejected
from mogplex_ci.gates.queries import LOOK_SECONDS
from mogplex_ci.github_api import NO_COMMIT, Check, RequiredCheck
from mogplex_ci.inputs.patterns import CheckPatterns
from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.run.updates import ChecksAwaited, GateWarns
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

MISSING_SECONDS: Final = 300.0
"""How long a required check may be missing after everything listed is complete. GitHub lists a job
with ``needs`` when the jobs that it needs have ended.
"""
SAY_SECONDS: Final = 60.0
"""How often to report the pending checks while nothing changes."""
MOST_EXPLAINED: Final = 5
"""Failed checks whose annotations are read."""
MOST_TITLES: Final = 3
"""Of these annotations, for each."""
EXPLAIN_SECONDS: Final = 5.0
"""How long GitHub is asked for those of one check, and for the checks of the base."""
RULES_SECONDS: Final = 20.0
"""How long GitHub is asked which checks the base requires, if ``checks`` names some anyway."""
_WORKFLOWS: Final = ".github/workflows/"


@unique
class Checks(GateOutcome):
    """Outcomes of ``require: checks``."""

    PASSED = Passed("one check passed", several="{number} checks passed")
    FAILED = Rejected("a check failed", "Open the failed check.", several="{number} checks failed")
    CANCELLED = Rejected(
        "a check was cancelled",
        "Open it. If a newer run replaced it, give the job the permission actions: read, so that "
        "replaced runs do not count.",
        several="{number} checks failed or were cancelled",
    )
    SKIPPED = Rejected(
        "a required check was skipped or neutral",
        "Find out why its workflow skips it; the run may have changed that.",
        several="{number} required checks were skipped or neutral",
    )
    NO_SUCCESS = Rejected(
        "no check succeeded: all were skipped or neutral",
        "Find out why the workflow skips its jobs; the run may have changed that.",
    )
    OWN_WORD = Rejected(
        "the checks pass only with those of an app that pushed the commit or opened its pull request",
        "Add a workflow that tests the change.",
        is_for_people=True,
    )
    MISSING = Rejected(
        "a required check is missing",
        "Usual causes: a path filter, [skip ci] in the commit's message, a conflict with the base, or a "
        "renamed job. With a path filter, require one job that needs all others and has if: always().",
        several="{number} required checks are missing",
        code="CHECKS_MISSING",
    )
    NONE_NAMED = Rejected(
        "neither the base branch nor checks names a check",
        "Name the required checks in checks, one per line.",
        code="CHECKS_MISSING",
        is_for_people=True,
    )
    NO_COMMIT = Rejected("the run pushed no commit, so it has no checks", READ_WHY)
    OPEN = Rejected(
        "the checks had not finished when the timeout passed",
        "Raise timeout.",
        code="TIMEOUT",
        is_for_people=True,
    )
    SEEN_ONCE = Rejected(
        "the checks finished too close to the timeout to be read twice",
        "Raise timeout.",
        code="TIMEOUT",
        is_for_people=True,
    )


def judge_checks(inspection: Inspection) -> GateFinding:
    """Wait until every check of the judged commit is complete and the required ones exist, and
    judge whether all passed.
    """
    inspection.require_commit()
    if inspection.candidate.commit is None:
        return GateFinding(Checks.NO_COMMIT)
    judge = _ChecksJudge(inspection, inspection.candidate.commit)
    finding = judge.finding()
    if finding.outcome is Checks.PASSED:
        _warn_of_workflows(inspection)
    return finding


def _warn_of_workflows(inspection: Inspection) -> None:
    """Warn of a run that decides its own checks."""
    with contextlib.suppress(GitHubError):
        if any(path.text.startswith(_WORKFLOWS) for path in inspection.changes().paths):
            said = "the run changed .github/workflows/, so it decides its own checks"
            if inspection.inputs.protected_paths is None:
                said += "; protected-paths can prevent that"
            inspection.sources.service.say(GateWarns(said))


class _ChecksJudge:
    """Reads the checks of one commit until the result is certain."""

    def __init__(self, inspection: Inspection, commit: str) -> None:
        self._inspection = inspection
        self._service = inspection.sources.service
        self._commit = commit
        self._required = ExpectedChecks()
        self._by_base: tuple[RequiredCheck, ...] | None = None
        """Those that the base requires; None if GitHub does not report them."""
        self._red_on_branch: frozenset[str] = frozenset()
        """Names of the checks that failed on the branch before the run."""
        self._seen: CheckList | None = None
        """The checks as of the last read."""
        self._complete_since: float | None = None
        """Since when everything listed is complete and unchanged, as a time of the clock."""
        self._knows_runs = True
        """False once GitHub has refused to list workflow runs."""

    def finding(self) -> GateFinding:
        """Return the finding once it is certain, or at the deadline. After a stop signal, return
        the failures so far.

        Raises:
            StopRequested: a stop signal came, and nothing has failed.
        """
        try:
            finding = self._watch()
        except StopRequested:
            if self._seen is None or not self._seen.failed:
                raise
            finding = self._failed(self._seen, also_red={}, titles={})
        leaves = () if self._seen is None else self._seen.leaves
        judged = tuple(JudgedCheck(check.name, check.conclusion) for check in leaves)
        return finding._replace(judged_checks=judged, required_checks=self._by_base)

    def _watch(self) -> GateFinding:
        """Read the checks until the finding is certain, or the deadline has passed."""
        service = self._service
        self._required = self._all_required()
        if not self._required.are_named:
            return GateFinding(Checks.NONE_NAMED)
        said_at = 0.0
        while True:
            now = self._listed(self._commit)
            before, self._seen = self._seen, now
            time = service.now
            has_changed = before is None or now.state != before.state
            if not now.is_complete:
                self._complete_since = None
            elif has_changed or self._complete_since is None:
                self._complete_since = time
            finding = self._certain(now, time)
            if finding is None and time + LOOK_SECONDS >= service.deadline:
                finding = self._out_of_time(now)
            if finding is not None:
                return finding
            if has_changed or time >= said_at + SAY_SECONDS:
                self._inspection.sources.service.say(self._awaited(now))
                said_at = time
            service.sleep_until(time + LOOK_SECONDS)

    def _certain(self, now: CheckList, time: float) -> GateFinding | None:
        """Return the finding if the read at ``time`` makes it certain, otherwise None. Two
        consecutive reads must agree, unless a check has failed and no ``repair`` needs the others.
        """
        since = self._complete_since
        is_settled = since is not None and since < time
        if now.failed and (is_settled or not self._inspection.inputs.repair):
            return self._explained(now)
        if since is None or not is_settled:
            return None
        skipped = self._required.without_success(now.leaves)
        if skipped:
            return _named(Checks.SKIPPED, skipped)
        missing = self._required.missing_in(now.leaves)
        if not missing:
            return self._passed(now)
        if time < since + MISSING_SECONDS:
            return None
        return _named(Checks.MISSING, missing)

    def _out_of_time(self, now: CheckList) -> GateFinding:
        """Return the failed or incomplete checks at the deadline."""
        if now.failed:  # with ``repair`` the others were waited for
            return self._explained(now)
        missing = self._required.missing_in(now.leaves)
        if now.is_complete and not missing:
            return GateFinding(Checks.SEEN_ONCE)
        return _named(Checks.OPEN, [*_open_names(now), *missing])

    def _passed(self, now: CheckList) -> GateFinding:
        """Return that the checks passed, unless nothing succeeded, or only by the pusher's word."""
        successes = [check for check in now.leaves if check.conclusion == SUCCESS]
        if not successes:
            return GateFinding(Checks.NO_SUCCESS)
        own = self._own_word(now.leaves)
        if own:
            return _named(Checks.OWN_WORD, [check.name.text for check in own])
        return GateFinding(Checks.PASSED, number=len(successes))

    def _explained(self, now: CheckList) -> GateFinding:
        """Return the failed checks with annotation titles, and whether one failed on the base
        before.
        """
        also_red = self._also_red(now.failed)
        return self._failed(now, also_red, _titles(now.failed, self._inspection))

    def _failed(
        self, now: CheckList, also_red: Mapping[str, str], titles: Mapping[str, str]
    ) -> GateFinding:
        """Return the failed checks, and notes on each by its id: whether it failed on the base
        before, and its titles.
        """
        was_cancelled = any(check.conclusion == "cancelled" for check in now.failed)
        is_unsure = was_cancelled and not self._knows_runs
        outcome = Checks.CANCELLED if is_unsure else Checks.FAILED
        names: list[Untrusted] = []
        details: list[Untrusted] = []
        for check in now.failed:
            name = check.name.text
            if check.kind == "suite":  # it has its app's name
                name = f"{name}: {check.conclusion}"
            if check.id in also_red:
                name = f"{name} ({also_red[check.id]})"
            address = check.url.text if check.url else ""
            names.append(Untrusted(name))
            details.append(Untrusted(" ".join(filter(None, (name, address, titles.get(check.id))))))
        return GateFinding(
            outcome,
            tuple(names),
            tuple(details),
            rejected_checks=now.failed,
            also_red=bool(also_red),
        )

    def _also_red(self, failed: Sequence[Check]) -> Mapping[str, str]:
        """Return the words for each check, by its id, that had failed on the base's tip, too, when
        the run was started, and not on the branch.
        """
        baseline = self._inspection.baseline
        tip = baseline.base_tip
        since = baseline.since
        suspects = [
            check
            for check in failed
            if check.kind != "suite" and check.name.text not in self._red_on_branch
        ]
        if not suspects or not tip or since is None:
            return {}
        ends = self._service.now + EXPLAIN_SECONDS
        try:
            history = self._inspection.queries.ask(lambda github: github.check_history(tip), ends)
        except GitHubError:
            return {}
        words = f"also red on {baseline.base} at {tip[:7]}"
        return dict.fromkeys(red_before(suspects, history, since), words)

    def _all_required(self) -> ExpectedChecks:
        """Return the checks that must exist and pass.

        Raises:
            GitHubError: GitHub does not report the base's required checks, and ``checks`` is empty.
        """
        inspection = self._inspection
        patterns = inspection.inputs.checks or CheckPatterns()
        ends = inf
        if patterns.required:
            ends = self._service.now + RULES_SECONDS
        try:
            self._by_base = inspection.required_checks(ends)
        except GitHubError as error:
            if not patterns.required:
                raise
            self._inspection.sources.service.say(
                GateWarns(
                    f"could not find out which checks the base branch requires: {error.cause}"
                )
            )
        tip = inspection.branch_tip_before
        if tip:
            self._red_on_branch = self._failed_on(tip)
        failed_since = self._failed_since_start()
        failed_before = self._red_on_branch | failed_since | inspection.failed_before
        return ExpectedChecks(self._by_base or (), patterns, failed_before)

    def _failed_since_start(self) -> frozenset[str]:
        """Return the names of the checks that failed on other commits which the branch has had
        since the run was started, such as those of an earlier attempt's rounds.
        """
        inspection = self._inspection
        moves = inspection.own_moves()
        base_tip = inspection.baseline.base_tip
        others = {NO_COMMIT, self._commit, inspection.branch_tip_before, base_tip}
        failed: frozenset[str] = frozenset()
        for commit in dict.fromkeys(tip for move in moves for tip in (move.before, move.after)):
            if commit in others:
                continue
            names = self._failed_on(commit)
            # The branch may have been made at an older commit of the base.
            if names and not (self._is_in_base(commit)):
                failed |= names
        return failed

    def _failed_on(self, commit: str) -> frozenset[str]:
        """Return the names of the checks that failed on a commit."""
        listed = self._listed(commit)
        return frozenset(failed_names(listed.failed))

    def _is_in_base(self, commit: str) -> bool:
        """Return whether the base had a commit before the run was started."""
        base_tip = self._inspection.baseline.base_tip
        if not base_tip:
            return False
        compared = self._inspection.queries.ask(lambda github: github.compare(base_tip, commit))
        return compared.ahead_by == 0

    def _listed(self, commit: str) -> CheckList:
        """Return the checks of a commit that count, as they are now."""
        inspection = self._inspection
        checks, are_all_listed = inspection.queries.ask(lambda github: github.checks(commit))
        superseded: set[int] = set()
        if any(check.app == ACTIONS and check.conclusion == "cancelled" for check in checks):
            superseded = self._superseded(commit)
        return list_checks(
            checks,
            inspection.sources.own_run,
            superseded,
            self._required.ignores,
            are_all_listed=are_all_listed,
        )

    def _superseded(self, commit: str) -> set[int]:
        """Return the suites that newer runs of their workflows replaced. Without the right to read
        workflow runs there are none.
        """
        if not self._knows_runs:
            return set()
        try:
            runs = self._inspection.queries.ask(lambda github: github.workflow_runs(commit))
        except GitHubUnavailableError:
            raise
        except GitHubError:
            self._knows_runs = False
            return set()
        return set(superseded_suites(runs))

    def _own_word(self, leaves: Sequence[Check]) -> list[Check]:
        """Return the checks of apps that pushed the branch or opened its pull request, if the
        others do not pass: a skipped one stands in for a required check, too. A check that the base
        requires of that very app is as good as another's.
        """
        by_apps = [
            check
            for check in leaves
            if check.app != ACTIONS and not self._required.is_of_required_app(check)
        ]
        if not by_apps or self._pass_without(by_apps, leaves):
            return []
        apps = self._own_apps()
        if not apps:
            return []
        makers: dict[str, str] = {}
        if any(check.kind == "status" for check in by_apps):
            commit = self._commit
            makers = self._inspection.queries.ask(lambda github: github.status_makers(commit))

        def maker(check: Check) -> str | None:
            return makers.get(check.id) if check.kind == "status" else f"{check.app}[bot]"

        # A status that newer ones pushed off the pages that are read proves nothing.
        own = [check for check in by_apps if maker(check) in {None, *apps}]
        return [] if self._pass_without(own, leaves) else own

    def _pass_without(self, left_out: Sequence[Check], leaves: Sequence[Check]) -> bool:
        """Return whether the checks pass without some of them."""
        rest = [check for check in leaves if check not in left_out]
        return any(check.conclusion == SUCCESS for check in rest) and not (
            self._required.missing_in(rest) or self._required.without_success(rest)
        )

    def _own_apps(self) -> set[str]:
        """Return the logins of apps that pushed the branch or opened its pull request. The one
        behind GitHub Actions runs everybody's workflows.

        Raises:
            GitHubError: GitHub does not show who pushed the branch.
        """
        inspection = self._inspection
        makers = inspection.pushers()
        makers |= {item.opened_by for item in inspection.pull_requests}
        return {login for login in makers if login.endswith("[bot]")} - {f"{ACTIONS}[bot]"}

    def _awaited(self, now: CheckList) -> ChecksAwaited:
        """Return the names of the pending checks."""
        missing = self._required.missing_in(now.leaves)
        names = tuple(map(Untrusted, [*_open_names(now), *missing]))
        complete = sum(check.is_complete for check in now.leaves)
        return ChecksAwaited(self._commit, complete, len(now.leaves) + len(missing), names)


def _open_names(now: CheckList) -> list[str]:
    """Return the names of incomplete checks; of suites only if all their checks are."""
    leaves = [check.name.text for check in now.leaves if not check.is_complete]
    return leaves or [suite.name.text for suite in now.open]


def _named(outcome: Checks, names: Sequence[str]) -> GateFinding:
    return GateFinding(outcome, tuple(map(Untrusted, names)))


def _titles(failed: Sequence[Check], inspection: Inspection) -> dict[str, str]:
    """Return the titles of failed checks' annotations, by check id, if GitHub responds in time."""
    titles: dict[str, str] = {}
    service = inspection.sources.service
    with contextlib.suppress(GitHubError), service.stop.interrupting():
        for check in failed[:MOST_EXPLAINED]:
            seconds = min(EXPLAIN_SECONDS, service.deadline - service.now)
            if seconds <= 0:
                break
            github = inspection.queries.github
            if check.kind == "run" and github is not None:
                found = github.within(seconds).annotations(check.number, MOST_TITLES)
                titles[check.id] = "; ".join(each.title.text for each in found)
    return titles
