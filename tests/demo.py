"""`make demo`: the main job on the emulator, as a step on GitHub shows it.

It needs no account and no network, and leaves what such a step leaves in `out/`.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path

from mogplex_ci.platforms.job_log import coloured
from tests.emulator import Emulator
from tests.github_log import GitHubLog
from tests.program import ROOT, GitHubStep

PROMPT = "The login page shows no error for a wrong password. Fix it, and open a pull request."
FILES = {
    "log.txt": "the log, as GitHub's runner gets it",
    "summary.md": "the job summary",
    "report.html": "the report, one page for any browser",
    "result.json": "the result, for programs",
    "events.ndjson": "the events, one JSON object a line",
    "diagnostics.jsonl": "what the program did, for people who debug it",
}
"""The files that the demo leaves."""
PROGRAM = """\
#!{python}
import sys

sys.path.insert(0, {root!r})
from mogplex_ci.cli import main

sys.exit(main())
"""


def main() -> int:
    """Play the demo and return the exit code of its step."""
    signal.signal(
        signal.SIGINT, lambda *_: None
    )  # the step gets it too, and ends as a cancelled job does
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Emulator("success") as emulator:
        inputs = {
            "prompt": PROMPT,
            "api-key": emulator.token,
            "poll-interval": "500ms",
            "output-dir": "out",
        }
        step = GitHubStep(Path(folder), inputs=inputs | {"base-url": emulator.url})
        print("▸ Run mogplex/run-action@v1")
        for name, value in (inputs | {"api-key": "***"}).items():
            print(f"    {name}: {value}", flush=True)
        code = play(step, out / "log.txt")
        (out / "summary.md").write_text(step.summary, encoding="utf-8")
        shutil.copytree(step.workspace / "out", out, dirs_exist_ok=True)
        outputs = step.outputs
    print(f"\nThe step ended with {outputs['result']}, exit code {code}.")
    print(f"Pull request: {outputs['pull-request-url'] or 'none'}\n")
    for name, what in FILES.items():
        print(f"{shown_path(out / name)}: {what}")
    program = shown_path(leave_program())
    print("\nTry next:")
    print(f"  {program} --dry-run failed --repo acme/web --prompt 'Fix it'")
    print(f"  {program} --help", flush=True)
    return code


def leave_program() -> Path:
    """Return the program of this virtual environment. If it is not installed there, it is made: it
    runs the sources of this folder.
    """
    path = Path(sys.executable).parent / "mogplex-ci"
    if not path.exists():
        path.write_text(PROGRAM.format(python=sys.executable, root=str(ROOT)), encoding="utf-8")
        path.chmod(0o755)
    return path


def play(step: GitHubStep, log_file: Path) -> int:
    """Run the step, show its log as it comes, in colour on a terminal, and return the exit code."""
    log = GitHubLog()
    with step.start() as process, log_file.open("w", encoding="utf-8") as file:
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            shown = log.add(line.rstrip("\n"))
            # The service ends with the demo: no command could ask it about the run.
            if shown is not None and not shown.startswith("To "):
                print(coloured(shown) if sys.stdout.isatty() else shown, flush=True)
    return process.returncode


def shown_path(path: Path) -> str:
    """Return the path as one types it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
