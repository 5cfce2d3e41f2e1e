"""A local Mogplex for tests and demos: real HTTP on loopback, answers like the real service."""

from tests.emulator.emulator import Emulator
from tests.emulator.scenario import NoSuchScenarioError

__all__ = ["Emulator", "NoSuchScenarioError"]
