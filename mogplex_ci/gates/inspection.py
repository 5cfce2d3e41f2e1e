"""The inspection of one run: the inputs of its judges, and their findings so far."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.baseline import Baseline
from mogplex_ci.gates.candidate import Candidate
from mogplex_ci.gates.history import Changes
from mogplex_ci.gates.outcome import GateFinding
from mogplex_ci.gates.queries import Queries, Sources
from mogplex_ci.github_api import NO_COMMIT, Check, Move, PullRequest, RequiredCheck
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.run.delivery import Delivery, JudgedCheck
from mogplex_ci.untrusted import Untrusted

_BY_HAND: Final = "Check the branch by hand."


class Inspection(NamedTuple):
    """A value: a judge returns new facts with its finding, and ``after`` adds them."""

    inputs: ActionInputs
    """Those of the first run."""
    sources: Sources
    queries: Queries
    baseline: Baseline
    candidate: Candidate
    round: int
    """How many runs were judged, the present one included."""
    failed_before: frozenset[str]
    """Names of checks that failed in earlier rounds of this attempt: this one must have them."""
    checks: tuple[JudgedCheck, ...] = ()
    """Checks of the judged commit, as they were when it was judged."""
    rejected_checks: tuple[Check, ...] = ()
    """Checks of the judged commit that failed, if the gate ``checks`` rejects it."""

    def after(self, finding: GateFinding) -> "Inspection":
        """Return it with the facts from a gate's judge."""
        baseline = self.baseline
        if finding.required_checks is not None:
            baseline = baseline._replace(required=finding.required_checks)
        candidate = self.candidate
        if finding.pull_requests is not None:
            candidate = candidate._replace(pull_requests=finding.pull_requests)
        return self._replace(
            baseline=baseline,
            candidate=candidate,
            checks=finding.judged_checks or self.checks,
            rejected_checks=finding.rejected_checks or self.rejected_checks,
        )

    def changes(self) -> Changes:
        """Return the run's changes.

        Raises:
            GitHubError: GitHub does not show it, or cannot be queried.
        """
        self.require_commit()
        changes = self.candidate.changes
        if isinstance(changes, GitHubError):
            raise changes
        return changes

    def require_commit(self) -> None:
        """Make sure that the judged commit is known, or that there is none.

        Raises:
            GitHubError: it is unknown, or GitHub cannot be queried.
        """
        if self.candidate.commit_error is not None:
            raise self.candidate.commit_error
        if self.queries.github is None:
            raise self.queries.not_asked

    @property
    def is_unchanged(self) -> bool:
        """Whether the run certainly changed nothing."""
        candidate = self.candidate
        if self.queries.github is None:
            return candidate.details.timeline.outcome.changed is False
        if candidate.commit_error is not None:
            return False
        if candidate.commit is None or candidate.commit == self.branch_tip_before:
            return True
        if isinstance(candidate.changes, GitHubError):
            return False
        return candidate.changes.is_empty(is_merged=candidate.is_merged)

    @property
    def branch_tip_before(self) -> str | None:
        """The branch's tip before the first round, empty if there was none; None if it is
        unknown.
        """
        return self.baseline.tip_of(self.candidate.branch)

    @property
    def pull_requests(self) -> Sequence[PullRequest]:
        """The branch's own, the newest first; none if GitHub does not show them."""
        found = self.candidate.pull_requests
        return () if isinstance(found, GitHubError) else found

    @property
    def pull_request(self) -> PullRequest | None:
        """The one that would merge, or has merged, the judged commit; else one that is open."""
        own = self.pull_requests
        with_commit = [item for item in own if item.head.commit == self.candidate.commit]
        best = [item for item in with_commit if item.is_open and item.base == self.baseline.base]
        best += [*with_commit, *(item for item in own if item.is_open)]
        return best[0] if best else None

    def own_moves(self) -> list[Move]:
        """Return the moves of the branch since the first run was started, the newest first; none if
        GitHub does not show them.
        """
        branch = self.candidate.branch
        since = self.baseline.since
        if branch is None or since is None:
            return []
        return self.queries.moves_since(branch, since)

    def pushers(self) -> set[str]:
        """Return the accounts that pushed the branch since the first run was started. A deletion is
        not a push.

        Raises:
            GitHubError: GitHub does not show the push of the judged commit, or who made a push.
        """
        candidate = self.candidate
        is_pushed = candidate.commit != self.branch_tip_before
        while True:
            moves = self.own_moves()
            is_shown = not is_pushed or any(move.after == candidate.commit for move in moves)
            pushers = {move.actor for move in moves if move.after != NO_COMMIT}
            if is_shown and "" not in pushers:
                return pushers
            if not self.queries.wait_to_settle(candidate.known_at):
                raise GitHubError("GitHub does not show who pushed the branch", remedy=_BY_HAND)

    def required_checks(self, ends: float) -> tuple[RequiredCheck, ...]:
        """Return the checks that the base requires: as it did before the run was started, if they
        were read then. GitHub is queried until ``ends``, a time of the clock.

        Raises:
            GitHubError: GitHub does not show them.
        """
        base = self.baseline.base
        if self.baseline.required is not None or not base:
            return self.baseline.required or ()
        found = self.queries.ask(lambda github: github.required_checks(base), ends)
        return tuple(found)

    def is_merged_well(self, item: PullRequest) -> bool:
        """Return whether a merged pull request counts as an open one: it merged the judged commit,
        and someone merged it who did not push the branch.

        Raises:
            GitHubError: GitHub does not show who pushed the branch.
        """
        if item.merged_at is None or item.head.commit != self.candidate.commit:
            return False
        merged = self.queries.ask(lambda github: github.pull_request(item.number))
        pushers = self.pushers()
        return bool(merged.merged_by) and bool(pushers) and merged.merged_by not in pushers

    @property
    def delivery(self) -> Delivery | None:
        """The delivery according to GitHub; None if GitHub cannot be queried."""
        if self.queries.github is None:
            return None
        candidate = self.candidate
        baseline = self.baseline
        changed: bool | None = None
        if self.is_unchanged:
            changed = False
        elif candidate.commit_error is None and isinstance(candidate.changes, Changes):
            changed = True
        shows_pull_requests = not isinstance(candidate.pull_requests, GitHubError)
        required = None
        if baseline.required is not None:
            names = {each.name for each in baseline.required}
            required = tuple(Untrusted(name) for name in sorted(names))
        return Delivery(
            branch=candidate.branch,
            base=baseline.base,
            base_before=baseline.base_tip,
            branch_before=self.branch_tip_before,
            commit=candidate.commit,
            changed=changed,
            pull_request_url=None if self.pull_request is None else self.pull_request.url,
            tells_pull_request=candidate.commit_error is None and shows_pull_requests,
            required_checks=required,
            checks=self.checks,
        )
