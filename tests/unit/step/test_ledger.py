"""What is saved for ``post`` while the runs of a step start, go on and end."""

from __future__ import annotations

import json

import pytest

from mogplex_ci.models import Repair
from mogplex_ci.run.updates import Cancelling, Started, Starting
from mogplex_ci.step.ledger import Ledger, OpenRun
from tests.unit.report.events import RUN_ID, repo, run

REPAIR = Repair("branch", "main", "report")


class Kept:
    """A ledger and the runs that each line of it names."""

    def __init__(self, *, cancels_if_killed: bool = True) -> None:
        self.lines: list[str] = []
        self.ledger = Ledger(
            self.lines.append,
            "https://mogplex.example",
            "mog_1",
            None,
            cancels_if_killed=cancels_if_killed,
        )

    def start(self, number: int, key: str, repair: Repair | None = None) -> None:
        self.ledger.on(number, f"task {number}", Starting("repo-1", repo(), key, repair))
        self.ledger.save_unanswered(number, key)

    def started(self, number: int, key: str, *, owned: bool = True) -> None:
        self.ledger.on(number, f"task {number}", Started(run(), key, joined=False, owned=owned))

    @property
    def runs(self) -> list[list[OpenRun]]:
        texts = [line.partition(" ")[2] for line in self.lines]
        saved = [json.loads(text)["runs"] if text else [] for text in texts]
        return [
            [OpenRun(**each)._replace(repair=tuple(each.get("repair", ()))) for each in runs]
            for runs in saved
        ]


def test_a_later_round_is_asked_for_with_its_report_until_its_id_is_known() -> None:
    kept, asked = Kept(), OpenRun("key-r2", "repo-1", "task 1")
    kept.start(1, "key-r2", REPAIR)
    kept.ledger.save_unanswered(1, "key-r2-g2")
    kept.started(1, "key-r2-g2")
    kept.ledger.close(1)
    assert kept.runs == [
        [asked._replace(repair=tuple(REPAIR))],
        [asked._replace(key="key-r2-g2", repair=tuple(REPAIR))],
        [asked._replace(key="key-r2-g2", run_id=RUN_ID)],
        [],
    ]


def test_the_runs_of_a_step_are_in_the_order_of_their_starts_and_saved_only_when_they_change() -> (
    None
):
    kept = Kept()
    kept.start(2, "key-2")
    kept.start(1, "key-1")
    kept.ledger.save_unanswered(1, "key-1")
    kept.started(2, "key-2", owned=False)
    kept.ledger.close(2)
    second, first = (OpenRun(f"key-{n}", "repo-1", f"task {n}") for n in (2, 1))
    assert kept.runs == [[second], [second, first], [first]]


@pytest.mark.parametrize("cancels_if_killed", [True, False])
def test_a_step_that_leaves_its_runs_at_work_tells_of_those_whose_cancel_began(
    *, cancels_if_killed: bool
) -> None:
    kept = Kept(cancels_if_killed=cancels_if_killed)
    kept.start(1, "key-1")
    kept.started(1, "key-1")
    before = kept.runs
    kept.ledger.on(1, "task 1", Cancelling(run()))
    kept.ledger.close(1)
    known = OpenRun("key-1", "repo-1", "task 1", RUN_ID)
    assert before == ([[known._replace(run_id="")], [known]] if cancels_if_killed else [])
    assert kept.runs == [*before, *([] if cancels_if_killed else [[known]]), []]
