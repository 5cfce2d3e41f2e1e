"""Blocks of a story as GitHub's Markdown, for the summary and the comment.

Words of others stand raw in a fence or a code span: the runner masks a secret of another step in
them, which it does not know once a character of it is written as a reference.
"""

from collections.abc import Iterable, Sequence
from typing import Final, LiteralString, NamedTuple, assert_never

from mogplex_ci.report import blocks as b
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted


class Size(NamedTuple):
    """How much of a block is written."""

    text: int
    """Characters of a text that others wrote."""
    rows: int
    """Rows of a table."""


SIZES: Final = (Size(20_000, 50), Size(4_000, 20), Size(1_000, 5), Size(200, 0))
"""From the most to the least. Cut text says how much is missing."""


def markdown_of(blocks: Sequence[b.Block], safe: Sanitizer, *, limit: int) -> Markdown:
    """Return the blocks as Markdown of up to ``limit`` bytes: the longest block shrinks until all
    fit, or none can shrink further.
    """
    sizes = [0] * len(blocks)
    parts = [_markdown(block, safe, SIZES[0]) for block in blocks]
    while sum(len(part.encode()) + 1 for part in parts) > limit:
        shrinkable = [at for at, size in enumerate(sizes) if size + 1 < len(SIZES)]
        if not shrinkable:
            break
        longest = max(shrinkable, key=lambda at: len(parts[at]))
        sizes[longest] += 1
        parts[longest] = _markdown(blocks[longest], safe, SIZES[sizes[longest]])
    return Markdown.joined("\n", [part for part in parts if part])


def outcome_line(outcome: b.Outcome, safe: Sanitizer) -> Markdown:
    """Return how it ended, the pull request and the branch, in one line without a line feed."""
    ended = Markdown.of("**{}** after {}", outcome.headline, outcome.took)
    asides = [_aside(aside, safe) for aside in outcome.asides if aside.label]
    return Markdown.joined(" · ", [ended, *asides])


def folded(title: Markdown, content: Markdown) -> Markdown:
    """Return ``content`` folded under ``title``, which is HTML: it must need no escapes."""
    return Markdown.of("<details>\n<summary>{}</summary>\n\n{}\n</details>\n", title, content)


def _markdown(block: b.Block, safe: Sanitizer, size: Size) -> Markdown:
    """Return a block, with a line feed at its end; empty if nothing of it is to be written."""
    if isinstance(block, b.ListBlock):
        return _list(block, safe, size)
    return _text(block, safe, size)


def _text(block: b.TextBlock, safe: Sanitizer, size: Size) -> Markdown:
    match block:
        case b.Heading(mark, words):
            return Markdown.of("## {} {}\n", Markdown.of(mark), Markdown.plain(words))
        case b.Sentence(words, level):
            template: LiteralString = "{}\n" if level is None else "**{}**\n"
            return Markdown.of(template, words)
        case b.Outcome():
            return Markdown.of("{}\n", outcome_line(block, safe))
        case b.Failure():
            return _failure(block, safe, size)
        case b.Link(label, url):
            return Markdown.of("{}\n", safe.link(url, Markdown.of(label)) or url)
        case b.Quotation(title, words):
            quoted = safe.fence(words, limit=size.text)
            return Markdown.of("### {}\n\n{}\n", Markdown.of(title), quoted)
        case _:
            assert_never(block)


def _list(block: b.ListBlock, safe: Sanitizer, size: Size) -> Markdown:
    match block:
        case b.Findings(rows):
            return Markdown.joined("", [_finding(row, safe, size) for row in rows])
        case b.RoundsTable():
            return _rounds(block)
        case b.Commands(steps):
            commands = "\n".join(f"# {step.purpose}\n{step.command}" for step in steps)
            return Markdown.of("### Next\n\n{}\n", safe.fence(commands, language="sh"))
        case b.Table():
            return _folded_table(block, size)
        case _:
            assert_never(block)


def _aside(aside: b.Aside, safe: Sanitizer) -> Markdown:
    label = aside.label
    words = Markdown.plain(label) if isinstance(label, CleanText) else Markdown.of(label)
    if aside.number is not None:
        words = Markdown.of("{} #{}", words, aside.number)
    return safe.link(aside.url, words) or words


def _failure(failure: b.Failure, safe: Sanitizer, size: Size) -> Markdown:
    parts: list[Markdown] = []
    if failure.problems:
        faults = [Markdown.of("- {}\n", fault) for fault in failure.problems]
        parts.append(Markdown.joined("", faults))
    elif failure.cause is not None:
        parts.append(Markdown.of("**{}**\n", failure.cause))
    if failure.code is not None and failure.help_url is not None:
        code = Markdown.of("{}", failure.code)
        link = safe.link(failure.help_url, code) or code
        parts.append(Markdown.of("{}, exit {}\n", link, failure.exit_code))
    if failure.detail:
        parts.append(Markdown.of("{}\n", safe.fence(failure.detail, limit=size.text)))
    if failure.remedy is not None:
        parts.append(Markdown.of("{}\n", failure.remedy))
    return Markdown.joined("\n", parts)


def _finding(row: b.Finding, safe: Sanitizer, size: Size) -> Markdown:
    found = Markdown.of("- {} **{}**: {}", Markdown.of(row.mark), row.label, row.found)
    if row.passed:
        return Markdown.of("{}\n", found)
    said = Markdown.of("{}.", found)
    if row.remedy is not None:
        said = Markdown.of("{} {}", said, row.remedy)
    if not row.items:
        return Markdown.of("{}\n", said)
    items = safe.fence(Untrusted("\n".join(row.items)), limit=size.text)
    return Markdown.of("{}\n\n{}\n", said, items)


def _rounds(rounds: b.RoundsTable) -> Markdown:
    lines: list[Markdown] = []
    for number, (mark, found) in enumerate(rounds.rows, 1):
        lines.append(Markdown.of("- {} Round {}: {}\n", Markdown.of(mark), number, found))
    if rounds.ended is not None:
        lines.append(Markdown.of("\nNo further round: {}\n", rounds.ended))
    return Markdown.joined("", lines)


def _folded_table(table: b.Table, size: Size) -> Markdown:
    if not size.rows:
        return Markdown.of("")
    head = [Markdown.of("")] * len(table.rows[0])
    rows = [[_cell(cell) for cell in row] for row in table.rows[: size.rows]]
    written = _table([head, *rows])
    left_out = len(table.rows) - len(rows)
    if left_out:
        written = Markdown.of("{}\n… and {} more\n", written, left_out)
    return folded(Markdown.of(table.title), written)


def _cell(cell: CleanText | LiteralString | int) -> Markdown:
    """Return a cell: words of others as code. A cell has no place for a bar, even in code."""
    if isinstance(cell, CleanText):
        if "|" in cell:
            return Markdown.of("see the log")
        return Markdown.plain(cell) if isinstance(cell, SafeText) else Markdown.code(cell)
    if isinstance(cell, int):
        return Markdown.of("{}", cell)
    return Markdown.of(cell)


def _table(rows: Sequence[Sequence[Markdown]]) -> Markdown:
    head, *others = rows
    lines: Iterable[Sequence[Markdown]] = (head, [Markdown.of("---")] * len(head), *others)
    return Markdown.joined("", (Markdown.of("| {} " * len(line) + "|\n", *line) for line in lines))
