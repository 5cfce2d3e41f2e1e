"""The typed inputs of a step, for what reads them."""

from pathlib import Path
from typing import Any, Final

from mogplex_ci.inputs.read import ActionInputs, read_inputs
from mogplex_ci.inputs.sources import gather

_USUAL: Final = read_inputs(gather([], {"MOGPLEX_PROMPT": "Fix it"}, Path("/")), "acme/web")


def typed_inputs(**fields: Any) -> ActionInputs:
    """Return the defaults, but for ``fields``."""
    return _USUAL._replace(**fields)
