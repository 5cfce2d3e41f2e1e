"""The run's changes, according to GitHub's comparisons and its activity.

The rules, and what they do not prove, are in docs/security.md. In the names below C is the judged
commit, B the base's tip before the run was started, NOW its tip when the run has ended, and T the
branch's tip before the run, or an earlier one, pushed to it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from mogplex_ci.errors import GitHubError, GitHubUnavailableError
from mogplex_ci.gates.queries import Ask, all_moves_shown, moves_shown
from mogplex_ci.github_api import NO_COMMIT, ChangedFile, Comparison, Move
from mogplex_ci.untrusted import Untrusted

_NEW_BRANCH: Final = ""
"""The tip before the first push to a branch that did not exist."""
_OWN_BRANCH: Final = "Give the run its own branch: set create-branch: true."
_NAME_BASE: Final = "Set base-branch to an existing branch."


class Beginning(NamedTuple):
    """Branch and base before the first run."""

    branch: str
    base: str
    branch_tip: str | None
    """Empty if the branch did not exist; None if that is unknown."""
    base_tip: str
    since: datetime
    """When the first run was started, or before that."""


class PathList(NamedTuple):
    """Paths that a comparison with one tip of the base lists as the run's."""

    paths: tuple[Untrusted, ...] = ()
    """Both names of a renamed file."""
    is_complete: bool = True
    """Whether ``paths`` holds every path."""


class Changes(NamedTuple):
    """The run's changes."""

    base_now: str = ""
    """The base's tip that it was compared with; empty if the branch is its own base."""
    since_now: PathList = PathList()
    """NOW's list: the changes that merging the commit into the base would make."""
    since_noted: PathList = PathList()
    """B's list: it also holds changes that the run may have brought into the base itself."""
    is_approved: bool = False
    """Whether B's list is left out: people approved the base's new commits."""
    requires_approval: bool = False
    """Whether the base requires an approval; asked if B's list has other paths than NOW's."""
    is_old_commit: bool = False
    """Whether the commit was the branch's tip before the run."""

    @property
    def paths(self) -> tuple[Untrusted, ...]:
        """The paths that count."""
        if self.is_approved:
            return self.since_now.paths
        return tuple(dict.fromkeys((*self.since_now.paths, *self.since_noted.paths)))

    @property
    def is_complete(self) -> bool:
        """Whether ``paths`` holds every path that counts."""
        return self.since_now.is_complete and (self.is_approved or self.since_noted.is_complete)

    def is_empty(self, *, is_merged: bool) -> bool:
        """Return whether the run changed nothing. ``is_merged``: a pull request has merged the
        commit, so that the base holds its changes.
        """
        if self.is_old_commit or not self.since_noted.paths:
            return True
        return not self.since_now.paths and not is_merged


