"""HTTP as this API needs it: one session, strict redirects, a time limit for the whole answer."""

import io
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPResponse, parse_headers
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    ProxyError,
    SSLError,
)

from mogplex_ci import __version__, errors
from mogplex_ci.api.proxy import Proxy, proxy_for
from mogplex_ci.api.retry import CALL_SECONDS
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import NoThreadError, bounded

T = TypeVar("T")
CONNECT_SECONDS: Final = 5.0
# 200 events at the service's limits have 4 MB, and it does not limit their messages.
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 65_536


class Answer(NamedTuple):
    """An answer: status, headers (names in any case) and the whole body, or what a stream is read
    from.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    stream: requests.Response | None = None
    """The open response, if a stream was asked for and the status is 200."""

    @property
    def media_type(self) -> str:
        """The content type without parameters, such as ``application/json``; empty when there is
        none.
        """
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class _AnswerAfterInterim(HTTPResponse):
    """Reads past interim answers (1xx): ``http.client`` takes all but 100 for the answer itself."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private, but the only way in
            # After 101 the connection speaks another protocol.
            if not 100 <= status < 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            parse_headers(self.fp)


_NOT_CONNECTED: Final = "no connection was made, or its certificate was not accepted"
"""Note of an error before which certainly nothing was sent to the service."""


class Connection(HTTPConnection):
    """A connection, in the clear."""

    response_class = _AnswerAfterInterim

    def connect(self) -> None:
        """Connect, with TLS and a tunnel if need be.

        The type of an error does not show it: urllib3 has the same for a connection that breaks
        later. It forgets that there was a tunnel when that breaks (``HTTPConnection.close``).
        """
        try:
            super().connect()
        except Exception as error:
            error.add_note(_NOT_CONNECTED)
            raise


class _TlsConnection(Connection, HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """Makes our connections, directly and through a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool that a request takes its connection from."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _TlsConnection if pool.scheme == "https" else Connection
        return pool


class _Session(requests.Session):
    """Makes our connections, and does not look where a redirect leads."""

    def __init__(self) -> None:
        super().__init__()
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: ``Transport`` looks where a redirect leads.

        Even with ``allow_redirects=False``, requests would read a redirect's body of any size, and
        fail if the address is malformed.
        """


class RequestLog(Protocol):
    """Where requests are logged."""

    def request(self, method: str, path: str, *, status: int | None, milliseconds: float) -> None:
        """Log a request; ``status`` is None when no answer came."""


class Transport:
    """Sends requests to one API host with one token.

    Proxies and CA bundles come from the environment, as requests reads them; plain http goes
    through no proxy.
    """

    def __init__(self, base_url: str, token: str, *, diagnostics: RequestLog | None = None) -> None:
        """``base_url`` is the service's base URL without the API's path.

        Raises:
            UsageError: the environment names a proxy by a malformed address.
        """
        self._diagnostics = diagnostics
        self._base = base_url.rstrip("/")
        self._session = _Session()
        self._session.auth = lambda request: request  # without it, requests would read a ``.netrc``
        # Plain http is for loopback: a proxy would see the token in the clear.
        self._session.trust_env = not self._base.startswith("http:")
        self._proxy = proxy_for(self._base) if self._session.trust_env else None
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.headers["User-Agent"] = f"mogplex-ci/{__version__}"
        self._session.headers["Accept"] = "application/json"
        self.requests_sent = 0
        """Requests that have arrived so far, or may have; redirects included."""

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        json: object = None,
        headers: Mapping[str, str | None] | None = None,
        timeout: float = CALL_SECONDS,
        silence: float | None = None,
    ) -> Answer:
        """Send one request and read its whole answer within ``timeout`` seconds.

        Nothing is sent for None in ``query`` and ``headers``. ``silence`` asks for a stream: its
        headers must arrive within ``timeout`` seconds, and later reads fail after ``silence``
        seconds without a byte. Redirects are followed if they are trusted.

        Raises:
            UnreachableError: no connection, or no whole answer in time.
            WrongServiceError: a redirect that would carry the token elsewhere, or no file with
                certificates.
            NotAuthorizedError: the service redirects to its login page.
        """
        url = self._base + path
        ends = time.monotonic() + timeout
        for _ in range(_MAX_REDIRECTS + 1):
            answer = self._exchange(
                method, url, ends, silence, params=query, json=json, headers=headers
            )
            location = answer.headers.get("Location")
            if not 300 <= answer.status < 400 or location is None:
                return answer
            url = _redirect_target(url, location, answer.status, method)
            query = None  # the new address has its own
        raise errors.WrongServiceError("the API redirects in circles")

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _exchange(
        self, method: str, url: str, ends: float, silence: float | None, **parts: Any
    ) -> Answer:
        began = time.monotonic()
        # Redirects may have used up the time, and urllib3 refuses a timeout of 0.
        left = max(ends - began, 0.05)

        def exchange() -> Answer:
            timeout = min(CONNECT_SECONDS, left), silence or left
            response = self._session.request(
                method, url, timeout=timeout, allow_redirects=False, stream=True, **parts
            )
            # After that time no one waits for the stream, and no one would close it.
            if silence and response.status_code == 200 and time.monotonic() <= ends:
                return Answer(response.status_code, response.headers, b"", response)
            with response:
                return Answer(response.status_code, response.headers, _read_body(response, ends))

        status: int | None = None
        self.requests_sent += 1
        try:
            answer = _in_time(exchange, left, url, self._proxy)
            status = answer.status
            return answer
        except errors.MogplexError as failure:
            # It did not reach the service, and takes nothing of the token's 60 requests a minute.
            self.requests_sent -= not failure.may_have_worked
            raise
        finally:
            if self._diagnostics is not None:
                milliseconds = (time.monotonic() - began) * 1000
                self._diagnostics.request(
                    method, urlsplit(url).path, status=status, milliseconds=milliseconds
                )


