"""GitLab CI: collapsible sections, and files that the job passes on with ``artifacts:reports``.

``templates/run/template.yml`` and ``examples/gitlab`` show the job's part.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING, ClassVar, Final

from mogplex_ci.platforms.base import Identity, Level, Platform, annotation_text, joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mogplex_ci.sanitize import CleanText, SafeText

_COLOURS: Final = {Level.NOTICE: "\x1b[36m", Level.WARNING: "\x1b[33m", Level.ERROR: "\x1b[31m"}
_COLOUR_OFF: Final = "\x1b[0m"
_ERASE: Final = "\x1b[0K"
"""Before and after a section's marker, so that a terminal without sections does not show it."""
_SEVERITIES: Final = {Level.WARNING: "minor", Level.ERROR: "major"}


class GitLab(Platform):
    """GitLab CI, on gitlab.com or a self-managed server.

    It names no repository: the project is on GitLab, and Mogplex works on GitHub repositories.
    """

    name: ClassVar[str] = "gitlab"
    job_url_variable = "CI_JOB_URL"
    workspace_variable = "CI_PROJECT_DIR"  # where GitLab looks for artifacts
    parallel_jobs_variable = "CI_NODE_TOTAL"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._sections = f"mogplex_{secrets.token_hex(4)}"
        """First part of every section's name; two steps of one job must not use the same names."""
        self._section = 0
        self._links: list[dict[str, object]] = []
        self._issues: list[dict[str, object]] = []

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """GitLab sets ``GITLAB_CI``. gitlab-ci-local sets that to false, and the other two as GitLab does."""
        return env.get("GITLAB_CI") == "true" or bool(env.get("CI_PIPELINE_ID") and env.get("CI_SERVER_URL"))

    def identity(self) -> Identity | None:
        """Return the job by its name in the pipeline; a retry has the same name and a new id.

        The name of a job in a matrix carries the values.
        """
        path, pipeline, job = self._values("CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_NAME")
        if not pipeline:
            return None
        parts = (*self._values("CI_SERVER_URL", "CI_PROJECT_ID"), pipeline, job, *self._values("CI_NODE_INDEX"))
        return Identity(parts, joined(path, pipeline, job), self.env.get("CI_JOB_ID"), later_attempt=True)

    def untrusted_trigger(self) -> str | None:
        """Return that the merge request comes from another project than the one whose pipeline this is.

        A fork's merge request runs in the fork's own project, with its own variables, until a member runs a pipeline
        for it in this one.
        """
        external = "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"
        return self._fork_build("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_PROJECT_ID") or self._fork_build(*external)

    @property
    def is_debug(self) -> bool:
        """Whether ``CI_DEBUG_TRACE`` is on."""
        return self.env.get("CI_DEBUG_TRACE") == "true" or super().is_debug

    def open_group(self, title: SafeText) -> None:
        """Start a collapsed section."""
        self._section += 1
        self._write(f"{_ERASE}section_start:{self._marker()}[collapsed=true]\r{_ERASE}{title}")

    def close_group(self) -> None:
        """End the section."""
        self._write(f"{_ERASE}section_end:{self._marker()}\r{_ERASE}")

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Print a coloured line; warnings and errors go into the code quality report as well."""
        shown = annotation_text(title, text, file, line)
        self._write(f"{_COLOURS[level]}{level.value.upper()}: {shown}{_COLOUR_OFF}")
        if level in _SEVERITIES:
            path = file or self.env.get("CI_CONFIG_PATH") or ".gitlab-ci.yml"
            self._issues.append(self._issue(_SEVERITIES[level], title, text, path, line or 1))

    def link(self, label: SafeText, url: SafeText) -> None:
        """Show a link on the job's page, from the annotations report."""
        self._links.append({"external_link": {"label": label, "url": url}})

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Write the dotenv report, the annotations report, and the code quality report if it was asked for."""
        super().set_outputs(outputs)
        links = {"Mogplex": self._links} if self._links else {}
        self._write_file("MOGPLEX_ANNOTATIONS_FILE", _json(links), default="mogplex-annotations.json")
        if self.env.get("MOGPLEX_CODE_QUALITY_FILE"):
            self._write_file("MOGPLEX_CODE_QUALITY_FILE", _json(self._issues), default="")

    def _marker(self) -> str:
        return f"{int(time.time())}:{self._sections}_{self._section}"

    def _issue(self, severity: str, title: str, text: str, path: str, line: int) -> dict[str, object]:
        """Return one entry of the code quality report; its fingerprint is the same in the next pipeline."""
        fingerprint = hashlib.sha256("\0".join((*self._values("CI_JOB_NAME"), title, path, str(line))).encode())
        return {
            "description": f"{title}: {text}",
            "check_name": "mogplex",
            "fingerprint": fingerprint.hexdigest(),
            "severity": severity,
            "location": {"path": path, "lines": {"begin": line}},
        }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
