"""The formats that inputs may have: what is refused, and what to write instead.

Each function takes an input's text and raises ``ValueError`` with the fault when it is not of the format. The text
behind the function's name in ``ALLOWED`` tells what is.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mogplex_ci import durations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROMPT_UNITS: Final = 100_000
"""The API's limit, in UTF-16 code units."""
EMULATOR_TOKEN: Final = "mog_EmulatorTokenOpensNothingReal000"  # noqa: S105 - it opens nothing
"""The token of the emulator's default world, known to everybody."""
TRUE: Final = ("true", "True", "TRUE")
FALSE: Final = ("false", "False", "FALSE")
_LOOPBACK: Final = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_REPO: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", re.ASCII)
# git-check-ref-format: what no branch name may hold.
_NO_BRANCH: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[-./@]$|^[-./]|[./]$")
_PRINTABLE_ASCII: Final = re.compile(r"[\x20-\x7e]*", re.ASCII)


def boolean(text: str) -> None:
    """Accept what @actions/core's getBooleanInput does (YAML 1.2 core schema)."""
    if text not in TRUE + FALSE:
        raise ValueError("not a boolean")


def duration(text: str) -> None:
    """Accept a duration that lasts."""
    try:
        seconds = durations.parse_duration(text)
    except ValueError as error:
        raise ValueError("not a duration that can be used") from error
    if seconds <= 0:
        raise ValueError("must be longer than nothing")


def token(text: str) -> None:
    """Accept what fits into a header; whether it is a token, the API says."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("holds white space or characters that no token has")


def base_url(text: str) -> None:
    """Accept https, and http on loopback; the token must not travel in the clear."""
    url(text)
    parts = urlsplit(text)
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or ""):
        raise ValueError("http would send the token unencrypted")


def url(text: str) -> None:
    """Accept https and http to any host, without credentials."""
    parts = urlsplit(text)
    _ = parts.port  # raises ValueError for a port that is none
    if not parts.hostname or parts.scheme not in ("https", "http") or not text.isprintable() or " " in text:
        raise ValueError("not a URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("holds credentials, a query or a fragment")


def repo(text: str) -> None:
    """Accept a UUID or ``owner/name``."""
    if not is_uuid(text) and not _REPO.fullmatch(text):
        raise ValueError("neither owner/name nor a repo id")


def is_uuid(text: str) -> bool:
    """Whether ``text`` is a UUID as the API writes it."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def prompt(text: str) -> None:
    """Accept a prompt that the API would take."""
    units = len(text.strip().encode("utf-16-le", "surrogatepass")) // 2
    if units > PROMPT_UNITS:
        raise ValueError(f"has {units:,} characters")
    if "\0" in text:
        raise ValueError("holds a NUL character")


def branch(text: str) -> None:
    """Accept what git accepts as a branch name."""
    if len(text) > 255 or _NO_BRANCH.search(text):
        raise ValueError("not a branch name")


def root_directory(text: str) -> None:
    """Accept a relative path that does not leave the repository."""
    if text.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", text) or not text.isprintable():
        raise ValueError("not a path inside the repository")


def path(text: str) -> None:
    """Accept the form of a path; whether it stays inside the workspace is checked where it is opened."""
    if not text.isprintable():
        raise ValueError("holds characters that no path should have")


def name(text: str) -> None:
    """Accept one line of text."""
    if len(text) > 200 or not text.isprintable():
        raise ValueError("not one line of at most 200 characters")


def idempotency_key(text: str) -> None:
    """Accept 1 to 200 characters that a header can carry unchanged."""
    if len(text) > 200:
        raise ValueError(f"has {len(text)} characters")
    if not _PRINTABLE_ASCII.fullmatch(text):
        raise ValueError("holds characters other than printable ASCII")


def json_value(text: str) -> None:
    """Accept JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error


def count(text: str) -> None:
    """Accept a whole number."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError("not a whole number")


FORMATS: Final[dict[str, tuple[Callable[[str], None], str]]] = {
    "boolean": (boolean, "true or false"),
    "duration": (duration, durations.ALLOWED),
    "token": (token, "a Mogplex token (mog_…), exactly as it was issued"),
    "base-url": (base_url, "https://HOST, or http:// with localhost or 127.0.0.1"),
    "repo": (repo, "owner/name, or a repo id (UUID) from 'mogplex repos list'"),
    "prompt": (prompt, f"at most {PROMPT_UNITS:,} characters (UTF-16 units), without NUL"),
    "branch": (branch, "a name that git accepts, such as feature/x"),
    "root-directory": (root_directory, "a relative path without '..', such as packages/api"),
    "path": (path, "a path inside the workspace"),
    "name": (name, "one line of at most 200 characters"),
    "idempotency-key": (idempotency_key, "1 to 200 printable ASCII characters"),
    "json": (json_value, "${{ toJson(matrix) }}"),
    "count": (count, "a whole number"),
}
"""Each format's check, and what it allows in words."""


def formats_beside(token: str) -> Mapping[str, tuple[Callable[[str], None], str]]:
    """Return the formats of the inputs that are given together with ``token``.

    The emulator's token opens nothing real: it may travel in the clear to a service container on the job's network.
    """
    if token != EMULATOR_TOKEN:
        return FORMATS
    return {**FORMATS, "base-url": (url, "https://HOST or http://HOST")}
