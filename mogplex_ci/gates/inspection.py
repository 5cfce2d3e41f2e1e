"""The record of what the runs of one task deliver, by GitHub's word: begun before the first one is
started, completed when one has succeeded.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from mogplex_ci.errors import GitHubError, GitHubUnavailableError
from mogplex_ci.gates.before import Before
from mogplex_ci.gates.history import Beginning, Changes, History
from mogplex_ci.run.delivery import GITHUB, Delivery, JudgedCheck
from mogplex_ci.run.updates import Started, Starting, Update
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from datetime import datetime

    from mogplex_ci.github_api import Check, GitHubApi, Move, PullRequest, RequiredCheck
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.models import Repo
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.service import Service
    from mogplex_ci.sanitize import Sanitizer

    T = TypeVar("T")

LOOK_SECONDS: Final = 10.0
"""Between two looks at GitHub; an unchanged answer does not count against its rate limit."""
LEAST_ASKING_SECONDS: Final = 5.0
"""With less time left, it is the timeout's fault that GitHub has given no usable answer."""
SETTLE_SECONDS: Final = 30.0
"""How long GitHub may take to show a pushed commit at the head of its pull request, and in its
activity.
"""
_NO_TOKEN: Final = "Set [[github-token]], so that GitHub can be asked."  # noqa: S105 - a sentence
_WHO_DELETED: Final = "See who deleted it, and run the [[job]] again."
_NO_TIME: Final = "the timeout passed before GitHub had answered"
_RAISE_TIMEOUT: Final = "Raise [[timeout]]."
_NO_START: Final = "the service does not tell when the run was started"
_NO_REPOSITORY: Final = "Give [[repo]] as owner/name, one that this Mogplex token lists."


class Sources(NamedTuple):
    """Whom gates ask, and for how long."""

    service: Service
    """Its deadline is the step's."""
    connect: Callable[[Repo], GitHubApi | None]
    """Makes GitHub's API of a repository; returns None when there is no token for it."""
    safe: Sanitizer
    """Cleans what is handed on."""
    own_run: str = ""
    """Id of the workflow run of GitHub Actions that this job belongs to, which waits for this very
    step.
    """
    scenario_rounds: Sequence[Mapping[str, Sequence[str]]] | None = None
    """In a dry run: what the gates reject in each round, by the gate's name; all others pass.

    Empty: the gates that only GitHub can judge are left out, and the others judge.
    """
    servers: Sequence[str] = (GITHUB,)
    """GitHub's own server and this job's, whose pull requests an event may name."""


