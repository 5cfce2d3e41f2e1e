"""Azure Pipelines: logging commands, which the agent takes out of the log.

Escapes are those of microsoft/azure-pipelines-agent, which looks for ``##vso[`` anywhere in a line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.platforms.base import Level, Place, Platform, annotation_text
from mogplex_ci.platforms.system import Attempt, Env, System, equals, first_set
from mogplex_ci.sanitize import Markdown, SafeText
from mogplex_ci.workspace import write_whole

_PERCENT_ESCAPES: Final = str.maketrans(
    {"%": "%AZP25", ";": "%3B", "\r": "%0D", "\n": "%0A", "]": "%5D"}
)


_JOB: Final = first_set("SYSTEM_JOBIDENTIFIER", "SYSTEM_JOBNAME")


def _attempt(env: Env) -> Attempt:
    counts = ("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT", "RELEASE_ATTEMPTNUMBER")
    attempt = ".".join(env.get(variable) or "1" for variable in counts)
    return Attempt(attempt, may_be_later=attempt != "1.1.1")


# ``SYSTEM_JOBID`` is another one at each attempt. A classic release deploys one build many times;
# elsewhere its ids are empty.
AZURE: Final = System(
    "azure",
    equals("TF_BUILD", "true"),
    parts=(
        "BUILD_BUILDID",
        "SYSTEM_COLLECTIONURI",
        "SYSTEM_TEAMPROJECTID",
        "RELEASE_RELEASEID",
        "RELEASE_ENVIRONMENTID",
        "SYSTEM_STAGENAME",
        "SYSTEM_PHASENAME",
        _JOB,
        "SYSTEM_JOBPOSITIONINPHASE",
    ),
    label=("SYSTEM_TEAMPROJECT", "BUILD_BUILDID", _JOB),
    attempt=_attempt,
    repository="BUILD_REPOSITORY_NAME",
    repository_address="BUILD_REPOSITORY_URI",
    workspace="BUILD_SOURCESDIRECTORY",
    state_folder="AGENT_TEMPDIRECTORY",
    parallel_jobs="SYSTEM_TOTALJOBSINPHASE",
    is_fork=equals("SYSTEM_PULLREQUEST_ISFORK", "true"),
    branches=("BUILD_SOURCEBRANCH", "SYSTEM_PULLREQUEST_SOURCEBRANCH"),
    by_hand=equals("BUILD_REASON", "manual", "schedule"),  # a call of the API is manual, too
    is_debug=equals("SYSTEM_DEBUG", "true"),
)


class Azure(Platform):
    """Azure Pipelines: Azure DevOps Services or Server."""

    def _group(self, title: SafeText) -> tuple[str, str]:
        return f"##[group]{title}", "##[endgroup]"

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, place: Place | None = None
    ) -> None:
        """Log an issue of the run. Azure has none below a warning, so a notice is a plain line."""
        if level is Level.NOTICE:
            super().annotate(level, title, text, place)
            return
        properties: dict[str, str] = {"type": level.value}
        if place is not None:
            properties |= {"sourcepath": place.file, "linenumber": str(place.line)}
        self._command("task.logissue", properties, annotation_text(title, text, None))

    def _debug(self, text: SafeText) -> None:
        """Print a line that is shown in the colour of ``system.debug``."""
        self._write(f"##[debug]{text}")

    def mask(self, secret: str) -> None:
        """Have the agent hide ``secret`` in all later lines."""
        self._command("task.setsecret", {}, secret)

    def _share(self, values: Mapping[str, str]) -> None:
        """Set output variables of the step, which later jobs can read as well."""
        for name, value in values.items():
            self._command("task.setvariable", {"variable": name, "isoutput": "true"}, value)

    def write_summary(self, markdown: Markdown, mark: str) -> None:
        """Attach the summary to the run. The agent reads it from a folder that has the same path in
        a container.
        """
        self._upload("mogplex-summary.md", markdown)

    def add_to_summary(self, markdown: Markdown) -> None:
        """Attach another summary."""
        self._upload("mogplex-clean-up.md", markdown)

    def _upload(self, file: str, markdown: Markdown) -> None:
        name = self.env.get("AGENT_TEMPDIRECTORY")
        if not name:
            return
        folder = Path(name).resolve()
        if folder.is_dir():
            path = folder / file
            write_whole(path, markdown)
            self._command("task.uploadsummary", {}, str(path))

    def _command(self, name: str, properties: Mapping[str, str], data: str) -> None:
        given = "".join(
            f"{key}={value.translate(_PERCENT_ESCAPES)};"
            for key, value in properties.items()
            if value
        )
        head = f"{name} {given}".rstrip()
        self._write(f"##vso[{head}]{data.translate(_PERCENT_ESCAPES)}")
