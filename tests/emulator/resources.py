"""Resources to read besides runs and repositories: agents, skills, and the artifacts that runs
commit.
"""

import json
import re
from typing import Any, Final

from werkzeug.wrappers import Request

from tests.emulator.routes import Answer, Refused, ok
from tests.emulator.run import Run
from tests.emulator.world import Skill, User

_MOST_AGENTS: Final = 200
_MAX_QUERY: Final = 500
_SKILLS: Final = 50
_MOST_SKILLS: Final = 200
_MAX_PATH: Final = 240
_MAX_ARTIFACT: Final = 1024 * 1024
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ARTIFACT = re.compile(r"\.mogplex/artifacts/([A-Za-z0-9][A-Za-z0-9_-]*)\.json")
_NO_STORE: Final = {"cache-control": "private, no-store"}


def list_agents(user: User) -> Answer:
    """Answer ``GET /agents``."""
    fields = ("id", "name", "slug", "model", "description", "category", "preset")
    return ok(
        {
            "agents": [
                {name: getattr(agent, name) for name in fields}
                for agent in user.agents[:_MOST_AGENTS]
            ]
        }
    )


def list_skills(user: User, request: Request) -> Answer:
    """Answer ``GET /skills``; ``total`` counts the whole catalogue, not the matches.

    Raises:
        Refused: 400 for a query, limit or repository id out of bounds, which the service does not
            clamp here.
    """
    query = request.args.get("q", "").strip().lower()
    limit = request.args.get("limit", str(_SKILLS))
    if (
        len(query) > _MAX_QUERY
        or not _INTEGER.fullmatch(limit)
        or not 1 <= int(limit) <= _MOST_SKILLS
    ):
        raise Refused("BAD_REQUEST", "Invalid skill request")
    catalogue = _catalogue(user, request)
    found = [
        skill
        for skill in catalogue
        if query in f"{skill.slug}\n{skill.name}\n{skill.description}".lower()
    ]
    return ok(
        {"skills": [_describe(skill) for skill in found[: int(limit)]], "total": len(catalogue)}
    )


def read_skill(user: User, slug: str, request: Request) -> Answer:
    """Answer ``GET /skills/{slug}``.

    Raises:
        Refused: 404 for an unknown skill, 400 for a repository id that is no UUID.
    """
    for skill in _catalogue(user, request):
        if skill.slug == slug:
            return ok({"skill": {**_describe(skill), "content": skill.content}})
    raise Refused("NOT_FOUND", "Skill not found")


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


def _catalogue(user: User, request: Request) -> list[Skill]:
    """Return the skills of the library, and those of the repository that the request names."""
    repo_id = request.args.get("repoId")
    if repo_id is not None and not _UUID.fullmatch(repo_id):
        raise Refused("BAD_REQUEST", "Invalid skill request")
    wanted = (None, repo_id.lower() if repo_id else None)
    return [skill for skill in user.skills if skill.repo_id in wanted]


def _describe(skill: Skill) -> dict[str, object]:
    return {
        "slug": skill.slug,
        "name": skill.name,
        "description": skill.description,
        "tags": list(skill.tags),
        "source": skill.source,
    }
