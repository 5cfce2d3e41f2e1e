"""What a step says in the log alone."""

from __future__ import annotations

from collections.abc import Iterable

from mogplex_ci.run.updates import Said, Update
from mogplex_ci.untrusted import Untrusted


def said(updates: Iterable[Update], about: str = "") -> list[str]:
    """Return the sentences that have ``about`` in them, a warning behind its title."""
    return [
        text for update in updates if isinstance(update, Said) and about in (text := _of(update))
    ]


def _of(update: Said) -> str:
    values = [value.text if isinstance(value, Untrusted) else value for value in update.values]
    title = update.title and f"{update.title}: "
    return title + (update.words.format(*values) if values else update.words)
