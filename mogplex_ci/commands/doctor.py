"""``mogplex doctor``: check everything that a step needs, in the order of a step, without starting
a run.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from io import StringIO
from typing import Final, LiteralString, NamedTuple
from urllib.parse import urlsplit

import requests

from mogplex_ci import errors
from mogplex_ci.api.client import API_PATH, Client
from mogplex_ci.api.proxy import proxy_for
from mogplex_ci.api.transport import Answer, Transport
from mogplex_ci.commands.common import Console, Session, error_lines, in_session, remedy_of
from mogplex_ci.errors import MogplexError, UsageError
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import check
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.read import ActionInputs, read_step
from mogplex_ci.inputs.sources import gather
from mogplex_ci.models import is_uuid
from mogplex_ci.own_words import named
from mogplex_ci.platforms import detect
from mogplex_ci.problems import Problem
from mogplex_ci.run.repositories import find_repos
from mogplex_ci.sanitize import SafeText, Value, duration
from mogplex_ci.step.guards import reason_to_skip, rights_for_event
from mogplex_ci.step.planning import key_of
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.step.rights import NeededRights, in_order, require_rights, rights_needed
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock

PROBE_SECONDS: Final = 10.0
SKEW_SECONDS: Final = 60.0
"""How much the clocks may differ: HTTP dates have whole seconds, and the answer takes its time."""
_TOKEN: Final = re.compile(r"mog_[0-9A-Za-z]{32}", re.ASCII)
_STAND_INS: Final = {"prompt": "-", "repo": "owner/name"}
"""Inputs that only a step needs. A check of the token or the network works without them."""
_NO_BRANCH: Final = "mogplex-ci/doctor"
"""A branch that is not there: the answers are small."""


class Mark(Enum):
    """How good a finding is: its word, and its sign."""

    OK = ("ok", "✔")
    WARNING = ("warning", "!")
    FAILED = ("failed", "✘")
    """A step would fail because of it."""
    MISSING = ("missing", "○")
    """It was not given, and a step needs it."""
    NOT_CHECKED = ("not checked", "?")
    NOT_NEEDED = ("not needed", "–")
    """There is nothing to check here."""


class Diagnosis(NamedTuple):
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


class Job:
    """The job that is examined."""

    def __init__(self, flags: Sequence[str], session: Session) -> None:
        """``flags`` are those of a step."""
        self.flags = flags
        self.session = session
        self.platform = detect(session.env, StringIO())  # nothing goes to the log of the job
        given, _ = gather(flags, self.platform).texts()
        self.token = given.get("api-key", "")
        self.url = given["base-url"]
        self.is_sendable = not check({"api-key": self.token, "base-url": self.url})
        """Whether the token may be sent to the address; else the check of the inputs says why."""
        self.repo = given.get("repo") or self.platform.repository()
        self.is_in_ci = self.platform.identity() is not None or bool(session.env.get("CI"))
        self.tasks: Sequence[ActionInputs] = ()
        """The inputs of each task; empty as long as they are not read, and if they are wrong."""

    def read(self, *stand_ins: str) -> Sequence[Problem]:
        """Read the inputs as a step does, and return warnings about them.

        Raises:
            UsageError: with everything that is wrong.
        """
        inputs = read_step([*self.flags, *stand_ins], self.platform)
        self.tasks = inputs.tasks
        return inputs.warnings


def parser() -> Parser:
    """Return the parser of the command: the flags of a step, and ``--json``."""
    description = (
        "Check what a step needs, without starting anything.\n"
        "Takes the flags and variables of a step, and exits with the code that the step would have."
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
    as_json = "--json" in argv
    findings: list[Diagnosis] = []
    with session.stop.interrupting():
        job = Job([word for word in argv if word != "--json"], session)
        for finding in _findings(job):
            _print(finding, session.console, as_json=as_json)
            findings.append(finding)
    if not as_json:
        session.console.lines([_verdict(findings, session.console)])
    return next((finding.exit_code for finding in findings if finding.exit_code), 0)


def _verdict(findings: Sequence[Diagnosis], console: Console) -> SafeText:
    """Return what the findings mean for a step."""
    checks = dict.fromkeys(finding.check for finding in findings)
    failed = {each.check: each.exit_code for each in findings if each.mark is Mark.FAILED}
    if failed:
        codes = ", ".join(f"{check} (exit {code})" for check, code in failed.items())
        return console.safe.message(f"{len(failed)} of {len(checks)} failed: {codes}")
    missing = dict.fromkeys(each.check for each in findings if each.mark is Mark.MISSING)
    if missing:
        return console.safe.line("A step needs more: see {}", ", ".join(missing))
    return console.safe.line("A step can start")


def _findings(job: Job) -> Iterator[Diagnosis]:
    """Yield the findings of every check. An error ends a group: the next check failed, or the one
    that it is about.
    """
    for checks, find in _GROUPS.items():
        left: dict[LiteralString, MogplexError | None] = dict.fromkeys(checks)
        try:
            for finding in find(job):
                left.pop(finding.check, None)
                yield finding
        except MogplexError as error:
            left[_check_of(error, list(left))] = error
        for name, failure in left.items():
            if failure is None:
                yield Diagnosis(name, Mark.NOT_CHECKED, "another check failed")
                continue
            remedy = failure.remedy
            if not job.is_in_ci:
                remedy = remedy_of(failure)
            for template, values in error_lines(failure):
                yield Diagnosis(name, Mark.FAILED, template, values, remedy, failure.exit_code)


def _check_of(error: MogplexError, left: Sequence[LiteralString]) -> LiteralString:
    """Return the check that failed: the one of the network that the error is about, if it says so,
    else the first of those that are ``left``.
    """
    cause = error.__cause__
    # requests has a plain error for a file of certificates that is missing.
    is_about_tls = isinstance(cause, requests.exceptions.SSLError) or type(cause) is OSError
    if is_about_tls and "tls" in left:
        return "tls"
    if isinstance(cause, requests.exceptions.ProxyError) and "proxy" in left:
        return "proxy"
    return left[0]


def _print(finding: Diagnosis, console: Console, *, as_json: bool) -> None:
    word, sign = finding.mark.value
    name = finding.check
    if as_json:
        # A line must not begin with what a value holds: a CI system might obey it.
        line = console.safe.line(f"{name}: {finding.template}", *finding.values)
        message = line.removeprefix(f"{name}: ")
        remedy = console.safe.message(finding.remedy) if finding.remedy else ""
        values = {"check": name, "mark": word, "message": message, "remedy": remedy}
        console.json(Untrusted(values))
        return
    template = f"{sign} {name:<14}  {finding.template}"
    advice: list[str] = []
    if finding.remedy:
        template += " → {}"
        advice = [finding.remedy]
    if sys.stdout.encoding.lower().replace("-", "") != "utf8":
        template = template.replace("✔", "v").replace("✘", "x")
        template = template.replace("○", "o").replace("–", ".").replace("→", "->")
    console.lines([console.safe.line(template, *finding.values, *advice)])


def _setup(job: Job) -> Iterator[Diagnosis]:
    """Check the CI system and the inputs."""
    identity = job.platform.identity()
    if identity is not None:
        named_by = (job.platform.name, identity.label, identity.attempt or "unknown")
        yield Diagnosis("ci", Mark.OK, "{}: {}, attempt {}", named_by)
    elif job.is_in_ci:
        remedy = "Set [[idempotency-key]], or a retry starts a second run."
        yield Diagnosis(
            "ci", Mark.WARNING, "the CI system or the job was not recognized", (), remedy
        )
    else:
        yield Diagnosis("ci", Mark.NOT_NEEDED, "this is not a CI job")
    missing: list[str] = []
    try:
        warnings = job.read()
    except UsageError as error:
        missing = [
            problem.input
            for problem in error.problems
            if problem.input in _STAND_INS and problem.fault == "is missing"
        ]
        warnings = job.read(*(f"--{name}={_STAND_INS[name]}" for name in missing))
    for template, values in error_lines(UsageError(*warnings)):
        yield Diagnosis("inputs", Mark.WARNING, template, values)
    for name in missing:
        yield Diagnosis("inputs", Mark.MISSING, "no {} is given; a step needs one", (named(name),))
    if not warnings and not missing:
        yield Diagnosis("inputs", Mark.OK, "all can be used")
    key = key_of(job.tasks[0], job.platform)
    is_derived = identity is not None and not job.platform.own_try
    if key.explicit or is_derived:
        yield Diagnosis("key", Mark.OK, "{}", (key.base,))
    else:
        yield Diagnosis("key", Mark.OK, "a new one each time, such as {}", (key.base,))


def _guards(job: Job) -> Iterator[Diagnosis]:
    """Check whether there is a token, and whether the event may start a run."""
    if not job.token:
        raise errors.MissingTokenError(job.platform.token_advice)
    if _TOKEN.fullmatch(job.token):
        yield Diagnosis("token", Mark.OK, "has the form of a Mogplex token")
    else:
        template: LiteralString = "does not look like a Mogplex token; it has {} characters"
        remedy = "A token is mog_ and 32 letters or digits: copy it again, without quotes and without 'Bearer'."
        yield Diagnosis("token", Mark.WARNING, template, (len(job.token),), remedy)
    if not job.tasks:
        return
    clock = Clock()
    recorder = Recorder(job.platform, job.session.console.safe, clock.monotonic)
    reason = reason_to_skip(Step(job.platform, recorder, clock, job.session.stop, 0.0), job.tasks)
    if reason is not None:
        yield Diagnosis("trigger", Mark.WARNING, "{}", (reason,))
    elif job.is_in_ci:
        yield Diagnosis("trigger", Mark.OK, "a step may start")
    else:
        yield Diagnosis("trigger", Mark.NOT_NEEDED, "no event: this is not a CI job")


def _service(job: Job) -> Iterator[Diagnosis]:
    """Check the network by one request, then what the service says about the token and the
    repository.
    """
    if not job.is_sendable:
        return
    with contextlib.closing(Transport(job.url, job.token)) as transport:
        try:
            answer = transport.send(
                "GET", f"{API_PATH}/repos", query={"limit": "1"}, timeout=PROBE_SECONDS
            )
        except errors.NotAuthorizedError:
            answer = None
    if answer and answer.media_type == "text/html":
        raise errors.WrongServiceError(
            "not a Mogplex server: a web page came instead of an answer of the API"
        )
    yield Diagnosis("base-url", Mark.OK, "{} answers", (job.url,))
    yield _proxy(job)
    yield _tls(job)
    yield _clock(answer)
    if not job.token:
        return
    with contextlib.closing(Client(job.url, job.token)) as client:
        client.repos(timeout=PROBE_SECONDS)
        yield Diagnosis("authentication", Mark.OK, "the API knows the token")
        yield _repo(client, job.repo)
        # The request has no key, and is refused: but first the API looks at the token's rights.
        with contextlib.suppress(errors.BadRequestError):
            client.start({}, "", timeout=PROBE_SECONDS)
        found: LiteralString = (
            "may start and cancel runs; whether its limits leave room, only a start can tell"
        )
        yield Diagnosis("scope", Mark.OK, found)


def _proxy(job: Job) -> Diagnosis:
    if not job.url.startswith("https:"):  # plain http is for loopback, and goes through no proxy
        return Diagnosis("proxy", Mark.OK, "none")
    proxy = proxy_for(job.url)
    if proxy is None:
        return Diagnosis("proxy", Mark.OK, "none")
    return Diagnosis("proxy", Mark.OK, "through {}, which {} names", (proxy.host, proxy.variable))


def _tls(job: Job) -> Diagnosis:
    if urlsplit(job.url).scheme != "https":
        return Diagnosis("tls", Mark.OK, "not used on this machine's loopback")
    env = job.platform.env
    bundle = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE") or "certifi"
    return Diagnosis("tls", Mark.OK, "the certificate is valid; authorities: {}", (bundle,))


def _clock(answer: Answer | None) -> Diagnosis:
    """Compare the answer's ``Date`` with this machine's time."""
    date = ""
    if answer is not None:
        date = answer.headers.get("Date", "")
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Diagnosis("clock", Mark.NOT_CHECKED, "the answer has no date")
    if abs(skew) <= SKEW_SECONDS:
        return Diagnosis("clock", Mark.OK, "agrees with the API's")
    template: LiteralString = "{} behind the API's"
    if skew > 0:
        template = "{} ahead of the API's"
    remedy = "Set this machine's clock: certificates and log times depend on it."
    return Diagnosis("clock", Mark.WARNING, template, (duration(abs(skew)),), remedy)


def _repo(client: Client, repo: str | None) -> Diagnosis:
    """Return what the token sees of ``repo``: an id, a name, or several and patterns.

    Raises:
        UsageError: a name or pattern stands for none.
        MogplexError: the API could not be asked.
    """
    if repo is None:
        return Diagnosis(
            "repo", Mark.MISSING, "none is given; name one with --repo to have it looked up"
        )
    if is_uuid(repo):
        found = client.repos(repo_id=repo, timeout=PROBE_SECONDS)
    else:
        matching = find_repos(client, repo.split(), timeout=PROBE_SECONDS)
        by_id = {repo.id: repo for match in matching.values() for repo in match.repos}
        found = list(by_id.values())
    if len(found) == 1 and found[0].hidden:
        template: LiteralString = (
            "{} has the id {} and is hidden: it was removed from Mogplex's dashboard"
        )
        return Diagnosis("repo", Mark.OK, template, (found[0].full_name, found[0].id))
    if not found:
        remedy = "Compare it with 'mogplex-ci repos list'. A hidden repository is not listed, yet can be used."
        return Diagnosis("repo", Mark.WARNING, "this token does not list {}", (repo,), remedy)
    if len(found) > 1:
        return Diagnosis(
            "repo", Mark.OK, "the names and patterns stand for {} repositories", (len(found),)
        )
    return Diagnosis("repo", Mark.OK, "{} has the id {}", (found[0].full_name, found[0].id))


def _github(job: Job) -> Iterator[Diagnosis]:
    """Ask GitHub what a step would ask before its start, and for the comment."""
    if not job.tasks:
        return
    step = job.tasks[0]
    own = job.platform.repository()
    repo = step.repo or ""
    token = step.github_token
    if token is None:
        yield Diagnosis("github-token", Mark.NOT_NEEDED, "none is given")
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        yield Diagnosis(
            "github-token", Mark.NOT_CHECKED, "is tried with one [[repo]], given as owner/name"
        )
        return
    needed = {repo: rights_needed(step)}
    if step.include_event and own:
        needed[own] = in_order([*needed.get(own, []), *rights_for_event(job.platform)])
    issue = step.comment_on if own else None
    if issue is None and not any(needed.values()):
        found: LiteralString = "no gate and no comment needs it; it only tells who has write access"
        yield Diagnosis("github-token", Mark.NOT_NEEDED, found)
        return
    unknown = _unknown_rights(job, token, step.base_branch or "", needed)
    if issue is not None and own:
        url = job.platform.github_api_url()
        with contextlib.closing(GitHubApi(url, token, own)) as github:
            github.within(PROBE_SECONDS).find_comment(issue, re.compile("(?!)"))
    if unknown:
        template: LiteralString = "GitHub did not say whether it has {}"
        yield Diagnosis("github-token", Mark.NOT_CHECKED, template, (", ".join(unknown),))
        return
    found = "may read what the inputs need; whether it may write a comment, only a step can tell"
    yield Diagnosis("github-token", Mark.OK, found)


def _unknown_rights(
    job: Job, token: str, branch: str, needed: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """Return the rights, ``needed`` by repository, about which GitHub says nothing.

    Raises:
        MissingRightsError: the token lacks some.
    """
    url = job.platform.github_api_url()
    is_workflow = bool(job.platform.workflow_run)
    with contextlib.ExitStack() as connections:
        wanted: list[NeededRights] = []
        for repository, rights in needed.items():
            github = GitHubApi(url, token, repository)
            connections.callback(github.close)
            wanted.append(NeededRights(repository, rights, branch, github))
        return require_rights(wanted, clock=Clock(), is_workflow=is_workflow, seconds=PROBE_SECONDS)


_GROUPS: Final[Mapping[tuple[LiteralString, ...], Callable[[Job], Iterator[Diagnosis]]]] = {
    ("ci", "inputs", "key"): _setup,
    ("token", "trigger"): _guards,
    ("base-url", "proxy", "tls", "clock", "authentication", "repo", "scope"): _service,
    ("github-token",): _github,
}
"""The checks in the order of a step, and what makes them. The first one of a group that fails ends
the group.
"""
