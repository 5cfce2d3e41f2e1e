"""``mogplex doctor``: check everything that a step needs, without starting a run."""

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property
from typing import Final, LiteralString, NamedTuple
from urllib.parse import urlsplit

import requests

from mogplex_ci import errors
from mogplex_ci.api.client import API_PATH, Client
from mogplex_ci.api.transport import Answer, Transport, media_type_of
from mogplex_ci.commands.common import Console, Session, error_text, perform, program, remedy_of
from mogplex_ci.errors import MogplexError, Problem, UsageError
from mogplex_ci.gates.table import GATES
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import inputs, is_uuid
from mogplex_ci.inputs.flags import flag_parser
from mogplex_ci.inputs.read import ActionInputs, is_pattern, read_fleet
from mogplex_ci.inputs.sources import gather
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.job_log import Style
from mogplex_ci.platforms.webhook import Trust
from mogplex_ci.run.start import find_repo
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
_CHECKED_BEFORE: Final = ("api-key", "base-url")
"""Inputs that have checks of their own."""
_NO_BRANCH: Final = "mogplex-ci/doctor"
"""A branch that is not there: the answers are small."""


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

    mark: Mark
    template: LiteralString
    """The finding, for ``Sanitizer.line``, with ``values``."""
    values: tuple[Value, ...] = ()
    remedy: str = ""
    """Advice to the user."""
    exit_code: int = 0
    """The exit code of a step that meets this fault."""


class NotChecked(Exception):  # noqa: N818 - a finding, not a malfunction
    """An earlier check failed, without which this one is pointless."""


