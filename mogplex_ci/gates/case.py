"""What the gates judge: one branch of one repository, from before its first run to the last look.

The rules, and what they do not prove, are in docs/security.md.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import inf
from typing import Final, LiteralString, NamedTuple, TypeVar

from mogplex_ci.errors import GitHubError, GitHubUnavailableError
from mogplex_ci.gate_kinds import CHANGE, GATES, GateKind
from mogplex_ci.github_api import (
    Annotation,
    ChangedFile,
    Check,
    Comparison,
    GitHubApi,
    PullRequest,
)
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo, Run
from mogplex_ci.run.endings import RAISE_TIMEOUT
from mogplex_ci.run.result import Gate, Item, RunDetails
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Said
from mogplex_ci.sanitize import Sanitizer, Value
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import GITHUB_URL

T = TypeVar("T")

LOOK_SECONDS: Final = 10.0
"""Between two reads of GitHub; an unchanged response does not count against its rate limit."""
SETTLE_SECONDS: Final = 30.0
"""How long GitHub may take to show a pushed commit at the head of its pull request."""
MIN_ASKING_SECONDS: Final = 5.0
"""With less time left, it is the timeout's fault that GitHub has given no usable response."""
MAX_ITEMS: Final = 20
"""Paths, checks or faults that a gate lists."""
ITEM_LIMIT: Final = 500
"""Characters of a path or a fault."""
NOTHING_CHANGED: Final = "the run changed no files"
READ_WHY: Final = "Read the agent's last words: the task may already be done, or be too vague."
_NO_TOKEN: Final = "Set github-token, so that the step can query GitHub."  # noqa: S105 - a sentence
_NO_REPOSITORY: Final = "Use a Mogplex token that lists the repository of the run."


class Changes(NamedTuple):
    """What merging the judged commit into its base would change, or has changed."""

    files: Sequence[ChangedFile] = ()
    before: str = ""
    """The commit with which the files are compared."""
    is_complete: bool = True
    """Whether ``files`` holds every file."""
    is_of_base: bool = False
    """Whether the base has the commit without a merge of it: it is not the run's."""


class FailedCheck(NamedTuple):
    """A failed check of the judged commit."""

    check: Check
    also_red: str = ""
    """``also red on main at 1a2b3c4`` if it fails on the base's tip, too."""
    annotations: Sequence[Annotation] = ()


