"""Outputs as variables, for systems that hand those to later steps or jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mogplex_ci.platforms.outputs import output_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mogplex_ci.sanitize import SafeText

LEFT_OUT: Final = frozenset({"error"})
"""Free text is no variable's value; with it there would be more than the 20 that GitLab takes."""
_STRICT: Final = re.compile(r"[A-Za-z0-9._/:@+=,~%?#-]*", re.ASCII)
"""Values may be expanded, sourced or pasted into a script: nothing that a shell or another reader would act on."""


def variables(outputs: Mapping[str, SafeText | None]) -> dict[str, str]:
    """Return the variables' names and values; a value that is not plain is left out, an unknown one is empty."""
    return {
        output_variable(name): value or ""
        for name, value in outputs.items()
        if name not in LEFT_OUT and _STRICT.fullmatch(value or "")
    }


def dotenv(outputs: Mapping[str, SafeText | None]) -> str:
    """Return a dotenv file's text: one ``MOGPLEX_NAME=value`` a line, without quoting or blank lines."""
    return "".join(f"{name}={value}\n" for name, value in variables(outputs).items())


def replace_ours(path: Path, prefix: str, lines: Iterable[str]) -> None:
    """Put ``lines`` into a file that the user's own commands write to as well, in place of those with our prefix.

    Raises:
        OSError: the file cannot be written.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    theirs = [line for line in before.splitlines() if not line.startswith(prefix)]
    path.write_text("".join(f"{line}\n" for line in (*theirs, *lines)), encoding="utf-8")
