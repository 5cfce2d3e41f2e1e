"""The types of text that may leave the program. Only ``mogplex_ci.sanitize`` makes them."""

from __future__ import annotations


class CleanText(str):
    """Redacted, bounded text with its controls shown; may have several lines.

    For files that quote or escape it: JSON, HTML. Not for a job log.
    """

    __slots__ = ()


class SafeText(CleanText):
    """Clean text on one line that no CI system obeys: it begins with a character of our own.

    The only thing that a platform prints.
    """

    __slots__ = ()


class Markdown(str):
    """Clean text as markdown that shows every character and has no markup, link, mention or HTML of its own."""

    __slots__ = ()
