"""A story for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gates.story import Story
from tests.github import GitHub


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with Story(tmp_path) as story:
        yield story


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub() as github:
        yield github
