"""The parts of a report in Markdown: a function for each. The summary and the comment are tuples of
them; the page shows each as HTML.

Words of others stand raw in a fence or a code span: the runner masks a secret of another step in
them, which it would not know once a character of it is written as a reference.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, LiteralString

from mogplex_ci.report.delivered import GateFacts
from mogplex_ci.report.facts import Facts
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import CleanText, Markdown, SafeText, Sanitizer, duration, timestamp
from mogplex_ci.untrusted import Untrusted

Section = Callable[[Facts, Sanitizer, int], Markdown]
"""A part: of a step, made by a sanitizer, with so many characters for each text of others. Empty if
there is nothing to say.
"""
_ROOM: Final = (20_000, 4_000, 1_000, 200)
"""Characters for each text of others, from the most to the least: cut text says how much is
missing.
"""
_CHARACTERS_OF_ITEM: Final = 100
"""Room that one item of a gate takes."""
_COLOURED: Final[dict[str, LiteralString]] = {"✔": "✅", "✘": "❌", "⏸": "⏸️", "→": "➡️"}
"""Marks of a title that can be told apart from afar."""
_NOTHING: Final = Markdown.of("")


def report_of(parts: Sequence[Section], step: Facts, safe: Sanitizer, *, limit: int) -> Markdown:
    """Return the parts as Markdown of up to ``limit`` bytes, or as few as there can be."""
    report = _NOTHING
    for room in _ROOM:
        told = [part(step, safe, room) for part in parts]
        report = Markdown.joined("\n", [part for part in told if part])
        if len(report.encode()) <= limit:
            break
    return report


def heading(step: Facts, _safe: Sanitizer, _room: int) -> Markdown:
    """Return the task's first line as the title."""
    return Markdown.of("## {} {}\n", coloured_mark(step), Markdown.plain(step.task.title))


def coloured_mark(step: Facts) -> Markdown:
    """Return a mark in colour that says how the step ended."""
    return Markdown.of(_COLOURED[step.ending.mark])


def dry_run(step: Facts, _safe: Sanitizer, _room: int) -> Markdown:
    """Return that nothing was sent, in a dry run."""
    return Markdown.of("{}\n", step.task.dry_run) if step.task.dry_run else _NOTHING


def outcome(step: Facts, safe: Sanitizer, _room: int) -> Markdown:
    """Return how the step ended, the pull request and the branch, in one line."""
    return Markdown.joined("", [outcome_words(step, safe), Markdown.of("\n")])


def outcome_words(step: Facts, safe: Sanitizer) -> Markdown:
    """Return the same without a line feed."""
    took = duration(step.ending.duration)
    ended = Markdown.of("**{}** after {}", safe.line(step.ending.headline), took)
    return Markdown.joined(" · ", [ended, *_delivery(step, safe)])


def failure(step: Facts, safe: Sanitizer, room: int) -> Markdown:
    """Return why the step failed; of a rejected run the findings of its gates say that."""
    ending = step.ending
    if ending.cause is None and ending.remedy is None:
        return _NOTHING
    is_rejected = ending.result is Result.REJECTED
    said: list[Markdown] = []
    if ending.problems:
        faults = [Markdown.of("- {}\n", fault) for fault in ending.problems]
        said.append(Markdown.joined("", faults))
    elif ending.cause is not None and ending.says_more and not is_rejected:
        said.append(Markdown.of("**{}**\n", ending.cause))
    if ending.error_code is not None and ending.help_url is not None:
        code = Markdown.plain(ending.error_code)
        link = safe.link(ending.help_url, code) or code
        said.append(Markdown.of("{}, exit {}\n", link, ending.exit_code))
    if ending.detail and not is_rejected:
        said.append(Markdown.of("{}\n", safe.fence(ending.detail, limit=room, wrap=True)))
    if ending.remedy is not None and not is_rejected:
        said.append(Markdown.of("{}\n", ending.remedy))
    return Markdown.joined("\n", said)


