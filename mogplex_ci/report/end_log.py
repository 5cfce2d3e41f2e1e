"""The end of a log: blocks of a story as lines, folded groups and annotations."""

from collections.abc import Iterable
from typing import Never, assert_never

from mogplex_ci.platforms.base import PROGRAM, Level
from mogplex_ci.report import blocks as b
from mogplex_ci.report import text
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.untrusted import Untrusted


def write_blocks(lines: LogLines, blocks: Iterable[b.Block]) -> None:
    """Write the blocks in their order."""
    for block in blocks:
        if isinstance(block, b.ListBlock):
            _write_list(lines, block)
        else:
            _write_text(lines, block)


def _write_text(lines: LogLines, block: b.TextBlock) -> None:
    match block:
        case b.Sentence():
            _write_sentence(lines, block)
        case b.Outcome():
            _write_outcome(lines, block)
        case b.Failure():
            _write_failure(lines, block)
        case b.Link(label, url):
            lines.say(label, ": ", url)
        case b.Heading() | b.Quotation():
            _left_out(block)
        case _:
            assert_never(block)


def _write_list(lines: LogLines, block: b.ListBlock) -> None:
    match block:
        case b.Findings(rows):
            failed = [row.annotation for row in rows if not row.passed]
            lines.annotate_each(Level.ERROR, PROGRAM, failed, "more finding")
        case b.RoundsTable(_, ended):
            if ended is not None:
                lines.say("No further round: ", ended)
        case b.Commands(steps):
            for step in steps:
                lines.say("To ", step.purpose, ": ", step.command)
        case b.Table():
            _left_out(block)
        case _:
            assert_never(block)


def _left_out(block: b.Block) -> Never:
    """The log already has the contents of these blocks: ``LEFT_OUT`` in ``report/story.py``."""
    raise TypeError(f"the log has no {type(block).__name__}")


def _write_sentence(lines: LogLines, sentence: b.Sentence) -> None:
    if sentence.level is None:
        lines.line(sentence.words)
    else:
        lines.annotate(sentence.level, sentence.title, sentence.words)


def _write_outcome(lines: LogLines, outcome: b.Outcome) -> None:
    words = lines.safe.sentence(outcome.mark, " ", outcome.headline, " after ", outcome.took)
    lines.say(*text.join_present(", ", words, *outcome.figures))
    for aside in outcome.asides:
        if aside.said is None:
            continue
        _write_sentence(lines, aside.said)
        if aside.url is not None and aside.said.level is Level.NOTICE:
            lines.link(lines.safe.line("Pull request"), aside.url)


def _write_failure(lines: LogLines, failure: b.Failure) -> None:
    """Annotate each wrong input, or the one failure."""
    if failure.problems:
        lines.annotate_each(Level.ERROR, failure.title, failure.problems, "more wrong input")
    elif failure.annotation is not None:
        lines.annotate(failure.level, failure.title, failure.annotation)
    if failure.detail and not text.says_nothing(failure.detail):
        whole = text.beyond_title(Untrusted(failure.detail), lines.safe.block)
        if whole:
            lines.details(lines.safe.line("The full message"), whole)
