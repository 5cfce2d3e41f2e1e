"""``GET /sandboxes`` and ``GET /sandboxes/{id}/logs``: the machines on which runs work, and why one
did not start.
"""

from collections.abc import Iterable
from typing import Final

from werkzeug.wrappers import Request

from tests.emulator.routes import UUID, Answer, Refused, ok
from tests.emulator.run import Run

_LOGS: Final = ("install_log", "dev_log")


def list_sandboxes(runs: Iterable[Run], request: Request, limit: int) -> Answer:
    """Answer ``GET /sandboxes`` for the runs of a user: the newest activity first.

    Raises:
        Refused: 500 for a repository id that is no UUID.
    """
    repo_id = request.args.get("repo_id")
    status = request.args.get("status")
    if repo_id is not None and not UUID.fullmatch(repo_id):
        raise Refused("INTERNAL_ERROR", "Failed to list sandboxes")
    rows = [
        row
        for row in _rows(runs)
        if (repo_id is None or row["repo_id"] == repo_id.lower())
        and (status is None or row["status"] == status)
    ]
    rows.sort(key=lambda row: str(row["last_active_at"]), reverse=True)
    shown = [{name: row[name] for name in row if name not in _LOGS} for row in rows[:limit]]
    return ok({"sandboxes": shown})


def read_logs(runs: Iterable[Run], sandbox_id: str) -> Answer:
    """Answer ``GET /sandboxes/{id}/logs``.

    Raises:
        Refused: 404 for an unknown sandbox, 500 for an id that is no UUID.
    """
    if not UUID.fullmatch(sandbox_id):
        raise Refused("INTERNAL_ERROR", "Failed to load sandbox logs")
    for row in _rows(runs):
        if row["id"] == sandbox_id.lower():
            return ok({"sandbox": row, "lifecycle_events": []})
    raise Refused("NOT_FOUND", "Sandbox not found")


def _rows(runs: Iterable[Run]) -> list[dict[str, object]]:
    rows = (run.sandbox_row() for run in runs)
    return [row for row in rows if row is not None]
