"""What merging the judged commit into its base would change, whoever made it.

In the names below C is the judged commit, BASE the base's tip, T the branch's tip before the first
run.
"""

from typing import Final

from mogplex_ci.errors import GitHubError
from mogplex_ci.gates.case import Case, Changes
from mogplex_ci.github_api import (
    MAX_COMPARED_FILES,
    MAX_LISTED_FILES,
    ChangedFile,
    Commit,
    Comparison,
    PullRequest,
)

_NEW_BRANCH: Final = "Start a new run on a new branch."


def find_changes(case: Case) -> Changes:
    """Return what merging C into BASE would change, or has changed since the run was started.

    Raises:
        GitHubError: GitHub does not show it.
    """
    commit = case.commit
    if commit is None:
        return Changes()
    compared = case.compare(case.base_now, commit)
    # Of a commit that the base holds a comparison lists nothing: what came in with it is judged.
    if compared.ahead_by == 0:
        return _changes_of_merge(case, commit)
    if _has_one_merge_base(case, commit, compared):
        return _listed(case, compared, _pull_request_of(case))
    return _changes_of_test_merge(case, commit)


def _listed(case: Case, compared: Comparison, pull_request: PullRequest | None) -> Changes:
    """Return the files of a comparison, from 300 on those of the pull request."""
    if len(compared.files) < MAX_COMPARED_FILES:
        return Changes(compared.files, compared.merge_base)
    files: list[ChangedFile] | tuple[ChangedFile, ...] = compared.files
    is_complete = False
    if pull_request is not None:
        files = case.ask(lambda github: github.files_of(pull_request.number))
        is_complete = len(files) < MAX_LISTED_FILES
    return Changes(files, compared.merge_base, is_complete)


def _pull_request_of(case: Case) -> PullRequest | None:
    """Return the open pull request of C into the base."""
    for item in case.pull_requests:
        if item.is_open and (item.base, item.commit) == (case.base, case.commit):
            return item
    return None


def _changes_of_merge(case: Case, commit: str) -> Changes:
    """Return what came into the base with C, which it holds."""
    merged = merge_of(case)
    if merged is not None and merged.merge_commit:
        found = case.ask(lambda github: github.commit(merged.merge_commit))
        # The second parent of a merge is what it merged; other ways to merge make no such commit.
        if found is not None and len(found.parents) == 2 and found.parents[1] == commit:
            return _listed(case, case.compare(found.parents[0], found.sha), merged)
    if _was_tip_of_base(case, commit):
        return Changes(is_of_base=True)
    start = case.base_at_start()
    if start and case.compare(start, commit).ahead_by == 0:
        return Changes(is_of_base=True)
    raise GitHubError(
        f"{case.base} holds the commit, and no pull request shows what came with it",
        remedy=_NEW_BRANCH,
    )


def merge_of(case: Case) -> PullRequest | None:
    """Return the pull request that has merged C into the base since the first run was started."""
    for item in case.pull_requests:
        is_it = (item.base, item.commit) == (case.base, case.commit)
        if is_it and item.merged_at is not None and item.merged_at >= case.started_at:
            return item
    return None


def _was_tip_of_base(case: Case, commit: str) -> bool:
    """Return whether the base was at C once: the branch was created there."""
    # Only the first parents: the base was never at the second parent of a merge.
    line = case.compare(commit, case.base_now).first_parents
    at = case.base_now
    while at in line:
        at = line[at]
    return at == commit


def _has_one_merge_base(case: Case, commit: str, compared: Comparison) -> bool:
    """Return whether BASE and C share a single merge base. GitHub compares with one of several, and
    omits the differences from the others.
    """
    merge_base = compared.merge_base
    if merge_base == case.base_now:
        return True
    # Every common ancestor is in the history of the only merge base.
    return case.compare(merge_base, commit).ahead_by == compared.ahead_by


def _changes_of_test_merge(case: Case, commit: str) -> Changes:
    """Return what GitHub's own test merge of the open pull request changes in the base."""
    opened = _pull_request_of(case)
    while opened is not None:
        merge = _test_merge(case, opened)
        if merge is not None and merge.parents == (case.base_now, commit):
            return _listed(case, case.compare(case.base_now, merge.sha), None)
        if not case.wait_to_settle():
            break
    raise GitHubError(
        f"{case.branch} and {case.base} share several merge bases, so the changes cannot be determined",
        remedy=f"Merge {case.base} into {case.branch} and re-run the job.",
    )


def _test_merge(case: Case, opened: PullRequest) -> Commit | None:
    """Return GitHub's test merge of an open pull request; None if there is none, as while GitHub
    makes it.
    """
    sha = case.ask(lambda github: github.pull_request(opened.number)).merge_commit
    if not sha:
        return None
    return case.ask(lambda github: github.commit(sha))


def has_changed(case: Case) -> bool:
    """Return whether the run, or a round before it, changed files.

    Raises:
        GitHubError: GitHub does not show it.
    """
    if not case.has_commit() or case.commit is None:
        return False
    before = case.branch_before
    if not before:
        return bool(case.changes.files)
    compared = case.compare(before, case.commit)
    if compared.behind_by == 0:
        return bool(compared.files)
    # The branch lost commits: a comparison would begin where the two have parted.
    return _tree_of(case, before) != _tree_of(case, case.commit)


def _tree_of(case: Case, sha: str) -> str:
    commit = case.ask(lambda github: github.commit(sha))
    return "" if commit is None else commit.tree
