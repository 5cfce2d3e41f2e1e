"""Reads the environment of a CI system: each system is a row, whose fields are names of variables,
and functions of the environment that the functions here make.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

Env: TypeAlias = Mapping[str, str]
Cell: TypeAlias = str | Callable[[Env], str]
"""The name of a variable, or a function that returns a value from the environment; empty if it has
none.
"""
Condition: TypeAlias = Callable[[Env], bool]

_HOST: Final = r"[^/:@\s]+"
_REPOSITORY: Final = (
    rf"(?:\w+://(?:[^/@]*@)?(?P<host>{_HOST})(?::\d+)?/"  # https://HOST/
    rf"|(?:[^/:@]*@)?(?P<ssh_host>{_HOST}):)?"  # git@HOST:
    r"(?P<path>[\w.-]+(?:/[\w.-]+?)+?)(?:\.git)?/?"
)
"""A repository on a server: its clone URL or web page, or ``owner/name``."""


class Identity(NamedTuple):
    """Identifies one step of one workflow run; the idempotency key is derived from it."""

    parts: tuple[str, ...]
    """Server, repository, workflow run, job, matrix values or parallel index, step; the same for
    each try of it.
    """
    label: str
    """Readable part of the key, for example ``acme/web-9876543210-build``."""
    attempt: str | None
    """Distinguishes the attempts of the step: GitHub's run attempt, GitLab's job id. None when the
    system does not say.
    """
    later_attempt: bool
    """Whether this may be a second or later try; true when the system does not say."""


class Attempt(NamedTuple):
    """A try of a step: the fields of ``Identity`` that differ between tries."""

    name: str | None
    may_be_later: bool


class StopSeconds(NamedTuple):
    """How long a stopped step may take, counted from the first stop signal."""

    cancel: float
    """Seconds within which its runs are cancelled."""
    all: float
    """Seconds within which it ends: outputs, comment and trace have what the runs leave."""


USUAL_STOP_SECONDS: Final = StopSeconds(cancel=3.5, all=4.5)
"""Measured from SIGTERM to the kill: GitLab's Docker executor 5.9 s, its newer runners 20, its step
runner 5 by source; Buildkite 9; Woodpecker 20.
"""


class JobEnd(NamedTuple):
    """When the CI system ends this job."""

    seconds_left: float
    limit: str
    """The name of the limit: a variable, or words."""


def value_of(cell: Cell, env: Env) -> str:
    """Return the value of a cell; empty if ``env`` has none."""
    if isinstance(cell, str):
        return env.get(cell, "")
    return cell(env)


def first_set(*cells: Cell) -> Cell:
    """Return the cell with the first value of several."""

    def first(env: Env) -> str:
        return next(filter(None, (value_of(cell, env) for cell in cells)), "")

    return first


def pushed_by(login: str, event: str) -> Cell:
    """Return the cell for the login of the user who pushed to a branch, or opened the pull request,
    that is built; empty for other events. The arguments are names of variables.
    """
    # In other events the variable names the author of the commit, who did not start the build.
    return lambda env: env.get(login, "") if env.get(event) in ("push", "pull_request") else ""


def never(env: Env) -> bool:
    """Return that it does not hold in any job."""
    return False


def always(env: Env) -> bool:
    """Return that it holds in every job."""
    return True


def has(*variables: str) -> Condition:
    """Return the condition that one of the variables has a value."""
    return lambda env: any(env.get(variable) for variable in variables)


def equals(variable: str, *words: str) -> Condition:
    """Return the condition that a variable is one of the words, in any case."""
    # Azure writes "True", others "true".
    return lambda env: env.get(variable, "").lower() in words


def differs(variable: str, other: str) -> Condition:
    """Return the condition that a variable has a value and is not what another one is.

    Addresses and names of the same repository, such as those of a clone by SSH and by HTTPS, do not
    differ.
    """

    def are_different(env: Env) -> bool:
        first, second = (env.get(name, "").lower() for name in (variable, other))
        if not first:
            return False
        return (repository_of(first) or first) != (repository_of(second) or second)

    return are_different


def is_first(number: str, *, without: str) -> Condition:
    """Return the condition that ``number`` is 1 and ``without`` has no value: a runner at someone's
    desk gives each workflow run the number 1, and knows no server.
    """
    return lambda env: env.get(number) == "1" and not env.get(without)


def any_of(*conditions: Condition) -> Condition:
    """Return the condition that one of several holds."""
    return lambda env: any(holds(env) for holds in conditions)


def once(env: Env) -> Attempt:
    """Return that this is the first try: starting it again makes another build."""
    return Attempt("1", may_be_later=False)


def counted(variable: str, first: str = "1") -> Callable[[Env], Attempt]:
    """Return the attempt on a system that counts attempts in ``variable``, from ``first``."""

    def count(env: Env) -> Attempt:
        number = env.get(variable, first)
        return Attempt(number, may_be_later=number != first)

    return count


def by_name(name: Cell, *, is_later: Condition) -> Callable[[Env], Attempt]:
    """Return the attempt on a system that has a name for each."""
    return lambda env: Attempt(value_of(name, env) or None, is_later(env))


class System(NamedTuple):
    """How to read the environment of a CI system. A field of text that does not say what else it
    holds is a variable's name; an empty one has no value.
    """

    name: str
    """First word of every key; short, lower case."""
    matches: Condition = never
    """Whether a job is this system's."""
    parts: tuple[Cell, ...] = ()
    """Parts of the idempotency key, see ``Identity``.

    The first names the build: without it nothing identifies the step.
    """
    step: tuple[Cell, ...] = ()
    """Those of ``parts`` that name the step in its job, or that the job's clean-up does not see."""
    more_parts: Callable[[Env], tuple[str, ...]] = lambda env: ()
    """Parts that only some of the system's jobs have."""
    label: tuple[Cell, ...] = ()
    """Parts of the readable part of the key."""
    attempt: Callable[[Env], Attempt] = lambda env: Attempt(None, may_be_later=True)
    """Distinguishes the attempts of a step, if the system does."""
    repository: Cell = ""
    """``owner/name`` of the job's repository."""
    repository_address: Cell = ""
    """The repository's clone URL or web page: names its server, too. Without it ``repository``
    counts.
    """
    github_server: Cell = "GITHUB_SERVER_URL"
    """Address of a GitHub server of the user's own."""
    github_api: Cell = "GITHUB_API_URL"
    """Base URL of GitHub's API."""
    workspace: str = ""
    """The folder of the job's checkout."""
    job_url: Cell = ""
    parallel_jobs: str = ""
    """Number of parallel jobs of which this is one."""
    caused_by: Cell = ""
    """Login of the user who pushed, or opened the pull request; an app's ends in ``[bot]``."""
    is_fork: Condition = never
    """Whether the job builds a fork's pull request."""
    change_request: str = "pull request"
    """What the system calls a proposal to merge a branch."""
    branches: tuple[str, ...] = ()
    """The branch that the job builds, and the source branch of its pull request."""
    by_hand: Condition = never
    """Whether a person, a schedule or a call of the API started the job."""
    is_local: Condition = never
    """Whether it is a runner at someone's desk: a person started it, and each try has the same
    names.
    """
    is_debug: Condition = never
    """Whether the system's own switch for diagnostics is on."""
    exports: tuple[str, str] = ("", "")
    """The variable that names a file, shared with others, which hands variables to later steps; the
    form of a line.
    """
    has_clean_up: Condition = always
    """Whether ``post`` runs as it should."""
    state_folder: Cell = ""
    """A folder outside the workspace that a step and the job's clean-up share, and nothing else."""
    stop_seconds: StopSeconds = USUAL_STOP_SECONDS
    file_variables: Callable[[Env], Mapping[str, str]] = lambda env: {}
    """The contents of variables that the system keeps in files outside the workspace; in the
    environment they hold a path. All but the prompt are secrets.
    """
    job_end: Callable[[Env], JobEnd | None] = lambda env: None
    """When the system ends the job; None if it does not say so."""
    has_problem_matchers: bool = False
    """Whether the log is searched for what the tools of other steps report."""
    workflow_run: str = ""
    """GitHub's id of the workflow run whose job this is: no gate waits for its checks."""


def repository_of(text: str) -> str | None:
    """Return the path in a clone URL, or ``owner/name`` as it is; None if it is not a repository on
    a server.
    """
    match = re.fullmatch(_REPOSITORY, text, re.ASCII)
    return match["path"] if match else None


def server_of(address: str) -> str | None:
    """Return the host of a repository's clone URL or web page; None if it names none."""
    match = re.fullmatch(_REPOSITORY, address, re.ASCII)
    if match is None:
        return None
    host = match["host"] or match["ssh_host"]
    return host.lower() if host else None
