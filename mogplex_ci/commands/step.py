"""What a step with one run and a step with many have in common: the run itself, its key, and what records it."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mogplex_ci.api.retry import finish
from mogplex_ci.errors import (
    InternalError,
    MissingTokenError,
    MogplexError,
    Problem,
    UntrustedPromptError,
    UntrustedTriggerError,
    UsageError,
)
from mogplex_ci.inputs.declared import is_uuid, nearest
from mogplex_ci.report import reports_for
from mogplex_ci.report.log import Log
from mogplex_ci.run.result import Result, RunResult, interrupted, result_of_error
from mogplex_ci.run.start import Key, OnRerun, derive_key
from mogplex_ci.run.updates import NextKey, Started, Starting
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.report import Report
    from mogplex_ci.report.diagnostics import Diagnostics
    from mogplex_ci.report.progress import Progress
    from mogplex_ci.run.one import Plan
    from mogplex_ci.run.updates import Update
    from mogplex_ci.sanitize import CleanText, SafeText, Sanitizer
    from mogplex_ci.waiting import Clock, Stop

T = TypeVar("T")


class Step(NamedTuple):
    """A step of a CI job."""

    platform: Platform
    recorder: Recorder
    clock: Clock
    stop: Stop
    began: float
    """A time of the clock."""

    @property
    def duration(self) -> float:
        """Seconds since the step began."""
        return self.clock.monotonic() - self.began


def execute(step: Step, inputs: ActionInputs, plan: Plan, client: Client) -> Generator[Update, None, RunResult]:
    """Start one run, follow it, judge what it delivered, and return how it ended. Yields updates."""
    from mogplex_ci.run.one import Execution

    execution = Execution(client, plan, clock=step.clock, stop=step.stop, began=step.began)
    yield from execution.perform()
    result = execution.result
    if result.result is Result.SUCCESS and _requires_something(inputs):
        result = yield from _judged(step, inputs, result, client)
    is_rehearsal = inputs.scenario is not None  # ends as the scenario does, so that later steps can be tried
    return result.as_dry_run() if inputs.dry_run and not is_rehearsal else result


def _requires_something(inputs: ActionInputs) -> bool:
    return bool(inputs.require or inputs.allowed_paths or inputs.protected_paths or inputs.artifact)


def _judged(step: Step, inputs: ActionInputs, result: RunResult, client: Client) -> Generator[Update, None, RunResult]:
    """Judge a successful run by its gates. A dry run asks GitHub nothing, and judges only what it needs nobody for."""
    from mogplex_ci.gates import Judge, Requirements, judge_run
    from mogplex_ci.gates.judges import ArtifactWanted
    from mogplex_ci.github_api import GitHubApi

    asks_github = not inputs.dry_run
    wanted = Requirements(
        change="change" in inputs.require,
        pull_request="pull-request" in inputs.require,
        checks="checks" in inputs.require and asks_github,
        allowed=inputs.allowed_paths if asks_github else None,
        protected=inputs.protected_paths if asks_github else None,
        artifact=ArtifactWanted(inputs.artifact, inputs.artifact_schema) if inputs.artifact else None,
    )
    with contextlib.ExitStack() as stack:
        github, why_not = None, "Give github-token, so that GitHub can be asked."
        if asks_github and inputs.github_token is not None:
            if result.repo is None:  # never the job's own repository instead: the run may work on another one
                why_not = "Give repo as owner/name, one that this Mogplex token lists."
            else:
                repo = result.repo.full_name.text
                github = GitHubApi(
                    step.platform.github_api_url, inputs.github_token, repo, diagnostics=step.recorder.diagnostics
                )
                stack.callback(github.close)
        judging = judge_run(
            result, wanted, Judge(client, github, why_not, step.clock, step.stop, step.began + inputs.timeout)
        )
        try:
            result = yield from judging
        except StopRequested:
            result = result.ended_as(interrupted(step.stop))
        except Exception as error:  # ours: what is known about the run still has to reach the outputs
            result = result.ended_as(result_of_error(InternalError.of(error)))
    return result._replace(duration=step.duration)


def reason_to_skip(step: Step, tasks: Sequence[ActionInputs]) -> str | None:
    """Return why nothing shall be started, if that is no failure. ``tasks`` are the inputs of each task.

    Raises:
        MissingTokenError: there is no token.
        UntrustedTriggerError, UntrustedPromptError: the event or a prompt may be an outsider's doing.
    """
    inputs = tasks[0]
    if inputs.dry_run:
        return None
    if inputs.api_key is None:  # first: it is what a fork's pull request lacks
        if inputs.on_missing_key != "skip":
            raise MissingTokenError
        return "There is no api-key, as in a fork's pull request."
    reasons = () if inputs.allow_untrusted_trigger else (_distrust(task, step.platform) for task in tasks)
    reason = next(filter(None, reasons), None)
    if reason is not None:
        if inputs.on_untrusted != "skip":
            raise reason
        return f"Not started: {reason.cause}."
    is_named = step.platform.identity() is not None or inputs.idempotency_key or inputs.run_id
    if not is_named and step.platform.env.get("CI"):
        step.recorder.warn_of_random_key()  # nobody at a terminal tries a step again as a CI system does
    is_told_apart = inputs.key_suffix or inputs.matrix or inputs.idempotency_key or inputs.run_id
    if not step.platform.has_clean_up and not is_told_apart:
        step.recorder.warn_of_use_without_action()
    return None


def skipped(step: Step, reason: str) -> RunResult:
    """Return the result of a step that starts nothing on purpose."""
    return RunResult(Result.SKIPPED, 0, remedy=reason, duration=step.duration)


def _distrust(inputs: ActionInputs, platform: Platform) -> MogplexError | None:
    """Return why the event or the prompt may be an outsider's doing, or None."""
    if (reason := platform.untrusted_trigger()) is not None:
        return UntrustedTriggerError(reason)
    if (reason := platform.outsider_text_in(inputs.prompt)) is not None:
        return UntrustedPromptError(reason)
    return None


