"""``mogplex doctor``: check everything that a step needs, without starting a run."""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from itertools import chain
from typing import Final, LiteralString, NamedTuple
from urllib.parse import urlsplit

import requests

from mogplex_ci import errors
from mogplex_ci.api.client import API_PATH, Client
from mogplex_ci.api.transport import Answer, Transport
from mogplex_ci.commands.common import Console, Session, error_text, in_session, remedy_of
from mogplex_ci.errors import MogplexError, Problem, UsageError
from mogplex_ci.gates.table import GATES
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import check
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.read import ActionInputs, read_fleet
from mogplex_ci.inputs.sources import gather
from mogplex_ci.models import is_uuid
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform, github_api_url
from mogplex_ci.platforms.job_log import Style
from mogplex_ci.platforms.webhook import Trust
from mogplex_ci.sanitize import Value, duration
from mogplex_ci.step.fleet import find_repos
from mogplex_ci.step.plan import key_of
from mogplex_ci.untrusted import Untrusted

CALL_SECONDS: Final = 10.0
SKEW_SECONDS: Final = 60.0
"""How much the clocks may differ: HTTP dates have whole seconds, and the answer takes its time."""
_TOKEN: Final = re.compile(r"mog_[0-9A-Za-z]{32}", re.ASCII)
_STAND_INS: Final = {"prompt": "-", "repo": "owner/name"}
"""Inputs that only a step needs. A check of the token or the network works without them."""
_NO_BRANCH: Final = "mogplex-ci/doctor"
"""A branch that is not there: the answers are small."""
_OF_TOKEN: Final[Sequence[LiteralString]] = ("authentication", "scope", "repo")
_OF_SERVICE: Final[Sequence[LiteralString]] = ("base-url", "proxy", "tls", "clock", *_OF_TOKEN)
"""The checks that need an answer of the service, and of these the ones that need a token, too."""


class Mark(Enum):
    """How good a finding is: its word, its sign, the sign for terminals that are not UTF-8, and its style."""

    OK = ("ok", "✔", "v", Style.GOOD)
    WARNING = ("warning", "!", "!", Style.WARNING)
    FAILED = ("failed", "✘", "x", Style.BAD)
    """A step would fail because of it."""
    UNKNOWN = ("unknown", "?", "?", Style.PLAIN)
    """It could not be checked, or there is nothing to check."""


class Finding(NamedTuple):
    """The result of a check."""

    check: LiteralString
    mark: Mark
    template: LiteralString
    """The finding, for ``Sanitizer.line``, with ``values``."""
    values: tuple[Value, ...] = ()
    remedy: str = ""
    """Advice to the user."""
    exit_code: int = 0
    """The exit code of a step that meets this fault."""


class Job(NamedTuple):
    """The job that is examined."""

    argv: Sequence[str]
    """The flags of a step."""
    platform: Platform
    """With the environment, from which requests reads proxies and certificates, too."""
    token: str
    """Empty if there is none."""
    url: str
    repo: str | None

    @property
    def is_in_ci(self) -> bool:
        """Whether a CI system runs it."""
        return self.platform.identity() is not None or bool(self.platform.env.get("CI"))

    @property
    def problems(self) -> Mapping[str, Problem]:
        """What is wrong with the token and the address, by input. Nothing is sent then."""
        return {problem.input: problem for problem in check({"api-key": self.token, "base-url": self.url})}


