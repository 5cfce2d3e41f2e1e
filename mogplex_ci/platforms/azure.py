"""Azure Pipelines: logging commands that the agent takes out of the log.

The escapes are those of azure-pipelines-agent; it looks for ``##vso[`` anywhere in a line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from mogplex_ci.platforms.dotenv import variables
from mogplex_ci.platforms.interface import Identity, Level, Platform, readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import SafeText

_ESCAPES: Final = str.maketrans({"%": "%AZP25", ";": "%3B", "\r": "%0D", "\n": "%0A", "]": "%5D"})


class Azure(Platform):
    """Azure Pipelines, services or server."""

    name: ClassVar[str] = "azure"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Azure Pipelines sets ``TF_BUILD``."""
        return env.get("TF_BUILD", "").lower() == "true"

    def identity(self) -> Identity | None:
        """Name the job by stage and job, not by ``SYSTEM_JOBID``: that is another one at each attempt.

        A classic release deploys the same build many times; its own ids are empty elsewhere.
        """
        project, build, job = self._values("SYSTEM_TEAMPROJECT", "BUILD_BUILDID", "SYSTEM_JOBIDENTIFIER")
        job = job or self.env.get("SYSTEM_JOBNAME", "")
        if not build:
            return None
        parts = (
            *self._values("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECTID"),
            build,
            *self._values("RELEASE_RELEASEID", "RELEASE_ENVIRONMENTID", "SYSTEM_STAGENAME", "SYSTEM_PHASENAME"),
            job,
            *self._values("SYSTEM_JOBPOSITIONINPHASE"),
        )
        attempts = self._values("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT", "RELEASE_ATTEMPTNUMBER")
        attempt = ".".join(value or "1" for value in attempts)
        return Identity(parts, readable(project, build, job), attempt, later_attempt=attempt != "1.1.1")

    def repository(self) -> str | None:
        """Return the repository of the pipeline; one of Azure's own has no owner."""
        name = self.env.get("BUILD_REPOSITORY_NAME", "")
        return name if "/" in name else None

    @property
    def parallel_jobs(self) -> int:
        """The jobs of ``strategy``."""
        return self._count("SYSTEM_TOTALJOBSINPHASE")

    @property
    def workspace(self) -> Path:
        """The folder of the sources."""
        return self._folder("BUILD_SOURCESDIRECTORY")

    @property
    def is_debug(self) -> bool:
        """``system.debug`` is on."""
        return self.env.get("SYSTEM_DEBUG", "").lower() == "true" or super().is_debug

    def open_group(self, title: SafeText) -> None:
        """Fold what follows."""
        self._write(f"##[group]{title}")

    def close_group(self) -> None:
        """End the fold."""
        self._write("##[endgroup]")

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Log an issue of the build; there are none milder than a warning, so that a notice is a line."""
        if level is Level.NOTICE:
            super().annotate(level, title, text, file=file, line=line)
            return
        place = {"sourcepath": file or "", "linenumber": str(line) if file and line else ""}
        self._command("task.logissue", {"type": level.value, **place}, f"{title}: {text}")

    def debug(self, text: SafeText) -> None:
        """Print what ``system.debug`` shows."""
        if self.is_debug:
            self._write(f"##[debug]{text}")

    def mask(self, secret: str) -> None:
        """Have the agent replace ``secret`` in all later lines."""
        self._command("task.setsecret", {}, secret)

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Set output variables of the step, which other jobs can read as well."""
        super().set_outputs(outputs)
        for name, value in variables(outputs).items():
            self._command("task.setvariable", {"variable": name, "isoutput": "true"}, value)

    def write_summary(self, markdown: str) -> None:
        """Attach to the run's summary, in the one folder that a container shares with the agent under a known path."""
        folder = Path(self.env.get("AGENT_TEMPDIRECTORY") or "missing")
        if folder.is_dir():
            path = folder / "mogplex-summary.md"
            path.write_text(markdown, encoding="utf-8")
            self._command("task.uploadsummary", {}, str(path))

    def _command(self, name: str, properties: Mapping[str, str], data: str) -> None:
        given = "".join(f"{key}={value.translate(_ESCAPES)};" for key, value in properties.items() if value)
        self._write(f"##vso[{name}{' ' + given if given else ''}]{data.translate(_ESCAPES)}")
