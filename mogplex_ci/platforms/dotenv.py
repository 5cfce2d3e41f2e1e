"""Outputs as a dotenv file, for systems that hand variables to later jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mogplex_ci.platforms.interface import output_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mogplex_ci.sanitize import SafeText

LEFT_OUT: Final = frozenset({"error"})
"""Free text stays out of the file; with it there would be more than the 20 variables that GitLab takes."""
_STRICT: Final = re.compile(r"[A-Za-z0-9._/:@+=,~%?&#-]*", re.ASCII)
"""Values may be expanded or sourced later: nothing that a shell, a YAML file or another dotenv reader would act on."""


def dotenv(outputs: Mapping[str, SafeText | None]) -> str:
    """Return the file's text: one ``MOGPLEX_NAME=value`` a line, without quoting or blank lines."""
    return "".join(
        f"{output_variable(name)}={value or ''}\n"
        for name, value in outputs.items()
        if name not in LEFT_OUT and _STRICT.fullmatch(value or "")
    )
