"""`make demo`: the main job on the emulator, as a step on GitHub shows it.

It needs no account and no network, and leaves what such a step leaves in `out/`.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mogplex_ci.emulator import Emulator
from tests.github_log import GitHubLog
from tests.program import ROOT, GitHubStep

PROMPT = "The login page shows no error for a wrong password. Fix it, and open a pull request."
SHOTS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "report-desktop.png": (1200, "light"),
    "report-phone.png": (390, "dark"),
}
COLOURS = {"▸ ": "1", "    ": "2", "Error: ": "31", "Warning: ": "33", "Notice: ": "36", "✔ ": "32", "✘ ": "31"}
"""How lines begin, and how a terminal shows them (SGR)."""


def main() -> int:
    """Play the demo and return the exit code of its step."""
    signal.signal(signal.SIGINT, lambda *_: None)  # the step gets it too, and ends as a cancelled job does
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Emulator("success") as emulator:
        step = GitHubStep(
            Path(folder),
            inputs={"prompt": PROMPT, "api-key": emulator.token, "poll-interval": "500ms", "output-dir": "out"},
        )
        show("▸ Run mogplex/run-action@v1")
        for name, value in (step.inputs | {"api-key": "***"}).items():
            show(f"    {name}: {value}")
        step.inputs["base-url"] = emulator.url
        code = play(step, out / "log.txt")
        (out / "summary.md").write_text(step.summary, encoding="utf-8")
        shutil.copytree(step.workspace / "out", out, dirs_exist_ok=True)
        outputs = step.outputs
    print(f"\nThe step ended with {outputs['result']}, exit code {code}.")
    print(f"Pull request: {outputs['pull-request-url'] or 'none'}\n")
    print("\n".join(left(out)), flush=True)
    return code


def play(step: GitHubStep, log_file: Path) -> int:
    """Run the step, show its log as it comes, and return the exit code."""
    log = GitHubLog()
    with step.start() as process, log_file.open("w", encoding="utf-8") as file:
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            shown = log.add(line.rstrip("\n"))
            if shown is not None:
                show(shown)
    return process.returncode


def show(line: str) -> None:
    """Print a line of the log, in colour on a terminal."""
    sgr = next((sgr for start, sgr in COLOURS.items() if line.startswith(start)), "") if sys.stdout.isatty() else ""
    print(f"\x1b[{sgr}m{line}\x1b[0m" if sgr else line, flush=True)


def left(out: Path) -> Iterator[str]:
    """Yield lines that say what the demo leaves."""
    files = {
        "log.txt": "the log, as GitHub's runner gets it",
        "summary.md": "the job summary",
        "report.html": "the report, one page for any browser",
        "result.json": "the result, for programs",
        "events.ndjson": "the events, one JSON object a line",
        "junit.xml": "the result, for systems that show tests",
        "diagnostics.jsonl": "what the program did, for people who debug it",
    }
    for name, what in files.items():
        yield f"{shown_path(out / name)}: {what}"
    if shutil.which("chromium") is None:
        yield "No screenshots of the report: there is no `chromium` on PATH."
        return
    if importlib.util.find_spec("playwright") is None:
        yield "No screenshots of the report: playwright, which takes them, is not installed (`make test` installs it)."
        return
    from tests.browser import chromium

    with chromium() as browser:
        for name, (width, scheme) in SHOTS.items():
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto((out / "report.html").resolve().as_uri())
            page.screenshot(path=out / name, full_page=True)
            yield f"{shown_path(out / name)}: the report, {width} pixels wide"


def shown_path(path: Path) -> str:
    """Return the path as one types it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