@contextlib.contextmanager
def service_of(step: Step, tasks: Sequence[ActionInputs]) -> Iterator[tuple[str, str]]:
    """Yield the service's URL and the token; in a dry run, those of the embedded emulator, which plays the scenario.

    ``tasks`` are the inputs of each task.

    Raises:
        UsageError: there is no such scenario, or its file is wrong.
    """
    inputs = tasks[0]
    if not inputs.dry_run:
        yield inputs.base_url, inputs.api_key or ""
        return
    from mogplex_ci.emulator import DocumentError, Emulator
    from mogplex_ci.emulator.scenario import SHIPPED

    for task in tasks:
        step.recorder.show_request(task)
    scenario = inputs.scenario or "success"
    if isinstance(scenario, str) and scenario not in SHIPPED:
        near = tuple(map(Untrusted, nearest(scenario, SHIPPED)))
        remedy = "'mogplex-ci emulator --help' lists them; a YAML file in the workspace can be played, too."
        raise UsageError(Problem("scenario", "is not a scenario", remedy, Untrusted(scenario), near))
    try:
        # A pattern needs a repository that it matches.
        repos = [repo.replace("*", "example").replace("?", "x") for task in tasks for repo in task.repos]
        emulator = Emulator(scenario, repos=repos)
    except DocumentError as error:
        faults = "; ".join(str(error).replace(f"{scenario}:", "line ").splitlines())
        raise UsageError(Problem("scenario", "cannot be played", f"Mend {faults}.")) from error
    with emulator:
        yield emulator.url, emulator.token


def plan_of(inputs: ActionInputs, key: Key, platform: Platform) -> Plan:
    """Return what the step shall do."""
    from mogplex_ci.run.one import Plan

    repo = inputs.repo or ""
    return Plan(
        run_id=inputs.run_id,
        repo=repo,
        repo_is_id=is_uuid(repo),
        request=inputs.start_request,
        key=key,
        on_rerun=OnRerun(inputs.on_rerun),
        timeout=inputs.timeout,
        cancel_on_timeout=inputs.on_timeout == "cancel",
        cancel_on_interrupt=inputs.on_interrupt == "cancel",
        on_pause=inputs.on_pause,
        retries=inputs.retries,
        wait=inputs.wait,
        poll_interval=inputs.poll_interval,
        jobs_per_token=max(inputs.jobs_per_token, platform.parallel_jobs),
    )


