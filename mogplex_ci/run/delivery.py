"""The results of a run: according to GitHub, if it was queried, and the claims of events."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mogplex_ci.run.timeline import Timeline
from mogplex_ci.untrusted import Untrusted

GITHUB: Final = "https://github.com"
_PULL_REQUEST_PAGE: Final = r"(https?://[^/?#]+)/([^/?#]+/[^/?#]+)/pull/\d{1,9}/?"


class JudgedCheck(NamedTuple):
    """A check of the judged commit, as it was when that was judged."""

    name: Untrusted
    conclusion: str
    """GitHub's word, such as ``success``; empty if it was still at work."""


class Delivery(NamedTuple):
    """The results of a run according to GitHub, for gates and outputs."""

    branch: str | None
    """The branch that the run really used; None when it is not known."""
    base: str
    """The branch that it would be merged into; empty when it is not known."""
    base_before: str | None = None
    """The base's tip before the first round; None when it is not known."""
    branch_before: str | None = None
    """The branch's tip before the first round; empty if there was no such branch, None if unknown.
    """
    commit: str | None = None
    """The judged commit; None when the run pushed none, or it is not known."""
    changed: bool | None = None
    """Whether the commit changes anything; None if GitHub does not report it."""
    pull_request_url: Untrusted | None = None
    """The address of the pull request; None if there is none, or GitHub does not report it."""
    tells_pull_request: bool = False
    """Whether GitHub reports the pull request."""
    required_checks: tuple[Untrusted, ...] | None = None
    """Names of the checks that the base requires, as of the first round's start if GitHub reported
    them then; None if they were not queried, or GitHub does not report them.
    """
    checks: tuple[JudgedCheck, ...] = ()
    """Those that were judged, by name; none when they were not required."""


class Claim(NamedTuple):
    """An event's claim about the results, from the agent's side, that GitHub does not confirm."""

    about: str
    """In our words: ``branch``."""
    told: Untrusted
    """The event's word."""
    judged: Untrusted | None
    """GitHub's word; None if it says that there is none."""


def claims(delivery: Delivery, told: Timeline) -> tuple[Claim, ...]:
    """Return the events' claims about the results that GitHub does not confirm."""
    found: list[Claim] = []
    if told.branch is not None and told.branch.text != delivery.branch:
        found.append(Claim("branch", told.branch, _untrusted(delivery.branch)))
    if told.base_branch is not None and told.base_branch.text != delivery.base:
        found.append(Claim("base branch", told.base_branch, _untrusted(delivery.base)))
    url = told.outcome.pull_request_url
    if url is not None and delivery.tells_pull_request and url != delivery.pull_request_url:
        found.append(Claim("pull request", url, delivery.pull_request_url))
    changed = told.outcome.changed
    # Of a branch that existed, "changed" means only that it is ahead of its base.
    is_evidence = changed is False or delivery.branch_before == ""
    if None not in (changed, delivery.changed) and changed != delivery.changed and is_evidence:
        found.append(Claim("repository", _change(changed), _change(delivery.changed)))
    return tuple(found)


def _change(changed: bool | None) -> Untrusted:
    return Untrusted("changed" if changed else "not changed")


def _untrusted(name: str | None) -> Untrusted | None:
    return Untrusted(name) if name else None


def is_own_pull_request(url: Untrusted, repository: str, servers: Sequence[str]) -> bool:
    """Whether an address is a pull request's page of the repository ``owner/name`` on one of the
    servers, such as ``https://github.com``.
    """
    page = re.fullmatch(_PULL_REQUEST_PAGE, url.text)
    if page is None:
        return False
    known = {server.rstrip("/").lower() for server in servers}
    return page[1].lower() in known and page[2].lower() == repository.lower()
