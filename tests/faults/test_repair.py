"""Repair in virtual time: which rounds follow a run that the gates reject, what they are told, and
how it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from signal import SIGINT, SIGTERM

import pytest

from mogplex_ci.gates import Case
from mogplex_ci.github_api import GitHubApi
from mogplex_ci.run.endings import interrupted
from mogplex_ci.run.result import RunResult
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import (
    Cancelling,
    GateJudged,
    NextRound,
    Started,
    Starting,
    Update,
)
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.repair import Rounds
from mogplex_ci.waiting import Stop, StopRequested
from tests.faults import world as worlds
from tests.faults.world import World
from tests.github import NOTHING, TOKEN, GitHub, Look, Work, check
from tests.slow import mostly_slow
from tests.typed_inputs import inputs_of

RED = Look([check("test", "failure")])
GREEN = Look([check("lint", "success"), check("test", "success")])
LINT = Look([check("lint", "failure"), check("test", "success")])
REPORT = ".mogplex/artifacts/report.json"
NEVER = Look([check("test", None)])
FULL = "scenario: brief\n".ljust(100_000, "x")


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        yield api


def rounds(*looks: Look) -> list[Work]:
    """The work of one run after the other, with the checks of its commit."""
    return [Work({"src/login.tsx": f"try {n}"}, checks=look) for n, look in enumerate(looks)]


class Step:
    """A step with ``repair``, which may be tried several times."""

    def __init__(
        self,
        world: World,
        api: GitHub,
        works: Sequence[Work] = (),
        scenario: str = "brief",
        **inputs: str,
    ) -> None:
        self.case = world.new_case(scenario)
        api.works_for(self.case, *works)
        given = {
            "repair": "2",
            "checks": "test",
            "timeout": "30m",
            "prompt": f"scenario: {scenario}",
        } | inputs
        env = {f"MOGPLEX_{name.upper()}": value for name, value in given.items()}
        env |= {"MOGPLEX_GITHUB_TOKEN": TOKEN, "MOGPLEX_API_KEY": world.emulator.token}
        self.inputs = inputs_of(env)
        self.secrets: Sequence[str] = ()
        """Values that the step masks."""
        self._world, self._api = world, api
        self.elapsed: Callable[[], float]
        """Tells how many seconds the try takes."""

    def play(
        self,
        *,
        watch: Callable[[Update], None] = lambda _: None,
        stop: Stop | None = None,
        stop_after: float | None = None,
    ) -> RunResult:
        """Try the step; ``watch`` is called with every update, and a stop signal comes after so
        many seconds.
        """
        clock, client, stop = self._world.time.clock(), self._world.client(), stop or Stop()
        if stop_after is not None:
            clock.ring(stop_after, lambda: stop.request(SIGTERM))
        began = clock.monotonic()
        self.elapsed = lambda: clock.monotonic() - began
        case = Case(
            self.inputs,
            Service(client, clock, stop, began, self.inputs.timeout, say=watch),
            lambda repo: GitHubApi(self._api.url, TOKEN, repo.full_name.text),
            Sanitizer(self.secrets),
        )
        plan = self.case.plan(inputs=self.inputs)
        rounds = Rounds(plan, case)
        try:
            return rounds.perform()
        except StopRequested:
            return RunResult(interrupted(stop), rounds.details())
        finally:
            clock.leave()
            client.close()
            case.close()

    def cancel_live(self) -> None:
        """Cancel the runs that a killed attempt has left at work, as ``post`` does."""
        client = self._world.client()
        for run in self.case.live:
            client.cancel(run.id, timeout=9.0)
        client.close()

    @property
    def keys(self) -> Sequence[str]:
        """The suffixes that its runs' keys add to the step's own."""
        return [run.key.removeprefix(self.case.key) for run in self.case.runs]


def outcome(result: RunResult) -> tuple[str, str, int]:
    return result.ending.result.value, result.ending.error_code, len(result.details.rounds)


@pytest.mark.parametrize(
    ("looks", "inputs", "expected", "keys", "why"),
    mostly_slow(
        [
            ([RED, LINT, GREEN], {}, ("success", "", 3), ["", "-r2-a1", "-r3-a1"], ""),
            ([GREEN], {}, ("success", "", 1), [""], ""),
            ([RED, GREEN], {"on_rerun": "new"}, ("success", "", 2), ["-1", "-r2-a1"], ""),
            (
                [RED, LINT, RED],
                {},
                ("rejected", "CHECKS_FAILED", 3),
                ["", "-r2-a1", "-r3-a1"],
                "two rounds found the same faults",
            ),
            (
                [RED, RED],
                {},
                ("rejected", "CHECKS_FAILED", 2),
                ["", "-r2-a1"],
                "two rounds found the same faults",
            ),
            (
                [RED, LINT],
                {"repair": "1"},
                ("rejected", "CHECKS_FAILED", 2),
                ["", "-r2-a1"],
                "all rounds are used up",
            ),
            ([RED, NEVER], {}, ("timeout", "TIMEOUT", 2), ["", "-r2-a1"], ""),
            (
                [RED],
                {"timeout": "19s"},
                ("rejected", "CHECKS_FAILED", 1),
                [""],
                "less than a tenth of the timeout is left",
            ),
            (
                [RED],
                {"prompt": FULL},
                ("rejected", "CHECKS_FAILED", 1),
                [""],
                "the prompt leaves no room for the report",
            ),
            ([RED], {"repair": "0"}, ("rejected", "CHECKS_FAILED", 0), [""], ""),
        ],
        every=2,
    ),
)
def test_rounds_follow_until_all_is_well_or_nothing_more_can_come_of_it(
    world: World,
    api: GitHub,
    looks: list[Look],
    inputs: dict[str, str],
    expected: tuple[str, str, int],
    keys: list[str],
    why: str,
) -> None:
    step, updates = Step(world, api, rounds(*looks), **inputs), list[Update]()
    before = len(world.emulator.requests)
    result = step.play(watch=updates.append)
    routes = [request.route for request in world.emulator.requests[before:]]
    assert routes.count("repos") == 1, "later rounds know the repository"
    assert (outcome(result), step.keys) == (expected, keys)
    announced = [
        (update.number, update.most) for update in updates if isinstance(update, NextRound)
    ]
    assert announced == [(number, step.inputs.repair + 1) for number in range(2, len(keys) + 1)]
    told = [update.faults for update in updates if isinstance(update, NextRound)]
    assert told == [each.faults for each in result.details.rounds[: len(told)]]
    assert (result.details.rounds[-1].ended or "" if result.details.rounds else "") == why
    first, *others = step.case.runs
    assert {run.request.working_branch for run in step.case.runs} == {first.request.working_branch}
    assert {run.request.base_branch for run in step.case.runs} == {"main"}
    assert first.request.create_branch
    assert not any(run.request.create_branch for run in others)
    assert result.details.run is not None
    assert result.details.run.id == step.case.runs[-1].id


@pytest.mark.parametrize(
    ("killed_after", "number"),
    mostly_slow(
        [
            *((kind, number) for number in (2, 1, 3) for kind in (Starting, Started, GateJudged)),
            *((NextRound, number) for number in (1, 2)),
        ],
        every=5,
    ),
)
def test_an_attempt_pays_one_run_and_its_rounds_wherever_the_runner_is_killed(
    world: World, api: GitHub, killed_after: type, number: int
) -> None:
    """No round ever succeeds, and each attempt but the third is killed at the same place."""
    names = [f"test {n}" for n in range(9)]
    looks = [
        Look([check(name, "failure" if name == red else "success") for name in names])
        for red in names
    ]
    step, paid = Step(world, api, rounds(*looks)), list[int]()
    for step.case.attempt in (1, 2, 3):
        seen: list[Update] = []

        def kill(update: Update, seen: list[Update] = seen) -> None:
            seen.append(update)
            count = sum(isinstance(each, killed_after) for each in seen)
            if isinstance(update, killed_after) and count == number:
                raise worlds.Killed

        before = len(step.case.runs)
        if step.case.attempt < 3:
            with pytest.raises(worlds.Killed):
                step.play(watch=kill)
        else:
            assert step.play().ending.result.value == "rejected"
        step.cancel_live()
        paid.append(len(step.case.runs) - before)
    assert max(paid) <= 1 + step.inputs.repair
    assert len(set(step.keys)) == sum(paid)


def test_a_round_whose_push_is_refused_names_the_branch(world: World, api: GitHub) -> None:
    """A round of the killed attempt may still be at work there."""
    works = rounds(Look([check("scenario: push-refused", "failure")]), GREEN)
    step = Step(world, api, works, prompt="Fix it")
    result = step.play()
    branch = step.case.runs[0].request.working_branch
    assert outcome(result) == ("failed", "RUN_FAILED", 1)
    assert (
        result.ending.remedy
        == f"Another run is working on {branch}. Cancel it, then re-run the job."
    )


@pytest.mark.parametrize(
    ("times", "expected"),
    [(2, ("success", "", 2)), ("always", ("timeout", "TIMEOUT", 1))],
)
def test_a_lost_start_of_a_round_is_sent_again_with_the_same_body(
    world: World, api: GitHub, times: int | str, expected: tuple[str, str, int]
) -> None:
    """The report is built once, also if the check says something else by then. At the deadline the
    first run is handed on, since the other one's id is not known.
    """
    step = Step(world, api, rounds(RED, GREEN))

    def lose(update: Update) -> None:
        if isinstance(update, NextRound):
            step.case.inject("start", when="after", drop=True, times=times)
            api.annotations["test"] = ["something else"]

    before = len(world.emulator.requests)
    result = step.play(watch=lose)
    assert outcome(result) == expected
    starts = [each.body for each in world.emulator.requests[before:] if each.route == "start"]
    assert (len({str(body) for body in starts}), step.keys) == (2, ["", "-r2-a1"])
    if times == 2:
        assert len(starts) == 4
    else:
        assert result.details.run_id == step.case.runs[0].id
        assert "another run could not be started" in result.ending.cause


def test_a_stop_signal_while_checks_are_waited_for_keeps_the_gates_that_have_failed(
    world: World, api: GitHub
) -> None:
    step = Step(world, api, rounds(NEVER), require="change", protected_paths="src/")
    result = step.play(stop_after=90.0)
    assert outcome(result) == ("interrupted", "INTERRUPTED", 0)
    assert [(gate.name, gate.error_code) for gate in result.details.gates] == [
        ("protected-paths", "PATH_NOT_ALLOWED")
    ]


@pytest.mark.parametrize("number", [1, 2])
def test_a_round_that_pushed_nothing_is_the_last(
    old_world: World, api: GitHub, number: int
) -> None:
    if number == 1:
        step = Step(old_world, api, [NOTHING], require="change")
    else:
        step = Step(old_world, api, [Work(checks=RED), NOTHING])
    result = step.play()
    assert (result.ending.result.value, len(result.details.rounds)) == ("rejected", number)
    assert (
        result.details.rounds[-1].ended
        == "the run pushed nothing, so another round would find the same"
    )


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ([{}, {REPORT: b'{"ok": true}'}], ("success", "", 2)),
        ([{REPORT: b"[NaN]"}, {REPORT: b"[1]"}], ("success", "", 2)),
        ([{REPORT: b"{"}, {REPORT: None}], ("rejected", "ARTIFACT_MISSING", 2)),
        ([{REPORT: b"null"}], ("success", "", 1)),
    ],
)
def test_an_artifact_of_any_round_is_read_at_its_commit(
    world: World,
    api: GitHub,
    contents: list[dict[str, bytes | None]],
    expected: tuple[str, str, int],
) -> None:
    works = [Work({"src/a.ts": str(n), **each}) for n, each in enumerate(contents)]
    step = Step(world, api, works, checks="", artifact="report", repair="1")
    result = step.play()
    assert outcome(result) == expected
    assert (result.details.artifact is not None) is (expected[0] == "success")


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [("failed", ("failed", "RUN_FAILED", 1)), ("paused", ("paused", "PAUSED", 1))],
)
def test_a_round_whose_run_fails_or_pauses_is_the_last(
    world: World, api: GitHub, scenario: str, expected: tuple[str, str, int]
) -> None:
    works = rounds(Look([check(f"scenario: {scenario}", "failure")]), GREEN)
    step = Step(world, api, works, prompt="Fix it")
    result = step.play()
    assert (outcome(result), step.keys, result.details.gates) == (expected, ["", "-r2-a1"], ())
    assert [run.id for run in step.case.runs[1:]] == [result.details.run and result.details.run.id]
    assert result.details.rounds[0].faults != ()


@pytest.mark.parametrize("timeout", mostly_slow(range(10, 100, 9), every=3))
def test_the_deadline_holds_in_each_stage(world: World, api: GitHub, timeout: int) -> None:
    step = Step(world, api, rounds(RED, LINT, GREEN), timeout=f"{timeout}s")
    rounds_began: list[float] = []

    def watch(update: Update) -> None:
        if isinstance(update, NextRound):
            rounds_began.append(step.elapsed())

    result = step.play(watch=watch)
    assert step.elapsed() <= timeout + 1.0
    assert max(rounds_began, default=0.0) <= 0.9 * timeout
    assert (result.ending.result.value == "success") is (
        len(result.details.rounds) == 3 and not result.details.rounds[-1].faults
    )


MOMENTS = [*((number, None) for number in range(1, 40, 2)), *((0, at) for at in range(1, 90, 11))]


@pytest.mark.parametrize(("number", "seconds"), mostly_slow(MOMENTS, every=4))
def test_a_stop_signal_at_any_moment_leaves_no_run_at_work(
    world: World, api: GitHub, number: int, seconds: int | None
) -> None:
    """In a wait, or with the ``number``-th thing that the step says. Of several runs only the last
    one's commit is passed on.
    """
    step, stop = Step(world, api, rounds(RED, LINT, GREEN)), Stop()
    at_work: list[int] = []

    def watch(_: Update) -> None:
        at_work.append(len(step.case.live))
        if len(at_work) == number and seconds is None:
            stop.request(SIGINT)

    result = step.play(watch=watch, stop=stop, stop_after=seconds)
    assert result.ending.result.value in ("interrupted", "success")
    assert (step.case.live, max(at_work) <= 1) == ([], True)
    delivery = result.details.delivery
    assert delivery is None or delivery.commit in (None, step.case.runs[-1].commit_sha)


@pytest.mark.parametrize(
    ("look", "waits", "expected"),
    [
        (GREEN, 0.0, ("success", "")),
        (NEVER, 30.0, ("timeout", "TIMEOUT")),
    ],
)
def test_a_run_that_a_cancel_finds_ended_is_judged_for_half_a_minute_more(
    world: World, api: GitHub, look: Look, waits: float, expected: tuple[str, str]
) -> None:
    """An outage hid its end until the deadline. Nothing is green that was not judged, and no other
    round follows.
    """
    step = Step(world, api, rounds(look, GREEN), "steady", timeout="5m")
    step.inputs = step.inputs._replace(on_timeout="cancel")

    def watch(update: Update) -> None:
        if isinstance(update, Started):
            step.case.inject("any", skip=1, times="always", drop=True)
        elif isinstance(update, Cancelling):
            world.emulator.clear_faults()

    step.case.inject("stream", close="60s")
    result = step.play(watch=watch)
    assert (result.ending.result.value, result.ending.error_code) == expected
    assert not result.details.cancelled_by_step
    assert (len(step.case.runs), step.case.run.status) == (1, "success")
    assert waits - 15.0 <= step.elapsed() - 300.0 <= 35.0
