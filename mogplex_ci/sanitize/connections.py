"""The passwords in connection strings: addresses of databases and brokers, and lists of settings
such as ``Server=…;Password=…``.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from mogplex_ci.sanitize.formats import compiled

_URL: Final = r"([a-z][a-z0-9+.-]{1,30})://([^\s/:@]*):([^\s/@]{8,})@([^\s\"']*)"
_SETTING: Final = (
    r"(?i)(?:\A|[?&;\s])[\w .-]{0,40}?(?:password|passwd|pwd|secret|key|token|signature|\bsig)"
    r"[ \t]*=[ \t]*([^\s;&\"']{8,})"
)
_SERVER: Final = (
    r"(?i)\A\s*(?!https?://)(?:jdbc:)?[a-z][a-z0-9+.-]{1,30}://"
    r"|(?:\A|;)\s*(?:server|host|hostname|data source|endpoint|accountname)\s*="
)


def url_passwords(text: str) -> Iterator[str]:
    """Yield the passwords of at least 8 characters in the URLs of ``text``, as they are written and
    as they are.

    One that stands elsewhere in its URL is none: ``postgres://postgres:postgres@localhost``.
    """
    for scheme, user, password, rest in compiled(_URL).findall(text):
        if password not in (scheme, user) and password not in rest:
            yield from (password, unquote(password))


def passwords_in(value: str) -> Iterator[str]:
    """Yield the passwords in ``value``, a secret: those of URLs and of settings."""
    yield from url_passwords(value)
    for password in compiled(_SETTING).findall(value):
        yield from (password, unquote(password))


def names_server(value: str) -> bool:
    """Whether ``value`` says how a server is reached: of that only the passwords are secret."""
    return compiled(_SERVER).search(value) is not None or compiled(_URL).match(value) is not None
