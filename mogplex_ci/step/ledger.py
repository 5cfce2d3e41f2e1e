"""The run that ``post`` must cancel: one that this step owns and that is not over."""

from collections.abc import Callable

from mogplex_ci.models import UnansweredStart
from mogplex_ci.run.updates import Cancelling, Started, StartInDoubt, Update
from mogplex_ci.step.state import OpenRun


class Ledger:
    """Knows the step's open run, and saves it on every change if ``post`` must cancel it."""

    def __init__(
        self,
        save: Callable[[OpenRun | None], None],
        base_url: str,
        *,
        cancels_if_killed: bool = True,
    ) -> None:
        """``save`` keeps the state; None takes it out. ``cancels_if_killed``: ``post`` cancels the
        run if it is open when the step is killed; else only if its cancel had begun.
        """
        self._save = save
        self._base_url = base_url
        self._cancels_if_killed = cancels_if_killed
        self._open: OpenRun | None = None
        self._saved: OpenRun | None = None
        self._is_cancelling = False

    def close(self) -> None:
        """Take out the run, which is over."""
        self._set(None)

    def on(self, update: Update) -> None:
        """Note an update of the run."""
        if isinstance(update, Started):
            # ``post`` must not cancel a run that may be another job's.
            known = OpenRun(self._base_url, update.key, update.run.id)
            self._set(known if update.owned else None)
        elif isinstance(update, StartInDoubt):
            self._set(self._in_doubt(update.start))
        elif isinstance(update, Cancelling):
            self._is_cancelling = True
            state = self._open
            if state is not None and update.run_id is not None:
                # The id of a start without a response is learnt right before its run is cancelled.
                state = state._replace(run_id=update.run_id, request=None)
            self._set(state)

    def _in_doubt(self, start: UnansweredStart | None) -> OpenRun | None:
        if start is None:
            return None
        key, request, may_be_foreign = start
        return OpenRun(self._base_url, key, request=request, may_be_foreign=may_be_foreign)

    def _set(self, state: OpenRun | None) -> None:
        self._open = state
        is_wanted = self._cancels_if_killed or self._is_cancelling
        wanted = state if is_wanted else None
        if wanted != self._saved:
            self._saved = wanted
            self._save(wanted)
