"""How the step ended, in a few words for people."""

from __future__ import annotations

from typing import Final

from mogplex_ci.run.outcome import Result, Verdict

_SUCCESS: Final = frozenset({Result.SUCCESS, Result.DRY_RUN})
_NEITHER: Final = frozenset({Result.DETACHED, Result.SKIPPED})
_HEADLINES: Final = {
    Result.SUCCESS: "Run succeeded",
    Result.FAILED: "Run failed",
    Result.CANCELLED: "Run cancelled",
    Result.TIMEOUT: "Timed out",
    Result.DETACHED: "Run started, not followed",
    Result.INTERRUPTED: "Interrupted",
    Result.SKIPPED: "Skipped",
    Result.DRY_RUN: "Dry run",
    Result.ERROR: "Step failed",
}


def mark(result: Result) -> str:
    """Return one character for good, bad or neither."""
    return "✔" if result in _SUCCESS else "→" if result in _NEITHER else "✘"


def cause(verdict: Verdict) -> str:
    """Return why, as a sentence; empty when the headline says as much."""
    said = verdict.cause.removeprefix("the ")
    sentence = verdict.cause[:1].upper() + verdict.cause[1:]
    return "" if said[:1].upper() + said[1:] == headline(verdict.result) else sentence


def headline(result: Result) -> str:
    """Return the words for ``result``."""
    return _HEADLINES[result]
