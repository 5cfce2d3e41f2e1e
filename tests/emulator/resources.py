"""The artifacts that runs commit."""

import json
import re
from typing import Any, Final

from werkzeug.wrappers import Request

from tests.emulator.routes import Answer, Refused, ok
from tests.emulator.run import Run

_MAX_PATH: Final = 240
_MAX_ARTIFACT: Final = 1024 * 1024
_ARTIFACT = re.compile(r"\.mogplex/artifacts/([A-Za-z0-9][A-Za-z0-9_-]*)\.json")
_NO_STORE: Final = {"cache-control": "private, no-store"}


def check_artifact_path(request: Request) -> str:
    """Return the ``path`` of ``GET /runs/{id}/artifact``.

    Raises:
        Refused: 400 for anything but a JSON file directly in ``.mogplex/artifacts``.
    """
    path = request.args.get("path", "")
    if len(path) > _MAX_PATH or not _ARTIFACT.fullmatch(path):
        raise Refused("BAD_REQUEST", "Use a JSON file in .mogplex/artifacts")
    return path


def read_artifact(run: Run, path: str) -> Answer:
    """Answer ``GET /runs/{id}/artifact`` for a path that was checked.

    Raises:
        Refused: the run has none to give, or the file is no JSON that the service would pass on.
    """
    state = run.state
    start = run.request
    if (
        state.status != "success"
        or not start.create_branch
        or start.working_branch == start.base_branch
    ):
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
                "content": _content(
                    run.artifact(path.removeprefix(".mogplex/artifacts/").removesuffix(".json"))
                ),
            }
        },
        headers=_NO_STORE,
    )


def _content(file: dict[str, Any] | None) -> object:
    if file is None:
        raise Refused("NOT_FOUND", "Committed artifact not found")
    if "regular" in file:
        raise Refused("BAD_REQUEST", "Artifact must be a regular JSON file")
    if "json" in file:
        return file["json"]
    if len(file["text"].encode()) > _MAX_ARTIFACT:
        raise Refused("BAD_REQUEST", "Artifact exceeds 1 MiB")
    try:
        return json.loads(file["text"])
    except (ValueError, RecursionError):
        raise Refused("BAD_REQUEST", "Artifact is not valid JSON") from None
