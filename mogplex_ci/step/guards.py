"""Whether a step may start a run, and with whose words.

It needs a token, and an event and a prompt that do not come from an outsider. ``include-event``
adds the event's words to the prompt.
"""

import contextlib
from collections.abc import Callable
from functools import cache
from math import inf
from typing import Final, TypeVar

from mogplex_ci import errors
from mogplex_ci.api.retry import retrying
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.declared import inputs as declared
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.event_words import Words, event_text
from mogplex_ci.platforms.webhook import AUTHORED, Build, Trust
from mogplex_ci.problems import Problem
from mogplex_ci.step.step import Step
from mogplex_ci.waiting import bounded

T = TypeVar("T")
_ASK_SECONDS: Final = 10.0
"""How long GitHub is asked before a run is started."""
_RANDOM_KEY: Final = (
    "Nothing here identifies this job, so its key is random and a retry starts a second run; "
    "give all attempts the same idempotency-key"
)
_LOCAL_KEY: Final = (
    "This is a local runner, which cannot identify attempts: the idempotency key is new each time"
)
_WITHOUT_ACTION: Final = (
    "This step does not use the action: no post step cancels the run if the step is killed, and the jobs of a "
    "matrix would share one run. Set key-suffix to {}, and run 'mogplex-ci post' in a later "
    "step with 'if: always()'"
)
_WHY: Final = "Whoever triggers a run decides what the agent does with your token."
_NAME_USERS: Final = f"{_WHY} List who may start runs in allowed-users."
_FORKS: Final = (
    f"{_WHY} Run it from a branch of the repository itself; "
    "allowed-users: * lets anyone's fork start runs."
)


def reason_to_skip(step: Step, inputs: ActionInputs) -> str | None:
    """Return the reason to skip the step, or None.

    Raises:
        UntrustedPromptError: the prompt holds an outsider's words. It never passes as skipped: a
            green job would hide an attack.
        MissingTokenError: there is no token.
        UntrustedTriggerError: an outsider may have triggered the event.
    """
    if inputs.dry_run:
        return None
    trust = trust_of(step, inputs)
    reason = _made_by_app(step, inputs, trust)
    if reason is not None:
        return reason
    _check_prompt(step, inputs, trust)
    # Before the event: a fork's pull request has no token.
    reason = _without_token(step, inputs) or _caused_by_outsider(step, inputs, trust)
    if reason is None:
        _warn(step, inputs)
    return reason


def _made_by_app(step: Step, inputs: ActionInputs, trust: Trust) -> str | None:
    """Return that an app triggered the job: an agent's push must not start another agent."""
    app = step.platform.cause.unknown_app(trust)
    if app is not None:
        return f"Not started: {app}."
    branch = step.platform.agents_branch()
    # Many CI systems do not say who pushed, but the service's branches have names of their own.
    if inputs.run_id is None and branch and inputs.branch != branch:
        return f"Not started: an agent created this job's branch, {branch}. To run on it, set branch to it."
    return None


def _check_prompt(step: Step, inputs: ActionInputs, trust: Trust) -> None:
    """Raise ``UntrustedPromptError`` if an outsider's words are in the prompt."""
    found = step.platform.cause.outsider_text_in(inputs.prompt, trust)
    if found is not None:
        raise errors.UntrustedPromptError(
            f"the prompt contains words from {found.path} of the event, written by an outsider",
            detail=found.quote,
        )


def _without_token(step: Step, inputs: ActionInputs) -> str | None:
    if inputs.api_key is not None:
        return None
    if inputs.on_blocked != "skip":
        raise errors.MissingTokenError(step.platform.token_advice)
    return f"There is no api-key, as in a {step.platform.system.change_request} from a fork."


