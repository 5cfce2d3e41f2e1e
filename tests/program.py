"""Runs the program the way a CI system does: a process of its own, an environment, files for
outputs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests import forked
from tests.altered import HOUR_PASSES
from tests.ci_environments import ENVIRONMENTS
from tests.emulator import Emulator
from tests.github_log import readable
from tests.waits import LONG, wait_until

ROOT = Path(__file__).resolve().parent.parent
ENTRY = [sys.executable, str(ROOT / "entrypoint.py")]
MOVABLE_CLOCK, FAST_CLOCK = (
    [sys.executable, str(ROOT / "tests" / "altered.py"), how]
    for how in ("movable-clock", "fast-clock")
)
"""Run a Python program on a clock for ``let_an_hour_pass``, or on one that waits a hundredth of the
time.
"""
_SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_ENTRY_OF_FILE = re.compile(
    r"(?P<name>[^\n<]+)<<(?P<delimiter>[^\n]+)\n(?P<value>.*?)\n(?P=delimiter)\n", re.DOTALL
)


def python_script(code: str) -> str:
    """Return a Python program as an executable script, as pip writes one where the interpreter's
    path has a space.
    """
    return f"#!/bin/sh\n'''exec' {shlex.quote(sys.executable)} \"$0\" \"$@\"\n' '''\n{code}"


def executable(path: Path, text: str) -> None:
    """Write a script that can be run, into a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str


def run_client(
    command: Sequence[str], cwd: Path, env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a CI system's client, which can ask nothing, and return its exit code and all that it put
    out.
    """
    out, both = subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=both,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def bash(script: str, folder: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a script as a runner does that is told no shell, with the programs of ``folder / "bin"``
    and this work tree's ``mogplex-ci``.
    """
    program = f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n'
    executable(folder / "bin" / "mogplex-ci", program)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={"HOME": str(folder), **(env or {}), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run_program(*argv: str, env: dict[str, str], cwd: Path, through: Sequence[str] = ()) -> Ended:
    """Run ``entrypoint.py`` to its end with nothing in its environment but ``env`` and what a
    process needs.
    """
    # Not as text, which would make line feeds of carriage returns: CI systems obey those.
    command = [*through, ENTRY[-1]] if through else ENTRY
    code, out, err = run_script(command, argv, env=_SYSTEM | env, cwd=cwd)
    return Ended(code, out.decode(), err.decode())


def run_script(
    command: Sequence[str],
    argv: Sequence[str],
    *,
    env: dict[str, str],
    cwd: Path,
    stdin: bytes = b"",
) -> tuple[int, bytes, bytes]:
    """Run a Python script to its end; return exit code, stdout and stderr."""
    with start_script(command, argv, env=env, cwd=cwd, text=False) as process:
        out, err = process.communicate(stdin, timeout=LONG)
    return process.returncode, out, err


class Program(subprocess.Popen[Any]):
    """A process that does not outlive a test that fails."""

    def __exit__(self, error: type[BaseException] | None, *rest: Any) -> None:
        if error is not None:
            self.kill()
        super().__exit__(error, *rest)


class _Forked(forked.Forked, Program):
    """The same without the time to load the program."""


def start_script(
    command: Sequence[str],
    argv: Sequence[str],
    *,
    env: dict[str, str],
    cwd: Path,
    text: bool = True,
) -> subprocess.Popen[Any]:
    """Start a Python script, forked if that makes no difference, with pipes as its streams."""
    is_python = command[0] == sys.executable
    can_fork = forked.can_run(env)
    kind = _Forked if can_fork else Program
    program = command[1:] if can_fork and is_python else command
    pipe = subprocess.PIPE
    return kind(
        [*program, *argv], env=env, cwd=cwd, text=text, stdin=pipe, stdout=pipe, stderr=pipe
    )


def start_program(
    *argv: str, env: dict[str, str], cwd: Path, through: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start ``entrypoint.py``, if need be ``through`` another program, and leave it running; stdout
    is a pipe.
    """
    command = [*through, ENTRY[-1]] if through else ENTRY
    return start_script(command, argv, env=_SYSTEM | env, cwd=cwd)


def let_an_hour_pass(process: subprocess.Popen[str], when: Callable[[], object]) -> Ended:
    """Let an hour pass for a program whose clock is movable once ``when()`` holds, and let it come
    to its end.
    """
    with process:
        wait_until(when, process)
        process.send_signal(HOUR_PASSES)
        out, err = process.communicate(timeout=LONG)
    return Ended(process.returncode, out, err)


@dataclass
class GitHubStep:
    """One step of a GitHub job: its workspace, its files, and the environment that the runner
    sets.
    """

    folder: Path
    inputs: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the workspace and the files."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        for name in ("output", "state", "summary.md"):
            (self.folder / name).touch()

    @property
    def workspace(self) -> Path:
        """The job's workspace."""
        return self.folder / "workspace"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process."""
        given = {
            f"INPUT_{name.upper()}" if name != "poll-interval" else "MOGPLEX_POLL_INTERVAL": value
            for name, value in self.inputs.items()
        }
        runner = {
            name: value.replace("{folder}", str(self.folder))
            for name, value in ENVIRONMENTS["github"].items()
        }
        return {**runner, **given, **self.env}

    def run(self, *argv: str, through: Sequence[str] = ()) -> Ended:
        """Run the step to its end, if need be ``through`` another program; its log is as people
        read it.
        """
        ended = run_program(*argv, env=self.environment, cwd=self.workspace, through=through)
        return replace(ended, out=readable(ended.out))

    def run_past(self, moment: Callable[[], object]) -> Ended:
        """Run the step to its end; at ``moment`` an hour passes for it."""
        step = start_program(env=self.environment, cwd=self.workspace, through=MOVABLE_CLOCK)
        ended = let_an_hour_pass(step, when=moment)
        return replace(ended, out=readable(ended.out))

    def start(self, *argv: str, through: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start the step, if need be ``through`` another program, and leave it running."""
        return start_program(*argv, env=self.environment, cwd=self.workspace, through=through)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs as the runner reads them: the last value of each wins."""
        return _values(self.folder / "output")

    def has_written(self, word: str) -> bool:
        """Whether ``word`` is in its outputs or its state. It may be asked while the step writes
        them, and then the last entry may be incomplete.
        """
        texts = [(self.folder / "output").read_text(encoding="utf-8"), *self._states()]
        return any(word in text for text in texts)

    @property
    def saved(self) -> list[dict[str, Any]]:
        """What the step has saved for its clean-up: of each run, what its file holds."""
        return [json.loads(text.partition(" ")[2]) for text in self._states()]

    def _states(self) -> list[str]:
        """Return the text of each file for the clean-up. One may go while they are read."""
        texts: list[str] = []
        for path in sorted(self.folder.rglob("mogplex-*-*.json")):
            with suppress(FileNotFoundError):
                texts.append(path.read_text(encoding="utf-8"))
        return texts

    @property
    def summary(self) -> str:
        """The job summary."""
        return (self.folder / "summary.md").read_text(encoding="utf-8")


def step_against(
    emulator: Emulator, folder: Path, env: Mapping[str, str] | None = None, /, **inputs: str
) -> GitHubStep:
    """Return a step that starts a run on the emulator, with other ``inputs``, whose names have
    underscores, besides.
    """
    known = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return GitHubStep(folder, known | given, dict(env or {}))


def _values(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    rest = _ENTRY_OF_FILE.sub("", text)
    assert rest == "", f"not a file command: {rest!r}"
    return {match["name"]: match["value"] for match in _ENTRY_OF_FILE.finditer(text)}
