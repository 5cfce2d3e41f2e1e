"""Draw docs/images/log.png and summary.png: log and summary of a real run, as GitHub shows them.

    python -m scripts.picture

The step is the program itself, on the emulator and at its true speed. Every group of the log is
folded. Needs Chromium, Node and npm.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from playwright.sync_api import sync_playwright

from mogplex_ci.emulator import Emulator
from tests.github_log import read_log
from tests.program import GitHubStep

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent / "docs" / "images"


def main() -> int:
    """Run the step and write the pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("error: no `chromium` on PATH", file=sys.stderr)
        return 1
    log, summary = _run()
    template = jinja2.Environment(autoescape=True).from_string(
        (HERE / "picture.html").read_text(encoding="utf-8")
    )
    page = template.render(log=_folded(log), summary=_rendered(summary))
    _photograph(page, chromium)
    return 0


def _run() -> tuple[str, str]:
    """Return log and summary of a run that succeeds."""
    with tempfile.TemporaryDirectory() as folder, Emulator("success") as emulator:
        prompt = "Show an error on the login page when the password is wrong"
        inputs = {"prompt": prompt, "base-url": emulator.url, "api-key": emulator.token}
        step = GitHubStep(Path(folder), inputs=inputs)
        ended = step.run()
        if ended.code != 0:
            raise SystemExit(f"the step ended with {ended.code}:\n{ended.out}{ended.err}")
        return ended.out, step.summary


def _folded(log: str) -> list[str]:
    return [line for line in read_log(log).shown if not line.startswith("    ")]


def _rendered(markdown: str) -> str:
    html: str = MarkdownIt("gfm-like", {"linkify": False}).render(markdown)
    return html


def _photograph(page: str, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 760, "height": 600}, device_scale_factor=2)
        tab.set_content(page)
        for name in ("log", "summary"):
            tab.locator(f".{name}").screenshot(path=PICTURES / f"{name}.png", omit_background=True)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
