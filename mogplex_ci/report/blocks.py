"""The blocks that a story is made of. A renderer knows them, and nothing of runs."""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

from collections.abc import Sequence
from typing import LiteralString, NamedTuple, TypeAlias

from mogplex_ci.platforms.base import Level
from mogplex_ci.sanitize import CleanText, SafeText


class Heading(NamedTuple):
    """The title of a report: the task."""

    mark: LiteralString
    """One character for passed, failed or neither."""
    words: CleanText


class Sentence(NamedTuple):
    """A sentence that stands alone."""

    words: SafeText
    level: Level | None = None
    """The annotation that the log makes of it; None for a line."""
    title: LiteralString = ""
    """That annotation's."""


class Aside(NamedTuple):
    """A short fact beside the outcome."""

    label: CleanText | LiteralString
    """In a line with others: ``Pull request``, a branch. Empty: only the log has it."""
    number: SafeText | None = None
    """That of the pull request."""
    url: SafeText | None = None
    said: Sentence | None = None
    """The same for the log; None: the log has said it before."""


class Outcome(NamedTuple):
    """How a step or a run ended."""

    mark: LiteralString
    headline: SafeText
    took: SafeText
    figures: Sequence[SafeText]
    """Numbers of events and requests."""
    asides: Sequence[Aside] = ()


class Failure(NamedTuple):
    """Cause and remedy of a failure."""

    level: Level
    title: LiteralString
    annotation: SafeText | None
    """All of it in one line; None if the findings of gates say it."""
    problems: Sequence[SafeText] = ()
    """Faults of the inputs, a line each: they stand in place of the cause."""
    cause: SafeText | None = None
    """None if the headline says it."""
    code: SafeText | None = None
    help_url: SafeText | None = None
    exit_code: int = 0
    detail: CleanText | None = None
    """The text of others about it."""
    remedy: SafeText | None = None


class Link(NamedTuple):
    """An address to open."""

    label: LiteralString
    url: SafeText


class Finding(NamedTuple):
    """A gate's finding."""

    mark: LiteralString
    passed: bool
    label: SafeText
    found: SafeText
    remedy: SafeText | None
    items: Sequence[CleanText]
    """Paths, checks or faults that it is about."""
    annotation: SafeText
    """All of it in one line, with the first items."""


class Findings(NamedTuple):
    """The gates' findings."""

    rows: Sequence[Finding]


class RoundsTable(NamedTuple):
    """The findings of each round of ``repair``."""

    rows: Sequence[tuple[LiteralString, SafeText]]
    """Mark and finding."""
    ended: SafeText | None
    """Why no further round followed."""


class Quotation(NamedTuple):
    """Words of others, under a title of ours."""

    title: LiteralString
    words: CleanText


class Command(NamedTuple):
    """A next step for a person, as a command for a shell beside the log."""

    purpose: LiteralString
    """Continues the word "To"."""
    command: SafeText


class Commands(NamedTuple):
    """Next steps for a person."""

    steps: Sequence[Command]


class Table(NamedTuple):
    """Names and values; folded where that is possible."""

    title: LiteralString
    rows: Sequence[Sequence[CleanText | LiteralString | int]]


TextBlock: TypeAlias = Heading | Sentence | Outcome | Failure | Link | Quotation
ListBlock: TypeAlias = Findings | RoundsTable | Commands | Table
Block: TypeAlias = TextBlock | ListBlock
