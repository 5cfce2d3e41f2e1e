"""The interface to a CI system. A platform is a handful of environment look-ups behind this class.

``Platform`` itself is for a system that offers nothing special: plain lines, and outputs in a
dotenv file.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from os import urandom
from pathlib import Path
from typing import Final, TextIO

from mogplex_ci.errors import UsageError
from mogplex_ci.output_names import FREE_TEXT, output_variable
from mogplex_ci.platforms.job_log import DETAILS_END, for_terminal, size_in_log, without_matches
from mogplex_ci.platforms.system import (
    Identity,
    System,
    always,
    repository_of,
    server_of,
    value_of,
)
from mogplex_ci.platforms.webhook import Build, Cause
from mogplex_ci.problems import Problem
from mogplex_ci.sanitize import CleanText, Markdown, QuotedText, SafeText
from mogplex_ci.urls import GITHUB_URL, base_url_fault
from mogplex_ci.workspace import check_room, usable, writable, write_whole

PROGRAM: Final = "Mogplex"
"""Title of the annotations that say how the step ends."""
COMMENT_RIGHTS: Final = "issues: write (of a pull request, pull-requests: write)"
"""The rights on GitHub that ``comment-on`` needs, as workflows write them."""
VARIABLES: Final = (
    "MOGPLEX_DEBUG",
    "MOGPLEX_DOTENV",
    "MOGPLEX_ANNOTATIONS_FILE",
    "MOGPLEX_IMAGE",
)
"""Variables that say what to write and where, and which image runs; they are not inputs.
"""
_AGENTS_BRANCH: Final = (
    # Azure writes refs/heads/ before a branch, Jenkins' Git plugin origin/.
    r"(?:refs/heads/|origin/)?(mogplex/(?:external/|agent-|automation-|task-).*)"
)
"""The branches that the service makes for its agents, as CI systems name a branch."""
_PLAIN_VALUE: Final = r"[A-Za-z0-9._/:@+=,~%?#-]*"
"""A variable's value may be expanded, sourced or pasted into a script: nothing that a shell would
act on.
"""


class Level(StrEnum):
    """Severity of an annotation."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


