"""The final facts of a step and of its run, assembled once: log, summary, comment, page, files and
outputs read them.

They are in groups, each with the function that makes it: how it ended, the request, the run and its
work, and its results (``report/delivered.py``). All values may be printed or written:
text is sanitized, and anything but a plain id, branch or URL is None.
"""

# No `from __future__ import annotations`: a named tuple compiles each annotation that is text, at
# every start.

import hashlib
import os
from pathlib import Path
from typing import Final, LiteralString, NamedTuple

from mogplex_ci.errors import help_url
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.models import Repo
from mogplex_ci.output_names import ARTIFACT_FILE
from mogplex_ci.platforms.base import Platform
from mogplex_ci.program import image_of
from mogplex_ci.report import text
from mogplex_ci.report.delivered import Delivered, delivered_of
from mogplex_ci.report.still_running import state_and_advice
from mogplex_ci.run.result import AGENT_KNOWS_WHY, Ending, Result, RunDetails, RunResult
from mogplex_ci.run.timeline import Timeline
from mogplex_ci.sanitize import CleanText, Part, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.words.event_words import event_text

MESSAGE_LIMIT: Final = 10_000
"""Characters of the agent's last words, and of the task."""
_NO_PREVIEW: Final = "https://dry-run.invalid/"
"""Stands for a preview in a dry run: no such host can exist (RFC 2606)."""
_ROOM_FOR_MARK: Final = 100
"""Characters for the words that say how much is missing."""


class EndingFacts(NamedTuple):
    """How a step ended."""

    result: Result
    exit_code: int
    cause: SafeText | None
    """The cause of the result, as a sentence without a full stop; None on success."""
    detail: CleanText | None
    """The agent's or the service's text about it; may have several lines."""
    remedy: SafeText | None
    """Whether the run is still running although the step failed, and advice."""
    error: SafeText | None
    """Cause and detail in one line."""
    annotation: SafeText | None
    """The same, the agent's last line, and the remedy."""
    error_code: SafeText | None
    help_url: SafeText | None
    """The page that explains the error code; None if there is none."""
    problems: tuple[SafeText, ...]
    """Faults of the inputs, one line each."""
    duration: float
    """Seconds since the start of the step."""
    requests: int
    """Requests sent to the API."""

    @property
    def mark(self) -> LiteralString:
        """One character for good, bad or neither."""
        return self.result.mark

    @property
    def headline(self) -> LiteralString:
        """How it ended, in a few words."""
        return self.result.headline

    @property
    def says_more(self) -> bool:
        """Whether ``cause`` adds to the headline."""
        cause = (self.cause or "").removeprefix("The ")
        return text.capitalized(cause) != self.headline


class Task(NamedTuple):
    """The request, and the place of its results."""

    title: CleanText
    """The task's first line; "Mogplex" when there is no task."""
    words: CleanText
    """The complete task."""
    repo: SafeText | None
    """``owner/name``; None when the token does not list the repository."""
    dry_run: SafeText | None
    """A sentence about the recording of a dry run; None for a real one."""
    attempt: SafeText | None
    """Which try of the step this is, as the CI system counts."""
    output_dir: SafeText | None
    """Relative to the workspace; None when it was not asked for."""
    image: SafeText | None
    """Digest of the image that runs this program; None if it is not known."""


class Work(NamedTuple):
    """The run at the service, and the agent's work in it."""

    run_id: SafeText | None
    status: SafeText | None
    harness: SafeText | None
    repo_id: SafeText | None
    sandbox_id: SafeText | None
    joined: bool
    cancelled_by_step: bool
    preview_url: SafeText | None
    """The preview of a paused run."""
    message: CleanText | None
    """The agent's last words."""
    event_sha256: SafeText | None
    """Digest of the event's words, if ``include-event`` put them into the prompt."""


