"""The services of the fault tests, for single rules."""

from tests.faults.conftest import each_world, old_world, world

__all__ = ["each_world", "old_world", "world"]