class Inspection:
    """The runs of one task, what they must deliver, and GitHub's word on the newest one."""

    def __init__(self, inputs: ActionInputs, sources: Sources, *, asks_github: bool) -> None:
        """``asks_github``: whether anything needs GitHub's word."""
        self._asks_github = asks_github
        self.inputs = inputs
        """Those of the first run."""
        self.sources = sources
        self.github: GitHubApi | None = None
        """None when GitHub cannot be asked: the run's events decide, as far as they can."""
        self.result: RunResult
        """Of the newest run."""
        self.round = 0
        """How many runs were judged, the present one included."""
        self.known_at = 0.0
        """When the judged commit was known, as a time of the clock."""
        self.commit: str | None = None
        """The judged commit, or the service's word where GitHub is not asked; None when the run
        pushed none, or it is not known.
        """
        self.pull_requests: Sequence[PullRequest] = ()
        """The branch's own, the newest first."""
        self.pull_request: PullRequest | None = None
        """The one that would merge, or has merged, the judged commit; else one that is open."""
        self.failed_before: frozenset[str] = frozenset()
        """Names of checks that failed in earlier rounds: they must exist in this one."""
        self.judged_checks: tuple[JudgedCheck, ...] = ()
        """Checks of the judged commit, as they were when it was judged."""
        self.rejected_checks: tuple[Check, ...] = ()
        """Checks of the judged commit that failed, if the gate ``checks`` rejects it."""
        self._is_complete = False
        self._before = Before(inputs, sources.service)
        self.had_ended = False
        """Whether the run had ended before this step asked for it: a later round may have pushed
        since.
        """
        self._trouble: GitHubError | None = None
        """Why GitHub does not tell the commit."""
        self._changes: Changes | GitHubError | None = None
        """None when the run pushed no commit."""
        self._changes_again: Changes | GitHubError | None = None
        """The same, compared with the base as it is after the slowest gate; None as long as it did
        not move.
        """
        self._history: History | None = None
        self._no_pull_requests: GitHubError | None = None
        """Why GitHub does not tell the pull requests."""
        self._judged_at: datetime | None = None
        """GitHub's time when the changes were known."""

    def close(self) -> None:
        """Give GitHub's connections back."""
        if self.github is not None:
            self.github.close()

    def watch(self, update: Update) -> Generator[Update, None, None]:
        """Begin the record before the first run works; that of a later round stays."""
        match update:
            case Starting():
                self.connect(update.repo)
                if self.github is not None and self.round == 0 and self._before.since is None:
                    yield from self._before.note_repository(self.github, update.repo)
            case Started():
                self.had_ended = update.joined and update.run.is_terminal
                if self.round == 0 and update.joined:
                    self._before.note_joined(update.run)
                elif self.round == 0 and self.github is not None:
                    yield from self._before.note_start(self.github, update.run)

    def complete(
        self, result: RunResult, failed_before: frozenset[str]
    ) -> Generator[Update, None, None]:
        """Complete the record when a run has succeeded. ``failed_before``: names of the checks that
        failed in earlier rounds.

        Raises:
            StopRequested: a stop signal came.
        """
        self.round += 1
        self.result = result
        self.failed_before = failed_before
        self._is_complete = False  # a stop signal may come before GitHub has told all
        self.commit = None
        self.pull_request = None
        self.pull_requests = ()
        self.judged_checks = ()
        self.rejected_checks = ()
        self._changes = None
        self._changes_again = None
        self._history = None
        self._trouble = None
        self._no_pull_requests = None
        self._before.note_branch_used(self.branch, result.run)
        self.connect(result.repo)
        if self.github is None:
            self.commit = result.commit
        else:
            yield from self._ask_what_was_delivered(self.github)
        self._is_complete = True

    def _ask_what_was_delivered(self, github: GitHubApi) -> Generator[Update, None, None]:
        """Ask for the judged commit, what it changes, and its pull request."""
        try:
            self.commit = yield from self._judged_commit()
        except GitHubError as error:
            self._trouble = error
            return
        finally:
            self.known_at = self.sources.service.now
        if self.commit is not None:
            try:
                self._history = yield from self._history_of(self.commit)
                self._changes = yield from self._history.changes()
            except GitHubError as error:
                self._changes = error
        self._judged_at = github.time
        try:
            yield from self.look_at_pull_requests()
        except GitHubError as error:
            self._no_pull_requests = error

    @property
    def delivery(self) -> Delivery | None:
        """The record; None when it is not complete, or GitHub cannot be asked."""
        if self.github is None or not self._is_complete:
            return None
        changed = True if isinstance(self._changes, Changes) else None
        if self.is_unchanged and self._trouble is None:
            changed = False
        url = None if self.pull_request is None else self.pull_request.url
        required = self._before.required.get(self.base)
        names = None
        if required is not None:
            names = tuple(Untrusted(name) for name in sorted({each.name for each in required}))
        return Delivery(
            branch=self.branch,
            base=self.base,
            base_before=self._before.base_tip,
            branch_before=self._before.tip_of(self.branch),
            commit=self.commit,
            changed=changed,
            pull_request_url=url,
            tells_pull_request=self._trouble is None and self._no_pull_requests is None,
            required_checks=names,
            checks=self.judged_checks,
        )

    def changes(self) -> Changes:
        """Return what the run changed.

        Raises:
            GitHubError: GitHub does not tell, or cannot be asked.
        """
        self.check_is_known()
        changes = self._changes_again or self._changes
        if isinstance(changes, GitHubError):
            raise changes
        return changes or Changes()

    def check_is_known(self) -> None:
        """Make sure that GitHub told the judged commit, or that there is none.

        Raises:
            GitHubError: it did not, or cannot be asked.
        """
        if self._trouble is not None:
            raise self._trouble
        if self.github is None:
            raise self.not_asked

    @property
    def not_asked(self) -> GitHubError:
        """Why GitHub tells nothing, if it cannot be asked."""
        remedy = _NO_TOKEN if self.inputs.github_token is None else _NO_REPOSITORY
        return GitHubError("no event tells it, and GitHub was not asked", remedy=remedy)

    @property
    def is_unchanged(self) -> bool:
        """Whether the run certainly pushed nothing."""
        if self.github is None:
            return self.result.timeline.outcome.changed is False
        if self._trouble is not None:
            return False
        if self.commit is None or self.commit == self._before.tip_of(self.branch):
            return True
        if not isinstance(self._changes, Changes):
            return False
        is_merged = any(
            item.merged_at is not None and item.head[2] == self.commit
            for item in self.pull_requests
        )
        return self._changes.is_empty(is_merged=is_merged)

    @property
    def branch(self) -> str | None:
        """The branch that the run really used."""
        run = self.result.run
        if run is None:
            return None
        used = run.branch_used(self.result.timeline.branch)
        if used is None or not used.text:
            return None
        return used.text

    @property
    def base(self) -> str:
        """The branch that the run's would be merged into; empty when it is not known."""
        return self._before.base

    @property
    def repository(self) -> str | None:
        """``owner/name`` of the run's repository, in lower case."""
        if self.result.repo is None:
            return None
        return self.result.repo.full_name.text.lower()

    @property
    def branch_tip_before(self) -> str | None:
        """The branch's tip before the first round, empty if there was none; None when it is not
        known.
        """
        return self._before.tip_of(self.branch)

    @property
    def github_time(self) -> datetime:
        """GitHub's time at its newest answer.

        Raises:
            GitHubError: it cannot be asked.
        """
        if self.github is None:
            raise self.not_asked
        return self.github.time

    def required_checks(self) -> Generator[Update, None, tuple[RequiredCheck, ...]]:
        """Return the checks that the base requires: as it did before the run was started, if GitHub
        told that then.

        Raises:
            GitHubError: GitHub does not tell them.
        """
        base = self.base
        if base and base not in self._before.required:
            required = yield from self.ask_github(lambda github: github.required_checks(base))
            self._before.required[base] = tuple(required)
        return self._before.required.get(base, ())

    def own_moves(self, ends: float = inf) -> Generator[Update, None, list[Move]]:
        """Return the moves of the branch since the first run was started, the newest first; none
        where GitHub does not tell them. It is asked until ``ends``, a time of the clock.
        """
        branch = self.branch
        since = self._before.since
        if branch is None or since is None:
            return []
        try:
            moves = yield from self.ask_github(lambda github: github.moves(branch, since), ends)
        except GitHubUnavailableError:
            raise
        except GitHubError:
            return []
        return [move for move in moves if move.at >= since]

    def look_at_pull_requests(self) -> Generator[Update, None, None]:
        """Read the pull requests of the branch.

        Raises:
            GitHubError: GitHub does not tell them.
        """
        branch = self.branch
        if branch is None:
            return
        listed = yield from self.ask_github(lambda github: github.pull_requests_of(branch))
        own = [item for item in listed if item.head[:2] == (self.repository, branch)]
        with_commit = [item for item in own if item.head[2] == self.commit]
        open_ones = [item for item in own if item.is_open]
        candidates = [item for item in with_commit if item.is_open and item.base == self.base]
        candidates += [*with_commit, *open_ones]
        self.pull_requests = own
        self.pull_request = candidates[0] if candidates else None
        self._no_pull_requests = None

    def is_merged_well(self, item: PullRequest) -> Generator[Update, None, bool]:
        """Return whether a merged pull request counts as an open one: it merged the judged commit
        after that had been judged; or, of a run that had ended before this step, somebody else than
        who pushed the branch merged it.
        """
        if item.merged_at is None or item.head[2] != self.commit or self._judged_at is None:
            return False
        if self._judged_at < item.merged_at:
            return True
        if not self.had_ended:
            return False
        merged = yield from self.ask_github(lambda github: github.pull_request(item.number))
        pushers = {move.actor for move in (yield from self.own_moves())}
        return bool(merged.merged_by) and bool(pushers) and merged.merged_by not in pushers

    def ask_github(
        self, call: Callable[[GitHubApi], T], ends: float = inf
    ) -> Generator[Update, None, T]:
        """Return what ``call`` returns; it is made again until it is answered, or until the
        deadline or ``ends``, a time of the clock.

        Raises:
            GitHubError: GitHub refuses, gave no usable answer in time, or cannot be asked.
            StopRequested: a stop signal came.
        """
        github = self.github
        if github is None:
            raise self.not_asked
        service = self.sources.service
        had_time = service.deadline - service.now >= LEAST_ASKING_SECONDS
        try:
            return (yield from service.answer_to(lambda left: call(github.within(left)), ends))
        except GitHubUnavailableError as error:
            if had_time:
                raise
            raise GitHubUnavailableError(_NO_TIME, remedy=_RAISE_TIMEOUT) from error

    def may_settle(self) -> bool:
        """Wait until GitHub may show more of the judged commit; return False when it has had time
        enough.
        """
        service = self.sources.service
        settled_by = min(self.known_at + SETTLE_SECONDS, service.deadline - LOOK_SECONDS)
        if service.now >= settled_by:
            return False
        service.sleep_until(service.now + LOOK_SECONDS)
        return True

    def connect(self, repo: Repo | None) -> None:
        """Connect to GitHub if that is possible. Never to the job's own repository: the run may
        work on another one.
        """
        if self._asks_github and self.github is None and repo is not None:
            self.github = self.sources.connect(repo)

    def _judged_commit(self) -> Generator[Update, None, str | None]:
        """Return the commit to judge: the one that the service reports of the branch worked on,
        else the tip.

        With ``repair`` an earlier attempt of the job may have pushed further rounds to the branch
        of a run that it started: the tip is judged.
        """
        run = self.result.run
        branch = self.branch
        if run is None or branch is None:
            return None
        told = run.commit_of(self.result.branch)
        if told is not None and not (self.inputs.repair and self.had_ended):
            return told
        tip = yield from self.ask_github(lambda github: github.tip(branch))
        if tip is None and (yield from self.own_moves()):
            # A run that merges its branch and deletes it has not done nothing.
            raise GitHubError("its branch is gone", remedy=_WHO_DELETED)
        return tip

    def compare_again(self) -> Generator[Update, None, bool]:
        """Compare with the base as it is now; return False if it did not move.

        Raises:
            StopRequested: a stop signal came.
        """
        if self._history is None or not isinstance(self._changes, Changes):
            return False
        try:
            changes = yield from self._history.changes()
        except GitHubError as error:
            self._changes_again = error
            return True
        if changes.base_now == self._changes.base_now:
            return False
        self._changes_again = changes
        return True

    def _history_of(self, commit: str) -> Generator[Update, None, History]:
        """Return the history that the judged commit is compared by."""
        branch = self.branch or ""
        base = self.base
        run = self.result.run
        before = self._before
        if before.since is None or run is None:
            raise GitHubError(_NO_START)
        since = before.since
        tip = before.tip_of(branch)
        if tip is None and (run.creates_branch or branch == run.fallback_branch):
            tip = ""
        if tip is None:
            tip = yield from self._branch_at(branch, since)
        before.branch = branch
        before.branch_tip = tip
        if before.base_tip is None and base not in ("", branch):
            before.base_tip = yield from self._base_at(base, since)
        beginning = Beginning(branch, base, tip, before.base_tip or "", since)
        return History(self.ask_github, beginning, commit, self.may_settle)

    def _branch_at(self, branch: str, since: datetime) -> Generator[Update, None, str | None]:
        """Return the branch's tip at a time, empty if there was none; None if it is unknown."""
        try:
            tip = yield from self.ask_github(lambda github: github.tip_at(branch, since))
        except GitHubUnavailableError:
            raise
        except GitHubError:
            return None
        return tip or ""

    def _base_at(self, base: str, since: datetime) -> Generator[Update, None, str]:
        """Return the base's tip at a time. One that nobody has moved for long is where it is."""
        moves = yield from self.ask_github(lambda github: github.moves(base, since))
        if not moves:
            return (yield from self.ask_github(lambda github: github.tip(base))) or ""
        before = [move.after for move in moves if move.at <= since]
        return before[0] if before else moves[-1].before
