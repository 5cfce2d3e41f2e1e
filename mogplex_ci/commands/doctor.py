"""``mogplex doctor``: a step with another end. It reads, checks and looks up what a step does, in a
step's words; in place of the start it says what the step would start.

It writes nothing but its log, and the empty files by which it tries `output-dir`: outputs, contents
and comments are those of the step.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final, LiteralString
from urllib.parse import urlsplit

from mogplex_ci import errors
from mogplex_ci.api.proxy import proxy_for
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.read import StepInputs, read_step
from mogplex_ci.inputs.sources import given_texts
from mogplex_ci.inputs.values import read_values
from mogplex_ci.models import Repo
from mogplex_ci.own_words import all_named
from mogplex_ci.platforms.base import Platform
from mogplex_ci.problems import Problem
from mogplex_ci.report.facts import StepFacts, ending_facts, task_of
from mogplex_ci.report.log_lines import LogLines
from mogplex_ci.report.text import problem
from mogplex_ci.run.plan import StepRun
from mogplex_ci.run.repositories import Match, look_up
from mogplex_ci.run.result import Ending, Result, RunDetails
from mogplex_ci.run.service import Service
from mogplex_ci.sanitize import Part, count, duration
from mogplex_ci.step.action import Prepared, begin, prepare, say_signal
from mogplex_ci.step.execute import ending_of_block
from mogplex_ci.step.guards import require_rights_of_run
from mogplex_ci.step.step import Step
from mogplex_ci.untrusted import Untrusted

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client

SKEW_SECONDS: Final = 60.0
"""How much the clocks may differ: HTTP dates have whole seconds, and the answer takes its time."""
_NOT_LISTED: Final = (
    "This token does not list the repository {}: only a start shows whether it can use it"
)
_STAND_INS: Final = {"prompt": "-", "repo": "owner/name"}
"""Inputs that only a step needs. A check of the token or the network works without them."""


def parser() -> Parser:
    """Return the parser of the command: the flags of a step."""
    description = (
        "Check what a step needs, without starting anything.\n"
        "Takes the flags and variables of a step, and exits with the code that the step would have."
    )
    return flag_parser("doctor", description, example="doctor --repo acme/web")


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Do what a step does before its start, say what it would start, and return its exit code."""
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    step, names = begin(argv, env)
    log = step.recorder.log
    step.recorder.open_files(None)  # diagnostics alone, if they are asked for
    with ending_of_block(step) as end:
        inputs, missing = _read(argv, step.platform)
        log.lines.wanted = inputs.tasks[0].annotations
        for warning in inputs.warnings:
            log.lines.warn("Inputs", problem(step.recorder.safe, warning))
        _say_connection(log.lines, inputs.tasks[0].base_url, env)
        end.ending = prepare(step, names, inputs, partial(_verdict, missing))
    say_signal(step, end.ending)
    if end.ending.result is not Result.SUCCESS:
        safe = step.recorder.safe
        seconds = step.clock.monotonic() - step.began
        facts = ending_facts(end.ending, RunDetails(), seconds, safe)
        log.end(StepFacts(facts, task_of(None, None, safe, step.platform), (), 0, None))
    return end.ending.exit_code


def _read(argv: Sequence[str], platform: Platform) -> tuple[StepInputs, Sequence[Problem]]:
    """Read the inputs as a step does, and return the missing ones that only a step needs. The
    inputs of a dry run are read as those of a real step, unless it is one that cannot be played.

    Raises:
        UsageError: with all other faults.
    """
    dry_run = given_texts(argv, platform.env).get("dry-run", "false")
    _, faults = read_values({"dry-run": dry_run}, platform)
    if not faults:
        argv = [*argv, "--dry-run=false"]
    missing: Sequence[Problem] = ()
    try:
        inputs = read_step(argv, platform)
    except errors.UsageError as error:
        missing = [
            each
            for each in error.problems
            if each.input in _STAND_INS and each.fault == "is missing"
        ]
        if not missing:
            raise
        stand_ins = [f"--{each.input}={_STAND_INS[each.input]}" for each in missing]
        inputs = read_step([*argv, *stand_ins], platform)

    if any(each.input == "repo" for each in missing):  # nothing to look up: one run stands for all
        first = inputs.tasks[0]._replace(repo=None)
        inputs = inputs._replace(tasks=[first], names_one_run=True)
    return inputs, missing


