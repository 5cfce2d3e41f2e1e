"""The gates: a row each, from which usage errors, rights, labels and error codes follow.

It imports none of our modules, so any module can read a gate's row. The judges are in
``gates/__init__.py``.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol


class GateInputs(Protocol):
    """The typed inputs whose values a gate's words name."""

    @property
    def artifact(self) -> str | None:
        """The path of the JSON that the agent commits."""
        ...


class GateKind(NamedTuple):
    """A row of the table."""

    name: str
    """A word of ``require``, or the input that asks for it."""
    code: str
    """Error code if it does not pass, unless its outcome has another one."""
    expected: Callable[[GateInputs], str]
    """Returns the required result."""
    needs: str
    """Permissions that ``github-token`` takes for it; empty when GitHub is not queried."""
    has_input: bool = False
    """Whether the input of its name asks for it."""
    is_for_github: bool = False
    """Whether only GitHub can judge it."""
    depends_on_base: bool = False
    """Whether it is judged again if the base moved while the slowest gate was judged."""
    is_slow: bool = False
    """Whether it is left out when another gate has rejected the run, unless ``repair`` has a use
    for all faults: it can take an hour.
    """


_READ: Final = "contents: read"
_PATH_NOT_ALLOWED: Final = "PATH_NOT_ALLOWED"
CHANGE: Final = GateKind("change", "NO_CHANGE", lambda _: "a change", _READ)
PULL_REQUEST: Final = GateKind(
    "pull-request",
    "NO_PULL_REQUEST",
    lambda _: "an open pull request with the run's commit",
    f"{_READ}, pull-requests: read",
)
ALLOWED_PATHS: Final = GateKind(
    "allowed-paths",
    _PATH_NOT_ALLOWED,
    lambda _: "changes inside the allowed paths only",
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
PROTECTED_PATHS: Final = GateKind(
    "protected-paths",
    _PATH_NOT_ALLOWED,
    lambda _: "no changes in protected paths",
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
APPEND_ONLY_PATHS: Final = GateKind(
    "append-only-paths",
    _PATH_NOT_ALLOWED,
    lambda _: "nothing taken away from the append-only paths",
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
ARTIFACT: Final = GateKind(
    "artifact",
    "ARTIFACT_MISSING",
    lambda inputs: f"the artifact {inputs.artifact}",
    "",
    has_input=True,
)
CHECKS: Final = GateKind(
    "checks",
    "CHECKS_FAILED",
    lambda _: "passed checks of the run's commit",
    f"{_READ}, checks: read, statuses: read",
    has_input=True,
    is_for_github=True,
    is_slow=True,
)
GATES: Final = (
    CHANGE,
    PULL_REQUEST,
    ALLOWED_PATHS,
    PROTECTED_PATHS,
    APPEND_ONLY_PATHS,
    ARTIFACT,
    CHECKS,
)
"""In the order in which they are judged; checks are the last, since that waits for others."""
JUDGED_BY_EVENT: Final = (CHANGE, PULL_REQUEST)
"""Those that the delivery event decides where GitHub cannot be queried, as in a dry run."""
BRANCH: Final = GateKind(
    "branch",
    "BRANCH_MOVED",
    lambda _: "the judged commit at the tip of the branch",
    _READ,
    is_for_github=True,
)
"""Judged after all others, when they passed and one of them queried GitHub: the judged commit must
still be the tip.
"""
GATE_INPUTS: Final = tuple(kind.name for kind in GATES if kind.has_input)
"""Inputs that each ask for the gate of their name; ``require`` asks for the others."""
