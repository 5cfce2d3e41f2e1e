"""The judges of ``require: pull-request`` and of the branch, which is judged last."""

from enum import unique
from typing import Final

from mogplex_ci.gate_kinds import PULL_REQUEST
from mogplex_ci.gates.candidate import WHO_DELETED, own_pull_requests
from mogplex_ci.gates.change import READ_WHY
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import GateFinding, GateOutcome, Passed, Rejected
from mogplex_ci.github_api import PullRequest
from mogplex_ci.run.delivery import is_own_pull_request
from mogplex_ci.untrusted import Untrusted

_WHO_PUSHED: Final = "Find out who pushed to the branch, and run the job again."
_WHO_CHANGED: Final = "Find out who changed it, and run the job again."


@unique
class PullRequestIs(GateOutcome):
    """Outcomes of ``require: pull-request``."""

    OPEN = Passed("the pull request is open")
    MERGED = Passed("the pull request was merged by someone who did not push the branch")
    TOLD = Passed("the delivery event names a pull request; GitHub was not queried")
    MISSING = Rejected(
        "the run opened no pull request",
        "Check that the Mogplex GitHub App may open pull requests in this repository.",
    )
    NOTHING = Rejected("the run changed no files, so it opened no pull request", READ_WHY)
    NOT_OPEN = Rejected(
        "the pull request is closed or merged",
        "Reopen it, or let the run use a new branch.",
        is_for_people=True,
    )
    OTHER_COMMIT = Rejected(
        "the head of the pull request is not the judged commit", _WHO_PUSHED, is_for_people=True
    )
    OTHER_BASE = Rejected(
        "the pull request does not target the run's base branch",
        "Change the base of the pull request, or set base-branch.",
    )
    FOREIGN = Rejected(
        "the delivery event names a pull request of another repository",
        "Set github-token, and read the agent's last actions.",
        is_for_people=True,
    )


@unique
class BranchIs(GateOutcome):
    """Outcomes of the last look."""

    UNMOVED = Passed("the branch is still at the judged commit")
    NONE = Passed("the run pushed no branch")
    MERGED = Passed("the branch was merged at the judged commit")
    MOVED = Rejected(
        "the branch is no longer at the judged commit", _WHO_PUSHED, is_for_people=True
    )
    GONE = Rejected("the branch no longer exists", WHO_DELETED, is_for_people=True)
    CLOSED = Rejected(
        "the pull request was closed or merged while the gates were judging",
        _WHO_CHANGED,
        code=PULL_REQUEST.code,
        is_for_people=True,
    )
    RETARGETED = Rejected(
        "the base of the pull request was changed while the gates were judging",
        _WHO_CHANGED,
        code=PULL_REQUEST.code,
        is_for_people=True,
    )


def judge_pull_request(inspection: Inspection) -> GateFinding:
    """Judge whether a pull request is open that would merge the judged commit into the base."""
    if inspection.queries.github is None:
        return _told_pull_request(inspection)
    inspection.require_commit()
    candidate = inspection.candidate
    if candidate.branch is None or candidate.commit is None:
        return GateFinding(_missing(inspection))
    while True:
        own = own_pull_requests(candidate, inspection.queries)
        for item in own:
            outcome = _fits(item, inspection)
            if outcome is not None:
                return GateFinding(outcome, items=(item.url,), pull_requests=own)
        is_open = [item for item in own if item.is_open]
        if not is_open or not inspection.queries.wait_to_settle(candidate.known_at):
            break
    if is_open:
        has_base = any(item.base == inspection.baseline.base for item in is_open)
        outcome = PullRequestIs.OTHER_COMMIT if has_base else PullRequestIs.OTHER_BASE
        return GateFinding(outcome, items=(is_open[0].url,), pull_requests=own)
    outcome = PullRequestIs.NOT_OPEN if own else _missing(inspection)
    return GateFinding(outcome, items=tuple(item.url for item in own[:1]), pull_requests=own)


def _missing(inspection: Inspection) -> PullRequestIs:
    return PullRequestIs.NOTHING if inspection.is_unchanged else PullRequestIs.MISSING


def _fits(item: PullRequest, inspection: Inspection) -> PullRequestIs | None:
    """Return how a pull request holds the judged commit, if it does."""
    if item.base != inspection.baseline.base:
        return None
    if item.is_open:
        has_commit = item.head.commit == inspection.candidate.commit
        return PullRequestIs.OPEN if has_commit else None
    is_merged = inspection.is_merged_well(item)
    return PullRequestIs.MERGED if is_merged else None


def _told_pull_request(inspection: Inspection) -> GateFinding:
    """Judge by the run's events alone; facts that they do not report stay unknown."""
    candidate = inspection.candidate
    timeline = candidate.details.timeline
    url = candidate.details.told_pull_request
    if url is None and timeline.outcome.changed is not None and not timeline.is_incomplete:
        return GateFinding(_missing(inspection))
    if url is None or candidate.repository is None:
        raise inspection.queries.not_asked
    is_own = is_own_pull_request(url, candidate.repository, inspection.sources.servers)
    return GateFinding(PullRequestIs.TOLD if is_own else PullRequestIs.FOREIGN, items=(url,))


def judge_branch(inspection: Inspection) -> GateFinding:
    """Judge whether the judged commit is still the tip of the branch, and still that of the pull
    request if one is required.
    """
    inspection.require_commit()
    candidate = inspection.candidate
    queries = inspection.queries
    branch = candidate.branch
    if branch is None:
        raise queries.not_asked
    is_merged = False
    pull_requests = None
    known = inspection.pull_request
    if PULL_REQUEST.name in inspection.inputs.gates and known is not None:
        item = queries.ask(lambda github: github.pull_request(known.number))
        pull_requests = (item,)
        is_merged = inspection.is_merged_well(item)
        if not item.is_open and not is_merged:
            return GateFinding(BranchIs.CLOSED, items=(item.url,), pull_requests=pull_requests)
        if item.base != inspection.baseline.base:
            items = (item.url, Untrusted(item.base))
            return GateFinding(BranchIs.RETARGETED, items=items, pull_requests=pull_requests)
    tip = queries.ask(lambda github: github.tip(branch))
    if tip == candidate.commit:
        outcome = BranchIs.NONE if tip is None else BranchIs.UNMOVED
        return GateFinding(outcome, pull_requests=pull_requests)
    if tip is None:
        outcome = BranchIs.MERGED if is_merged else BranchIs.GONE
        return GateFinding(outcome, pull_requests=pull_requests)
    return GateFinding(BranchIs.MOVED, items=(Untrusted(tip),), pull_requests=pull_requests)
