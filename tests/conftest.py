"""How many workers run the tests, and how many examples each property is tried with."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, so that only a change to the code fails a test. The nightly suite looks for new ones.
_STEADY = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("everyday", _STEADY, max_examples=25)
settings.register_profile("slow", _STEADY, max_examples=200)
settings.register_profile("nightly", _STEADY, max_examples=2_000, derandomize=False, print_blob=True)
settings.load_profile("everyday")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers for each processor, and one more: many tests wait for a process or a container."""
    return 2 * (os.cpu_count() or 1) + 1