def _say_connection(lines: LogLines, url: str, env: Mapping[str, str]) -> None:
    """Say through which proxy the service is reached, and whose certificates count.

    Raises:
        UsageError: the environment names a proxy by an address that is none.
    """
    if urlsplit(url).scheme != "https":  # plain http is for loopback
        lines.say("Proxy: none. TLS: not used on this machine's loopback")
        return
    proxy = proxy_for(url)
    through: list[Part] = ["none"]
    if proxy is not None:
        through = [Untrusted(proxy.host), " (", Untrusted(proxy.variable), ")"]
    lines.say("Proxy: ", *through)
    bundle = env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE") or "certifi"
    lines.say("TLS: certificate authorities from ", Untrusted(bundle))


def _verdict(missing: Sequence[Problem], step: Step, prepared: Prepared) -> Ending:
    """Look up what the step would before each start, and say what it would start. ``missing``:
    inputs that it still needs.

    Raises:
        MogplexError: the step cannot start.
        StopRequested: a stop signal came.
    """
    runs = prepared.runs
    inputs = runs[0].inputs
    with contextlib.closing(prepared.connect()) as client:
        service = Service(client, step.clock, step.stop, step.began, inputs.timeout)
        if inputs.run_id is not None:
            run_id = inputs.run_id
            step.recorder.follow_lookup(
                service.answer_to(lambda timeout: client.run(run_id, timeout=timeout))
            )
            found: list[Part] = ["follow run ", Untrusted(run_id)]
        else:
            repos = [_repo_of(step, service, run) for run in runs]
            step.recorder.follow_lookup(service.answer_to(partial(_try_to_start, client)))
            found = ["start ", count(len(runs), "run")]
            if repos[0] is not None and len(repos) == 1:
                found += [" on ", repos[0].full_name]
        lines = step.recorder.log.lines
        _say_clock(lines, client.date)
    if missing:
        needs = " and ".join(all_named(each.input for each in missing))
        verb = "is" if len(missing) == 1 else "are"
        remedy = " ".join(each.remedy for each in missing)
        lines.line(step.recorder.safe.message(f"Ready, but {needs} {verb} missing. {remedy}"))
    else:
        lines.say("Ready: a step would ", *found)
    return Ending.of(Result.SUCCESS)


def _repo_of(step: Step, service: Service, run: StepRun) -> Repo | None:
    """Return the repository of a run, found as the run does, if the token may read there what the
    run needs; None without a name, and for an id that the token does not list.

    Raises:
        MogplexError: the run cannot start.
        StopRequested: a stop signal came.
    """
    repo, name = run.plan.found, run.inputs.repo
    if repo is None and name is not None:
        repo = step.recorder.follow_lookup(look_up(service, name, run.plan.fault_of_repo))
        if repo is None:
            step.recorder.warn("Repository", _NOT_LISTED, Untrusted(name))
        else:
            step.recorder.log.hidden_repos({name: Match((repo,))})
    github = step.github(run.inputs, repo.full_name.text) if repo is not None else None
    if github is not None:
        with contextlib.closing(github):
            require_rights_of_run(step, run.plan, repo, github)
    return repo


def _try_to_start(client: "Client", timeout: float) -> None:
    """Find out whether the token may start runs: the API looks at that first, then refuses the
    request, which has no key.
    """
    with contextlib.suppress(errors.BadRequestError):
        client.start({}, "", timeout=timeout)


def _say_clock(lines: LogLines, date: str) -> None:
    """Compare the ``Date`` of the service's last answer with this machine's time."""
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        lines.say("Clock: not checked, because the API's responses lack a date")
        return
    if abs(skew) <= SKEW_SECONDS:
        lines.say("Clock: agrees with the API's")
        return
    direction: LiteralString = "ahead of" if skew > 0 else "behind"
    lines.warn(
        "Clock",
        lines.safe.sentence(
            "This machine's clock is ",
            duration(abs(skew)),
            f" {direction} the API's. Set it: certificates and log times depend on it",
        ),
    )
