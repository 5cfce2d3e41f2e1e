"""The rules of ``POST /runs``: how the service normalizes a body, and which bodies it refuses."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from tests.emulator.routes import Refused
from tests.emulator.world import Repo

MAX_KEY: Final = 200
_MAX_PROMPT: Final = 100_000
_HARNESSES: Final = ("codex", "claude-code", "mogplex")
_MODES: Final = ("SAFE", "AUTO", "YOLO")
_LEGACY_MODES: Final = frozenset({"single", "multi_agent", "council", "review", "test", "repair"})
_MAX_QUOTED: Final = 40
_BRANCH = re.compile(r"[A-Za-z0-9_./-]+")
_ENCODED_DOTS = re.compile(r"(?:^|/)%2e(?:%2e)?(?:/|$)", re.IGNORECASE)
# The characters that JavaScript's trim() removes; Python's strip() removes others.
_WHITE_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    + ("\u2028\u2029\u202f\u205f\u3000\ufeff")
)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A normalized start body."""

    repo_id: str
    prompt: str
    harness: str
    base_branch: str
    working_branch: str
    create_branch: bool
    root_directory: str | None
    conversation_id: str | None
    workspace_session_id: str | None
    mode: str | None
    agent_id: str | None = None
    worktree_id: str | None = None

    def repeats(self, earlier: "StartRequest") -> bool:
        """Return whether it is the same request as ``earlier``. A worktree replaces branches and
        directory.
        """
        if self.worktree_id is None or self.worktree_id != earlier.worktree_id:
            return self == earlier
        return self == replace(
            earlier,
            base_branch=self.base_branch,
            working_branch=self.working_branch,
            create_branch=self.create_branch,
            root_directory=self.root_directory,
        )

    def in_worktree(self, repo: Repo) -> "StartRequest":
        """Return the request with branches and directory of its worktree.

        Raises:
            Refused: the repository has no such active worktree.
        """
        if self.worktree_id is None:
            return self
        tree = repo.worktree(self.worktree_id)
        if tree is None:
            raise Refused("NOT_FOUND", "Active worktree not found")
        return replace(
            self,
            base_branch=tree.base_branch,
            working_branch=tree.working_branch,
            create_branch=False,
            root_directory=tree.root_directory,
        )

    def holds_nul(self) -> bool:
        """Return whether a text field holds U+0000, which the service's database cannot store."""
        return any("\0" in value for value in asdict(self).values() if isinstance(value, str))


def read_key(header: str | None) -> str:
    """Return the trimmed ``Idempotency-Key``.

    Raises:
        Refused: it is missing, blank, or longer than 200 characters.
    """
    key = trim(header)
    if key is None:
        raise Refused("BAD_REQUEST", "Idempotency-Key is required")
    if len(key) > MAX_KEY:
        raise Refused(
            "BAD_REQUEST", f"Idempotency-Key exceeds maximum length of {MAX_KEY} characters"
        )
    return key


