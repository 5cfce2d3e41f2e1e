"""A repository on GitHub, and the stories that happen to it.

A test tells what people, apps and agents do (``push``, ``open_pull_request``, ``merge``);
what the API answers about it is computed.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from tests.github.checks import REPOSITORY, Look
from tests.github.git import Commits, blob_sha

NO_COMMIT = "0" * 40
_ACME_WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
"""Id of ``acme/web`` in the emulator."""
AGENT = "mogplex[bot]"
"""The app that pushes for the agents."""
OWN_ID = 1296269
"""GitHub's id of each repository: forks have others."""
ADA = "ada"
"""A person."""
BOT = {"login": "github-actions[bot]", "type": "Bot"}
Files = Mapping[str, str | bytes | None]
"""Contents by path; None deletes a file."""


@dataclass
class Work:
    """What a run does to the repository before it succeeds."""

    files: Files = field(default_factory=lambda: {"src/login.tsx": "fixed"})
    message: str = "Fix it"
    checks: Look = field(default_factory=Look)
    """Checks of its commit."""
    opens_pull_request: bool = True
    before: Callable[[], object] = lambda: None
    """Happens before it pushes."""
    after: Callable[[], object] = lambda: None
    """Happens after it has pushed."""
    branch: str = ""
    """The branch that it pushes; empty: the one that the service has for it."""


NOTHING = Work(files={}, opens_pull_request=False)
"""The work of a run that pushes no commit."""


