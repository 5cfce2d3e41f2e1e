"""Types that the gates share: the sources to ask, and GitHub's view of the run's work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from mogplex_ci.errors import GitHubError
from mogplex_ci.run.updates import Started, Starting, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from datetime import datetime

    from mogplex_ci.github_api import Comparison, GitHubApi
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.models import Repo
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.service import Service
    from mogplex_ci.untrusted import Untrusted

    T = TypeVar("T")

CHECK_PAUSE: Final = 10.0
"""Seconds between two queries to GitHub; an unchanged answer does not count against its rate
limit.
"""
_NO_TOKEN: Final = "Give github-token, so that GitHub can be asked."  # noqa: S105 - a sentence
_OWN_BRANCH: Final = "Let the run work on a branch of its own: set create-branch."
_NO_START: Final = "the service does not tell when the run was started"
_NO_REPOSITORY: Final = "Give repo as owner/name, one that this Mogplex token lists."


class Judge(NamedTuple):
    """Whom gates ask, and for how long."""

    service: Service
    """Its deadline is the step's."""
    connect: Callable[[Repo], GitHubApi | None]
    """Makes GitHub's API of a repository; returns None when there is no token for it."""
    losses: Callable[[Untrusted], Sequence[str]] = lambda _: ()
    """Tells what cleaning would change in an artifact."""
    own_run: str = ""
    """Id of the workflow run of GitHub Actions that this job belongs to, which waits for this very
    step.
    """
    rehearsed: Sequence[Mapping[str, Sequence[str]]] | None = None
    """In a rehearsal: what the gates reject in each round, by the gate's name; all others pass.

    Empty: the gates that only GitHub can judge are left out, and the others judge.
    """


class Evidence(NamedTuple):
    """GitHub's view of the run's work."""

    commit: str | None
    """The judged commit: the one that the run pushed. None when there is no such branch."""
    known_at: float
    """When it was known, as a time of the clock."""
    comparison: Comparison | None
    """The commit's changes; None when no comparison shows them, or no gate needs them."""


class Verdict(NamedTuple):
    """A judge's finding."""

    outcome: str
    """Its name in the gate's row of the table, which has the words for it."""
    items: tuple[Untrusted, ...] = ()
    """Paths, checks or faults."""
    details: tuple[Untrusted, ...] = ()
    """The same with addresses and titles of annotations, if they have any."""
    number: int = 0
    """How many there are, where none is listed."""
    cause: str = ""
    """Why there is no judgement, in our words."""
    remedy: str = ""
    """Advice in place of the row's."""
    artifact: Untrusted | None = None
    """Content of an artifact that passed."""


