"""What a cancellation does to a run's script, and what a worker that did not notice still adds."""

from __future__ import annotations

from typing import Final

from mogplex_ci.emulator.scenario import Step

_PICKED_UP: Final = 1.0
"""Seconds after the start at which a worker has the run: from then on it is launching the sandbox."""
_NOT_PENDING: Final = "ai_call is not pending"


def cancellation_requested(
    script: tuple[Step, ...], at: float, run_id: str, command_id: str | None
) -> tuple[Step, ...]:
    """Add the event of the request to the script."""
    past, rest = _split(script, at)
    return (*past, _event(at, "cancel_requested", "Cancellation requested", run_id, command_id), *rest)


def cancelled_script(
    script: tuple[Step, ...], at: float, run_id: str, command_id: str | None, was_streaming: bool
) -> tuple[Step, ...]:
    """End the script: the status first, the event a moment later, as the service writes them."""
    past, rest = _split(script, at)
    end = [
        Step(at, status="cancelled"),
        _event(at + 0.003, "cancelled", "External Mogplex run cancelled", run_id, command_id),
    ]
    if command_id is not None:
        after_effects = []
    elif was_streaming:
        after_effects = _rest_of_setup(rest)
    else:
        after_effects = _failing_launch(rest) if at >= _PICKED_UP else []
    return (*past, *sorted(end + after_effects, key=lambda step: step.at))


def _rest_of_setup(rest: tuple[Step, ...]) -> list[Step]:
    """Cancelled during set-up: its events still come, and the run is touched where the agent would start."""
    tail = []
    for step in rest:
        if step.event == "status_changed":
            tail.append(Step(step.at))
            break
        if step.event is not None:
            tail.append(step)
    return tail


def _failing_launch(rest: tuple[Step, ...]) -> list[Step]:
    """Cancelled while the sandbox is launched: the worker writes ``failed`` over ``cancelled`` when it is up."""
    launched = next((step.at for step in rest if step.status == "streaming"), None)
    if launched is None:
        return []
    return [
        Step(launched, status="failed", error=_NOT_PENDING, sandbox=True),
        Step(
            launched + 0.002,
            event="failed",
            message="External Mogplex run failed",
            payload={"error": _NOT_PENDING},
        ),
    ]


def _event(at: float, kind: str, message: str, run_id: str, command_id: str | None) -> Step:
    payload = {"external_run_id": run_id, "runtime_command_id": command_id}
    return Step(at, event=kind, message=message, payload=payload)


def _split(script: tuple[Step, ...], at: float) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    past = tuple(step for step in script if step.at <= at)
    return past, script[len(past) :]
