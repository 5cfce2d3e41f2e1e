"""The rules of ``POST /runs``: how the service normalizes a body, and which bodies it refuses."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tests.emulator.routes import Refused
from tests.emulator.world import Repo

MAX_KEY: Final = 200
_MAX_PROMPT: Final = 100_000
_HARNESSES: Final = ("codex", "claude-code", "mogplex")
_BRANCH = re.compile(r"[A-Za-z0-9_./-]+")


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
    mode: str | None
    agent_id: str | None


def read_key(header: str | None) -> str:
    """Return the trimmed ``Idempotency-Key``.

    Raises:
        Refused: it is missing, blank, or longer than 200 characters.
    """
    key = trim(header)
    if key is None:
        raise Refused("BAD_REQUEST", "Idempotency-Key is required")
    if len(key) > MAX_KEY:
        message = f"Idempotency-Key exceeds maximum length of {MAX_KEY} characters"
        raise Refused("BAD_REQUEST", message)
    return key


def read_body(data: bytes) -> Mapping[str, object]:
    """Parse the request body; its content type does not matter.

    Raises:
        Refused: it is not JSON.
    """
    try:
        body = json.loads(data)
    except ValueError:
        raise Refused("BAD_REQUEST", "Invalid JSON body") from None
    return body if isinstance(body, dict) else {}


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
    base = trim(body.get("baseBranch")) or repo.default_branch
    _check_branch(base, "base branch")
    working = trim(body.get("workingBranch"))
    # Mogplex's own harness works on a branch of its own, unless the start names one.
    is_own = harness == "mogplex" and "createBranch" not in body and working is None
    create = body.get("createBranch") is True or is_own
    mode = trim(body.get("mode"))
    if mode is not None and newest:
        mode = mode.upper()
    request = StartRequest(
        repo_id=trim(body.get("repoId")) or "",
        prompt=prompt,
        harness=harness,
        base_branch=base,
        working_branch=working or ("" if create else base),
        create_branch=create,
        root_directory=_root_directory(body, repo),
        mode=mode,
        agent_id=trim(body.get("agentId")) if newest else None,
    )
    if not request.working_branch:
        request = replace(request, working_branch=_generated_branch(key, request, newest=newest))
    _check_branch(request.working_branch, "working branch")
    if create and request.working_branch == base:
        message = "Working branch must differ from base branch when createBranch is true"
        raise Refused("BAD_REQUEST", message)
    return request


def trim(value: object) -> str | None:
    """Return a text without the white space around it; None for a blank one, or another value."""
    if not isinstance(value, str):
        return None
    return value.strip() or None


def _root_directory(body: Mapping[str, object], repo: Repo) -> str | None:
    """Return the directory below the repo to work in: absent means the repo's own, null the repo
    root.
    """
    if "rootDirectory" not in body:
        return repo.root_directory
    path = (trim(body["rootDirectory"]) or "").strip("/")
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
        "conversationId": None,
        "createBranch": request.create_branch,
        "harness": request.harness,
        "mode": request.mode,
        "prompt": request.prompt,
        "repoId": request.repo_id,
        "rootDirectory": request.root_directory,
        "workspaceSessionId": None,
    }
    if newest:
        fields |= {"agentId": request.agent_id, "worktreeId": None}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"mogplex/external/{_short_hash(key)}-{_short_hash(text)}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