def preview(step: Facts, safe: Sanitizer, _room: int) -> Markdown:
    """Return the link to the preview of a paused run."""
    url = step.link(step.work.preview_url) if step.work is not None else None
    link = safe.link(url, Markdown.of("Preview"))
    return Markdown.of("{}\n", link) if link is not None else _NOTHING


def rounds(step: Facts, _safe: Sanitizer, _room: int) -> Markdown:
    """Return the findings of each round of ``repair``, and why no further round followed."""
    lines: list[Markdown] = []
    for number, each in enumerate(step.delivered.rounds, 1):
        mark = Markdown.of(each.mark)
        lines.append(Markdown.of("- {} Round {}: {}\n", mark, number, each.found))
    if lines and step.delivered.rounds[-1].ended is not None:
        lines.append(Markdown.of("\nNo further round: {}\n", step.delivered.rounds[-1].ended))
    return Markdown.joined("", lines)


def gates(step: Facts, safe: Sanitizer, room: int) -> Markdown:
    """Return the gates' findings, with the items of those that rejected the run."""
    return Markdown.joined("", [_gate(gate, safe, room) for gate in step.delivered.gates])


def last_words(step: Facts, safe: Sanitizer, room: int) -> Markdown:
    """Return the agent's last words."""
    if step.work is None or step.work.message is None:
        return _NOTHING
    quoted = safe.fence(step.work.message, limit=room, wrap=True)
    return Markdown.of("### The agent's last words\n\n{}\n", quoted)


def next_step(step: Facts, safe: Sanitizer, _room: int) -> Markdown:
    """Return the commands that check and cancel the run."""
    if step.check_command is None:
        return _NOTHING
    commands = f"# check the run\n{step.check_command}"
    if step.cancel_command is not None:
        commands += f"\n# cancel the run\n{step.cancel_command}"
    return Markdown.of("### Next\n\n{}\n", safe.fence(commands, language="sh"))


def identifiers(step: Facts, _safe: Sanitizer, _room: int) -> Markdown:
    """Return a table of all known short facts; none for a single one."""
    rows: list[Markdown] = []
    for name, value in _known_facts(step):
        rows.append(Markdown.of("| {} | {} |\n", Markdown.of(name), _cell(value)))
    if len(rows) < 2:
        return _NOTHING
    return Markdown.joined("", [Markdown.of("| Name | Value |\n| --- | --- |\n"), *rows])


def folded_identifiers(step: Facts, safe: Sanitizer, room: int) -> Markdown:
    """Return the same folded, as GitHub shows it."""
    table = identifiers(step, safe, room)
    if not table:
        return _NOTHING
    return Markdown.of("<details>\n<summary>Ids and counts</summary>\n\n{}\n</details>\n", table)


def _delivery(step: Facts, safe: Sanitizer) -> Iterator[Markdown]:
    """Yield the pull request, or other knowledge of a change, and the branch."""
    delivered = step.delivered
    if step.work is not None:
        yield from _change(step, safe)
    if delivered.branch_shown:
        branch = Markdown.plain(delivered.branch_shown)
        yield safe.link(step.link(delivered.branch_url), branch) or branch


def _change(step: Facts, safe: Sanitizer) -> Iterator[Markdown]:
    delivered = step.delivered
    if delivered.pull_request_url is not None:
        words = Markdown.of("Pull request")
        number = safe.identifier(delivered.pull_request_url.rpartition("/pull/")[2])
        if number is not None:
            words = Markdown.of("Pull request #{}", Markdown.plain(number))
        yield safe.link(step.link(delivered.pull_request_url), words) or words
    elif delivered.changed is False:
        yield Markdown.of("no change")
    elif change_is_unknown(step):
        words = Markdown.of("pull request and change unknown")
        yield safe.link(step.link(delivered.compare_url), words) or words


