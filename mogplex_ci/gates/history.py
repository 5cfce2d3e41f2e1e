"""What a run changed, by GitHub's comparisons: told apart from what others brought to the base
meanwhile, and with what a rewritten history dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from mogplex_ci.errors import GitHubError, GitHubUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from datetime import datetime

    from mogplex_ci.github_api import ChangedFile, Comparison, GitHubApi, Move
    from mogplex_ci.run.updates import Update
    from mogplex_ci.untrusted import Untrusted

T = TypeVar("T")

_OWN_BRANCH: Final = "Let the run work on a branch of its own: set [[create-branch: true]]."
_NAME_BASE: Final = "Set [[base-branch]] to a branch that is there."
_WORKFLOWS: Final = "github-actions[bot]"
"""Who pushes with a workflow's token: a run can push a workflow that does."""
_NOBODY: Final = ""
_MERGE_QUEUE: Final = "merge_queue_merge"
"""A move of a merge queue, of which GitHub tells nobody's name."""


class Ask(Protocol):
    """Asks GitHub until it answers."""

    def __call__(self, call: Callable[[GitHubApi], T]) -> Generator[Update, None, T]:
        """Return what ``call`` returns."""
        ...


class Beginning(NamedTuple):
    """What branch and base were before the first run."""

    branch: str
    base: str
    branch_tip: str
    """Empty if there was no such branch."""
    base_tip: str
    since: datetime
    """When the first run was started, or before that."""


class Changes(NamedTuple):
    """What a run changed."""

    paths: tuple[Untrusted, ...] = ()
    """Both names of a renamed file."""
    has_commits: bool = False
    is_complete: bool = True
    """Whether ``paths`` holds every path."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a commit nor a file."""
        return not self.has_commits and not self.paths

    @classmethod
    def of(cls, comparison: Comparison) -> Changes:
        """Return what a comparison shows."""
        return cls(comparison.paths, comparison.ahead_by > 0, comparison.is_complete)

    def __or__(self, other: Changes) -> Changes:
        """Return both."""
        return Changes(
            tuple(dict.fromkeys((*self.paths, *other.paths))),
            self.has_commits or other.has_commits,
            self.is_complete and other.is_complete,
        )


