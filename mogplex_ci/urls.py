"""Addresses that a token is sent to, and those of our own pages."""

import re
from typing import Final
from urllib.parse import urlsplit

GITHUB_URL: Final = "https://github.com"
DOCS: Final = "https://github.com/mogplex/run-action/blob/main/docs"
"""The pages that messages refer to."""
_LOOPBACK: Final = r"localhost|127(?:\.[0-9]{1,3}){3}|::1"


def base_url_fault(text: str, *, allow_http: bool = False) -> str | None:
    """Return why a token must not be sent to ``text``, as ``is not a URL``; None for https, and for
    this machine.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port  # ValueError: not a port, or not an IPv6 address
    except ValueError:
        return "is not a URL"
    # urlsplit drops tabs and line breaks, and takes a backslash into the host; urllib3 does not.
    # They would disagree about who gets the token.
    if not host or not re.fullmatch(r"https?://[^\x00- \x7f\\]+", text):
        return "is not a URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "contains credentials, a query or a fragment"
    if parts.scheme == "http" and not allow_http and not re.fullmatch(_LOOPBACK, host):
        return "would send the token unencrypted"
    return None


def host_of(endpoint: str) -> str:
    """Return the host and port of an address, without the user and password that it may have;
    empty if it is not an address.
    """
    try:
        return urlsplit(endpoint).netloc.rpartition("@")[2]
    except ValueError:
        return ""
