"""``include-event``: prompts with the event's words behind them, if those are still what the event brought."""

from __future__ import annotations

from collections.abc import Sequence

from mogplex_ci.errors import ContextChangedError, GitHubError, Problem, UsageError
from mogplex_ci.inputs.declared import enumeration
from mogplex_ci.inputs.declared import inputs as declared
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.event_words import Words, as_compared, event_text
from mogplex_ci.step.execute import Step
from mogplex_ci.step.guards import ask_github


def include_event(step: Step, tasks: Sequence[ActionInputs]) -> Sequence[ActionInputs]:
    """Return the inputs of each task with the prompt that is to be sent. Who caused the event has been judged.

    Raises:
        UsageError: the event has no words, or a prompt cannot take them.
        ContextChangedError: the words at GitHub are other ones by now, or GitHub does not show them.
    """
    inputs = tasks[0]
    if not inputs.include_event:
        return tasks
    words = step.platform.cause.words()
    included = [with_event(task, words) for task in tasks]
    if not inputs.dry_run:
        _check_unchanged(step, inputs, words)
    step.recorder.log.left_out(event_text(words))
    return included


def with_event(inputs: ActionInputs, words: tuple[Words, ...]) -> ActionInputs:
    """Return the inputs with the event's words behind the prompt, if they are asked for: the same for the same event.

    Raises:
        UsageError: the event has no words, or the prompt cannot take them.
    """
    if not inputs.include_event:
        return inputs
    if not words:
        fault = "is set, and this job's event has no issue, pull request, discussion, comment or review"
        raise UsageError(Problem("include-event", fault, "Remove it from jobs that such an event does not start."))
    prompt = f"{inputs.prompt}\n\n{event_text(words).text}"
    if (too_long := declared()["prompt"].kind.fault(prompt)) is not None:
        remedy = "Name the number in the prompt instead."
        raise UsageError(Problem("include-event", f"makes a prompt that {too_long}", remedy))
    return inputs._replace(prompt=prompt)


def _check_unchanged(step: Step, inputs: ActionInputs, words: tuple[Words, ...]) -> None:
    """Compare the event's words with what is at GitHub now, if there is a token to ask with.

    Raises:
        ContextChangedError: they differ, or GitHub does not show them.
    """
    node_ids = [item.node_id for item in words]
    needs = enumeration(sorted({f"{item.permission}: read" for item in words}))
    try:
        live = ask_github(step, inputs, lambda github: github.words(node_ids, needs=needs))
    except GitHubError as error:
        cause = f"the event's text could not be compared with GitHub's: {error.cause}"
        raise ContextChangedError(cause, remedy=error.remedy) from error
    for item, now in zip(words, live or [], strict=False):
        if now is None:
            raise ContextChangedError(
                f"GitHub does not show {item.name} to github-token, so it cannot be compared with the event",
                remedy=f"Give the job the permission {needs}. If {item.name} was deleted, there is nothing to do.",
            )
        if as_compared(item.title, item.body) != as_compared(*now):
            raise ContextChangedError(f"{item.name} was edited after the event")
