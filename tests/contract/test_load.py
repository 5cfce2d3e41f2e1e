"""Many clients at once: one run for each key, connections that are used again, memory that stays bounded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from mogplex_ci.emulator import Emulator
from mogplex_ci.emulator.service import MOST_RUNS
from tests.contract.api import Api, FakeClock


def test_simultaneous_starts_with_one_key_make_one_run() -> None:
    with Emulator() as emulator:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda api: api.start().json()["data"], [Api(emulator) for _ in range(8)]))
        assert len(emulator.runs) == 1
    assert len({answer["runId"] for answer in answers}) == 1
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 7


def test_ended_runs_are_forgotten_when_there_are_too_many() -> None:
    clock = FakeClock()
    with Emulator("launch-failure", limits=False, clock=clock) as emulator:
        api = Api(emulator)
        for number in range(MOST_RUNS + 1):
            clock.seconds += 5
            last = api.start(key=f"key {number}").json()["data"]
        assert len(emulator.runs) <= MOST_RUNS
        assert emulator.runs[-1].id == last["runId"]
        assert api.start(key="key 0").json()["data"]["replayed"] is False


def test_a_stopped_emulator_is_out_of_reach_even_on_open_connections() -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        assert api.repos().status_code == 200
    with pytest.raises(requests.ConnectionError):
        api.repos()


def test_speed_makes_runs_faster_for_the_same_clock() -> None:
    clock = FakeClock()
    with Emulator(speed=10, clock=clock) as emulator:
        api = Api(emulator)
        run_id = api.start().json()["data"]["runId"]
        clock.seconds = 1
        data = api.run(run_id).json()["data"]["run"]
    assert data["status"] == "success"


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_is_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Emulator(speed=speed)
