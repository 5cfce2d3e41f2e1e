"""``GET /sandboxes`` and ``GET /sandboxes/{id}/logs``: the machines on which runs work, and why one
did not start.
"""

from collections.abc import Iterable

from tests.emulator.routes import Answer, Refused, ok
from tests.emulator.run import Run


def list_sandboxes(runs: Iterable[Run], repo_id: str | None) -> Answer:
    """Answer ``GET /sandboxes`` for the runs of a user, of one repository if its id is given: the
    newest first.
    """
    rows = [row for row in _rows(runs) if repo_id in (None, row["repo_id"])]
    shown = [{name: row[name] for name in row if name != "install_log"} for row in rows]
    return ok({"sandboxes": shown[::-1]})


def read_logs(runs: Iterable[Run], sandbox_id: str) -> Answer:
    """Answer ``GET /sandboxes/{id}/logs``.

    Raises:
        Refused: there is no such sandbox.
    """
    for row in _rows(runs):
        if row["id"] == sandbox_id:
            return ok({"sandbox": row, "lifecycle_events": []})
    raise Refused("NOT_FOUND", "Sandbox not found")


def _rows(runs: Iterable[Run]) -> list[dict[str, object]]:
    rows = (run.sandbox_row() for run in runs)
    return [row for row in rows if row is not None]