def parser() -> Parser:
    """Return the parser of the command: the flags of a step, and ``--json``."""
    description = (
        "Check what a step needs, without starting anything. Takes the flags and variables of a step,\n"
        "and exits with the code that the step would have."
    )
    parser = flag_parser("doctor", description, example="doctor --repo acme/web")
    parser.add_argument("--json", action="store_true", help="print JSON, one finding a line")
    return parser


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Print the findings and return the exit code that a step would have, or 0."""
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    exit_code = 0
    with session.stop.interrupting():
        flags, platform = [word for word in argv if word != "--json"], detect(session.env, sys.stdout)
        given, _ = gather(flags, session.env, platform.workspace).values()
        repo = given.get("repo") or platform.repository()
        job = Job(flags, platform, given.get("api-key", ""), given["base-url"], repo)
        for finding in chain(_token(job), _service(job), _setup(job)):
            _print(finding, session.console, as_json="--json" in argv)
            exit_code = exit_code or finding.exit_code
    return exit_code


def _print(finding: Finding, console: Console, *, as_json: bool) -> None:
    line, check, (word, sign, plain_sign, style) = console.safe.line, finding.check, finding.mark.value
    if as_json:
        message = line(f"{check}: {finding.template}", *finding.values).removeprefix(f"{check}: ")
        console.json(Untrusted({"check": check, "mark": word, "message": message, "remedy": finding.remedy}))
        return
    template = f"{sign if console.is_unicode else plain_sign} {check:<14}  {finding.template}"
    remedy = [finding.remedy] if finding.remedy else []
    arrow = " → {}" if console.is_unicode else " -> {}"
    console.line(line(template + arrow * len(remedy), *finding.values, *remedy), style)


def _failures(check: LiteralString, error: MogplexError) -> Sequence[Finding]:
    """Return the failures of ``check`` that an error tells."""
    if isinstance(error, UsageError):
        return [_of_problem(check, problem) for problem in error.problems]
    template, values = error_text(error)
    return [Finding(check, Mark.FAILED, template, values, remedy_of(error), error.exit_code)]


def _of_problem(check: LiteralString, problem: Problem) -> Finding:
    """Return the failure that a wrong input would cause."""
    template, values = problem.line()
    if problem.input == check:  # named once
        template, values = template.removeprefix("{}: "), values[1:]
    return Finding(check, Mark.FAILED, template, values, exit_code=UsageError.exit_code)


def _in_place_of(checks: Sequence[LiteralString], failures: Sequence[Finding] = ()) -> Iterator[Finding]:
    """Yield a finding for each of ``checks``: its failure, or that it was not made because of another one."""
    failed = {finding.check: finding for finding in failures}
    for each in checks:
        not_checked = Finding(each, Mark.UNKNOWN, "not checked, because an earlier check failed")
        yield failed.get(each, not_checked)


def _token(job: Job) -> Iterator[Finding]:
    if not job.token:
        missing = errors.MissingTokenError(job.platform.token_advice)
        remedy = missing.remedy if job.is_in_ci else remedy_of(missing)
        yield Finding("token", Mark.FAILED, "there is none ({})", (missing.code,), remedy, missing.exit_code)
    elif "api-key" in job.problems:
        yield _of_problem("token", job.problems["api-key"]._replace(input="token"))
    elif _TOKEN.fullmatch(job.token):
        yield Finding("token", Mark.OK, "has the form of a Mogplex token")
    else:
        template: LiteralString = "does not look like a Mogplex token; it has {} characters"
        remedy = "A token is mog_ and 32 letters or digits: copy it again, without quotes and without 'Bearer'."
        yield Finding("token", Mark.WARNING, template, (len(job.token),), remedy)


def _service(job: Job) -> Iterator[Finding]:
    """Check the network by one request, then what the service says about the token and the repository."""
    if job.problems:
        wrong = job.problems.get("base-url")
        yield from _in_place_of(_OF_SERVICE, [_of_problem("base-url", wrong)] if wrong else [])
        return
    try:
        answer = _first_answer(job)
    except MogplexError as error:
        yield from _in_place_of(_OF_SERVICE, _failures(_failed_check(error), error))
        return
    yield Finding("base-url", Mark.OK, "{} answers", (job.url,))
    yield _proxy(job)
    yield _tls(job)
    yield _clock(answer)
    if not job.token:
        yield from _in_place_of(_OF_TOKEN)
        return
    with contextlib.closing(Client(job.url, job.token)) as client:
        try:
            repo = _repo(client, job.repo)
        except MogplexError as error:
            yield from _in_place_of(_OF_TOKEN, _failures("authentication", error))
            return
        yield Finding("authentication", Mark.OK, "the API knows the token")
        yield from _scope(client)
        yield from repo


def _first_answer(job: Job) -> Answer | None:
    """Send one request without retries, and return the answer; None if it asks for another token.

    Network, proxy and TLS fail before the API does.

    Raises:
        MogplexError: there is none, or it is not the API's.
    """
    with contextlib.closing(Transport(job.url, job.token)) as transport:
        try:
            answer = transport.send("GET", f"{API_PATH}/repos", query={"limit": "1"}, timeout=CALL_SECONDS)
        except errors.NotAuthorizedError:
            return None
    if answer.media_type == "text/html":
        raise errors.WrongServiceError("not a Mogplex server: a web page came instead of an answer of the API")
    return answer


def _failed_check(error: MogplexError) -> LiteralString:
    """Return which check fails when no answer comes."""
    cause = error.__cause__
    if isinstance(cause, requests.exceptions.SSLError) or type(cause) is OSError:  # the latter: no certificate file
        return "tls"
    return "proxy" if isinstance(cause, requests.exceptions.ProxyError) else "base-url"


def _proxy(job: Job) -> Finding:
    proxies = requests.utils.get_environ_proxies(job.url, no_proxy=None) if job.url.startswith("https:") else {}
    proxy = requests.utils.select_proxy(job.url, proxies)
    # The host and port, without the credentials that its URL may contain.
    host = urlsplit(proxy or "").netloc.rpartition("@")[2] or "an address that cannot be read"
    return Finding("proxy", Mark.OK, "through {}", (host,)) if proxy else Finding("proxy", Mark.OK, "none")


def _tls(job: Job) -> Finding:
    if urlsplit(job.url).scheme != "https":
        return Finding("tls", Mark.OK, "not used on this machine's loopback")
    bundle = job.platform.env.get("REQUESTS_CA_BUNDLE") or job.platform.env.get("CURL_CA_BUNDLE") or "certifi"
    return Finding("tls", Mark.OK, "the certificate is valid; authorities: {}", (bundle,))


def _clock(answer: Answer | None) -> Finding:
    """Compare the answer's ``Date`` with this machine's time."""
    date = (answer.headers.get("Date") if answer else None) or ""
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Finding("clock", Mark.UNKNOWN, "the answer has no date")
    if abs(skew) <= SKEW_SECONDS:
        return Finding("clock", Mark.OK, "agrees with the API's")
    where = "ahead of" if skew > 0 else "behind"
    remedy = "Set this machine's clock: certificates and log times depend on it."
    return Finding("clock", Mark.WARNING, "{} {} the API's", (duration(abs(skew)), where), remedy)


def _scope(client: Client) -> Sequence[Finding]:
    """Ask to start a run without a key: the API looks at the token's rights first, and then refuses the request."""
    try:
        client.start({}, "", timeout=CALL_SECONDS)
    except errors.ForbiddenError as error:
        return _failures("scope", error)
    except MogplexError as error:
        if not isinstance(error, errors.BadRequestError):
            return [Finding("scope", Mark.UNKNOWN, *error_text(error))]
        found: LiteralString = "may start and cancel runs; whether its limits leave room, only a start can tell"
        return [Finding("scope", Mark.OK, found)]
    return [Finding("scope", Mark.UNKNOWN, "the API answered a request that it should have refused")]


