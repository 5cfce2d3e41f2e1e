"""Reads the environment of a CI system: each system is a row of a table.

A cell is a variable's name, ``A|B`` for the first of two that has a value, ``A/B`` for both with a slash between them,
or a function of the environment; the functions here make cells.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

Env: TypeAlias = Mapping[str, str]
Cell: TypeAlias = str | Callable[[Env], str | None]
Ask: TypeAlias = Callable[[Env], bool]
Attempt: TypeAlias = Callable[[Env], tuple[str | None, bool]]
"""Tells ``Identity.attempt`` and ``Identity.later_attempt``."""


def value_of(cell: Cell, env: Env) -> str | None:
    """Return what ``env`` tells; empty when a variable that it takes is not set."""
    if not isinstance(cell, str):
        return cell(env)
    for choice in cell.split("|"):
        values = [env.get(variable, "") for variable in choice.split("/")]
        if all(values):
            return "/".join(values)
    return ""


class Identity(NamedTuple):
    """Identifies one step of one workflow run; the idempotency key is derived from it."""

    parts: tuple[str, ...]
    """Server, repository, workflow run, job, matrix values or parallel index, step; the same for each try of it."""
    label: str
    """Readable part of the key, for example ``acme/web-9876543210-build``."""
    attempt: str | None
    """Tells the tries of the step apart: GitHub's run attempt, GitLab's job id. None when the system does not say."""
    later_attempt: bool
    """Whether this may be a second or later try; true when the system does not say."""


def once(env: Env) -> tuple[str | None, bool]:
    """Return that this is the first try: starting it again makes another build."""
    return "1", False


def untold(env: Env) -> tuple[str | None, bool]:
    """Return that nothing tells the tries apart."""
    return None, True


def counted(variable: str, first: str = "1") -> Attempt:
    """Return the cell for a system that counts tries in ``variable``, from ``first``."""
    return lambda env: (env.get(variable, first), env.get(variable, first) != first)


def flagged(flag: str, name: str = "") -> Attempt:
    """Return the cell for a system that names the try in ``name``, and says in ``flag`` that it is not the first."""
    return lambda env: (env.get(name) or None, env.get(flag, "").lower() == "true")


def equals(variable: str, value: str = "true") -> Ask:
    """Return the cell that asks whether ``variable`` holds ``value``, in any case."""
    return lambda env: env.get(variable, "").lower() == value


def is_set(*variables: str) -> Ask:
    """Return the cell that asks whether one of ``variables`` has a value."""
    return lambda env: any(map(env.get, variables))


def differs(source: Cell, own: Cell) -> Ask:
    """Return the cell that asks whether ``source``, where a pull request comes from, is another one than ``own``."""

    def is_another(env: Env) -> bool:
        head, base = value_of(source, env) or "", value_of(own, env) or ""
        return head != "" and head.lower() != base.lower()

    return is_another


def pushed_by(login: str, event: str, branch: str, default: str) -> Callable[[Env], str | None]:
    """Return the cell for the login of the user who pushed to a branch, or opened the pull request, that is built.

    None for other events and for pushes to the default branch: an app pushes there by merging.
    """

    def pusher(env: Env) -> str | None:
        is_merged = env.get(event) == "push" and env.get(branch) == env.get(default)
        return env.get(login) if env.get(event) in ("push", "pull_request") and not is_merged else None

    return pusher


class System(NamedTuple):
    """How to read the environment of a CI system. A field without "cell" or "ask" in its type is a variable's name."""

    name: str
    """First word of every key; short, lower case."""
    matches: Ask = is_set()
    """Asks whether the environment is that of a job of this system."""
    parts: str = ""
    """Parts of the idempotency key, see ``Identity``: cells with spaces between them.

    The first names the build: without it nothing identifies the step.
    """
    more_parts: Callable[[Env], tuple[str, ...]] = lambda env: ()
    """Parts that only some of the system's jobs have."""
    label: str = ""
    """Cells as in ``parts``."""
    attempt: Attempt = untold
    """Tells ``Identity.attempt`` and ``Identity.later_attempt``."""
    repository: Cell = ""
    """``owner/name`` on GitHub."""
    workspace: str = ""
    """The folder of the job's checkout."""
    job_url: Cell = ""
    parallel_jobs: str = ""
    """Number of parallel jobs of which this is one."""
    caused_by: Cell = ""
    """Login of the user who pushed, or opened the pull request; an app's ends in ``[bot]``."""
    is_fork: Ask = is_set()
    """Asks whether the job builds a fork's pull request."""
    is_debug: Ask = is_set()
    """Asks whether the system's own switch for diagnostics is on."""
    exports: tuple[str, str] = ("", "")
    """The variable that names a file, shared with others, which hands variables to later steps; how its lines begin."""
    workflow_run: str = ""
    """GitHub's id of the workflow run whose job this is: no gate waits for its checks."""


def cloned(variable: str) -> Callable[[Env], str | None]:
    """Return the cell for the repository whose clone URL ``variable`` holds."""
    return lambda env: repository_of(env.get(variable, ""))


def repository_of(clone_url: str) -> str | None:
    """Return the path in a clone URL, such as ``owner/name``; None when it is no URL of a repository on a server."""
    match = re.fullmatch(r"(?:\w+://[^/]+/|[^/:]+:)([\w.-]+(?:/[\w.-]+?)+?)(?:\.git)?/?", clone_url, re.ASCII)
    return match[1] if match else None
