"""The judges of what a run changed: ``require: change`` and ``pull-request``, ``allowed-paths``, ``protected-paths``.

GitHub's word decides. Without a token for it the run's ``git_delivery`` event does, which is the agent's side.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.case import CHECK_PAUSE, Case, Evidence, Verdict
from mogplex_ci.run.updates import Update
from mogplex_ci.untrusted import Untrusted

SETTLE_SECONDS: Final = 30.0
"""How long GitHub may take to show a pushed commit at the head of its pull request."""
_PULL_REQUEST: Final = re.compile(r"https://[^/]+/([^/]+/[^/]+)/pull/\d{1,9}/?", re.ASCII)


def judge_change(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether the run changed the repository."""
    yield from ()
    if not isinstance(case.evidence, Evidence):
        changed = None if case.evidence else case.result.timeline.outcome.changed
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
    judge = case.judge
    settled_by = min(evidence.known_at + SETTLE_SECONDS, judge.deadline - CHECK_PAUSE)
    while True:
        try:
            found = yield from judge.ask(partial(github.pull_requests_of, branch))
            own = [item for item in found if item.head[:2] == (case.repository, branch)]
            for item in (item for item in own if item.is_open):
                if item.head[2] == evidence.commit or (yield from case.is_later_round(item.head[2])):
                    return Verdict("passed", items=(item.url,))
        except GitHubError as error:
            return case.not_judged(error)
        is_open = any(item.is_open for item in own)
        if not is_open or judge.clock.monotonic() >= settled_by:
            break
        judge.stop.sleep(judge.clock, CHECK_PAUSE)
    return Verdict("other-commit" if is_open else "not-open" if own else "missing", items=tuple(i.url for i in own[:1]))


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


def judge_paths(case: Case, *, protects: bool) -> Generator[Update, None, Verdict]:
    """Judge the paths that differ: whether all are inside, or none; a renamed file counts with both names."""
    yield from ()
    evidence = case.evidence
    if not isinstance(evidence, Evidence):
        return case.not_judged()
    if evidence.commit is None:
        return Verdict("unchanged")
    if evidence.comparison is None:
        return Verdict("not-comparable")
    paths, allowed, protected = evidence.comparison.paths, case.wanted.allowed, case.wanted.protected
    if protects:
        bad = [path for path in paths if protected is None or protected.protect(path.text)]
    else:
        bad = [path for path in paths if allowed is None or not allowed.allow(path.text)]
    if bad:
        bad.sort(key=lambda path: path.text)
        return Verdict("bad", items=tuple(bad), number=len(bad))
    if not evidence.comparison.is_complete:
        return Verdict("too-many")
    return Verdict("unchanged" if evidence.comparison.is_empty else "passed")


def _told_pull_request(case: Case) -> Verdict:
    """Judge by the run's events alone; facts that they do not tell stay unknown."""
    timeline, url = case.result.timeline, case.result.timeline.outcome.pull_request_url
    if isinstance(case.evidence, GitHubError):
        return case.not_judged()
    if url is None:
        is_known = timeline.outcome.changed is not None and not timeline.is_incomplete
        return Verdict("missing") if is_known else case.not_judged()
    if case.repository is None:
        return case.not_judged()
    return Verdict("told" if _is_in(url, case.repository) else "foreign", items=(url,))


def _is_in(url: Untrusted, repository: str) -> bool:
    match = _PULL_REQUEST.fullmatch(url.text)
    return match is not None and match[1].lower() == repository