class Case:
    """The runs of one task, what they must deliver, and GitHub's word on the newest one."""

    def __init__(self, inputs: ActionInputs, judge: Judge) -> None:
        self.inputs = inputs
        """Those of the first run."""
        self.judge = judge
        self.github: GitHubApi | None = None
        """None when GitHub cannot be asked: the run's events decide, as far as they can."""
        self.result: RunResult
        self._evidence: Evidence | GitHubError | None = None
        """Or why GitHub does not tell; None when it is not asked."""
        self._before: str | GitHubError | None = None
        """Tip of the branch before the first run, empty if there was none; None as long as it is
        not known.
        """
        self._had_ended = False
        """Whether the run had ended before this step asked for it: a later round may have pushed
        since.
        """
        self.round = 0
        """How many runs were judged, the present one included."""

    def close(self) -> None:
        """Give GitHub's connections back."""
        if self.github is not None:
            self.github.close()

    def watch(self, update: Update) -> Generator[Update, None, None]:
        """Note what the branch is before the first run works on it."""
        if isinstance(update, Starting):
            self._connect(update.repo)
        if isinstance(update, Started):
            self._had_ended = update.joined and update.run.is_terminal
        if self.round > 0 or self.github is None:
            return  # before all rounds is before the first one
        match update:
            case Starting() if self._before is None and self.inputs.branch is not None:
                self._before = yield from self._tip_before(self.inputs.branch)
            case Started() if update.joined:
                self._before = None  # it was running before this step began
            case Started(run) if self._before is None:
                named = None if run.creates_branch else run.working_branch
                self._before = "" if named is None else (yield from self._tip_before(named.text))

    def collect(self, result: RunResult) -> Generator[Update, None, None]:
        """Learn the judged commit and what it changed.

        Raises:
            StopRequested: a stop signal came.
        """
        self.round += 1
        self.result, self._evidence = result, None
        self._connect(result.repo)
        if self.github is not None:
            try:
                self._evidence = yield from self._collected()
            except GitHubError as error:
                self._evidence = error

    @property
    def evidence(self) -> Evidence:
        """GitHub's view of the run's work.

        Raises:
            GitHubError: GitHub does not tell it, or cannot be asked.
        """
        if isinstance(self._evidence, Evidence):
            return self._evidence
        raise self._evidence or self.not_asked

    @property
    def comparison(self) -> Comparison | None:
        """The changes of the judged commit; None when the run pushed none.

        Raises:
            GitHubError: no comparison shows it, or GitHub does not tell.
        """
        if self.evidence.commit is not None and self.evidence.comparison is None:
            raise GitHubError("no comparison shows what it changed", remedy=_OWN_BRANCH)
        return self.evidence.comparison

    @property
    def not_asked(self) -> GitHubError:
        """Why GitHub tells nothing, if it cannot be asked."""
        remedy = _NO_TOKEN if self.inputs.github_token is None else _NO_REPOSITORY
        return GitHubError("no event tells it, and GitHub was not asked", remedy=remedy)

    @property
    def is_unchanged(self) -> bool:
        """Whether the run certainly pushed nothing."""
        if isinstance(self._evidence, Evidence) and self._evidence.commit in (None, self._before):
            return True
        return self.result.timeline.outcome.changed is False

    def is_later_round(self, head: str) -> Generator[Update, None, bool]:
        """Return whether the commit ``head`` may be that of a later round, which an earlier try of
        the step started.

        Raises:
            GitHubError: GitHub does not tell.
        """
        commit = self.commit
        if not (self.inputs.repair and self._had_ended and commit):
            return False
        return (
            yield from self.ask_github(lambda github: github.compare(commit, head))
        ).is_descendant

    @property
    def branch(self) -> str | None:
        """The branch of the run, as the service has it; events decide only where the service names
        the base itself.
        """
        run = self.result.run
        working, base = (run.working_branch, run.base_branch) if run is not None else (None, None)
        named = (
            working
            if working is not None and working != base
            else self.result.timeline.branch or working
        )
        return named.text if named is not None and named.text else None

    @property
    def commit(self) -> str | None:
        """The judged commit, as far as it is known."""
        run = self.result.run
        told = (
            run.terminal_commit.text if run is not None and run.terminal_commit is not None else ""
        )
        if re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", told):
            return told
        return self._evidence.commit if isinstance(self._evidence, Evidence) else None

    @property
    def repository(self) -> str | None:
        """``owner/name`` of the run's repository, in lower case."""
        return self.result.repo.full_name.text.lower() if self.result.repo is not None else None

    def ask_github(self, call: Callable[[GitHubApi], T]) -> Generator[Update, None, T]:
        """Return what ``call`` returns; it is made again until it is answered or the deadline
        comes.

        Raises:
            GitHubError: GitHub refuses, gave no usable answer in time, or cannot be asked.
            StopRequested: a stop signal came.
        """
        if (github := self.github) is None:
            raise self.not_asked
        return (yield from self.judge.service.answer_to(lambda left: call(github.within(left))))

    def _connect(self, repo: Repo | None) -> None:
        """Connect to GitHub if that is possible. Never to the job's own repository: the run may
        work on another one.
        """
        if self.github is None and repo is not None:
            self.github = self.judge.connect(repo)

    def _tip_before(
        self, branch: str, when: datetime | None = None
    ) -> Generator[Update, None, str | GitHubError]:
        """Return the tip of a branch now or at a time, empty when there was none; or why GitHub
        does not tell.
        """
        try:
            return (yield from self.ask_github(lambda github: github.tip(branch, when))) or ""
        except GitHubError as error:
            return error

    def _collected(self) -> Generator[Update, None, Evidence]:
        run, branch, needs_time = (
            self.result.run,
            self.branch,
            self.inputs.repair and self._had_ended,
        )
        commit = None
        if branch is not None:
            when = run.updated_at if run is not None and needs_time else None
            commit = self.commit or (
                yield from self.ask_github(lambda github: github.tip(branch, when))
            )
        known_at = self.judge.service.now
        needs_comparison = self.inputs.gates & {"change", "allowed-paths", "protected-paths"}
        if branch is None or commit is None or not needs_comparison:
            return Evidence(commit, known_at, None)
        return Evidence(commit, known_at, (yield from self._compared(branch, commit)))

    def _compared(self, branch: str, commit: str) -> Generator[Update, None, Comparison | None]:
        """Compare the judged commit with what the branch was before the run, or else with the
        base.
        """
        base = self.result.base_branch.text if self.result.base_branch is not None else ""
        if (
            self._before is None
        ):  # the run started before this step: GitHub notes when a branch is pushed
            when = self.result.run.created_at if self.result.run is not None else None
            self._before = (
                (yield from self._tip_before(branch, when)) if when else GitHubError(_NO_START)
            )
        before = self._before
        if isinstance(before, str) and before:
            since = yield from self.ask_github(lambda github: github.compare(before, commit))
            if since.is_descendant:
                return since
        if not base or base == branch:
            return None
        if isinstance(before, GitHubError) and "change" in self.inputs.gates:
            # against the base, an older commit of the branch would count as this run's
            raise before
        return (yield from self.ask_github(lambda github: github.compare(base, commit)))
