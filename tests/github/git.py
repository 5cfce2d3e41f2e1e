"""A repository's commits, as far as GitHub's API shows them. What they share, what differs and what
a merge makes of them is computed by git itself.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Tree = Mapping[str, bytes]
"""The content of each file by its path."""
_STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}
"""GitHub's words for the letters of ``git diff``."""


@dataclass(frozen=True)
class Commit:
    """A commit with all its files."""

    sha: str
    parents: tuple[str, ...]
    tree: Tree
    message: str
    author: str
    git_id: str
    """The commit's id in git, which a test may have given another one."""
    made_at: datetime | None
    """None: long ago."""


def blob_sha(content: bytes) -> str:
    """Return the id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@cache
def _repository() -> TemporaryDirectory[str]:
    """Return the folder of the one repository of this process that has the objects of all tests."""
    folder = TemporaryDirectory(prefix="stand-in-", ignore_cleanup_errors=True)
    subprocess.run(["git", "init", "--quiet", "--bare", folder.name], check=True)
    return folder


def git(*arguments: str, text: bytes = b"", fails: int = 0) -> bytes:
    """Return the output of git in the repository of all tests; it may exit with ``fails``."""
    folder = Path(_repository().name)
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    ran = subprocess.run(
        ["git", "--git-dir", folder, *arguments],
        input=text,
        capture_output=True,
        check=False,
        env=environment,
    )
    assert ran.returncode in (0, fails), ran.stderr
    return ran.stdout


class Commits:
    """The commits of a repository, reachable or not, by their ids."""

    def __init__(self) -> None:
        self._commits: dict[str, Commit] = {}
        self._names: dict[str, str] = {}
        """Ids by those in git."""
        self._numbers = count(1)
        self._comparisons: dict[tuple[str, str], dict[str, Any] | None] = {}
        self.binary_paths: set[str] = set()
        """Files of which GitHub counts no lines, by their attributes."""

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
        at: datetime | None = None,
    ) -> str:
        """Add a commit and return its id. Its files are those of its parents, as git merges them,
        and ``changes``, in which None deletes a file.
        """
        tree = self._tree_of(parents)
        for path, content in changes.items():
            if content is None:
                tree.pop(path, None)
            else:
                tree[path] = content.encode() if isinstance(content, str) else content
        git_id = self._written(parents, tree, message)
        sha = sha or git_id
        self._commits[sha] = Commit(sha, parents, tree, message, author, git_id, at)
        self._names[git_id] = sha
        self._comparisons.clear()  # a test may give an id twice
        return sha

    def _tree_of(self, parents: tuple[str, ...]) -> dict[str, bytes]:
        if len(parents) == 2:
            return self.merged(*parents)
        return dict(self[parents[0]].tree) if parents else {}

    def _written(self, parents: tuple[str, ...], tree: Tree, message: str) -> str:
        """Write a commit into git; return its id there."""
        stream = [
            b"commit refs/heads/newest\nmark :1",
            # Commits of the same content are not the same commit.
            b"committer A <a@example.com> %d +0000" % (1_700_000_000 + next(self._numbers)),
            b"data %d\n%s" % (len(message.encode()), message.encode()),
        ]
        for word, parent in zip((b"from", b"merge"), parents, strict=False):
            stream.append(word + b" " + self[parent].git_id.encode())
        stream.append(b"deleteall")
        for path, content in tree.items():
            stream.append(b"M 100644 inline " + path.encode())
            stream.append(b"data %d\n%s" % (len(content), content))
        stream.append(b"get-mark :1\n")
        options = ["-c", "gc.auto=0", "fast-import", "--quiet", "--force"]
        return git(*options, text=b"\n".join(stream)).decode().strip()

    def merged(self, ours: str, theirs: str) -> dict[str, bytes]:
        """Return the files of a merge; what conflicts has git's marks."""
        heads = self[ours].git_id, self[theirs].git_id
        said = git("merge-tree", "--write-tree", "--allow-unrelated-histories", *heads, fails=1)
        tree = said.decode().split("\n", 1)[0]
        known = {**self[theirs].tree, **self[ours].tree}.values()
        contents = {blob_sha(content): content for content in known}
        files = {}
        for entry in git("ls-tree", "-r", "-z", tree).decode().split("\0")[:-1]:
            about, _, path = entry.partition("\t")
            blob = about.split()[2]
            files[path] = contents.get(blob) or git("cat-file", "blob", blob)
        return files

    def conflict(self, ours: str, theirs: str) -> bool:
        """Return whether a merge has conflicts."""
        heads = self[ours].git_id, self[theirs].git_id
        said = git("merge-tree", "--write-tree", "--name-only", "--no-messages", *heads, fails=1)
        return len(said.splitlines()) > 1

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

    def only_in(self, head: str, base: str) -> list[str]:
        """Return the commits that ``head`` has and ``base`` has not, the oldest first."""
        span = f"{self[base].git_id}..{self[head].git_id}"
        listed = git("rev-list", "--reverse", "--topo-order", span).decode().split()
        return [self._names[each] for each in listed]

    def files_between(self, old: str, new: str) -> list[dict[str, Any]]:
        """Return the files that differ, as a comparison lists them."""
        trees = self[old].git_id, self[new].git_id
        lines = self._lines_between(*trees)
        listed = git("diff-tree", "-r", "--raw", "-z", "-M", "--no-abbrev", *trees)
        parts = iter(listed.decode().split("\0")[:-1])
        files = []
        for about in parts:
            _, _, before, after, letter = about.split()
            entry: dict[str, Any] = {"status": _STATUSES[letter[0]]}
            if letter[0] == "R":
                entry["previous_filename"] = next(parts)
            entry["filename"] = next(parts)
            entry["sha"] = before if letter == "D" else after
            added, deleted = lines[entry["filename"]]
            if entry["filename"] in self.binary_paths:
                added = deleted = 0
            entry |= {"additions": added, "deletions": deleted, "changes": added + deleted}
            files.append(entry)
        return files

    @staticmethod
    def _lines_between(old: str, new: str) -> dict[str, tuple[int, int]]:
        """Return how many lines each file gained and lost; none are counted of a binary one."""
        parts = git("diff-tree", "-r", "--numstat", "-z", "-M", old, new).decode().split("\0")
        lines = {}
        rest = iter(parts[:-1])
        for about in rest:
            added, deleted, path = about.split("\t")
            if not path:  # a renamed file: its old path and its new one follow
                next(rest)
                path = next(rest)
            lines[path] = (0, 0) if added == "-" else (int(added), int(deleted))
        return lines

    def newest(self, sha: str, until: datetime | None) -> str | None:
        """Return the newest commit of a history that was made by then."""
        if until is None:
            return sha
        for each in self.history(sha):
            made_at = self[each].made_at
            if made_at is None or made_at <= until:
                return each
        return None

    def compare(self, base: str, head: str) -> dict[str, Any] | None:
        """Return GitHub's comparison with three dots; None without a common ancestor."""
        if (base, head) not in self._comparisons:
            self._comparisons[base, head] = self._compared(base, head)
        return self._comparisons[base, head]

    def merge_base(self, base: str, head: str) -> str | None:
        """Return the merge base that git chooses; None without a common ancestor."""
        found = git("merge-base", self[base].git_id, self[head].git_id, fails=1).decode().split()
        return self._names[found[0]] if found else None

    def _compared(self, base: str, head: str) -> dict[str, Any] | None:
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
            "commit": {
                "message": commit.message,
                "tree": {"sha": git("rev-parse", f"{commit.git_id}^{{tree}}").decode().strip()},
            },
            "author": {"login": commit.author},
            "parents": [{"sha": parent} for parent in commit.parents],
        }
