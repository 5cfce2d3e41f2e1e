"""The idempotency key: the same for every try of one step, and for nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_KEY_LENGTH: Final = 200
"""The API's limit, in characters."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9._/-]+", re.ASCII)
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key and where it comes from."""

    base: str
    """What every try of this step asks with first."""
    explicit: bool
    """Given by the user: a run found under it may be somebody else's."""
    attempt: str
    """What names this try among the tries of the step."""
    later_attempt: bool
    """Whether this may be a later try: an earlier one may have used the base key with another request."""

    def for_attempt(self) -> str:
        """Return the key that only this try uses."""
        return _extended(self.base, self.attempt)

    def afresh(self, used: str) -> str:
        """Return the key to use when the run under ``used`` could not be queued."""
        return _extended(used, "again")


def derived(system: str, label: str, parts: Sequence[str], suffix: str = "") -> str:
    """Return the key for the step that ``parts`` and ``suffix`` name: readable text plus a digest of them all.

    ``label`` is the readable text, such as ``acme/web-9876543210-build``; the digest alone makes the key unique.
    """
    name = json.dumps([system, *parts, suffix], ensure_ascii=True, separators=(",", ":"))
    readable = _UNUSUAL.sub("_", f"{system}-{label}")
    return _with_digest(readable, name)


def _extended(key: str, addition: str) -> str:
    extended = f"{key}-{_UNUSUAL.sub('_', addition)}"
    return extended if len(extended) <= MAX_KEY_LENGTH else _with_digest(key, extended)


def _with_digest(readable: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{readable[: MAX_KEY_LENGTH - _DIGEST_LENGTH - 1]}-{digest}"
