"""Whether a step may start anything: it needs a token, and an event and a prompt that are no outsider's."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.api.retry import finish, retrying
from mogplex_ci.errors import GitHubError, MissingTokenError, UntrustedPromptError, UntrustedTriggerError
from mogplex_ci.platforms.webhook import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mogplex_ci.github_api import GitHubApi
    from mogplex_ci.inputs.read import ActionInputs
    from mogplex_ci.step.execute import Step

T = TypeVar("T")
_ASK_SECONDS: Final = 10.0
"""How long GitHub is asked before a run is started."""
_RANDOM_KEY: Final = (
    "Nothing here identifies this job, so its key is random and a retry starts a second run; "
    "give all tries the same MOGPLEX_IDEMPOTENCY_KEY"
)
_WITHOUT_ACTION: Final = (
    "This step does not use the action: no post step cancels the run if the step is killed, and the jobs of a "
    "matrix would share one run. Set key-suffix to {} (or matrix to {}), and run 'mogplex-ci post' in a later "
    "step with 'if: always()'"
)


def reason_to_skip(step: Step, tasks: Sequence[ActionInputs]) -> str | None:
    """Return why nothing shall be started, if that is no failure. ``tasks`` are the inputs of each task.

    Raises:
        UntrustedPromptError: a prompt holds an outsider's words. Nothing lets that pass as skipped: a green job would
            hide an attack.
        MissingTokenError: there is no token.
        UntrustedTriggerError: the event may be an outsider's doing.
    """
    inputs = tasks[0]
    if inputs.dry_run:
        return None
    trust, cause = trust_of(step, inputs), step.platform.cause
    if (app := cause.unknown_app(trust)) is not None:
        return f"Not started: {app}."
    for task in tasks:
        if (field := cause.outsider_text_in(task.prompt, trust)) is not None:
            raise UntrustedPromptError(f"the prompt contains {field} of the event, which an outsider wrote")
    if inputs.api_key is None:  # before the event: it is what a fork's pull request lacks
        if inputs.on_blocked != "skip":
            raise MissingTokenError(step.platform.token_advice)
        return "There is no api-key, as in a fork's pull request."
    if (outsider := cause.untrusted(trust)) is not None:
        if inputs.on_blocked != "skip":
            raise UntrustedTriggerError(outsider)
        return f"Not started: {outsider}."
    is_named = step.platform.identity() is not None or inputs.idempotency_key or inputs.run_id
    if not is_named and step.platform.env.get("CI"):
        step.recorder.warn("Idempotency key", _RANDOM_KEY)  # only CI systems retry steps, people at a terminal do not
    is_told_apart = inputs.key_suffix or inputs.matrix or inputs.idempotency_key or inputs.run_id
    if not step.platform.has_clean_up and not is_told_apart:
        step.recorder.warn("No post step", _WITHOUT_ACTION, "${{ strategy.job-index }}", "${{ toJson(matrix) }}")
    return None


def trust_of(step: Step, inputs: ActionInputs) -> Trust:
    """Return who may start a run besides the insiders whom the event names: by the inputs, and by GitHub if asked."""

    @cache
    def may_write(login: str) -> bool:
        try:
            return ask_github(step, inputs, lambda github: github.may_write(login)) or False
        except GitHubError as error:
            step.recorder.warn("Permission", "GitHub could not be asked who has write access: {}", error.cause)
            return False

    return Trust(inputs.allowed_users, inputs.allowed_bots, may_write)


def ask_github(step: Step, inputs: ActionInputs, ask: Callable[[GitHubApi], T]) -> T | None:
    """Return what GitHub answers about the job's own repository; None when there is no token to ask with.

    Raises:
        GitHubError: GitHub refuses to answer, or could not within ten seconds.
    """
    if (github := step.github(inputs, step.platform.repository())) is None:
        return None
    deadline = step.clock.monotonic() + _ASK_SECONDS
    try:
        return finish(retrying(lambda left: ask(github.within(left)), clock=step.clock, deadline=deadline))
    finally:
        github.close()
