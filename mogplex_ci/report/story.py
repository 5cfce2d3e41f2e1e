"""The story of a step and of its run: a function for each matter makes blocks of the
facts, and log, summary, comment and page render them.

``LEFT_OUT`` lists the matters that a report omits. A fact for all reports is a field of
``report/facts.py`` and a line in the function of its matter here.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final, LiteralString

from mogplex_ci.platforms.base import PROGRAM, Level
from mogplex_ci.report import blocks as b
from mogplex_ci.report import text
from mogplex_ci.report.delivered import ARTIFACT_LIMIT, Delivered
from mogplex_ci.report.facts import EndingFacts, RunFacts, StepFacts, Task
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer, count, duration


class Matter(StrEnum):
    """The subject of a part of the story, in order."""

    TASK = "task"
    OUTCOME = "outcome"
    FAILURE = "failure"
    PREVIEW = "preview"
    ROUNDS = "rounds"
    GATES = "gates"
    LAST_WORDS = "last words"
    ARTIFACT = "artifact"
    NEXT_STEPS = "next steps"
    IDENTIFIERS = "identifiers"


class Reader(StrEnum):
    """A report that renders the story."""

    LOG = "log"
    SUMMARY = "summary"
    COMMENT = "comment"
    PAGE = "page"


LEFT_OUT: Final[dict[Reader, frozenset[Matter]]] = {
    # The log already has the agent's words and actions, and every gate's finding.
    Reader.LOG: frozenset(
        {
            Matter.TASK,
            Matter.LAST_WORDS,
            Matter.IDENTIFIERS,
        }
    ),
    Reader.SUMMARY: frozenset({Matter.ARTIFACT}),
    # People come by for the outcome; the job's log is one link away.
    Reader.COMMENT: frozenset(
        {
            Matter.TASK,
            Matter.ARTIFACT,
            Matter.NEXT_STEPS,
            Matter.IDENTIFIERS,
        }
    ),
    # The page has a header of its own.
    Reader.PAGE: frozenset(
        {
            Matter.TASK,
            Matter.OUTCOME,
            Matter.ARTIFACT,
        }
    ),
}
Story = Sequence[tuple[Matter, b.Block]]


def story_of_run(run: RunFacts, safe: Sanitizer) -> Story:
    """Return the story of one run."""
    matters: tuple[tuple[Matter, Callable[[RunFacts, Sanitizer], Iterator[b.Block]]], ...] = (
        (Matter.TASK, lambda run, _: _task(run.ending, run.task)),
        (Matter.OUTCOME, _outcome),
        (Matter.FAILURE, lambda run, _: _failure(run.ending)),
        (Matter.PREVIEW, _preview),
        (Matter.ROUNDS, _rounds),
        (Matter.GATES, _gates),
        (Matter.LAST_WORDS, _last_words),
        (Matter.ARTIFACT, _artifact),
        (Matter.NEXT_STEPS, _next_steps),
        (Matter.IDENTIFIERS, _identifiers),
    )
    return [(matter, block) for matter, tell in matters for block in tell(run, safe)]


def story_of_step(step: StepFacts, safe: Sanitizer) -> Story:
    """Return the story of a step that ended before it had a run; none if it has one, whose story is
    complete.
    """
    ending = step.ending
    if step.run is not None:
        return []
    outcome = b.Outcome(ending.mark, safe.line(ending.headline), duration(ending.duration), [], [])
    story: list[tuple[Matter, b.Block]] = []
    story += [(Matter.TASK, block) for block in _task(ending, step.task)]
    story.append((Matter.OUTCOME, outcome))
    story += [(Matter.FAILURE, block) for block in _failure(ending)]
    rows = _known({"Repository": step.task.repo, "Attempt": step.task.attempt})
    if rows:
        story.append((Matter.IDENTIFIERS, b.Table("Ids and counts", rows)))
    return story


def told_to(reader: Reader, story: Story) -> list[b.Block]:
    """Return the blocks of a story that a report renders."""
    return [block for matter, block in story if matter not in LEFT_OUT[reader]]


def _task(ending: EndingFacts, task: Task) -> Iterator[b.Block]:
    yield b.Heading(ending.mark, task.title)
    if task.dry_run:
        yield b.Sentence(task.dry_run)


def _outcome(run: RunFacts, safe: Sanitizer) -> Iterator[b.Block]:
    ending = run.ending
    figures: list[SafeText] = []
    if run.work is not None:
        figures = [count(run.times.events, "event"), count(ending.requests, "request")]
    headline = safe.line(ending.headline)
    asides = list(_delivery(run, safe))
    yield b.Outcome(ending.mark, headline, duration(ending.duration), figures, asides)


def _delivery(run: RunFacts, safe: Sanitizer) -> Iterator[b.Aside]:
    """Yield the pull request, or other knowledge of a change, and the branch."""
    delivered = run.delivered
    if run.work is not None:
        yield from _change(run, delivered, safe)
    if delivered.branch_shown:
        yield b.Aside(delivered.branch_shown, url=run.link(delivered.branch_url))


def _change(run: RunFacts, delivered: Delivered, safe: Sanitizer) -> Iterator[b.Aside]:
    pull_request = delivered.pull_request_url
    compare = run.link(delivered.compare_url)
    if pull_request is not None:
        number = safe.identifier(pull_request.rpartition("/pull/")[2])
        url = run.link(pull_request)
        said = None
        if url is not None:
            said = b.Sentence(url, Level.NOTICE, "Pull request")
        yield b.Aside("Pull request", number, url, said)
        return
    if delivered.changed is False:
        words = safe.line("The run changed no files")
        yield b.Aside("no change", said=b.Sentence(words, Level.WARNING, "No change"))
        return
    is_unknown = delivered.changed is None and not delivered.pull_requests_are_known
    may_have_work = delivered.has_work or run.times.events_missing
    if is_unknown and may_have_work:
        why: LiteralString = "no event reports them"
        if run.times.events_missing:
            why = "events are missing"
        words = safe.sentence("Pull request and change: unknown (", why, ")")
        yield b.Aside("pull request and change unknown", url=compare, said=b.Sentence(words))
    if compare is not None and may_have_work:
        yield b.Aside("", url=compare, said=b.Sentence(safe.sentence("Compare: ", compare)))


def _failure(ending: EndingFacts) -> Iterator[b.Block]:
    """Yield why it failed. Of a rejected run the findings of its gates say that."""
    if ending.cause is None and ending.remedy is None:
        return
    is_rejected = ending.result is Result.REJECTED
    is_skipped = ending.result is Result.SKIPPED
    annotation = ending.annotation
    if is_rejected:
        annotation = None
    if is_skipped:
        annotation = ending.remedy
    yield b.Failure(
        level=Level.NOTICE if is_skipped else Level.ERROR,
        title="Skipped" if is_skipped else PROGRAM,
        annotation=annotation,
        problems=ending.problems,
        cause=ending.cause if ending.says_more and not is_rejected else None,
        code=ending.error_code,
        help_url=ending.help_url,
        exit_code=ending.exit_code,
        detail=None if is_rejected else ending.detail,
        remedy=None if is_rejected else ending.remedy,
    )


def _preview(run: RunFacts, _safe: Sanitizer) -> Iterator[b.Block]:
    url = run.link(run.work.preview_url) if run.work is not None else None
    if url is not None:
        yield b.Link("Preview", url)


def _rounds(run: RunFacts, _safe: Sanitizer) -> Iterator[b.Block]:
    rounds = run.delivered.rounds
    if rounds:
        yield b.RoundsTable([(each.mark, each.found) for each in rounds], rounds[-1].ended)


def _gates(run: RunFacts, safe: Sanitizer) -> Iterator[b.Block]:
    rows: list[b.Finding] = []
    for gate in run.delivered.gates:
        label = gate.name
        found = safe.sentence(label, ": ", gate.with_items(safe))
        said = safe.sentence(found, *text.behind(". ", gate.remedy))
        rows.append(
            b.Finding(
                gate.mark,
                gate.passed,
                label,
                gate.found,
                gate.remedy,
                gate.items,
                said,
            )
        )
    if rows:
        yield b.Findings(rows)


def _last_words(run: RunFacts, _safe: Sanitizer) -> Iterator[b.Block]:
    if run.work is not None and run.work.message:
        yield b.Quotation("The agent's last words", run.work.message)


def _artifact(run: RunFacts, safe: Sanitizer) -> Iterator[b.Block]:
    if run.delivered.artifact_is_long:
        words: LiteralString = (
            "The artifact is longer than {} characters: the output is empty, "
            "and only output-dir has it"
        )
        yield b.Sentence(safe.line(words, ARTIFACT_LIMIT), Level.WARNING, "Artifact")


def _next_steps(run: RunFacts, _safe: Sanitizer) -> Iterator[b.Block]:
    if run.next_steps:
        yield b.Commands(run.next_steps)


def _identifiers(run: RunFacts, _safe: Sanitizer) -> Iterator[b.Block]:
    """Yield all known short facts."""
    delivered = run.delivered
    work = run.work
    values: dict[LiteralString, CleanText | LiteralString | int | None] = {
        "Repository": run.task.repo,
        "Branch": delivered.branch_shown,
        "Base branch": delivered.base_shown,
        "Changed": _changed_in_a_word(delivered),
        "Commit": delivered.commit,
    }
    if work is not None:
        values["Run"] = work.run_id
        values["Joined"] = "yes" if work.joined else None
        values["Status"] = work.status
        values["Harness"] = work.harness
    values["Started"] = run.times.started
    values["Attempt"] = run.task.attempt
    if work is not None:
        values["Events"] = run.times.events
    if run.times.events_missing:
        values["More events"] = "not shown"
    if work is not None:
        values["Requests"] = run.ending.requests
    rows = _known(values)
    if rows:
        yield b.Table("Ids and counts", rows)


def _known(
    values: dict[LiteralString, CleanText | LiteralString | int | None],
) -> list[tuple[LiteralString, CleanText | LiteralString | int]]:
    return [(name, value) for name, value in values.items() if value is not None]


def _changed_in_a_word(delivered: Delivered) -> LiteralString | None:
    if delivered.changed:
        return "yes"
    if delivered.changed is False:
        return "nothing"
    if delivered.has_work:
        return "unknown"
    return None
