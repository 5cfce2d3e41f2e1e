"""Buildkite: log groups, and the agent's own command for annotations and meta-data."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

from mogplex_ci.platforms.dotenv import variables
from mogplex_ci.platforms.interface import Identity, Level, Platform, readable, repository_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

    from mogplex_ci.sanitize import SafeText

_AGENT: Final = "buildkite-agent"
_AGENT_SECONDS: Final = 20.0
_STYLES: Final = {Level.WARNING: "warning", Level.ERROR: "error"}


class Buildkite(Platform):
    """Buildkite. In a container the agent's command is there only when the job mounts it."""

    name: ClassVar[str] = "buildkite"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        """Take the process environment, and the stream of the job log."""
        super().__init__(env, stream)
        self._folded = False
        self._kept: dict[str, str] = {}

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Buildkite sets ``BUILDKITE``."""
        return env.get("BUILDKITE") == "true"

    def identity(self) -> Identity | None:
        """Name the job by its step; a retry is a new job of the same step.

        Label and command carry the values of a matrix.
        """
        build = self.env.get("BUILDKITE_BUILD_ID")
        if not build:
            return None
        job = self._values("BUILDKITE_STEP_ID", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_LABEL", "BUILDKITE_COMMAND")
        label = self._values("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_STEP_KEY")
        retries = self.env.get("BUILDKITE_RETRY_COUNT", "0")
        return Identity((build, *job), readable(*label), retries, later_attempt=retries != "0")

    def repository(self) -> str | None:
        """Return the repository of the pipeline."""
        return repository_of(self.env.get("BUILDKITE_REPO", ""))

    @property
    def workspace(self) -> Path:
        """The checkout."""
        return self._folder("BUILDKITE_BUILD_CHECKOUT_PATH")

    @property
    def parallel_jobs(self) -> int:
        """The jobs of a step with ``parallelism``."""
        return self._count("BUILDKITE_PARALLEL_JOB_COUNT")

    def line(self, text: SafeText) -> None:
        """Print a line; one that follows a group needs a header of its own, or it would be folded with it."""
        self._unfold()
        super().line(text)

    def open_group(self, title: SafeText) -> None:
        """Begin a group, which ends where the next header stands."""
        self._folded = False
        self._write(f"--- {title}")

    def close_group(self) -> None:
        """Note that the next line is outside."""
        self._folded = True

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Print the line, and add a warning or an error to the build's page; notices are in the summary there."""
        self._unfold()
        super().annotate(level, title, text, file=file, line=line)
        if level in _STYLES:
            from mogplex_ci.sanitize import markdown

            where = "" if file is None else f" {markdown.inline(file)}"
            content = f"**{title}**{where}: {markdown.inline(text)}\n\n"
            with suppress(OSError):  # the line is in the log
                self._annotate(_STYLES[level], f"-{level.value}", content)

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Set the build's meta-data, which every job of the build can read: ``mogplex:STEP:MOGPLEX_RUN_ID``."""
        super().set_outputs(outputs)
        step = readable(*self._values("BUILDKITE_STEP_KEY", "BUILDKITE_PARALLEL_JOB"))
        for name, value in variables(outputs).items():
            # Meta-data takes no empty value, and each call is a request.
            if value and self._kept.get(name) != value:
                self._run_agent("meta-data", "set", ":".join(filter(None, ("mogplex", step, name))), text=value)
                self._kept[name] = value

    def write_summary(self, markdown: str) -> None:
        """Show it on the build's page."""
        self._annotate("info", "", markdown)

    def _unfold(self) -> None:
        if self._folded:
            self._folded = False
            self._write("+++ Mogplex")

    def _annotate(self, style: str, suffix: str, markdown: str) -> None:
        context = f"mogplex-{self.env.get('BUILDKITE_JOB_ID', '')}{suffix}"
        self._run_agent("annotate", "--style", style, "--context", context, "--append", text=markdown)

    def _run_agent(self, *arguments: str, text: str) -> None:
        """Run the agent's command, if it is there.

        Raises:
            OSError: it failed.
        """
        import shutil  # both are slow to load, and needed on this system alone
        import subprocess

        agent = shutil.which(_AGENT, path=self.env.get("PATH"))
        if agent is None:
            return
        try:
            subprocess.run(
                [agent, *arguments], input=text, text=True, timeout=_AGENT_SECONDS, capture_output=True, check=True
            )
        except subprocess.SubprocessError as error:
            raise OSError(f"{_AGENT} failed") from error
