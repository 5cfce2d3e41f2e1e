"""The tests that the everyday suite leaves to the slow one: `make test` and `make test-slow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow(values: Iterable[Any]) -> list[Any]:
    """Return the values as parameters of a test, marked `slow`; a tuple stands for several
    parameters.
    """
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]


def mostly_slow(values: Iterable[Any], *, every: int) -> list[Any]:
    """Return the values as parameters of a test, all but one in ``every`` marked `slow`."""
    return [value if at % every == 0 else slow([value])[0] for at, value in enumerate(values)]
