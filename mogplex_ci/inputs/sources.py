"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_`` or default, in this order."""

# No `from __future__ import annotations`, as in models.py.

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from mogplex_ci.durations import MAX_SECONDS
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import PROMPT_FILE_BYTES, SEE_INPUTS, inputs, instead_of
from mogplex_ci.inputs.flags import flags_of
from mogplex_ci.outputs import OUTPUT_VARIABLES
from mogplex_ci.platforms.base import VARIABLES, Platform
from mogplex_ci.platforms.system import JobEnd
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.urls import base_url_fault, host_of
from mogplex_ci.waiting import bounded, stop_of_process
from mogplex_ci.workspace import decode, read_text

STANDARD_INPUT: Final = "-"
"""As ``prompt-file``."""
_RUNNER_INPUTS: Final = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})
"""GitHub's runner takes these two from ``with:`` for itself, in every step with a container."""


class InputSources(NamedTuple):
    """Where a step's inputs come from: their texts, and what is wrong there."""

    platform: Platform
    given: Mapping[str, str]
    """Texts of flags and environment, by input."""
    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    is_complete: bool
    """False when the flags could not be read, or one lacks its value: an input that seems to be
    missing may be among them.
    """
    job_end: JobEnd | None
    """When the CI system ends the job; None if it does not say so."""

    @property
    def texts(self) -> Mapping[str, str]:
        """The text of every input that has one, not checked yet."""
        defaults = {name: spec.default for name, spec in inputs().items() if spec.default}
        if "run-id" in self.given:
            defaults["on-interrupt"] = "detach"  # the run is not this step's own
        return {**defaults, **self.given}


def gather(argv: Sequence[str], platform: Platform) -> InputSources:
    """Return the inputs' texts. Surrounding white space is dropped; blank counts as not given."""
    flags, wrong_flags = _flags_of(argv)
    problems = list(wrong_flags)
    has_blank_run_id = flags is not None and flags.get("run-id", "-").strip() == ""
    if has_blank_run_id:
        # The output of an earlier job that started nothing. Counted as not given it would start a
        # run wherever the project's variables have a prompt.
        remedy = "See the log of the step that should have started the run, or remove the flag."
        problems.append(Problem("run-id", "is blank", remedy))
    problems += _two_addresses(flags or {}, platform.env)
    texts = given_texts(argv, platform.env)
    warnings = list(_unknown_variables(platform.env))
    is_complete = flags is not None and not has_blank_run_id
    job_end = platform.system.job_end(platform.env)
    return InputSources(platform, texts, problems, warnings, is_complete, job_end)


def _flags_of(argv: Sequence[str]) -> tuple[Mapping[str, str] | None, Sequence[Problem]]:
    if not argv:
        return {}, []
    return flags_of(tuple(argv))


