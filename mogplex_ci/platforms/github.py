"""GitHub Actions: workflow commands in the log, outputs and state in files. Forgejo and Gitea have
them, too.

The rules are those of actions/runner; escapes and annotation properties are those of @actions/core.
"""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.system import (
    USUAL_STOP_SECONDS,
    Cell,
    Env,
    StopSeconds,
    System,
    any_of,
    by_name,
    counted,
    equals,
    first_set,
    has,
    is_first,
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


FORGEJO: Final = GITHUB._replace(
    name="forgejo",
    matches=any_of(equals("FORGEJO_ACTIONS", "true"), equals("GITEA_ACTIONS", "true")),
    # If the server does not count the tries, this may be a later one.
    attempt=by_name(
        "GITHUB_RUN_ATTEMPT", is_later=lambda env: env.get("GITHUB_RUN_ATTEMPT") != "1"
    ),
    # Its repositories and workflow runs are the forge's own, and so are server and API, to which no
    # token of GitHub must go.
    repository="",
    github_server="",
    github_api="",
    has_problem_matchers=False,
    workflow_run="",
    stop_seconds=USUAL_STOP_SECONDS,
    job_url=run_page("GITHUB_RUN_NUMBER"),
    # Work that an agent pushed to GitHub arrives here through a mirror, in the mirror's name.
    branches=("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
    by_hand=equals("GITHUB_EVENT_NAME", "workflow_dispatch", "schedule", "repository_dispatch"),
    # `forgejo-runner exec`; the runner sets ACT in every job
    is_local=is_first("GITHUB_RUN_ID", without="GITHUB_SERVER_URL"),
)


class Forgejo(GitHubActions):
    """Forgejo or Gitea Actions: events, outputs and state as on GitHub, and a log of their own.

    The runner knows groups and masks in the log, and nothing else
    (https://code.forgejo.org/forgejo/runner, ``act/runner/command.go``; Gitea's is alike): other
    commands appear as they are, and no value is decoded.
    """

    @property
    def cause(self) -> Cause:
        """The event of the workflow run. It does not say whether a user is a person or an app."""
        return Webhook.read(self.env, users_have_types=False)

    @property
    def github_token_advice(self) -> str:
        """See ``Platform``: the job's own token is the forge's."""
        return super(GitHubActions, self).github_token_advice

    def _group(self, title: SafeText) -> tuple[str, str]:
        return f"::group::{title}", "::endgroup::"

    def annotate(self, level: Level, title: SafeText, text: SafeText) -> None:
        """Print a line: the runner knows no annotations."""
        Platform.annotate(self, level, title, text)

    def _debug(self, text: SafeText) -> None:
        """Print a diagnostic line: the runner drops its own kind."""
        Platform._debug(self, text)

    def mask(self, secret: str) -> None:
        """Have the runner hide ``secret``, line by line, in all later lines."""
        for line in secret.splitlines():
            self._write(f"::add-mask::{line}")

    def write_summary(self, markdown: Markdown) -> None:
        """Write none: old runners print it into the log, which has all of it."""