def read_body(data: bytes) -> object:
    """Parse the request body; its content type does not matter.

    Raises:
        Refused: it is not JSON.
    """
    try:
        return json.loads(data.decode("utf-8-sig", "replace"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused("BAD_REQUEST", "Invalid JSON body") from None


def normalize(body: Mapping[str, object], repo: Repo, key: str, *, newest: bool) -> StartRequest:
    """Apply the rules of each field, in the order in which the service reports faults.

    Raises:
        Refused: 400 with the first fault.
    """
    prompt = trim(body.get("prompt"))
    if prompt is None:
        raise Refused("BAD_REQUEST", "Prompt is required")
    units = len(prompt.encode("utf-16-le", "surrogatepass")) // 2
    if units > _MAX_PROMPT:
        raise Refused("BAD_REQUEST", "Prompt is too long")
    harness = trim(body.get("harness")) or _HARNESSES[0]
    if harness not in (_HARNESSES if newest else _HARNESSES[:2]):
        raise Refused("BAD_REQUEST", "Invalid harness")
    native = harness == "mogplex"
    if native and _is_given(body.get("mode")):
        raise Refused("BAD_REQUEST", "CLI execution modes are not supported by the Mogplex harness")
    worktree = trim(body.get("worktreeId")) if newest else None
    if native and worktree is not None:
        message = "Mogplex runs do not yet support assigned worktrees. Use a repository sandbox or a CLI harness."
        raise Refused("BAD_REQUEST", message)
    base = trim(body.get("baseBranch")) or trim(repo.default_branch) or "main"
    _check_branch(base, "base branch")
    root = _root_directory(body, repo)
    mode = _mode(body.get("mode")) if newest else trim(body.get("mode"))
    working = trim(body.get("workingBranch"))
    create = body.get("createBranch") is True or (
        native and "createBranch" not in body and working is None
    )
    request = StartRequest(
        repo_id=trim(body.get("repoId")) or "",
        prompt=prompt,
        harness=harness,
        base_branch=base,
        working_branch=working or ("" if create else base),
        create_branch=create,
        root_directory=root,
        conversation_id=trim(body.get("conversationId")),
        workspace_session_id=trim(body.get("workspaceSessionId")),
        mode=mode,
        agent_id=trim(body.get("agentId")) if newest else None,
        worktree_id=worktree,
    )
    if not request.working_branch:
        request = replace(request, working_branch=_generated_branch(key, request, newest=newest))
    _check_branch(request.working_branch, "working branch")
    if request.working_branch == base:
        if create:
            raise Refused(
                "BAD_REQUEST",
                "Working branch must differ from base branch when createBranch is true",
            )
        if native:
            raise Refused("BAD_REQUEST", "Mogplex runs require an isolated working branch")
    return request


def trim(value: object) -> str | None:
    """Return a string without the white space around it; None for blank ones and for anything
    else.
    """
    if not isinstance(value, str):
        return None
    return value.strip(_WHITE_SPACE) or None


def _is_given(value: object) -> bool:
    """Return whether a field holds anything but null and blank text."""
    return value is not None and (not isinstance(value, str) or trim(value) is not None)


def _mode(value: object) -> str | None:
    """Return the mode in upper case; words of earlier command line tools stay as they are."""
    if not _is_given(value):
        return None
    text = trim(value)
    if text in _LEGACY_MODES:
        return text
    if text is not None and text.upper() in _MODES:
        return text.upper()
    shown: object = value
    if text is not None:
        shown = text
    if isinstance(shown, str) and len(shown) > _MAX_QUOTED:
        shown = shown[:_MAX_QUOTED] + "…"
    quoted = json.dumps(shown, ensure_ascii=False)
    raise Refused("BAD_REQUEST", f"mode must be one of {', '.join(_MODES)} (got {quoted})")


def _root_directory(body: Mapping[str, object], repo: Repo) -> str | None:
    """Return the directory below the repo to work in: absent means the repo's own, null the repo
    root.
    """
    if "rootDirectory" not in body:
        return repo.root_directory
    value = body["rootDirectory"]
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value or _ENCODED_DOTS.search(value):
        raise Refused("BAD_REQUEST", "Invalid root directory")
    path = re.sub(r"^\./+", "", trim(value) or "")
    path = re.sub(r"/+", "/", path).strip("/")
    if ".." in path.split("/"):
        raise Refused("BAD_REQUEST", "Invalid root directory")
    return None if path in ("", ".") else path


def _check_branch(name: str, label: str) -> None:
    valid = (
        _BRANCH.fullmatch(name)
        and name != "HEAD"
        and not name.startswith("/")
        and not name.endswith(("/", ".", ".lock"))
        and ".." not in name
        and "//" not in name
    )
    if not valid:
        raise Refused("BAD_REQUEST", f"Invalid {label}")


def _generated_branch(key: str, request: StartRequest, *, newest: bool) -> str:
    """Name the branch after key and request, so that a replay names the same one.

    The request is hashed as JSON with sorted keys and without spaces, by all fields but the branch
    itself; the older service knows neither agents nor worktrees.
    """
    fields = {
        "baseBranch": request.base_branch,
        "conversationId": request.conversation_id,
        "createBranch": request.create_branch,
        "harness": request.harness,
        "mode": request.mode,
        "prompt": request.prompt,
        "repoId": request.repo_id,
        "rootDirectory": request.root_directory,
        "workspaceSessionId": request.workspace_session_id,
    }
    if newest:
        fields |= {"agentId": request.agent_id, "worktreeId": request.worktree_id}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"mogplex/external/{_short_hash(key)}-{_short_hash(text)}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
