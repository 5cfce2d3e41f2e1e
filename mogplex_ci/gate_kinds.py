"""The gates: a row each, from which usage errors, rights, labels and error codes follow.

It imports none of our modules, so any module can read a gate's row. The judges are in
``gates/__init__.py``.
"""

from typing import Final, NamedTuple


class GateKind(NamedTuple):
    """A row of the table."""

    name: str
    """A word of ``require``, or the input that asks for it."""
    code: str
    """Error code if it does not pass, unless its outcome has another one."""
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
CHANGE: Final = GateKind("change", "NO_CHANGE", _READ)
PULL_REQUEST: Final = GateKind(
    "pull-request",
    "NO_PULL_REQUEST",
    f"{_READ}, pull-requests: read",
)
ALLOWED_PATHS: Final = GateKind(
    "allowed-paths",
    _PATH_NOT_ALLOWED,
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
PROTECTED_PATHS: Final = GateKind(
    "protected-paths",
    _PATH_NOT_ALLOWED,
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
APPEND_ONLY_PATHS: Final = GateKind(
    "append-only-paths",
    _PATH_NOT_ALLOWED,
    _READ,
    has_input=True,
    is_for_github=True,
    depends_on_base=True,
)
ARTIFACT: Final = GateKind(
    "artifact",
    "ARTIFACT_MISSING",
    "",
    has_input=True,
)
CHECKS: Final = GateKind(
    "checks",
    "CHECKS_FAILED",
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
    _READ,
    is_for_github=True,
)
"""Judged after all others, when they passed and one of them queried GitHub: the judged commit must
still be the tip.
"""
GATE_INPUTS: Final = tuple(kind.name for kind in GATES if kind.has_input)
"""Inputs that each ask for the gate of their name; ``require`` asks for the others."""
