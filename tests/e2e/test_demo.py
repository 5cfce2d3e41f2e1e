"""The demo, as `make demo` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.program import ROOT

LEFT = {"log.txt", "summary.md", "report.html", "result.json", "events.ndjson"}


def test_the_demo_ends_with_its_pull_request_and_names_what_it_leaves(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "log.txt").write_text("of an earlier demo\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", str(out)],
        cwd=ROOT,
        env={**os.environ, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\nPull request: https://github.com/acme/web/pull/42\n" in done.stdout
    assert "::group::" not in done.stdout
    *named, last = done.stdout.splitlines()[-1 - len(LEFT) :]
    assert {Path(line.split(": ")[0]) for line in named} == {out / name for name in LEFT}
    assert last == "No screenshots of the report: there is no `chromium` on PATH."
    assert {path.name for path in out.iterdir()} == LEFT
    assert "of an earlier demo" not in (out / "log.txt").read_text()
