"""``mogplex doctor``: check everything that a step needs, without starting a run."""

from __future__ import annotations

import re
import sys
import time
import uuid
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, LiteralString
from urllib.parse import urlsplit

from mogplex_ci.commands.common import Console, Session, Style, error_text, perform, program, remedy_of
from mogplex_ci.errors import (
    EXIT_CODES,
    ForbiddenError,
    GitHubError,
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    Problem,
    UnreachableError,
    UntrustedTriggerError,
    UsageError,
    WrongServiceError,
)
from mogplex_ci.inputs.declared import inputs, is_uuid
from mogplex_ci.inputs.read import ActionInputs, is_pattern, read_fleet
from mogplex_ci.inputs.sources import flag_parser, gather
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.webhook import Trust
from mogplex_ci.sanitize import Value, duration
from mogplex_ci.step.plan import key_of
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from mogplex_ci.api.client import Client
    from mogplex_ci.platforms.base import Platform

SERVICE_CHECKS: Final = ("token", "base-url", "proxy", "tls", "clock", "authentication", "scope", "repo")
CALL_SECONDS: Final = 10.0
SKEW_SECONDS: Final = 60.0
"""How much the clocks may differ: HTTP dates have whole seconds, and the answer takes its time."""
_TOKEN: Final = re.compile(r"mog_[0-9A-Za-z]{32}", re.ASCII)
_STAND_INS: Final = {"prompt": "-", "repo": "owner/name"}
"""Inputs that only a step needs. A check of the token or the network works without them."""
_CHECKED_BEFORE: Final = ("api-key", "base-url")
"""Inputs that have checks of their own."""