def key_of(inputs: ActionInputs, platform: Platform, label: str = "", parts: tuple[str, ...] = ()) -> Key:
    """Return the idempotency key: the user's, the one derived from the CI system, or a random one.

    ``label``, for people, and ``parts`` tell the runs of one step apart.
    """
    identity = platform.identity()
    attempt = (identity.attempt if identity else None) or _random_name()
    later = identity.later_attempt if identity else False
    if inputs.idempotency_key is not None:
        return Key(inputs.idempotency_key, explicit=True, attempt=attempt, later_attempt=later)
    if identity is None:
        return Key(f"{platform.name}-{attempt}", explicit=False, attempt=attempt, later_attempt=False)
    label = f"{identity.label}-{label}" if label else identity.label
    base = derive_key(platform.name, label, (*identity.parts, *inputs.matrix, *parts), inputs.key_suffix)
    return Key(base, explicit=False, attempt=attempt, later_attempt=later)


def _random_name() -> str:
    from uuid import uuid4  # most CI systems name a step and its attempts

    return str(uuid4())


class Recorder:
    """Hands updates to everything that records the step: log, reports, outputs, and the state for ``post``.

    Nothing that goes wrong while writing changes how the step ends; a warning says so instead.
    """

    def __init__(self, platform: Platform, sanitizer: Sanitizer) -> None:
        """Until ``begin`` only the log is written."""
        self.diagnostics: Diagnostics | None = None
        self._platform = platform
        self._sanitizer = sanitizer
        self._inputs: ActionInputs | None = None
        self._log = Log(platform, sanitizer)
        self._reports: list[Report] = [self._log]
        self._state: dict[str, str] = {}
        self._progress: Progress | None = None
        if platform.terminal is not None and not platform.is_debug:
            from mogplex_ci.report.progress import Progress

            self._progress = Progress(platform.terminal, sanitizer)

    def begin(self, inputs: ActionInputs, warnings: Sequence[Problem]) -> None:
        """Mask the token, and open the reports that the inputs ask for."""
        for secret in (inputs.api_key, inputs.github_token):
            if secret is not None:
                self._platform.mask(secret)
        self._inputs = inputs
        self._log.start(inputs)
        self._reports = [self._log, *self._reports_for(inputs)]
        if self._progress is not None:
            self._reports.append(self._progress)
        if inputs.diagnostics_file is not None or self._platform.is_debug:
            from mogplex_ci.report.diagnostics import Diagnostics  # structlog is slow to import

            self.diagnostics = Diagnostics(self._sanitizer, inputs.diagnostics_file, self._platform.debug)
            self._reports.append(self.diagnostics)
        for problem in warnings:
            self._log.problem(problem)

    def comment_on(self, issue: int, inputs: ActionInputs, key: Key, clock: Clock, stop: Stop) -> None:
        """Keep one comment on an issue or pull request of the job's repository up to date."""
        from mogplex_ci.github_api import GitHubApi
        from mogplex_ci.report.comment import CommentReport

        repository = self._platform.repository()
        if repository is None or inputs.github_token is None:
            why = "comment-on is not used: this CI system does not say which repository the job belongs to"
            self._warn_of_comment(self._sanitizer.line(why))
            return
        self._reports.append(
            CommentReport(
                GitHubApi(self._platform.github_api_url, inputs.github_token, repository, diagnostics=self.diagnostics),
                issue,
                self._sanitizer,
                key=key.base,
                job_url=self._sanitizer.url(self._platform.job_url),
                clock=clock,
                stop=stop,
                warn=self._warn_of_comment,
            )
        )

    def _warn_of_comment(self, text: SafeText) -> None:
        self._log.warn("Comment", text)

    def show_request(self, inputs: ActionInputs) -> None:
        """Show the request that would be sent if this were no dry run."""
        self._log.request(inputs)

    def warn_of_random_key(self) -> None:
        """Warn that a retry of the step starts a second run."""
        text = self._sanitizer.line(
            "Nothing here identifies this job, so its key is random and a retry starts a second run; "
            "give all tries the same MOGPLEX_IDEMPOTENCY_KEY"
        )
        self._log.warn("Idempotency key", text)

    def warn_of_use_without_action(self) -> None:
        """Warn about what only the action has: a post step, and the values of the matrix."""
        text = self._sanitizer.line(
            "This step does not use the action: no post step cancels the run if the step is killed, and the jobs of a "
            "matrix would share one run. Set key-suffix to {} (or matrix to {}), and run 'mogplex-ci post' in a later "
            "step with 'if: always()'",
            "${{ strategy.job-index }}",
            "${{ toJson(matrix) }}",
        )
        self._log.warn("No post step", text)

    def _reports_for(self, inputs: ActionInputs) -> Iterable[Report]:
        return reports_for(inputs, self._platform, self._sanitizer)

    def follow(self, work: Generator[Update, None, T]) -> T:
        """Record the updates of ``work`` until it is done, and return its result."""
        return finish(work, self.on)

    def on(self, update: Update) -> None:
        """Record an update. Ids are written at once, so that later steps and ``post`` have them whatever happens."""
        with self._without_progress():
            self._each_report(lambda report: report.on(update))
            if isinstance(update, Starting):
                self._state.pop("run-id", None)  # that of a run whose retry this is
                self._save({"key": update.key, "repo-id": update.repo_id})
            elif isinstance(update, NextKey):
                self._save({"key": update.key})
            elif isinstance(update, Started):
                from mogplex_ci.report.facts import early_outputs

                self._set_outputs(early_outputs(update, self._sanitizer))
                if update.owned:
                    self._save({"run-id": update.run.id})
                else:
                    self._forget()

    def finish(self, result: RunResult) -> None:
        """Record how the step ended."""
        from mogplex_ci.report.facts import facts_of, final_outputs

        self._stop_progress()
        facts = facts_of(result, self._sanitizer, self._platform, self._inputs)
        self._each_report(lambda report: report.end(facts))
        self._set_outputs(final_outputs(facts, self._sanitizer))
        if not result.left_behind:
            self._forget()

    def _without_progress(self) -> AbstractContextManager[None]:
        """Hide the live table, if there is one, while something else is written to the terminal."""
        return self._progress.hidden() if self._progress else contextlib.nullcontext()

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _each_report(self, call: Callable[[Report], None]) -> None:
        """Call ``call`` with every report; one that fails is left out from then on."""
        for report in list(self._reports):
            if not self._guarded(partial(call, report)):
                self._reports.remove(report)

    def _guarded(self, write: Callable[[], None]) -> bool:
        """Write a part of a report, and return whether that worked; a warning says if not."""
        try:
            write()
        except Exception as error:
            self._log.warn("Report", self._sanitizer.line("A report failed: {}", InternalError.of(error).cause))
            return False
        return True

    def _set_outputs(self, values: Mapping[str, CleanText | None]) -> None:
        try:
            self._platform.set_outputs(values)
        except (OSError, UsageError):
            self._log.warn("Outputs", self._sanitizer.line("The outputs could not be written"))

    def _save(self, state: Mapping[str, str]) -> None:
        self._state |= state
        self._with_state(lambda: self._platform.save_state(self._state))

    def _forget(self) -> None:
        self._with_state(self._platform.clear_state)

    def _with_state(self, change: Callable[[], None]) -> None:
        """Change what ``post`` gets, if there is anything for it to do."""
        if self._inputs is None or self._inputs.dry_run or self._inputs.on_interrupt != "cancel":
            return
        try:
            change()
        except (OSError, UsageError):
            self._log.warn("State", self._sanitizer.line("What the post step needs could not be written"))
