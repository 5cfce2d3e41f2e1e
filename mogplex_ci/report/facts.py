"""The final facts of a step, assembled once, and its outputs. Log, summary, files and HTML report
read the facts.

Everything here may be printed or written as it is: text is sanitized, and what is no plain id,
branch or URL is None.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, LiteralString, NamedTuple, Self
from urllib.parse import quote

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Run
from mogplex_ci.outputs import ARTIFACT_FILE, OUTPUTS, Told
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.event_words import event_text
from mogplex_ci.report import text
from mogplex_ci.run.result import Gate, Result, Round, RunResult
from mogplex_ci.run.timeline import PhaseSpan, Timeline, ToolUse
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer, count, duration, timestamp
from mogplex_ci.untrusted import Untrusted

MESSAGE_LIMIT: Final = 10_000
"""Characters of the agent's last words, and of the task."""
_ROOM_FOR_MARK: Final = 100
"""Characters for the words that say how much is missing."""
BRANCH_LIMIT: Final = 255
ARTIFACT_LIMIT: Final = 50_000
"""Characters of the output ``artifact``; a longer one is in the file only."""
ITEM_LIMIT: Final = 500
"""Characters of a path, a check or a fault that a gate lists."""
_AGENT_KNOWS_WHY: Final = (Result.FAILED, Result.TIMEOUT)
"""Results of which the agent's last line may tell the reason."""
_COMMIT: Final = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"


class NextStep(NamedTuple):
    """Something that a person may want to do now."""

    purpose: LiteralString
    """Continues the word "To"."""
    command: SafeText
    """For a shell where the log is read."""


class GateFacts(NamedTuple):
    """One gate's expectation of the run, and its finding."""

    name: SafeText
    passed: bool
    expected: SafeText
    """``A pull request``."""
    found: SafeText
    """``It opened no pull request``."""
    remedy: SafeText | None
    """Advice; None when it passed."""
    error_code: SafeText | None
    items: tuple[CleanText, ...]
    """Paths, checks or faults that it is about."""

    def with_items(self, safe: Sanitizer) -> SafeText:
        """Return what was found, and the first of the items."""
        names = text.first_of(self.items)
        return safe.sentence(self.found, ": " if names else None, *names)


class RoundFacts(NamedTuple):
    """One run of a step with ``repair``, as the gates judged it."""

    run_id: SafeText | None
    commit: SafeText | None
    """The judged commit; None when it is not known."""
    found: SafeText
    """``A check failed: test``, or that all passed."""
    gates: tuple[GateFacts, ...]
    ended: SafeText | None
    """Why no other round followed although it was rejected."""

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)


