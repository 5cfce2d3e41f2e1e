"""The judges of ``require: pull-request`` and of the branch, which is looked at last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import Finding, Outcome, Words
from mogplex_ci.run.delivery import is_own_pull_request
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Generator

    from mogplex_ci.github_api import PullRequest
    from mogplex_ci.run.updates import Update

_WHO_PUSHED: Final = "See who pushed to the branch, and run the [[job]] again."
_WHO_CHANGED: Final = "See who changed it, and run the [[job]] again."
_NO_PULL_REQUEST: Final = "NO_PULL_REQUEST"


class PullRequestIs(Outcome):
    """Outcomes of ``require: pull-request``."""

    OPEN = Words("its pull request is open")
    MERGED = Words("its pull request was merged after it had been judged")
    TOLD = Words("its delivery event names a pull request; GitHub was not asked")
    MISSING = Words(
        "it opened no pull request",
        "Check that the Mogplex GitHub App may open pull requests here.",
    )
    NOT_OPEN = Words(
        "its pull request is closed or merged",
        "Reopen it, or let the run use a new branch.",
        is_for_people=True,
    )
    OTHER_COMMIT = Words(
        "its pull request has another commit at its head", _WHO_PUSHED, is_for_people=True
    )
    OTHER_BASE = Words(
        "its pull request would be merged into another branch than the run's base",
        "Change the base of the pull request, or set [[base-branch]].",
    )
    FOREIGN = Words(
        "its delivery event names a pull request of another repository",
        "Set [[github-token]], and read what the agent did.",
        is_for_people=True,
    )


class BranchIs(Outcome):
    """Outcomes of the last look."""

    UNMOVED = Words("its branch is still at the judged commit")
    MERGED = Words("its branch was merged at the judged commit")
    MOVED = Words("its branch moved on from the judged commit", _WHO_PUSHED, is_for_people=True)
    GONE = Words(
        "its branch is gone", "See who deleted it, and run the [[job]] again.", is_for_people=True
    )
    CLOSED = Words(
        "its pull request was closed or merged while the gates judged",
        _WHO_CHANGED,
        code=_NO_PULL_REQUEST,
        is_for_people=True,
    )
    RETARGETED = Words(
        "the base of its pull request was changed while the gates judged",
        _WHO_CHANGED,
        code=_NO_PULL_REQUEST,
        is_for_people=True,
    )


def judge_pull_request(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Judge whether a pull request is open that would merge the judged commit into the base."""
    if inspection.github is None:
        return _told_pull_request(inspection)
    inspection.check_is_known()
    if inspection.branch is None or inspection.commit is None:
        return Finding(PullRequestIs.MISSING)
    while True:
        yield from inspection.look_at_pull_requests()
        own = inspection.pull_requests
        for item in own:
            if (outcome := (yield from _fits(item, inspection))) is not None:
                inspection.pull_request = item
                return Finding(outcome, items=(item.url,))
        is_open = [item for item in own if item.is_open]
        if not is_open or not inspection.may_settle():
            break
    if is_open:
        has_base = any(item.base == inspection.base for item in is_open)
        outcome = PullRequestIs.OTHER_COMMIT if has_base else PullRequestIs.OTHER_BASE
        return Finding(outcome, items=(is_open[0].url,))
    outcome = PullRequestIs.NOT_OPEN if own else PullRequestIs.MISSING
    return Finding(outcome, items=tuple(item.url for item in own[:1]))


def _fits(
    item: PullRequest, inspection: Inspection
) -> Generator[Update, None, PullRequestIs | None]:
    """Return how a pull request holds the judged commit, if it does."""
    if item.base != inspection.base:
        return None
    if item.is_open:
        return PullRequestIs.OPEN if item.head[2] == inspection.commit else None
    is_merged = yield from inspection.is_merged_well(item)
    return PullRequestIs.MERGED if is_merged else None


def _told_pull_request(inspection: Inspection) -> Finding:
    """Judge by the run's events alone; facts that they do not tell stay unknown."""
    timeline = inspection.result.timeline
    url = timeline.outcome.pull_request_url
    if url is None and timeline.outcome.changed is not None and not timeline.is_incomplete:
        return Finding(PullRequestIs.MISSING)
    if url is None or inspection.repository is None:
        raise inspection.not_asked
    is_own = is_own_pull_request(url, inspection.repository, inspection.sources.servers)
    return Finding(PullRequestIs.TOLD if is_own else PullRequestIs.FOREIGN, items=(url,))


def judge_branch(inspection: Inspection) -> Generator[Update, None, Finding]:
    """Judge whether the judged commit is still the tip of the branch, and still that of the pull
    request if one is required.
    """
    branch = inspection.branch
    item = inspection.pull_request
    inspection.check_is_known()
    if branch is None:
        raise inspection.not_asked
    is_merged = False
    if "pull-request" in inspection.inputs.gates and item is not None:
        number = item.number
        item = yield from inspection.ask_github(lambda github: github.pull_request(number))
        inspection.pull_request = item
        is_merged = yield from inspection.is_merged_well(item)
        if not item.is_open and not is_merged:
            return Finding(BranchIs.CLOSED, items=(item.url,))
        if item.base != inspection.base:
            return Finding(BranchIs.RETARGETED, items=(item.url, Untrusted(item.base)))
    tip = yield from inspection.ask_github(lambda github: github.tip(branch))
    if tip == inspection.commit:
        return Finding(BranchIs.UNMOVED)
    if tip is None:
        return Finding(BranchIs.MERGED if is_merged else BranchIs.GONE)
    return Finding(BranchIs.MOVED, items=(Untrusted(tip),))
