"""The errors that users see, one type for each remedy.

Each carries the exit code, the ``error-code`` output, a line with the cause and a line with the
remedy. Both lines are our own words; words of the server or the user are in
``detail``. An error is not changed after it is made::

    MogplexError
        AdvisedError
        UsageError
        ApiError
            BadRequestError
            NotAuthorizedError
                TokenLostError
                MissingTokenError
            ForbiddenError
                AutomationRequiredError
            OldServiceError
            NotFoundError
                UnknownAgentError
            ConflictError
                KeyConflictError
            RateLimitedError
            ServerError
                UnavailableError
                NotCancelledError
                UnknownRepoError
        UnreachableError
            LostContactError
            ProxyFailedError
            CertificateError
            WrongServiceError
            NoThreadLeftError
        ForeignRunError
        UntrustedTriggerError
        UntrustedPromptError
        MissingRightsError
        ResourceError
            StateError
        InternalError
        GitHubError
            GitHubForbiddenError
            GitHubTokenError
            GitHubNotFoundError
            GitHubUnavailableError
            NotNotedError
"""

import errno
import traceback
from math import inf
from pathlib import Path
from typing import Final

from mogplex_ci.gate_kinds import BRANCH, GATES
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import NoThreadError

EXIT_CODES: Final = """\
exit codes:
  0         success; for a step: result success, skipped, detached or dry-run
  1         any other failure; for a step: the run failed, paused, was cancelled
            or rejected, or the step timed out
  2         wrong inputs, an event or prompt that is refused, missing rights at
            GitHub, no place for outputs or state, or an unknown run status
  64        no token, or an unknown one
  65        the token lacks permission
  69        the service is unavailable
  75        the rate limit is exceeded
  129, 130, 131, 143  stopped by SIGHUP, SIGINT, SIGQUIT or SIGTERM
"""
"""For ``--help``."""


ERROR_CODES: Final = frozenset(
    {
        *(kind.code for kind in (*GATES, BRANCH)),
        "ARTIFACT_INVALID",
        "AUTOMATION_REQUIRED",
        "BAD_REQUEST",
        "CANCELLED",
        "CHECKS_MISSING",
        "CONFLICT",
        "FORBIDDEN",
        "FOREIGN_RUN",
        "GITHUB_RIGHTS",
        "IDEMPOTENCY_CONFLICT",
        "INTERNAL",
        "INTERNAL_ERROR",
        "INTERRUPTED",
        "NOT_FOUND",
        "NOT_JUDGED",
        "PAUSED",
        "RATE_LIMITED",
        "RESOURCES",
        "RUN_FAILED",
        "SERVICE_UNAVAILABLE",
        "TIMEOUT",
        "UNAUTHORIZED",
        "UNKNOWN_STATUS",
        "UNREACHABLE",
        "UNTRUSTED_PROMPT",
        "UNTRUSTED_TRIGGER",
        "USAGE",
    }
)
"""The codes with which a step may end, each with a heading in docs/troubleshooting.md.
The usual one of a gate stands in its row.

A code is never given another meaning. The API may send codes that are not among them.
"""

TOKENS_PAGE: Final = "mogplex.com/settings/api-keys (Settings → Mogplex Keys)"
"""The documents' address, and the name that the newest Mogplex gives the page."""


