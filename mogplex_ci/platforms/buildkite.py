"""Buildkite: log groups; annotations and meta-data through ``buildkite-agent``, when it is
there.
"""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, TextIO

from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.platforms.system import System, counted, differs, equals
from mogplex_ci.sanitize import Markdown, SafeText

_AGENT: Final = "buildkite-agent"
_AGENT_SECONDS: Final = 20.0
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
    repository="BUILDKITE_REPO",
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
        """Set meta-data of the build: ``mogplex:STEP_KEY:MOGPLEX_RUN_ID`` and so on."""
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
            OSError: it failed.
        """
        import subprocess  # 6 ms at each start, and only this system needs it

        agent = shutil.which(_AGENT, path=self.env.get("PATH"))
        if agent is None:
            return
        try:
            subprocess.run(
                [agent, *arguments],
                input=text,
                text=True,
                timeout=_AGENT_SECONDS,
                capture_output=True,
                check=True,
            )
        except subprocess.SubprocessError as error:
            raise OSError(f"{_AGENT} failed") from error
