"""What this job calls an input: the way by which it is set here."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from mogplex_ci.inputs.declared import Input, inputs
from mogplex_ci.inputs.sources import given_places
from mogplex_ci.own_words import JOB, as_in_workflow
from mogplex_ci.platforms import is_ci_job


class NamesHere:
    """Writes an input as this job sets it: ``timeout``, ``--timeout`` or ``MOGPLEX_TIMEOUT``.

    An input that is not given is written the way in which the others are. Token and address have a
    variable, unless they are given otherwise.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """``argv`` are the flags of the step, empty for a command that has none."""
        self._argv = argv
        self._env = env
        self.limit_of_job: str | None = None
        """What ends the step before its timeout does; ``Raise [[timeout]]`` then names that."""

    def __call__(self, name: str, value: str) -> str:
        """Return ``name``, which may be none of ours, with ``value`` if that is not empty."""
        if name == JOB:
            return JOB if is_ci_job(self._env) else "command"
        if name == "timeout" and self.limit_of_job is not None:
            return self.limit_of_job
        spec = inputs().get(name)
        if spec is None:
            return as_in_workflow(name, value)
        place = self._given.get(name) or self._usual_place(spec)
        if not value or place == name:
            return as_in_workflow(place, value)
        separator = " " if place.startswith("--") else "="
        return f"{place}{separator}{value}"

    @cached_property
    def _given(self) -> Mapping[str, str]:
        """By which name each input is given, of those that are."""
        return {name: place for name, (place, _) in given_places(self._argv, self._env).items()}

    @cached_property
    def _is_action(self) -> bool:
        """Whether this is a step with ``uses:``: the runner sets a variable for each input."""
        return any(variable.startswith("INPUT_") for variable in self._env)

    def _usual_place(self, spec: Input) -> str:
        """Return by which name an input that is not given would be set."""
        if self._is_action and spec.is_for_action:
            return spec.name
        variable = min(spec.variables, key=len)
        if spec.is_secret or spec.name == "base-url":
            return variable
        flag = f"--{spec.name}"
        if any(word.startswith("--") for word in self._argv):
            return flag
        uses_variables = any(place.startswith("MOGPLEX_") for place in self._given.values())
        if uses_variables or self._env.get("CI"):
            return variable
        return flag