def _caused_by_outsider(step: Step, inputs: ActionInputs, trust: Trust) -> str | None:
    cause = step.platform.cause
    outsider = cause.untrusted(trust)
    if outsider is None:
        return None
    if inputs.on_blocked != "skip":
        remedy = None
        if isinstance(cause, Build):
            remedy = _FORKS
        elif (
            cause.name not in AUTHORED  # GitHub is not asked who may write
            or step.platform.repository() is None  # it cannot be asked
            or inputs.github_token is not None  # it was asked
        ):
            remedy = _NAME_USERS
        raise errors.UntrustedTriggerError(outsider, remedy=remedy)
    return f"Not started: {outsider}."


def _warn(step: Step, inputs: ActionInputs) -> None:
    """Warn if a retry would start a second run, or if jobs would share one."""
    is_chosen = bool(inputs.idempotency_key or inputs.run_id)
    if step.platform.own_try and not is_chosen:
        step.recorder.log.lines.say(_LOCAL_KEY)
    is_named = is_chosen or step.platform.identity() is not None
    retries_steps = bool(step.platform.env.get("CI"))  # people at a terminal do not
    if retries_steps and not is_named:
        step.recorder.warn("Idempotency key", _RANDOM_KEY)
    is_told_apart = is_chosen or inputs.key_suffix or inputs.matrix_job.values
    if not step.platform.has_clean_up and not is_told_apart:
        step.recorder.warn("No post step", _WITHOUT_ACTION, "${{ strategy.job-index }}")


def include_event(step: Step, inputs: ActionInputs) -> ActionInputs:
    """Return the inputs with the final prompt. The event's sender has been judged before.

    Raises:
        UsageError: the event has no words, or the prompt cannot take them.
        StopRequested: a stop signal came meanwhile.
    """
    words = step.platform.cause.words()
    with step.stop.interrupting():
        # A hostile text takes seconds; a stop signal does not wait for it.
        return bounded(lambda: with_event(inputs, words), inf)


def with_event(inputs: ActionInputs, words: tuple[Words, ...]) -> ActionInputs:
    """Return the inputs with the event's words behind the prompt, if they are asked for: the same
    for the same event.

    Raises:
        UsageError: the event has no words, or the prompt cannot take them.
    """
    if not inputs.include_event:
        return inputs
    if not words:
        fault = (
            "is set, but this job's event has no issue, pull request, discussion, comment or review"
        )
        remedy = "Remove it from jobs with other events."
        raise errors.UsageError(Problem("include-event", fault, remedy))
    prompt = f"{inputs.prompt}\n\n{event_text(words)}"
    if (too_long := declared()["prompt"].kind.fault(prompt)) is not None:
        remedy = "Name the number in the prompt instead."
        raise errors.UsageError(Problem("include-event", f"makes a prompt that {too_long}", remedy))
    return inputs._replace(prompt=prompt)


def trust_of(step: Step, inputs: ActionInputs) -> Trust:
    """Return who may start a run besides the insiders whom the event names: by the inputs, and by
    GitHub if asked.
    """

    @cache
    def may_write(login: str) -> bool:
        try:
            own = step.platform.repository()
            return ask_github(step, inputs, own, lambda github: github.may_write(login)) or False
        except errors.GitHubError as error:
            step.recorder.warn(
                "Permission", "Could not query GitHub for write access: {}", error.cause
            )
            return False

    return Trust(inputs.allowed_users, inputs.allowed_bots, may_write)


def ask_github(
    step: Step, inputs: ActionInputs, repository: str | None, ask: Callable[[GitHubApi], T]
) -> T | None:
    """Return GitHub's answer about a repository; None without a token, or if the repository is not
    known.

    Raises:
        GitHubError: GitHub refuses, or does not respond within ten seconds.
        StopRequested: a stop signal came.
    """
    if (github := step.github(inputs, repository)) is None:
        return None
    deadline = step.clock.monotonic() + _ASK_SECONDS
    with contextlib.closing(github):
        return retrying(
            lambda left: ask(github.within(left)),
            clock=step.clock,
            deadline=deadline,
            stop=step.stop,
        )
