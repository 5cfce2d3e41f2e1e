"""Start normalization against an independent statement of its rules, for any input and both generations."""

from __future__ import annotations

import string
from typing import Any

import requests
from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.emulator import Emulator
from mogplex_ci.emulator.routes import Refused
from mogplex_ci.emulator.start import StartRequest, normalize
from mogplex_ci.emulator.world import Repo
from tests.waits import LONG

WHITE_SPACE = "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
WHITE_SPACE += "\u2028\u2029\u202f\u205f\u3000\ufeff"
ODD = [None, True, False, 0, 1.5, [], ["a"], {}, {"a": 1}]

texts = st.text(st.sampled_from("ab ./\\-_~^:*?[@{}%2e\0é\U0001f600\x85\x1c" + WHITE_SPACE)) | st.text()
values = texts | st.sampled_from(ODD)
branches = (
    st.text(string.ascii_letters + "./-_", max_size=12)
    | st.sampled_from(["HEAD", "@", "a.lock", "a@{b", " main ", "main", "a..b", "/a", "a/", "a//b", "a."])
    | values
)
directories = st.lists(st.sampled_from(["..", ".", "", "a", "b c", "%2e%2e", "%2E", "~"])).map("/".join) | values
repos = st.builds(
    Repo,
    id=st.just("r"),
    full_name=st.just("acme/web"),
    installation_id=st.just(1),
    default_branch=st.sampled_from([None, "main", "develop", " "]),
    root_directory=st.sampled_from([None, "apps/web"]),
    hidden=st.booleans(),
)
bodies = st.fixed_dictionaries(
    {"prompt": st.just("Fix it") | values},
    optional={
        "repoId": st.just("r"),
        "harness": st.sampled_from(["codex", "claude-code", "mogplex", "Codex", " codex ", ""]) | values,
        "baseBranch": branches,
        "workingBranch": branches,
        "createBranch": st.booleans() | values,
        "rootDirectory": directories,
        "conversationId": values,
        "workspaceSessionId": values,
        "mode": st.sampled_from(["safe", " Auto ", "YOLO", "review", "Review", "plan"]) | values,
        "agentId": values,
        "worktreeId": values,
        "unheardOf": values,
    },
)


def spaced(*words: str) -> st.SearchStrategy[str]:
    """Words with white space around them."""
    around = st.text(WHITE_SPACE, max_size=2)
    return st.tuples(around, st.sampled_from(words), around).map("".join)


variants: dict[str, st.SearchStrategy[Any]] = {
    "harness": spaced("codex", "claude-code", ""),
    "baseBranch": spaced("main", "dev", ""),
    "workingBranch": spaced("agent/x", ""),
    "createBranch": st.sampled_from([True, False, "true", None]),
    "rootDirectory": spaced("apps//web/", "apps/web", ".", ""),
    "mode": spaced("safe", "SAFE", "review", ""),
    "unheardOf": st.integers(),
}


def trimmed(value: object) -> str | None:
    """Text without white space around it; nothing for blank text and other kinds."""
    if not isinstance(value, str):
        return None
    characters = list(value)
    while characters and characters[0] in WHITE_SPACE:
        characters.pop(0)
    while characters and characters[-1] in WHITE_SPACE:
        characters.pop()
    return "".join(characters) or None


def is_branch(name: str) -> bool:
    return (
        all(character in string.ascii_letters + string.digits + "._/-" for character in name)
        and name != "HEAD"
        and "" not in name.split("/")
        and ".." not in name
        and not name.endswith(".")
        and not name.endswith(".lock")
    )


def expected_fault(body: dict[str, Any], repo: Repo, newest: bool) -> str | None:
    """The first rule that the body breaks."""
    harness = trimmed(body.get("harness")) or "codex"
    native = newest and harness == "mogplex"
    mode = body.get("mode")
    prompt = trimmed(body.get("prompt"))
    base = trimmed(body.get("baseBranch")) or trimmed(repo.default_branch) or "main"
    working = trimmed(body.get("workingBranch"))
    create = body.get("createBranch") is True or (native and "createBranch" not in body and working is None)
    root = body.get("rootDirectory")
    if prompt is None:
        return "Prompt is required"
    if sum(2 if ord(character) > 0xFFFF else 1 for character in prompt) > 100_000:
        return "Prompt is too long"
    if harness not in ("codex", "claude-code", *(["mogplex"] if newest else [])):
        return "Invalid harness"
    if native and not is_blank(mode):
        return "CLI execution modes are not supported by the Mogplex harness"
    if native and trimmed(body.get("worktreeId")) is not None:
        return "Mogplex runs do not yet support assigned worktrees. Use a repository sandbox or a CLI harness."
    if not is_branch(base):
        return "Invalid base branch"
    if root is not None and (not isinstance(root, str) or leads_out(root)):
        return "Invalid root directory"
    if newest and not is_blank(mode) and not is_mode(mode):
        return "mode must be one of"
    if working is not None and not is_branch(working):
        return "Invalid working branch"
    if create and working == base:
        return "Working branch must differ from base branch when createBranch is true"
    if native and not create and working in (None, base):
        return "Mogplex runs require an isolated working branch"
    return None


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and trimmed(value) is None)