class Job:
    """The job that is examined. Each question to the service is asked once, and its answer kept for several checks."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """``argv`` has the flags of a step; ``env`` also has proxies and certificates, as requests reads them."""
        self.argv = argv
        self.env = env
        self.platform = detect(env, sys.stdout)
        values = gather(argv, env, self.platform.workspace).values
        self.token, self.url = values.get("api-key", ""), values["base-url"]
        self.repo = values.get("repo") or self.platform.repository()
        self.is_in_ci = self.platform.identity() is not None or bool(env.get("CI"))

    def answer(self, check: LiteralString) -> Answer | None:
        """Return the first answer of anything at the address; None if it is a redirect to the login page.

        Raises:
            MogplexError: there is none, and that is a matter of ``check``.
            NotChecked: there is none for another reason.
        """
        found = self._first_answer
        if not isinstance(found, MogplexError):
            return found
        raise found if check == _failed_check(found) else NotChecked

    @cached_property
    def _first_answer(self) -> Answer | MogplexError | None:
        """One request without retries: network, proxy and TLS fail before the API does."""
        spec, secret = inputs()["base-url"], inputs()["api-key"]
        if (problem := spec.problem(self.url, token=self.token)) is not None:
            return UsageError(problem)
        if self.token and (problem := secret.problem(self.token)) is not None:
            return errors.NotAuthorizedError("", code="", http_status=0)  # said by the check of the token

        with contextlib.closing(Transport(self.url, self.token)) as transport:
            try:
                answer = transport.send("GET", f"{API_PATH}/repos", query={"limit": "1"}, timeout=CALL_SECONDS)
            except errors.NotAuthorizedError:
                return None
            except MogplexError as error:
                return error
        if media_type_of(answer.headers) == "text/html":
            return errors.WrongServiceError("not a Mogplex server: a web page came instead of an answer of the API")
        return answer

    def repo_finding(self, check: LiteralString) -> Finding | UsageError:
        """Return what the service says about the repository, if it knows the token.

        Raises:
            MogplexError: it does not, and ``check`` is that of the token's authentication.
            NotChecked: it does not, or could not be asked.
        """
        self.answer(check)
        if not self.token:
            raise NotChecked
        found = self._found_repo
        if not isinstance(found, MogplexError) or isinstance(found, UsageError):
            return found
        raise found if check == "authentication" else NotChecked

    @cached_property
    def _found_repo(self) -> Finding | MogplexError:

        try:
            with contextlib.closing(Client(self.url, self.token)) as client:
                return _look_up(client, self.repo)
        except MogplexError as error:
            return error

    @cached_property
    def read_inputs(self) -> tuple[ActionInputs | None, Sequence[Finding]]:
        """The inputs, of the first task if there are several, None when they are wrong; and findings about them."""
        missing: list[Problem] = []
        try:
            try:
                steps, _, warnings = self._read(self.argv)
            except UsageError as error:
                missing = [each for each in error.problems if each.input in _STAND_INS and each.fault == "is missing"]
                stand_ins = [word for each in missing for word in (f"--{each.input}", _STAND_INS[each.input])]
                steps, _, warnings = self._read([*self.argv, *stand_ins])
        except UsageError as error:
            problems = [problem for problem in error.problems if problem.input not in _CHECKED_BEFORE]
            found = [_of_problem("inputs", problem) for problem in problems]
            return None, found or [Finding(Mark.UNKNOWN, "the others can be used")]
        found = [_of_problem("inputs", problem)._replace(mark=Mark.WARNING, exit_code=0) for problem in warnings]
        found += [Finding(Mark.UNKNOWN, "no {} is given; a step needs one", (problem.input,)) for problem in missing]
        return steps[0], found or [Finding(Mark.OK, "all can be used")]

    def _read(self, argv: Sequence[str]) -> tuple[Sequence[ActionInputs], bool, Sequence[Problem]]:
        return read_fleet(argv, self.env, self.platform.workspace, self.platform.repository())


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Print the findings and return the exit code that a step would have, or 0."""
    return perform(env, lambda session: _doctor(session, argv, env))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command: the flags of a step, and ``--json``."""
    description = (
        "Check what a step needs, without starting anything. Takes the flags and variables of a step,\n"
        "and exits with the code that the step would have."
    )
    parser = flag_parser(f"{program()} doctor", description, example="doctor --repo acme/web")
    parser.add_argument("--json", action="store_true", help="print JSON, one finding a line")
    return parser


def _doctor(session: Session, argv: Sequence[str], env: Mapping[str, str]) -> int:
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    exit_code = 0
    with session.stop.interrupting():
        job = Job([word for word in argv if word != "--json"], env)
        for check, ask in CHECKS.items():
            for finding in _findings(check, ask, job):
                _print(check, finding, session.console, as_json="--json" in argv)
                exit_code = exit_code or finding.exit_code
    return exit_code


def _findings(check: LiteralString, ask: Callable[[Job], Iterator[Finding]], job: Job) -> Iterator[Finding]:
    try:
        yield from ask(job)
    except NotChecked:
        yield Finding(Mark.UNKNOWN, "not checked, because an earlier check failed")
    except UsageError as error:
        yield from (_of_problem(check, problem) for problem in error.problems)
    except MogplexError as error:
        template, values = error_text(error)
        yield Finding(Mark.FAILED, template, values, remedy_of(error), error.exit_code)


def _of_problem(check: LiteralString, problem: Problem) -> Finding:
    """Return the failure that a wrong input would cause."""
    template, values = problem.line()
    if problem.input == check:  # named once
        template, values = template.removeprefix("{}: "), values[1:]
    return Finding(Mark.FAILED, template, values, exit_code=UsageError.exit_code)


def _print(check: LiteralString, finding: Finding, console: Console, *, as_json: bool) -> None:
    line, (word, sign, plain_sign, style) = console.safe.line, finding.mark.value
    if as_json:
        message = line(f"{check}: {finding.template}", *finding.values).removeprefix(f"{check}: ")
        console.json(Untrusted({"check": check, "mark": word, "message": message, "remedy": finding.remedy}))
        return
    template = f"{sign if console.is_unicode else plain_sign} {check:<14}  {finding.template}"
    remedy = [finding.remedy] if finding.remedy else []
    arrow = " → {}" if console.is_unicode else " -> {}"
    console.line(line(template + arrow * len(remedy), *finding.values, *remedy), style)


def _check_token(job: Job) -> Iterator[Finding]:
    if not job.token:
        missing = errors.MissingTokenError(job.platform.token_advice)
        remedy = missing.remedy if job.is_in_ci else remedy_of(missing)
        yield Finding(Mark.FAILED, "there is none ({})", (missing.code,), remedy, missing.exit_code)
        return
    problem = inputs()["api-key"].problem(job.token)
    if problem is not None:
        raise UsageError(problem._replace(input="token"))
    if _TOKEN.fullmatch(job.token):
        yield Finding(Mark.OK, "has the form of a Mogplex token")
    else:
        remedy = "A token is mog_ and 32 letters or digits: copy it again, without quotes and without 'Bearer'."
        yield Finding(
            Mark.WARNING, "does not look like a Mogplex token; it has {} characters", (len(job.token),), remedy
        )


def _check_url(job: Job) -> Iterator[Finding]:
    job.answer("base-url")
    yield Finding(Mark.OK, "{} answers", (job.url,))


def _check_proxy(job: Job) -> Iterator[Finding]:
    job.answer("proxy")
    proxies = requests.utils.get_environ_proxies(job.url, no_proxy=None) if job.url.startswith("https:") else {}
    proxy = requests.utils.select_proxy(job.url, proxies)
    # The host and port, without the credentials that its URL may contain.
    host = urlsplit(proxy or "").netloc.rpartition("@")[2] or "an address that cannot be read"
    yield Finding(Mark.OK, "through {}", (host,)) if proxy else Finding(Mark.OK, "none")


def _check_tls(job: Job) -> Iterator[Finding]:
    job.answer("tls")
    if urlsplit(job.url).scheme == "https":
        bundle = job.env.get("REQUESTS_CA_BUNDLE") or job.env.get("CURL_CA_BUNDLE") or "certifi"
        yield Finding(Mark.OK, "the certificate is valid; authorities: {}", (bundle,))
    else:
        yield Finding(Mark.OK, "not used on this machine's loopback")


def _failed_check(error: MogplexError) -> LiteralString:
    """Return which check fails with ``error``; empty for the token's own."""
    cause = error.__cause__
    if isinstance(cause, requests.exceptions.SSLError) or type(cause) is OSError:  # the latter: no certificate file
        return "tls"
    if isinstance(cause, requests.exceptions.ProxyError):
        return "proxy"
    return "" if isinstance(error, errors.NotAuthorizedError) else "base-url"