class Facts(NamedTuple):
    """A step that is over, and its run."""

    ending: EndingFacts
    task: Task
    key: SafeText | None
    """The idempotency key under which the run was started."""
    work: Work | None
    """None when no run was started."""
    delivered: Delivered
    timeline: Timeline
    """That of the run; empty if there was none."""
    check_command: SafeText | None
    """Shows the run in a shell; None if there is none, or in a dry run."""
    cancel_command: SafeText | None
    """Cancels it; None unless it may still be running."""
    artifact_file: SafeText | None
    """Relative to the workspace; None when no artifact was written."""

    def link(self, url: SafeText | None) -> SafeText | None:
        """Return the address of a pull request or branch; None in a dry run, in which neither
        exists.
        """
        return None if self.task.dry_run else url


def facts_of(
    result: RunResult,
    safe: Sanitizer,
    platform: Platform,
    inputs: ActionInputs | None,
    seconds: float,
) -> Facts:
    """Return the facts of a step that ended after ``seconds``. ``inputs`` is None if they could not
    be read.
    """
    details = result.details
    is_dry_run = inputs is not None and bool(inputs.dry_run)
    artifact_file = None
    if inputs is not None and inputs.output_dir is not None and details.artifact is not None:
        artifact_file = _path(inputs.output_dir / ARTIFACT_FILE, platform, safe)
    check = None
    cancel = None
    if details.run is not None and inputs is not None and not is_dry_run:
        check = text.command_line("runs get {}", details.run.id, inputs.base_url, safe)
        if details.goes_on:
            cancel = text.command_line(text.CANCEL, details.run.id, inputs.base_url, safe)
    return Facts(
        ending=_ending(result, seconds, safe, platform, inputs),
        task=_task(inputs, details.repo, safe, platform),
        key=safe.key(details.last_key),
        work=_work(details, safe, platform, inputs),
        delivered=delivered_of(details, safe, platform.github_servers, is_dry_run=is_dry_run),
        timeline=details.timeline,
        check_command=check,
        cancel_command=cancel,
        artifact_file=artifact_file,
    )


def _event_digest(inputs: ActionInputs | None, platform: Platform) -> str | None:
    """Return the digest of the event's words, if ``include-event`` put them into the prompt."""
    if inputs is None or not inputs.include_event:
        return None
    words = platform.cause.words()
    return hashlib.sha256(event_text(words).encode()).hexdigest() if words else None


def _is_found_again(details: RunDetails, platform: Platform, inputs: ActionInputs | None) -> bool:
    """Whether a re-run of the job follows the same run."""
    has_run = details.run is not None or details.last_key
    if inputs is None or not has_run or inputs.dry_run or inputs.on_rerun == "new":
        return False
    if details.rounds:  # the key of a later round names the attempt
        return False
    if inputs.run_id is not None or inputs.idempotency_key is not None:
        return True
    return platform.identity() is not None and not platform.own_try


def _ending(
    result: RunResult,
    seconds: float,
    safe: Sanitizer,
    platform: Platform,
    inputs: ActionInputs | None,
) -> EndingFacts:
    ending, details = result.ending, result.details
    is_found_again = _is_found_again(details, platform, inputs)
    remedy = state_and_advice(ending, details, safe, inputs, is_found_again=is_found_again)
    return EndingFacts(
        result=ending.result,
        exit_code=ending.exit_code,
        cause=text.our_words(text.capitalized(ending.cause), safe),
        detail=text.cleaned(ending.detail, safe),
        remedy=remedy,
        error=_error(ending, details, remedy, safe),
        annotation=_annotation(ending, details.timeline.last_words, remedy, safe),
        error_code=safe.identifier(ending.error_code),
        help_url=_help_url(ending.error_code, safe),
        problems=tuple(text.problem(safe, fault) for fault in ending.problems),
        duration=round(seconds, 3),
        requests=details.requests_sent,
    )


