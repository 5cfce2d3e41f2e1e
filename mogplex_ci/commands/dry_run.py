"""A dry run: the embedded emulator in place of the service."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mogplex_ci.api.client import Client
from mogplex_ci.emulator import DocumentError, Emulator
from mogplex_ci.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.inputs.action import ActionInputs


@contextlib.contextmanager
def emulated(inputs: ActionInputs) -> Iterator[Client]:
    """Give a client of an emulator that plays the scenario and knows the repository.

    Raises:
        UsageError: there is no such scenario, or its file is wrong.
    """
    try:
        emulator = Emulator(inputs.scenario, repo=inputs.repo)
    except DocumentError as error:
        raise UsageError(Problem("scenario", "cannot be played", str(error))) from error
    with emulator:
        client = Client(emulator.url, emulator.token)
        try:
            yield client
        finally:
            client.close()
