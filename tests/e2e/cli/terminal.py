"""A terminal of somebody who has installed the program: `mogplex` is on PATH, the token in the
environment.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulator import Emulator
from tests.program import (
    MOVABLE_CLOCK,
    ROOT,
    Ended,
    executable,
    let_an_hour_pass,
    python_script,
    run_script,
    start_script,
)
from tests.waits import LONG

# With the package of this work tree, whichever is installed.
_COMMAND = python_script(f"""\
import sys
sys.path[0] = {str(ROOT)!r}
from mogplex_ci.cli import main
sys.exit(main())
""")


@dataclass
class Terminal:
    """Where commands are typed."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put `mogplex` on PATH, as the image does."""
        executable(self.folder / "bin" / "mogplex", _COMMAND)
        path = os.pathsep.join([str(self.folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
        self.env = {"PATH": path, "LANG": "C.UTF-8", **self.env}

    def against(self, emulator: Emulator) -> Terminal:
        """Point it at an emulator."""
        self.env |= {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
        return self

    def mogplex(self, *argv: str, stdin: str = "", through: Sequence[str] = ()) -> Ended:
        """Run `mogplex` with these arguments to its end, if need be ``through`` another program."""
        command = [*through, str(self.folder / "bin" / "mogplex")]
        code, out, err = run_script(
            command, argv, env=self.env, cwd=self.folder, stdin=stdin.encode()
        )
        return Ended(
            code, *(text.decode().replace("\r\n", "\n").replace("\r", "\n") for text in (out, err))
        )

    def bash(self, *argv: str) -> Ended:
        """Run a script of bash to its end."""
        done = subprocess.run(
            ["bash", *argv],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *argv: str, through: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start `mogplex`, if need be ``through`` another program, and leave it running."""
        command = [*through, str(self.folder / "bin" / "mogplex")]
        return start_script(command, argv, env=self.env, cwd=self.folder)

    def run_past(self, moment: Callable[[subprocess.Popen[str]], object], *argv: str) -> Ended:
        """Run `mogplex` to its end; at ``moment`` an hour passes for it."""
        process = self.start(*argv, through=MOVABLE_CLOCK)
        return let_an_hour_pass(process, when=lambda: moment(process))

    @contextmanager
    def run(self, scenario: str, *argv: str, **options: Any) -> Iterator[tuple[str, Emulator]]:
        """Start a run with these further arguments; an emulator plays the scenario, by its name or
        its text.
        """
        file = self.folder / "scenario.yaml"
        if "\n" in scenario:
            file.write_text(scenario)
        with Emulator(file if "\n" in scenario else scenario, **options) as emulator:
            yield self.against(emulator).started(*argv), emulator

    def started(self, *argv: str) -> str:
        """Start a run on acme/web with these further arguments and return its id."""
        ended = self.mogplex("run", "--repo", "acme/web", *argv, "Fix the flaky tests")
        assert ended.code == 0, ended.err
        return ended.out.split()[2]