class Repository:
    """One repository: its state, what may happen to it, and what GitHub's API says of it."""

    def __init__(self, name: str = REPOSITORY, clock: Callable[[], datetime] | None = None) -> None:
        self.name = name
        self.clock = clock or (lambda: datetime.now(UTC))
        self.commits = Commits()
        self.branches: dict[str, str] = {}
        """The tip of each."""
        self.pull_requests: list[dict[str, Any]] = []
        self.checks: dict[str, Look] = {}
        """By commit."""
        self.rules: dict[str, list[dict[str, Any]]] = {}
        """Rules by branch."""
        self.protection: dict[str, dict[str, Any]] = {}
        """Classic protection by branch: its ``required_status_checks``."""
        self.has_rules = True
        """False for a private repository on the free plan."""
        self.comments: list[dict[str, Any]] = []
        self.annotations: dict[str, list[str | dict[str, Any] | None]] = {}
        """Annotations by the name of a check run: fields, or a title alone; None is one that has
        only a message.
        """
        self.permissions: dict[str, str] = {}
        """The permission of each user; others may read the repository."""
        self.default_branch = "main"
        self.stale_merges: set[int] = set()
        """Numbers of pull requests whose test merge is from before the base moved."""
        self._test_merges: dict[tuple[str, str], str] = {}
        self._later: list[tuple[datetime, Callable[[], object]]] = []
        self._runs: Callable[[], Sequence[Any]] = tuple
        self._works: tuple[Work, ...] = ()
        self._done: set[str] = set()
        """Ids of runs whose work is in the repository."""
        files = {"README.md": "# web", ".github/ci.yml": "on: push"}
        old = self.clock() - timedelta(days=7)
        self.push(self.default_branch, files, at=old, sha=_tip_in_emulator(self.default_branch))

    # What happens to the repository

    def commit(
        self,
        on: str,
        files: Files | None = None,
        *,
        merging: str | None = None,
        message: str = "Work",
        by: str = ADA,
        sha: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Make a commit behind the branch or commit ``on``, and ``merging`` if given; no branch has
        it yet.
        """
        parents = [self.resolve(each) for each in (on, merging) if each]
        known = tuple(parent for parent in parents if parent is not None)
        at = at or self.clock()
        return self.commits.add(known, files or {}, message=message, author=by, sha=sha, at=at)

    def push(
        self,
        branch: str,
        files: Files | None = None,
        *,
        commit: str | None = None,
        by: str = ADA,
        at: datetime | None = None,
        message: str = "Work",
        sha: str | None = None,
    ) -> str:
        """Push a commit with ``files``, or a ``commit`` that is there; return its id."""
        start = branch if branch in self.branches else self.default_branch
        after = commit or self.commit(start, files, message=message, by=by, sha=sha, at=at)
        self.branches[branch] = after
        return after

    def delete(self, branch: str) -> None:
        """Delete a branch."""
        del self.branches[branch]

    def merge(self, head: str, into: str = "main", *, by: str = ADA, squash: bool = False) -> str:
        """Merge a branch or commit into a branch; return the commit that the branch has then."""
        tip = self.branches[into]
        if squash:
            merged = self.commits.merged(tip, self.resolve(head) or "")
            files = {path: merged.get(path) for path in {*self.commits[tip].tree, *merged}}
            after = self.commit(tip, files, message=f"Squash {head}", by=by)
        else:
            after = self.commit(tip, merging=head, message=f"Merge {head}", by=by)
        self.branches[into] = after
        return after

    def open_pull_request(
        self, branch: str, number: int = 42, *, base: str = "main", by: str = AGENT, **fields: Any
    ) -> dict[str, Any]:
        """Open a pull request of a branch; its head follows the branch as long as it is open."""
        address = f"https://github.com/{self.name}/pull/{number}"
        opened = {
            "number": number,
            "html_url": address,
            "state": "open",
            "head": {"ref": branch, "repo": {"id": OWN_ID, "full_name": self.name}},
            "base": {"ref": base, "repo": {"id": OWN_ID, "full_name": self.name}},
            "user": {"login": by},
            "created_at": _stamp(self.clock()),
            "merged_at": None,
            "merged_by": None,
        }
        self.pull_requests.append(opened | fields)
        return self.pull_requests[-1]

    def close_pull_request(self, number: int = 42) -> None:
        """Close a pull request without merging it."""
        this = self.pull_request(number)
        this["head"] = self._shown(this)["head"]
        this["state"] = "closed"

    def merge_pull_request(
        self, number: int = 42, *, by: str = ADA, squash: bool = False, deletes: bool = False
    ) -> None:
        """Merge a pull request, and delete its branch if the repository does that."""
        this = self.pull_request(number)
        self.close_pull_request(number)
        branch = this["head"]["ref"]
        merge = self.merge(this["head"]["sha"], this["base"]["ref"], by=by, squash=squash)
        this |= {"merged_at": _stamp(self.clock()), "merged_by": {"login": by}}
        this["merge_commit_sha"] = merge
        if deletes:
            self.delete(branch)

    def retarget(self, number: int, base: str) -> None:
        """Change the base of a pull request."""
        self.pull_request(number)["base"] |= {"ref": base}

    def pull_request(self, number: int) -> dict[str, Any]:
        """Return a pull request, to change what GitHub says of it."""
        return next(item for item in self.pull_requests if item["number"] == number)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen when so many seconds have passed."""
        self._later.append((self.clock() + timedelta(seconds=seconds), action))

    def works_for(self, service: Any, *works: Work) -> None:
        """Let the ``runs`` of an emulator, or of one step, work here: each does its work of
        ``works`` when it succeeds, the last one's if there are more runs. Without works each
        changes a file.
        """
        self._runs = lambda: [
            run for run in service.runs if run.repo.full_name.lower() == self.name.lower()
        ]
        self._works = works or (Work(),)

    def catch_up(self) -> None:
        """Let happen what is due."""
        now = self.clock()
        due = [each for each in self._later if each[0] <= now]
        self._later = [each for each in self._later if each[0] > now]
        for _, action in sorted(due, key=lambda each: each[0]):
            action()
        for number, run in enumerate(self._runs()):
            if run.status == "success" and run.id not in self._done:
                self._done.add(run.id)
                self._do(run, self._works[min(number, len(self._works) - 1)])

    def _do(self, run: Any, work: Work) -> None:
        """Do the work of a run that has succeeded."""
        work.before()
        request, ended = run.request, datetime.fromisoformat(run.detail()["updatedAt"])
        branch = work.branch or run._checkout.branch
        if branch not in self.branches:
            start = self.branches[request.base_branch]
            self.push(branch, commit=start, by=AGENT, at=ended)
        if work.files:
            sha = run.commit_sha
            self.push(branch, work.files, by=AGENT, at=ended, message=work.message, sha=sha)
        self.checks[self.branches[branch]] = work.checks
        is_open = any(
            item["head"]["ref"] == branch and item["state"] == "open" for item in self.pull_requests
        )
        if work.opens_pull_request and not is_open:
            self.open_pull_request(branch, 42 + len(self.pull_requests), base=request.base_branch)
        work.after()

    # What the API says of it

    def resolve(self, name: str) -> str | None:
        """Return the commit that a branch, or an id, stands for."""
        return self.branches.get(name) or (name if name in self.commits else None)

    def answer(self, parts: Sequence[str], query: Mapping[str, str]) -> object:
        """Return the data of a GET below ``/repos/OWNER/NAME``; None for what is not there."""
        match parts:
            case []:
                return {"full_name": self.name, "default_branch": self.default_branch}
            case ["git" | "contents" | "compare" | "branches" | "rules", *_] | ["commits"]:
                return self._of_code(parts, query)
            case ["pulls"]:
                return self._pulls(query)
            case ["pulls", number]:
                found = [item for item in self.pull_requests if str(item["number"]) == number]
                return self._shown(found[0], alone=True) if found else None
            case ["pulls", number, "files"]:
                return self._files_of(self.pull_request(int(number)))
            case ["commits" | "check-runs", *_]:
                return self._of_commit(parts)
            case ["collaborators", login, "permission"]:
                permission = self.permissions.get(login, "read")
                return {"permission": permission, "user": {"login": login}}
            case ["issues"]:
                return []
            case ["issues", number, "comments"]:
                return [each for each in self.comments if each["issue"] == int(number)]
        return None

    def _of_code(self, parts: Sequence[str], query: Mapping[str, str]) -> object:
        """Return what is said of branches, their rules and their content."""
        match parts:
            case ["git", "ref", "heads", *branch]:
                return self._ref("/".join(branch))
            case ["git", "trees", sha] if sha in self.commits:
                return self._tree(sha)
            case ["commits"]:
                until = query.get("until")
                moment = datetime.fromisoformat(until) if until else None
                start = self.resolve(query["sha"])
                found = self.commits.newest(start, moment) if start else None
                return [self.commits.shown(found)] if found else []
            case ["contents", *path]:
                return self._content("/".join(path), self.resolve(query["ref"]))
            case ["compare", *span]:
                base, _, head = "/".join(span).partition("...")
                return self._compared(self.resolve(base), self.resolve(head))
            case ["branches", *branch]:
                return self._branch("/".join(branch))
            case ["rules", "branches", *branch]:
                return self.rules.get("/".join(branch), [])
        return None

    def _of_commit(self, parts: Sequence[str]) -> object:
        """Return what is said of a commit and its checks."""
        match parts:
            case ["commits", sha, "check-suites" | "check-runs" | "status" as kind]:
                return self._checks(self.checks.get(sha, Look()), kind)
            case ["check-runs", number, "annotations"]:
                return self._annotations(number)
        return None

    def write(self, parts: Sequence[str], body: Mapping[str, Any]) -> object:
        """Return the data of a POST or PATCH; None for what is not there."""
        match parts:
            case ["issues", "comments", number]:
                (comment,) = (each for each in self.comments if each["id"] == int(number))
                comment["body"] = body["body"]
                return comment
            case ["issues", number, "comments"]:
                made = {"id": 100 + len(self.comments), "issue": int(number), "user": BOT}
                self.comments.append(made | {"body": body["body"]})
                return self.comments[-1]
        return None

    def _compared(self, base: str | None, head: str | None) -> object:
        return self.commits.compare(base, head) if base and head else None

    def _ref(self, branch: str) -> object:
        tip = self.branches.get(branch)
        return tip and {"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": tip}}

    def _tree(self, sha: str) -> object:
        tree = self.commits[sha].tree
        entries = [
            {"path": path, "mode": "100644", "type": "blob", "sha": blob_sha(tree[path])}
            for path in sorted(tree)
        ]
        return {"sha": sha, "tree": entries, "truncated": False}

    def _content(self, path: str, sha: str | None) -> object:
        content = self.commits[sha].tree.get(path) if sha else None
        encoded = b64encode(content or b"").decode()
        file = {"type": "file", "encoding": "base64", "content": encoded}
        return None if content is None else file

    def _pulls(self, query: Mapping[str, str]) -> object:
        """Return the pull requests, of a branch of this repository's owner if one is asked for, the
        newest first.
        """
        shown = [self._shown(item) for item in reversed(self.pull_requests)]
        if "head" not in query:
            return shown
        owner, _, branch = query["head"].partition(":")
        return [
            item
            for item in shown
            if item["head"]["ref"] == branch and owner.lower() == self.name.split("/")[0].lower()
            if query.get("state", "open") in ("all", item["state"])
        ]

    def _shown(self, item: dict[str, Any], *, alone: bool = False) -> dict[str, Any]:
        """Return a pull request as GitHub shows it in a list, or ``alone``."""
        head = {"sha": self.branches.get(item["head"]["ref"], NO_COMMIT)} | item["head"]
        base = {"sha": self.branches.get(item["base"]["ref"], NO_COMMIT)} | item["base"]
        shown = {**item, "head": head, "base": base}
        if item["state"] == "open" and alone:
            shown["merge_commit_sha"] = self._test_merge(item, head["sha"], base["sha"])
        if alone:
            return shown | {"merged": item["merged_at"] is not None}
        del shown["merged_by"]
        return shown

    def _test_merge(self, item: dict[str, Any], head: str, base: str) -> str | None:
        """Return the commit in which GitHub tries the merge, made once for each pair; None if it
        has conflicts.
        """
        pair = base, head
        if NO_COMMIT in pair or self.commits.conflict(*pair):
            return None
        made = self._test_merges
        if item["number"] in self.stale_merges:
            return next(iter(made.values()), None)
        if pair not in made:
            made[pair] = self.commit(base, merging=head, message="Merge")
        return made[pair]

    def _files_of(self, item: dict[str, Any]) -> object:
        """Return the files of a pull request: GitHub lists up to 3,000."""
        head, base = self._shown(item)["head"]["sha"], self._shown(item)["base"]["sha"]
        common = self.commits.merge_base(base, head)
        return self.commits.files_between(common, head)[:3_000] if common else []

    def _branch(self, branch: str) -> object:
        tip = self.branches.get(branch)
        if tip is None:
            return None
        required = self.protection.get(branch)
        none = {"enforcement_level": "off", "contexts": [], "checks": []}
        protection = {"enabled": bool(required), "required_status_checks": required or none}
        return {
            "name": branch,
            "commit": {"sha": tip},
            "protected": bool(required),
            "protection": protection,
        }

    def _annotations(self, number: str) -> object:
        by_number = {str(crc32(name.encode())): each for name, each in self.annotations.items()}
        usual = {"path": "a.ts", "start_line": 3, "message": "It is 2, not 3"}
        return [
            usual | (each if isinstance(each, dict) else {"title": each})
            for each in by_number.get(number, [])
        ]

    @staticmethod
    def _checks(look: Look, kind: str) -> object:
        if kind == "check-suites":
            suites = look.all_suites()
            return {"total_count": len(suites), "check_suites": suites}
        if kind == "check-runs":
            return {"total_count": len(look.runs) + look.missing, "check_runs": look.runs}
        newest = look.newest_statuses()
        return {"total_count": len(newest), "statuses": newest}


def _tip_in_emulator(branch: str) -> str:
    """Return the commit that the emulator records for a run that changes nothing."""
    return hashlib.sha256(f"{_ACME_WEB} {branch}".encode()).hexdigest()[:40]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
