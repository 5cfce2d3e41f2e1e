"""A service for each test process: cases differ by key, so that they need not start one each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.world import World

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The newest service, without limits; its runs play any scenario."""
    world = World.serve(*SCENARIOS)
    with world.emulator:
        yield world


@pytest.fixture(scope="session")
def old_world() -> Iterator[World]:
    """The service of 2026-08, whose events must be polled."""
    world = World.serve(*SCENARIOS, api="2026-08")
    with world.emulator:
        yield world


@pytest.fixture(params=["2026-11", "2026-08"])
def each_world(request: pytest.FixtureRequest, world: World, old_world: World) -> World:
    """The newest service, then that of 2026-08."""
    return world if request.param == "2026-11" else old_world


@pytest.fixture
def worlds(world: World, old_world: World) -> dict[str, World]:
    """The services by the names of their generations."""
    return {"2026-11": world, "2026-08": old_world}
