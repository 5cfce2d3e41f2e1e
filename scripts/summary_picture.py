"""Make the picture in README.md: the job summary of `make demo`, as GitHub shows it.

python -m scripts.summary_picture

GitHub's parser (cmark-gfm) and style sheet (github-markdown-css) make the page, and Chromium takes
its picture, light and dark. The sheet names Noto Sans and Noto Color Emoji among its fonts: without
them Chromium chooses others.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests import demo
from tests.browser import chromium
from tests.npm import node_modules
from tests.oracles.github_markdown import github_html

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURES: Final = ROOT / "docs" / "images"
WIDTH: Final = 960
"""Pixels: about as wide as a job summary in a window of 1,280."""
REST: Final = "### Next\n"
"""What follows names the emulator's address, which no user's summary has."""
PAGE: Final = """\
<!doctype html>
<meta charset="utf-8">
<style>
{css}
.markdown-body {{ padding: 24px; border: 1px solid var(--borderColor-default); }}
</style>
<body style="margin: 0"><article class="markdown-body">{summary}</article></body>
"""


def main() -> int:
    """Play the demo and take the pictures of its summary."""
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[1:] = [folder]
        code = demo.main()
        summary = (Path(folder) / "summary.md").read_text(encoding="utf-8")
    if code == 0:
        take_pictures(summary)
    return code


def take_pictures(summary: str) -> None:
    """Write a picture of the summary's beginning for each of GitHub's themes."""
    beginning, _, _ = summary.partition(REST)
    css = (node_modules() / "github-markdown-css" / "github-markdown.css").read_text("utf-8")
    page = PAGE.format(css=css, summary=github_html(beginning))
    PICTURES.mkdir(exist_ok=True)
    with chromium() as browser:
        for theme in ("light", "dark"):
            tab = browser.new_page(
                color_scheme=theme,
                device_scale_factor=2,
                viewport={"width": WIDTH, "height": 100},
            )
            tab.set_content(page)
            tab.locator("article").screenshot(path=PICTURES / f"summary-{theme}.png")


if __name__ == "__main__":
    sys.exit(main())