def _error(
    ending: Ending, details: RunDetails, remedy: SafeText | None, safe: Sanitizer
) -> SafeText | None:
    """Return the output ``error``: cause and detail, and whether a run may still be running if the
    step was stopped, or has learned no id.
    """
    if not ending.cause:
        return None
    error = text.reason(safe, ending)
    if ending.result is Result.INTERRUPTED or details.unanswered_key:
        return safe.sentence(error, *text.behind(". ", remedy))
    return error


def _help_url(code: str | None, safe: Sanitizer) -> SafeText | None:
    """Return the address that explains a code in the release that runs, else on ``main``."""
    if not code:
        return None
    image = image_of(os.environ)
    release = None if image is None else image.release()
    return safe.url(help_url(code, release or "main"))


def _annotation(
    ending: Ending, last_words: Untrusted | None, remedy: SafeText | None, safe: Sanitizer
) -> SafeText | None:
    """Return the words of the annotation of a failure: cause, the agent's last line, and advice."""
    if not ending.cause:
        return None
    error = text.reason(safe, ending)
    said: list[Part] = [error, _full_stop(error)]
    if ending.result in AGENT_KNOWS_WHY:
        last = text.last_line(last_words)
        if last:
            said += [" The agent's last line: ", Untrusted(last), _full_stop(last)]
    return safe.sentence(*said, *text.behind(" ", remedy))


def _full_stop(words: str) -> LiteralString:
    return "" if words.endswith((".", "!", "?", "…")) else "."


def _task(
    inputs: ActionInputs | None, repo: Repo | None, safe: Sanitizer, platform: Platform
) -> Task:
    """Return the request. ``inputs`` is None if they could not be read, ``repo`` if it was not
    found.
    """
    identity = platform.identity()
    image = image_of(platform.env)
    found = repo.full_name if repo else None
    task = Task(
        title=safe.clean("Mogplex"),
        words=safe.clean(""),
        repo=safe.repo(found),
        dry_run=None,
        attempt=safe.identifier(identity.attempt) if identity else None,
        output_dir=None,
        image=safe.message(image.digest) if image and image.digest else None,
    )
    if inputs is None:
        return task
    folder = inputs.output_dir
    played = text.what_is_played(inputs, platform, safe)
    return task._replace(
        title=safe.clean(text.first_line(inputs.prompt) or "Mogplex", limit=text.TITLE_LIMIT),
        words=safe.clean(inputs.prompt, limit=MESSAGE_LIMIT),
        dry_run=played and safe.sentence("Dry run of ", played, ": nothing was sent."),
        output_dir=_path(folder, platform, safe) if folder else None,
    )


def _path(path: Path, platform: Platform, safe: Sanitizer) -> SafeText | None:
    """Return a path in the workspace, as outputs name it."""
    return safe.path(path.relative_to(platform.workspace.resolve()).as_posix())


def _work(
    details: RunDetails, safe: Sanitizer, platform: Platform, inputs: ActionInputs | None
) -> Work | None:
    """Return the known facts about the run at the service."""
    run = details.run
    timeline = details.timeline
    if run is None:
        return None
    preview_url = None
    if run.is_paused and timeline.checkpoint is not None:
        preview_url = safe.url(timeline.checkpoint.preview_url)
    if preview_url is not None and inputs is not None and inputs.dry_run:
        preview_url = safe.url(_NO_PREVIEW)
    said = safe.clean(timeline.last_words or "", limit=MESSAGE_LIMIT - _ROOM_FOR_MARK)
    return Work(
        run_id=safe.identifier(run.id),
        status=safe.identifier(run.status),
        harness=safe.identifier(run.harness),
        repo_id=safe.identifier(run.repo_id),
        sandbox_id=safe.identifier(run.sandbox_id),
        joined=details.joined,
        cancelled_by_step=details.cancelled_by_step,
        preview_url=preview_url,
        message=said or None,
        event_sha256=safe.identifier(_event_digest(inputs, platform)),
    )
