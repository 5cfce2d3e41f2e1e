"""Names of inputs in our own words.

A reader's way to set an input depends on the job: ``timeout`` below ``with:`` of a workflow,
otherwise ``--timeout`` or ``MOGPLEX_TIMEOUT``. So our words name it in double brackets, as in
``Raise [[timeout]].`` or ``[[on-timeout: cancel]] ends it.``, and the ``Sanitizer`` writes the
job's own name. ``[[job]]`` is a job, or at a terminal a command.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

WriteInput: TypeAlias = Callable[[str, str], str]
"""Writes an input by its name and its value, which is empty where only the name is meant."""
JOB: Final = "job"
"""The only name in brackets that is not an input's."""
_NAMED: Final = re.compile(r"\[\[([a-z-]+)(?:: ([^\[\]]+))?\]\]")


def named(name: str) -> str:
    """Return an input's name as our words have it; anything else, such as a variable, as it is."""
    if re.fullmatch("[a-z]+(-[a-z]+)*", name):
        return f"[[{name}]]"
    return name


def all_named(names: Iterable[str]) -> Sequence[str]:
    """Return the names of inputs as our words have them."""
    return [named(name) for name in names]


def as_in_workflow(name: str, value: str) -> str:
    """Write an input as below ``with:`` of a workflow."""
    if value:
        return f"{name}: {value}"
    return name


def written(words: str, write: WriteInput = as_in_workflow) -> str:
    """Return our words with each input as ``write`` writes it.

    A text never begins with a hyphen, which could be a command to a CI system: there it is ``flag
    --timeout``.
    """
    if "[[" not in words:
        return words

    def replacement(match: re.Match[str]) -> str:
        shown = write(match[1], match[2] or "")
        if match.start() == 0 and shown.startswith("-"):
            return f"flag {shown}"
        return shown

    return _NAMED.sub(replacement, words)
