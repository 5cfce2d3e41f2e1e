"""All runs, by id and by idempotency key, without growing for ever."""

from __future__ import annotations

from typing import Final

from mogplex_ci.emulator.run import TERMINAL, Run, Sandbox
from mogplex_ci.emulator.start import StartRequest
from mogplex_ci.emulator.world import User

MOST_RUNS: Final = 1_000
"""Beyond this many, the oldest ended runs are forgotten with their keys."""


class Runs:
    """The runs of all users, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, Run] = {}
        self._by_key: dict[tuple[str, str], Run] = {}
        self._live: list[Run] = []

    def all(self) -> list[Run]:
        """Return the runs, oldest first."""
        return list(self._by_id.values())

    def named(self, run_id: str) -> Run | None:
        """Return the run with this id, whoever owns it."""
        return self._by_id.get(run_id.lower())

    def with_id(self, user: User, run_id: str) -> Run | None:
        """Return the user's run with this id; somebody else's is not there."""
        run = self.named(run_id)
        return run if run and run.user.name == user.name else None

    def with_key(self, user: User, key: str) -> Run | None:
        """Return the run that the user started with this key, by whichever token."""
        return self._by_key.get((user.name, key))

    def add(self, run: Run) -> None:
        """Keep a new run."""
        if len(self._by_id) >= MOST_RUNS:
            self._forget_ended()
        self._by_id[run.id] = run
        self._by_key[run.user.name, run.key] = run
        self._live.append(run)

    def sandbox_for(self, user: User, start: StartRequest) -> Sandbox | None:
        """Return the sandbox in which another run works on the same branch and directory: it is shared."""
        self._live = [run for run in self._live if run.status not in TERMINAL]
        for run in reversed(self._live):
            if run.status == "streaming" and run.user.name == user.name and _place(run.request) == _place(start):
                return run.state.sandbox
        return None

    def _forget_ended(self) -> None:
        """Drop a tenth at once, so that a full house is not searched at every start."""
        ended = (run for run in list(self._by_id.values()) if run.status in TERMINAL)
        for run, _ in zip(ended, range(MOST_RUNS // 10), strict=False):
            del self._by_id[run.id]
            del self._by_key[run.user.name, run.key]


def _place(start: StartRequest) -> tuple[str, str, str | None]:
    return (start.repo_id.lower(), start.working_branch, start.root_directory)
