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


class LeftRun:
    """A run that may not have ended with its step."""

    def __init__(
        self, details: RunDetails, safe: Sanitizer, inputs: ActionInputs, *, is_found_again: bool
    ) -> None:
        """``is_found_again``: a re-run of the job follows the same run."""
        self.details = details
        self._safe = safe
        self._inputs = inputs
        self._is_found_again = is_found_again

    def advice(self, ending: Ending) -> SafeText | None:
        """Return the state of the run if it had not ended with the step, and advice."""
        remedy = self._safe.message(ending.remedy) if ending.remedy else None
        if ending.result is Result.INTERRUPTED:
            return remedy or self._after_stop()
        is_left = bool(self.details.unanswered_key) or (
            self.details.keeps_running and self.details.left_behind
        )
        if ending.cause and is_left and not self._events_say_over:
            left = self._may_be_running(is_stopped=False)
            if self.details.unanswered_key and ending.remedy in _ONLY_LATER:
                return left  # it says what a later job does
            return self._safe.sentence(*text.join_present(" ", remedy, left))
        if self.details.cancelled_by_step and ending.result is Result.TIMEOUT:
            cancelled: LiteralString = "This step has cancelled the run."
            return self._safe.sentence(*text.join_present(" ", cancelled, remedy))
        if not ending.cause or not self.details.keeps_running:
            return remedy
        if ending.result is Result.PAUSED and not self.details.left_behind:
            return remedy
        return self._not_followed(ending, remedy)

    def _not_followed(self, ending: Ending, remedy: SafeText | None) -> SafeText:
        """Return the state of a run that the step has stopped following, and advice."""
        is_timeout = ending.result is Result.TIMEOUT
        is_pending = self.details.run is not None and self.details.run.status == "pending"
        if is_timeout and is_pending and not self.details.is_unread:
            waits: LiteralString = (
                "It still waits, and will start. Cancel it with the command below"
            )
            if self._is_found_again:
                return self._safe.line(waits + ", or re-run the job to follow it.")
            return self._safe.line(waits + ".")
        rerun: LiteralString = ""
        if is_timeout and self._is_found_again and not self.details.left_behind:
            rerun = "Run the job again to follow it."
        state = self._last_state(ending)
        return self._safe.sentence(*text.join_present(" ", state, rerun, remedy))

    @property
    def _events_say_over(self) -> bool:
        is_paused = self.details.run is not None and self.details.run.is_paused
        has_ended = self.details.timeline.outcome.ended_by is not None
        return self.details.is_unread and has_ended and not is_paused

    def _last_state(self, ending: Ending) -> LiteralString:
        run = self.details.run
        is_unread = self.details.is_unread
        if self._events_say_over:
            return "The run's events say that it has finished; its status could not be read."
        if is_unread and run is not None and run.is_paused:
            return (
                "The run was paused when its status was last read; this step stopped following it."
            )
        if is_unread or ending.error_code == "UNKNOWN_STATUS":
            return "The run may still be running; this step stopped following it."
        return "The run is still running; this step stopped following it."

    def _after_stop(self) -> SafeText:
        """Return the state of the run of a step that a stop signal ended."""
        run = self.details.run
        if self._inputs.dry_run:
            return self._safe.line("No run was started.")
        if self.details.may_be_running:
            return self._may_be_running(is_stopped=True)
        if run is None and self._inputs.run_id is not None:
            return self._safe.line("The run was not read yet; it may still be running.")
        if run is None:
            return self._safe.line("No run was started.")
        if self.details.cancelled_by_step or run.status == "cancelled":
            return self._safe.line("The run was cancelled.")
        return self._safe.line("The run has finished: {}.", run.status)

    def _may_be_running(self, *, is_stopped: bool) -> SafeText:
        """Return that a run is or may still be running, why, and who can cancel it.
        ``is_stopped``: a stop signal ended the step.
        """
        # The clean-up continues a cancel that the deadline or a pause has begun.
        detaches = self._inputs.on_interrupt == "detach" and not self.details.not_cancelled
        is_detached = is_stopped and detaches
        is_known = self.details.keeps_running and not self.details.unanswered_key
        state: LiteralString = "The run may still be running"
        if is_known and not self.details.left_behind and not self.details.is_unread:
            state = "The run is still running"
        elif self.details.unanswered_key:
            state = "A run may be running"
        reason = self._reason(is_stopped=is_stopped, is_detached=is_detached)
        parts: list[Part] = [state, *reason, ". "]
        # Only action.yml sets job-context, and only the action has a post step.
        if self.details.owned and not is_detached and self._inputs.job_context:
            parts.append("The clean-up step tries to cancel it. ")
        return self._safe.sentence(*parts, *self._by_hand())

    def _reason(self, *, is_stopped: bool, is_detached: bool) -> list[Part]:
        if is_detached:
            return [", because of on-interrupt: detach"]
        if not self.details.owned:
            return [", because it may belong to another step"]
        if self.details.unanswered_key:
            return [", because the response to its start was lost"]
        if self.details.not_cancelled:
            why = self._safe.message(self.details.not_cancelled)
            return [", because it could not be cancelled: ", why]
        if is_stopped and self.details.left_behind:
            return [", because there was no time to cancel it"]
        return []

    def _by_hand(self) -> list[Part]:
        if self.details.run is not None and not self.details.unanswered_key:
            server = self._inputs.base_url
            cancel = text.command_line(text.CANCEL, self.details.run.id, server, self._safe)
            return ["To cancel it by hand: ", cancel]
        key = self._safe.key(self.details.last_key)
        if key is None:
            return ["Cancel it in Mogplex."]
        if self.details.rounds:  # a start with this key needs the report to its round
            return ["Its key: ", key, ". Cancel it in Mogplex."]
        finds: LiteralString = "A job with idempotency-key set to it joins it."
        if self._is_found_again:
            finds = "A re-run of the job follows it if it still exists."
        return ["Its key: ", key, ". ", finds]