def _check_clock(job: Job) -> Iterator[Finding]:
    """Compare the answer's ``Date`` with this machine's time."""
    answer = job.answer("clock")
    try:
        date = (answer.headers.get("Date") if answer else None) or ""
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        yield Finding(Mark.UNKNOWN, "the answer has no date")
        return
    if abs(skew) <= SKEW_SECONDS:
        yield Finding(Mark.OK, "agrees with the API's")
        return
    where = "ahead of" if skew > 0 else "behind"
    remedy = "Set this machine's clock: certificates and log times depend on it."
    yield Finding(Mark.WARNING, "{} {} the API's", (duration(abs(skew)), where), remedy)


def _check_authentication(job: Job) -> Iterator[Finding]:
    job.repo_finding("authentication")
    yield Finding(Mark.OK, "the API knows the token")


def _check_scope(job: Job) -> Iterator[Finding]:
    """Ask to start a run without a key: the API looks at the token's rights first, and then refuses the request."""
    job.repo_finding("scope")

    try:
        with contextlib.closing(Client(job.url, job.token)) as client:
            client.start({}, "", timeout=CALL_SECONDS)
    except errors.ForbiddenError:
        raise
    except MogplexError as error:
        if isinstance(error, errors.ApiError) and error.http_status == 400:
            yield Finding(Mark.OK, "may start and cancel runs; whether its limits leave room, only a start can tell")
        else:
            yield Finding(Mark.UNKNOWN, *error_text(error))
    else:
        yield Finding(Mark.UNKNOWN, "the API answered a request that it should have refused")


def _check_repo(job: Job) -> Iterator[Finding]:
    found = job.repo_finding("repo")
    if isinstance(found, UsageError):
        raise found
    yield found


def _look_up(client: Client, repo: str | None) -> Finding:
    """Return what the token sees of ``repo``: an id, a name, or several and patterns; None if none is given.

    Raises:
        MogplexError: it sees no such repository, or the API could not be asked.
    """
    if repo is None:
        client.repos(limit=1, timeout=CALL_SECONDS)
        return Finding(Mark.UNKNOWN, "none is given; name one with --repo to have it looked up")
    if is_pattern(repo) or len(repo.split()) > 1:
        repos = {found.id for each in find_repos(client, repo.split(), timeout=CALL_SECONDS).values() for found in each}
        return Finding(Mark.OK, "the names and patterns stand for {}", (len(repos),))
    if not is_uuid(repo):
        known = find_repo(client, repo, timeout=CALL_SECONDS)
        return Finding(Mark.OK, "{} has the id {}", (known.full_name, known.id))
    for known in client.repos(repo_id=repo, timeout=CALL_SECONDS):
        return Finding(Mark.OK, "{} is {}", (repo, known.full_name))
    remedy = "Compare it with 'mogplex repos list'. A hidden repository is not listed, yet can be used."
    return Finding(Mark.WARNING, "this token does not list {}", (repo,), remedy)


