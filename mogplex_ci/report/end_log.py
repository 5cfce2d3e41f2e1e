"""The end of a log: blocks of a story as lines, folded groups and annotations."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from mogplex_ci.platforms.base import Level
from mogplex_ci.report import text
from mogplex_ci.report.blocks import (
    Block,
    Commands,
    Failure,
    Findings,
    Heading,
    Link,
    ListBlock,
    Outcome,
    Quotation,
    RoundsTable,
    RunsTable,
    Section,
    Sentence,
    Table,
    TextBlock,
)
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted


def write_blocks(lines: LogLines, blocks: Iterable[Block]) -> None:
    """Write the blocks in their order."""
    for block in blocks:
        if isinstance(block, ListBlock):
            _write_list(lines, block)
        else:
            _write_text(lines, block)


def _write_text(lines: LogLines, block: TextBlock) -> None:
    match block:
        case Heading(mark, words):
            lines.say(mark, " ", words)
        case Sentence():
            _write_sentence(lines, block)
        case Outcome():
            _write_outcome(lines, block)
        case Failure():
            _write_failure(lines, block)
        case Link(label, url):
            lines.say(label, ": ", url)
        case Quotation(title, words):
            lines.group(lines.safe.line(title), lines.block(words))
        case Section(title, words):
            lines.say(title, ": ", words)
        case _:
            assert_never(block)


def _write_list(lines: LogLines, block: ListBlock) -> None:
    match block:
        case Findings(rows):
            failed = [row.annotation for row in rows if not row.passed]
            lines.annotate_each(Level.ERROR, text.PROGRAM, failed, "more finding")
        case RoundsTable(_, ended):
            if ended is not None:
                lines.say("No further round: ", ended)
        case Commands():
            _write_commands(lines, block)
        case Table():
            lines.group(lines.safe.line(block.title), _rows(block, lines.safe))
        case RunsTable():
            for line in _rows_of_runs(block, lines.safe):
                lines.line(line)
        case _:
            assert_never(block)


def _write_commands(lines: LogLines, commands: Commands) -> None:
    for step in commands.steps:
        if step.is_in_log:
            lines.say("To ", step.purpose, ": ", step.command)


def _write_sentence(lines: LogLines, sentence: Sentence) -> None:
    if sentence.level is None:
        lines.line(sentence.words)
    else:
        lines.annotate(sentence.level, sentence.title, sentence.words)


def _write_outcome(lines: LogLines, outcome: Outcome) -> None:
    words = lines.safe.sentence(outcome.mark, " ", outcome.headline, " after ", outcome.took)
    lines.say(*text.join_present(", ", words, *outcome.figures))
    for aside in outcome.asides:
        if aside.said is None:
            continue
        _write_sentence(lines, aside.said)
        if aside.url is not None and aside.said.level is Level.NOTICE:
            lines.link(lines.safe.line("Pull request"), aside.url)


def _write_failure(lines: LogLines, failure: Failure) -> None:
    """Annotate each wrong input, or the one failure."""
    if failure.problems:
        lines.annotate_each(Level.ERROR, failure.title, failure.problems, "more wrong input")
    elif failure.annotation is not None:
        lines.annotate(failure.level, failure.title, failure.annotation)
    if failure.detail and not text.says_nothing(failure.detail):
        whole = text.beyond_title(Untrusted(failure.detail), lines.safe.block)
        if whole:
            lines.details(lines.safe.line("The full message"), whole)


def _rows(table: Table, safe: Sanitizer) -> list[SafeText]:
    rows: list[list[CleanText]] = []
    if table.head:
        rows.append([safe.line(name) for name in table.head])
    for row in table.rows:
        rows.append(
            [cell if isinstance(cell, CleanText) else safe.line("{}", cell) for cell in row]
        )
    return _aligned(rows, safe)


def _rows_of_runs(table: RunsTable, safe: Sanitizer) -> list[SafeText]:
    columns: list[list[CleanText]] = []
    for name, cells in table.columns.items():
        columns.append([safe.line(name), *cells])
    return _aligned(list(zip(*columns, strict=True)), safe)


def _aligned(rows: Sequence[Sequence[CleanText]], safe: Sanitizer) -> list[SafeText]:
    """Return rows of cells as lines whose columns stand below one another."""
    *columns, last = zip(*rows, strict=True)
    padded = [[cell.padded(max(map(len, column))) for cell in column] for column in columns]
    lines = zip(*padded, last, strict=True)
    return [safe.sentence(*text.join_present("  ", *line)) for line in lines]
