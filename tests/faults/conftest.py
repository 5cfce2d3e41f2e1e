"""A service for each test process: cases differ by key, so that they need not start one each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.faults.world import World
from tests.virtual_time import VirtualTime

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """A service without limits, whose runs play any scenario."""
    time = VirtualTime()
    with Emulator("success", others=SCENARIOS, clock=time.monotonic, limits=False) as emulator:
        yield World(emulator, time)