def _check_ci(job: Job) -> Iterator[Finding]:
    identity = job.platform.identity()
    if identity is not None:
        attempt = identity.attempt or "unknown"
        yield Finding(Mark.OK, "{}: {}, attempt {}", (job.platform.name, identity.label, attempt))
    elif job.is_in_ci:
        remedy = "Give an idempotency-key, or a retry starts a second run."
        yield Finding(Mark.WARNING, "the CI system or the job was not recognized", (), remedy)
    else:
        yield Finding(Mark.UNKNOWN, "this is not a CI job")


def _check_key(job: Job) -> Iterator[Finding]:
    step, _ = job.read_inputs
    if step is None:
        yield Finding(Mark.UNKNOWN, "not known before the inputs can be used")
        return
    key = key_of(step, job.platform)
    if key.explicit:
        yield Finding(Mark.OK, "{}, as given", (key.base,))
    elif job.platform.identity() is None:
        yield Finding(Mark.UNKNOWN, "a new one each time, such as {}", (key.base,))
    else:
        yield Finding(Mark.OK, "{}", (key.base,))


def _check_inputs(job: Job) -> Iterator[Finding]:
    yield from job.read_inputs[1]


def _check_trigger(job: Job) -> Iterator[Finding]:
    step, _ = job.read_inputs
    trust = Trust(step.allowed_users - {"*"}, step.allowed_bots) if step else Trust()
    if (app := job.platform.unknown_app(trust)) is not None:
        yield Finding(Mark.WARNING, "{}: a step would be skipped", (app,))
    elif (reason := job.platform.untrusted_trigger(trust)) is None:
        found = Finding(Mark.OK, "nothing says that an outsider caused this job")
        yield found if job.is_in_ci else Finding(Mark.UNKNOWN, "no event: this is not a CI job")
    elif step is not None and "*" in step.allowed_users:
        yield Finding(Mark.WARNING, "{}; allowed by allowed-users", (reason,))
    else:
        raise errors.UntrustedTriggerError(reason)


def _check_github(job: Job) -> Iterator[Finding]:
    """Ask GitHub what the inputs need: a call for each permission."""
    step, _ = job.read_inputs
    if step is None or step.github_token is None:
        return

    repo, own = step.repo or "", job.platform.repository() or ""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        yield Finding(Mark.UNKNOWN, "is tried with one repo, given as owner/name")
        return
    paths = {"allowed-paths": step.allowed_paths, "protected-paths": step.protected_paths}
    gates = step.require | {name for name, patterns in paths.items() if patterns is not None}
    needed = {permission for gate in GATES if gate.name in gates for permission in gate.needs.split(", ")}
    needed |= {"contents: read"} if step.repair else set()
    url, token = job.platform.github_api_url, step.github_token
    with contextlib.closing(GitHubApi(url, token, repo)) as github:
        for permission in (permission for permission in GITHUB_CALLS if permission in needed):
            GITHUB_CALLS[permission](github)
    if needed:
        yield Finding(Mark.OK, "may read what the gates need of {}", (repo,))
    if step.comment_on is not None and own:
        with contextlib.closing(GitHubApi(url, token, own)) as github:
            github.find_comment(step.comment_on, re.compile("(?!)"), timeout=CALL_SECONDS)
        yield Finding(Mark.OK, "may read comments of {}; whether it may write one, only a step can tell", (own,))
    elif not needed:
        yield Finding(Mark.UNKNOWN, "no gate and no comment needs it; it only tells who has write access")


GITHUB_CALLS: Final[Mapping[str, Callable[[GitHubApi], object]]] = {
    "contents: read": lambda github: github.tip(_NO_BRANCH, timeout=CALL_SECONDS),
    "pull-requests: read": lambda github: github.pull_requests_of(_NO_BRANCH, timeout=CALL_SECONDS),
    "checks: read": lambda github: github.checks("HEAD", timeout=CALL_SECONDS),
    "statuses: read": lambda github: github.checks("HEAD", timeout=CALL_SECONDS),
}
"""A call for each permission that a gate needs."""

CHECKS: Final[Mapping[LiteralString, Callable[[Job], Iterator[Finding]]]] = {
    "token": _check_token,
    "base-url": _check_url,
    "proxy": _check_proxy,
    "tls": _check_tls,
    "clock": _check_clock,
    "authentication": _check_authentication,
    "scope": _check_scope,
    "repo": _check_repo,
    "ci": _check_ci,
    "key": _check_key,
    "inputs": _check_inputs,
    "trigger": _check_trigger,
    "github-token": _check_github,
}
"""Every check by its name, in the order of the report."""