class History:
    """The history of a run's branch and its base, as GitHub shows it."""

    def __init__(
        self, ask: Ask, beginning: Beginning, commit: str, wait: Callable[[], bool]
    ) -> None:
        """``ask`` queries GitHub; ``commit`` is the judged one. ``wait`` waits until GitHub may
        show more activity, and returns False when that has lasted long enough.
        """
        self._ask = ask
        self._begin = beginning
        self._commit = commit
        self._wait = wait
        self._comparisons: dict[tuple[str, str], Comparison] = {}

    def changes(self) -> Changes:
        """Return the run's changes.

        Raises:
            GitHubError: GitHub does not show it.
            StopRequested: a stop signal came.
        """
        begin = self._begin
        if begin.base in ("", begin.branch):
            return self._changes_without_base()
        now = self._base_now()
        tip = self._tip_before_pushes()
        is_old_commit = self._commit in (tip, begin.branch_tip)
        if tip != _NEW_BRANCH:
            since_tip = self._compare(tip, self._commit)
            if since_tip.is_descendant and not (self._brings_base(now, tip, since_tip)):
                own = PathList(_names(since_tip.files), since_tip.is_complete)
                return Changes(now, own, own, is_old_commit=is_old_commit)
        since_now = self._list(now, tip)
        since_noted = self._list(begin.base_tip, tip)
        changes = Changes(now, since_now, since_noted, is_old_commit=is_old_commit)
        if set(since_noted.paths) <= set(since_now.paths) and since_noted.is_complete:
            return changes
        return self._without_approved(changes)

    def _changes_without_base(self) -> Changes:
        """Compare with the branch's tip before the run: the branch is its own base."""
        tip = self._begin.branch_tip
        if tip:
            since_tip = self._compare(tip, self._commit)
            if since_tip.is_descendant:
                own = PathList(_names(since_tip.files), since_tip.is_complete)
                return Changes("", own, own, is_old_commit=self._commit == tip)
        raise GitHubError("no comparison shows the run's changes", remedy=_OWN_BRANCH)

    def _base_now(self) -> str:
        """Return NOW; B if the base is gone."""
        base = self._begin.base
        tip = self._ask(lambda github: github.tip(base))
        if tip is None and not self._begin.base_tip:
            raise GitHubError("GitHub does not have the base branch", remedy=_NAME_BASE)
        return tip or self._begin.base_tip

    def _tip_before_pushes(self) -> str:
        """Return T, or ``_NEW_BRANCH`` if there was no such branch or that is unknown.

        It is the branch's tip before the first push by an account that pushed the branch since the
        run was started, so that a second run does not cover what a first one left. If no account
        pushed it, it is the tip before the first push by an app.
        """
        if self._begin.branch_tip == _NEW_BRANCH:
            return _NEW_BRANCH
        moves = self._moves_of_branch()
        if moves is None:
            return _NEW_BRANCH
        pushers = self._pushers(moves)
        own = [move for move in moves if move.actor in pushers]
        if not pushers:
            own = [move for move in moves if not move.by_person]
        if not own:
            return self._commit
        first = own[-1].before
        return _NEW_BRANCH if first == NO_COMMIT else first

    def _brings_base(self, now: str, tip: str, since_tip: Comparison) -> bool:
        """Return whether the commit holds commits of the base that T lacks."""
        own = self._compare(now, self._commit)
        own_before = self._compare(now, tip)
        return own.ahead_by - own_before.ahead_by != since_tip.ahead_by

    def _list(self, base: str, tip: str) -> PathList:
        """Return the paths that are the run's, compared with one tip of the base."""
        after = self._changed_since(base, self._commit)
        if tip == _NEW_BRANCH:
            return PathList(_names(after.files), after.is_complete)
        before = self._changed_since(base, tip)
        differing, alike = _sorted_out(before.files, after.files)
        is_complete = before.is_complete and after.is_complete
        if alike and before.merge_base != after.merge_base:
            # A file may be the same, and the base's version that it replaces a different one.
            differing += self._replacing_others(alike, before, after)
        return PathList(_names(differing), is_complete)

    def _replacing_others(
        self, files: list[ChangedFile], before: Comparison, after: Comparison
    ) -> list[ChangedFile]:
        """Return the files in which the merge bases of two comparisons differ."""
        forth = self._compare(before.merge_base, after.merge_base)
        back = self._compare(after.merge_base, before.merge_base)
        if not (forth.is_complete and back.is_complete):
            return files
        moved = set(_names((*forth.files, *back.files)))
        return [file for file in files if moved & {file.path, file.previous_path}]

    def _without_approved(self, changes: Changes) -> Changes:
        """Return the changes, without B's list if people approved the base's new commits."""
        if not (self._requires_approval()):
            return changes
        changes = changes._replace(requires_approval=True)
        now = changes.base_now
        compared = self._compare(now, self._commit)
        if compared.ahead_by == 0:  # the base holds the commit
            return changes
        taken_in = self._compare(self._begin.base_tip, compared.merge_base)
        if taken_in.ahead_by == 0:
            return changes
        return changes._replace(is_approved=(self._is_moved_by_people(now)))

    def _requires_approval(self) -> bool:
        """Return whether the base requires that a person approves a change."""
        base = self._begin.base
        try:
            return self._ask(lambda github: github.requires_approval(base))
        except GitHubUnavailableError:
            raise
        except GitHubError:
            return False

    def _is_moved_by_people(self, now: str) -> bool:
        """Return whether GitHub's activity leads from B to NOW without a gap, and each move is a
        person's who did not push the branch.
        """
        begin = self._begin
        own = self._moves_of_branch()
        if own is None:
            return False
        pushers = self._pushers(own)
        while True:
            listed = moves_shown(self._ask, begin.base, begin.since)
            if listed is None:
                return False
            chain = _chain(listed, begin.base_tip, now)
            if chain:
                return all(move.by_person and move.actor not in pushers for move in chain)
            if not self._wait():
                return False

    def _moves_of_branch(self) -> list[Move] | None:
        """Return all moves of the branch, the newest first; None if GitHub does not show who pushed
        the commit, also after some time.
        """
        while True:
            moves = all_moves_shown(self._ask, self._begin.branch)
            if moves is None:
                return None
            is_shown = any(move.after == self._commit for move in moves)
            if is_shown or self._commit == self._begin.branch_tip:
                # Without an account it could be anybody's.
                return None if "" in self._pushers(moves) else moves
            if not self._wait():
                return None

    def _pushers(self, moves: Iterable[Move]) -> set[str]:
        """Return the accounts that pushed the branch since the run was started."""
        begin = self._begin
        since = [move for move in moves if move.at >= begin.since]
        # GitHub's times have no fractions of a second. The push of the noted tip is not the
        # run's.
        return {move.actor for move in since if move.after != begin.branch_tip}

    def _changed_since(self, base: str, head: str) -> Comparison:
        """Return a comparison that lists every change that merging ``head`` into ``base`` makes.

        Raises:
            GitHubError: the two have several merge bases. GitHub compares with one of them, and
                omits the differences from the others.
        """
        compared = self._compare(base, head)
        merge_base = compared.merge_base
        if merge_base in (base, head):
            return compared
        # Every common ancestor is in the history of the only merge base.
        since_merge_base = self._compare(merge_base, head)
        if since_merge_base.ahead_by == compared.ahead_by:
            return compared
        branch = self._begin.branch
        name = self._begin.base
        raise GitHubError(
            f"{branch} and {name} share several merge bases, so the changes cannot be determined",
            remedy=f"Merge {name} into {branch} and re-run the job.",
        )

    def _compare(self, base: str, head: str) -> Comparison:
        if (base, head) not in self._comparisons:
            compared = self._ask(lambda github: github.compare(base, head))
            self._comparisons[base, head] = compared
        return self._comparisons[base, head]


def tip_at(moves: Sequence[Move], when: datetime) -> str | None:
    """Return the tip of a branch at a time, empty if there was no such branch; None if it has no
    known move.

    Dates of commits prove nothing: the committer chooses them.
    """
    if not moves:
        return None
    before = [move.after for move in moves if move.at <= when]
    tip = before[0] if before else moves[-1].before
    return "" if tip == NO_COMMIT else tip


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


def _sorted_out(
    before: Iterable[ChangedFile], after: Iterable[ChangedFile]
) -> tuple[list[ChangedFile], list[ChangedFile]]:
    """Return the files that two comparisons list differently, and those that they list alike."""
    old = {(file.path, file.status, file.content): file for file in before}
    new = {(file.path, file.status, file.content): file for file in after}
    differing = [file for key, file in new.items() if key not in old]
    differing += [file for key, file in old.items() if key not in new]
    return differing, [file for key, file in new.items() if key in old]


def _names(files: Iterable[ChangedFile]) -> tuple[Untrusted, ...]:
    """Return the paths of files; both names of a renamed one."""
    names = [name for file in files for name in (file.path, file.previous_path)]
    return tuple(dict.fromkeys(name for name in names if name is not None))
