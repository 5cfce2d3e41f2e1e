"""What ``post`` must cancel: the runs that this step owns and that are not over."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mogplex_ci.errors import UsageError
from mogplex_ci.run.updates import NextKey, Started, Starting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Sequence

    from mogplex_ci.platforms.base import Platform
    from mogplex_ci.run.updates import Update

T = TypeVar("T")


class OpenRun(NamedTuple):
    """A run that may have to be cancelled. Without its id, the start may not have been answered."""

    key: str
    repo_id: str = ""
    task: str = ""
    """Name of the task in the run file; empty when there is none."""
    run_id: str = ""


class Ledger:
    """Keeps the open runs of a step and saves them for ``post`` whenever they change.

    The runs of a step are in threads of their own, and each saves what it adds before it goes on.
    """

    def __init__(self, platform: Platform, on_error: Callable[[], None]) -> None:
        """``on_error`` is called when the list could not be saved."""
        self._platform = platform
        self._on_error = on_error
        self._open: dict[Hashable, OpenRun] = {}
        """In the order in which they were started."""
        self._lock = threading.Lock()

    def kept(self, run: Hashable, task: str, updates: Generator[Update, None, T]) -> Generator[Update, None, T]:
        """Pass on the updates of ``run``, one of this step's, whose task in the run file is ``task``."""
        try:
            while True:
                update = next(updates)
                self._on(run, task, update)
                yield update
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            updates.close()

    def close(self, run: Hashable) -> None:
        """Take out a run that is over."""
        self._set(run, None)

    def _on(self, run: Hashable, task: str, update: Update) -> None:
        if isinstance(update, Starting):
            self._set(run, OpenRun(update.key, update.repo_id, task))
        elif isinstance(update, NextKey) and run in self._open:
            self._set(run, self._open[run]._replace(key=update.key, run_id=""))
        elif isinstance(update, Started):
            known = self._open.get(run, OpenRun(update.key))
            self._set(run, known._replace(run_id=update.run.id) if update.owned else None)

    def _set(self, run: Hashable, entry: OpenRun | None) -> None:
        with self._lock:
            if self._open.get(run) == entry:
                return
            if entry is None:
                del self._open[run]
            else:
                self._open[run] = entry
            try:
                self._platform.save_state(_written(list(self._open.values())))
            except (OSError, UsageError):
                self._on_error()


def open_runs(platform: Platform) -> list[OpenRun]:
    """Return what the step saved, oldest first; nothing if what is there is not what it wrote."""
    try:
        runs = [OpenRun(**entry) for entry in json.loads(platform.load_state() or "[]")]
    except (ValueError, TypeError, RecursionError):
        return []
    return [run for run in runs if all(isinstance(value, str) for value in run)]


def _written(runs: Sequence[OpenRun]) -> str:
    """Return the state as one line; empty when nothing is left to do."""
    return json.dumps([run._asdict() for run in runs], separators=(",", ":")) if runs else ""
