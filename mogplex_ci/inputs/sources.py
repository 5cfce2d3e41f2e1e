"""Where an input's text comes from: flag, ``INPUT_``, ``MOGPLEX_`` or default, in this order."""

# No `from __future__ import annotations`, as in models.py.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mogplex_ci.inputs.declared import SEE_INPUTS, inputs, instead_of
from mogplex_ci.inputs.flags import read_flags
from mogplex_ci.output_names import OUTPUT_PREFIX
from mogplex_ci.platforms.base import VARIABLES
from mogplex_ci.problems import Problem

_RUNNER_INPUTS: Final = frozenset({"INPUT_ENTRYPOINT", "INPUT_ARGS"})
"""GitHub's runner takes these two from ``with:`` for itself, in every step with a container."""


class Given(NamedTuple):
    """The inputs' texts as flags and environment give them, not checked yet."""

    texts: Mapping[str, str]
    """By input, without surrounding white space; a blank one counts as not given."""
    problems: Sequence[Problem] = ()
    """What is wrong with the flags: an input that seems to be missing may be among them."""
    warnings: Sequence[Problem] = ()

    @property
    def asks_for_dry_run(self) -> bool:
        """Whether it is a dry run, also if the value is wrong."""
        return self.texts.get("dry-run", "false").lower() != "false"

    def value(self, name: str) -> Any:
        """Return the typed value of one input, for code that needs no other: its default, or None,
        if it is not given or is wrong.
        """
        spec = inputs()[name]
        text = self.texts.get(name)
        if text is None or spec.kind.fault(text) is not None:
            text = spec.default
        return None if text is None else spec.kind.value(text)


def collect(argv: Sequence[str], env: Mapping[str, str]) -> Given:
    """Return what the flags of a step and the environment give."""
    flags: Mapping[str, str] = {}
    faults: list[Problem] = []
    if argv:
        flags, faults = read_flags(argv)
    texts = {name: _text(name, flags, env) for name in inputs()}
    given = {name: text for name, text in texts.items() if text}
    faults += _two_addresses(flags, env)
    if flags.get("run-id", "-").strip() == "":
        # The output of an earlier job that started nothing. Counted as not given it would start a
        # run wherever the project's variables have a prompt.
        remedy = "See the log of the step that should have started the run, or remove the flag."
        faults.append(Problem("run-id", "is blank", remedy))
    return Given(given, faults, list(_unknown_variables(env)))


def _text(name: str, flags: Mapping[str, str], env: Mapping[str, str]) -> str:
    """Return the text of an input, from the first place that has one; empty if none has."""
    spec = inputs()[name]
    places = [flags.get(name, "")]
    if spec.is_for_action:
        # GitHub's name for an input of ``with:`` keeps its hyphens.
        places.append(env.get(f"INPUT_{name.upper()}", ""))
    places += [env.get(variable, "") for variable in spec.variables]
    return next(filter(None, map(str.strip, places)), "")


def _two_addresses(flags: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the problem of a flag and a variable with different addresses: the token goes to one of
    them.

    The component passes the flag, so that no pipeline variable sends the token elsewhere.
    """
    flag, variable = flags.get("base-url", "").strip(), env.get("MOGPLEX_URL", "").strip()
    if flag and variable and flag.rstrip("/") != variable.rstrip("/"):
        remedy = "Set base-url to the same address, or remove the variable."
        yield Problem("base-url", "differs from MOGPLEX_URL", remedy)


def _unknown_variables(env: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a warning about each variable that looks like an input and is not one."""
    specs = inputs().values()
    variables = {variable for spec in specs for variable in spec.variables} | {*VARIABLES}
    on_github = {f"INPUT_{spec.name.upper()}" for spec in specs if spec.is_for_action}
    # Some runners set one with underscores beside it, for shells.
    beside = {name.replace("-", "_") for name in on_github & env.keys()}
    of_earlier_job = {variable for variable in env if variable.startswith(OUTPUT_PREFIX)}
    known = variables | of_earlier_job | on_github | beside | _RUNNER_INPUTS
    by_name = {_name_of(variable): variable for variable in variables}
    names = {spec.name: spec.name if spec.is_for_action else spec.variables[0] for spec in specs}
    for variable in sorted(env.keys() - known):
        name = _name_of(variable)
        if variable.startswith("MOGPLEX_"):
            remedy = instead_of(name, by_name, otherwise=SEE_INPUTS)
            yield Problem(variable[:100], "is not an input", remedy)
        elif variable.startswith("INPUT_"):
            remedy = instead_of(name, names, otherwise=SEE_INPUTS)
            yield Problem(variable.partition("_")[2].lower()[:100], "is not an input", remedy)


def _name_of(variable: str) -> str:
    """Return the name of the input that a variable sets, or would set."""
    return variable.partition("_")[2].lower().replace("_", "-")
