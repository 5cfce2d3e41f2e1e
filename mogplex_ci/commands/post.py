"""The clean-up step: cancels the runs that the main step owns and left unfinished, even when that step was killed."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from mogplex_ci.commands.common import program
from mogplex_ci.errors import EXIT_CODES, ForeignRunError, GitHubError, MogplexError, UsageError
from mogplex_ci.inputs.read import read_connection, read_inputs
from mogplex_ci.inputs.sources import check_flags, flag_parser, given
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Level
from mogplex_ci.report.comment import CALLS_SECONDS, Comment, job_link, not_written
from mogplex_ci.report.text import problem
from mogplex_ci.run.one import TIMEOUT_BUDGET, cancel, cancel_unanswered
from mogplex_ci.sanitize import Markdown, Sanitizer, secrets_of
from mogplex_ci.step.include_event import with_event
from mogplex_ci.step.ledger import open_runs
from mogplex_ci.waiting import SystemClock

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from mogplex_ci.models import Cancelled
    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.step.ledger import OpenRun


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Clean up and return the exit code: 0 when nothing of this step is left running."""
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    platform = detect(env, sys.stdout)
    safe = Sanitizer(secrets_of(env))
    try:
        check_flags(argv)
    except UsageError as error:
        for fault in error.problems:
            platform.annotate(Level.ERROR, safe.line("Mogplex"), problem(safe, fault))
        return error.exit_code
    left = open_runs(platform)[::-1]  # the newest first
    codes = [_clean_up(run, argv, env, platform, safe) for run in left]
    if left and not any(codes):
        with contextlib.suppress(OSError, UsageError):  # only saves the next call from asking again
            platform.save_state("")
    return max(codes, default=0)


def _clean_up(left: OpenRun, argv: Sequence[str], env: Mapping[str, str], platform: Platform, safe: Sanitizer) -> int:
    """Cancel one run, say how that went, and return the exit code: 0 when it is not left running."""
    run = safe.line("run {}", left.run_id) if left.run_id else safe.line("its run")
    platform.line(safe.sentence("The step ended before its run; cancelling ", run))
    try:
        answer = _cancel(argv, env, platform, left)
        _tell(f"its status is {answer.status}", left, argv, env, platform, safe)
    except MogplexError as error:
        _tell("it could not be cancelled and may still be running", left, argv, env, platform, safe)
        text = safe.sentence("Could not cancel ", run, ": ", safe.message(error.cause))
        platform.annotate(Level.WARNING, safe.line("Mogplex"), text)
        return 0 if isinstance(error, ForeignRunError) else error.exit_code
    platform.line(safe.line("The API answered {}", answer.status))
    return 0


def _tell(
    said: str, left: OpenRun, argv: Sequence[str], env: Mapping[str, str], platform: Platform, safe: Sanitizer
) -> None:
    """Say in the comment of ``comment-on``, if there is one, that the step ended before its run."""
    values, repository = given(argv, env), platform.repository()
    if not left.run_id or repository is None or not {"comment-on", "github-token", "api-key"} <= values.keys():
        return
    from mogplex_ci.github_api import GitHubApi  # loads urllib3

    github = GitHubApi(platform.github_api_url, values["github-token"], repository)
    try:
        comment = Comment(github, int(values["comment-on"]), values["api-key"], SystemClock())
        comment.is_about(left.run_id, key=None)
        text = safe.sentence("The job was stopped before its Mogplex run ended; ", safe.message(said))
        comment.write(Markdown.of("**{}**{}\n", text, job_link(safe, platform.job_url)), CALLS_SECONDS, only_edit=True)
    except GitHubError as error:
        platform.annotate(Level.WARNING, safe.line("Comment"), not_written(safe, error))
    finally:
        github.close()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command: the flags of the step that it cleans up after."""
    parser = flag_parser(f"{program()} post")
    parser.description = "Cancel what a killed step left running. Takes the flags and variables of that step."
    parser.epilog = f"example:\n  {program()} post\n\n{EXIT_CODES}"
    return parser


def _cancel(argv: Sequence[str], env: Mapping[str, str], platform: Platform, run: OpenRun) -> Cancelled:
    """Cancel the run by its id. A start that was never answered is sent again with the same inputs to learn the id.

    Raises:
        MogplexError: it could not be cancelled.
    """
    from mogplex_ci.api.client import Client

    base_url, api_key = read_connection(argv, env)
    client, clock = Client(base_url, api_key or ""), SystemClock()
    try:
        if run.run_id:
            return cancel(client, run.run_id, clock=clock, budget=TIMEOUT_BUDGET)
        inputs, _ = read_inputs(argv, env, platform.workspace, platform.repository(), task=run.task or None)
        inputs = with_event(inputs, platform.event_words())
        return cancel_unanswered(
            client,
            inputs.start_request(run.repo_id),
            run.key,
            may_be_foreign=inputs.idempotency_key is not None,
            clock=clock,
            budget=TIMEOUT_BUDGET,
        )
    finally:
        client.close()