class Case:
    """What the gates judge. Facts from before the first run stay; those of a run are found anew
    after each. The judges write what they find into it.
    """

    def __init__(
        self,
        inputs: ActionInputs,
        service: Service,
        connect: Callable[[Repo], GitHubApi | None],
        safe: Sanitizer,
        *,
        own_run: str = "",
        servers: Sequence[str] = (GITHUB_URL,),
    ) -> None:
        """``inputs`` are those of the first run. ``connect`` makes GitHub's API of a repository, or
        returns None without a token. ``own_run``: id of the workflow run of GitHub Actions that
        this job belongs to, which waits for this very step. ``servers``: GitHub's own and this
        job's, whose pull requests an event may name.
        """
        self.inputs = inputs
        self.service = service
        self.safe = safe
        self.say = service.say
        self.own_run = own_run
        self.servers = servers
        self.github: GitHubApi | None = None
        """None if GitHub cannot be queried: the run's events decide instead."""
        self._connect = connect

        self.is_noted = False
        """Whether the facts from before the first run are known."""
        self.base = inputs.base_branch or ""
        """Name of the branch that the work would be merged into; empty if it is unknown."""
        self.base_before: str | None = None
        """Its tip before the first run; None if it was not noted."""
        self.branch = inputs.branch or ""
        """The branch that the run really used; empty if it is unknown."""
        self.branch_before: str | None = None
        """Its tip before the first run, empty if there was none; None if it was not noted."""
        self.required: set[str] | None = None
        """Names of the checks that the base requires; None if they were not read."""
        self.earlier_run: Run | None = None
        """The first run, if an earlier attempt or something else may have started it."""
        self.failed_before: set[str] = set()
        """Names of checks that failed in earlier rounds of this attempt."""
        self.begin(RunDetails())

    def begin(self, details: RunDetails) -> None:
        """Forget what was found about an earlier run."""
        self.details = details
        self.error: GitHubError | None = None
        """Why the facts about the run are unknown."""
        self.commit: str | None = None
        """The judged commit; None if there is none, or it is unknown."""
        self.found_at = 0.0
        """When it was found, as a time of the clock."""
        self.base_now = ""
        """The base's tip that the commit is compared with."""
        self.pull_requests: Sequence[PullRequest] = ()
        """Those of the branch, the newest first."""
        self.pull_requests_error: GitHubError | None = None
        """Why they are unknown."""
        self.pull_request: PullRequest | None = None
        """The one that would merge the judged commit into the base, or has well merged it."""
        self.merger = ""
        """Who merged the judged commit, if the run may have done that itself."""
        self.changes_found: Changes | GitHubError = Changes()
        self.gates: list[Gate] = []
        """The gates that were judged, in order."""
        self.failed_checks: Sequence[FailedCheck] = ()
        """Those for which the gate ``checks`` rejects the commit."""
        self.artifact: Untrusted | None = None
        """Content of an artifact that passed."""

    def joins(self, run: Run) -> None:
        """Note that the first run may be older than what was noted before the start."""
        self.earlier_run = run
        self.base_before = None
        self.branch_before = None

    @property
    def needs_repo(self) -> bool:
        """Whether the inputs ask for something that is looked for in the run's repository."""
        needs_it = any(kind.needs for kind in GATES if kind.name in self.inputs.gates)
        return needs_it or self.inputs.repair > 0

    def connect(self, repo: Repo | None) -> None:
        """Connect to GitHub if possible and needed. Never to the job's own repository: the run may
        belong to another one, whose default branch is the base if the inputs name none.
        """
        if self.github is None and repo is not None and self.needs_repo:
            self.github = self._connect(repo)
            # As the service does where a repository has no default branch.
            default = repo.default_branch or Untrusted("main")
            self.base = self.base or default.text

    def close(self) -> None:
        """Give GitHub's connections back."""
        if self.github is not None:
            self.github.close()

    def passes(self, kind: GateKind, found: str, *items: Untrusted) -> Gate:
        """Return the finding of a gate that passed; ``found`` is a clause of ours."""
        name = self.safe.message(kind.name)
        return Gate(name, True, self.safe.clause(found), items=self._items(items))

    def rejects(
        self,
        kind: GateKind,
        found: str,
        remedy: str,
        *items: Untrusted,
        code: str = "",
        is_for_people: bool = False,
    ) -> Gate:
        """Return the finding of a gate that did not pass; ``code`` replaces the gate's own."""
        safe = self.safe
        return Gate(
            safe.message(kind.name),
            False,
            safe.clause(found),
            safe.message(remedy),
            safe.identifier(code or kind.code),
            self._items(items),
            is_for_people,
        )

    def no_change(self, kind: GateKind) -> Gate:
        """Return the finding of a gate that needs a commit of the run's, if it pushed none."""
        return self.rejects(kind, NOTHING_CHANGED, READ_WHY, code=CHANGE.code)

    def _items(self, items: Sequence[Untrusted]) -> tuple[Item, ...]:
        return tuple(Item(self.safe.clean(item, limit=ITEM_LIMIT)) for item in items[:MAX_ITEMS])

    def warn(self, title: LiteralString, words: LiteralString, *values: Value) -> None:
        """Report a warning: incomplete facts, or a gate that passes for a reason worth a review."""
        self.say(Said(words, values, title=title))

    @property
    def not_asked(self) -> GitHubError:
        """The error of a query while GitHub cannot be queried."""
        remedy = _NO_REPOSITORY if self.details.repo is None else _NO_TOKEN
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
        service = self.service
        had_time = service.deadline - service.now >= MIN_ASKING_SECONDS
        try:
            return service.answer_to(lambda left: call(github.within(left)), ends)
        except GitHubUnavailableError as error:
            if had_time:
                raise
            cause = "the timeout passed before GitHub responded"
            raise GitHubUnavailableError(cause, remedy=RAISE_TIMEOUT) from error

    def tip(self, branch: str) -> str | None:
        """Return the tip of a branch; None if there is none."""
        return self.ask(lambda github: github.tip(branch))

    def compare(self, base: str, head: str) -> Comparison:
        """Compare two commits."""
        return self.ask(lambda github: github.compare(base, head))

    def wait_to_settle(self) -> bool:
        """Wait until GitHub may show more of the commit; return False if it has had time enough."""
        service = self.service
        settled_by = min(self.found_at + SETTLE_SECONDS, service.deadline - LOOK_SECONDS)
        if service.now >= settled_by:
            return False
        service.sleep_until(service.now + LOOK_SECONDS)
        return True

    @property
    def started_at(self) -> datetime:
        """When the first run was started.

        Raises:
            GitHubError: the service does not report it.
        """
        run = self.earlier_run or self.details.run
        if run is None or run.created_at is None:
            raise GitHubError("the service does not report when the run was started")
        return run.created_at

    def newest_commit_before_run(self, history: str) -> str:
        """Return the newest commit of a history from before the first run; empty if there is none.

        Raises:
            GitHubError: GitHub, or the service, does not report it.
        """
        since = self.started_at
        found = self.ask(lambda github: github.commit(history, since))
        return "" if found is None else found.sha

    def base_at_start(self) -> str:
        """Return the base's tip from before the first run; empty if there was no base."""
        if self.base_before is None:
            self.base_before = self.newest_commit_before_run(self.base_now)
        return self.base_before

    @property
    def changes(self) -> Changes:
        """What merging the commit into the base would change.

        Raises:
            GitHubError: GitHub does not show it.
        """
        if isinstance(self.changes_found, GitHubError):
            raise self.changes_found
        return self.changes_found

    def require_facts(self) -> None:
        """Make sure that the facts about the run are known.

        Raises:
            GitHubError: GitHub did not show them, or cannot be queried.
        """
        if self.error is not None:
            raise self.error

    def has_commit(self) -> bool:
        """Return whether the run, or a round before it, pushed a commit.

        Raises:
            GitHubError: that is unknown.
        """
        self.require_facts()
        if self.commit is None or self.commit == self.branch_before:
            return False
        # A new branch without a commit of its own is where the base is, or was.
        is_new = self.branch_before == ""
        found = self.changes_found
        return not (is_new and isinstance(found, Changes) and found.is_of_base)

    @property
    def has_failed(self) -> bool:
        """Whether a gate rejects the run."""
        return any(not gate.passed for gate in self.gates)
