"""Any sequence of faults, tries, signals, kills and clean-ups: hypothesis looks for one that loses
or doubles a run.
"""

from __future__ import annotations

import signal
from functools import cache
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mogplex_ci.run.updates import Started
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import Stop
from tests.emulator.run import Run
from tests.faults.conftest import SCENARIOS
from tests.faults.kinds import FINAL, PASSING, PROXIES, REFUSED, STREAM_FAULTS, UNAUTHORIZED
from tests.faults.world import Killed, Played, Trip, World
from tests.said import said

PLAYED = [
    "success",
    "failed",
    "cancelled",
    "slow",
    "slow",
    "late-finish",
    "launch-failure",
    "setup-failure",
    "stream-failure",
    "queue-fails-once",
    "queue-fails",
    "queue-fails-once-then-slow",
    "many-events",
    "paused",
    "resumed",
    "dead-worker",
    "mogplex",
    "delivery-failure",
]
PATIENCE = 4.5
"""Seconds between a stop signal and the end."""
CODES = {
    "success": {0},
    "failed": {1},
    "cancelled": {1},
    "paused": {1},
    "timeout": {1},
    "interrupted": {129, 130, 143},
}
ENDS = {"finished", "failed", "cancelled"}


@cache
def world(api: str) -> World:
    """Return a service for all sequences of this process."""
    world = World.serve(*SCENARIOS, api=api)
    world.emulator.start()
    return world


ANSWERS = st.tuples(
    st.sampled_from(
        [
            "repos",
            "start",
            "start",
            "stream",
            "stream",
            "resume",
            "events",
            "events",
            "run",
            "run",
            "cancel",
            "any",
        ]
    ),
    st.sampled_from(PASSING + PROXIES + UNAUTHORIZED + FINAL + REFUSED),
    st.integers(0, 8),
    st.integers(1, 6),
)
"""Route, kind, how many answers are good first, how many are spoiled."""
STREAMS = st.tuples(
    st.sampled_from(["stream", "stream", "resume"]),
    st.sampled_from(STREAM_FAULTS),
    st.integers(0, 2),
    st.sampled_from([1, 2, 3, "always"]),
)
"""The same for open streams."""
TRIPS = st.tuples(
    st.sampled_from([1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 11]),
    st.booleans(),
    st.sampled_from(["stop", "stop", "kill"]),
)
"""At which request, before or after its answer, and what happens then; the second request is the
start.
"""


