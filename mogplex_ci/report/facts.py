"""The result of a step and of its run, as log, summary, comment, page, files, outputs and the trace
read it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, LiteralString
from urllib.parse import quote

from mogplex_ci.errors import help_url
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.output_names import ARTIFACT_FILE
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.event_words import event_text
from mogplex_ci.program import image_of
from mogplex_ci.report import text
from mogplex_ci.report.still_running import LeftRun
from mogplex_ci.run.result import (
    AGENT_KNOWS_WHY,
    Ending,
    Result,
    RunDetails,
    RunResult,
    is_own_pull_request,
)
from mogplex_ci.sanitize import Part, SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted

MESSAGE_LIMIT: Final = 10_000
"""Characters of the agent's last words, and of the task."""
BRANCH_LIMIT: Final = 255
ARTIFACT_LIMIT: Final = 50_000
"""Characters of the output ``artifact``; a longer one is in the file only."""
_NO_COMMIT: Final = "0" * 40
_NO_PREVIEW: Final = "https://dry-run.invalid/"
"""Stands for a preview in a dry run: no such host can exist (RFC 2606)."""
_ROOM_FOR_MARK: Final = 100
"""Characters for the words that say how much is missing."""


class Facts:
    """The result of a step, and of its run. Each attribute may be printed or written: text is
    sanitized, and what is unknown, or not a plain id, branch or URL, is None.

    In a dry run branch, commit and pull request are ones that cannot exist: a later step that
    forgets to check the result must not touch a real one.
    """

    def __init__(
        self,
        result: RunResult,
        safe: Sanitizer,
        platform: Platform,
        inputs: ActionInputs | None,
        seconds: float,
    ) -> None:
        """The step ended after ``seconds``. ``inputs`` is None if they could not be read."""
        self._safe = safe
        self._platform = platform
        self._inputs = inputs
        self._is_dry_run = inputs is not None and bool(inputs.dry_run)
        self._add_ending(result.ending)
        self._add_advice(result.ending, result.details)
        self._add_step(result.details, seconds)
        self._add_task(inputs)
        self._add_run(result.details)
        self._add_branch(result.details)
        self._add_work(result.details)

    def _add_ending(self, ending: Ending) -> None:
        safe = self._safe
        self.result = ending.result
        self.exit_code = ending.exit_code
        self.cause = safe.clause(ending.cause) if ending.cause else None
        """The cause of the result, as a sentence without a full stop; None on success."""
        self.detail = text.cleaned(ending.detail, safe)
        """The agent's or the service's text about it; may have several lines."""
        self.error_code = safe.identifier(ending.error_code)
        image = image_of(self._platform.env)
        self.image = safe.message(image.digest) if image and image.digest else None
        """Digest of the image that runs this program; None if it is not known."""
        release = image.release() if image is not None else None
        self.help_url: SafeText | None = None
        """The page that explains the error code, in the release that runs, else on ``main``."""
        if ending.error_code:
            self.help_url = safe.url(help_url(ending.error_code, release or "main"))
        self.problems = [text.problem(safe, fault) for fault in ending.problems]
        """Faults of the inputs, one line each."""

    def _add_advice(self, ending: Ending, details: RunDetails) -> None:
        self.remedy = self._remedy(ending, details)
        """Whether the run is still running although the step failed, and advice."""
        self.error: SafeText | None = None
        """Cause and detail in one line, and whether a run may still be running if the step was
        stopped, or has learned no id.
        """
        self.annotation: SafeText | None = None
        """Cause, detail, the agent's last line, and the remedy."""
        if not ending.cause:
            return
        error = text.reason(self._safe, ending)
        self.error = error
        if ending.result is Result.INTERRUPTED or details.unanswered_key:
            self.error = self._safe.sentence(error, *text.behind(". ", self.remedy))
        said: list[Part] = [error, _full_stop(error)]
        last_line = text.last_line(details.timeline.last_words)
        if last_line and ending.result in AGENT_KNOWS_WHY:
            said += [" The agent's last line: ", Untrusted(last_line), _full_stop(last_line)]
        self.annotation = self._safe.sentence(*said, *text.behind(" ", self.remedy))

    def _remedy(self, ending: Ending, details: RunDetails) -> SafeText | None:
        if self._inputs is None:
            if ending.result is Result.INTERRUPTED and not ending.remedy:
                return self._safe.line("No run was started.")
            return self._safe.message(ending.remedy) if ending.remedy else None
        is_found_again = _is_found_again(details, self._platform, self._inputs)
        left = LeftRun(details, self._safe, self._inputs, is_found_again=is_found_again)
        return left.advice(ending)

    def _add_step(self, details: RunDetails, seconds: float) -> None:
        safe = self._safe
        self.duration = round(seconds, 3)
        """Seconds since the start of the step."""
        self.requests = details.requests_sent
        """Requests sent to the API."""
        self.repo = safe.repo(details.repo.full_name) if details.repo is not None else None
        """``owner/name``; None when the token does not list the repository."""
        self.key = safe.key(details.last_key)
        """The idempotency key under which the run was started."""
        identity = self._platform.identity()
        self.attempt = safe.identifier(identity.attempt) if identity is not None else None
        """Which try of the step this is, as the CI system counts."""

    def _add_task(self, inputs: ActionInputs | None) -> None:
        safe = self._safe
        prompt = inputs.prompt if inputs is not None else ""
        self.title = safe.clean(text.first_line(prompt) or "Mogplex", limit=text.TITLE_LIMIT)
        """The task's first line; "Mogplex" when there is no task."""
        self.task = safe.clean(prompt, limit=MESSAGE_LIMIT)
        """The complete task."""
        self.dry_run: SafeText | None = None
        """A sentence about the recording of a dry run; None for a real one."""
        self.output_dir: SafeText | None = None
        """Relative to the workspace; None when it was not asked for."""
        self.event_sha256: SafeText | None = None
        """Digest of the event's words, if ``include-event`` put them into the prompt."""
        if inputs is None:
            return
        played = text.what_is_played(inputs, self._platform, safe)
        if played is not None:
            self.dry_run = safe.sentence("Dry run of ", played, ": nothing was sent.")
        if inputs.output_dir is not None:
            self.output_dir = self._path(inputs.output_dir)
        words = self._platform.cause.words() if inputs.include_event else None
        if words:
            digest = hashlib.sha256(event_text(words).encode()).hexdigest()
            self.event_sha256 = safe.identifier(digest)

    def _add_run(self, details: RunDetails) -> None:
        safe = self._safe
        run = details.run
        self.timeline = details.timeline
        """That of the run; empty if there was none."""
        self.has_run = run is not None
        """Whether a run was started, so that its other attributes say something."""
        self.run_id = safe.identifier(run.id) if run is not None else None
        self.status = safe.identifier(run.status) if run is not None else None
        self.harness = safe.identifier(run.harness) if run is not None else None
        self.repo_id = safe.identifier(run.repo_id) if run is not None else None
        self.sandbox_id = safe.identifier(run.sandbox_id) if run is not None else None
        self.joined = details.joined
        self.cancelled_by_step = details.cancelled_by_step
        said = safe.clean(self.timeline.last_words or "", limit=MESSAGE_LIMIT - _ROOM_FOR_MARK)
        self.message = said if said and run is not None else None
        """The agent's last words."""
        self.preview_url = self._preview_url(details)
        """The preview of a paused run."""
        self.check_command: SafeText | None = None
        """Shows the run in a shell; None if there is none, or in a dry run."""
        self.cancel_command: SafeText | None = None
        """Cancels it; None unless it may still be running."""
        if run is None or self._inputs is None or self._is_dry_run:
            return
        server = self._inputs.base_url
        self.check_command = text.command_line("runs get {}", run.id, server, safe)
        if details.keeps_running:
            self.cancel_command = text.command_line(text.CANCEL, run.id, server, safe)

    def _preview_url(self, details: RunDetails) -> SafeText | None:
        checkpoint = details.timeline.checkpoint
        if details.run is None or not details.run.is_paused or checkpoint is None:
            return None
        url = self._safe.url(checkpoint.preview_url)
        if url is not None and self._is_dry_run:
            return self._safe.url(_NO_PREVIEW)
        return url

    def _add_branch(self, details: RunDetails) -> None:
        safe = self._safe
        branch = details.branch
        if branch is not None and self._is_dry_run:
            branch = Untrusted(f"dry-run/{branch.text}")
        self.branch = safe.branch(branch)
        self.branch_shown = text.cleaned(branch, safe, limit=BRANCH_LIMIT)
        """Also a branch whose name is too odd to be an output or part of a command."""
        self.base_branch = safe.branch(details.base_branch)
        self.base_shown = text.cleaned(details.base_branch, safe, limit=BRANCH_LIMIT)
        self.branch_url: SafeText | None = None
        """GitHub's page of the branch, when it is one of its own."""
        self.compare_url: SafeText | None = None
        """GitHub's comparison of the branch with its base."""
        if self.repo is None or self.branch is None or self.branch == self.base_branch:
            return
        page = f"https://github.com/{self.repo}"
        self.branch_url = safe.url(f"{page}/tree/{quote(self.branch)}")
        if self.base_branch is not None:
            compared = quote(f"{self.base_branch}...{self.branch}")
            self.compare_url = safe.url(f"{page}/compare/{compared}")

    def _add_work(self, details: RunDetails) -> None:
        safe = self._safe
        self.commit = safe.identifier(details.commit)
        """As ``RunDetails.commit``."""
        if self.commit is not None and self._is_dry_run:
            self.commit = safe.identifier(_NO_COMMIT)
        self.changed = details.changed
        self.has_work = self.branch is not None and _has_work(details)
        """Whether there is, or may be, work on the branch."""
        self.pull_request_url = self._pull_request_url(details)
        is_unknown = details.changed is None and not details.pull_requests_are_known
        self.change_is_unknown = is_unknown and (self.has_work or details.timeline.is_incomplete)
        """Whether there may be work about which neither GitHub nor an event says anything."""
        self.gates = details.gates
        """The gates that were judged."""
        failed = [gate for gate in details.gates if not gate.passed]
        self.gates_say_why = any(gate.error_code == self.error_code for gate in failed)
        """Whether the findings of the gates say why the step failed."""
        self.rounds = details.rounds
        """With ``repair``: every run that was judged."""
        self.artifact = safe.json(details.artifact) if details.artifact is not None else None
        """The artifact that was asked for, as compact JSON."""
        self.artifact_is_long = self.artifact is not None and len(self.artifact) > ARTIFACT_LIMIT
        """Whether it is too long for an output."""
        self.artifact_file: SafeText | None = None
        """Relative to the workspace; None when no artifact was written."""
        folder = self._inputs.output_dir if self._inputs is not None else None
        if folder is not None and self.artifact is not None:
            self.artifact_file = self._path(folder / ARTIFACT_FILE)

    def _pull_request_url(self, details: RunDetails) -> SafeText | None:
        """Return the address by GitHub's word, if it was asked, else by the event's if it is a
        pull request of the run's own repository at github.com or the CI system's server.
        """
        told = details.pull_request_url
        servers = self._platform.github_servers
        if told is None:
            return None
        if not details.pull_requests_are_known and not _is_own(told, details, servers):
            return None
        if self._is_dry_run:
            return self._safe.url(f"{told.text.rpartition('/pull/')[0]}/pull/0")
        return self._safe.url(told)

    def link(self, url: SafeText | None) -> SafeText | None:
        """Return the address of a pull request or branch; None in a dry run, in which neither
        exists.
        """
        return None if self._is_dry_run else url

    def _path(self, path: Path) -> SafeText | None:
        """Return a path in the workspace, as outputs name it."""
        workspace = self._platform.workspace.resolve()
        return self._safe.path(path.relative_to(workspace).as_posix())


def _is_found_again(details: RunDetails, platform: Platform, inputs: ActionInputs) -> bool:
    """Whether a re-run of the job follows the same run."""
    has_run = details.run is not None or details.last_key
    if not has_run or inputs.dry_run or inputs.on_rerun == "new":
        return False
    if details.rounds:  # the key of a later round names the attempt
        return False
    if inputs.run_id is not None or inputs.idempotency_key is not None:
        return True
    return platform.identity() is not None and not platform.own_try


def _full_stop(words: str) -> LiteralString:
    return "" if words.endswith((".", "!", "?", "…")) else "."


def _has_work(details: RunDetails) -> bool:
    """Whether there is or may be work on the branch: not every server and harness reports the
    delivery.
    """
    if details.run is None or details.changed is False:
        return False
    if details.changed or details.pull_request_url:
        return True
    may_have_worked = details.timeline.agent_worked or details.timeline.is_incomplete
    return details.run.status == "success" and may_have_worked


def _is_own(url: Untrusted, details: RunDetails, servers: Sequence[str]) -> bool:
    """Whether a pull request is one of the run's repository."""
    repo = details.repo
    return repo is not None and is_own_pull_request(url, repo.full_name.text, servers)
