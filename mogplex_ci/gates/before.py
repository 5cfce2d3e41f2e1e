"""What branch and base were before the first run of a task: noted before that is started, since a
run may move both.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.errors import GitHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from mogplex_ci.github_api import GitHubApi, PullRequest, RequiredCheck
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.models import Repo, Run
    from mogplex_ci.run.service import Service
    from mogplex_ci.run.updates import Update

    T = TypeVar("T")

BEFORE_SECONDS: Final = 20.0
"""How long GitHub is asked for one thing before the start: an outage must not keep the run from
it. What GitHub does not tell by then is found in its activity later, or not known.
"""


class Before:
    """What is known of branch and base before the first run."""

    def __init__(self, inputs: ActionInputs, service: Service) -> None:
        """``inputs`` are those of the first run."""
        self._inputs = inputs
        self._service = service
        self.base = ""
        """Name of the base; empty when it is not known."""
        self.base_tip: str | None = None
        """Empty if there is no such branch; None when it is not known."""
        self.branch: str | None = None
        self.branch_tip: str | None = None
        """Empty if there was no such branch; None when it is not known."""
        self.pull_request: PullRequest | None = None
        """The branch's open pull request, which tells the base."""
        self.since: datetime | None = None
        """GitHub's time; of a run that was joined, when that was started. None as long as nothing
        was noted.
        """
        self.required: dict[str, tuple[RequiredCheck, ...]] = {}
        """The checks that a base requires, by its name."""

    def tip_of(self, branch: str | None) -> str | None:
        """Return the tip that a branch had, empty if there was none; None when it is not known."""
        if self.branch is None:
            return None
        return self.branch_tip if branch == self.branch else ""

    def note_repository(
        self, github: GitHubApi, repo: Repo | None
    ) -> Generator[Update, None, None]:
        """Note branch and base before the start call."""
        inputs = self._inputs
        self.base = inputs.base_branch or ""
        if not self.base and repo is not None and repo.default_branch is not None:
            self.base = repo.default_branch.text
        if inputs.branch is not None:
            self.branch = inputs.branch
            self.branch_tip = yield from self._tip_now(github, inputs.branch)
            if self.branch_tip:
                yield from self._note_pull_request(github, inputs.branch)
        if self.base:
            self.base_tip = yield from self._tip_now(github, self.base)
            self.since = github.time
        if self.base_tip and "checks" in inputs.gates:
            yield from self._note_required(github, self.base)

    def note_start(self, github: GitHubApi, run: Run) -> Generator[Update, None, None]:
        """Note what the answer of the start call tells of branch and base."""
        told = run.base_branch
        if told is not None and told.text != self.base and self.pull_request is None:
            self.base = told.text
            self.base_tip = yield from self._tip_now(github, told.text)
        if self.branch is None and run.working_branch is not None:
            self.branch = run.working_branch.text
            self.branch_tip = ""
            if not run.creates_branch:
                self.branch_tip = yield from self._tip_now(github, self.branch)
        if self.since is None:
            self.since = github.time

    def note_joined(self, run: Run) -> None:
        """Forget the tips that were noted before the start call: the run was at work already. The
        base of a pull request that was opened since is the agent's choice.
        """
        opened = self.pull_request
        asked_for = self.branch
        self.base = ""
        self.base_tip = None
        self.branch = None
        self.branch_tip = None
        self.pull_request = None
        self.since = run.created_at
        if self.since is not None:
            # GitHub's activity has whole seconds: a push in the same second is not before the run.
            self.since = self.since.replace(microsecond=0)
        if self._inputs.base_branch is not None:
            self.base = self._inputs.base_branch
        elif run.base_branch is not None:
            self.base = run.base_branch.text
        if opened is None or opened.created_at is None or run.created_at is None:
            return
        if opened.created_at < run.created_at:
            self.base = opened.base
            self.branch = asked_for
            self.pull_request = opened

    def note_branch_used(self, branch: str | None, run: Run | None) -> None:
        """Forget the pull request of the branch that was asked for, if the run used another one:
        its base is not the run's.
        """
        if self.pull_request is None or self.branch == branch or run is None:
            return
        self.pull_request = None
        self.base = run.base_branch.text if run.base_branch is not None else ""
        self.base_tip = None

    def _tip_now(self, github: GitHubApi, branch: str) -> Generator[Update, None, str | None]:
        """Return the tip of a branch, empty if there is none; None when GitHub does not tell it."""
        try:
            tip = yield from self._ask(github, lambda view: view.tip(branch))
        except GitHubError:
            return None
        return tip or ""

    def _note_pull_request(self, github: GitHubApi, branch: str) -> Generator[Update, None, None]:
        """Note the open pull request of an existing branch, and its base."""
        try:
            found = yield from self._ask(github, lambda view: view.pull_requests_of(branch))
        except GitHubError:
            return  # such as without the right to read them: the inputs tell the base
        is_open = [item for item in found if item.is_open and item.head[1] == branch]
        if is_open:
            self.base = is_open[0].base
            self.pull_request = is_open[0]

    def _note_required(self, github: GitHubApi, base: str) -> Generator[Update, None, None]:
        """Note what the base requires. What GitHub does not tell is asked for again when the run is
        judged, which also says that it is not known.
        """
        with contextlib.suppress(GitHubError):
            required = yield from self._ask(github, lambda view: view.required_checks(base))
            self.required[base] = tuple(required)

    def _ask(self, github: GitHubApi, call: Callable[[GitHubApi], T]) -> Generator[Update, None, T]:
        """Return what ``call`` returns.

        Raises:
            GitHubError: GitHub refuses, or gave no usable answer soon.
            StopRequested: a stop signal came.
        """
        ends = self._service.now + BEFORE_SECONDS
        return (yield from self._service.answer_to(lambda left: call(github.within(left)), ends))
