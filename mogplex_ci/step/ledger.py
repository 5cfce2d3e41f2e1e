"""The runs that ``post`` must cancel: those that this step owns and that are not over."""

import threading
from collections.abc import Callable

from mogplex_ci.models import UnansweredStart
from mogplex_ci.run.updates import Cancelling, Started, Update
from mogplex_ci.step.state import OpenRun


class Ledger:
    """Keeps a step's open runs, and on every change saves those that ``post`` must cancel.

    Each run has its own thread, which saves its changes before it continues.
    """

    def __init__(
        self,
        save: Callable[[str, OpenRun | None], None],
        base_url: str,
        *,
        cancels_if_killed: bool = True,
    ) -> None:
        """``save`` keeps one state for the name of a run; None takes it out. ``cancels_if_killed``:
        ``post`` cancels every run that is open when the step is killed; else only those whose
        cancel had begun.
        """
        self._save = save
        self._base_url = base_url
        self._cancels_if_killed = cancels_if_killed
        self._open: dict[str, OpenRun | None] = {}
        self._saved: dict[str, OpenRun | None] = {}
        self._cancelling: set[str] = set()
        """Those whose cancel has begun."""
        self._lock = threading.Lock()

    def close(self, name: str) -> None:
        """Take out a run that is over."""
        self._set(name, None)

    def on(self, name: str, update: Update) -> None:
        """Note an update of a run, one of this step's."""
        if isinstance(update, Started):
            known = OpenRun(self._base_url, update.key, update.run.id)
            self._set(name, known if update.owned else None)
        elif isinstance(update, Cancelling):
            self._cancelling.add(name)
            state = self._open.get(name)
            if state is not None and update.run is not None:
                # The id of a start without a response is learnt right before its run is cancelled.
                state = state._replace(run_id=update.run.id, request=None)
            self._set(name, state)

    def save_unanswered(self, name: str, start: UnansweredStart | None) -> None:
        """Note a start request of a run right before it is sent: it may make a run whose id is
        not known. None: it is certain that it made none.
        """
        if start is None:
            self._set(name, None)
            return
        key, request, may_be_foreign = start
        doubt = OpenRun(self._base_url, key, request=request, may_be_foreign=may_be_foreign)
        self._set(name, doubt)

    def _set(self, name: str, state: OpenRun | None) -> None:
        with self._lock:
            self._open[name] = state
            is_wanted = self._cancels_if_killed or name in self._cancelling
            wanted = state if is_wanted else None
            if wanted != self._saved.get(name):
                self._saved[name] = wanted
                self._save(name, wanted)
