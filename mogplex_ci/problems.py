"""The fault of one input, and its remedy."""

from typing import LiteralString, NamedTuple

from mogplex_ci.credentials import could_be_credential
from mogplex_ci.own_words import named, written
from mogplex_ci.untrusted import Untrusted


class RunFilePlace(NamedTuple):
    """The place of a fault in a run file."""

    file: Untrusted
    """As ``run-file`` names it."""
    line: int
    """Counts from 1."""
    task: Untrusted | None
    """None outside tasks."""


class Problem(NamedTuple):
    """One fault of one input, and what to do about it.

    Printed as one line: ``timeout: "3x" is not a duration. Use 15m or 1h30m.``, or ``prompt is
    missing.`` In a run file: ``tasks.yml, line 3: task "docs": timeout: "3x" is not a duration.``
    """

    input: str
    """Name of the input, flag or variable."""
    fault: str
    """The fault, as the rest of a sentence about the value: ``is not a duration``."""
    remedy: str = ""
    """Advice, as sentences."""
    got: Untrusted | None = None
    """The value, for example of a mistyped name; None for secrets and long texts."""
    near: tuple[Untrusted, ...] = ()
    """Values that would be right and look like it."""
    place: RunFilePlace | None = None
    """Its place, if that is a run file."""
    is_full_disk: bool = False
    """Whether the value is right, and the disk of its file is full."""

    def line(self) -> tuple[LiteralString, tuple[str | Untrusted, ...]]:
        """Return a template for ``Sanitizer.line``, and its values. The template begins with a
        placeholder.

        The value is left out when it could be a credential, for example one that was pasted into
        the wrong input.
        """
        template, values = self._start()
        if self.got is None or could_be_credential(self.got.text):
            template += " {}"
        else:
            template += ': "{}" {}'
            values.append(self.got)
        values.append(self._in_place(self.fault))
        if self.near or self.remedy:
            template += "."
        if self.near:
            template += " Did you mean {}?"
            if len(self.near) > 1:
                others = ", ".join("{}" for _ in self.near[1:])
                template = template.removesuffix("{}?") + others + " or {}?"
            values += self.near
        if self.remedy:
            template += " {}"
            values.append(self._in_place(self.remedy))
        return template, tuple(values)

    def _in_place(self, words: str) -> str:
        """Return our words as they are; of a run file with the names that it has."""
        return words if self.place is None else written(words)

    def _start(self) -> tuple[LiteralString, list[str | Untrusted]]:
        """Return the start of the line and its values: the input, or the place in the run file."""
        if self.place is None:
            return "{}", [named(self.input)]
        file, line, task = self.place
        template: LiteralString = "{}, line {}"
        values: list[str | Untrusted] = [file, str(line)]
        if could_be_credential(file.text):
            values[0] = "run-file"
        if task is not None and not could_be_credential(task.text):
            template += ': task "{}"'
            values.append(task)
        if self.input != "run-file":  # else it is the file's structure that is wrong
            template += ": {}"
            values.append(self.input)
        elif self.got is None or could_be_credential(self.got.text):
            template += ": a name"
        return template, values
