"""The parts of a report in Markdown: a function for each. The summary and the comment are tuples of
them; the page shows each as HTML.

Words of others stand raw in a fence or a code span: the runner masks a secret of another step in
them, which it would not know once a character of it is written as a reference.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, LiteralString

from mogplex_ci.report.facts import MESSAGE_LIMIT, Facts
from mogplex_ci.report.text import faults_line, mark
from mogplex_ci.run.result import Gate, Item
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, duration, timestamp

Section = Callable[[Facts, Sanitizer], Markdown]
"""A part of a report; empty if there is nothing to say."""
_COLOURED: Final[dict[str, LiteralString]] = {"✔": "✅", "✘": "❌", "⏸": "⏸️", "→": "➡️"}
"""Marks of a title that can be told apart from afar."""
_NOTHING: Final = Markdown.of("")
_NO_ROOM: Final = Markdown.of("A part is too long for this place; see the job's log.\n")


def report_of(parts: Sequence[Section], run: Facts, safe: Sanitizer, *, limit: int) -> Markdown:
    """Return the parts as Markdown of up to ``limit`` bytes. A part that has no room is left out,
    and a line says so.
    """
    told: list[Markdown] = []
    # In case each part is replaced by the note.
    room = limit - _size(_NO_ROOM) * len(parts)
    for part in parts:
        said = part(run, safe)
        if _size(said) > room:
            said = _NO_ROOM
        else:
            room -= _size(said)
        if said:
            told.append(said)
    return Markdown.joined("\n", told)


def _size(text: Markdown) -> int:
    """Return the bytes of a part, with the line feed that follows it."""
    return len(text.encode()) + 1


def heading(run: Facts, _safe: Sanitizer) -> Markdown:
    """Return the task's first line as the title."""
    return Markdown.of("## {} {}\n", coloured_mark(run), Markdown.plain(run.title))


def coloured_mark(run: Facts) -> Markdown:
    """Return a mark in colour that says how the step ended."""
    return Markdown.of(_COLOURED[run.result.mark])


def dry_run(run: Facts, _safe: Sanitizer) -> Markdown:
    """Return that nothing was sent, in a dry run."""
    return Markdown.of("{}\n", run.dry_run) if run.dry_run else _NOTHING


def outcome(run: Facts, safe: Sanitizer) -> Markdown:
    """Return how the step ended, the pull request and the branch, in one line."""
    return Markdown.of("{}\n", outcome_words(run, safe))


