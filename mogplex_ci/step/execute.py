"""Executes one run of a step, in a dry run on the embedded emulator, and judges what it
delivered.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mogplex_ci.errors import InternalError, MogplexError
from mogplex_ci.gates import Inspection, Sources, inspection_of
from mogplex_ci.gates.rights import Wanted, asks_at_once, check_rights, in_order, rights_needed
from mogplex_ci.platforms.base import Platform, github_api_url, github_servers
from mogplex_ci.run.result import RunResult, interrupted, result_of_error
from mogplex_ci.run.service import Service
from mogplex_ci.step.repair import Rounds
from mogplex_ci.waiting import Clock, Stop, StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from mogplex_ci.api.budget import TokenBudget
    from mogplex_ci.api.client import Client
    from mogplex_ci.github_api import GitHubApi
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.report import StepRun
    from mogplex_ci.run.one import Plan
    from mogplex_ci.run.updates import Starting, Update
    from mogplex_ci.step.recorder import Recorder


class Step(NamedTuple):
    """A step of a CI job."""

    platform: Platform
    recorder: Recorder
    clock: Clock
    stop: Stop
    began: float
    """A time of the clock."""
    github_calls: TokenBudget | None = None
    """Bounds the calls of all runs to GitHub; None for a few."""

    def github(self, inputs: ActionInputs, repository: str | None) -> GitHubApi | None:
        """Return GitHub's API of a repository; None without a token for it, or without the
        repository's name.
        """
        if inputs.github_token is None or repository is None:
            return None
        from mogplex_ci.github_api import GitHubApi  # loads urllib3

        url = github_api_url(self.platform.env)
        diagnostics = self.recorder.diagnostics
        throttle = None
        if self.github_calls is not None:
            throttle = partial(self.github_calls.turn, clock=self.clock)
        return GitHubApi(
            url, inputs.github_token, repository, diagnostics=diagnostics, throttle=throttle
        )

    def check_rights(
        self, inputs: ActionInputs, needed: Mapping[str, Iterable[str]], branch: str
    ) -> None:
        """Ask GitHub whether ``github-token`` has the rights that are ``needed``, by repository.
        ``branch`` is the base; empty if it is not known. Without a token nothing is asked.

        Raises:
            MissingRightsError: with all that are missing.
            StopRequested: a stop signal came.
        """
        with contextlib.ExitStack() as connections:
            wanted: list[Wanted] = []
            for repository, rights in needed.items():
                github = self.github(inputs, repository) if rights else None
                if github is not None:
                    connections.callback(github.close)
                    wanted.append(Wanted(repository, in_order(rights), branch, github))
            self.ask_for(wanted)

    def ask_for(self, wanted: Sequence[Wanted]) -> None:
        """Ask GitHub whether the token has all that is wanted.

        Raises:
            MissingRightsError: with all that are missing.
            StopRequested: a stop signal came.
        """
        is_workflow = bool(self.platform.workflow_run)
        with self.stop.interrupting():
            check_rights(wanted, clock=self.clock, is_workflow=is_workflow)


@contextlib.contextmanager
def service_of(step: Step, tasks: Sequence[ActionInputs]) -> Iterator[Callable[..., Client]]:
    """Yield what makes clients of the service; in a dry run, of the embedded emulator, which plays
    the scenario.

    ``tasks`` are the inputs of each task.
    """
    from mogplex_ci.api.client import Client  # loads urllib3

    inputs = tasks[0]
    connect = partial(Client, diagnostics=step.recorder.diagnostics)
    if not inputs.dry_run:
        yield partial(connect, inputs.base_url, inputs.api_key or "")
        return
    from mogplex_ci.emulator import Emulator

    for task in tasks:
        step.recorder.log.request(task)
    # A pattern needs a repository that it matches.
    repos = [
        repo.replace("*", "example").replace("?", "x") for task in tasks for repo in task.repos
    ]
    with Emulator(inputs.scenario, repos=repos) as emulator:
        yield partial(connect, emulator.url, emulator.token)


class BlockEnd:
    """How a step, or one of its runs, ended; set when the block that ``result_of_block`` guards is
    left.
    """

    result: RunResult
    with_known: Callable[[RunResult], RunResult] = staticmethod(lambda result: result)
    """Adds what is known about the run, if the block does not end by itself."""


@contextlib.contextmanager
def result_of_block(step: Step) -> Iterator[BlockEnd]:
    """Turn every end of the block into a result: the one place where an unforeseen error becomes
    one.
    """
    end = BlockEnd()
    try:
        yield end
        return
    except MogplexError as error:
        result = result_of_error(error)
    except StopRequested:
        result = interrupted(step.stop)
    except Exception as error:  # ours: a user never sees a traceback, and ``post`` cleans up
        result = result_of_error(InternalError.of(error))._replace(left_behind=True)
    end.result = end.with_known(result)


def execute(
    step: Step, run: StepRun, connect: Callable[[], Client]
) -> Generator[Update, None, RunResult]:
    """Start one run, follow it, judge what it delivered, and return how it ended. Yields updates.

    With ``repair``, a run that was rejected may be followed by others; the result is the last
    one's. What ``post`` needs about a run is saved before the run goes on.
    """
    plan = run.plan
    with (
        result_of_block(step) as end,
        contextlib.closing(connect()) as client,
        contextlib.closing(_inspection_of(step, plan.inputs, client)) as inspection,
    ):
        rounds = Rounds(
            plan,
            inspection,
            step.recorder.safe,
            partial(step.recorder.save, run),
            partial(step.recorder.save_key, run),
            partial(_check_rights, step, plan, inspection),
        )
        end.with_known = rounds.with_known
        end.result = yield from rounds.perform()
    # The dry run of a scenario ends as that does, so that later steps can be tried.
    if plan.inputs.dry_run is True:
        return end.result.as_dry_run()
    return end.result


def _check_rights(step: Step, plan: Plan, inspection: Inspection, starting: Starting) -> None:
    """Check what gates and ``repair`` need in the repository of a run that is about to start, if
    that was not asked for when the step began.

    Raises:
        MissingRightsError: with all that are missing.
        StopRequested: a stop signal came.
    """
    inputs, repo = plan.inputs, starting.repo
    rights = rights_needed(inputs)
    names_one_run = plan.found is None
    if not rights or repo is None or asks_at_once(inputs, names_one_run=names_one_run):
        return
    inspection.connect(repo)
    if inspection.github is None:
        return
    default = repo.default_branch.text if repo.default_branch is not None else ""
    branch = inputs.base_branch or default
    step.ask_for([Wanted(repo.full_name.text, rights, branch, inspection.github)])


def _inspection_of(step: Step, inputs: ActionInputs, client: Client) -> Inspection:
    """Return what the gates judge. A dry run skips those that only GitHub can judge, unless the
    scenario tells.
    """
    scenario_rounds: Sequence[Mapping[str, Sequence[str]]] | None = None
    if inputs.dry_run:
        from mogplex_ci.emulator.scenario import load_scenario

        scenario_rounds = load_scenario(inputs.scenario).rounds
    sources = Sources(
        Service(client, step.clock, step.stop, step.began, inputs.timeout),
        lambda repo: None if inputs.dry_run else step.github(inputs, repo.full_name.text),
        safe=step.recorder.safe,
        own_run=step.platform.workflow_run,
        scenario_rounds=scenario_rounds,
        servers=github_servers(step.platform.env),
    )
    return inspection_of(inputs, sources)
