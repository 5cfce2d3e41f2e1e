"""Chromium, to open pages that we write as their readers do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.require import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, without a window.

    Raises:
        pytest.skip.Exception: there is none.
        pytest.fail.Exception: there is none, although RUN_ACTION_REQUIRE lists it.
    """
    require("chromium")
    from playwright.sync_api import (
        sync_playwright,
    )  # takes a quarter of a second, and each worker collects all tests

    with sync_playwright() as playwright:
        # As root, as in a container, it has no sandbox of its own; what it opens is ours.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        try:
            yield browser
        finally:
            browser.close()
