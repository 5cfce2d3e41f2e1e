"""The fault of one input, and its remedy."""

from typing import LiteralString, NamedTuple

from mogplex_ci.credentials import could_be_credential
from mogplex_ci.untrusted import Untrusted


class Problem(NamedTuple):
    """One fault of one input, and what to do about it.

    Printed as one line: ``timeout: "3x" is not a duration. Use 15m or 1h30m.``, or ``prompt is
    missing.``
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
    is_full_disk: bool = False
    """Whether the value is right, and the disk of its file is full."""

    def line(self) -> tuple[LiteralString, tuple[str | Untrusted, ...]]:
        """Return a template for ``Sanitizer.line``, and its values. The template begins with a
        placeholder.

        The value is left out when it could be a credential, for example one that was pasted into
        the wrong input.
        """
        template: LiteralString = "{}"
        values: list[str | Untrusted] = [self.input]
        if self.got is None or could_be_credential(self.got.text):
            template += " {}"
        else:
            template += ': "{}" {}'
            values.append(self.got)
        values.append(self.fault)
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
            values.append(self.remedy)
        return template, tuple(values)