class OneStep(RuleBasedStateMachine):
    """One step of one workflow run and all that may happen to it."""

    @initialize(
        api=st.sampled_from(["2026-11", "2026-11", "2026-08"]),
        scenario=st.sampled_from(PLAYED),
        explicit=st.booleans(),
        on_rerun=st.sampled_from(["auto", "new", "auto", "auto"]),
        jobs_per_token=st.sampled_from([1, 1, 4]),
    )
    def begin(
        self, api: str, scenario: str, explicit: bool, on_rerun: str, jobs_per_token: int
    ) -> None:
        self.world = world(api)
        self.case = self.world.new_case(scenario, on_rerun=on_rerun, jobs_per_token=jobs_per_token)
        self.case.explicit = explicit
        self.unclean: Played | None = None
        """The last try, if it left something to post."""

    @rule()
    def mend_service(self) -> None:
        self.world.emulator.clear_faults()

    @rule(seconds=st.sampled_from([1.0, 30.0, 600.0]))
    def pass_time(self, seconds: float) -> None:
        clock = self.world.time.clock()
        clock.sleep(seconds)
        clock.leave()

    @rule(
        faults=st.lists(ANSWERS | STREAMS, max_size=3),
        later=st.booleans(),
        timeout=st.sampled_from([15.0, 90.0, 700.0]),
        cancel_on_timeout=st.booleans(),
        stop_after=st.one_of(st.none(), st.floats(0.0, 60.0)),
        trip=st.one_of(st.none(), TRIPS),
    )
    def run_step(
        self,
        faults: list[tuple[str, Any, int, Any]],
        later: bool,
        timeout: float,
        cancel_on_timeout: bool,
        stop_after: float | None,
        trip: tuple[int, bool, str] | None,
    ) -> None:
        for route, kind, skip, times in faults:
            self.case.inject(route, skip=skip, times=times, **kind.fields)
        self.case.attempt += later
        before = {run.id for run in self.case.runs}
        stop = Stop()
        played = self.case.play(
            timeout=timeout,
            on_timeout="cancel" if cancel_on_timeout else "detach",
            stop=stop,
            stop_after=stop_after,
            number=signal.SIGTERM,
            trip=self._trip(stop, *trip) if trip else None,
        )
        self._check(played, {run.id for run in self.case.runs} - before, timeout, cancel_on_timeout)
        self.unclean = played if played.end.details.left_behind else None

    @rule()
    def clean_up(self) -> None:
        if self.unclean is None:
            return
        self.world.emulator.clear_faults()
        self.case.post(self.unclean)
        self._check_clean(self.unclean)
        self.unclean = None

    def _trip(self, stop: Stop, request: int, answered: bool, what: str) -> Trip:
        def kill() -> None:
            raise Killed

        return Trip(
            request, answered, kill if what == "kill" else lambda: stop.request(signal.SIGINT)
        )

    def _check(
        self, played: Played, new: set[str], timeout: float, cancel_on_timeout: bool
    ) -> None:
        end, runs = played.end, {run.id: run for run in self.case.runs}
        # Doubled: every run beyond the first was reported.
        assert len(new) <= 1 + len(said(played.updates, "next idempotency key"))
        # Lost: a run at work is known by its id, or left to post.
        known = {end.details.run.id} if end.details.run else set()
        lost = [run.id for run in self.case.live if run.id in new - known]
        assert end.details.left_behind or lost == [] or self.case.explicit
        if end.ending.exit_code == 137:
            return
        # Truth: success is the API's own word, and codes mean what they say.
        assert played.code in CODES.get(played.result, {1, 2, 64, 65, 69, 75})
        assert (played.code == 0) == (played.result == "success")
        if played.result in ("success", "failed", "cancelled"):
            assert end.details.run is not None
            # A cancellation during the launch is followed by a failure, seconds later.
            last_words = (
                {"cancelled", "failed"} if played.result == "cancelled" else {played.result}
            )
            assert runs[end.details.run.id].status in last_words
        # Events: each one once, in order, and none missing without a word.
        shown = played.shown
        assert len(set(shown)) == len(shown)
        for run in runs.values():
            times = {Untrusted(record.id): record.step.at for record in run.written()}
            of_run = [times[event] for event in shown if event in times]
            assert of_run == sorted(of_run)
        assert set(shown) <= {event for run in runs.values() for event in written(run)}
        if (
            played.result in ("success", "failed", "cancelled")
            and end.details.run
            and not end.details.timeline.is_incomplete
        ):
            assert set(until_the_end(runs[end.details.run.id])) <= set(shown)
        # Left behind: who is interrupted cancels what is its own.
        started = played.of(Started)
        owned = bool(started) and started[-1].owned
        cancels = played.result == "interrupted" or (
            played.result == "timeout" and cancel_on_timeout
        )
        if cancels and owned and not end.details.left_behind:
            assert runs[started[-1].run.id].status in ("success", "failed", "cancelled")
        # Time: the deadline holds, with what a cancellation may take after it.
        assert played.seconds <= timeout + (90.5 if cancel_on_timeout else 0.5) + PATIENCE

    def _check_clean(self, played: Played) -> None:
        started = played.of(Started)
        if started and started[-1].owned:
            (run,) = [
                run for run in self.case.runs if Untrusted(run.id) == Untrusted(started[-1].run.id)
            ]
            assert run not in self.case.live
        elif not self.case.explicit:
            assert (
                self.case.live == []
                or self.case._fields["on_rerun"] == "new"
                or self.case.attempt > 1
            )


def written(run: Run) -> list[Untrusted]:
    """Return the ids of a run's events, those before a pause among them."""
    return [Untrusted(record.id) for record in run.written()]


def until_the_end(run: Run) -> list[Untrusted]:
    """Return the ids up to the first event that ends the run: jobs that share a token may save the
    look after it. A step that joins a resumed run is listed the events since then.
    """
    segment = max((record.segment for record in run.written()), default=0)
    records = [record for record in run.written() if record.segment == segment]
    end = next(
        (index for index, record in enumerate(records, start=1) if record.step.event in ENDS), None
    )
    return [Untrusted(record.id) for record in records[:end]]


TestAnySequence = OneStep.TestCase
TestAnySequence.settings = settings(stateful_step_count=8, suppress_health_check=list(HealthCheck))