class Mark(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    """A step would fail because of it."""
    UNKNOWN = "unknown"
    """It could not be checked, or there is nothing to check."""


SIGNS: Final[Mapping[Mark, tuple[LiteralString, LiteralString, Style]]] = {
    Mark.OK: ("✔", "v", Style.GOOD),
    Mark.WARNING: ("!", "!", Style.WARNING),
    Mark.FAILED: ("✘", "x", Style.BAD),
    Mark.UNKNOWN: ("?", "?", Style.PLAIN),
}
"""Sign of a finding, its form for terminals that are not UTF-8, and style."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: LiteralString
    """The subject of the check, in one word."""
    mark: Mark
    template: LiteralString
    """The finding, for ``Sanitizer.line``, with ``values``."""
    values: tuple[Value, ...] = ()
    remedy: str = ""
    """Advice to the user."""
    exit_code: int = 0
    """The exit code of a step that meets this fault."""

    @classmethod
    def of_error(cls, check: LiteralString, error: MogplexError) -> Finding:
        """Return the failure of a step that ``error`` would cause."""
        template, values = error_text(error)
        return cls(check, Mark.FAILED, template, values, remedy_of(error), error.exit_code)

    @classmethod
    def of_problem(cls, check: LiteralString, problem: Problem, *, mark: Mark = Mark.FAILED) -> Finding:
        """Return the failure or the warning that a wrong input would cause."""
        template, values = problem.line()
        if problem.input == check:  # named once
            template, values = template.removeprefix("{}: "), values[1:]
        return cls(check, mark, template, values, exit_code=2 if mark is Mark.FAILED else 0)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Print the findings and return the exit code that a step would have, or 0."""
    return perform(env, lambda session: _doctor(session, argv, env))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command: the flags of a step, and ``--json``."""
    parser = flag_parser(f"{program()} doctor")
    parser.description = "Check what a step needs, without starting anything. Takes the flags and variables of a step."
    parser.epilog = (
        f"example:\n  {program()} doctor --repo acme/web\n\nIts exit code is that of a step.\n\n{EXIT_CODES}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one finding a line")
    return parser


def _doctor(session: Session, argv: Sequence[str], env: Mapping[str, str]) -> int:
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    flags = [word for word in argv if word != "--json"]
    exit_code = 0
    with session.stop.interrupting():
        for finding in _findings(flags, env):
            _print(finding, session.console, as_json="--json" in argv)
            exit_code = exit_code or finding.exit_code
    return exit_code


def _print(finding: Finding, console: Console, *, as_json: bool) -> None:
    line = console.safe.line
    if as_json:
        message = line(f"{finding.check}: {finding.template}", *finding.values).removeprefix(f"{finding.check}: ")
        fields = {"check": finding.check, "mark": finding.mark.value, "message": message, "remedy": finding.remedy}
        console.json(Untrusted(fields))
        return
    sign, plain_sign, style = SIGNS[finding.mark]
    template = f"{sign if console.is_unicode else plain_sign} {finding.check:<14}  {finding.template}"
    if finding.remedy:
        template += " → {}" if console.is_unicode else " -> {}"
    console.line(line(template, *finding.values, *([finding.remedy] if finding.remedy else [])), style)


def _findings(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Finding]:
    platform = detect(env, sys.stdout)
    values = gather(argv, env, platform.workspace).values
    found = {
        finding.check: finding for finding in _check_service(values, env, values.get("repo") or platform.repository())
    }
    for check in SERVICE_CHECKS:
        yield found.get(check) or Finding(check, Mark.UNKNOWN, "not checked, because an earlier check failed")
    yield from _check_job(argv, env, platform)


def _check_service(values: Mapping[str, str], env: Mapping[str, str], repo: str | None) -> Iterator[Finding]:
    """Check the service and the network in between. Stops where the next check would be pointless.

    Args:
        values: the step's inputs as text.
        env: the process environment, from which requests takes proxies and certificates.
        repo: the step's repository, id or name; None when there is none.
    """
    token, url = values.get("api-key", ""), values["base-url"]
    yield _check_token(token)
    url_problem = inputs()["base-url"].problem(url, token=token)
    if url_problem is not None:
        yield Finding.of_problem("base-url", url_problem)
    if url_problem is not None or inputs()["api-key"].problem(token) is not None:
        return
    reached = yield from _check_network(url, token, env)
    if not reached or not token:
        return
    from mogplex_ci.api.client import Client

    client = Client(url, token)
    try:
        yield from _check_api(client, repo)
    finally:
        client.close()


def _check_token(token: str) -> Finding:
    if not token:
        error = NotAuthorizedError("there is none", code="UNAUTHORIZED", http_status=0)
        return Finding.of_error("token", error)
    problem = inputs()["api-key"].problem(token)
    if problem is not None:
        return Finding.of_problem("token", problem._replace(input="token"))
    if _TOKEN.fullmatch(token):
        return Finding("token", Mark.OK, "has the form of a Mogplex token")
    return Finding(
        "token",
        Mark.WARNING,
        "does not look like a Mogplex token; it has {} characters",
        (len(token),),
        "A token is mog_ and 32 letters or digits: copy it again, without quotes and without 'Bearer'.",
    )


def _check_network(url: str, token: str, env: Mapping[str, str]) -> Generator[Finding, None, bool]:
    """Send one request, and return whether anything answered it: network, proxy and TLS fail before the API does."""
    import requests

    from mogplex_ci.api.client import API_PATH
    from mogplex_ci.api.transport import Transport, media_type_of

    proxies = requests.utils.get_environ_proxies(url, no_proxy=None) if url.startswith("https:") else {}
    proxy = requests.utils.select_proxy(url, proxies)
    transport = Transport(url, token)
    try:
        answer = transport.send("GET", f"{API_PATH}/repos", query={"limit": "1"}, timeout=CALL_SECONDS)
    except (UnreachableError, WrongServiceError) as error:
        yield Finding.of_error(_failed_check(error), error)
        return False
    except NotAuthorizedError:  # a redirect to the login page: something answered
        answer = None
    finally:
        transport.close()
    if answer is not None and media_type_of(answer.headers) == "text/html":
        not_mogplex = WrongServiceError("not a Mogplex server: a web page came instead of an answer of the API")
        yield Finding.of_error("base-url", not_mogplex)
        return False
    yield Finding("base-url", Mark.OK, "{} answers", (url,))
    yield Finding("proxy", Mark.OK, "through {}", (_host(proxy),)) if proxy else Finding("proxy", Mark.OK, "none")
    if urlsplit(url).scheme == "https":
        bundle = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE") or "certifi"
        yield Finding("tls", Mark.OK, "the certificate is valid; authorities: {}", (bundle,))
    else:
        yield Finding("tls", Mark.OK, "not used on this machine's loopback")
    yield _check_clock(answer.headers.get("Date") if answer else None, time.time())
    return True


def _failed_check(error: MogplexError) -> LiteralString:
    """Return which check fails with ``error``."""
    import requests

    cause = error.__cause__
    if isinstance(cause, requests.exceptions.SSLError) or type(cause) is OSError:  # the latter: no certificate file
        return "tls"
    return "proxy" if isinstance(cause, requests.exceptions.ProxyError) else "base-url"


def _host(proxy: str) -> str:
    """Return the proxy's host and port, without the credentials that its URL may contain."""
    return urlsplit(proxy).netloc.rpartition("@")[2] or "an address that cannot be read"


def _check_clock(date: str | None, now: float) -> Finding:
    """Compare the answer's ``Date`` with ``now``, this machine's time in seconds since 1970."""
    try:
        skew = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Finding("clock", Mark.UNKNOWN, "the answer has no date")
    if abs(skew) <= SKEW_SECONDS:
        return Finding("clock", Mark.OK, "agrees with the API's")
    where = "ahead of" if skew > 0 else "behind"
    remedy = "Set this machine's clock: certificates and log times depend on it."
    return Finding("clock", Mark.WARNING, "{} {} the API's", (duration(abs(skew)), where), remedy)


def _check_api(client: Client, repo: str | None) -> Iterator[Finding]:
    try:
        finding = _check_repo(client, repo)
    except UsageError as error:  # the API answered: there is no such repository
        finding = Finding.of_problem("repo", error.problems[0])
    except MogplexError as error:
        yield Finding.of_error("authentication", error)
        return
    yield finding
    yield Finding("authentication", Mark.OK, "the API knows the token")
    yield _check_scope(client)


def _check_repo(client: Client, repo: str | None) -> Finding:
    if repo is None:
        client.repos(limit=1, timeout=CALL_SECONDS)
        return Finding("repo", Mark.UNKNOWN, "none is given; name one with --repo to have it looked up")
    if is_pattern(repo) or len(repo.split()) > 1:
        from mogplex_ci.step.fleet import find_repos

        repos = {found.id for each in find_repos(client, repo.split(), timeout=CALL_SECONDS).values() for found in each}
        return Finding("repo", Mark.OK, "the names and patterns stand for {}", (len(repos),))
    if not is_uuid(repo):
        from mogplex_ci.run.start import find_repo

        found = find_repo(client, repo, timeout=CALL_SECONDS)
        return Finding("repo", Mark.OK, "{} has the id {}", (found.full_name, found.id))
    for found in client.repos(repo_id=repo, timeout=CALL_SECONDS):
        return Finding("repo", Mark.OK, "{} is {}", (repo, found.full_name))
    remedy = "Compare it with 'mogplex repos list'. A hidden repository is not listed, yet can be used."
    return Finding("repo", Mark.WARNING, "this token does not list {}", (repo,), remedy)


def _check_scope(client: Client) -> Finding:
    """Cancel a run that does not exist: the API checks the scope before it looks for the run."""
    try:
        client.cancel(str(uuid.uuid4()), timeout=CALL_SECONDS)
    except NotFoundError:
        return Finding(
            "scope", Mark.OK, "may start and cancel runs; whether its limits leave room, only a start can tell"
        )
    except ForbiddenError as error:
        return Finding.of_error("scope", error)
    except MogplexError as error:
        return Finding("scope", Mark.UNKNOWN, *error_text(error))
    return Finding("scope", Mark.UNKNOWN, "the API answered a request that it should have refused")


def _check_job(argv: Sequence[str], env: Mapping[str, str], platform: Platform) -> Iterator[Finding]:
    """Check the CI system, the key, the inputs and the trigger; nothing is sent. ``argv`` contains a step's flags."""
    yield _check_ci(platform)
    inputs, problems = _check_inputs(argv, env, platform)
    yield _check_key(inputs, platform)
    yield from problems
    yield _check_trigger(inputs, platform)
    if inputs is not None and inputs.github_token is not None:
        yield _check_github(inputs, inputs.github_token, platform)


def _check_github(inputs: ActionInputs, token: str, platform: Platform) -> Finding:
    """Ask GitHub what the gates would ask, about a branch that is not there and the tip of the default branch."""
    from mogplex_ci.github_api import GitHubApi

    repo = inputs.repo or ""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        return Finding("github-token", Mark.UNKNOWN, "is tried with one repo, given as owner/name")
    github = GitHubApi(platform.github_api_url, token, repo)
    try:
        github.tip("mogplex-ci/doctor", timeout=CALL_SECONDS)
        if "pull-request" in inputs.require:
            github.pull_requests_of("mogplex-ci/doctor", timeout=CALL_SECONDS)
        if "checks" in inputs.require:
            github.checks("HEAD", timeout=CALL_SECONDS)
    except GitHubError as error:
        return Finding.of_error("github-token", error)
    finally:
        github.close()
    return Finding("github-token", Mark.OK, "may read what the gates need of {}", (repo,))


def _check_ci(platform: Platform) -> Finding:
    identity = platform.identity()
    if identity is None and not platform.env.get("CI"):
        return Finding("ci", Mark.UNKNOWN, "this is not a CI job")
    if identity is None:
        remedy = "Give an idempotency-key, or a retry starts a second run."
        return Finding("ci", Mark.WARNING, "the CI system or the job was not recognized", (), remedy)
    attempt = identity.attempt or "unknown"
    return Finding("ci", Mark.OK, "{}: {}, attempt {}", (platform.name, identity.label, attempt))


def _check_inputs(
    argv: Sequence[str], env: Mapping[str, str], platform: Platform
) -> tuple[ActionInputs | None, list[Finding]]:
    """Return the inputs, of the first task if there are several, None when they are wrong, and the findings."""
    missing: list[Problem] = []
    try:
        try:
            steps, _, warnings = read_fleet(argv, env, platform.workspace, platform.repository())
        except UsageError as error:
            missing = [problem for problem in error.problems if _is_missing(problem)]
            stand_ins = [word for problem in missing for word in (f"--{problem.input}", _STAND_INS[problem.input])]
            steps, _, warnings = read_fleet([*argv, *stand_ins], env, platform.workspace, platform.repository())
    except UsageError as error:
        problems = [problem for problem in error.problems if problem.input not in _CHECKED_BEFORE]
        findings = [Finding.of_problem("inputs", problem) for problem in problems]
        return None, findings or [Finding("inputs", Mark.UNKNOWN, "the others can be used")]
    findings = [Finding.of_problem("inputs", problem, mark=Mark.WARNING) for problem in warnings]
    findings += [
        Finding("inputs", Mark.UNKNOWN, "no {} is given; a step needs one", (problem.input,)) for problem in missing
    ]
    return steps[0], findings or [Finding("inputs", Mark.OK, "all can be used")]


def _is_missing(problem: Problem) -> bool:
    return problem.input in _STAND_INS and problem.fault == "is missing"


def _check_key(inputs: ActionInputs | None, platform: Platform) -> Finding:
    if inputs is None:
        return Finding("key", Mark.UNKNOWN, "not known before the inputs can be used")
    key = key_of(inputs, platform)
    if key.explicit:
        return Finding("key", Mark.OK, "{}, as given", (key.base,))
    if platform.identity() is None:
        return Finding("key", Mark.UNKNOWN, "a new one each time, such as {}", (key.base,))
    return Finding("key", Mark.OK, "{}", (key.base,))


def _check_trigger(inputs: ActionInputs | None, platform: Platform) -> Finding:
    app = platform.unknown_app(Trust(bots=inputs.allowed_bots) if inputs else Trust())
    if app is not None:
        return Finding("trigger", Mark.WARNING, "{}: a step would be skipped", (app,))
    reason = platform.untrusted_trigger(Trust())
    if reason is None:
        return Finding("trigger", Mark.OK, "the event can be trusted")
    if inputs is not None and "*" in inputs.allowed_users:
        return Finding("trigger", Mark.WARNING, "{}; allowed by allowed-users", (reason,))
    return Finding.of_error("trigger", UntrustedTriggerError(reason))
