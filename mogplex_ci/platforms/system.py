"""Reads the environment of a CI system: each system is a row of a table.

A cell is a variable's name, ``A|B`` for the first of two that has a value, ``A/B`` for both with a
slash between them (a word that is not in capitals stands for itself), or a function of the
environment. A condition is a cell that has a value, ``A=word`` for one that is a word in any case
(``*`` stands for any characters), ``A=word&!B`` where besides B has no value, or ``A!=B`` for two
that name different repositories.
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeAlias

Env: TypeAlias = Mapping[str, str]
Cell: TypeAlias = str | Callable[[Env], str | None]
Attempt: TypeAlias = Callable[[Env], tuple[str | None, bool]]
"""Tells ``Identity.attempt`` and ``Identity.later_attempt``."""


def value_of(cell: Cell, env: Env) -> str | None:
    """Return what ``env`` tells; empty when a variable that it takes is not set."""
    if not isinstance(cell, str):
        return cell(env)
    for choice in cell.split("|"):
        values = [env.get(word, "") if word.isupper() else word for word in choice.split("/")]
        if all(values):
            return "/".join(values)
    return ""


def holds(conditions: str, env: Env) -> bool:
    """Return whether one of ``conditions``, which have spaces between them, holds."""
    return any(_holds(condition, env) for condition in conditions.split())


def _holds(condition: str, env: Env) -> bool:
    if "!=" in condition:
        head, base = (env.get(variable, "").lower() for variable in condition.split("!="))
        return head != "" and (repository_of(head) or head) != (repository_of(base) or base)
    positive, _, unset = condition.partition("&!")
    if unset and env.get(unset):
        return False
    cell, _, word = positive.partition("=")
    value = value_of(cell, env) or ""
    return fnmatchcase(value.lower(), word) if word else value != ""


class Identity(NamedTuple):
    """Identifies one step of one workflow run; the idempotency key is derived from it."""

    parts: tuple[str, ...]
    """Server, repository, workflow run, job, matrix values or parallel index, step; the same for
    each try of it.
    """
    label: str
    """Readable part of the key, for example ``acme/web-9876543210-build``."""
    attempt: str | None
    """Tells the tries of the step apart: GitHub's run attempt, GitLab's job id. None when the
    system does not say.
    """
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


def told(later: str, name: Cell = "") -> Attempt:
    """Return the cell for a system that names the try in ``name``; it is not the first where
    ``later`` holds.
    """
    return lambda env: (value_of(name, env) or None, holds(later, env))


def pushed_by(login: str, event: str, branch: str, default: str) -> Callable[[Env], str | None]:
    """Return the cell for the login of the user who pushed to a branch, or opened the pull request,
    that is built.

    None for other events and for pushes to the default branch: an app pushes there by merging.
    """

    def pusher(env: Env) -> str | None:
        is_merged = env.get(event) == "push" and env.get(branch) == env.get(default)
        return (
            env.get(login) if env.get(event) in ("push", "pull_request") and not is_merged else None
        )

    return pusher


class System(NamedTuple):
    """How to read the environment of a CI system. A field that does not say what else it holds is a
    variable's name.
    """

    name: str
    """First word of every key; short, lower case."""
    matches: str = ""
    """Conditions: one holds in a job of this system."""
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
    """``owner/name`` on GitHub, or a clone URL."""
    workspace: str = ""
    """The folder of the job's checkout."""
    job_url: Cell = ""
    parallel_jobs: str = ""
    """Number of parallel jobs of which this is one."""
    caused_by: Cell = ""
    """Login of the user who pushed, or opened the pull request; an app's ends in ``[bot]``."""
    is_fork: str = ""
    """Conditions: one holds where the job builds a fork's pull request."""
    branches: str = ""
    """Cells: the branch that the job builds, and the source branch of its pull request."""
    by_hand: str = ""
    """Conditions: one holds where a person, a schedule or a call of the API started the job."""
    is_local: str = ""
    """Conditions: one holds on a runner at somebody's desk, which names every try alike."""
    is_debug: str = ""
    """Conditions: one holds where the system's own switch for diagnostics is on."""
    exports: tuple[str, str] = ("", "")
    """The variable that names a file, shared with others, which hands variables to later steps; the
    form of a line.
    """
    has_clean_up: str = ""
    """Conditions: one holds where ``post`` runs as it should; empty: it does everywhere."""
    workflow_run: str = ""
    """GitHub's id of the workflow run whose job this is: no gate waits for its checks."""


def repository_of(text: str) -> str | None:
    """Return the path in a clone URL, or ``owner/name`` as it is; None when it is no repository on
    a server.
    """
    match = re.fullmatch(
        r"(?:\w+://[^/]+/|[^/:]+:)?([\w.-]+(?:/[\w.-]+?)+?)(?:\.git)?/?", text, re.ASCII
    )
    return match[1] if match else None
