"""Branch and base before the first run of a task, noted before that is started: a run may move
both.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from mogplex_ci.errors import GitHubError
from mogplex_ci.gate_kinds import CHECKS
from mogplex_ci.gates.check_names import required_by_base
from mogplex_ci.gates.history import tip_at
from mogplex_ci.gates.queries import Queries, Sources, all_moves_shown
from mogplex_ci.github_api import GitHubApi, PullRequest, RequiredCheck
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo, Run

T = TypeVar("T")

BEFORE_SECONDS: Final = 20.0
"""How long one fact is queried before the start: an outage must not delay the run. Facts that
GitHub does not give by then are found in its activity later, or stay unknown.
"""


class Baseline(NamedTuple):
    """Branch and base before the first run."""

    base: str = ""
    """Name of the base; empty if it is unknown."""
    base_tip: str | None = None
    """Empty if there is no such branch; None if it is unknown."""
    branch: str | None = None
    branch_tip: str | None = None
    """Empty if there was no such branch; None if it is unknown."""
    pull_request: PullRequest | None = None
    """The branch's open pull request, which decides the base. Without one if ``base-branch`` does:
    the agent may have opened it.
    """
    since: datetime | None = None
    """GitHub's time; of a run that was joined, when that was started. None as long as nothing was
    noted.
    """
    required: tuple[RequiredCheck, ...] | None = None
    """The checks that the base requires; None if they were not read."""

    def tip_of(self, branch: str | None) -> str | None:
        """Return the tip that a branch had, empty if there was none; None if it is unknown."""
        if self.branch is None:
            return None
        return self.branch_tip if branch == self.branch else ""

    def with_base(self, base: str) -> "Baseline":
        """Return it with another base, of which nothing is known."""
        return self._replace(base=base, base_tip=None, required=None)

    def with_branch_used(self, branch: str | None, run: Run | None) -> "Baseline":
        """Return it without the pull request of the requested branch if the run used another one,
        and with the base that the run reports.
        """
        if self.pull_request is None or self.branch == branch or run is None:
            return self
        base = run.base_branch.text if run.base_branch is not None else ""
        return self.with_base(base)._replace(pull_request=None)

    def of_joined_run(self, inputs: ActionInputs, run: Run) -> "Baseline":
        """Return it for a run that was already working when the tips were noted. The base of a pull
        request that was opened since is the agent's choice.
        """
        since = run.created_at
        if since is not None:
            # GitHub's activity has no fractions of a second: a push in the same second is not
            # before the run.
            since = since.replace(microsecond=0)
        base = run.base_branch.text if run.base_branch is not None else ""
        joined = Baseline(inputs.base_branch or base, since=since)
        opened = self.pull_request
        if opened is None or opened.created_at is None or run.created_at is None:
            return joined
        if opened.created_at >= run.created_at:
            return joined
        return joined._replace(base=opened.base, branch=self.branch, pull_request=opened)


class Notary:
    """Notes a baseline."""

    def __init__(self, inputs: ActionInputs, sources: Sources, queries: Queries) -> None:
        """``inputs`` are those of the first run."""
        self._inputs = inputs
        self._service = sources.service
        self._queries = queries

    def before_start(self, github: GitHubApi, repo: Repo | None) -> Baseline:
        """Return branch and base as they are before the start call.

        Raises:
            UsageError: checks are required, and nothing is known to name one.
        """
        inputs = self._inputs
        noted = Baseline(inputs.base_branch or "")
        if not noted.base and repo is not None and repo.default_branch is not None:
            noted = noted.with_base(repo.default_branch.text)
        if inputs.branch is not None:
            tip = self._tip_now(inputs.branch)
            noted = noted._replace(branch=inputs.branch, branch_tip=tip)
            if tip and inputs.base_branch is None:
                noted = self._with_pull_request(noted, inputs.branch)
        if noted.base:
            tip = self._tip_now(noted.base)
            noted = noted._replace(base_tip=tip, since=github.time)
        if noted.base and CHECKS.name in inputs.gates:
            required = self._required(noted)
            noted = noted._replace(required=required)
        return noted

    def at_start(self, noted: Baseline, github: GitHubApi, run: Run) -> Baseline:
        """Return it with the branch and base that the response of the start call has."""
        told = run.base_branch if self._inputs.base_branch is None else None
        if told is not None and told.text != noted.base and noted.pull_request is None:
            tip = self._tip_now(told.text)
            noted = noted.with_base(told.text)._replace(base_tip=tip)
        if noted.branch is None and run.working_branch is not None:
            branch = run.working_branch.text
            tip = "" if run.creates_branch else (self._tip_now(branch))
            noted = noted._replace(branch=branch, branch_tip=tip)
        return noted._replace(since=noted.since or github.time)

    def from_activity(self, noted: Baseline, branch: str | None, run: Run | None) -> Baseline:
        """Return it with the tips that were not noted, by GitHub's activity. The branch's may stay
        unknown.

        Raises:
            GitHubError: GitHub does not show the base's.
        """
        since = noted.since
        if since is None or run is None or branch is None:
            return noted
        tip = noted.tip_of(branch)
        if tip is None and (run.creates_branch or branch == run.fallback_branch):
            tip = ""
        if tip is None:
            moves = all_moves_shown(self._queries.ask, branch)
            # Without any move it need not be where it is: GitHub may not list the run's push yet.
            tip = tip_at(moves or (), since)
        noted = noted._replace(branch=branch, branch_tip=tip)
        if noted.base_tip is None and noted.base not in ("", branch):
            base_tip = self._base_at(noted.base, since)
            noted = noted._replace(base_tip=base_tip)
        return noted

    def _tip_now(self, branch: str) -> str | None:
        """Return the tip of a branch, empty if there is none; None if GitHub does not give it."""
        try:
            tip = self._ask_soon(lambda github: github.tip(branch))
        except GitHubError:
            return None
        return tip or ""

    def _with_pull_request(self, noted: Baseline, branch: str) -> Baseline:
        """Return it with the open pull request of an existing branch, and its base."""
        try:
            found = self._ask_soon(lambda github: github.pull_requests_of(branch))
        except GitHubError:
            return noted  # such as without the right to read them: the inputs decide the base
        is_open = [item for item in found if item.is_open and item.head.branch == branch]
        if not is_open:
            return noted
        return noted.with_base(is_open[0].base)._replace(pull_request=is_open[0])

    def _required(self, noted: Baseline) -> tuple[RequiredCheck, ...] | None:
        """Return the checks that the base requires. None if GitHub does not report them: the judge
        asks again, and says so.

        Raises:
            UsageError: neither the base nor ``checks`` is known to name a check.
        """
        patterns = self._inputs.checks
        is_named = patterns is not None and bool(patterns.required)
        ends = self._service.now + BEFORE_SECONDS
        return required_by_base(self._queries, noted.base, noted.base_tip, ends, is_named=is_named)

    def _base_at(self, base: str, since: datetime) -> str:
        """Return the base's tip at a time; its current tip if it has not moved since."""
        moves = self._queries.ask(lambda github: github.moves(base, since))
        tip = tip_at(moves, since)
        if tip is None:
            tip = self._queries.ask(lambda github: github.tip(base))
        return tip or ""

    def _ask_soon(self, call: Callable[[GitHubApi], T]) -> T:
        """Return the result of ``call``.

        Raises:
            GitHubError: GitHub refuses, or gave no usable response soon.
            StopRequested: a stop signal came.
        """
        return self._queries.ask(call, self._service.now + BEFORE_SECONDS)
