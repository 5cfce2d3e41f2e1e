"""The results of a run for outputs and reports: branch, commit, pull request, artifact, and the
gates' findings.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

from collections.abc import Sequence
from typing import Final, LiteralString, NamedTuple
from urllib.parse import quote

from mogplex_ci.report import text
from mogplex_ci.run.result import Gate, RunDetails
from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted

BRANCH_LIMIT: Final = 255
ARTIFACT_LIMIT: Final = 50_000
"""Characters of the output ``artifact``; a longer one is in the file only."""
_NO_COMMIT: Final = "0" * 40
ITEM_LIMIT: Final = 500
"""Characters of a path, a check or a fault that a gate lists."""


class GateFacts(NamedTuple):
    """One gate's expectation of the run, and its finding."""

    name: SafeText
    passed: bool
    expected: SafeText
    """``A pull request``."""
    found: SafeText
    """``The run opened no pull request``."""
    remedy: SafeText | None
    """Advice; None when it passed."""
    error_code: SafeText | None
    items: tuple[CleanText, ...]
    """Paths, checks or faults that it is about."""

    @property
    def mark(self) -> LiteralString:
        """One character for passed or not."""
        return text.mark(good=self.passed)

    def rejection(self, safe: Sanitizer) -> SafeText:
        """Return all of it in one line, with the first items."""
        found = safe.sentence(self.name, ": ", self.with_items(safe))
        return safe.sentence(found, *text.behind(". ", self.remedy))

    def with_items(self, safe: Sanitizer) -> SafeText:
        """Return the finding, with the first items."""
        if not self.items:
            return self.found
        return safe.sentence(self.found, ": ", *text.first_of(self.items))


class RoundFacts(NamedTuple):
    """One run of a step with ``repair``, as the gates judged it."""

    run_id: SafeText | None
    commit: SafeText | None
    """The judged commit; None when it is not known."""
    found: SafeText
    """``A check failed: test``, or that all passed."""
    gates: tuple[GateFacts, ...]
    ended: SafeText | None
    """Why no other round followed although it was rejected."""

    @property
    def mark(self) -> LiteralString:
        """One character for passed or not."""
        return text.mark(good=all(gate.passed for gate in self.gates))


class Delivered(NamedTuple):
    """The results of a run. None if unknown, and for a value that is not a plain branch, id or
    address.
    """

    branch: SafeText | None
    branch_shown: CleanText | None
    """Also a branch whose name is too odd to be an output or part of a command."""
    base_branch: SafeText | None
    base_shown: CleanText | None
    commit: SafeText | None
    """As ``RunDetails.commit``."""
    changed: bool | None
    has_work: bool
    """Whether there is, or may be, work on the branch."""
    pull_requests_are_known: bool
    """Whether GitHub said which pull requests the branch has."""
    pull_request_url: SafeText | None
    branch_url: SafeText | None
    """GitHub's page of the branch, when it is one of its own."""
    compare_url: SafeText | None
    """GitHub's comparison of the branch with its base."""
    gates: tuple[GateFacts, ...]
    """The gates that were judged."""
    rounds: tuple[RoundFacts, ...]
    """With ``repair``: every run that was judged."""
    artifact: SafeText | None
    """The artifact that was asked for, as compact JSON."""

    @property
    def artifact_is_long(self) -> bool:
        """Whether the artifact is too long for an output."""
        return self.artifact is not None and len(self.artifact) > ARTIFACT_LIMIT

    @property
    def artifact_output(self) -> SafeText | None:
        """The artifact, unless it is too long for an output."""
        return None if self.artifact_is_long else self.artifact