class History:
    """What GitHub tells of the history of a run's branch and its base."""

    def __init__(
        self, ask: Ask, beginning: Beginning, commit: str, wait: Callable[[], bool]
    ) -> None:
        """``ask`` asks GitHub; ``commit`` is the judged one. ``wait`` waits until GitHub may have
        noted more, and returns False when that has lasted long enough.
        """
        self._ask = ask
        self._begin = beginning
        self._commit = commit
        self._wait = wait
        self._comparisons: dict[tuple[str, str], Comparison] = {}

    def changes(self) -> Generator[Update, None, Changes]:
        """Return what the run changed.

        Raises:
            GitHubError: GitHub does not tell.
            StopRequested: a stop signal came.
        """
        begin = self._begin
        if self._commit == begin.branch_tip:
            return Changes()
        if begin.base in ("", begin.branch):
            return (yield from self._changes_without_base())
        held = yield from self._base_held()
        if not begin.branch_tip:
            compared = yield from self._changed_since(held.base, self._commit)
            return held.by_run | Changes.of(compared)
        since = yield from self._compare(begin.branch_tip, self._commit)
        if since.is_descendant and (yield from self._holds(begin.branch_tip, held.newest)):
            return Changes.of(since)
        # History was rewritten, or the base was merged into the branch: what the branch had of its
        # own is compared with what it has of its own now.
        old = yield from self._changed_since(held.base, begin.branch_tip)
        new = yield from self._changed_since(held.base, self._commit)
        is_complete = old.is_complete and new.is_complete
        has_commits = new.ahead_by > 0
        return held.by_run | Changes(_differing(old.files, new.files), has_commits, is_complete)

    def _changes_without_base(self) -> Generator[Update, None, Changes]:
        """Compare with what the branch was: it is its own base."""
        if self._begin.branch_tip:
            since = yield from self._compare(self._begin.branch_tip, self._commit)
            if since.is_descendant:
                return Changes.of(since)
        raise GitHubError("no comparison shows what it changed", remedy=_OWN_BRANCH)

    def _base_held(self) -> Generator[Update, None, _Held]:
        """Return the base as the branch holds it, and what the run itself brought there."""
        begin = self._begin
        base_now = (yield from self._ask(lambda github: github.tip(begin.base))) or begin.base_tip
        if not base_now:
            raise GitHubError("GitHub has no branch of its base's name", remedy=_NAME_BASE)
        newest = (yield from self._compare(base_now, self._commit)).merge_base
        if (yield from self._holds(begin.base_tip, newest)):
            return _Held(begin.base_tip, newest, Changes())
        moves = yield from self._moves_of_base(base_now)
        if moves is None:
            return _Held(begin.base_tip, newest, Changes())
        by_run = yield from self._changes_by(moves.by_run)
        base = newest
        if newest == self._commit:
            base = yield from self._base_before_merge(moves.all)
        return _Held(base, newest, by_run)

    def _base_before_merge(self, moves: Sequence[Move]) -> Generator[Update, None, str]:
        """Return the base before the judged commit came into it; the commit itself if it is nothing
        but a tip that the base had.
        """
        for move in moves:
            if move.after == self._commit:
                return self._commit
            if not (yield from self._holds(move.before, self._commit)):
                return move.before
        return self._begin.base_tip

    def _changes_by(self, moves: Iterable[Move]) -> Generator[Update, None, Changes]:
        """Return what some moves of the base changed."""
        found = Changes()
        for move in moves:
            found |= Changes.of((yield from self._changed_since(move.before, move.after)))
            if move.kind == "force_push":
                found |= Changes.of((yield from self._changed_since(move.after, move.before)))
        return found

    def _moves_of_base(self, base_now: str) -> Generator[Update, None, _Moves | None]:
        """Return how the base came from its tip before the run to its tip now; None if GitHub does
        not tell all of it, also after some time.
        """
        begin = self._begin
        while True:
            try:
                listed = yield from self._ask(lambda github: github.moves(begin.base, begin.since))
                pushed = yield from self._ask(
                    lambda github: github.moves(begin.branch, begin.since)
                )
            except GitHubUnavailableError:
                raise
            except GitHubError:
                return None
            moves = _chain(listed, begin.base_tip, base_now)
            pushers = {move.actor for move in self._own_moves(pushed)}
            if moves and pushers:
                break
            if not self._wait():
                return None
        suspects = {*pushers, _WORKFLOWS, _NOBODY}
        by_run = [move for move in moves if move.actor in suspects and move.kind != _MERGE_QUEUE]
        return _Moves(moves, by_run)

    def _own_moves(self, listed: Iterable[Move]) -> Iterator[Move]:
        """Yield the moves of the branch since the first run was started."""
        for move in listed:
            if move.after == self._begin.branch_tip or move.at < self._begin.since:
                return
            yield move

    def _holds(self, commit: str, other: str) -> Generator[Update, None, bool]:
        """Return whether ``other`` is ``commit``, or is in its history."""
        if commit == other:
            return True
        return (yield from self._compare(commit, other)).ahead_by == 0

    def _changed_since(self, base: str, head: str) -> Generator[Update, None, Comparison]:
        """Return a comparison that lists every change that merging ``head`` into ``base`` makes.

        Raises:
            GitHubError: the two have several merge bases. GitHub compares with one of them, and
                does not list what differs from another one.
        """
        compared = yield from self._compare(base, head)
        merge_base = compared.merge_base
        if merge_base in (base, head):
            return compared
        # Every common ancestor is in the history of the only merge base.
        since_merge_base = yield from self._compare(merge_base, head)
        if since_merge_base.ahead_by == compared.ahead_by:
            return compared
        branch = self._begin.branch
        name = self._begin.base
        raise GitHubError(
            f"{branch} and {name} share several merge bases, so the changes cannot be determined",
            remedy=f"Merge {name} into {branch} and re-run the [[job]].",
        )

    def _compare(self, base: str, head: str) -> Generator[Update, None, Comparison]:
        if (base, head) not in self._comparisons:
            compared = yield from self._ask(lambda github: github.compare(base, head))
            self._comparisons[base, head] = compared
        return self._comparisons[base, head]


class _Held(NamedTuple):
    """The base as a branch holds it."""

    base: str
    """What the branch is compared with."""
    newest: str
    """The newest commit of the base that the branch has."""
    by_run: Changes
    """What the run itself brought to the base."""


class _Moves(NamedTuple):
    """How the base moved, the newest move first."""

    all: list[Move]
    by_run: list[Move]
    """Those that the run may have made: by who pushed its branch, by a workflow, or by nobody
    known.
    """


def _chain(listed: Sequence[Move], oldest: str, newest: str) -> list[Move]:
    """Return the moves that led a branch from one tip to another, the newest first; none if some
    are missing.
    """
    moves: list[Move] = []
    tip = newest
    for move in listed:
        if tip == oldest:
            break
        if move.after == tip:
            moves.append(move)
            tip = move.before
    return moves if tip == oldest else []


def _differing(old: Iterable[ChangedFile], new: Iterable[ChangedFile]) -> tuple[Untrusted, ...]:
    """Return the paths that two comparisons with one base do not list alike: one that only the
    older lists was dropped.
    """
    before = {(file.path, file.status, file.content): file for file in old}
    after = {(file.path, file.status, file.content): file for file in new}
    changed = [file for key, file in after.items() if key not in before]
    changed += [file for key, file in before.items() if key not in after]
    names = [file.path for file in changed]
    names += [file.previous_path for file in changed if file.previous_path is not None]
    return tuple(dict.fromkeys(names))
