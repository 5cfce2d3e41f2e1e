"""What is saved for ``post`` while the run of a step starts, goes on and ends."""

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
        self.saved: list[OpenRun | None] = []
        self.ledger = Ledger(self.saved.append, URL, cancels_if_killed=cancels_if_killed)

    def start(self, key: str, *, may_be_foreign: bool = False) -> None:
        self.ledger.save_unanswered(UnansweredStart(key, REQUEST, may_be_foreign))

    def started(self, key: str, *, owned: bool = True) -> None:
        self.ledger.on(Started(run(), key, joined=False, owned=owned))


def test_a_start_is_kept_with_its_request_until_its_id_is_known() -> None:
    kept = Kept()
    kept.start("key", may_be_foreign=True)
    kept.start("key-g2")
    kept.started("key-g2")
    kept.ledger.close()
    assert kept.saved == [
        OpenRun(URL, "key", request=REQUEST, may_be_foreign=True),
        OpenRun(URL, "key-g2", request=REQUEST),
        OpenRun(URL, "key-g2", RUN_ID),
        None,
    ]


@pytest.mark.parametrize("cancels_if_killed", [True, False])
def test_a_step_that_leaves_its_run_at_work_tells_of_it_once_its_cancel_began(
    *, cancels_if_killed: bool
) -> None:
    kept = Kept(cancels_if_killed=cancels_if_killed)
    kept.start("key")
    kept.started("key")
    before = list(kept.saved)
    kept.ledger.on(Cancelling(run().id))
    kept.ledger.close()
    known = OpenRun(URL, "key", RUN_ID)
    assert len(before) == (2 if cancels_if_killed else 0)
    assert kept.saved == [*before, *([] if cancels_if_killed else [known]), None]