def given_texts(argv: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the text of the inputs that flags and environment set, by name."""
    flags, _ = _flags_of(argv)
    texts: dict[str, str] = {}
    for name, spec in inputs().items():
        places = [(flags or {}).get(name, "")]
        if spec.is_for_action:
            # GitHub's name for an input of ``with:`` keeps its hyphens.
            places.append(env.get(f"INPUT_{name.upper()}", ""))
        places += [env.get(variable, "") for variable in spec.variables]
        text = next(filter(None, map(str.strip, places)), "")
        if text:
            texts[name] = text
    if "prompt" in texts:
        texts["prompt"] = as_utf8(texts["prompt"])
    return texts


def asks_for_dry_run(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a dry run is asked for, also where the command line cannot be read."""
    if any(word.partition("=")[0] == "--dry-run" for word in argv):
        return True
    return given_texts(argv, env).get("dry-run", "false").lower() != "false"


def has_summary(given: Mapping[str, str]) -> bool:
    """Whether the summary is not turned off by ``given_texts``, which are not checked yet."""
    return given.get("summary", "true").lower() != "false"


def as_utf8(text: str) -> str:
    """Return an argument's or a variable's text read as UTF-8, also where Python takes it for
    ASCII, by the locale.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return text
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def read_prompt(name: str, *, input_name: str, workspace: Path | None = None) -> str:
    """Return the text in the file, of the workspace if there is one, or on standard input; without
    white space around.

    Raises:
        UsageError: it cannot be read.
        StopRequested: a stop signal came while a pipe or standard input was read; a person may be
            typing.
    """
    if workspace is not None and name != STANDARD_INPUT:
        return read_text(
            workspace, name, input_name=input_name, max_bytes=PROMPT_FILE_BYTES
        ).strip()
    try:
        content = _content(name)
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
        remedy = "Give a file, or - for standard input."
        raise UsageError(Problem(input_name, fault, remedy, Untrusted(name))) from error
    return decode(content, name, input_name=input_name, max_bytes=PROMPT_FILE_BYTES).strip()


@cache
def _content(name: str) -> bytes:
    """Return as much as a prompt may be long. Standard input can be read once."""
    source: int | str = name
    if name == STANDARD_INPUT:
        source = 0  # not sys.stdin: while another thread reads that, Python cannot end

    def read() -> bytes:
        with open(source, "rb", closefd=isinstance(source, str)) as file:
            return file.read(PROMPT_FILE_BYTES + 1)

    with stop_of_process().interrupting():
        return bounded(read, MAX_SECONDS)


def _two_addresses(flags: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problem of a flag and a variable with different addresses: the token goes to one of
    them.

    The component always passes the flag, so that no pipeline variable sends the token elsewhere.
    """
    flag, variable = flags.get("base-url", "").strip(), env.get("MOGPLEX_URL", "").strip()
    if not flag or not variable or flag.rstrip("/") == variable.rstrip("/"):
        return
    fault = "differs from MOGPLEX_URL"
    hosts = host_of(flag), host_of(variable)
    # Others may hold passwords, of which a host would have a part: https://user:half?half@host.
    are_plain = not any(base_url_fault(each, allow_http=True) for each in (flag, variable))
    if are_plain and hosts[0] != hosts[1]:
        fault = f"is on {hosts[0]}, and MOGPLEX_URL on {hosts[1]}"
    # The flag may be an input of GitLab's component: not a name that depends on the system.
    remedy = "Set `base-url` to the same address, or remove the variable."
    yield Problem("base-url", fault, remedy)


def _unknown_variables(env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning about each variable that looks like an input and is none."""
    ours = {variable for spec in inputs().values() for variable in spec.variables} | set(VARIABLES)
    ours_by_name = {_name_of(variable): variable for variable in ours}
    on_github = {spec.name: spec.name for spec in inputs().values() if spec.is_for_action}
    of_action = {f"INPUT_{name.upper()}" for name in on_github}  # hyphens stay
    for variable in sorted(env):
        name = _name_of(variable)
        # an input of ``with:`` on GitHub
        is_of_action = variable.startswith("INPUT_") and variable not in _RUNNER_INPUTS
        if variable.startswith("MOGPLEX_") and variable not in ours | OUTPUT_VARIABLES:
            remedy = instead_of(name, ours_by_name, otherwise=SEE_INPUTS)
            yield Problem(variable[:100], "is not an input", remedy)
        elif is_of_action and variable not in of_action:
            if name in on_github and f"INPUT_{name.upper()}" in env:
                continue  # the same input, by a name that shells take as well
            shown = variable.partition("_")[2].lower()
            if name in ours_by_name and name not in on_github:
                # The name alone would be written as the flag or the variable, which are inputs.
                remedy = f"Set {ours_by_name[name]} below `env:` instead."
                yield Problem(f"with: {shown}", "is not an input of the action", remedy)
            else:
                remedy = instead_of(name, on_github, otherwise=SEE_INPUTS)
                yield Problem(shown[:100], "is not an input", remedy)


def _name_of(variable: str) -> str:
    return variable.partition("_")[2].lower().replace("_", "-")
