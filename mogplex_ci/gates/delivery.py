"""The judges of what a run changed: ``require: change`` and ``pull-request``, ``allowed-paths``,
``protected-paths``.

GitHub's word decides. Without a token for it the run's ``git_delivery`` event does, which is the
agent's side.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final

from mogplex_ci.gates.case import CHECK_PAUSE, Case, Verdict
from mogplex_ci.run.updates import Update
from mogplex_ci.untrusted import Untrusted

SETTLE_SECONDS: Final = 30.0
"""How long GitHub may take to show a pushed commit at the head of its pull request."""
_PULL_REQUEST_URL: Final = re.compile(r"https://[^/]+/([^/]+/[^/]+)/pull/\d{1,9}/?", re.ASCII)


def judge_change(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether the run changed the repository."""
    yield from ()
    if case.github is None:
        changed = case.result.timeline.outcome.changed
        if changed is None:
            raise case.not_asked
        return Verdict("told" if changed else "bad")
    comparison = case.comparison
    return Verdict("bad" if comparison is None or comparison.is_empty else "passed")


def judge_paths(case: Case, *, protects: bool) -> Generator[Update, None, Verdict]:
    """Judge the paths that differ: whether all are inside, or none; a renamed file counts with both
    names.
    """
    yield from ()
    if (comparison := case.comparison) is None:
        return Verdict("unchanged")
    paths, allowed, protected = (
        comparison.paths,
        case.inputs.allowed_paths,
        case.inputs.protected_paths,
    )
    if protects:
        bad = [path for path in paths if protected is None or protected.protect(path.text)]
    else:
        bad = [path for path in paths if allowed is None or not allowed.allow(path.text)]
    if bad:
        return Verdict("bad", tuple(sorted(bad, key=lambda path: path.text)))
    if not comparison.is_complete:
        return Verdict("too-many")
    return Verdict("unchanged" if comparison.is_empty else "passed")


def judge_pull_request(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether a pull request is open that would merge the judged commit."""
    if case.github is None:
        return _told_pull_request(case)
    branch, evidence, service = case.branch, case.evidence, case.judge.service
    if branch is None or evidence.commit is None:
        return Verdict("bad")
    settled_by = min(evidence.known_at + SETTLE_SECONDS, service.deadline - CHECK_PAUSE)
    while True:
        found = yield from case.ask_github(lambda github: github.pull_requests_of(branch))
        own = [item for item in found if item.head[:2] == (case.repository, branch)]
        for item in (item for item in own if item.is_open):
            if item.head[2] == evidence.commit or (yield from case.is_later_round(item.head[2])):
                return Verdict("passed", items=(item.url,))
        is_open = any(item.is_open for item in own)
        if not is_open or service.now >= settled_by:
            break
        service.sleep_until(service.now + CHECK_PAUSE)
    return Verdict(
        "other-commit" if is_open else "not-open" if own else "bad",
        items=tuple(i.url for i in own[:1]),
    )


def _told_pull_request(case: Case) -> Verdict:
    """Judge by the run's events alone; facts that they do not tell stay unknown."""
    timeline, url = case.result.timeline, case.result.timeline.outcome.pull_request_url
    if url is None and timeline.outcome.changed is not None and not timeline.is_incomplete:
        return Verdict("bad")
    if url is None or case.repository is None:
        raise case.not_asked
    match = _PULL_REQUEST_URL.fullmatch(url.text)
    return Verdict(
        "told" if match and match[1].lower() == case.repository else "foreign", items=(url,)
    )


def judge_branch(case: Case) -> Generator[Update, None, Verdict]:
    """Judge whether the judged commit is still the tip of the branch."""
    if (branch := case.branch) is None:
        raise case.not_asked
    tip = yield from case.ask_github(lambda github: github.tip(branch))
    if tip == case.evidence.commit:
        return Verdict("passed")
    return Verdict("gone") if tip is None else Verdict("moved", items=(Untrusted(tip),))
