"""The proxy that the environment names for an address, as requests finds it."""

import os
import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from mogplex_ci.errors import UsageError
from mogplex_ci.problems import Problem

# requests needs PySocks for socks5, and the image does not have it.
_SCHEMES: Final = ("http", "https")
_HOST: Final = r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+"
_REMEDY: Final = "Set it to http://HOST:PORT, or leave it out."


class Proxy(NamedTuple):
    """A proxy, without the user and password that its address may hold."""

    variable: str
    """The variable that names it, such as ``HTTPS_PROXY``."""
    host: str
    """``host:port``."""


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy through which ``url`` is reached; None when there is none, or ``NO_PROXY``
    names the host.

    Raises:
        UsageError: the variable's value is not a usable proxy address.
    """
    address = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not address:
        return None
    own = f"{urlsplit(url).scheme}_proxy"
    # requests does not say which variable it took. It prefers the name in small letters.
    names = (own, own.upper(), "all_proxy", "ALL_PROXY")
    variable = next((name for name in names if os.environ.get(name) == address), own.upper())
    host = _host_of(address)
    if host is None:
        # Not shown: it may hold a password.
        raise UsageError(Problem(variable, "is not a usable proxy address", _REMEDY))
    return Proxy(variable, host)


def _host_of(address: str) -> str | None:
    """Return ``host:port`` of a proxy's address; None if it cannot be used."""
    try:
        # requests takes an address without a scheme for one of http.
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in _SCHEMES or not host or not re.fullmatch(_HOST, host):
        return None
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
