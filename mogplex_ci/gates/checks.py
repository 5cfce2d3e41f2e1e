"""The judge of ``require: checks``: waits until all that GitHub checks about the judged commit is
complete and good.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.change import READ_WHY
from mogplex_ci.gates.inspection import LOOK_SECONDS, Inspection
from mogplex_ci.gates.outcome import Finding, Outcome, Words
from mogplex_ci.run.updates import ChecksAwaited, Update
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from mogplex_ci.github_api import Check

FIRST_CHECK_SECONDS: Final = 90.0
"""How long to wait for the first check of a commit to appear."""
SAY_SECONDS: Final = 60.0
"""How often to say what is waited for while nothing changes."""
MOST_EXPLAINED: Final = 5
"""Failed checks whose annotations are asked for."""
EXPLAIN_SECONDS: Final = 5.0
"""How long GitHub is asked for those of one check."""
_ACTIONS: Final = "github-actions"
"""Slug of the app behind GitHub Actions."""
_PASSED: Final = ("success", "neutral", "skipped")
"""Conclusions that do not stop a merge. Only ``success`` says that something was tried and went
well.
"""


class Checks(Outcome):
    """Outcomes of ``require: checks``."""

    PASSED = Words("its only check passed", several="{number} checks passed")
    FAILED = Words("a check failed", "Open what failed.", several="{number} checks failed")
    SKIPPED = Words(
        "none of its checks did anything: all were skipped",
        "See why the workflow skips its jobs; the run may have changed it.",
    )
    NONE = Words(
        "its commit has no checks",
        "Add a workflow for pull requests, or do not require checks.",
        is_for_people=True,
    )
    NO_COMMIT = Words("it pushed no commit that could have checks", READ_WHY)
    OPEN = Words(
        "its checks were not complete when the timeout passed",
        "Raise timeout.",
        code="TIMEOUT",
        is_for_people=True,
    )


class Counted(NamedTuple):
    """The checks that count, at one moment, by name."""

    ids: frozenset[str]
    open: tuple[Check, ...]
    failed: tuple[Check, ...]
    passed: tuple[Check, ...]
    """Of these some did more than being skipped."""
    total: int
    """Check runs and statuses."""
    is_complete: bool

    @classmethod
    def of(cls, checks: Sequence[Check], own_run: str, *, are_all_listed: bool) -> Counted:
        """Count the checks of a commit, but for those of the workflow run ``own_run``, which waits
        for this step.

        A suite of GitHub Actions always counts: it has no runs as long as it waits for approval.
        Suites of other apps count when they have runs: GitHub makes an empty one for each app, and
        it stays queued for ever.
        """
        checks = sorted(checks, key=lambda check: check.name.text)
        page = re.compile(rf"/actions/runs/{re.escape(own_run)}(/|$)" if own_run else "(?!)")
        own = [
            check
            for check in checks
            if check.app == _ACTIONS and check.url and page.search(check.url.text)
        ]
        leaves = [check for check in checks if check.kind != "suite" and check not in own]
        used = {check.suite for check in checks if check.app == _ACTIONS or check.runs}
        used |= {check.suite for check in leaves}
        used -= {check.suite for check in own}
        counted = [
            *leaves,
            *(check for check in checks if check.kind == "suite" and check.suite in used),
        ]
        failed = [
            check for check in counted if check.is_complete and check.conclusion not in _PASSED
        ]
        broken = {check.suite for check in failed if check.kind == "run"}
        return cls(
            ids=frozenset(check.id for check in counted),
            open=tuple(check for check in counted if not check.is_complete),
            failed=tuple(
                check for check in failed if check.kind != "suite" or check.suite not in broken
            ),
            passed=tuple(
                check for check in leaves if check.is_complete and check.conclusion in _PASSED
            ),
            total=len(leaves),
            is_complete=are_all_listed and all(check.is_complete for check in counted),
        )


def judge_checks(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Wait until every check of the judged commit is complete, and judge whether all passed."""
    inspection.check_is_known()
    commit, service = inspection.commit, inspection.sources.service
    if commit is None:
        return Finding(Checks.NO_COMMIT)
    before: Counted | None = None
    said_at = 0.0
    while True:
        checks, are_all_listed = yield from inspection.ask_github(
            lambda github: github.checks(commit)
        )
        now = Counted.of(checks, inspection.sources.own_run, are_all_listed=are_all_listed)
        if (finding := _certain(now, before, inspection)) is not None:
            return finding
        time = service.now
        if not now.ids and now.is_complete and time >= inspection.known_at + FIRST_CHECK_SECONDS:
            return Finding(Checks.NONE)
        if time + LOOK_SECONDS >= service.deadline:
            return _listed(Checks.OPEN, now.open, {})
        if (
            before is None
            or (now.ids, now.open) != (before.ids, before.open)
            or time >= said_at + SAY_SECONDS
        ):
            at_work = [check for check in now.open if check.kind != "suite"]
            names = tuple(check.name for check in at_work or now.open)
            yield ChecksAwaited(commit, now.total - len(at_work), now.total, names)
            said_at = time
        before = now
        service.sleep_until(time + LOOK_SECONDS)


def _certain(now: Counted, before: Counted | None, inspection: Inspection) -> Finding | None:
    """Return what is certain; None when it may still become good. Passing takes two complete
    answers in a row.

    With ``repair`` so does failing, and the same checks are found to have failed whenever that is
    asked.
    """
    was_complete = before is not None and before.is_complete and now.ids == before.ids
    is_settled = now.is_complete and was_complete and len(now.ids) > 0
    if now.failed and (is_settled or not inspection.inputs.repair):
        return _listed(Checks.FAILED, now.failed, _titles(now.failed, inspection))
    if not is_settled:
        return None
    if not any(check.conclusion == "success" for check in now.passed):
        return _listed(Checks.SKIPPED, now.passed, {})
    tried = sum(check.conclusion != "skipped" for check in now.passed)
    return Finding(Checks.PASSED, number=tried)


def _titles(failed: tuple[Check, ...], inspection: Inspection) -> dict[str, str]:
    """Return the titles of the annotations of failed checks, by their ids, as far as GitHub tells
    them at once.
    """
    titles: dict[str, str] = {}
    with contextlib.suppress(GitHubError), inspection.sources.service.stop.interrupting():
        for check in failed[:MOST_EXPLAINED]:
            if check.kind == "run" and inspection.github is not None:
                found = inspection.github.within(EXPLAIN_SECONDS).annotations(check)
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