class Platform:
    """The CI system of this job; a subclass overrides what its log and its files do differently.

    The text of every method is ``SafeText`` or ``Markdown`` and is written as it is.
    """

    def __init__(self, system: System, env: Mapping[str, str], stream: TextIO) -> None:
        """``system`` reads ``env``; ``stream`` is the job log."""
        self.system = system
        self.name = system.name
        self.env = env
        self.job_url = value_of(system.job_url, env) or None
        """Address of this job's page, or of its pipeline's; None if unknown.
        """
        jobs = env.get(system.parallel_jobs, "")
        self.parallel_jobs = 1
        """How many jobs like this one, itself included, may run at once and share one token; at
        least 1.
        """
        if re.fullmatch(r"[1-9]\d{0,5}", jobs, re.ASCII):
            self.parallel_jobs = int(jobs)
        self.workflow_run = env.get(system.workflow_run, "")
        """GitHub's id of the workflow run whose job this is; empty on every other system."""
        self.own_try = ""
        """A part of the key that no other try of the step has, on a local runner, which gives all
        tries the same names; else empty.
        """
        if system.is_local(env):
            self.own_try = urandom(8).hex()
        self.is_debug = env.get("MOGPLEX_DEBUG") == "1" or system.is_debug(env)
        """Whether to print diagnostics: ``MOGPLEX_DEBUG=1``, or the system's own switch."""
        self.has_clean_up = system.has_clean_up(env)
        """Whether ``post`` runs as it should; false where the step had to be the action for that,
        and is not.
        """
        self.is_dry_run = False
        """Whether the step only plays a run; set when it begins."""
        self.log_size = 0
        """Bytes of all that was written to the job log; see ``size_in_log``."""
        self._stream = stream
        self._exported = ""

    def identity(self) -> Identity | None:
        """Return what identifies this step, or None if unknown."""
        parts = [value_of(cell, self.env) for cell in self.system.parts]
        if not parts or not parts[0]:
            return None
        label = [value_of(cell, self.env) for cell in self.system.label]
        more_parts = self.system.more_parts(self.env)
        attempt = self.system.attempt(self.env)
        return Identity(
            parts=(*parts, *more_parts),
            label="-".join(filter(None, label)),
            attempt=attempt.name,
            later_attempt=attempt.may_be_later,
        )

    def job_name(self, key: str | None, matrix: Sequence[str] = ()) -> tuple[str, ...] | None:
        """Return what names this attempt of the job, and not the step: a clean-up in a later step
        finds by it what the step has saved. None if nothing identifies the job.

        ``key`` is the idempotency key that the user gave, if so: it names the job where the
        environment does not. The jobs of a matrix differ in ``matrix``.
        """
        identity = self.identity()
        if identity is None:
            return (self.name, key, *matrix) if key else None
        system = self.system
        parts = [value_of(cell, self.env) for cell in system.parts if cell not in system.step]
        attempt = identity.attempt or ""
        return (self.name, *parts, *system.more_parts(self.env), attempt, *matrix)

    @property
    def state_folder(self) -> Path | None:
        """A folder outside the workspace that the step and its clean-up share; None if there is
        none.
        """
        name = value_of(self.system.state_folder, self.env)
        return Path(name) if name else None

    def repository(self) -> str | None:
        """Return ``owner/name`` of the job's repository on GitHub; None if it is on another server,
        or if the environment does not name it.
        """
        address = value_of(self.system.repository_address, self.env)
        if not address:
            return repository_of(value_of(self.system.repository, self.env))
        host = server_of(address)
        # server_of() reads a repository's address, and these are addresses of servers.
        on_github = {
            server_of(f"{server.rstrip('/')}/owner/name") for server in self.github_servers
        }
        if host is None or host not in on_github:
            return None
        return repository_of(address)

    @property
    def github_servers(self) -> tuple[str, ...]:
        """The addresses of GitHub, and of the GitHub server that the environment names."""
        own = value_of(self.system.github_server, self.env)
        return (GITHUB_URL, own) if own else (GITHUB_URL,)

    def github_api_url(self) -> str:
        """Return the base URL of GitHub's API.

        Raises:
            UsageError: ``GITHUB_API_URL`` is an address that no token must be sent to.
        """
        url = value_of(self.system.github_api, self.env) or "https://api.github.com"
        if (fault := base_url_fault(url)) is not None:
            remedy = "Set it to the address of GitHub's API, or leave it out."
            raise UsageError(Problem("GITHUB_API_URL", fault, remedy))
        return url.rstrip("/")

    def file_url(self, path: str) -> str | None:
        """Return the address at which people find a file of the workspace once the job has ended;
        None if the system has no such page.
        """
        return None

    @property
    def token_advice(self) -> str:
        """Advice if the token is missing: how the system passes secrets to a job."""
        file = Path(__file__).with_name("missing_token.json")
        advice: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return advice.get(self.name, advice["default"])

    @property
    def github_token_advice(self) -> str:
        """Advice if ``github-token`` is missing: it is kept like Mogplex's token."""
        advice = self.token_advice.replace("api-key", "github-token")
        advice = advice.replace("MOGPLEX_API_KEY", "MOGPLEX_GITHUB_TOKEN")
        return f"{advice} It must be a GitHub token that can read this repository."

    @property
    def workspace(self) -> Path:
        """The folder to which the paths in inputs are relative.

        It is the working directory when the variable names a folder of the host that the container
        does not have.

        Raises:
            UsageError: the working directory was deleted.
        """
        name = self.env.get(self.system.workspace)
        if name and Path(name).is_dir():
            return Path(name)
        try:
            return Path.cwd()
        except FileNotFoundError as error:
            remedy = "Start the step in a folder that exists."
            raise UsageError(Problem("The working directory", "was deleted", remedy)) from error

    def prompt_variable(self, name: str) -> Path | None:
        """Return the file outside the workspace that ``prompt-file`` may name, if ``name`` is its
        path: where the system keeps a variable in a file.
        """
        return None

    @property
    def cause(self) -> Cause:
        """Who and what caused this job. Only GitHub, Forgejo and Gitea pass the event to the
        job.
        """
        login = value_of(self.system.caused_by, self.env)
        is_fork = self.system.is_fork(self.env)
        return Build(login, is_fork, self.system.change_request)

    def agents_branch(self) -> str | None:
        """Return the branch of the job, or the source of its pull request, if an agent made it.

        None if a person, a schedule or the API started the job, and if that is unknown.
        """
        if self.system.by_hand(self.env) or self.system.is_local(self.env):
            return None
        for variable in self.system.branches:
            match = re.fullmatch(_AGENTS_BRANCH, self.env.get(variable, ""))
            if match is not None:
                return match[1]
        return None

    def line(self, text: SafeText) -> None:
        """Print one line to the job log."""
        self._write(printable(text, self.system))

    def fold(self, title: SafeText, lines: Iterable[SafeText]) -> None:
        """Print ``lines`` folded under ``title``."""
        start, end = self._group(title)
        self._write(start)
        for line in lines:
            self.line(line)
        if end:
            self._write(end)

    def _group(self, title: SafeText) -> tuple[str, str]:
        """Return the lines before and behind what is folded under ``title``; empty where there is
        none.
        """
        return title, ""

    def annotate(self, level: Level, title: SafeText, text: SafeText) -> None:
        """Show ``text`` where the system lists errors and warnings, and always in the log."""
        said = text if title == PROGRAM else f"{title}: {text}"
        self._write(f"{level.value.upper()}: {said}")

    def link(self, label: SafeText, url: SafeText) -> None:
        """Show a link beside the job, if the system can."""

    def debug(self, text: SafeText) -> None:
        """Print a diagnostic line if ``is_debug`` and the log has room for details."""
        if self.is_debug and self.log_size < DETAILS_END:
            self._debug(text)

    def _debug(self, text: SafeText) -> None:
        self._write(f"DEBUG: {text}")

    def mask(self, secret: str) -> None:
        """Ask the system to hide ``secret`` in the log from now on, if it can."""

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Pass outputs to later steps.

        Raises:
            OSError, UsageError: they cannot be written.
        """
        values = variables(outputs)
        self._write_file("MOGPLEX_DOTENV", dotenv(values), default="mogplex.env")
        variable_of_file, line = self.system.exports
        if self.env.get(variable_of_file):
            path = Path(self.env[variable_of_file])
            exported = dotenv(values, line)
            with usable(variable_of_file, "written", path):
                replace_block(path, self._exported, exported)
            self._exported = exported

    def write_summary(self, markdown: Markdown) -> None:
        """Show a summary beside the job, below an earlier one, if the system can.

        Raises:
            OSError: it cannot be written.
        """

    def close(self) -> None:
        """Write what the annotations and links of the log add up to, where the system reads that
        from files.

        Raises:
            OSError, UsageError: it cannot be written.
        """

    def check_files(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Find out whether outputs can be written, and whether there is room for them. ``outputs``
        are those that are known by now.

        Raises:
            UsageError: a file cannot be written.
        """
        self.set_outputs(outputs)
        for variable, path in self._files_to_append_to():
            if path.is_file():  # a runner may have put a device in its place
                with usable(variable, "written", path):
                    # It follows no link, and the runner's folder may be one.
                    check_room(path.resolve())

    def _files_to_append_to(self) -> Iterator[tuple[str, Path]]:
        """Yield the files that are to hold outputs, each with the variable that names it."""
        yield self._workspace_file("MOGPLEX_DOTENV", default="mogplex.env")
        exported_to = self.system.exports[0]
        if self.env.get(exported_to):
            yield exported_to, Path(self.env[exported_to])

    def _write(self, text: str) -> None:
        """Write a line to the job log."""
        self.log_size += size_in_log(text)
        self._stream.write(text + "\n")
        self._stream.flush()

    def _write_file(self, variable: str, text: str, *, default: str) -> None:
        """Write a file in the workspace; ``variable`` may name another one than ``default``.

        Raises:
            OSError, UsageError: it cannot be written, or would be outside the workspace.
        """
        _, path = self._workspace_file(variable, default=default)
        with usable(variable, "written", path.parent):
            write_whole(path, text)

    def _workspace_file(self, variable: str, *, default: str) -> tuple[str, Path]:
        name = self.env.get(variable) or default
        return variable, writable(self.workspace, name, input_name=variable)