def change_is_unknown(step: Facts) -> bool:
    """Whether there may be work about which neither GitHub nor an event says anything."""
    delivered = step.delivered
    is_unknown = delivered.changed is None and not delivered.pull_requests_are_known
    return is_unknown and (delivered.has_work or step.timeline.is_incomplete)


def _gate(gate: GateFacts, safe: Sanitizer, room: int) -> Markdown:
    mark = Markdown.of(gate.mark)
    found = Markdown.of("- {} **{}**: {}", mark, gate.name, gate.found)
    if gate.passed:
        return Markdown.of("{}\n", found)
    said = Markdown.of("{}.", found)
    if gate.remedy is not None:
        said = Markdown.of("{} {}", said, gate.remedy)
    most = max(room // _CHARACTERS_OF_ITEM, 1)
    lines = [said, *(Markdown.of("  - {}", _item(gate, item, safe)) for item in gate.items[:most])]
    if len(gate.items) > most:
        lines.append(Markdown.of("  - … and {} more", len(gate.items) - most))
    return Markdown.of("{}\n", Markdown.joined("\n", lines))


def first_failed_check(step: Facts, safe: Sanitizer) -> SafeText | None:
    """Return the address of a check that rejected the run."""
    for gate in step.delivered.gates:
        for item in gate.items:
            check = None if gate.passed else _check(gate, item)
            if check is not None:
                return safe.url(check[2])
    return None


def _check(gate: GateFacts, item: CleanText) -> re.Match[str] | None:
    """Return name, address and titles of a check that has an address. A name with one of its own is
    no check's.
    """
    if gate.name != "checks" or item.count("https://") > 1:
        return None
    return re.fullmatch(r"(?s)(\S.*?) (https://\S+)( .*)?", item)


def _item(gate: GateFacts, item: CleanText, safe: Sanitizer) -> Markdown:
    """Return a path, a check or a fault as code; a check with its address as a link."""
    check = _check(gate, item)
    if check is None:
        return Markdown.code(item)
    link = safe.link(check[2], Markdown.code(safe.clean(Untrusted(check[1]))))
    if link is None:
        return Markdown.code(item)
    if check[3] is None:
        return link
    return Markdown.of("{} {}", link, Markdown.code(safe.clean(Untrusted(check[3].strip()))))


def _cell(value: CleanText | LiteralString | int) -> Markdown:
    """Return the cell of a table, which has no place for a bar, even in code."""
    if isinstance(value, int):
        return Markdown.of("{}", value)
    if not isinstance(value, CleanText):
        return Markdown.of(value)
    if "|" in value:
        return Markdown.of("see the log")
    return Markdown.plain(value) if isinstance(value, SafeText) else Markdown.code(value)


def _known_facts(step: Facts) -> list[tuple[LiteralString, CleanText | LiteralString | int]]:
    delivered, work, timeline = step.delivered, step.work, step.timeline
    values: list[tuple[LiteralString, CleanText | LiteralString | int | None]] = [
        ("Repository", step.task.repo),
        ("Branch", delivered.branch_shown),
        ("Base branch", delivered.base_shown),
        ("Commit", delivered.commit),
    ]
    if work is not None:
        values += [
            ("Run", work.run_id),
            ("Joined", "yes" if work.joined else None),
            ("Status", work.status),
            ("Harness", work.harness),
        ]
    if timeline.started is not None:
        values.append(("Started", timestamp(timeline.started)))
    values.append(("Attempt", step.task.attempt))
    if work is not None:
        values += [
            ("Events", timeline.event_count),
            ("More events", "not shown" if timeline.is_incomplete else None),
            ("Requests", step.ending.requests),
        ]
    return [(name, value) for name, value in values if value is not None]


SUMMARY: Final[tuple[Section, ...]] = (
    heading,
    dry_run,
    outcome,
    failure,
    preview,
    rounds,
    gates,
    last_words,
    next_step,
    folded_identifiers,
)
COMMENT: Final[tuple[Section, ...]] = (failure, preview, rounds, gates, last_words)
"""Behind the task and the outcome: people come by for these; the job's log is one link away."""
