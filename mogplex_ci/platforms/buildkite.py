"""Buildkite: log groups, and, if ``buildkite-agent`` is there, outputs as one value of the build's
meta-data and the summary as one annotation of the build.
"""

import errno
import shutil
from collections.abc import Iterable, Mapping
from queue import SimpleQueue
from typing import Final, TextIO

from mogplex_ci.errors import OutputsError
from mogplex_ci.platforms.base import Platform, dotenv, variables
from mogplex_ci.platforms.system import System, counted, differs, equals
from mogplex_ci.sanitize import CleanText, Markdown, SafeText
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Clock, StopRequested, start_thread, stop_of_process

_AGENT: Final = "buildkite-agent"
_AGENT_SECONDS: Final = 20.0
"""Longest time for one call of it."""
_GROUP_HEADER: Final = "--- "
"""Begins a group. No line of an agent does."""
_NOTHING_STARTED: Final = (
    f"Nothing was started. Let the job use {_AGENT}, or do not mount it: "
    "mogplex.env has the outputs, too."
)
_STYLES: Final = {"✔": "success", "⏸": "warning", "✘": "error"}
"""The style of an annotation by the mark of a result."""


# A retry is a new job of the same step. Label, command and the configuration of plugins carry the
# values of a matrix.
BUILDKITE: Final = System(
    "buildkite",
    equals("BUILDKITE", "true"),
    parts=(
        "BUILDKITE_BUILD_ID",
        "BUILDKITE_STEP_ID",
        "BUILDKITE_PARALLEL_JOB",
        "BUILDKITE_LABEL",
        "BUILDKITE_COMMAND",
        "BUILDKITE_PLUGINS",
    ),
    step=("BUILDKITE_PLUGINS",),  # the hook pre-exit does not see them
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
        self._needs_header = True
        """Whether the next line would be in a group that is closed: that of an earlier command or
        of the last fold.
        """
        self._early: _Call | None = None
        """The call that writes the early outputs."""

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Print a group; it ends at the next header."""
        super().fold(title, lines)
        self._needs_header = True

    def _group(self, title: SafeText) -> tuple[str, str]:
        return f"{_GROUP_HEADER}{title}", ""

    def _write(self, text: str) -> None:
        if self._needs_header and not text.startswith(_GROUP_HEADER):
            super()._write("+++ Mogplex")
        self._needs_header = False
        super()._write(text)

    def check_files(self, outputs: Mapping[str, CleanText | None]) -> None:
        """See ``Platform``."""
        try:
            super().check_files(outputs)
        except _AgentError as error:
            stop_of_process().check()
            raise OutputsError(
                f"the outputs cannot be written with {_AGENT}",
                detail=Untrusted(error.strerror or ""),
                remedy=_NOTHING_STARTED,
            ) from error

    def set_early_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """See ``Platform``. The call runs while the run is followed."""
        values = variables(outputs)
        self._write_variables(values)
        try:
            self.finish_early_outputs()  # of a run that was started before: the last one counts
        finally:
            self._early = self._call("meta-data", "set", self._name, text=dotenv(values))

    def finish_early_outputs(self) -> None:
        """See ``Platform``."""
        early, self._early = self._early, None
        self._finish(early)

    def _share(self, values: Mapping[str, str]) -> None:
        """Set meta-data of the build: the text of the dotenv file."""
        self._finish(self._call("meta-data", "set", self._name, text=dotenv(values)))

    def write_summary(self, markdown: Markdown, mark: str) -> None:
        """Annotate the build with the summary; that of a retry replaces it."""
        style = _STYLES.get(mark, "info")
        call = self._call("annotate", "--style", style, "--context", self._name, text=markdown)
        self._finish(call)

    def add_to_summary(self, markdown: Markdown) -> None:
        """Append to the annotation of the build."""
        self._finish(self._call("annotate", "--append", "--context", self._name, text=markdown))

    @property
    def _name(self) -> str:
        """The name of the step's meta-data and annotation, such as ``mogplex:agent-3``."""
        step = self.env.get("BUILDKITE_STEP_KEY") or self.env.get("BUILDKITE_STEP_ID")
        parts = (step, self.env.get("BUILDKITE_PARALLEL_JOB"), self.key_suffix)
        return f"mogplex:{'-'.join(filter(None, parts))}"

    def _call(self, *arguments: str, text: str) -> "_Call | None":
        """Call ``buildkite-agent`` with ``text`` as its input; do nothing if it is not there.

        Raises:
            _AgentError: it cannot be started.
        """
        agent = shutil.which(_AGENT, path=self.env.get("PATH"))
        if agent is None:
            return None
        try:
            return _Call([agent, *arguments], text)
        except OSError as error:
            raise _AgentError(error.errno, error.strerror) from error

    def _finish(self, call: "_Call | None") -> None:
        """Wait for a call to end; after a stop signal, for what is left of the step's seconds.

        Raises:
            _AgentError: it failed. ``strerror`` says why, which may be the agent's words.
        """
        if call is None:
            return
        stop = stop_of_process()
        try:
            with stop.interrupting():
                call.wait(_AGENT_SECONDS + 1)
        except StopRequested:
            call.wait(stop.left(self.system.stop_seconds.all))


class _AgentError(OSError):
    """A call of ``buildkite-agent`` failed, or has not ended in time."""


class _Call:
    """A call of ``buildkite-agent``, on a thread of its own that does not keep the program from
    exiting.
    """

    def __init__(self, command: list[str], text: str) -> None:
        import subprocess  # 6 ms at each start, and only this system needs it

        self._ended: SimpleQueue[object] = SimpleQueue()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        start_thread(lambda: self._run(text), "buildkite-agent")

    def _run(self, text: str) -> None:
        import subprocess

        try:
            _, said = self._process.communicate(text, timeout=_AGENT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._ended.put(_too_slow())
        else:
            self._ended.put(_fault(self._process.returncode, said) or True)

    def wait(self, seconds: float) -> None:
        """Wait for its end, for ``seconds`` at most.

        Raises:
            _AgentError: it failed, or has not ended by then.
            StopRequested: a stop signal came, and this thread's work is interruptible.
        """
        ended = Clock().next_item(self._ended, seconds)
        if ended is None:
            self._process.kill()
            raise _too_slow()
        if isinstance(ended, _AgentError):
            raise ended


def _fault(code: int, said: str) -> _AgentError | None:
    """Return why a call that ended with ``code`` failed; None if it did not."""
    if code == 0:
        return None
    # Above the reason are what it was about to do, and attempts that it repeated.
    reason = said.strip().rpartition("\n")[2]
    return _AgentError(errno.EIO, reason or f"{_AGENT} failed with code {code}")


def _too_slow() -> _AgentError:
    return _AgentError(errno.ETIMEDOUT, f"{_AGENT} did not respond in time")