def printable(text: str, system: System) -> str:
    """Return a line as the log of ``system`` gets it: no problem matcher finds words of others."""
    if system.has_problem_matchers and isinstance(text, QuotedText):
        return without_matches(text)
    return text


def variables(outputs: Mapping[str, CleanText | None]) -> dict[str, str]:
    """Return outputs as variables. An unknown value is empty; one that a shell might act on is left
    out.
    """
    return {
        output_variable(name): value or ""
        for name, value in outputs.items()
        if name not in FREE_TEXT and re.fullmatch(_PLAIN_VALUE, value or "")
    }


def dotenv(values: Mapping[str, str], line: str = "{}={}\n") -> str:
    """Return variables as a dotenv file: one ``NAME=value`` a line, without quotes or blank
    lines.
    """
    return "".join(line.format(name, value) for name, value in values.items())


def replace_block(path: Path, old: str, new: str) -> None:
    """Append ``new`` to a file that others write to as well, in place of ``old`` that an earlier
    call appended.

    Every other byte stays as it is; an unfinished last line is ended first.

    Raises:
        OSError: the file cannot be read or written.
    """
    theirs = b""
    if path.exists():
        theirs = path.read_bytes()
    if old:
        theirs = theirs.replace(old.encode(), b"", 1)
    if theirs and not theirs.endswith(b"\n"):
        theirs += b"\n"
    path.write_bytes(theirs + new.encode())


class Plain(Platform):
    """No known CI system: a terminal, ``docker run``, or a CI system of the user's own."""

    def __init__(self, system: System, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(system, env, stream)
        is_terminal = stream.isatty() and env.get("TERM", "dumb") != "dumb"
        self._is_coloured = is_terminal and not env.get("CI") and not env.get("NO_COLOR")

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """See ``Platform``. Without a CI system nothing asks for them: a dry run leaves no file
        behind, and a folder that cannot be written does not matter.
        """
        if self.is_dry_run and not self._wants_outputs:
            return
        try:
            super().set_outputs(outputs)
        except (OSError, UsageError):
            if self._wants_outputs:
                raise

    @property
    def _wants_outputs(self) -> bool:
        return bool(self.env.get("CI") or self.env.get("MOGPLEX_DOTENV"))

    def _files_to_append_to(self) -> Iterator[tuple[str, Path]]:
        if self._wants_outputs:
            yield from super()._files_to_append_to()

    def _write(self, text: str) -> None:
        """Write a line; on a terminal in the style of the mark or level that it begins with."""
        if self._is_coloured:
            text = for_terminal(text)
        super()._write(text)


PLAIN: Final = System("plain", always)
