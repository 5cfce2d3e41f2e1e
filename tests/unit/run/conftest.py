"""The service of the fault tests, for single rules."""

from tests.faults.conftest import world

__all__ = ["world"]