def _in_time(exchange: Callable[[], T], seconds: float, url: str, proxy: Proxy | None) -> T:
    """Return the result of ``exchange`` with the host of ``url``, or raise its error in our
    words.
    """
    try:
        return bounded(exchange, seconds)
    # HTTPError: requests lets urllib3's own through, such as for the host a..b.example.
    except (requests.RequestException, HTTPError, OSError) as error:
        raise failure_of(error, urlsplit(url).netloc, proxy) from error


def _read_body(response: requests.Response, ends: float) -> bytes:
    body = io.BytesIO()  # its content is not copied at the end
    for chunk in response.iter_content(_CHUNK_BYTES):
        body.write(chunk)
        if body.tell() > MAX_ANSWER_BYTES:
            raise errors.UnreachableError(
                f"the API's response is larger than {MAX_ANSWER_BYTES // 1024 // 1024} MiB"
            )
        if time.monotonic() > ends:
            raise TimeoutError
    return body.getvalue()


def _redirect_target(url: str, location: str, status: int, method: str) -> str:
    """Return the URL to go to next; the token goes to the same host or its ``www.`` variant, and
    nowhere else.
    """
    here = there = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, location))
        # urlsplit and urllib3 disagree about the host of a URL with a user or a backslash.
        trusted = (
            _origin(here) == _origin(there) and "@" not in there.netloc and "\\" not in location
        )
    except ValueError:
        trusted = False
    if not trusted:
        raise errors.WrongServiceError(
            "the API redirects to another host, which must not get the token",
            detail=Untrusted(location),
        )
    # The service redirects a request without a usable bearer token to its login page (307).
    if there.path == "/login":
        raise errors.NotAuthorizedError(
            "the API does not accept this token's form", may_have_worked=True
        )
    # 301 to 303 turn a POST into a GET (RFC 9110, 15.4), which would read instead of start.
    if method != "GET" and status not in (307, 308):
        raise errors.WrongServiceError(
            "the API redirects this request as a GET, which would lose its content"
        )
    return there.geturl()


def _origin(url: SplitResult) -> tuple[str, str, int]:
    """Return what names a service: scheme, host and port; over https its ``www.`` variant is the
    same one.
    """
    is_https = url.scheme == "https"
    host = str(url.hostname)
    return (
        url.scheme,
        # www.mogplex.com redirects to mogplex.com.
        host.removeprefix("www.") if is_https else host,
        url.port or (443 if is_https else 80),
    )


