"""What ``doctor`` asks the API and the network between; nothing of it starts or changes a run."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mogplex_ci.commands.console import error_phrase
from mogplex_ci.commands.findings import Finding, Mark
from mogplex_ci.durations import format_duration
from mogplex_ci.errors import (
    ForbiddenError,
    MogplexError,
    NotAuthorizedError,
    NotFoundError,
    UnreachableError,
    UsageError,
    WrongServiceError,
)
from mogplex_ci.inputs.schema import inputs, is_uuid

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from mogplex_ci.api.client import Client

CHECKS: Final = ("token", "base-url", "proxy", "tls", "clock", "authentication", "scope", "repo")
CALL_SECONDS: Final = 10.0
SKEW_SECONDS: Final = 60.0
"""How much the clocks may differ before it is said: HTTP tells whole seconds, and the answer takes its time."""
_TOKEN = re.compile(r"mog_[0-9A-Za-z]{32}", re.ASCII)


def check_service(values: Mapping[str, str], env: Mapping[str, str], *, repository: str | None) -> Iterator[Finding]:
    """Yield one finding for each of ``CHECKS``, in this order.

    Args:
        values: the step's inputs as text.
        env: the process environment, for what requests reads from it.
        repository: the CI system's own repository, the default for ``repo``.
    """
    found = {finding.check: finding for finding in _examine(values, env, values.get("repo") or repository)}
    for check in CHECKS:
        yield found.get(check) or Finding(check, Mark.UNKNOWN, "not asked: something else is in the way")


def _examine(values: Mapping[str, str], env: Mapping[str, str], repo: str | None) -> Iterator[Finding]:
    """Yield findings as far as the way leads."""
    token, url = values.get("api-key", ""), values["base-url"]
    yield _token(token)
    fault = inputs()["base-url"].problem(url, token=token)
    if fault is not None:
        yield Finding.of_problem("base-url", fault)
    if fault is not None or inputs()["api-key"].problem(token) is not None:
        return
    reached = yield from _reach(url, token, env)
    if not reached or not token:
        return
    from mogplex_ci.api.client import Client

    client = Client(url, token)
    try:
        yield from _ask(client, repo)
    finally:
        client.close()


def _token(token: str) -> Finding:
    if not token:
        error = NotAuthorizedError("there is none", code="UNAUTHORIZED", http_status=0)
        return Finding.of_error("token", error)
    fault = inputs()["api-key"].problem(token)
    if fault is not None:
        return Finding.of_problem("token", replace(fault, input="token"))
    if _TOKEN.fullmatch(token):
        return Finding("token", Mark.OK, "has the form of a Mogplex token")
    return Finding(
        "token",
        Mark.WARNING,
        "does not look like a Mogplex token; it has {} characters",
        (str(len(token)),),
        "A token is mog_ and 32 letters or digits: copy it again, without quotes and without 'Bearer'.",
    )


def _reach(url: str, token: str, env: Mapping[str, str]) -> Generator[Finding, None, bool]:
    """Send one request, and return whether anything answered it. Network, proxy and TLS fail before the API does."""
    import requests

    from mogplex_ci.api.client import API_PATH
    from mogplex_ci.api.transport import Transport

    proxies = requests.utils.get_environ_proxies(url, no_proxy=None) if url.startswith("https:") else {}
    proxy = requests.utils.select_proxy(url, proxies)
    transport = Transport(url, token)
    try:
        answer = transport.send("GET", f"{API_PATH}/repos", query={"limit": "1"}, timeout=CALL_SECONDS)
    except (UnreachableError, WrongServiceError) as error:
        yield Finding.of_error(_culprit(error), error)
        return False
    except NotAuthorizedError:  # the way to the login page: something answered
        answer = None
    finally:
        transport.close()
    yield Finding("base-url", Mark.OK, "{} answers", (url,))
    yield Finding("proxy", Mark.OK, "through {}", (_host(proxy),)) if proxy else Finding("proxy", Mark.OK, "none")
    if urlsplit(url).scheme == "https":
        bundle = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE") or "certifi"
        yield Finding("tls", Mark.OK, "the certificate is valid; authorities: {}", (bundle,))
    else:
        yield Finding("tls", Mark.OK, "not used on this machine's loopback")
    yield _clock(answer.headers.get("Date") if answer else None, time.time())
    return True


def _culprit(error: MogplexError) -> str:
    import requests

    if isinstance(error.__cause__, requests.exceptions.SSLError):
        return "tls"
    return "proxy" if isinstance(error.__cause__, requests.exceptions.ProxyError) else "base-url"


def _host(proxy: str) -> str:
    """Return where the proxy is, without the credentials that its URL may hold."""
    return urlsplit(proxy).netloc.rpartition("@")[2] or "an address that cannot be read"


def _clock(date: str | None, now: float) -> Finding:
    """Compare the answer's ``Date`` with this machine's time, in seconds since 1970."""
    try:
        skew = now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Finding("clock", Mark.UNKNOWN, "the answer did not tell the time")
    if abs(skew) <= SKEW_SECONDS:
        return Finding("clock", Mark.OK, "agrees with the API's")
    where = "ahead of" if skew > 0 else "behind"
    remedy = "Set this machine's clock: certificates and log times depend on it."
    return Finding("clock", Mark.WARNING, "{} {} the API's", (format_duration(abs(skew)), where), remedy)


def _ask(client: Client, repo: str | None) -> Iterator[Finding]:
    try:
        finding = _repo(client, repo)
    except UsageError as error:  # asked and answered: there is no such repository
        finding = Finding.of_problem("repo", error.problems[0])
    except MogplexError as error:
        yield Finding.of_error("authentication", error)
        return
    yield finding
    yield Finding("authentication", Mark.OK, "the API knows the token")
    yield _scope(client)


def _repo(client: Client, repo: str | None) -> Finding:
    if repo is None:
        client.repos(limit=1, timeout=CALL_SECONDS)
        return Finding("repo", Mark.UNKNOWN, "none is given; name one with --repo to have it looked up")
    if not is_uuid(repo):
        from mogplex_ci.run.repo import find_repo

        found = find_repo(client, repo, timeout=CALL_SECONDS)
        return Finding("repo", Mark.OK, "{} has the id {}", (found.full_name, found.id))
    for found in client.repos(repo_id=repo, timeout=CALL_SECONDS):
        return Finding("repo", Mark.OK, "{} is {}", (repo, found.full_name))
    remedy = "Compare it with 'mogplex repos list'. A hidden repository is not listed, yet can be used."
    return Finding("repo", Mark.WARNING, "this token does not list {}", (repo,), remedy)


def _scope(client: Client) -> Finding:
    """Cancel a run that does not exist: the API looks at the scope first, and at the run's id only then."""
    try:
        client.cancel(str(uuid.uuid4()), timeout=CALL_SECONDS)
    except NotFoundError:
        return Finding(
            "scope", Mark.OK, "may start and cancel runs; whether its limits leave room, only a start can tell"
        )
    except ForbiddenError as error:
        return Finding.of_error("scope", error)
    except MogplexError as error:
        template, values = error_phrase(error)
        return Finding("scope", Mark.UNKNOWN, template, values)
    return Finding("scope", Mark.UNKNOWN, "the API answers what it should not")