def _repo(client: Client, repo: str | None) -> Sequence[Finding]:
    """Return what the token sees of ``repo``: an id, a name, or several and patterns.

    Raises:
        MogplexError: the API does not know the token, or could not be asked.
    """
    if repo is None:
        client.repos(limit=1, timeout=CALL_SECONDS)
        return [Finding("repo", Mark.UNKNOWN, "none is given; name one with --repo to have it looked up")]
    if not is_uuid(repo):
        try:
            found = find_repos(client, repo.split(), timeout=CALL_SECONDS)
        except UsageError as error:
            return _failures("repo", error)
        repos = {each.id: each.full_name for listed in found.values() for each in listed}
        if len(repos) != 1:
            return [Finding("repo", Mark.OK, "the names and patterns stand for {}", (len(repos),))]
        return [Finding("repo", Mark.OK, "{} has the id {}", (name, repo_id)) for repo_id, name in repos.items()]
    for known in client.repos(repo_id=repo, timeout=CALL_SECONDS):
        return [Finding("repo", Mark.OK, "{} is {}", (repo, known.full_name))]
    remedy = "Compare it with 'mogplex repos list'. A hidden repository is not listed, yet can be used."
    return [Finding("repo", Mark.WARNING, "this token does not list {}", (repo,), remedy)]


def _setup(job: Job) -> Iterator[Finding]:
    """Check what needs no answer of the service: the CI system, the inputs, the event, and the GitHub token."""
    step, of_inputs = _inputs(job)
    yield _ci(job)
    yield _key(job, step)
    yield from of_inputs
    yield from _trigger(job, step)
    if step is not None and step.github_token is not None:
        try:
            yield from _github(job, step, step.github_token)
        except MogplexError as error:
            yield from _failures("github-token", error)


