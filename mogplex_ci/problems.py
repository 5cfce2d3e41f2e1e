"""The fault of one input, and its remedy. A value that may be a credential, put in the wrong place,
is left out of the message.
"""

import re
from typing import Final, LiteralString, NamedTuple

from mogplex_ci.untrusted import Untrusted

_MAX_SHOWN: Final = 200
# Each look-ahead is bounded for linear time: it is tried at every character of a long word.
_TOO_RANDOM: Final = (
    r"://[^/\s]*@"  # URL with credentials
    r"|(?=[A-Za-z0-9_+]*[0-9])(?=[A-Za-z0-9_+]*[A-Za-z])[A-Za-z0-9_+]{12}"  # letters and digits
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[a-z])(?=\S{0,80}[A-Z])\S{8}"  # digits, lower and upper case
    # letters, digits and unusual signs
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[A-Za-z])(?=\S{0,80}[^\w\s./:-])\S{8}"
    # the same with hyphens, as in a UUID
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[A-Za-z])[A-Za-z0-9_+-]{20}"
    r"|(?=\S{0,80}[a-z])(?=\S{0,80}[A-Z])[A-Za-z0-9_+/=-]{20}"  # lower and upper case, as in base64
    r"|[A-Za-z0-9_+/=-]{32}"
)


def could_be_credential(text: str) -> bool:
    """Whether ``text`` may be, or contain, a token, a password or an URL with one: too long, or too
    random a word.
    """
    return len(text) > _MAX_SHOWN or re.search(_TOO_RANDOM, text) is not None


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
