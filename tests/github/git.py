"""A repository's commits, as far as GitHub's API shows them. What they share, what differs and what
a merge makes of them is computed by git itself.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
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
    tree_id: str
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
    """Return the folder of the one repository of this process that has the objects of all tests, in
    memory where there is such a folder.
    """
    memory = "/dev/shm"  # noqa: S108 - the folder in it has a random name
    parent = memory if Path(memory).is_dir() else None
    folder = TemporaryDirectory(prefix="stand-in-", dir=parent, ignore_cleanup_errors=True)
    subprocess.run(["git", "init", "--quiet", "--bare", folder.name], check=True)
    return folder


def git(*arguments: str, fails: int = 0) -> bytes:
    """Return the output of git in the repository of all tests; it may exit with ``fails``."""
    folder = Path(_repository().name)
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    ran = subprocess.run(
        ["git", "--git-dir", folder, *arguments], capture_output=True, check=False, env=environment
    )
    assert ran.returncode in (0, fails), ran.stderr
    return ran.stdout


def _path_of(sha: str) -> Path:
    return Path(_repository().name, "objects", sha[:2], sha[2:])


def _write(kind: bytes, data: bytes) -> str:
    """Write an object where git finds it, which saves a process for each; return its id."""
    whole = b"%s %d\0%s" % (kind, len(data), data)
    sha = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = _path_of(sha)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(whole, 1))
    return sha


def _read(sha: str) -> bytes:
    """Return the content of an object, which git may have written."""
    return zlib.decompress(_path_of(sha).read_bytes()).partition(b"\0")[2]


def _write_tree(files: Tree) -> str:
    """Write files and their folders; return the id of the topmost one."""
    entries: dict[bytes, tuple[bytes, str]] = {}
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        name, _, rest = path.partition("/")
        if rest:
            folders.setdefault(name, {})[rest] = content
        else:
            entries[name.encode()] = b"100644", _write(b"blob", content)
    for name, inside in folders.items():
        entries[name.encode() + b"/"] = b"40000", _write_tree(inside)
    written = [  # git sorts a folder as if its name ended in a slash
        b"%s %s\0%s" % (mode, name.removesuffix(b"/"), bytes.fromhex(sha))
        for name, (mode, sha) in sorted(entries.items())
    ]
    return _write(b"tree", b"".join(written))


def _read_tree(sha: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file in a folder and the folders below."""
    rest = _read(sha)
    while rest:
        about, _, rest = rest.partition(b"\0")
        mode, _, name = about.partition(b" ")
        entry, rest = rest[:20].hex(), rest[20:]
        path = prefix + name.decode()
        if mode == b"40000":
            yield from _read_tree(entry, f"{path}/")
        else:
            yield path, _read(entry)


class Commits:
    """The commits of a repository, reachable or not, by their ids."""

    def __init__(self) -> None:
        self._commits: dict[str, Commit] = {}
        self._names: dict[str, str] = {}
        """Ids by those in git."""
        self._numbers = count(1)
        self._comparisons: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._merges: dict[tuple[str, str], tuple[str, bool]] = {}
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
        tree_id = _write_tree(tree)
        git_id = self._written(parents, tree_id, message)
        sha = sha or git_id
        self._commits[sha] = Commit(sha, parents, tree, tree_id, message, author, git_id, at)
        self._names[git_id] = sha
        self._comparisons.clear()  # a test may give an id twice
        return sha

    def _tree_of(self, parents: tuple[str, ...]) -> dict[str, bytes]:
        if len(parents) == 2:
            return self.merged(*parents)
        return dict(self[parents[0]].tree) if parents else {}

    def _written(self, parents: tuple[str, ...], tree_id: str, message: str) -> str:
        """Write a commit into git; return its id there."""
        lines = [f"tree {tree_id}", *(f"parent {self[parent].git_id}" for parent in parents)]
        # Commits of the same content are not the same commit.
        made = f"A <a@example.com> {1_700_000_000 + next(self._numbers)} +0000"
        lines += [f"author {made}", f"committer {made}", "", message]
        return _write(b"commit", "\n".join(lines).encode())

    def merged(self, ours: str, theirs: str) -> dict[str, bytes]:
        """Return the files of a merge; what conflicts has git's marks."""
        return dict(_read_tree(self._merge(ours, theirs)[0]))

    def conflict(self, ours: str, theirs: str) -> bool:
        """Return whether a merge has conflicts."""
        return self._merge(ours, theirs)[1]

    def _merge(self, ours: str, theirs: str) -> tuple[str, bool]:
        """Return the id of the files of a merge, and whether it has conflicts."""
        heads = self[ours].git_id, self[theirs].git_id
        if heads not in self._merges:
            options = "--write-tree", "--name-only", "--no-messages", "--allow-unrelated-histories"
            tree, *conflicts = git("merge-tree", *options, *heads, fails=1).decode().split()
            self._merges[heads] = tree, bool(conflicts)
        return self._merges[heads]

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
        trees = self[old].tree_id, self[new].tree_id
        options = "-r", "--raw", "--numstat", "-z", "-M", "--no-abbrev"
        parts = iter(git("diff-tree", *options, *trees).decode().split("\0")[:-1])
        files: dict[str, dict[str, Any]] = {}
        for about in parts:
            if about.startswith(":"):
                entry = self._entry(about, parts)
                files[entry["filename"]] = entry
                continue
            # The lines of each file follow when all are listed; "-" is a binary one.
            added, deleted, path = about.split("\t")
            if not path:  # a renamed file: its old path and its new one follow
                next(parts)
                path = next(parts)
            is_counted = added != "-" and path not in self.binary_paths
            lines = (int(added), int(deleted)) if is_counted else (0, 0)
            files[path] |= {"additions": lines[0], "deletions": lines[1], "changes": sum(lines)}
        return list(files.values())

    @staticmethod
    def _entry(about: str, parts: Iterator[str]) -> dict[str, Any]:
        _, _, before, after, letter = about.split()
        entry: dict[str, Any] = {"status": _STATUSES[letter[0]]}
        if letter[0] == "R":
            entry["previous_filename"] = next(parts)
        return entry | {"filename": next(parts), "sha": before if letter == "D" else after}

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
                "tree": {"sha": commit.tree_id},
            },
            "author": {"login": commit.author},
            "parents": [{"sha": parent} for parent in commit.parents],
        }