class MogplexError(Exception):
    """Base of all errors that a user sees."""

    exit_code: int = 1
    code: str = "ERROR"
    remedy: str = ""
    retry_after: float | None = None
    """Seconds that the server asks to wait, if it said so."""
    may_have_worked: bool = False
    """Whether the request may have been carried out although it failed."""
    patience: float = 0.0
    """Seconds for which the same request is sent again while it fails like this; ``inf``: as long
    as there is time.
    """

    def __init__(
        self,
        cause: str,
        *,
        code: str | None = None,
        detail: Untrusted | None = None,
        retry_after: float | None = None,
        remedy: str | None = None,
        may_have_worked: bool | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.detail = detail
        self.retry_after = retry_after
        if code is not None:
            self.code = code
        if remedy is not None:
            self.remedy = remedy
        if may_have_worked is not None:
            self.may_have_worked = may_have_worked


class AdvisedError(MogplexError):
    """Another error, with advice for this place instead of its own."""

    def __init__(self, error: MogplexError, remedy: str) -> None:
        super().__init__(error.cause, code=error.code, detail=error.detail, remedy=remedy)
        self.exit_code = error.exit_code


def help_url(code: str, version: str) -> str:
    """Return the address that explains an error code: its heading, or the list for one of the API.

    ``version`` is a tag or branch of this project: a later one may have other codes.
    """
    page = f"https://github.com/mogplex/run-action/blob/{version}/docs/troubleshooting.md"
    anchor = code.lower() if code in ERROR_CODES else "error-codes"
    return f"{page}#{anchor}"


class UsageError(MogplexError):
    """The inputs are wrong, or the disk is full; nothing was sent."""

    exit_code = 2
    code = "USAGE"

    def __init__(self, *problems: Problem, output_dir: Path | None = None) -> None:
        """``output_dir`` is the value of that input, if it is right and others are wrong."""
        cause = ", ".join(f"{problem.input} {problem.fault}" for problem in problems)
        if problems and all(problem.is_full_disk for problem in problems):
            super().__init__(cause, code=ResourceError.code)
        else:
            super().__init__(f"wrong inputs: {cause}")
        self.problems, self.output_dir = problems, output_dir


class ApiError(MogplexError):
    """The API refused a request (``code`` is the API's own, if it gave one)."""

    remedy = "Check the account and the repository in Mogplex."


class BadRequestError(ApiError):
    """The API does not take the request as it is: a stream's position that it does not know, an odd
    artifact.
    """

    remedy = "Compare this step's inputs with the API's message."


class NotAuthorizedError(ApiError):
    """No token, or the API does not know it.

    It says the same whenever its database cannot look the token up (Mogplex/mogplex,
    lib/auth/api-key.ts), so it is asked again for some seconds.
    """

    exit_code = 64
    code = "UNAUTHORIZED"
    # After a restart of its database the service was seen to answer 401 for 4 to 12 seconds.
    patience = 10.0
    remedy = (
        f"Check that api-key is a current Mogplex token (mog_…); issue one at {TOKENS_PAGE}. If it is, the "
        "service may be at fault: it also rejects tokens while its database is down. Try again later."
    )


class TokenLostError(NotAuthorizedError):
    """The API rejects a token that it accepted earlier: its database is down, or the token was
    revoked.
    """

    patience = 900.0
    remedy = f"Try again later. If the token was revoked, issue a new one at {TOKENS_PAGE}."


class MissingTokenError(NotAuthorizedError):
    """The step was given no token."""

    def __init__(self, advice: str) -> None:
        """``advice`` says how the CI system hands secrets to a job."""
        remedy = f"{advice} Issue one at {TOKENS_PAGE}. To skip instead, set on-blocked: skip."
        super().__init__("there is no token: api-key is not set", remedy=remedy)


class ForbiddenError(ApiError):
    """The token is known but may not do this."""

    exit_code = 65
    remedy = "Use a token with the write scope, which starting and cancelling runs requires."


class AutomationRequiredError(ForbiddenError):
    """The token, or the team that owns the repository, allows automations only.

    The key's owner, or the team's, decides that in Mogplex's settings; logins of people are never
    limited so (Mogplex/mogplex, lib/mogplex-api/key-access.ts and team-key-access.ts).
    """

    remedy = (
        f"Ask the key's owner for Full access at {TOKENS_PAGE}; if the message names the team, ask a team owner "
        "(team settings, Provider Keys → Mogplex API keys)."
    )


class OldServiceError(ApiError):
    """The service is older than the call, or something in between withholds its response."""

    code = "NOT_FOUND"
    remedy = "The Mogplex server is too old: ask its administrator to update it."


class NotFoundError(ApiError):
    """The run or repository does not exist, or belongs to another user."""

    remedy = "Check the id, and that the token belongs to the user who owns it."


class UnknownAgentError(NotFoundError):
    """The user's roster does not have the agent."""

    code = "NOT_FOUND"
    remedy = "Take its id from the agents' page of https://mogplex.com, or use preset:NAME."

    def __init__(self, agent: object) -> None:
        super().__init__(f'agent: "{agent}" is not an agent that this token can use')


class ConflictError(ApiError):
    """The state of the run does not allow the request."""

    remedy = "Check the run's status first."


class KeyConflictError(ConflictError):
    """The idempotency key was used for a different request."""

    remedy = "Give this step its own key-suffix or idempotency-key; or set on-rerun: new to start another run."


class RateLimitedError(ApiError):
    """The token's request or start limit is used up."""

    patience = inf
    exit_code = 75
    code = "RATE_LIMITED"
    remedy = "Try again later. Each token has a limit on requests, each Mogplex user one on starts."


class ServerError(ApiError):
    """The API failed (5xx)."""

    patience = inf
    # A start that could not be queued answers 500, and its run exists as failed.
    may_have_worked = True
    code = "INTERNAL_ERROR"
    remedy = "The service is having trouble; try again later."


class UnavailableError(ServerError):
    """The API, or a proxy before it, says that it cannot serve now (408, 502, 503, 504)."""

    exit_code = 69
    code = "SERVICE_UNAVAILABLE"


class NotCancelledError(ServerError):
    """The API accepted a cancel request, and the run is still running."""

    code = "CONFLICT"
    remedy = "Cancel it in Mogplex if it should not continue."


class UnknownRepoError(ServerError):
    """The API cannot start a run for a repository id that the token does not list: a hidden one
    starts once the API is well, an unknown one never does.
    """

    # The service asks to wait 60 seconds: enough for one more attempt.
    patience = 90.0
    exit_code = 69
    remedy = (
        "Check repo: the API responds like this to unknown ids. "
        f"'{program()} repos list' shows the known ones."
    )

    def __init__(self, error: ServerError) -> None:
        cause = "the API cannot start a run for this repo id, and this token does not list it"
        super().__init__(
            cause,
            code=error.code,
            detail=error.detail,
            retry_after=error.retry_after,
            may_have_worked=error.may_have_worked,
        )


class UnreachableError(MogplexError):
    """No usable answer came: the network, TLS, a garbled body, or an answer of something other than
    the API.

    As long as the API has never answered, the address, a proxy or this network is probably set up
    wrongly.
    """

    patience = 120.0
    may_have_worked = True
    exit_code = 69
    code = "UNREACHABLE"
    remedy = "Check base-url, the proxy settings and the network between this machine and the API."


class LostContactError(UnreachableError):
    """No usable answer came from an API that has answered before: an outage."""

    patience = inf
    remedy = (
        "The service, or the network between it and this job, is having trouble; try again later."
    )


class ProxyFailedError(UnreachableError):
    """The proxy that this job's environment names lets nothing through."""


class CertificateError(UnreachableError):
    """The service's certificate, or a proxy's in its place, is not one that this job trusts."""

    patience = 0.0
    remedy = "If this network has its own certificate authority, set REQUESTS_CA_BUNDLE to its certificate file."


class WrongServiceError(UnreachableError):
    """Something else answers in the API's place: a web page, or a redirect elsewhere."""

    patience = 0.0
    remedy = "Set base-url to the API's host."


class ForeignRunError(MogplexError):
    """Another job or person may have started the run."""

    code = "FOREIGN_RUN"
    remedy = "Cancel it by hand if it is yours."

    def __init__(self) -> None:
        super().__init__("your idempotency-key matched a run that someone else may have started")


class UntrustedTriggerError(MogplexError):
    """An outsider may have triggered the event that started this job."""

    exit_code = 2
    code = "UNTRUSTED_TRIGGER"
    remedy = (
        "Whoever triggers a run decides what the agent does with your token. If the person is a member "
        "with private membership, set github-token so that the step "
        "can query GitHub, or add the person to allowed-users."
    )


class UntrustedPromptError(MogplexError):
    """The prompt contains text that the event attributes to a person outside the project."""

    exit_code = 2
    code = "UNTRUSTED_PROMPT"
    remedy = (
        "Remove this text from the prompt, or use include-event: true, which passes it as a report."
    )


class MissingRightsError(MogplexError):
    """``github-token`` lacks rights that the inputs need, as GitHub said before the start."""

    exit_code = 2
    code = "GITHUB_RIGHTS"


class ResourceError(MogplexError):
    """The machine or the container gives the program too little."""

    code = "RESOURCES"
    remedy = "Allow it more threads (docker run --pids-limit), memory, open files or disk space."


class NoThreadLeftError(UnreachableError):
    """No thread is left for a request; a retry may get one."""

    remedy = ResourceError.remedy


class StateError(ResourceError):
    """The state for ``post`` cannot be saved, so nothing was started."""

    exit_code = 2
    remedy = "Free some space, and let this step write to this folder."

    def __init__(self, detail: Untrusted) -> None:
        super().__init__("the state for the clean-up step cannot be written", detail=detail)


class InternalError(MogplexError):
    """The program itself failed."""

    code = "INTERNAL"
    remedy = "Please report this line at github.com/mogplex/run-action/issues."

    @classmethod
    def of(cls, error: BaseException) -> MogplexError:
        """Name the kind and place of an unexpected error; its message may hold anything, so it is
        left out.
        """
        lacking = _lacking(error)
        if lacking is not None:
            return ResourceError(f"the step ran out of {lacking}")
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if _OUR_CODE in Path(frame.filename).parents]
        place = ""
        if frames:
            last = (ours or frames)[-1]  # the library's line below it would say little
            place = f" at {Path(last.filename).name}:{last.lineno}"
        return cls(f"an unexpected {type(error).__name__}{place}")


