"""The judges of what a run changed: ``require: change`` and ``pull-request``, ``allowed-paths``, ``protected-paths``.

GitHub's word decides. Without a token for it the run's ``git_delivery`` event does, which is the agent's side.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.case import Evidence, Verdict
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mogplex_ci.gates.case import Case
    from mogplex_ci.run.updates import Update

_PULL_REQUEST: Final = re.compile(r"https://[^/]+/([^/]+/[^/]+)/pull/\d{1,9}/?", re.ASCII)


def judge_change(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether the run changed the repository."""
    yield from ()
    if not isinstance(case.evidence, Evidence):
        changed = None if case.evidence else case.result.timeline.changed
        return case.not_judged() if changed is None else Verdict("told" if changed else "unchanged")
    comparison = case.evidence.comparison
    if case.evidence.commit is None:
        return Verdict("unchanged")
    if comparison is None:
        return Verdict("not-comparable")
    return Verdict("unchanged" if comparison.is_empty else "passed")


def judge_pull_request(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether a pull request is open that would merge the judged commit."""
    github, branch, evidence = case.github, case.branch, case.evidence
    if github is None or not isinstance(evidence, Evidence):
        return _told_pull_request(case)
    if branch is None or evidence.commit is None:
        return Verdict("missing")
    try:
        found = yield from case.judge.ask(partial(github.pull_requests_of, branch))
    except GitHubError as error:
        return case.not_judged(error)
    own = [item for item in found if item.head[:2] == (case.repository, branch)]
    matching = [item for item in own if item.is_open and item.head[2] == evidence.commit]
    if matching:
        return Verdict("passed", items=(matching[0].url,))
    is_open = any(item.is_open for item in own)
    return Verdict("other-commit" if is_open else "not-open" if own else "missing", items=tuple(i.url for i in own[:1]))


def judge_allowed_paths(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether every path that differs is inside; a renamed file counts with both names."""
    yield from ()
    allowed = case.wanted.allowed
    return _judge_paths(case, lambda path: allowed is not None and allowed.allow(path))


def judge_protected_paths(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether no path that differs is inside; a renamed file counts with both names."""
    yield from ()
    protected = case.wanted.protected
    return _judge_paths(case, lambda path: protected is not None and not protected.protect(path))


def judge_branch(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether the judged commit is still the tip of the branch."""
    github, branch = case.github, case.branch
    if github is None or branch is None or not isinstance(case.evidence, Evidence):
        return case.not_judged()
    try:
        tip = yield from case.judge.ask(partial(github.tip, branch))
    except GitHubError as error:
        return case.not_judged(error)
    if tip == case.evidence.commit:
        return Verdict("passed")
    return Verdict("gone") if tip is None else Verdict("moved", items=(Untrusted(tip),))


def _judge_paths(case: Case, is_good: Callable[[str], bool]) -> Verdict:
    evidence = case.evidence
    if not isinstance(evidence, Evidence):
        return case.not_judged()
    if evidence.commit is None:
        return Verdict("unchanged")
    if evidence.comparison is None:
        return Verdict("not-comparable")
    bad = tuple(path for path in evidence.comparison.paths if not is_good(path.text))
    if bad:
        return Verdict("bad", items=bad, number=len(bad))
    if not evidence.comparison.is_complete:
        return Verdict("too-many")
    return Verdict("unchanged" if evidence.comparison.is_empty else "passed")


def _told_pull_request(case: Case) -> Verdict:
    """Judge by the run's events: what they do not tell is not known."""
    timeline, url = case.result.timeline, case.result.timeline.pull_request_url
    if isinstance(case.evidence, GitHubError):
        return case.not_judged()
    if url is None:
        is_known = timeline.changed is not None and not timeline.is_incomplete
        return Verdict("missing") if is_known else case.not_judged()
    if case.repository is None:
        return case.not_judged()
    return Verdict("told" if _is_in(url, case.repository) else "foreign", items=(url,))


def _is_in(url: Untrusted, repository: str) -> bool:
    match = _PULL_REQUEST.fullmatch(url.text)
    return match is not None and match[1].lower() == repository
