"""The typed inputs of a step, for what reads them, and the job that they come from."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, Final

from mogplex_ci.inputs.read import ActionInputs, collect, read_step
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import System


def job(folder: Path, env: Mapping[str, str], repository: str = "acme/web") -> Platform:
    """Return a job of ``repository`` whose workspace is ``folder``."""
    system = System("test", repository=lambda _: repository, workspace="FOLDER")
    return Platform(system, {"FOLDER": str(folder), **env}, StringIO())


def inputs_of(env: Mapping[str, str], folder: Path = Path("/")) -> ActionInputs:
    """Return the inputs of a step with the variables ``env``."""
    return read_step(collect([], env), job(folder, env)).inputs


_USUAL: Final = inputs_of({"MOGPLEX_PROMPT": "Fix it"})


def typed_inputs(**fields: Any) -> ActionInputs:
    """Return the defaults, but for ``fields``."""
    return _USUAL._replace(**fields)
