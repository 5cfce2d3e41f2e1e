"""`make demo`: the main job on the emulator, as a step on GitHub shows it.

It needs no account and no network, and leaves what such a step leaves in `out/`.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mogplex_ci.emulator import Emulator
from tests.github_log import GitHubLog
from tests.program import ROOT, GitHubStep

PROMPT = "The login page shows no error for a wrong password. Fix it, and open a pull request."
SHOTS = {"report-desktop.png": ("1200,2100", "light"), "report-phone.png": ("390,3000", "dark")}
"""Screenshots of the report: width and height in pixels, and which colours the reader prefers."""
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
    for name, (size, scheme) in SHOTS.items():
        if take_screenshot(out / "report.html", out / name, size, scheme):
            yield f"{shown_path(out / name)}: the report, {size.split(',')[0]} pixels wide"
        else:
            yield f"No {name}: `chromium` took no screenshot."


def take_screenshot(page: Path, picture: Path, size: str, scheme: str) -> bool:
    """Let Chromium take a picture of a page, and return whether it did. It needs no other package for that."""
    picture.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *("chromium", "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                "--no-sandbox",  # as root, as in a container, it has none of its own; what it opens is ours
                f"--user-data-dir={profile}",
                f"--window-size={size}",
                f"--blink-settings=preferredColorScheme={('dark', 'light').index(scheme)}",
                f"--screenshot={picture.resolve()}",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            check=False,
        )
    return picture.exists()


def shown_path(path: Path) -> str:
    """Return the path as one types it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
