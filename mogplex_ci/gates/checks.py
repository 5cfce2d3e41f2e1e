"""The judge of ``require: checks``: waits until all that GitHub checks about the judged commit, and
all that must be checked, is there, complete and good.
"""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import GitHubError, GitHubUnavailableError
from mogplex_ci.gates.change import READ_WHY
from mogplex_ci.gates.check_list import (
    ACTIONS,
    CheckList,
    Wanted,
    list_checks,
    superseded_suites,
)
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import Finding, Outcome, Words
from mogplex_ci.gates.queries import LOOK_SECONDS
from mogplex_ci.run.delivery import JudgedCheck
from mogplex_ci.run.updates import ChecksAwaited, GateWarns, Update
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from mogplex_ci.github_api import Check, RequiredCheck

FIRST_CHECK_SECONDS: Final = 90.0
"""How long to wait for the first check of a commit to appear."""
SETTLE_SECONDS: Final = 60.0
"""How old a commit must be before its checks count as all that there are."""
NEW_SUITE_SECONDS: Final = 30.0
"""How long no new suite may have appeared before they do."""
MISSING_SECONDS: Final = 300.0
"""How long a check may be missing that must be there, when all others are complete."""
SAY_SECONDS: Final = 60.0
"""How often to say what is waited for while nothing changes."""
MOST_EXPLAINED: Final = 5
"""Failed checks whose annotations are asked for."""
EXPLAIN_SECONDS: Final = 5.0
"""How long GitHub is asked for those of one check."""
_SKIPS_CI: Final = re.compile(
    r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: ?true\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""Words in a commit's message at which GitHub Actions does not run."""
_WORKFLOWS: Final = ".github/workflows/"


class Checks(Outcome):
    """Outcomes of ``require: checks``."""

    PASSED = Words("its only check passed", several="{number} checks passed")
    FAILED = Words("a check failed", "Open what failed.", several="{number} checks failed")
    CANCELLED = Words(
        "a check was cancelled",
        "Open it. If a newer run replaced it, give the job the permission actions: read, so that it "
        "does not count.",
        several="{number} checks failed or were cancelled",
    )
    SKIPPED = Words(
        "none of its checks did anything: all were skipped",
        "See why the workflow skips its jobs; the run may have changed it.",
    )
    OWN_WORD = Words(
        "its checks passed by the word of the app that pushed it alone",
        "Add a workflow that tries the change.",
        is_for_people=True,
    )
    MISSING = Words(
        "a check that must be there is missing",
        "See why it did not start: a path filter, a changed workflow or a renamed job does that, too.",
        several="{number} checks that must be there are missing",
        code="CHECKS_MISSING",
    )
    SKIPS_CI = Words(
        "the message of its commit tells GitHub Actions not to run",
        "Push a commit without such words.",
    )
    CONFLICT = Words(
        "its commit has no checks: the pull request has a conflict, and GitHub then starts none",
        "Merge the base into the branch and resolve the conflict.",
    )
    NONE = Words(
        "its commit has no checks",
        "Add a workflow for pull requests, or do not require checks.",
        is_for_people=True,
    )
    NO_COMMIT = Words("it pushed no commit that could have checks", READ_WHY)
    OPEN = Words(
        "its checks were not complete when the timeout passed",
        "Raise [[timeout]].",
        code="TIMEOUT",
        is_for_people=True,
    )
    NOT_BEGUN = Words(
        "its commit had no checks yet when the timeout passed",
        "Raise [[timeout]].",
        code="TIMEOUT",
        is_for_people=True,
    )
    MORE_MAY_FOLLOW = Words(
        "its checks passed too shortly before the timeout to know that no others follow",
        "Raise [[timeout]].",
        code="TIMEOUT",
        is_for_people=True,
    )


def judge_checks(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Wait until every check of the judged commit is complete and all that must be there are, and
    judge whether all passed.
    """
    inspection.require_commit()
    if inspection.candidate.commit is None:
        return Finding(Checks.NO_COMMIT)
    judge = _ChecksJudge(inspection, inspection.candidate.commit)
    finding = yield from judge.finding()
    if finding.outcome is Checks.PASSED:
        yield from _warn_of_workflows(inspection)
    return finding


def _warn_of_workflows(inspection: Inspection) -> Generator[Update, None, None]:
    """Warn of a run that decides its own checks."""
    with contextlib.suppress(GitHubError):
        if any(path.text.startswith(_WORKFLOWS) for path in inspection.changes().paths):
            yield GateWarns(
                "the run changed workflows below .github/workflows/ and so decides its own checks: "
                "[[protected-paths]] can keep it from that"
            )


class _ChecksJudge:
    """Looks at the checks of one commit until it is certain how they end."""

    def __init__(self, inspection: Inspection, commit: str) -> None:
        self._inspection = inspection
        self._service = inspection.sources.service
        self._commit = commit
        self._wanted = Wanted()
        self._by_base: tuple[RequiredCheck, ...] | None = None
        """Those that the base requires; None if GitHub does not show them."""
        self._before: CheckList | None = None
        self._complete_since: float | None = None
        """Since when all that is listed is complete, as a time of the clock."""
        self._pushed_at: datetime | None = None
        self._knows_runs = True
        """Whether the token may read workflow runs, as far as that was tried."""

    def finding(self) -> Generator[Update, None, Finding]:
        """Return what is found when it is certain, or when the time is up."""
        service = self._service
        self._wanted = yield from self._all_wanted()
        said_at = 0.0
        while True:
            now = yield from self._look()
            time = service.now
            if not now.is_complete:
                self._complete_since = None
            elif self._complete_since is None:
                self._complete_since = time
            finding = yield from self._certain(now)
            if finding is None and time + LOOK_SECONDS >= service.deadline:
                finding = self._out_of_time(now)
            if finding is not None:
                return finding._replace(judged_checks=_judged(now), required_checks=self._by_base)
            before = self._before
            has_changed = before is None or (now.ids, now.open) != (before.ids, before.open)
            if has_changed or time >= said_at + SAY_SECONDS:
                yield self._awaited(now)
                said_at = time
            self._before = now
            service.sleep_until(time + LOOK_SECONDS)

    def _out_of_time(self, now: CheckList) -> Finding:
        """Return what has failed, is not there, or is not complete, when the time is up."""
        if now.failed:  # with ``repair`` the others were waited for
            return self._failed(now)
        if not now.is_complete:
            return _listed(Checks.OPEN, now.open, {})
        missing = self._wanted.missing_in(now.leaves)
        if missing:
            return Finding(Checks.MISSING, tuple(map(Untrusted, missing)))
        return Finding(Checks.MORE_MAY_FOLLOW if now.ids else Checks.NOT_BEGUN)

    def _all_wanted(self) -> Generator[Update, None, Wanted]:
        """Return the checks that must be there."""
        inspection = self._inspection
        required: tuple[RequiredCheck, ...] = ()
        try:
            required = yield from inspection.required_checks()
        except GitHubUnavailableError:
            raise
        except GitHubError as error:
            yield GateWarns(f"which checks the base requires is not known: {error.cause}")
        else:
            self._by_base = required
        names = set(inspection.failed_before)
        tip = inspection.branch_tip_before
        if tip:
            names |= yield from self._failed_on(tip)
        return Wanted(required, inspection.inputs.checks or (), frozenset(names))

    def _failed_on(self, commit: str) -> Generator[Update, None, set[str]]:
        """Return the names of the checks that failed on the branch before the run."""
        listed = yield from self._listed(commit)
        return {check.name.text for check in listed.failed if check.kind != "suite"}

    def _look(self) -> Generator[Update, None, CheckList]:
        """Return the checks as they are now."""
        return (yield from self._listed(self._commit))

    def _listed(self, commit: str) -> Generator[Update, None, CheckList]:
        """Return the checks of a commit that count."""
        inspection = self._inspection
        checks, are_all_listed = yield from inspection.queries.ask(
            lambda github: github.checks(commit)
        )
        superseded: set[int] = set()
        if any(check.app == ACTIONS and check.conclusion == "cancelled" for check in checks):
            superseded = yield from self._superseded(commit)
        own_run = inspection.sources.own_run
        return list_checks(checks, own_run, superseded, are_all_listed=are_all_listed)

    def _superseded(self, commit: str) -> Generator[Update, None, set[int]]:
        """Return the suites that newer runs of their workflows replaced. Without the right to read
        workflow runs there are none.
        """
        if not self._knows_runs:
            return set()
        try:
            runs = yield from self._inspection.queries.ask(
                lambda github: github.workflow_runs(commit)
            )
        except GitHubUnavailableError:
            raise
        except GitHubError:
            self._knows_runs = False
            return set()
        return set(superseded_suites(runs))

    def _certain(self, now: CheckList) -> Generator[Update, None, Finding | None]:
        """Return what is certain; None when it may still become good. Passing takes two complete
        answers in a row.

        With ``repair`` so does failing, and the same checks are found to have failed whenever that
        is asked.
        """
        before = self._before
        was_complete = before is not None and before.is_complete and now.ids == before.ids
        is_settled = now.is_complete and was_complete and len(now.ids) > 0
        if now.failed and (is_settled or not self._inspection.inputs.repair):
            return self._failed(now)
        missing = self._wanted.missing_in(now.leaves)
        if missing:
            return self._missing(missing)
        if not now.ids and now.is_complete:
            return (yield from self._nothing_listed(now))
        if not is_settled or not (yield from self._is_all(now)):
            return None
        if not now.has_actions and (yield from self._skips_ci()):
            return Finding(Checks.SKIPS_CI)
        return (yield from self._passed(now))

    def _failed(self, now: CheckList) -> Finding:
        inspection = self._inspection
        was_cancelled = any(check.conclusion == "cancelled" for check in now.failed)
        is_unsure = was_cancelled and not self._knows_runs
        outcome = Checks.CANCELLED if is_unsure else Checks.FAILED
        finding = _listed(outcome, now.failed, _titles(now.failed, inspection))
        return finding._replace(rejected_checks=now.failed)

    def _missing(self, names: list[str]) -> Finding | None:
        """Return that checks are missing, when they have had time enough."""
        since = self._complete_since
        if since is None or self._service.now < since + MISSING_SECONDS:
            return None
        return Finding(Checks.MISSING, tuple(map(Untrusted, names)))

    def _nothing_listed(self, now: CheckList) -> Generator[Update, None, Finding | None]:
        """Return why there are no checks at all, when they have had time enough."""
        if self._service.now < self._inspection.candidate.known_at + FIRST_CHECK_SECONDS:
            return None
        if not now.has_actions and (yield from self._skips_ci()):
            return Finding(Checks.SKIPS_CI)
        item = self._inspection.pull_request
        if item is not None and item.is_open:
            with contextlib.suppress(GitHubError):
                number = item.number
                current = yield from self._inspection.queries.ask(
                    lambda github: github.pull_request(number)
                )
                if current.has_conflict:
                    return Finding(Checks.CONFLICT)
        return Finding(Checks.NONE)

    def _is_all(self, now: CheckList) -> Generator[Update, None, bool]:
        """Return whether what is listed is all that will be: at once where the base or the inputs
        name checks, which are there, else when the commit is old enough and no suite is new.
        """
        if self._wanted.tells_all:
            return True
        time = self._time()
        if self._pushed_at is None:
            self._pushed_at = min(now.suites_began, default=None)
        if self._pushed_at is None:
            self._pushed_at = (yield from self._push_noted()) or time
        newest = max(now.suites_began, default=self._pushed_at)
        is_old = time - self._pushed_at >= timedelta(seconds=SETTLE_SECONDS)
        return is_old and time - newest >= timedelta(seconds=NEW_SUITE_SECONDS)

    def _time(self) -> datetime:
        queries = self._inspection.queries
        if queries.github is None:
            raise queries.not_asked
        return queries.github.time

    def _push_noted(self) -> Generator[Update, None, datetime | None]:
        """Return when the commit was pushed, if GitHub's activity tells it."""
        for move in (yield from self._inspection.own_moves()):
            if move.after == self._commit:
                return move.at
        return None

    def _skips_ci(self) -> Generator[Update, None, bool]:
        """Return whether the commit's message tells GitHub Actions not to run."""
        commit = self._commit
        message = yield from self._inspection.queries.ask(lambda github: github.message(commit))
        return _SKIPS_CI.search(message) is not None

    def _passed(self, now: CheckList) -> Generator[Update, None, Finding]:
        """Return that all passed, if at least one has tried something that is not the agent's own
        app.
        """
        tried = [check for check in now.passed if check.conclusion == "success"]
        if not tried:
            return _listed(Checks.SKIPPED, now.passed, {})
        if (yield from self._are_own_word(tried)):
            return _listed(Checks.OWN_WORD, tuple(tried), {})
        number = sum(check.conclusion != "skipped" for check in now.passed)
        return Finding(Checks.PASSED, number=number)

    def _are_own_word(self, tried: list[Check]) -> Generator[Update, None, bool]:
        """Return whether all that passed was made by an app that pushed the branch or opened its
        pull request. A check that the base requires of that very app is as good as another's.
        """
        if any(check.app == ACTIONS or self._wanted.is_of_required_app(check) for check in tried):
            return False
        apps = yield from self._own_apps()
        if not apps:
            return False
        if any(check.kind == "run" and f"{check.app}[bot]" not in apps for check in tried):
            return False
        statuses = [check for check in tried if check.kind == "status"]
        if not statuses:
            return True
        commit = self._commit
        makers = yield from self._inspection.queries.ask(
            lambda github: github.status_makers(commit)
        )
        # One that newer ones pushed off the pages that are read is nobody's word.
        known = {makers[check.id] for check in statuses if check.id in makers}
        return known <= apps

    def _own_apps(self) -> Generator[Update, None, set[str]]:
        """Return the logins of apps that pushed the branch or opened its pull request. The one
        behind GitHub Actions runs everybody's workflows.
        """
        inspection = self._inspection
        makers = {move.actor for move in (yield from inspection.own_moves())}
        makers |= {item.opened_by for item in inspection.pull_requests}
        return {login for login in makers if login.endswith("[bot]")} - {f"{ACTIONS}[bot]"}

    def _awaited(self, now: CheckList) -> ChecksAwaited:
        """Return what is waited for."""
        at_work = [check for check in now.open if check.kind != "suite"]
        names = [check.name for check in at_work or now.open]
        missing = self._wanted.missing_in(now.leaves)
        names += [Untrusted(name) for name in missing]
        complete = now.total - len(at_work)
        total = now.total + len(missing)
        return ChecksAwaited(self._commit, complete, total, tuple(names))


def _judged(now: CheckList) -> tuple[JudgedCheck, ...]:
    return tuple(JudgedCheck(check.name, check.conclusion) for check in now.leaves)


def _titles(failed: tuple[Check, ...], inspection: Inspection) -> dict[str, str]:
    """Return the titles of the annotations of failed checks, by their ids, as far as GitHub tells
    them at once.
    """
    titles: dict[str, str] = {}
    service = inspection.sources.service
    with contextlib.suppress(GitHubError), service.stop.interrupting():
        for check in failed[:MOST_EXPLAINED]:
            seconds = min(EXPLAIN_SECONDS, service.deadline - service.now)
            if seconds <= 0:
                break
            github = inspection.queries.github
            if check.kind == "run" and github is not None:
                found = github.within(seconds).annotations(check)
                titles[check.id] = "; ".join(title.text for title in found)
    return titles


def _listed(outcome: Checks, checks: tuple[Check, ...], titles: Mapping[str, str]) -> Finding:
    """Return a finding that names ``checks``, and tells their addresses and ``titles``. A suite has
    its app's name.
    """
    names: list[Untrusted] = []
    details: list[Untrusted] = []
    for check in checks:
        name = check.name.text
        if check.kind == "suite":
            name = f"{name}: {check.conclusion}"
        address = check.url.text if check.url else ""
        names.append(Untrusted(name))
        details.append(Untrusted(" ".join(filter(None, (name, address, titles.get(check.id))))))
    return Finding(outcome, tuple(names), tuple(details))