def delivered_of(
    details: RunDetails, safe: Sanitizer, servers: Sequence[str], *, is_dry_run: bool
) -> Delivered:
    """Return the results of a run: GitHub's, if it was queried. Without it, an event may name a
    pull request of the run's own repository on one of ``servers``.

    In a dry run, branch, commit and pull request are ones that cannot exist: a later step that
    forgets to check the result must not touch a real one.
    """
    worked_on = details.branch
    pull_request = details.pull_request_url(servers)
    commit = safe.identifier(details.commit)
    rounds = tuple(
        RoundFacts(
            run_id=safe.identifier(each.run_id),
            commit=safe.identifier(each.commit),
            found=faults_line(each.gates, safe),
            gates=tuple(gate_facts(gate, safe) for gate in each.gates),
            ended=text.our_words(each.ended, safe),
        )
        for each in details.rounds
    )
    if is_dry_run and worked_on is not None:
        worked_on = Untrusted(f"dry-run/{worked_on.text}")
    if is_dry_run and pull_request is not None:
        pull_request = Untrusted(f"{pull_request.text.rpartition('/pull/')[0]}/pull/0")
    if is_dry_run:
        commit = commit and safe.identifier(_NO_COMMIT)
        rounds = tuple(each._replace(commit=commit) for each in rounds)
    branch = safe.branch(worked_on)
    base = safe.branch(details.base_branch)
    repo = safe.repo(details.repo.full_name) if details.repo else None
    branch_url = None
    compare_url = None
    if branch != base:
        branch_url = _github_url(safe, repo, "tree", branch)
    if branch != base and branch and base:
        compare_url = _github_url(safe, repo, "compare", f"{base}...{branch}")
    return Delivered(
        branch=branch,
        branch_shown=text.cleaned(worked_on, safe, limit=BRANCH_LIMIT),
        base_branch=base,
        base_shown=text.cleaned(details.base_branch, safe, limit=BRANCH_LIMIT),
        commit=commit,
        changed=details.changed,
        has_work=branch is not None and _has_work(details),
        pull_requests_are_known=(
            details.delivery is not None and details.delivery.tells_pull_request
        ),
        pull_request_url=safe.url(pull_request),
        branch_url=branch_url,
        compare_url=compare_url,
        gates=tuple(gate_facts(gate, safe) for gate in details.gates),
        rounds=rounds,
        artifact=safe.json(details.artifact) if details.artifact is not None else None,
    )


def _has_work(details: RunDetails) -> bool:
    """Whether there is or may be work on the branch: not every server and harness reports the
    delivery.
    """
    if details.run is None or details.changed is False:
        return False
    if details.changed or details.told_pull_request:
        return True
    may_have_worked = details.timeline.agent_worked or details.timeline.is_incomplete
    return details.run.status == "success" and may_have_worked


def _github_url(
    safe: Sanitizer, repo: SafeText | None, page: LiteralString, name: str | None
) -> SafeText | None:
    if repo is None or name is None:
        return None
    return safe.url(f"https://github.com/{repo}/{page}/{quote(name)}")


def gate_facts(gate: Gate, safe: Sanitizer) -> GateFacts:
    """Return the printable facts of a judged gate."""
    remedy = None
    error_code = None
    if not gate.passed:
        remedy = text.our_words(gate.remedy, safe)
        error_code = safe.identifier(gate.error_code)
    return GateFacts(
        name=safe.message(gate.name),
        passed=gate.passed,
        expected=safe.message(text.capitalized(gate.expected)),
        found=safe.message(text.capitalized(gate.found)),
        remedy=remedy,
        error_code=error_code,
        items=tuple(safe.clean(item, limit=ITEM_LIMIT) for item in gate.details or gate.items),
    )


def faults_line(gates: Sequence[Gate], safe: Sanitizer) -> SafeText:
    """Return the gates' rejections in one line, without addresses: ``A check failed: test``."""
    rejecting = [gate._replace(details=()) for gate in gates if not gate.passed]
    if not rejecting:
        return safe.line("All gates passed")
    found = [gate_facts(gate, safe).with_items(safe) for gate in rejecting]
    return safe.sentence(*text.join_present("; ", *found))
