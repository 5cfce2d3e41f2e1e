"""The demo, as `make demo` runs it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.demo import FILES, SHOTS, leave_program, take_screenshot
from tests.program import ROOT, executable
from tests.require import require

# Runs the demo where the modules that the first argument names cannot be imported.
WITHOUT = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split()))
sys.path.insert(0, "")
runpy.run_module("tests.demo", run_name="__main__", alter_sys=True)
"""


def not_shipped() -> set[str]:
    """Return the installed modules that `make demo` does not install."""
    lists = (ROOT / "requirements" / f"{name}.txt" for name in ("runtime", "emulator"))
    text = "".join(file.read_text(encoding="utf-8") for file in lists)
    shipped = {"mogplex-ci", *re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)}
    found = packages_distributions().items()
    return {
        module
        for module, names in found
        if not {re.sub("[_.]", "-", name.lower()) for name in names} & shipped
    }


@pytest.mark.parametrize(
    ("commands", "reasons"),
    [
        pytest.param(
            [],
            ["No screenshots of the report: there is no `chromium` on PATH."],
            marks=pytest.mark.slow,
        ),
        (["chromium"], [f"No {name}: `chromium` took no screenshot." for name in SHOTS]),
    ],
)
def test_the_demo_needs_only_what_it_installs_and_names_what_it_leaves(
    commands: list[str], reasons: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "log.txt").write_text("of an earlier demo\n")
    for command in commands:
        executable(tmp_path / "bin" / command, "#!/bin/sh\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, " ".join(not_shipped()), str(out)],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "\nPull request: https://github.com/acme/web/pull/42\n" in done.stdout
    assert "::group::" not in done.stdout
    assert "runs get" not in done.stdout, "the service is gone"
    told, _, tries = done.stdout.partition("\nTry next:\n")
    lines = told.splitlines()
    assert lines[-len(FILES) - len(reasons) :] == [
        *(f"{out / name}: {what}" for name, what in FILES.items()),
        *reasons,
    ]
    assert {path.name for path in out.iterdir()} == set(FILES)
    assert "of an earlier demo" not in (out / "log.txt").read_text()
    first, *others = [shlex.split(line, comments=True) for line in tries.splitlines()]
    assert [words[1:] for words in others] == [["--help"]]
    tried = subprocess.run(first, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (tried.returncode, tried.stderr) == (1, ""), tried.stdout
    assert "✘ Run failed after " in tried.stdout


def test_the_demo_makes_a_program_that_runs_where_none_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, installed = tmp_path / "python", sys.executable
    python.symlink_to(installed)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", str(python))
        program = leave_program()
        program.write_text(program.read_text().replace(str(python), installed))
        assert leave_program() == program, "it stays"
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert asked.stdout.startswith("mogplex-ci ")


@pytest.mark.browser
@pytest.mark.slow
def test_chromium_alone_takes_the_screenshots(tmp_path: Path) -> None:
    require("chromium")
    page = tmp_path / "page.html"
    page.write_text(
        "<style>@media (prefers-color-scheme: dark) { body { background: black } }</style>"
    )
    for name, (size, scheme) in SHOTS.items():
        assert take_screenshot(page, tmp_path / name, size, scheme)
        picture = (tmp_path / name).read_bytes()
        assert picture[16:24] == b"".join(int(side).to_bytes(4) for side in size.split(","))
