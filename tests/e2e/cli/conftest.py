"""Fixtures for the tests of the commands."""

from pathlib import Path

import pytest

from tests.e2e.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal with `mogplex` on PATH."""
    return Terminal(tmp_path)
