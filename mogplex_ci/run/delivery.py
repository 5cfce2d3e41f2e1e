"""The results of a run: according to GitHub, if it was queried."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mogplex_ci.untrusted import Untrusted

GITHUB: Final = "https://github.com"
_PULL_REQUEST_PAGE: Final = r"(https?://[^/?#]+)/([^/?#]+/[^/?#]+)/pull/\d{1,9}/?"


class Delivery(NamedTuple):
    """The results of a run according to GitHub, for gates and outputs."""

    branch: str | None
    """The branch that the run really used; None when it is not known."""
    base: str
    """The branch that it would be merged into; empty when it is not known."""
    commit: str | None = None
    """The judged commit; None when the run pushed none, or it is not known."""
    changed: bool | None = None
    """Whether the commit changes anything; None if GitHub does not report it."""
    pull_request_url: Untrusted | None = None
    """The address of the pull request; None if there is none, or GitHub does not report it."""
    tells_pull_request: bool = False
    """Whether GitHub reports the pull request."""


def is_own_pull_request(url: Untrusted, repository: str, servers: Sequence[str]) -> bool:
    """Whether an address is a pull request's page of the repository ``owner/name`` on one of the
    servers, such as ``https://github.com``.
    """
    page = re.fullmatch(_PULL_REQUEST_PAGE, url.text)
    if page is None:
        return False
    known = {server.rstrip("/").lower() for server in servers}
    return page[1].lower() in known and page[2].lower() == repository.lower()
