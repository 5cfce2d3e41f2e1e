"""Whether a step may start anything: it needs a token, and an event and a prompt that are no outsider's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mogplex_ci.errors import MissingTokenError, UntrustedPromptError, UntrustedTriggerError
from mogplex_ci.run.result import Result, RunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.step.plan import Step


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
        if inputs.on_blocked != "skip":
            raise MissingTokenError
        return "There is no api-key, as in a fork's pull request."
    reason = None if "*" in inputs.allowed_users else step.platform.untrusted_trigger()
    if reason is not None:
        if inputs.on_blocked != "skip":
            raise UntrustedTriggerError(reason)
        return f"Not started: {reason}."
    for task in tasks:
        if (reason := step.platform.outsider_text_in(task.prompt)) is not None:
            raise UntrustedPromptError(reason)
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