def is_mode(value: object) -> bool:
    text = trimmed(value) or ""
    return text.upper() in ("SAFE", "AUTO", "YOLO") or text in (
        *("single", "multi_agent", "council"),
        *("review", "test", "repair"),
    )


def leads_out(path: str) -> bool:
    encoded = any(segment.lower() in ("%2e", "%2e%2e") for segment in path.split("/"))
    return "\0" in path or encoded or ".." in (trimmed(path) or "").split("/")


def outcome(body: dict[str, Any], repo: Repo, newest: bool) -> StartRequest | str:
    """The normalized request, or the fault that the service reports."""
    try:
        return normalize(body, repo, "key", newest=newest)
    except Refused as refused:
        return str(refused).partition(" SAFE")[0]


@given(body=bodies, repo=repos, newest=st.booleans())
def test_any_body_is_refused_or_normalized_by_the_rules(body: dict[str, Any], repo: Repo, newest: bool) -> None:
    start = outcome(body, repo, newest)
    if isinstance(start, str):
        assert start == expected_fault(body, repo, newest)
        return
    assert expected_fault(body, repo, newest) is None
    assert start.prompt == trimmed(body["prompt"])
    assert start.harness == (trimmed(body.get("harness")) or "codex")
    assert start.base_branch == (trimmed(body.get("baseBranch")) or trimmed(repo.default_branch) or "main")
    by_itself = start.harness == "mogplex" and "createBranch" not in body and trimmed(body.get("workingBranch")) is None
    assert start.create_branch is (body.get("createBranch") is True or by_itself)
    assert (start.mode is None) is is_blank(body.get("mode")) or not isinstance(body.get("mode"), str)
    assert (start.mode or "").lower() == (trimmed(body.get("mode")) or "").lower()
    assert start.agent_id == (trimmed(body.get("agentId")) if newest else None)
    assert start.worktree_id == (trimmed(body.get("worktreeId")) if newest else None)
    assert start.conversation_id == trimmed(body.get("conversationId"))
    assert start.workspace_session_id == trimmed(body.get("workspaceSessionId"))
    check_working_branch(start, trimmed(body.get("workingBranch")))
    check_root_directory(start.root_directory, body, repo)


def check_working_branch(start: StartRequest, named: str | None) -> None:
    if named is not None:
        assert start.working_branch == named
    elif start.create_branch:
        assert start.working_branch.startswith("mogplex/external/")
        assert start.working_branch != start.base_branch
    else:
        assert start.working_branch == start.base_branch


def check_root_directory(root: str | None, body: dict[str, Any], repo: Repo) -> None:
    if "rootDirectory" not in body:
        assert root == repo.root_directory
    elif root is not None:
        assert root not in (".", "")
        assert not root.startswith("/")
        assert not root.endswith("/")
        assert "//" not in root
        assert ".." not in root.split("/")


@given(
    sent=st.lists(st.fixed_dictionaries({"prompt": spaced("Fix", "Test")}, optional=variants), min_size=2, max_size=4)
)
def test_one_key_starts_one_run_whatever_is_sent_with_it(sent: list[dict[str, Any]]) -> None:
    """The first body owns the key: the same request again is a replay, another one a conflict."""
    with Emulator(limits=False) as emulator:
        repo = emulator.world.tokens[emulator.token].user.repos[0]
        headers = {"Authorization": f"Bearer {emulator.token}", "Idempotency-Key": "key"}
        for body in sent:
            answer = requests.post(
                f"{emulator.url}/api/v1/mogplex/runs", json={**body, "repoId": repo.id}, headers=headers, timeout=LONG
            )
            same = normalize(body, repo, "key", newest=True) == normalize(sent[0], repo, "key", newest=True)
            assert answer.status_code == (202 if same else 409)
        assert len(emulator.runs) == 1