_OUR_CODE: Final = Path(__file__).parent


def _lacking(error: BaseException) -> str | None:
    """Return the resource that ran out, according to an unexpected error, or None."""
    if isinstance(error, NoThreadError):
        return "threads"
    if isinstance(error, MemoryError):
        return "memory"
    return _RESOURCES.get(getattr(error, "errno", 0))


_RESOURCES: Final = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    # fork() fails with it at the process limit of a container or user.
    errno.EAGAIN: "processes",
    errno.ENOSPC: "disk space",
    errno.EDQUOT: "disk space",
}


class GitHubError(MogplexError):
    """GitHub's API refused a request. Only that of the open pull requests ends a step itself."""

    code = "NOT_JUDGED"
    remedy = "Check that github-token is a current token with access to this repository."


class GitHubForbiddenError(GitHubError):
    """The token lacks the right that the call takes."""


class GitHubTokenError(GitHubError):
    """GitHub does not know the token, or an organization has not authorized it."""


class GitHubNotFoundError(GitHubError):
    """GitHub has no such thing, or does not show it to this token."""


class GitHubUnavailableError(GitHubError):
    """GitHub's API could not answer; asking again may help."""

    patience = inf
    remedy = "GitHub is having trouble or limits requests; try again later."


class NotNotedError(GitHubError):
    """GitHub does not report what gates must know from before the start: nothing is started."""

    exit_code = 69

    def __init__(self, error: GitHubError) -> None:
        cause = f"the gates cannot note the base and the branch before the start: {error.cause}"
        super().__init__(cause, detail=error.detail, remedy=f"{error.remedy} Nothing was started.")