_NO_AUTHORITIES: Final = (
    "Could not find a suitable TLS CA certificate bundle",
    "NO_CERTIFICATE_OR_CRL_FOUND",
)
"""The words of requests for a missing certificate file, and of OpenSSL for a file without a
certificate.
"""
_FAILURES: Final[Sequence[tuple[type[Exception], type[errors.UnreachableError], str]]] = (
    (NoThreadError, errors.NoThreadLeftError, "the step ran out of threads before it asked {}"),
    (
        ssl.SSLCertVerificationError,
        errors.CertificateError,
        "the TLS certificate of {} could not be verified",
    ),
    (SSLError, errors.UnreachableError, "the TLS connection to {} failed"),
    (NameResolutionError, errors.UnreachableError, "the host name {name} cannot be resolved"),
    (ConnectionRefusedError, errors.UnreachableError, "{} refused the connection"),
    (
        requests.ConnectTimeout,
        errors.UnreachableError,
        "{} could not be reached: connecting took too long",
    ),
    (
        ConnectionResetError,
        errors.UnreachableError,
        "the connection to {} was dropped",
    ),
    (requests.ConnectionError, errors.UnreachableError, "the connection to {} failed"),
    (TimeoutError, errors.UnreachableError, "the API did not respond in time"),
    (Exception, errors.UnreachableError, "the API's response could not be read"),
)
"""An error or its cause, the error that users see, and the words about the host (``{name}`` is the
host without its port). The first matching row wins.
"""
_TUNNEL_REFUSED: Final = r"Tunnel connection failed: (\d{3})\b"
"""How ``http.client`` says that a proxy does not answer CONNECT with 200."""


def failure_of(error: Exception, host: str, proxy: Proxy | None) -> errors.MogplexError:
    """Return the error in our words: the libraries' own text may hold URLs with the credentials of
    a proxy.

    ``host`` is the API's; ``proxy`` is the proxy through which it is reached.
    """
    if any(text in str(error) for text in _NO_AUTHORITIES):
        return errors.WrongServiceError(
            "the certificate file of this job's environment is missing or does not contain a certificate",
            remedy="Check REQUESTS_CA_BUNDLE. In a container it needs the container's path, and a workspace has the "
            "file only after a checkout.",
            may_have_worked=False,
        )
    causes = list(_causes_of(error))
    never_sent = isinstance(error, NoThreadError) or any(
        _NOT_CONNECTED in getattr(cause, "__notes__", ()) for cause in causes
    )
    detail = next(
        (
            Untrusted(c.verify_message)
            for c in causes
            if isinstance(c, ssl.SSLCertVerificationError)
        ),
        None,
    )
    is_proxy_error = any(isinstance(cause, ProxyError) for cause in causes)
    if proxy is not None and is_proxy_error and never_sent:
        return _proxy_failure(causes, proxy, detail)
    kind, words = _row_of(causes)
    cause = words.format(host, name=host.partition(":")[0])
    if proxy is not None:
        cause += f", through the proxy {proxy.host} of {proxy.variable}"
    return kind(cause, detail=detail, may_have_worked=not never_sent)


def _row_of(causes: Sequence[BaseException]) -> tuple[type[errors.UnreachableError], str]:
    return next(
        (kind, words)
        for type_, kind, words in _FAILURES
        if any(isinstance(cause, type_) for cause in causes)
    )


def _proxy_failure(
    causes: Sequence[BaseException], proxy: Proxy, detail: Untrusted | None
) -> errors.ProxyFailedError:
    """Return why the proxy lets nothing through: it cannot be reached, or it refuses the tunnel."""
    refusals = [re.match(_TUNNEL_REFUSED, str(cause)) for cause in causes]
    status = next((refusal[1] for refusal in refusals if refusal is not None), None)
    remedy = f"Check {proxy.variable} and NO_PROXY in this job's environment."
    if status is not None:
        reason = f"it returned status {status}"
    # Not isinstance(): in urllib3 every connection that cannot be made is a subclass of it.
    elif any(type(cause) is ConnectTimeoutError for cause in causes):
        reason = "connecting took too long"
    else:
        reason = _row_of(causes)[1].format("it", name=proxy.host.partition(":")[0])
    if status == "407":
        remedy = (
            f"Put the user and password into {proxy.variable}, as in http://USER:PASSWORD@HOST:PORT, and keep "
            "it in a secret; or name the API's host in NO_PROXY."
        )
    return errors.ProxyFailedError(
        f"the proxy {proxy.host} of {proxy.variable} could not be used: {reason}",
        detail=detail,
        remedy=remedy,
        may_have_worked=False,
    )


def _causes_of(error: object) -> Iterator[BaseException]:
    """Yield an error, and those behind it: the libraries keep a cause in one of three places."""
    while isinstance(error, BaseException):
        yield error
        within = next((each for each in error.args if isinstance(each, BaseException)), None)
        error = getattr(error, "reason", None) or error.__cause__ or within
