"""What is saved for ``post`` while the runs of a step start, go on and end."""

from __future__ import annotations

import pytest

from mogplex_ci.models import UnansweredStart
from mogplex_ci.run.updates import Cancelling, Started
from mogplex_ci.step.ledger import Ledger
from mogplex_ci.step.state import OpenRun
from tests.unit.report.events import RUN_ID, run

URL = "https://mogplex.example"
REQUEST = {"repoId": "repo-1", "prompt": "Fix it"}


class Kept:
    """A ledger and what it saved, in order."""

    def __init__(self, *, cancels_if_killed: bool = True) -> None:
        self.saved: list[tuple[str, OpenRun | None]] = []
        self.ledger = Ledger(self._save, URL, cancels_if_killed=cancels_if_killed)

    def _save(self, name: str, state: OpenRun | None) -> None:
        self.saved.append((name, state))

    def start(self, name: str, key: str, *, may_be_foreign: bool = False) -> None:
        self.ledger.save_unanswered(name, UnansweredStart(key, REQUEST, may_be_foreign))

    def started(self, name: str, key: str, *, owned: bool = True) -> None:
        self.ledger.on(name, Started(run(), key, joined=False, owned=owned))


def test_a_start_is_kept_with_its_request_until_its_id_is_known() -> None:
    kept = Kept()
    kept.start("one", "key", may_be_foreign=True)
    kept.start("one", "key-g2")
    kept.started("one", "key-g2")
    kept.ledger.close("one")
    assert kept.saved == [
        ("one", OpenRun(URL, "key", request=REQUEST, may_be_foreign=True)),
        ("one", OpenRun(URL, "key-g2", request=REQUEST)),
        ("one", OpenRun(URL, "key-g2", RUN_ID)),
        ("one", None),
    ]


def test_each_run_is_saved_by_itself_and_only_when_it_changes() -> None:
    kept = Kept()
    kept.start("two", "key-2")
    kept.start("one", "key-1")
    kept.start("one", "key-1")
    kept.started("two", "key-2", owned=False)
    kept.ledger.close("two")
    assert kept.saved == [
        ("two", OpenRun(URL, "key-2", request=REQUEST)),
        ("one", OpenRun(URL, "key-1", request=REQUEST)),
        ("two", None),
    ]


def test_a_start_that_certainly_started_nothing_is_taken_back() -> None:
    kept = Kept()
    kept.start("one", "key")
    kept.ledger.save_unanswered("one", None)
    assert [state is None for _, state in kept.saved] == [False, True]


@pytest.mark.parametrize("cancels_if_killed", [True, False])
def test_a_step_that_leaves_its_runs_at_work_tells_of_those_whose_cancel_began(
    *, cancels_if_killed: bool
) -> None:
    kept = Kept(cancels_if_killed=cancels_if_killed)
    kept.start("one", "key")
    kept.started("one", "key")
    before = list(kept.saved)
    kept.ledger.on("one", Cancelling(run()))
    kept.ledger.close("one")
    known = ("one", OpenRun(URL, "key", RUN_ID))
    assert len(before) == (2 if cancels_if_killed else 0)
    assert kept.saved == [*before, *([] if cancels_if_killed else [known]), ("one", None)]
