"""The judges of ``require: pull-request`` and of the branch, which is judged last."""

from typing import Final

from mogplex_ci.gate_kinds import BRANCH, PULL_REQUEST
from mogplex_ci.gates.case import Case
from mogplex_ci.gates.changes import merge_of
from mogplex_ci.gates.lookup import read_pull_requests
from mogplex_ci.run.result import Gate, is_own_pull_request
from mogplex_ci.untrusted import Untrusted

_WHO_PUSHED: Final = "Find out who pushed to the branch, and try again."
_MISSING: Final = "the run opened no pull request"
_MAY_OPEN: Final = "Check that the Mogplex GitHub App may open pull requests in this repository."


def judge_pull_request(case: Case) -> Gate:
    """Judge whether a pull request is open that would merge the judged commit into the base, or has
    well merged it.
    """
    if case.github is None:
        return _pull_request_by_event(case)
    if not case.has_commit():
        return case.no_change(PULL_REQUEST)
    while case.pull_request is None and any(item.is_open for item in case.pull_requests):
        if not case.wait_to_settle():
            break
        read_pull_requests(case)
    found = case.pull_request
    if found is not None:
        words = "the pull request is open" if found.is_open else "the pull request was merged"
        return case.passes(PULL_REQUEST, words, found.url)
    return _missing(case)


def _missing(case: Case) -> Gate:
    """Return why there is no pull request that fits."""
    if case.merger:
        found = "the pull request was merged by the account that opened it, or by an app"
        remedy = "Let a person other than its author merge it."
        return case.rejects(PULL_REQUEST, found, remedy, Untrusted(case.merger), is_for_people=True)
    is_open = [item for item in case.pull_requests if item.is_open]
    if not is_open and case.pull_requests:
        url = case.pull_requests[0].url
        remedy = "Reopen it, or let the run use a new branch."
        found = "the pull request is closed or merged"
        return case.rejects(PULL_REQUEST, found, remedy, url, is_for_people=True)
    if not is_open:
        return case.rejects(PULL_REQUEST, _MISSING, _MAY_OPEN)
    first = is_open[0]
    if first.base == case.base:
        found = "the head of the pull request is not the judged commit"
        return case.rejects(PULL_REQUEST, found, _WHO_PUSHED, first.url, is_for_people=True)
    found = f"the pull request does not target {case.base}"
    remedy = "Change the base of the pull request, or set base-branch."
    return case.rejects(PULL_REQUEST, found, remedy, first.url, Untrusted(first.base))


def _pull_request_by_event(case: Case) -> Gate:
    """Judge by the run's events alone, which the agent controls; facts that they do not report stay
    unknown.
    """
    timeline = case.details.timeline
    url = case.details.pull_request_url
    changed = timeline.outcome.changed
    if url is None and changed is not None and not timeline.is_incomplete:
        if not changed:
            return case.no_change(PULL_REQUEST)
        return case.rejects(PULL_REQUEST, _MISSING, _MAY_OPEN)
    if url is None or case.details.repo is None:
        raise case.not_asked
    if not is_own_pull_request(url, case.details.repo.full_name.text, case.servers):
        found = "the delivery event names a pull request of another repository"
        remedy = "Set github-token, and read the agent's last actions."
        return case.rejects(PULL_REQUEST, found, remedy, url, is_for_people=True)
    return case.passes(
        PULL_REQUEST, "the delivery event names a pull request; GitHub was not queried", url
    )


def judge_branch(case: Case) -> Gate:
    """Judge whether the judged commit is still the tip of the branch, and still that of the pull
    request if one is required.
    """
    case.require_facts()
    tip = case.tip(case.branch)
    if tip is not None and tip != case.commit:
        return _moved(case, tip)
    is_required = PULL_REQUEST.name in case.inputs.gates and case.has_commit()
    if is_required or tip is None:
        read_pull_requests(case)
    if is_required and case.pull_request is None:
        name = case.safe.message(BRANCH.name)
        return _missing(case)._replace(name=name, is_for_people=True)
    if tip is not None:
        return case.passes(BRANCH, "the branch is still at the judged commit")
    if case.commit is None and not case.branch_before:
        return case.passes(BRANCH, "the run pushed no branch")
    if case.commit is not None and merge_of(case) is not None:
        return case.passes(BRANCH, "the branch was merged at the judged commit")
    remedy = "Find out who deleted it, and try again."
    return case.rejects(BRANCH, "the branch no longer exists", remedy, is_for_people=True)


def _moved(case: Case, tip: str) -> Gate:
    """Return that the branch has moved, and by whom if GitHub knows the author."""
    newest = case.ask(lambda github: github.commit(tip))
    author = newest.author if newest is not None else ""
    by = Untrusted(f"{tip} by @{author}" if author else tip)
    found = "the branch is no longer at the judged commit"
    return case.rejects(BRANCH, found, _WHO_PUSHED, by, is_for_people=True)
