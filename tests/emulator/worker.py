"""How long a worker may take: the older service ends one after half an hour, the newest one only if
nothing happens for six hours.
"""

from collections.abc import Callable, Sequence
from typing import Final

from tests.emulator.scenario import Step

LONGEST_OLD: Final = 1_800.0
"""Seconds that a worker of the older service runs. Its run stays as it is until it is reaped."""
REAPED_AFTER: Final = 21_600.0
"""Seconds: the older service reaps a run of this age, the newest one a run that was silent so
long.
"""
_REAPED: Final = "Run interrupted before finalize (reaped by zombie-row-reaper)"
_IDLE: Final = "Stopped after 360 minutes with no progress."
_SOURCE: Final = "zombie-row-reaper"
_ENDED: Final = frozenset({"success", "failed", "cancelled", "awaiting_input"})
"""Statuses in which no worker is at work."""


def limited_old(steps: Sequence[Step]) -> list[Step]:
    """Return what the older service lets happen of a script."""
    began = next((step.at for step in steps if step.status == "streaming"), None)
    if began is None:
        return list(steps)
    kept = [step for step in steps if step.at <= began + LONGEST_OLD]
    if len(kept) == len(steps) or _status_after(kept) in _ENDED:
        return list(steps)
    at = max(REAPED_AFTER, kept[-1].at)
    payload = {"age_ms": round(at * 1000), "source": _SOURCE}
    return [
        *kept,
        Step(at, event="failed", message=_REAPED, payload=payload),
        Step(at + 0.02, status="failed", error=_REAPED),
    ]


def limited_newest(steps: Sequence[Step], stamp: Callable[[float], str]) -> list[Step]:
    """Return what the newest service lets happen of a script; ``stamp`` formats a second of it."""
    active = 0.0
    kept: list[Step] = []
    for step in steps:
        if step.at - active > REAPED_AFTER and _status_after(kept) not in _ENDED:
            return [*kept, *_idle_end(active, stamp)]
        if step.event is not None or step.status is not None:
            active = step.at
        kept.append(step)
    is_left = not any(step.worker_dies for step in kept) and _status_after(kept) not in _ENDED
    if is_left:
        return [*kept, *_idle_end(active, stamp)]
    return kept


def _idle_end(active: float, stamp: Callable[[float], str]) -> list[Step]:
    at = active + REAPED_AFTER
    payload = {
        "age_ms": round(REAPED_AFTER * 1000),
        "source": _SOURCE,
        "last_activity_at": stamp(active),
    }
    return [
        Step(at, event="failed", message=_IDLE, payload=payload),
        Step(at + 0.5, status="failed", error=_IDLE),
        Step(
            at + 0.503,
            event="failed",
            message="External Mogplex run failed",
            payload={"error": _IDLE},
        ),
    ]


def _status_after(steps: Sequence[Step]) -> str:
    statuses = ["pending", *(step.status for step in steps if step.status is not None)]
    return statuses[-1]
