"""The runs that ``post`` must cancel: those that this step owns and that are not over."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from mogplex_ci.platforms.base import Platform
from mogplex_ci.run.updates import Cancelling, Started, Starting, Update


class OpenRun(NamedTuple):
    """A run that may have to be cancelled. Without its id, the start may not have been answered."""

    key: str = ""
    """Empty for a run that something else started."""
    repo_id: str = ""
    task: str = ""
    """Name of the task in the run file; empty when there is none."""
    run_id: str = ""
    repair: Sequence[str] = ()
    """The fields of a later round's ``Repair``, as long as its id is not known: the inputs do not
    tell them.
    """


class State(NamedTuple):
    """The saved state of a step."""

    base_url: str
    runs: Sequence[OpenRun]
    """The oldest first."""
    is_ours: bool
    """Whether this try of this job wrote it, with the token that was given."""


class Ledger:
    """Keeps the open runs of a step and saves for ``post`` those that it must cancel, whenever they
    change.

    The runs of a step are in threads of their own, and each saves what it adds before it goes on.
    """

    def __init__(
        self,
        save: Callable[[str], None],
        base_url: str,
        token: str,
        owner: Sequence[str] | None,
        *,
        cancels_if_killed: bool = True,
    ) -> None:
        """``save`` keeps a line in place of the one before, an empty one at last. ``owner`` names
        the job, see ``Platform.state_owner``. ``cancels_if_killed``: ``post`` cancels every run
        that is open when the step is killed; else only those whose cancel had begun.
        """
        self._save = save
        self._base_url = base_url
        self._token = token
        self._owner = owner
        self._cancels_if_killed = cancels_if_killed
        self._saved = ""
        self._open: dict[Hashable, OpenRun] = {}
        """In the order in which they were started."""
        self._starting: dict[Hashable, OpenRun] = {}
        """The newest start of each run, whose request may not have been sent yet."""
        self._cancelling: set[Hashable] = set()
        """Those whose cancel has begun."""
        self._lock = threading.Lock()

    def close(self, run: Hashable) -> None:
        """Take out a run that is over."""
        self._set(run, None)

    def on(self, run: Hashable, task: str, update: Update) -> None:
        """Note an update of ``run``, one of this step's, whose task in the run file is ``task``."""
        if isinstance(update, Starting):
            start = OpenRun(update.key, update.repo_id, task, repair=update.repair or ())
            self._starting[run] = start
        elif isinstance(update, Started):
            known = self._open.get(run, OpenRun(update.key))
            self._set(
                run, known._replace(run_id=update.run.id, repair=()) if update.owned else None
            )
        elif isinstance(update, Cancelling):
            with self._lock:
                self._cancelling.add(run)
                self._save_changes()

    def save_unanswered(self, run: Hashable, key: str | None) -> None:
        """Note the key of a start request of ``run`` right before that is sent: a run that nobody
        has heard of may come of it. None: it is certain that none did.
        """
        entry = None
        if key is not None:
            entry = self._starting[run]._replace(key=key)
        self._set(run, entry)

    def _set(self, run: Hashable, entry: OpenRun | None) -> None:
        with self._lock:
            if entry is None:
                self._open.pop(run, None)
            else:
                self._open[run] = entry
            self._save_changes()

    def _save_changes(self) -> None:
        state = self._state()
        if state != self._saved:
            self._saved = state
            self._save(state)

    def _state(self) -> str:
        """Return the runs that ``post`` must cancel as the line that is saved."""
        runs = [
            {name: value for name, value in entry._asdict().items() if value}
            for run, entry in self._open.items()
            if self._cancels_if_killed or run in self._cancelling
        ]
        if not runs:
            return ""
        state = json.dumps({"base_url": self._base_url, "runs": runs}, separators=(",", ":"))
        return f"{_mac(state, self._owner, self._token)} {state}"


def saved_state(platform: Platform, *, token: str | None, key: str | None) -> State | None:
    """Return what the step saved; None if there is nothing, or not what a step writes.

    ``key`` is the idempotency key that the user gave, if so.
    """
    owner = platform.state_owner(key=key)
    found = [_read(saved, owner, token or "") for saved in platform.load_states(key=key)]
    states = [state for state in found if state is not None]
    ours = [state for state in states if state.is_ours]
    return next(iter(ours + states), None)


def _read(saved: str, owner: Sequence[str] | None, token: str) -> State | None:
    mac, _, text = saved.partition(" ")
    try:
        state = json.loads(text)
        base_url = str(state["base_url"])
        runs = [OpenRun(**run) for run in state["runs"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    expected = _mac(text, owner, token)
    return State(base_url, runs, is_ours=hmac.compare_digest(mac.encode(), expected.encode()))


def _mac(state: str, owner: Sequence[str] | None, token: str) -> str:
    """Return what only the holder of the token can write, and only for this job.

    Else a file in the repository could cancel a run, or another job's file, which is as valid, that
    job's run.
    """
    signed = json.dumps([owner, state])
    return hmac.new(token.encode(), signed.encode(), hashlib.sha256).hexdigest()