class Facts(NamedTuple):
    """How the step ended and what is known about its run. None stands for unknown."""

    result: Result
    exit_code: int
    cause: SafeText | None
    """The cause of the result, as a sentence without a full stop; None on success."""
    detail: CleanText | None
    """The agent's or the service's text about it; may have several lines."""
    remedy: SafeText | None
    """Whether the run goes on although the step failed, and advice."""
    error: SafeText | None
    """Cause and detail in one line."""
    annotation: SafeText | None
    """The same, the agent's last line, and the remedy."""
    error_code: SafeText | None
    problems: tuple[SafeText, ...]
    """Faults of the inputs, one line each."""
    duration: float
    """Seconds since the step began."""
    requests: int
    dry_run: SafeText | None
    """A sentence that says what a dry run played; None when the step was none."""
    title: CleanText
    """The task's first line; "Mogplex" when there is no task."""
    task: CleanText
    attempt: SafeText | None
    """Which try of the step this is, as the CI system counts."""
    run_id: SafeText | None
    """None when no run was started; then nothing below is known."""
    status: SafeText | None
    harness: SafeText | None
    repo_id: SafeText | None
    sandbox_id: SafeText | None
    key: SafeText | None
    joined: bool | None
    cancelled_by_step: bool
    repo: SafeText | None
    branch: SafeText | None
    branch_shown: CleanText | None
    """Also a branch whose name is too odd to be an output or part of a command."""
    base_branch: SafeText | None
    base_shown: CleanText | None
    commit: SafeText | None
    """Id of the pushed tip."""
    pull_request_url: SafeText | None
    branch_url: SafeText | None
    """GitHub's page of the branch, when it is one of its own."""
    compare_url: SafeText | None
    """GitHub's comparison of the branch with its base."""
    preview_url: SafeText | None
    """The preview of a paused run."""
    changed: bool | None
    has_work: bool
    """Whether there is, or may be, something on the branch to look at."""
    message: CleanText | None
    """The agent's last words."""
    started: SafeText | None
    """Time of the run's first event."""
    events: int
    events_missing: bool
    spans: tuple[PhaseSpan, ...]
    tools: tuple[ToolUse, ...]
    timeline: Timeline
    gates: tuple[GateFacts, ...]
    """The gates that were judged."""
    rounds: tuple[RoundFacts, ...]
    """With ``repair``: every run that was judged."""
    artifact: SafeText | None
    """The artifact that was asked for, as compact JSON."""
    next_steps: tuple[NextStep, ...]
    event_sha256: SafeText | None
    """Digest of the event's words, if ``include-event`` put them into the prompt."""
    output_dir: SafeText | None
    """Paths relative to the workspace; None for what was not asked for."""
    artifact_file: SafeText | None

    @property
    def mark(self) -> LiteralString:
        """One character for good, bad or neither."""
        return self.result.row.mark

    @property
    def headline(self) -> LiteralString:
        """How the step ended, in a few words."""
        return self.result.row.headline

    @property
    def says_more(self) -> bool:
        """Whether ``cause`` tells more than the headline does."""
        return text.capitalized((self.cause or "").removeprefix("The ")) != self.headline

    def listed(self) -> dict[LiteralString, CleanText | LiteralString | int]:
        """Return names and values of everything that is known, as far as it is short."""
        changed: dict[bool | None, LiteralString | None] = {True: "yes", False: "nothing"}
        values: dict[LiteralString, CleanText | LiteralString | int | None] = {
            "Repository": self.repo,
            "Branch": self.branch_shown,
            "Base branch": self.base_shown,
            "Changed": changed.get(self.changed, "unknown" if self.has_work else None),
            "Commit": self.commit,
            "Run": self.run_id,
            "Joined": "an earlier attempt started it" if self.joined else None,
            "Status": self.status,
            "Harness": self.harness,
            "Started": self.started,
            "Attempt": self.attempt,
            "Events": self.events if self.run_id else None,
            "More events": "the service does not list them" if self.events_missing else None,
            "Requests": self.requests if self.run_id else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def link(self, url: SafeText | None) -> SafeText | None:
        """Return the address of a pull request or branch; None in a dry run, in which neither
        exists.
        """
        return None if self.dry_run else url


class RunFacts(NamedTuple):
    """One run that is over. Times are seconds since the step began."""

    name: SafeText | None
    """As lines of the log begin: ``[owner/name task]``; None unless the step has several runs."""
    repo: CleanText
    """``owner/name``, or as the input has it; empty when it does not tell."""
    task: CleanText | None
    """Its name in the run file; None when it has none."""
    facts: Facts
    began: float
    ended: float
    of: int = 1
    """How many runs the step has."""

    @property
    def label(self) -> str:
        """Its name without brackets."""
        return (self.name or "").strip("[]")

    def without_timeline(self) -> Self:
        """Return what is kept once the run's reports are made: the timelines of all runs would be
        too much.
        """
        return self._replace(facts=self.facts._replace(timeline=Timeline(), tools=(), spans=()))


class StepFacts(NamedTuple):
    """How the step ended, and each of its runs. A step that started nothing has one without an
    id.
    """

    facts: Facts
    runs: Sequence[RunFacts]

    @property
    def is_fleet(self) -> bool:
        """Whether the step is one with several runs, which have names."""
        return not self.runs or self.runs[0].name is not None

    def headline(self, safe: Sanitizer) -> SafeText:
        """Return ``3 of 5 runs succeeded``, and how many were not started."""
        is_detached = any(run.facts.result is Result.DETACHED for run in self.runs)
        verb: LiteralString = "were started, not followed" if is_detached else "succeeded"
        skipped = sum(run.facts.result is Result.SKIPPED for run in self.runs)
        good = sum(run.facts.exit_code == 0 for run in self.runs) - skipped
        words: list[Part] = [
            safe.message(str(good)),
            " of ",
            count(len(self.runs), "run"),
            " ",
            verb,
        ]
        if skipped:
            words += [", ", skipped, " not started"]
        return safe.sentence(*words)

    @property
    def why(self) -> SafeText | None:
        """Why a step with several runs ended before all of them did; None when their own ends say
        it all.
        """
        return (
            self.facts.annotation
            if self.facts.result is Result.INTERRUPTED or self.facts.remedy
            else None
        )

    def table(self, safe: Sanitizer) -> dict[LiteralString, list[CleanText]]:
        """Return a table of the runs: the cells by column. A column that would be empty is left
        out.
        """
        none = safe.clean("")
        changes: dict[bool | None, CleanText] = {False: safe.line("no change")}
        ends = [(run, run.facts) for run in self.runs]
        columns: dict[LiteralString, list[CleanText]] = {
            "Result": [
                safe.sentence(end.mark, " ", Untrusted(end.result.value)) for _, end in ends
            ],
            "Repository": [safe.clean(run.repo, limit=text.NAME_LIMIT) for run, _ in ends],
            "Task": [safe.clean(run.task or "", limit=text.NAME_LIMIT) for run, _ in ends],
            "Time": [duration(end.duration) if end.run_id else none for _, end in ends],
            "Pull request": [
                end.link(end.pull_request_url) or changes.get(end.changed, none) for _, end in ends
            ],
        }
        return {name: cells for name, cells in columns.items() if any(cells)}


def facts_of(
    result: RunResult, safe: Sanitizer, platform: Platform, inputs: ActionInputs | None
) -> Facts:
    """Return the facts of a step that ended with ``result``; ``inputs`` is None when they could not
    be read.
    """
    run, timeline, repo = (
        result.run,
        result.timeline,
        safe.repo(result.repo.full_name) if result.repo else None,
    )
    task, folder = (inputs.prompt, inputs.output_dir) if inputs else ("", None)
    branch, base = safe.branch(result.branch), safe.branch(result.base_branch)
    own, has_work = branch if branch != base else None, branch is not None and _has_work(result)
    played = inputs and what_is_played(inputs, platform, safe)
    cause, error, remedy, annotation = _explanation(result, safe)
    identity, asked = platform.identity(), timeline.checkpoint if run and run.is_paused else None
    return Facts(
        result=result.result,
        exit_code=result.exit_code,
        cause=cause,
        detail=safe.clean(result.detail) if result.detail else None,
        remedy=remedy,
        error=error,
        annotation=annotation,
        error_code=safe.identifier(result.error_code),
        problems=tuple(text.problem(safe, fault) for fault in result.problems),
        duration=round(result.duration, 3),
        requests=result.requests_sent,
        dry_run=safe.sentence("Dry run: nothing was sent, and ", played, " was played.")
        if played
        else None,
        title=safe.clean(text.first_line(task) or "Mogplex", limit=text.TITLE_LIMIT),
        task=safe.clean(task, limit=MESSAGE_LIMIT),
        attempt=safe.identifier(identity.attempt) if identity else None,
        run_id=safe.identifier(run.id) if run else None,
        status=safe.identifier(run.status) if run else None,
        harness=safe.identifier(run.harness) if run else None,
        repo_id=safe.identifier(run.repo_id) if run else None,
        sandbox_id=safe.identifier(run.sandbox_id) if run else None,
        key=safe.key(result.key),
        joined=result.joined if run else None,
        cancelled_by_step=result.cancelled_by_step,
        repo=repo,
        branch=branch,
        branch_shown=safe.clean(result.branch, limit=BRANCH_LIMIT) if result.branch else None,
        base_branch=base,
        base_shown=safe.clean(result.base_branch, limit=BRANCH_LIMIT)
        if result.base_branch
        else None,
        commit=_shown_commit(run, safe),
        pull_request_url=safe.url(timeline.outcome.pull_request_url),
        branch_url=_github_url(safe, repo, "tree", own),
        compare_url=_github_url(safe, repo, "compare", f"{base}...{own}") if own and base else None,
        preview_url=safe.url(asked.preview_url) if asked else None,
        changed=timeline.outcome.changed,
        has_work=has_work,
        message=safe.clean(timeline.last_words or "", limit=MESSAGE_LIMIT - _ROOM_FOR_MARK) or None,
        started=timestamp(timeline.started) if timeline.started else None,
        events=timeline.event_count,
        events_missing=timeline.is_incomplete,
        spans=tuple(timeline.spans()),
        tools=tuple(timeline.tools()),
        timeline=timeline,
        gates=tuple(gate_facts(gate, safe) for gate in result.gates),
        rounds=tuple(_round_facts(each, safe) for each in result.rounds),
        artifact=safe.json(result.artifact) if result.artifact is not None else None,
        next_steps=tuple(_next_steps(result, safe, branch if has_work else None, inputs)),
        event_sha256=_event_sha256(result, inputs, platform, safe),
        output_dir=_path(folder, platform, safe) if folder else None,
        artifact_file=_path(folder / ARTIFACT_FILE, platform, safe)
        if folder and result.artifact is not None
        else None,
    )


def _explanation(
    result: RunResult, safe: Sanitizer
) -> tuple[SafeText | None, SafeText | None, SafeText | None, SafeText | None]:
    """Return the cause, the cause with its detail, the remedy, and all that one annotation says."""
    remedy = safe.message(result.remedy) if result.remedy else None
    if not result.cause:
        return None, None, remedy, None
    if result.run_goes_on and result.result is not Result.PAUSED:
        remedy = safe.sentence(*text.join_present(" ", _state_at_the_end(result), remedy))
    error = text.reason(safe, result)
    last = text.last_line(result.timeline.last_words) if result.result in _AGENT_KNOWS_WHY else ""
    said: list[Part] = (
        [" The agent's last line: ", Untrusted(last), _full_stop(last)] if last else []
    )
    annotation = safe.sentence(error, _full_stop(error), *said, *text.behind(" ", remedy))
    return safe.message(text.capitalized(result.cause)), error, remedy, annotation


def _state_at_the_end(result: RunResult) -> LiteralString:
    """Return what is known of a run that this step has stopped following."""
    if result.is_unread and result.timeline.outcome.has_ended:
        return "The run's events say that it has finished; its status could not be read."
    if result.is_unread:
        return "The run may still be running; this step stopped following it."
    return "The run is still running; this step stopped following it."


def _full_stop(words: str) -> LiteralString:
    return "" if words.endswith((".", "!", "?", "…")) else "."


def _event_sha256(
    result: RunResult, inputs: ActionInputs | None, platform: Platform, safe: Sanitizer
) -> SafeText | None:
    words = platform.cause.words() if inputs and inputs.include_event and result.run else ()
    return safe.identifier(event_text(words).sha256) if words else None


def _shown_commit(run: Run | None, safe: Sanitizer) -> SafeText | None:
    commit = run.terminal_commit if run else None
    return safe.identifier(commit) if commit and re.fullmatch(_COMMIT, commit.text) else None


def gate_facts(gate: Gate, safe: Sanitizer) -> GateFacts:
    """Return what may be shown of a gate that was judged."""
    return GateFacts(
        name=safe.message(gate.name),
        passed=gate.passed,
        expected=safe.message(text.capitalized(gate.expected)),
        found=safe.message(text.capitalized(gate.found)),
        remedy=safe.message(gate.remedy) if gate.remedy and not gate.passed else None,
        error_code=None if gate.passed else safe.identifier(gate.error_code),
        items=tuple(safe.clean(item, limit=ITEM_LIMIT) for item in gate.details or gate.items),
    )


def faults_line(gates: Iterable[Gate], safe: Sanitizer) -> SafeText:
    """Return what gates rejected in one line, without addresses: ``A check failed: test``."""
    found = [
        gate_facts(gate._replace(details=()), safe).with_items(safe)
        for gate in gates
        if not gate.passed
    ]
    return (
        safe.sentence(*text.join_present("; ", *found)) if found else safe.line("All gates passed")
    )


def _round_facts(this: Round, safe: Sanitizer) -> RoundFacts:
    gates, ended = (
        tuple(gate_facts(gate, safe) for gate in this.gates),
        this.ended and safe.message(this.ended),
    )
    ids = safe.identifier(this.run_id), safe.identifier(this.commit)
    return RoundFacts(*ids, faults_line(this.gates, safe), gates, ended or None)


def _has_work(result: RunResult) -> bool:
    """Whether there is something on the branch, or may be: not every server and harness says what
    was delivered.
    """
    timeline, run, known = result.timeline, result.run, result.timeline.outcome
    if run is None or result.result is Result.DRY_RUN or known.changed is False:
        return False
    may_have = run.status == "success" and (timeline.agent_worked or timeline.is_incomplete)
    return bool(known.changed or known.pull_request_url) or may_have


def _next_steps(
    result: RunResult, safe: Sanitizer, branch: SafeText | None, inputs: ActionInputs | None
) -> Iterator[NextStep]:
    """Yield what may be done next; ``branch`` is the one to look at, if there is anything on it."""
    if result.run is None or inputs is None or inputs.dry_run:  # no service knows a dry run's run
        return
    if branch is not None:
        yield NextStep(
            "look at the work",
            safe.sentence("git fetch origin ", branch, " && git switch ", branch),
        )
    if result.run_goes_on:
        yield NextStep(
            "follow the run", text.command_line(text.FOLLOW, result.run.id, inputs.base_url, safe)
        )
        yield NextStep(
            "cancel the run", text.command_line(text.CANCEL, result.run.id, inputs.base_url, safe)
        )
    else:
        command = text.command_line("runs events {}", result.run.id, inputs.base_url, safe)
        yield NextStep("read the run's events again", command)


def _github_url(
    safe: Sanitizer, repo: SafeText | None, page: LiteralString, name: str | None
) -> SafeText | None:
    return safe.url(f"https://github.com/{repo}/{page}/{quote(name)}") if repo and name else None


def what_is_played(inputs: ActionInputs, platform: Platform, safe: Sanitizer) -> SafeText | None:
    """Return the name of the scenario, or the path of the file, that a dry run plays; None when
    there is none.
    """
    if not inputs.dry_run:
        return None
    if isinstance(inputs.dry_run, Path):
        return _path(inputs.dry_run, platform, safe)
    return safe.line("the scenario {}", "success" if inputs.dry_run is True else inputs.dry_run)


def _path(path: Path, platform: Platform, safe: Sanitizer) -> SafeText | None:
    """Return a path in the workspace, as outputs name it."""
    return safe.path(path.relative_to(platform.workspace.resolve()).as_posix())


def early_outputs(facts: Facts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return the outputs that are known once the run is started, for later steps that always
    run.
    """
    return {name: _output(told, facts, safe) for name, told in OUTPUTS.items() if told.early}


def outputs_of(step: StepFacts, safe: Sanitizer) -> dict[str, CleanText | None]:
    """Return every output; unknown is None. Only ``message`` may have several lines.

    Of several runs, what is about one alone is in ``results``.
    """
    is_told = {name: told.of_step or not step.is_fleet for name, told in OUTPUTS.items()}
    outputs = {
        name: _output(told, step.facts, safe) if is_told[name] else None
        for name, told in OUTPUTS.items()
    }
    if step.is_fleet:
        outputs["results"] = safe.json(Untrusted([_row(run) for run in step.runs]))
    return outputs


def _output(told: Told, facts: Facts, safe: Sanitizer) -> CleanText | None:
    """Return the value as the text that an output is; of a list, how long it is."""
    match getattr(facts, told.fact) if told.fact else None:
        case CleanText() as value:
            return None if told.output == "artifact" and len(value) > ARTIFACT_LIMIT else value
        case bool(flag):
            return safe.identifier(str(flag).lower())
        case float(seconds):
            return safe.identifier(str(round(seconds)))
        case tuple(items):
            return safe.identifier(str(len(items))) if items else None
        case word:
            return safe.identifier(word)


def _row(run: RunFacts) -> dict[str, object]:
    """Return a run as an object of the output ``results``."""
    values = {name: getattr(run.facts, told.fact) for name, told in OUTPUTS.items() if told.of_each}
    told = {
        name: round(value) if isinstance(value, float) else value for name, value in values.items()
    }
    return {"repo": run.facts.repo, "task": run.task, **told}
