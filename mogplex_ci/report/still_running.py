"""Says of a run that the step no longer follows whether it may still be running, why, and who acts
next.
"""

from typing import Final, LiteralString

from mogplex_ci.errors import LostContactError, ServerError
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.report import text
from mogplex_ci.run.result import Ending, Result, RunDetails
from mogplex_ci.sanitize import Part, SafeText, Sanitizer

_ONLY_LATER: Final = (ServerError.remedy, LostContactError.remedy)
"""Remedies that only say to try again later."""
_OR_FOLLOW_IT: Final = ", or re-run the job to follow it."


def state_and_advice(
    ending: Ending,
    details: RunDetails,
    safe: Sanitizer,
    inputs: ActionInputs | None,
    *,
    is_found_again: bool,
) -> SafeText | None:
    """Return the state of a run that had not ended with the step, and advice."""
    remedy = text.our_words(ending.remedy, safe)
    if ending.result is Result.INTERRUPTED:
        return remedy or state_after_stop(details, inputs, safe, is_found_again=is_found_again)
    has_left_one = bool(details.unanswered_key) or (details.goes_on and details.left_behind)
    if inputs is not None and ending.cause and has_left_one and not _events_say_over(details):
        left = _may_be_running(
            details, inputs, safe, is_stopped=False, is_found_again=is_found_again
        )
        if details.unanswered_key and ending.remedy in _ONLY_LATER:
            return left  # it says what a later job does
        return safe.sentence(*text.join_present(" ", remedy, left))
    if details.cancelled_by_step and ending.result is Result.TIMEOUT:
        said = text.join_present(" ", "This step has cancelled the run.", remedy)
        return safe.sentence(*said)
    if not ending.cause or not details.goes_on:
        return remedy
    if ending.result is Result.PAUSED and not details.left_behind:
        return remedy
    is_pending = details.run is not None and details.run.status == "pending"
    if ending.result is Result.TIMEOUT and is_pending and not details.is_unread:
        waits: LiteralString = "It still waits, and will start. Cancel it with the command below"
        return safe.line(waits + (_OR_FOLLOW_IT if is_found_again else "."))
    parts: list[Part | None] = [_state_at_the_end(ending, details), remedy]
    is_wanted = ending.result is Result.TIMEOUT and not details.left_behind
    if is_wanted and is_found_again:
        parts.insert(1, "Run the job again to follow it.")
    return safe.sentence(*text.join_present(" ", *parts))


def _events_say_over(details: RunDetails) -> bool:
    is_paused = details.run is not None and details.run.is_paused
    has_ended = details.timeline.outcome.ended_by is not None
    return details.is_unread and has_ended and not is_paused


def _state_at_the_end(ending: Ending, details: RunDetails) -> LiteralString:
    """Return the known state of a run that this step has stopped following."""
    run = details.run
    is_paused = run is not None and run.is_paused
    if _events_say_over(details):
        return "The run's events say that it has finished; its status could not be read."
    if details.is_unread and is_paused:
        return "The run was paused when its status was last read; this step stopped following it."
    if details.is_unread or ending.error_code == "UNKNOWN_STATUS":
        return "The run may still be running; this step stopped following it."
    return "The run is still running; this step stopped following it."


def state_after_stop(
    details: RunDetails, inputs: ActionInputs | None, safe: Sanitizer, *, is_found_again: bool
) -> SafeText:
    """Return the state of the run of a step that a stop signal ended. ``inputs`` is None if the
    step ended before they were read, or had no run.
    """
    if inputs is not None and not inputs.dry_run and details.may_go_on:
        return _may_be_running(
            details, inputs, safe, is_stopped=True, is_found_again=is_found_again
        )
    if inputs is not None and inputs.run_id is not None and details.run is None:
        return safe.line("The run was not read yet; it may still be running.")
    if inputs is None or inputs.dry_run or details.run is None:
        return safe.line("No run was started.")
    if details.cancelled_by_step or details.run.status == "cancelled":
        return safe.line("The run was cancelled.")
    return safe.line("The run has finished: {}.", details.run.status)


def _may_be_running(
    details: RunDetails,
    inputs: ActionInputs,
    safe: Sanitizer,
    *,
    is_stopped: bool,
    is_found_again: bool,
) -> SafeText:
    """Return that a run is or may still be running, why, and who can cancel it. ``is_stopped``: a
    stop signal ended the step. ``is_found_again``: a re-run of the job has the same key.
    """
    # The clean-up continues a cancel that the deadline or a pause has begun.
    is_detached = is_stopped and inputs.on_interrupt == "detach" and not details.not_cancelled
    is_known = details.goes_on and not details.unanswered_key
    is_certain = is_known and not details.left_behind and not details.is_unread
    state: LiteralString = "The run may still be running"
    if is_certain:
        state = "The run is still running"
    elif details.unanswered_key:
        state = "A run may be running"
    reason = _reason(details, is_stopped=is_stopped, is_detached=is_detached, safe=safe)
    parts: list[Part] = [state, *reason, ". "]
    if details.owned and not is_detached and inputs.job_context:
        parts.append("The clean-up step tries to cancel it. ")
    by_hand = _by_hand(details, inputs, safe, is_found_again=is_found_again)
    return safe.sentence(*parts, *by_hand)


def _reason(
    details: RunDetails, *, is_stopped: bool, is_detached: bool, safe: Sanitizer
) -> list[Part]:
    if is_detached:
        return [", ", safe.line("because of on-interrupt: detach")]
    if not details.owned:
        return [", because it may belong to another step"]
    if details.unanswered_key:
        return [", because the response to its start was lost"]
    if details.not_cancelled:
        return [", because it could not be cancelled: ", safe.message(details.not_cancelled)]
    if is_stopped and details.left_behind:
        return [", because there was no time to cancel it"]
    return []


def _by_hand(
    details: RunDetails, inputs: ActionInputs, safe: Sanitizer, *, is_found_again: bool
) -> list[Part]:
    run = details.run
    if run is not None and not details.unanswered_key:
        cancel = text.command_line(text.CANCEL, run.id, inputs.base_url, safe)
        return ["To cancel it by hand: ", cancel]
    key = safe.key(details.last_key)
    if key is None:
        return ["Cancel it in Mogplex."]
    if details.rounds:  # a start with this key needs the report to its round
        return ["Its key: ", key, ". Cancel it in Mogplex."]
    if is_found_again:
        finds: LiteralString = "A re-run of the job follows it if it still exists."
    else:
        finds = "A job with idempotency-key set to it joins it."
    return ["Its key: ", key, ". ", finds]
