"""A repository's commits, as far as GitHub's API shows them: parents, trees, ancestry and
differences, all computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

Tree = Mapping[str, bytes]
"""The content of each file by its path."""


@dataclass(frozen=True)
class Commit:
    """A commit with all its files."""

    sha: str
    parents: tuple[str, ...]
    tree: Tree
    message: str
    author: str


def blob_sha(content: bytes) -> str:
    """Return the id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Commits:
    """The commits of a repository, reachable or not, by their ids."""

    def __init__(self) -> None:
        self._commits: dict[str, Commit] = {}
        self._numbers = count(1)

    def __contains__(self, sha: str) -> bool:
        """Whether there is such a commit."""
        return sha in self._commits

    def __getitem__(self, sha: str) -> Commit:
        """Return the commit with this id."""
        return self._commits[sha]

    def add(
        self,
        parents: tuple[str, ...],
        changes: Mapping[str, str | bytes | None],
        *,
        message: str,
        author: str,
        sha: str | None = None,
    ) -> str:
        """Add a commit and return its id. Its files are those of its parents, the first one's where
        they differ, and ``changes``, in which None deletes a file.
        """
        tree: dict[str, bytes] = {}
        for parent in reversed(parents):
            tree |= self[parent].tree
        for path, content in changes.items():
            if content is None:
                tree.pop(path, None)
            else:
                tree[path] = content.encode() if isinstance(content, str) else content
        if sha is None:
            number = next(self._numbers)
            sha = hashlib.sha256(f"{number} {parents} {message}".encode()).hexdigest()[:40]
        self._commits[sha] = Commit(sha, parents, tree, message, author)
        return sha

    def history(self, sha: str) -> Iterator[str]:
        """Yield a commit and its ancestors, the nearest ones first."""
        seen: set[str] = set()
        todo = [sha]
        while todo:
            this = todo.pop(0)
            if this not in seen:
                seen.add(this)
                yield this
                todo += self[this].parents

    def merge_base(self, base: str, head: str) -> str | None:
        """Return the nearest common ancestor; None if there is none."""
        known = set(self.history(base))
        common = [sha for sha in self.history(head) if sha in known]
        older = {ancestor for sha in common for ancestor in self.history(sha) if ancestor != sha}
        return next((sha for sha in common if sha not in older), None)

    def only_in(self, head: str, base: str) -> list[str]:
        """Return the commits that ``head`` has and ``base`` has not, the oldest first."""
        known = set(self.history(base))
        return [sha for sha in self.history(head) if sha not in known][::-1]

    def files_between(self, old: str, new: str) -> list[dict[str, Any]]:
        """Return the files that differ, as a comparison lists them."""
        before, after = self[old].tree, self[new].tree
        removed = {path for path in before if path not in after}
        files = []
        for path in sorted(after):
            if before.get(path) == after[path]:
                continue
            entry: dict[str, Any] = {"filename": path, "sha": blob_sha(after[path])}
            same = [name for name in sorted(removed) if before[name] == after[path]]
            if path in before:
                entry["status"] = "modified"
            elif same:
                entry |= {"status": "renamed", "previous_filename": same[0]}
                removed.remove(same[0])
            else:
                entry["status"] = "added"
            files.append(entry)
        files += [
            {"filename": path, "sha": blob_sha(before[path]), "status": "removed"}
            for path in sorted(removed)
        ]
        return files

    def compare(self, base: str, head: str) -> dict[str, Any] | None:
        """Return GitHub's comparison with three dots; None without a common ancestor."""
        common = self.merge_base(base, head)
        if common is None:
            return None
        ahead, behind = self.only_in(head, base), self.only_in(base, head)
        status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
        return {
            "status": status.get((bool(ahead), bool(behind)), "identical"),
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "base_commit": self.shown(base),
            "merge_base_commit": self.shown(common),
            "commits": [self.shown(sha) for sha in ahead[:250]],
            "files": self.files_between(common, head)[:300],
        }

    def shown(self, sha: str) -> dict[str, Any]:
        """Return a commit as GitHub shows it."""
        commit = self[sha]
        return {
            "sha": sha,
            "commit": {"message": commit.message},
            "author": {"login": commit.author},
            "parents": [{"sha": parent} for parent in commit.parents],
        }
