"""The action's post step: cancels the run that the main step owns and left unfinished, even when it was killed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mogplex_ci.errors import MogplexError
from mogplex_ci.inputs.action_inputs import read_inputs
from mogplex_ci.platforms.detect import detect
from mogplex_ci.platforms.interface import Level
from mogplex_ci.run.cancel import TIMEOUT_BUDGET, cancel, cancel_unanswered
from mogplex_ci.run.clock import SystemClock
from mogplex_ci.sanitize import Sanitizer, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mogplex_ci.inputs.action_inputs import ActionInputs
    from mogplex_ci.models import Cancelled


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Clean up and return the exit code: 0 when nothing of ours is left running."""
    platform = detect(env, sys.stdout)
    state = platform.load_state()
    if "key" not in state or state.get("finished") == "true" or state.get("owned", "true") != "true":
        return 0
    sanitizer = Sanitizer(secrets_of(env))
    try:
        inputs, _ = read_inputs(argv, env, platform.workspace, platform.repository())
        if not inputs.cancel_on_interrupt:
            return 0
        platform.line(sanitizer.line("The step ended before its run; cancelling run {}", state.get("run-id", "")))
        answer = _cancel(inputs, state)
    except MogplexError as error:
        text = sanitizer.line(f"Run {{}} could not be cancelled: {error.cause}", state.get("run-id", ""))
        platform.annotate(Level.WARNING, sanitizer.line("Mogplex"), text)
        return error.exit_code
    platform.line(sanitizer.line("The API answered {}", answer.status))
    return 0


def _cancel(inputs: ActionInputs, state: Mapping[str, str]) -> Cancelled:
    from mogplex_ci.api.client import Client

    client, clock = Client(inputs.base_url, inputs.api_key or ""), SystemClock()
    try:
        if "run-id" in state:
            return cancel(client, state["run-id"], clock=clock, budget=TIMEOUT_BUDGET)
        return cancel_unanswered(
            client,
            inputs.start_request(state["repo-id"]),
            state["key"],
            may_be_foreign=inputs.idempotency_key is not None,
            clock=clock,
            budget=TIMEOUT_BUDGET,
        )
    finally:
        client.close()
