"""GitHub Actions: workflow commands in the log, outputs and state in files.

The rules are those of actions/runner; escapes and annotation properties are those of @actions/core.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mogplex_ci.platforms.base import Level, Place, Platform
from mogplex_ci.platforms.system import (
    Cell,
    Env,
    Identity,
    System,
    counted,
    equals,
    first_set,
)
from mogplex_ci.platforms.webhook import Cause, Webhook
from mogplex_ci.sanitize import CleanText, Markdown, SafeText
from mogplex_ci.workspace import usable

_STATE: Final = "runs"
"""Name of the state value."""
_IN_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY: Final = _IN_DATA | str.maketrans({":": "%3A", ",": "%2C"})


def _callers(env: Env) -> tuple[str, ...]:
    """Return the path of jobs that leads to this one in a reusable workflow; nothing for any other
    job.

    Some runners tell it: ``<id of this attempt>.<calling job>.<job>.<leg of the matrix>``. A job of
    a reusable workflow has the same id in each call of the workflow.
    """
    jobs = env.get("ACTIONS_ORCHESTRATION_ID", "").split(".")[1:-1]
    if len(jobs) < 2:
        return ()
    return (".".join(jobs),)


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


# A re-run keeps the run's id and raises its attempt.
GITHUB: Final = System(
    "github",
    equals("GITHUB_ACTIONS", "true"),
    parts=(
        "GITHUB_RUN_ID",
        "GITHUB_SERVER_URL",
        first_set("GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY"),
        "GITHUB_JOB",
        "GITHUB_ACTION",
    ),
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
    # Only action.yml sets the input. A step that runs the image or the program itself has no post
    # step. ``matrix`` says nothing: people give it to a step that uses the image.
    has_clean_up=equals("INPUT_POST-STEP", "true"),
)


class GitHubActions(Platform):
    """GitHub Actions, on github.com or GitHub Enterprise."""

    @property
    def cause(self) -> Cause:
        """The event of the workflow run."""
        return Webhook.read(self.env)

    @property
    def workflow(self) -> str:
        """``OWNER/NAME/.github/workflows/FILE@REF``."""
        return self.env.get("GITHUB_WORKFLOW_REF", "")

    def _group(self, title: SafeText) -> tuple[str, str]:
        return _command("group", {}, title), _command("endgroup", {}, "")

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, place: Place | None = None
    ) -> None:
        """Annotate the step, or a line of a file."""
        properties: dict[str, str] = {"title": title}
        if place is not None:
            properties |= {"file": place.file, "line": str(place.line)}
        self._write(_command(level.value, properties, text))

    def debug(self, text: SafeText) -> None:
        """Print a line that only step debug logging shows."""
        if self.is_debug:
            self._write(_command("debug", {}, text))

    def mask(self, secret: str) -> None:
        """Have the runner hide ``secret`` in all later lines."""
        self._write(_command("add-mask", {}, secret))

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Append to the step's output file; a later value replaces an earlier one."""
        self._append(
            "GITHUB_OUTPUT", "".join(_entry(name, value or "") for name, value in outputs.items())
        )

    def write_summary(self, markdown: Markdown, mark: str) -> None:
        """Append to the job's summary."""
        self._append("GITHUB_STEP_SUMMARY", markdown)

    @property
    def _runner_keeps_state(self) -> bool:
        """Whether ``post`` gets what the step saves: act hands nothing to that of a container."""
        return not self.own_try and self.has_clean_up and bool(self.env.get("GITHUB_STATE"))

    def save_state(self, state: str, *, key: str | None = None) -> None:
        """Append to the file whose values the action's ``post`` gets as ``STATE_NAME``; the last
        one counts.

        Where the runner may lose it, and for a later step of the job that runs ``mogplex-ci post``,
        there is a file.
        """
        if self.has_clean_up:
            self._append("GITHUB_STATE", _entry(_STATE, state))
        if not self._runner_keeps_state:
            super().save_state(state, key=key)

    def _files_to_append_to(self) -> Iterator[tuple[str, Path]]:
        for variable in ("GITHUB_OUTPUT", "GITHUB_STATE"):
            if self.env.get(variable):
                yield variable, Path(self.env[variable])

    def _check_state_file(self, key: str | None) -> None:
        if self.has_clean_up:
            self._append("GITHUB_STATE", _entry(_STATE, ""))
        if not self._runner_keeps_state:
            super()._check_state_file(key)

    def load_state(self, *, key: str | None = None) -> str:
        """Return what the runner hands to ``post``, else the content of the file."""
        return self.env.get(f"STATE_{_STATE}") or super().load_state(key=key)

    def load_states(self, *, key: str | None = None) -> list[str]:
        """Return what the runner hands to ``post``, and the content of the file.

        An earlier step may have set the variable to the state of another job.
        """
        return list(filter(None, [self.load_state(key=key), super().load_state(key=key)]))

    def _state_names(self, identity: Identity) -> Sequence[str]:
        """Leave out the step: ``mogplex-ci post`` is another one."""
        run_id, server, repository, job, _, *callers = identity.parts
        return (run_id, server, repository, job, *callers)

    def _append(self, variable: str, text: str) -> None:
        """Append to the file that ``variable`` names, if it names one.

        Raises:
            UsageError: it cannot be written.
        """
        if name := self.env.get(variable):
            path = Path(name)
            with (
                usable(variable, "written", path),
                path.open("a", encoding="utf-8", newline="\n") as file,
            ):
                file.write(text)


def _command(name: str, properties: Mapping[str, str], data: str) -> str:
    given = ",".join(
        f"{key}={value.translate(_IN_PROPERTY)}" for key, value in properties.items() if value
    )
    head = f"{name} {given}".rstrip()
    return f"::{head}::{data.translate(_IN_DATA)}"


def _entry(name: str, value: str) -> str:
    """Return an entry of a file command; its delimiter cannot be guessed, so no value can end it
    early.
    """
    delimiter = f"mogplex_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
