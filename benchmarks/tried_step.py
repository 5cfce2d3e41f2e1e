"""One try of a step of the soak: a real process, the files of its job, and whoever reads its
log.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import IO

from tests.emulator import Emulator
from tests.program import ENTRY, GitHubStep

READERS = {"slow": [3.0] * 6, "late": [15.0], "gone": [0.1] * 4}
"""Real seconds before each of the first reads of a log that a pipe of one page holds. The step
waits 5 s for a line.
"""
PARTLY = ("late", "gone", "full")
"""Logs that do not show everything: on a full disk, or whose reader takes lines too late or leaves
after some.
"""


class Try:
    """One try of a step: a process, and the files of its job."""

    def __init__(
        self,
        folder: Path,
        service: Emulator,
        name: str,
        *,
        attempt: int = 1,
        inputs: Mapping[str, str] | None = None,
        reader: str = "file",
    ) -> None:
        """Start it; its run plays the script ``name``.

        ``reader`` of the log is a "file", "full" for one on a full disk, or one of a pipe, see
        ``READERS``.
        """
        self.folder, self.service, self.name, self.attempt, self.reader = (
            folder,
            service,
            name,
            attempt,
            reader,
        )
        folder.mkdir()
        given = {
            "prompt": f"scenario: {name}",
            "repo": "acme/web",
            "base-url": service.url,
            "api-key": service.token,
        }
        files = {"output-dir": "out"}
        identity = {"GITHUB_JOB": name, "GITHUB_RUN_ATTEMPT": str(attempt), "LANG": "C.UTF-8"}
        self._step = GitHubStep(folder, given | files | dict(inputs or {}), identity)
        (folder / "out").touch()
        file = Path("/dev/full") if reader == "full" else folder / "out"
        with file.open("wb") as out, (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                ENTRY,
                env=self._step.environment,
                cwd=self._step.workspace,
                stdout=subprocess.PIPE if reader in READERS else out,
                stderr=err,
                bufsize=0,
                pipesize=4096,
            )
        self._thread = Thread(target=self._read, args=(self.process.stdout,))
        self._thread.start()

    def _read(self, log: IO[bytes] | None) -> None:
        """Read the log as its reader does, if it is a pipe."""
        if log is None:
            return
        with log, (self.folder / "out").open("wb", buffering=0) as out:
            for seconds in READERS[self.reader]:
                time.sleep(seconds)
                out.write(log.read(4096))
            if self.reader != "gone":
                shutil.copyfileobj(log, out)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, or None when it is still at work after ``seconds``."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._thread.join()
        return code

    def post(self) -> int:
        """Clean up as the runner does, and return the exit code."""
        with (self.folder / "post").open("wb") as out:
            env, cwd = self._step.environment, self._step.workspace
            return subprocess.run(
                [*ENTRY, "post"], env=env, cwd=cwd, stdout=out, check=False
            ).returncode

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Yield every file that the step wrote, with what it holds."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes().decode(errors="replace")

    @property
    def handles_signals(self) -> bool:
        """Whether it has got so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        caught = re.search(r"SigCgt:\s+(\w+)", status)
        return bool(caught and int(caught[1], 16) & 1 << signal.SIGTERM - 1)

    @property
    def has_result(self) -> bool:
        """Whether it has given its outputs."""
        return "result" in self._step.outputs

    @property
    def events(self) -> str:
        """Its file of events."""
        return (self._step.workspace / "out" / "events.ndjson").read_text(encoding="utf-8")

    @property
    def out(self) -> str:
        """Its standard output."""
        return (self.folder / "out").read_bytes().decode(errors="replace")

    @property
    def err(self) -> str:
        """Its standard error."""
        return (self.folder / "err").read_bytes().decode(errors="replace")
