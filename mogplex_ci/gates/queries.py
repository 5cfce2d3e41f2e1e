"""Queries of gates to GitHub: the client of the run's repository, and the patience with it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import inf
from typing import Final, NamedTuple, Protocol, TypeVar

from mogplex_ci.errors import GitHubError, GitHubTooMuchError, GitHubUnavailableError
from mogplex_ci.github_api import BEGINNING_OF_TIME, GitHubApi, Move
from mogplex_ci.models import Repo
from mogplex_ci.run.delivery import GITHUB
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Sanitizer

T = TypeVar("T")

LOOK_SECONDS: Final = 10.0
"""Between two reads of GitHub; an unchanged response does not count against its rate limit."""
LEAST_ASKING_SECONDS: Final = 5.0
"""With less time left, it is the timeout's fault that GitHub has given no usable response."""
SETTLE_SECONDS: Final = 30.0
"""How long GitHub may take to show a pushed commit at the head of its pull request, and in its
activity.
"""
_NO_TOKEN: Final = "Set github-token, so that the step can query GitHub."  # noqa: S105 - a sentence
_NO_REPOSITORY: Final = "Set repo to an owner/name that this Mogplex token lists."
_NO_TIME: Final = "the timeout passed before GitHub responded"
_RAISE_TIMEOUT: Final = "Raise timeout."


class Ask(Protocol):
    """Queries GitHub until it responds."""

    def __call__(self, call: Callable[[GitHubApi], T]) -> T:
        """Return the result of ``call``."""
        ...


class Sources(NamedTuple):
    """Whom gates query, and for how long."""

    service: Service
    """Its deadline is the step's."""
    connect: Callable[[Repo], GitHubApi | None]
    """Makes GitHub's API of a repository; returns None without a token."""
    safe: Sanitizer
    """Cleans outputs."""
    own_run: str = ""
    """Id of the workflow run of GitHub Actions that this job belongs to, which waits for this very
    step.
    """
    servers: Sequence[str] = (GITHUB,)
    """GitHub's own server and this job's, whose pull requests an event may name."""


class Queries:
    """GitHub's API of the run's repository, queried until it responds or the time is up."""

    def __init__(self, sources: Sources, *, is_needed: bool, has_token: bool) -> None:
        """``is_needed``: whether anything needs GitHub's word."""
        self._sources = sources
        self._is_needed = is_needed
        self._has_token = has_token
        self.github: GitHubApi | None = None
        """None if GitHub cannot be queried: the run's events decide instead."""

    def connect(self, repo: Repo | None) -> None:
        """Connect to GitHub if possible. Never to the job's own repository: the run may belong to
        another one.
        """
        if self._is_needed and self.github is None and repo is not None:
            self.github = self._sources.connect(repo)

    def close(self) -> None:
        """Give GitHub's connections back."""
        if self.github is not None:
            self.github.close()

    @property
    def not_asked(self) -> GitHubError:
        """The error of a query while GitHub cannot be queried."""
        remedy = _NO_REPOSITORY if self._has_token else _NO_TOKEN
        return GitHubError("no event says so, and GitHub was not queried", remedy=remedy)

    def ask(self, call: Callable[[GitHubApi], T], ends: float = inf) -> T:
        """Return the result of ``call``, which is repeated until GitHub responds, or until the
        deadline or ``ends``, a time of the clock.

        Raises:
            GitHubError: GitHub refuses, gave no usable response in time, or cannot be queried.
            StopRequested: a stop signal came.
        """
        github = self.github
        if github is None:
            raise self.not_asked
        service = self._sources.service
        had_time = service.deadline - service.now >= LEAST_ASKING_SECONDS
        try:
            return service.answer_to(lambda left: call(github.within(left)), ends)
        except GitHubUnavailableError as error:
            if had_time:
                raise
            raise GitHubUnavailableError(_NO_TIME, remedy=_RAISE_TIMEOUT) from error

    def moves_since(self, branch: str, since: datetime) -> list[Move]:
        """Return the moves of a branch since a time, the newest first; none if GitHub does not show
        them.

        Raises:
            GitHubTooMuchError: there are more than are read.
        """
        moves = moves_shown(self.ask, branch, since)
        return [move for move in moves or () if move.at >= since]

    def wait_to_settle(self, known_at: float) -> bool:
        """Wait until GitHub may show more of a commit that is known since a time of the clock;
        return False if it has had time enough.
        """
        service = self._sources.service
        settled_by = min(known_at + SETTLE_SECONDS, service.deadline - LOOK_SECONDS)
        if service.now >= settled_by:
            return False
        service.sleep_until(service.now + LOOK_SECONDS)
        return True


def moves_shown(ask: Ask, branch: str, since: datetime) -> list[Move] | None:
    """Return the moves of a branch since a time, and the last one before it if GitHub still lists
    that, the newest first; None if GitHub does not show them.

    Raises:
        GitHubTooMuchError: there are more than are read.
    """
    try:
        return ask(lambda github: github.moves(branch, since))
    except (GitHubUnavailableError, GitHubTooMuchError):
        raise
    except GitHubError:  # such as an older GitHub Enterprise Server
        return None


def all_moves_shown(ask: Ask, branch: str) -> list[Move] | None:
    """Return all moves of a branch, the newest first; None if GitHub does not show them, or has
    more than are read: the first ones matter.
    """
    try:
        return moves_shown(ask, branch, BEGINNING_OF_TIME)
    except GitHubTooMuchError:
        return None
