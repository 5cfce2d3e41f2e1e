"""GitLab CI: collapsible sections, and files that the job passes on with ``artifacts:reports``.

``templates/run/template.yml`` and ``examples/gitlab`` show the job's part.
"""

import json
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import quote

from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.job_log import coloured
from mogplex_ci.platforms.system import (
    Env,
    JobEnd,
    System,
    always,
    any_of,
    by_name,
    differs,
    equals,
    has,
)
from mogplex_ci.sanitize import CleanText, SafeText
from mogplex_ci.waiting import parse_duration
from mogplex_ci.workspace import read_head

_ERASE: Final = "\x1b[0K"
"""Before and after a section's marker, so that a terminal without sections does not show it."""


_PROMPT_FILE: Final = "MOGPLEX_PROMPT_FILE"
# The prompt, and what the runner itself keeps in the folder of the variables.
_NOT_SECRET: Final = {_PROMPT_FILE, "CI_SERVER_TLS_CA_FILE", "GITLAB_ENV"}
_FILE_BYTES: Final = 64 * 1024


def _file_variables(env: Env) -> dict[str, str]:
    """Return the contents of the job's variables of type File."""
    # The runner writes each into a file of its name, and sets the variable to the file's path:
    # https://docs.gitlab.com/ci/variables/#use-file-type-cicd-variables
    folder = env.get("RUNNER_TEMP_PROJECT_DIR")
    if not folder:
        return {}
    contents = {}
    for variable, value in env.items():
        path = Path(value)
        if path.parent == Path(folder) and variable not in _NOT_SECRET:
            with suppress(OSError):
                # The runner's folder may be a link; a file in it must not be: the job's services
                # can write there.
                content = read_head(path.parent.resolve() / path.name, _FILE_BYTES)
                # The line break at the end of a file is not part of the secret.
                contents[variable] = content.decode(errors="replace").strip()
    return contents


def _job_end(env: Env) -> JobEnd | None:
    """Return when the job's script ends: by the job's timeout, or by the runner's own limit.

    GitLab sets the two variables with the job's timeout since 15.7; the time before the script,
    such as that of the clone, counts for both limits here.
    """
    limits = []
    timeout = env.get("CI_JOB_TIMEOUT", "")
    if re.fullmatch(r"[1-9]\d{0,8}", timeout, re.ASCII):
        limits.append(JobEnd(float(timeout), "the job's timeout"))
    with suppress(ValueError):
        script = parse_duration(env.get("RUNNER_SCRIPT_TIMEOUT", ""))
        if script > 0:  # the runner ignores it
            limits.append(JobEnd(script, "RUNNER_SCRIPT_TIMEOUT"))
    if not limits:
        return None
    end = min(limits)
    return end._replace(seconds_left=end.seconds_left - _seconds_since(env))


def _seconds_since(env: Env) -> float:
    """Return the age of the job; 0 if nothing says when it began."""
    try:
        began = datetime.fromisoformat(env.get("CI_JOB_STARTED_AT", ""))
        # The server's clock may be ahead of this machine's.
        return max((datetime.now(UTC) - began).total_seconds(), 0.0)
    except (ValueError, TypeError):  # TypeError: a time without a zone
        return 0.0


# A fork's merge request runs in the fork's own project, with its own variables, until a member runs
# a pipeline for it in this one.
#
# The name of a job in a matrix carries the values. The repository is not named: the project is on
# GitLab, and Mogplex works on GitHub repositories.
GITLAB: Final = System(
    "gitlab",
    has("GITLAB_CI"),  # gitlab-ci-local sets it to false
    parts=("CI_PIPELINE_ID", "CI_SERVER_URL", "CI_PROJECT_ID", "CI_JOB_NAME", "CI_NODE_INDEX"),
    label=("CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_NAME"),
    # A retry has the same name and a new id, and does not say which is first.
    attempt=by_name("CI_JOB_ID", is_later=always),
    workspace="CI_PROJECT_DIR",  # where GitLab looks for artifacts
    job_url="CI_JOB_URL",
    parallel_jobs="CI_NODE_TOTAL",
    is_fork=any_of(
        differs("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_PROJECT_ID"),
        differs(
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
            "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
        ),
    ),
    change_request="merge request",
    branches=(
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    ),
    by_hand=any_of(
        equals("CI_JOB_MANUAL", "true"),
        # not `pipeline` and `parent_pipeline`, which a push may have started
        equals("CI_PIPELINE_SOURCE", "web", "schedule", "api", "trigger", "chat"),
    ),
    is_local=equals("GITLAB_CI", "false"),  # gitlab-ci-local: one project, pipelines from 1000
    is_debug=equals("CI_DEBUG_TRACE", "true"),
    # Outside artifacts, cache and ``git clean``, and the same in script and after_script; never
    # emptied, and may be 0777.
    state_folder="RUNNER_TEMP_PROJECT_DIR",
    file_variables=_file_variables,
    job_end=_job_end,
)


class GitLab(Platform):
    """GitLab CI, on gitlab.com or a self-managed server."""

    def __init__(self, system: System, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(system, env, stream)
        self._links: list[dict[str, object]] = []

    def file_url(self, path: str) -> str | None:
        """See ``Platform``: the page of an artifact of this job."""
        if self.job_url is None:
            return None
        return f"{self.job_url}/artifacts/file/{quote(path)}"

    def prompt_variable(self, name: str) -> Path | None:
        """Return the file of ``MOGPLEX_PROMPT_FILE``, a variable of type File, if ``name`` is its
        path. The folder also holds secrets, so it is that very file, and not a link.
        """
        folder = self.env.get("RUNNER_TEMP_PROJECT_DIR")
        if not folder or Path(name) != Path(folder) / _PROMPT_FILE:
            return None
        return Path(folder).resolve() / _PROMPT_FILE

    def _group(self, title: SafeText) -> tuple[str, str]:
        """Return the markers of a collapsed section; no two sections of a job may have one name."""
        section = f"{int(time.time())}:mogplex_{secrets.token_hex(8)}"
        # GitLab measures nothing here: the lines come all at once.
        options = "collapsed=true,hide_duration=true"
        start = f"{_ERASE}section_start:{section}[{options}]\r{_ERASE}{title}"
        return start, f"{_ERASE}section_end:{section}\r{_ERASE}"

    def _write(self, text: str) -> None:
        """Write a line, in the colour of the mark or level that it begins with."""
        super()._write(coloured(text))

    def link(self, label: SafeText, url: SafeText) -> None:
        """Show a link on the job's page, from the annotations report."""
        self._links.append({"external_link": {"label": label, "url": url}})

    def check_files(self, outputs: Mapping[str, CleanText | None]) -> None:
        """See ``Platform``. With ``GIT_STRATEGY: none`` an earlier job's report may still exist."""
        super().check_files(outputs)
        self.close()

    def close(self) -> None:
        """Write the annotations report."""
        report = {}
        if self._links:
            report["Mogplex"] = self._links
        text = json.dumps(report, indent=2) + "\n"
        self._write_file("MOGPLEX_ANNOTATIONS_FILE", text, default="mogplex-annotations.json")
