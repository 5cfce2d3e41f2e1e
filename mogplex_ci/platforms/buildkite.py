"""Buildkite: log groups; annotations and meta-data through ``buildkite-agent``, when it is
there.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.platforms.system import System, counted, differs, equals
from mogplex_ci.sanitize import Markdown, SafeText
from mogplex_ci.waiting import stop_of_process

if TYPE_CHECKING:
    import subprocess

_AGENT: Final = "buildkite-agent"
_AGENT_SECONDS: Final = 20.0
"""How long one call of it may take. The run is not followed meanwhile."""
_STOPPED_SECONDS: Final = 0.5
"""How long all calls together may take after a stop signal: the CI system kills the job five
seconds after it.
"""
_GLANCE_SECONDS: Final = 0.1
"""Until the wait for a call notices a stop signal."""
_GROUP_HEADER: Final = "--- "
"""Begins a group. No line of an agent does."""


# A retry is a new job of the same step. Label and command carry the values of a matrix.
BUILDKITE: Final = System(
    "buildkite",
    equals("BUILDKITE", "true"),
    parts=(
        "BUILDKITE_BUILD_ID",
        "BUILDKITE_STEP_ID",
        "BUILDKITE_PARALLEL_JOB",
        "BUILDKITE_LABEL",
        "BUILDKITE_COMMAND",
    ),
    label=("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_STEP_KEY"),
    attempt=counted("BUILDKITE_RETRY_COUNT", first="0"),
    repository_address="BUILDKITE_REPO",
    workspace="BUILDKITE_BUILD_CHECKOUT_PATH",
    job_url="BUILDKITE_BUILD_URL",
    parallel_jobs="BUILDKITE_PARALLEL_JOB_COUNT",
    is_fork=differs("BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO"),
    branches=("BUILDKITE_BRANCH",),
    by_hand=equals("BUILDKITE_SOURCE", "ui", "api", "schedule"),
)


class Buildkite(Platform):
    """Buildkite. A container has ``buildkite-agent`` only when the job mounts it."""

    def __init__(self, system: System, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(system, env, stream)
        self._after_group = False
        self._meta_data: dict[str, str] = {}
        self._left_after_stop = _STOPPED_SECONDS
        self._agent_hangs = False
        """Whether a call took too long. The agent is not asked again, which would hold up the
        step.
        """

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Print a group; it ends at the next header."""
        super().fold(title, lines)
        self._after_group = True

    def _group(self, title: SafeText) -> tuple[str, str]:
        return f"{_GROUP_HEADER}{title}", ""

    def _write(self, text: str) -> None:
        """Write a line. After a group it needs a header of its own, or it would be folded with the
        group.
        """
        if self._after_group and not text.startswith(_GROUP_HEADER):
            super()._write("+++ Mogplex")
        self._after_group = False
        super()._write(text)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, place: Place | None = None
    ) -> None:
        """Print a line, and annotate the build with warnings and errors; the summary there has the
        notices.
        """
        super().annotate(level, title, text, place)
        if level is not Level.NOTICE:
            where = ""
            if place is not None:
                where = f" {Markdown.code(place.file)}"
            content = f"**{title}**{where}: {Markdown.code(text)}\n\n"
            with suppress(OSError):  # the line is in the log
                self._annotate(level.value, f"-{level.value}", content)

    def _set_variable(self, name: str, value: str) -> None:
        """Set meta-data of the build: ``mogplex:STEP_KEY:MOGPLEX_OUT_RUN_ID`` and so on."""
        # Meta-data cannot be empty, and each call is a request.
        if not value or self._meta_data.get(name) == value:
            return
        job = [self.env.get("BUILDKITE_STEP_KEY"), self.env.get("BUILDKITE_PARALLEL_JOB")]
        step = "-".join(filter(None, job))
        key = ":".join(filter(None, ("mogplex", step, name)))
        self._run_agent("meta-data", "set", key, text=value)
        self._meta_data[name] = value

    def write_summary(self, markdown: Markdown) -> None:
        """Annotate the build with the summary."""
        self._annotate("info", "", markdown)

    def _annotate(self, style: str, suffix: str, markdown: str) -> None:
        context = f"mogplex-{self.env.get('BUILDKITE_JOB_ID', '')}{suffix}"
        self._run_agent(
            "annotate", "--style", style, "--context", context, "--append", text=markdown
        )

    def _run_agent(self, *arguments: str, text: str) -> None:
        """Run ``buildkite-agent`` with ``text`` as its input; do nothing where there is none.

        Raises:
            OSError: it failed, or did not end in time. ``strerror`` says why, which may be the
                agent's words.
        """
        import subprocess  # 6 ms at each start, and only this system needs it

        agent = shutil.which(_AGENT, path=self.env.get("PATH"))
        if agent is None:
            return
        if self._agent_hangs:
            raise _too_slow()
        with subprocess.Popen(
            [agent, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                said = self._words_of(process, text)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            # Above the reason stand what it was about to do, and attempts that it repeated.
            reason = said.strip().rpartition("\n")[2]
            raise OSError(errno.EIO, reason or f"{_AGENT} failed with code {process.returncode}")

    def _words_of(self, process: subprocess.Popen[str], text: str) -> str:
        """Hand ``text`` to the agent, wait for its end, and return what it wrote to stderr.

        Raises:
            TimeoutError: it takes too long.
        """
        import subprocess

        stop = stop_of_process()
        left = _AGENT_SECONDS
        given: str | None = text
        while True:
            if stop.requested:
                left = min(left, self._left_after_stop)
            if left <= 0:
                self._agent_hangs = True
                raise _too_slow()
            began = time.monotonic()
            try:
                _, said = process.communicate(given, timeout=min(left, _GLANCE_SECONDS))
                return said
            except subprocess.TimeoutExpired:
                given = None  # later calls go on with the text of the first
            finally:
                spent = time.monotonic() - began
                left -= spent
                if stop.requested:
                    self._left_after_stop -= spent


def _too_slow() -> OSError:
    return OSError(errno.ETIMEDOUT, f"{_AGENT} did not answer in time")
