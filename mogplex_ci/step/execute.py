"""Executes one run of a step, in a dry run on the embedded emulator, and judges what it delivered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.run.one import Execution
from mogplex_ci.run.result import Result, interrupted, result_of_error
from mogplex_ci.waiting import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from mogplex_ci.api.client import Client
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.run.one import Plan
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.updates import Update
    from mogplex_ci.step.recorder import Recorder
    from mogplex_ci.waiting import Clock, Stop


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


@contextlib.contextmanager
def service_of(step: Step, tasks: Sequence[ActionInputs]) -> Iterator[tuple[str, str]]:
    """Yield the service's URL and the token; in a dry run, those of the embedded emulator, which plays the scenario.

    ``tasks`` are the inputs of each task.
    """
    inputs = tasks[0]
    if not inputs.dry_run:
        yield inputs.base_url, inputs.api_key or ""
        return
    from mogplex_ci.emulator import Emulator

    for task in tasks:
        step.recorder.show_request(task)
    # A pattern needs a repository that it matches.
    repos = [repo.replace("*", "example").replace("?", "x") for task in tasks for repo in task.repos]
    with Emulator(inputs.scenario or "success", repos=repos) as emulator:
        yield emulator.url, emulator.token


class Outcome:
    """How a step, or one of its runs, ended; set when the block that ``outcome_of`` guards is left."""

    result: RunResult


@contextlib.contextmanager
def outcome_of(step: Step, with_known: Callable[[RunResult], RunResult] = lambda result: result) -> Iterator[Outcome]:
    """Make a result of whatever ends the block: the one place where an unforeseen error becomes one.

    ``with_known`` adds what is known about the run.
    """
    outcome = Outcome()
    try:
        yield outcome
        return
    except MogplexError as error:
        result = result_of_error(error)
    except StopRequested:
        result = interrupted(step.stop)
    except Exception as error:  # ours: a user never sees a traceback, and ``post`` cleans up
        result = result_of_error(InternalError.of(error))._replace(left_behind=True)
    outcome.result = with_known(result)._replace(duration=step.duration)


def execute(step: Step, inputs: ActionInputs, plan: Plan, client: Client) -> Generator[Update, None, RunResult]:
    """Start one run, follow it, judge what it delivered, and return how it ended. Yields updates."""
    execution = Execution(client, plan, clock=step.clock, stop=step.stop, began=step.began)
    with outcome_of(step, execution.with_known) as outcome:
        yield from execution.perform()
        outcome.result = execution.result
        if outcome.result.result is Result.SUCCESS and _requires_something(inputs):
            outcome.result = yield from _judged(step, inputs, execution.result, client)
    is_rehearsal = inputs.scenario is not None  # ends as the scenario does, so that later steps can be tried
    return outcome.result.as_dry_run() if inputs.dry_run and not is_rehearsal else outcome.result


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
        judged = yield from judging
    return judged._replace(duration=step.duration)
