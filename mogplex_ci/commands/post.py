"""The clean-up step: cancels the runs that the main step owns and left unfinished, even when that
step was killed.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, LiteralString

from mogplex_ci.api.retry import ServiceHistory
from mogplex_ci.errors import ForeignRunError, MogplexError, NotAuthorizedError, UsageError
from mogplex_ci.inputs.declared import check
from mogplex_ci.inputs.flags import Parser, flag_parser
from mogplex_ci.inputs.names import NamesHere
from mogplex_ci.inputs.read import read_connection, read_inputs
from mogplex_ci.inputs.sources import gather, given_texts
from mogplex_ci.models import Cancelled, Repair
from mogplex_ci.platforms import detect, secrets_of_job
from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.job_log import job_log
from mogplex_ci.report.comment import CALLS_SECONDS, Comment, job_link, not_written
from mogplex_ci.report.text import CANCEL, command_line, problem
from mogplex_ci.run.cancel import TIMEOUT_BUDGET, cancel, cancel_unanswered
from mogplex_ci.sanitize import Markdown, Part, Sanitizer, count
from mogplex_ci.step.guards import with_event
from mogplex_ci.step.ledger import OpenRun, saved_state
from mogplex_ci.waiting import Clock, stop_of_process

if TYPE_CHECKING:
    from mogplex_ci.api.client import Client


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Clean up and return the exit code: 0 when nothing of this step is left running."""
    platform = detect(env, job_log(stop_of_process()))
    safe = Sanitizer(secrets_of_job(env), NamesHere(argv, env))
    try:
        parser().read(argv)
        key = given_texts(argv, env).get("idempotency-key")
        token = None
        if platform.load_states(key=key):
            _, token = read_connection(argv, env)
    except UsageError as error:
        for fault in error.problems:
            platform.annotate(Level.ERROR, safe.line("Mogplex"), problem(safe, fault))
        return error.exit_code
    state = saved_state(platform, token=token, key=key)
    if state is None:
        return 0
    if token is None or not state.is_ours:
        why: LiteralString = "the state was saved with another token, or by another job"
        if token is None:
            why = "[[api-key]] is missing"
        text = safe.line("Could not cancel {}: {}", count(len(state.runs), "run"), safe.line(why))
        platform.annotate(Level.WARNING, safe.line("Mogplex"), text)
        return NotAuthorizedError.exit_code
    from mogplex_ci.api.client import Client  # loads urllib3

    # The step has started a run there with this token: what fails now is an outage.
    history = ServiceHistory(has_answered=True, accepts_token=True)
    with contextlib.closing(Client(state.base_url, token, history=history)) as client:
        codes = [
            _clean_up(run, client, state.base_url, argv, platform, safe)
            for run in reversed(state.runs)
        ]  # the newest first
    if not any(codes):
        with contextlib.suppress(OSError, UsageError):  # only saves the next call from asking again
            platform.save_state("", key=key)
    return max(codes, default=0)


def _clean_up(
    left: OpenRun,
    client: "Client",
    base_url: str,
    argv: Sequence[str],
    platform: Platform,
    safe: Sanitizer,
) -> int:
    """Cancel one run, say how that went, and return the exit code: 0 when it is not left
    running. ``base_url`` is that of ``client``.
    """
    run = safe.line("its run")
    if left.run_id:
        run = safe.line("run {}", left.run_id)
    platform.line(safe.sentence("The step ended before its run; cancelling ", run))
    try:
        answer = _cancel(left, client, argv, platform)
    except MogplexError as error:
        _comment(left, "it could not be cancelled and may still be running", argv, platform, safe)
        why = safe.sentence("Could not cancel ", run, ": ", safe.message(error.cause))
        is_foreign = isinstance(error, ForeignRunError)  # nothing of this step is left running
        if not is_foreign:
            why = safe.sentence(why, ". The run may go on", *_by_hand(left, base_url, safe))
        platform.annotate(Level.WARNING, safe.line("Mogplex"), why)
        return 0 if is_foreign else error.exit_code
    _comment(left, f"its status is {answer.status}", argv, platform, safe)
    if answer.already_terminal:
        platform.line(safe.line("The run had already ended: {}", answer.status))
    else:
        platform.line(safe.line("Run {}", answer.status))
    return 0


def _by_hand(left: OpenRun, base_url: str, safe: Sanitizer) -> list[Part]:
    """Return how a person can cancel a run; nothing where its id is not known."""
    if not left.run_id:
        return []
    return [". To cancel it by hand: ", command_line(CANCEL, left.run_id, base_url, safe)]


def _cancel(run: OpenRun, client: "Client", argv: Sequence[str], platform: Platform) -> Cancelled:
    """Cancel the run by its id. A start that was never answered is sent again with the same inputs
    to learn the id.

    Raises:
        MogplexError: it could not be cancelled.
    """
    clock = Clock()
    if run.run_id:
        return cancel(client, run.run_id, clock=clock, budget=TIMEOUT_BUDGET)
    inputs = read_inputs(gather(argv, platform), run.task)
    repair = None
    if run.repair:
        repair = Repair(*run.repair)
    request = with_event(inputs, platform.cause.words()).start_request(run.repo_id, repair)
    may_be_foreign = inputs.idempotency_key is not None
    return cancel_unanswered(
        client,
        request,
        run.key,
        may_be_foreign=may_be_foreign,
        clock=clock,
        budget=TIMEOUT_BUDGET,
    )


def _comment(
    run: OpenRun, said: str, argv: Sequence[str], platform: Platform, safe: Sanitizer
) -> None:
    """Say in the comment of ``comment-on``, if there is one, that the step ended before its run."""
    values, repository = given_texts(argv, platform.env), platform.repository()
    if not run.run_id or repository is None or not {"comment-on", "github-token"} <= values.keys():
        return
    if check({"comment-on": values["comment-on"]}):  # no step that started a run had it like this
        return
    from mogplex_ci.github_api import GitHubApi  # loads urllib3

    text = safe.sentence("The job was stopped before its Mogplex run ended; ", safe.message(said))
    shown = Markdown.of("**{}**{}\n", text, job_link(safe, platform.job_url))
    try:
        with contextlib.closing(
            GitHubApi(platform.github_api_url(), values["github-token"], repository)
        ) as github:
            comment = Comment(github, int(values["comment-on"]), values["api-key"], Clock())
            comment.write(shown, run.run_id, CALLS_SECONDS, only_edit=True)
    except MogplexError as error:  # an address of the API that is none, too
        platform.annotate(Level.WARNING, safe.line("Comment"), not_written(safe, error))


def parser() -> Parser:
    """Return the parser of the command: the flags of the step that it cleans up after."""
    description = (
        "Cancel what a killed step left running. It knows the runs from what that step saved.\n"
        "Only a start that was never answered needs the step's other inputs, too: its task and repository."
    )
    shown = ("api-key", "idempotency-key", "github-token", "comment-on")
    return flag_parser("post", description, example="post", shown=shown)
