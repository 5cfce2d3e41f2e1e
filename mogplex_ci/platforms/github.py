"""GitHub Actions: workflow commands in the log, outputs and state in files.

The rules are those of actions/runner; escapes and annotation properties are those of @actions/core.
"""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.system import (
    Cell,
    Env,
    StopSeconds,
    System,
    counted,
    equals,
    first_set,
    has,
)
from mogplex_ci.platforms.webhook import Cause, Webhook
from mogplex_ci.sanitize import CleanText, Markdown, SafeText
from mogplex_ci.workspace import usable

_IN_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = _IN_DATA | str.maketrans({":": "%3A", ",": "%2C"})


def _callers(env: Env) -> tuple[str, ...]:
    """Return the path of jobs that leads to this one in a reusable workflow; nothing for any other
    job.

    Some runners report it: ``<id of this attempt>.<calling job>.<job>.<leg of the matrix>``. A job
    of a reusable workflow has the same id in each call of the workflow.
    """
    jobs = env.get("ACTIONS_ORCHESTRATION_ID", "").split(".")[1:-1]
    if len(jobs) < 2:
        return ()
    return (".".join(jobs),)


def _file_commands(env: Env) -> str:
    """Return the folder of ``GITHUB_STATE``: every runner mounts it into main and post, and empties
    it after the job. ``RUNNER_TEMP`` is private to each container on Forgejo's runner and act.
    """
    file = env.get("GITHUB_STATE")
    return str(Path(file).parent) if file else ""


def run_page(run: str) -> Cell:
    """Return the cell for the page of the workflow run, by the variable that names it in addresses.
    No variable names the job's own page.
    """

    def page(env: Env) -> str:
        variables = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", run)
        server, repository, name = (env.get(variable) for variable in variables)
        if not server or not repository or not name:
            return ""
        return f"{server}/{repository}/actions/runs/{name}"

    return page


# A re-run keeps the run's id and raises its attempt. Keys are unique per Mogplex user, and run ids
# per server: the key names server and repository.
GITHUB: Final = System(
    "github",
    equals("GITHUB_ACTIONS", "true"),
    parts=(
        "GITHUB_RUN_ID",
        "GITHUB_SERVER_URL",
        # The id outlives a rename of the repository between two attempts.
        first_set("GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY"),
        "GITHUB_JOB",
        "GITHUB_ACTION",
    ),
    step=("GITHUB_ACTION",),
    more_parts=_callers,
    label=("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB"),
    attempt=counted("GITHUB_RUN_ATTEMPT"),
    repository="GITHUB_REPOSITORY",
    workspace="GITHUB_WORKSPACE",
    job_url=run_page("GITHUB_RUN_ID"),
    is_local=equals("ACT", "true"),  # act: the id of every workflow run is 1
    is_debug=equals("RUNNER_DEBUG", "1"),
    has_problem_matchers=True,
    workflow_run="GITHUB_RUN_ID",
    state_folder=_file_commands,
    # SIGINT, SIGTERM 7.5 s later, and 2.5 s after that the container is left behind.
    stop_seconds=StopSeconds(cancel=6.0, all=7.0),
    # Only action.yml sets the input. A step that runs the image or the program itself has no post
    # step.
    has_clean_up=has("INPUT_JOB-CONTEXT"),
)


class GitHubActions(Platform):
    """GitHub Actions, on github.com or GitHub Enterprise."""

    @property
    def cause(self) -> Cause:
        """The event of the workflow run."""
        return Webhook.read(self.env)

    @property
    def github_token_advice(self) -> str:
        """See ``Platform``: every job has a token of its own."""
        return "Set it to ${{ github.token }}, or to a token that can read this repository."

    def _group(self, title: SafeText) -> tuple[str, str]:
        return _command("group", {}, title), _command("endgroup", {}, "")

    def annotate(self, level: Level, title: SafeText, text: SafeText) -> None:
        """Annotate the step."""
        self._write(_command(level.value, {"title": title}, text))

    def _debug(self, text: SafeText) -> None:
        """Print a line that only step debug logging shows."""
        self._write(_command("debug", {}, text))

    def mask(self, secret: str) -> None:
        """Have the runner hide ``secret`` in all later lines."""
        self._write(_command("add-mask", {}, secret))

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Append to the step's output file; a later value replaces an earlier one."""
        self._append(
            "GITHUB_OUTPUT", "".join(_entry(name, value or "") for name, value in outputs.items())
        )

    def write_summary(self, markdown: Markdown) -> None:
        """Append to the job's summary."""
        self._append("GITHUB_STEP_SUMMARY", markdown)

    def _files_to_append_to(self) -> Iterator[tuple[str, Path]]:
        if self.env.get("GITHUB_OUTPUT"):
            yield "GITHUB_OUTPUT", Path(self.env["GITHUB_OUTPUT"])

    def _append(self, variable: str, text: str) -> None:
        """Append to the file that ``variable`` names, if it names one.

        Raises:
            UsageError: it cannot be written.
        """
        if name := self.env.get(variable):
            path = Path(name)
            with (
                usable(variable, "written", path),
                # On Windows a text file would get \r\n, and the runner would take \r as part of the
                # value.
                path.open("a", encoding="utf-8", newline="\n") as file,
            ):
                file.write(text)


def _command(name: str, properties: Mapping[str, str], data: str) -> str:
    given = ",".join(f"{key}={value.translate(_IN_PROPERTY)}" for key, value in properties.items())
    head = f"{name} {given}" if given else name
    return f"::{head}::{data.translate(_IN_DATA)}"


def _entry(name: str, value: str) -> str:
    """Return an entry of a file command; its delimiter cannot be guessed, so no value can end it
    early.
    """
    delimiter = f"mogplex_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