def outcome_words(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the same without a line feed."""
    headline = safe.line(run.result.headline)
    ended = Markdown.of("**{}** after {}", headline, duration(run.duration))
    return Markdown.joined(" · ", [ended, *_delivery(run, safe)])


def failure(run: Facts, safe: Sanitizer) -> Markdown:
    """Return why the step failed, unless the findings of its gates say that."""
    is_told = run.gates_say_why
    said: list[Markdown] = []
    if run.problems:
        faults = [Markdown.of("- {}\n", fault) for fault in run.problems]
        said.append(Markdown.joined("", faults))
    elif run.cause is not None and not is_told and not _is_headline(run.cause, run):
        said.append(Markdown.of("**{}**\n", run.cause))
    if run.error_code is not None and run.help_url is not None:
        code = Markdown.plain(run.error_code)
        link = safe.link(run.help_url, code) or code
        said.append(Markdown.of("{}, exit {}\n", link, run.exit_code))
    if run.detail and not is_told:
        quoted = safe.fence(run.detail, limit=MESSAGE_LIMIT, wrap=True)
        said.append(Markdown.of("{}\n", quoted))
    if run.remedy is not None and not is_told:
        said.append(Markdown.of("{}\n", run.remedy))
    return Markdown.joined("\n", said)


def _is_headline(cause: SafeText, run: Facts) -> bool:
    """Whether a cause says no more than the headline: ``The run failed``."""
    return cause.removeprefix("The ").lower() == run.result.headline.lower()


def preview(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the link to the preview of a paused run."""
    link = safe.link(run.link(run.preview_url), Markdown.of("Preview"))
    return Markdown.of("{}\n", link) if link is not None else _NOTHING


def rounds(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the findings of each round of ``repair``, and why no further round followed."""
    lines: list[Markdown] = []
    for number, each in enumerate(run.rounds, 1):
        passed = Markdown.of(mark(good=not each.faults))
        found = faults_line(each.gates, safe)
        lines.append(Markdown.of("- {} Round {}: {}\n", passed, number, found))
    if run.rounds and run.rounds[-1].ended is not None:
        lines.append(Markdown.of("\nNo further round: {}\n", run.rounds[-1].ended))
    return Markdown.joined("", lines)


def gates(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the gates' findings, with the items of those that rejected the run."""
    return Markdown.joined("", [_gate(gate, safe) for gate in run.gates])


def _gate(gate: Gate, safe: Sanitizer) -> Markdown:
    passed = Markdown.of(mark(good=gate.passed))
    found = Markdown.of("- {} **{}**: {}", passed, gate.name, gate.found)
    if gate.passed:
        return Markdown.of("{}\n", found)
    lines = [Markdown.of("{}.", found)]
    if gate.remedy is not None:
        lines = [Markdown.of("{}. {}", found, gate.remedy)]
    for item in gate.items:
        lines.append(Markdown.of("  - {}", _item(item, safe)))
    return Markdown.of("{}\n", Markdown.joined("\n", lines))


def _item(item: Item, safe: Sanitizer) -> Markdown:
    """Return a path, a check or a fault as code; a check as a link to its page."""
    name = Markdown.code(item.text)
    shown = safe.link(item.page, name) or name
    if item.titles is None:
        return shown
    return Markdown.of("{} {}", shown, Markdown.code(item.titles))


def first_failed_check(run: Facts) -> SafeText | None:
    """Return the address of a check that rejected the run."""
    for gate in run.gates:
        for item in gate.items:
            if not gate.passed and item.page is not None:
                return item.page
    return None


def last_words(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the agent's last words."""
    if run.message is None:
        return _NOTHING
    quoted = safe.fence(run.message, wrap=True)
    return Markdown.of("### The agent's last words\n\n{}\n", quoted)


def next_step(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the commands that check and cancel the run."""
    if run.check_command is None:
        return _NOTHING
    commands = f"# check the run\n{run.check_command}"
    if run.cancel_command is not None:
        commands += f"\n# cancel the run\n{run.cancel_command}"
    return Markdown.of("### Next\n\n{}\n", safe.fence(commands, language="sh"))


def identifiers(run: Facts, _safe: Sanitizer) -> Markdown:
    """Return a table of all known short facts; none for a single one."""
    rows: list[Markdown] = []
    for name, value in _known_facts(run):
        if value is not None:
            rows.append(Markdown.of("| {} | {} |\n", Markdown.of(name), _cell(value)))
    if len(rows) < 2:
        return _NOTHING
    return Markdown.joined("", [Markdown.of("| Name | Value |\n| --- | --- |\n"), *rows])


def folded_identifiers(run: Facts, safe: Sanitizer) -> Markdown:
    """Return the same folded, as GitHub shows it."""
    table = identifiers(run, safe)
    if not table:
        return _NOTHING
    # Only a blank line ends it: another summary may be appended.
    return Markdown.of("<details>\n<summary>Ids and counts</summary>\n\n{}\n</details>\n\n", table)


def _known_facts(
    run: Facts,
) -> Iterator[tuple[LiteralString, CleanText | LiteralString | int | None]]:
    """Yield the rows of the table; None is not known."""
    yield "Repository", run.repo
    yield "Branch", run.branch_shown
    yield "Base branch", run.base_shown
    yield "Commit", run.commit
    yield "Run", run.run_id
    yield "Joined", "yes" if run.has_run and run.joined else None
    yield "Status", run.status
    yield "Harness", run.harness
    if run.timeline.started is not None:
        yield "Started", timestamp(run.timeline.started)
    yield "Attempt", run.attempt
    if run.has_run:
        yield "Events", run.timeline.event_count
        yield "More events", "not shown" if run.timeline.is_incomplete else None
        yield "Requests", run.requests


def _cell(value: CleanText | LiteralString | int) -> Markdown:
    """Return the cell of a table, which has no place for a bar, even in code."""
    if isinstance(value, int):
        return Markdown.of("{}", value)
    if not isinstance(value, CleanText):
        return Markdown.of(value)
    if "|" in value:
        return Markdown.of("see the log")
    return Markdown.plain(value) if isinstance(value, SafeText) else Markdown.code(value)


def _delivery(run: Facts, safe: Sanitizer) -> Iterator[Markdown]:
    """Yield the pull request, or other knowledge of a change, and the branch."""
    if run.has_run:
        yield from _change(run, safe)
    if run.branch_shown:
        branch = Markdown.plain(run.branch_shown)
        yield safe.link(run.link(run.branch_url), branch) or branch


def _change(run: Facts, safe: Sanitizer) -> Iterator[Markdown]:
    if run.pull_request_url is not None:
        words = Markdown.of("Pull request")
        number = safe.identifier(run.pull_request_url.rpartition("/pull/")[2])
        if number is not None:
            words = Markdown.of("Pull request #{}", Markdown.plain(number))
        yield safe.link(run.link(run.pull_request_url), words) or words
    elif run.changed is False:
        yield Markdown.of("no change")
    elif run.change_is_unknown:
        words = Markdown.of("pull request and change unknown")
        yield safe.link(run.link(run.compare_url), words) or words


BODY: Final[tuple[Section, ...]] = (failure, preview, rounds, gates, last_words, next_step)
"""What summary and page have in common."""
SUMMARY: Final[tuple[Section, ...]] = (heading, dry_run, outcome, *BODY, folded_identifiers)
COMMENT: Final[tuple[Section, ...]] = (failure, preview, rounds, gates, last_words)
"""Behind the task and the outcome: people come by for these; the job's log is one link away."""