def _inputs(job: Job) -> tuple[ActionInputs | None, Sequence[Finding]]:
    """Return the inputs, of the first task if there are several, None when they are wrong; and findings about them."""

    def read(*stand_ins: str) -> tuple[Sequence[ActionInputs], bool, Sequence[Problem]]:
        return read_fleet([*job.argv, *stand_ins], job.platform.env, job.platform.workspace, job.platform.repository())

    missing: list[Problem] = []
    try:
        try:
            steps, _, warnings = read()
        except UsageError as error:
            missing = [each for each in error.problems if each.input in _STAND_INS and each.fault == "is missing"]
            steps, _, warnings = read(
                *(word for each in missing for word in (f"--{each.input}", _STAND_INS[each.input]))
            )
    except UsageError as error:
        wrong = [_of_problem("inputs", problem) for problem in error.problems if problem.input not in job.problems]
        return None, wrong or [Finding("inputs", Mark.UNKNOWN, "the others can be used")]
    found = [_of_problem("inputs", problem)._replace(mark=Mark.WARNING, exit_code=0) for problem in warnings]
    found += [Finding("inputs", Mark.UNKNOWN, "no {} is given; a step needs one", (each.input,)) for each in missing]
    return steps[0], found or [Finding("inputs", Mark.OK, "all can be used")]


def _ci(job: Job) -> Finding:
    identity = job.platform.identity()
    if identity is not None:
        values = (job.platform.name, identity.label, identity.attempt or "unknown")
        return Finding("ci", Mark.OK, "{}: {}, attempt {}", values)
    if not job.is_in_ci:
        return Finding("ci", Mark.UNKNOWN, "this is not a CI job")
    remedy = "Give an idempotency-key, or a retry starts a second run."
    return Finding("ci", Mark.WARNING, "the CI system or the job was not recognized", (), remedy)


def _key(job: Job, step: ActionInputs | None) -> Finding:
    if step is None:
        return Finding("key", Mark.UNKNOWN, "not known before the inputs can be used")
    key = key_of(step, job.platform)
    if key.explicit:
        return Finding("key", Mark.OK, "{}, as given", (key.base,))
    if job.platform.identity() is None:
        return Finding("key", Mark.UNKNOWN, "a new one each time, such as {}", (key.base,))
    return Finding("key", Mark.OK, "{}", (key.base,))


def _trigger(job: Job, step: ActionInputs | None) -> Sequence[Finding]:
    trust = Trust(step.allowed_users - {"*"}, step.allowed_bots) if step else Trust()
    if (app := job.platform.cause.unknown_app(trust)) is not None:
        return [Finding("trigger", Mark.WARNING, "{}: a step would be skipped", (app,))]
    if (reason := job.platform.cause.untrusted(trust)) is None:
        if not job.is_in_ci:
            return [Finding("trigger", Mark.UNKNOWN, "no event: this is not a CI job")]
        return [Finding("trigger", Mark.OK, "nothing says that an outsider caused this job")]
    if step is not None and "*" in step.allowed_users:
        return [Finding("trigger", Mark.WARNING, "{}; allowed by allowed-users", (reason,))]
    return _failures("trigger", errors.UntrustedTriggerError(reason))


def _github(job: Job, step: ActionInputs, token: str) -> Iterator[Finding]:
    """Ask GitHub what the inputs need: a call for each permission.

    Raises:
        MogplexError: GitHub refuses a call, or could not be asked.
    """
    repo, own = step.repo or "", job.platform.repository() or ""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        yield Finding("github-token", Mark.UNKNOWN, "is tried with one repo, given as owner/name")
        return
    needed = {"contents: read"} if step.repair else set()
    for gate in (gate for gate in GATES if gate.needs and gate.name in step.gates):
        needed.update(gate.needs.split(", "))
    with contextlib.closing(GitHubApi(github_api_url(job.platform.env), token, repo)) as github:
        for call in (call for permission, call in GITHUB_CALLS.items() if permission in needed):
            call(github.within(CALL_SECONDS))
    if needed:
        yield Finding("github-token", Mark.OK, "may read what the gates need of {}", (repo,))
    if step.comment_on is not None and own:
        with contextlib.closing(GitHubApi(github_api_url(job.platform.env), token, own)) as github:
            github.within(CALL_SECONDS).find_comment(step.comment_on, re.compile("(?!)"))
        found: LiteralString = "may read comments of {}; whether it may write one, only a step can tell"
        yield Finding("github-token", Mark.OK, found, (own,))
    elif not needed:
        found = "no gate and no comment needs it; it only tells who has write access"
        yield Finding("github-token", Mark.UNKNOWN, found)


GITHUB_CALLS: Final[Mapping[str, Callable[[GitHubApi], object]]] = {
    "contents: read": lambda github: github.tip(_NO_BRANCH),
    "pull-requests: read": lambda github: github.pull_requests_of(_NO_BRANCH),
    "checks: read": lambda github: github.checks("HEAD"),
    "statuses: read": lambda github: github.checks("HEAD"),
}
"""A call for each permission that a gate needs."""
