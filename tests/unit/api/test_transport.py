"""Where the token goes, and where it does not; and answers that come slowly or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, ContentDecodingError
from requests.exceptions import SSLError as TlsFailed
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)

from mogplex_ci.api.client import Client
from mogplex_ci.api.proxy import Proxy
from mogplex_ci.api.transport import _origin, failure_of
from mogplex_ci.errors import (
    MogplexError,
    ProxyFailedError,
    UnreachableError,
    UsageError,
    WrongServiceError,
)
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import NoThreadError
from tests.https_proxy import Break, How, HttpsProxy, Refusal, certificate
from tests.unit.api.peers import REPOS, TOKEN, answer, answering, peer
from tests.waits import LONG

FOUND = answer(200, REPOS)


def test_sends_the_token_and_its_own_name_whatever_a_netrc_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine mogplex.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    send = Mock(side_effect=requests.ConnectionError)
    monkeypatch.setattr(requests.Session, "send", send)
    with pytest.raises(UnreachableError):
        Client("https://mogplex.example", TOKEN).repos()
    headers = send.call_args.args[0].headers
    assert (headers["Authorization"], headers["User-Agent"][:12], headers["Accept"]) == (
        f"Bearer {TOKEN}",
        "mogplex-ci/1",
        "application/json",
    )


def test_the_token_does_not_go_to_a_proxy_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    with peer(answering(FOUND)) as url, peer(answering(FOUND), seen) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        Client(url, TOKEN).repos()
    assert seen == []


@pytest.mark.parametrize("status", [299, 300, 301, 302, 303, 307, 308, 399, 400])
def test_the_token_does_not_follow_a_redirect_to_another_host(status: int) -> None:
    seen: list[str] = []
    with peer(answering(FOUND), seen) as elsewhere:
        target = elsewhere.replace("127.0.0.1", "localhost")
        with (
            peer(answering(answer(status, location=target))) as url,
            pytest.raises(MogplexError) as raised,
        ):
            Client(url, TOKEN).repos()
    assert seen == []
    assert isinstance(raised.value, WrongServiceError) is (300 <= status < 400)
    assert ("another host" in raised.value.cause) is (300 <= status < 400)


@pytest.mark.parametrize(
    "location",
    [
        "http://{there}\\@{here}/x",
        "//{there}\\@{here}/x",
        "http://{there}\\\\@{here}/x",
        "http://{here}@{there}/x",
        "http://{there}@{here}/x",
        "http://{there}?@{here}/x",
        "http://{there}#@{here}/x",
        "http://{here}\t@{there}/x",
        "\\\\{there}/x",
        "http://[",
        "http://[::1",
        "//[x]/",
        "http://{here}x/",
        "http://{there}99999/",
        "http://\xff/",
    ],
)
def test_the_token_does_not_follow_a_location_that_is_no_address_or_two(location: str) -> None:
    seen: list[str] = []
    with peer(answering(FOUND), seen) as elsewhere:

        def talk(connection: socket.socket) -> None:
            named = location.format(here=urlsplit(url).netloc, there=urlsplit(elsewhere).netloc)
            connection.sendall(answer(308, location=named))

        with peer(talk) as url, pytest.raises(WrongServiceError, match="another host"):
            Client(url, TOKEN).repos()
    assert seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 306, 307, 308, 309])
def test_a_post_follows_only_where_it_stays_a_post(status: int) -> None:
    run = {"runId": "run-1", "status": "cancelled"}
    cancelled = answer(200, {"ok": True, "data": {"run": run, "status": "cancelled"}})
    seen: list[str] = []
    with peer(answering(answer(status, location="/moved"), cancelled), seen) as url:
        if status in (307, 308):
            assert Client(url, TOKEN).cancel("run-1").status == "cancelled"
        else:
            with pytest.raises(WrongServiceError, match="as a GET"):
                Client(url, TOKEN).cancel("run-1")
    assert [request.split()[1] for request in seen[1:]] == (
        ["/moved"] if status in (307, 308) else []
    )


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_an_answer_may_have_sixteen_mebibytes(more: int, is_read: bool) -> None:
    body = json.dumps(REPOS).ljust(16 * 1024 * 1024 + more)
    with peer(answering(answer(200, body))) as url:
        if is_read:
            assert Client(url, TOKEN).repos() == []
        else:
            with pytest.raises(UnreachableError, match="larger than 16 MiB"):
                Client(url, TOKEN).repos()


def test_a_circle_of_redirects_ends() -> None:
    seen: list[str] = []
    with peer(answering(answer(307, location="/again")), seen) as url:
        with pytest.raises(WrongServiceError, match="circles"):
            Client(url, TOKEN).repos()
    assert len(seen) == 4


INTERIM = b"".join(
    b"HTTP/1.1 %d Interim\r\nLink: </x>; rel=preload\r\n\r\n" % status
    for status in (100, 102, 103, 103)
)


def test_interim_answers_are_read_past() -> None:
    with peer(answering(INTERIM + FOUND)) as url:
        assert Client(url, TOKEN).repos() == []


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        ("https://mogplex.com/x", "https://www.mogplex.com/y", True),
        ("https://mogplex.com", "https://mogplex.com:443", True),
        ("https://mogplex.com", "http://mogplex.com", False),
        ("http://mogplex.com", "http://www.mogplex.com", False),
        ("https://mogplex.com", "https://www.mogplex.com:443", True),
        ("https://mogplex.com:8443", "https://www.mogplex.com:8443", True),
        ("https://mogplex.com", "https://www.mogplex.com:8443", False),
        ("https://mogplex.com", "https://api.mogplex.com", False),
        ("https://mogplex.com", "ftp://www.mogplex.com:443", False),
        ("ftp://mogplex.com:443", "https://www.mogplex.com", False),
        ("https://mogplex.com", "https://mogplex.com.evil.example", False),
        ("https://mogplex.com", "https://www.www.mogplex.com", False),
    ],
)
def test_which_hosts_are_one_service(here: str, there: str, same: bool) -> None:
    assert (_origin(urlsplit(here)) == _origin(urlsplit(there))) is same


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:9", "127.0.0.1:9 refused the connection"),
        ("http://nowhere.invalid:8787", "the host name nowhere.invalid cannot be resolved"),
        ("http://a..b:8787", "the API's response could not be read"),
    ],
)
@pytest.mark.usefixtures("unknown_names")
def test_a_host_that_cannot_be_reached_is_named_and_tried_for_two_minutes(
    url: str, cause: str
) -> None:
    with pytest.raises(UnreachableError) as caught:
        Client(url, TOKEN).repos()
    error = caught.value
    assert (error.cause, error.exit_code, error.patience, error.may_have_worked) == (
        cause,
        69,
        120.0,
        False,
    )


POOL, CONNECTION = HTTPConnectionPool("localhost"), HTTPConnection("mogplex.example")
UNTRUSTED = ssl.SSLCertVerificationError()
UNTRUSTED.verify_message = "self-signed certificate"


def unanswered(kind: type[requests.RequestException], reason: Exception) -> Exception:
    """Return the error of requests for a connection that was given up before an answer began."""
    return kind(MaxRetryError(POOL, "/", reason))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            unanswered(TlsFailed, SSLError(UNTRUSTED)),
            "the TLS certificate of mogplex.example could not",
        ),
        (
            unanswered(TlsFailed, SSLError("wrong version")),
            "the TLS connection to mogplex.example failed",
        ),
        (TlsFailed(SSLError("bad record")), "the TLS connection to mogplex.example failed"),
        (
            unanswered(NoConnection, NewConnectionError(CONNECTION, "gone")),
            "the connection to mogplex.ex",
        ),
        (
            unanswered(ConnectTimeout, ConnectTimeoutError(POOL, "slow")),
            "mogplex.example could not be reached",
        ),
        (
            NoConnection(ProtocolError("Connection aborted.", ConnectionResetError())),
            "the connection to mogplex.example was dropped",
        ),
        (
            NoConnection(ProtocolError("Connection aborted.", OSError())),
            "the connection to mogplex.example",
        ),
        (NoThreadError(), "the step ran out of threads before it asked mogplex.example"),
        (TimeoutError(), "the API did not respond in time"),
        (ContentDecodingError("gzip"), "the API's response could not be read"),
        (OSError("odd"), "the API's response could not be read"),
    ],
)
def test_what_went_wrong_is_said_in_our_words(error: Exception, words: str) -> None:
    found = failure_of(error, "mogplex.example", None)
    behind = failure_of(error, "mogplex.example", Proxy("HTTPS_PROXY", "proxy.example:3128"))
    assert behind.cause == (f"{found.cause}, through the proxy proxy.example:3128 of HTTPS_PROXY")
    assert found.cause.startswith(words)
    assert found.detail == (
        Untrusted("self-signed certificate") if "certificate" in words else None
    )


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsProxy]:
    """A service behind a proxy, whose certificate is trusted."""
    public = certificate(tmp_path, "mogplex.example")
    with peer(answering(FOUND)) as url, HttpsProxy(url, public).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
        yield proxy


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        ("503", r"the proxy [\d.:]+ of HTTPS_PROXY could not be used: it returned status 503"),
        ("hang up", "the connection to mogplex.example was dropped, through the proxy"),
        ("no certificate", "the TLS connection to mogplex.example failed, through the proxy"),
    ],
)
def test_without_a_tunnel_and_a_certificate_nothing_was_sent(
    service: HttpsProxy, refusal: Refusal, cause: str
) -> None:
    service.refusals = [refusal]
    client = Client("https://mogplex.example", TOKEN)
    with pytest.raises(UnreachableError, match=cause) as raised:
        client.repos()
    assert (raised.value.may_have_worked, client.requests_sent) == (False, 0)


@pytest.mark.parametrize("how", get_args(How))
def test_whatever_breaks_on_a_connection_the_request_may_have_worked(
    service: HttpsProxy, how: How
) -> None:
    client = Client("https://mogplex.example", TOKEN)
    service.breaks = [Break("GET", how)]
    with pytest.raises(UnreachableError) as raised:
        client.repos()
    assert (raised.value.may_have_worked, client.requests_sent) == (True, 1)


def proxy_answering(status: int) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(
        f"HTTP/1.1 {status} Odd\r\nContent-Length: 0\r\n\r\n".encode()
    )


@pytest.mark.parametrize(
    ("status", "reason", "remedy"),
    [
        (
            407,
            "it returned status 407",
            "Put the user and password into {}, as in http://USER:PASSWORD@HOST:PORT",
        ),
        (403, "it returned status 403", "Check {} and NO_PROXY"),
        (None, "it refused the connection", "Check {} and NO_PROXY"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_named_with_its_variable_and_reason_and_without_its_password(
    variable: str, status: int | None, reason: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        address = "http://127.0.0.1:9"
        if status is not None:
            address = stack.enter_context(peer(proxy_answering(status)))
        host = urlsplit(address).netloc
        monkeypatch.setenv(variable, f"http://ada:hunter2@{host}")
        with pytest.raises(ProxyFailedError) as raised:
            Client("https://mogplex.example", TOKEN).repos()
    error = raised.value
    assert error.cause == f"the proxy {host} of {variable} could not be used: {reason}"
    assert error.remedy.startswith(remedy.format(variable))
    assert "hunter2" not in f"{error.cause} {error.remedy} {error.detail}"
    assert (error.exit_code, error.patience, error.may_have_worked) == (69, 120.0, False)


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy:99999",
        "http://ada:hunter2@:3128",
        "http://ada:hunter2@proxy:port",
        "ftp://proxy:21",
        "socks5://proxy:1080",
        "http://pro xy:3128",
        "http://[::1:3128",
        "$PROXY",
    ],
)
def test_a_malformed_proxy_is_a_usage_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(UsageError) as raised:
        Client("https://mogplex.example", TOKEN)
    (problem,) = raised.value.problems
    assert (problem.input, problem.got) == ("HTTPS_PROXY", None)
    assert "is not a usable proxy address" in problem.fault


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def dribble(start: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Send ``start``, and then a little again and again, so that no single read takes long."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        dribble(b"", b"H"),
        dribble(HEAD, b"X"),
        dribble(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        dribble(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        dribble(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
        lambda _: time.sleep(LONG),
    ],
    ids=["status line", "header", "body", "chunks", "within a chunk", "silence"],
)
def test_an_answer_that_does_not_come_in_time_is_given_up(
    talk: Callable[[socket.socket], None],
) -> None:
    with peer(talk) as url, pytest.raises(UnreachableError) as raised:
        Client(url, TOKEN).repos(timeout=0.5)
    assert raised.value.may_have_worked
