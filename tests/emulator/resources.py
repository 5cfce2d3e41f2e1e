"""The artifacts that runs commit."""

import json
import re
from typing import Any, Final

from tests.emulator.routes import Answer, Refused, ok
from tests.emulator.run import Run

_ARTIFACT: Final = re.compile(r"\.mogplex/artifacts/([A-Za-z0-9][A-Za-z0-9_-]*)\.json")


def read_artifact(run: Run, path: str) -> Answer:
    """Answer ``GET /runs/{id}/artifact``.

    Raises:
        Refused: it is not a JSON file directly in ``.mogplex/artifacts``, or the run has none to
            give, or none that the service would pass on.
    """
    name = _ARTIFACT.fullmatch(path)
    if name is None:
        raise Refused("BAD_REQUEST", "Use a JSON file in .mogplex/artifacts")
    state = run.state
    start = run.request
    is_its_own = start.create_branch and start.working_branch != start.base_branch
    if state.status != "success" or not is_its_own:
        raise Refused("CONFLICT", "Artifacts require a successful run on its own branch")
    return ok(
        {
            "artifact": {
                "runId": run.id,
                "repoId": run.repo.id,
                "branch": start.working_branch,
                "path": path,
                "commitSha": state.commit or run.commit_sha,
                "pinned": state.commit is not None,
                "content": _content(run.artifact(name.group(1))),
            }
        }
    )


def _content(file: dict[str, Any] | None) -> object:
    if file is None:
        raise Refused("NOT_FOUND", "Committed artifact not found")
    if "json" in file:
        return file["json"]
    try:
        return json.loads(file["text"])
    except ValueError:
        raise Refused("BAD_REQUEST", "Artifact is not valid JSON") from None
