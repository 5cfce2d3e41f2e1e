"""Trouble of the service, by its length, by the moment at which it comes, and by ``on-timeout``.

What the step says of it, its exit code, and what is left at work. See docs/reliability.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from mogplex_ci.run.updates import (
    CancelFailed,
    Cancelling,
    Heartbeat,
    Started,
    StatusChanged,
    Update,
)
from tests.faults.kinds import HTML, error
from tests.faults.world import Case, Played, World
from tests.slow import slow

TIMEOUT: Final = 1800.0
"""Seconds: the default of the input."""
SERVICE_MAY_BE_AT_FAULT = "the service may be at fault"
UNREAD = "the timeout passed while the run's status could not be read: "
_BAD_GATEWAY: dict[str, Any] = {"body": HTML, "headers": {"Content-Type": "text/html"}}


@dataclass(frozen=True)
class Trouble:
    """A fault of every call, and for how long."""

    name: str
    fields: dict[str, Any]
    seconds: float
    cause: str
    """How the API's silence is explained once it has answered before."""


def database_away(seconds: float) -> Trouble:
    """The service answers 401 whenever its database cannot look a token up."""
    name = f"database away {seconds:g} s"
    fields = {"status": 401, "body": error("UNAUTHORIZED")}
    return Trouble(name, fields, seconds, "the API does not know the token that it accepted before")


FOREVER: Final = 1e6
AWAY_2, AWAY_6, AWAY_20, AWAY_72 = SHORT = [database_away(each) for each in (2, 6, 20, 72)]
AWAY_16_MINUTES = database_away(960)
REVOKED = Trouble("401", AWAY_2.fields, FOREVER, AWAY_2.cause)
GONE = Trouble("server gone", {"drop": True}, FOREVER, "the connection to 127.0.0.1:")
PAGE = Trouble("web page", {"status": 200, **_BAD_GATEWAY}, FOREVER, "a web page came instead")
EMPTY = Trouble("{}", {"status": 200, "body": {}}, FOREVER, "unexpected response format")
DROPPED = Trouble("connection dropped", {"drop": True}, 2, GONE.cause)
ALL = [*SHORT, AWAY_16_MINUTES, REVOKED, GONE, PAGE, EMPTY, DROPPED]

each_trouble = pytest.mark.parametrize("trouble", ALL, ids=lambda trouble: trouble.name)
each_policy = pytest.mark.parametrize("policy", ["detach", "cancel"])
each_service = pytest.mark.parametrize("each_world", ["2026-11", *slow(["2026-08"])], indirect=True)


def begin(case: Case, trouble: Trouble) -> None:
    """Let the trouble begin with the next request."""
    case.inject("any", lasts=trouble.seconds, **trouble.fields)


def check_words(played: Played) -> None:
    """No sentence blames the token or the address once they have worked."""
    told = [played.end, *(failed.error for failed in played.of(CancelFailed))]
    for each in told:
        for word in ("api-key holds", "base-url", "MOGPLEX_URL"):
            assert word not in f"{each.cause} {each.remedy}"


@dataclass(frozen=True)
class End:
    """How a step ends."""

    result: str
    code: int = 1
    error_code: str = ""
    says: str = ""
    left: bool = False
    """Whether an unwanted run is left to ``post``."""

    def check(self, played: Played) -> None:
        """Check that the step ended like this."""
        end = played.end
        found = End(played.result, played.code, end.error_code, self.says, end.left_behind)
        assert found == self
        assert self.says in f"{end.cause}. {end.remedy}"


SUCCESS = End("success", 0)
REFUSED = End("error", 64, "UNAUTHORIZED", AWAY_2.cause, left=True)


def timed_out(trouble: Trouble, *, left: bool = False) -> End:
    return End("timeout", 1, "TIMEOUT", UNREAD + trouble.cause, left)


BEFORE_THE_START: Final = {
    **dict.fromkeys((AWAY_2.name, AWAY_6.name, DROPPED.name), (SUCCESS, None)),
    **dict.fromkeys(
        (AWAY_20.name, AWAY_72.name, AWAY_16_MINUTES.name, REVOKED.name),
        (End("error", 64, "UNAUTHORIZED", SERVICE_MAY_BE_AT_FAULT), 10.0),
    ),
    GONE.name: (End("error", 69, "UNREACHABLE", "the connection to 127.0.0.1:"), 120.0),
    PAGE.name: (End("error", 69, "UNREACHABLE", "a web page came instead"), 0.0),
    EMPTY.name: (End("error", 69, "UNREACHABLE", "unexpected response format"), 120.0),
}
"""How the step ends, and after how many seconds if it starts nothing."""


@each_trouble
def test_before_the_start(world: World, trouble: Trouble) -> None:
    case = world.new_case()
    begin(case, trouble)
    played = case.play(timeout=TIMEOUT)
    end, seconds = BEFORE_THE_START[trouble.name]
    end.check(played)
    if seconds is not None:
        assert played.seconds == pytest.approx(seconds, abs=1.5)
        assert (case.runs, played.of(Started)) == ([], [])


@each_service
@each_trouble
@each_policy
def test_while_the_run_works(each_world: World, trouble: Trouble, policy: str) -> None:
    """The run ends by itself after two and a half minutes, whatever this step can see of it."""
    case = each_world.new_case("steady")
    case.inject("stream", close="40s")

    def watch(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.status == "streaming":
            begin(case, trouble)

    played = case.play(timeout=TIMEOUT, on_timeout=policy, watch=watch)
    if trouble in (*SHORT, DROPPED):
        SUCCESS.check(played)
    elif trouble in (AWAY_16_MINUTES, REVOKED):
        REFUSED.check(played)
        assert played.seconds == pytest.approx(900.0, abs=120.0)
    else:
        timed_out(trouble, left=policy == "cancel").check(played)
        assert played.seconds == pytest.approx(TIMEOUT, abs=95.0)
    assert case.run.status == "success"
    check_words(played)
    each_world.emulator.clear_faults()
    case.post(played)


@each_trouble
@each_policy
def test_while_the_run_waits_for_an_answer(world: World, trouble: Trouble, policy: str) -> None:
    case = world.new_case("paused", on_pause="wait")

    def watch(update: Update) -> None:
        if isinstance(update, StatusChanged) and update.run.is_paused:
            begin(case, trouble)

    played = case.play(timeout=TIMEOUT, on_timeout=policy, watch=watch)
    if trouble in (AWAY_16_MINUTES, REVOKED):
        REFUSED.check(played)
    elif trouble not in (*SHORT, DROPPED):
        timed_out(trouble, left=policy == "cancel").check(played)
    elif policy == "cancel":
        End("timeout", 1, "TIMEOUT", "while the run waited for an answer").check(played)
        assert case.run.status == "cancelled"
    else:
        End("paused", 1, "PAUSED", "Answer it in Mogplex").check(played)
    check_words(played)
    world.emulator.clear_faults()
    case.post(played)
    assert played.end.left_behind or policy == "detach" or case.live == []


@each_service
@each_trouble
@each_policy
def test_at_the_deadline(each_world: World, trouble: Trouble, policy: str) -> None:
    """It lasts from the last look, or from the last polls, until so long after the deadline: a
    cancel may outlast it.
    """
    case = each_world.new_case("slow")
    before = 1.0 if each_world.emulator.api == "2026-11" else 30.0

    def watch(update: Update) -> None:
        if isinstance(update, Heartbeat) and update.elapsed < 45.0:
            case.inject("any", lasts=trouble.seconds + before, **trouble.fields)

    played = case.play(timeout=60.0, on_timeout=policy, watch=watch)
    assert played.seconds >= 60.0
    outlasts = trouble in (*SHORT, DROPPED)
    left = policy == "cancel" and not outlasts
    assert (played.result, played.code, played.end.error_code) == ("timeout", 1, "TIMEOUT")
    assert played.end.left_behind == left
    assert played.end.cancelled_by_step == (policy == "cancel" and outlasts)
    assert case.run.status == ("cancelled" if policy == "cancel" and outlasts else "streaming")
    check_words(played)
    each_world.emulator.clear_faults()
    if left:
        case.post(played)
        assert case.live == []


@each_service
@each_trouble
@pytest.mark.parametrize("how", [{"stop_after": 40.0}, {"timeout": 50.0, "on_timeout": "cancel"}])
def test_while_cancelling(each_world: World, trouble: Trouble, how: dict[str, Any]) -> None:
    """After a signal there are four seconds, at the deadline ninety."""
    case = each_world.new_case("slow")

    def watch(update: Update) -> None:
        if isinstance(update, Cancelling):
            begin(case, trouble)

    played = case.play(watch=watch, **how)
    is_signal = "stop_after" in how
    is_over_in_time = trouble.seconds <= (2 if is_signal else 72)
    assert (played.result, played.code) == (("interrupted", 130) if is_signal else ("timeout", 1))
    assert played.end.left_behind is not is_over_in_time
    assert case.run.status == ("cancelled" if is_over_in_time else "streaming")
    check_words(played)
    each_world.emulator.clear_faults()
    case.post(played)
    assert case.live == []


@each_trouble
def test_in_post(world: World, trouble: Trouble) -> None:
    """It asks for ninety seconds, whatever comes."""
    case = world.new_case("slow")
    played = case.play(wait=False)
    begin(case, trouble)
    if trouble.seconds <= 72:
        case.post(played)
        assert case.run.status == "cancelled"
        return
    began = world.time.monotonic()
    with pytest.raises(AssertionError, match="post could not clean up"):
        case.post(played)
    assert 75.0 <= world.time.monotonic() - began <= 95.0


@pytest.mark.parametrize("gates", [False, True])
def test_a_run_that_ended_while_it_could_not_be_read_has_ended_so(
    each_world: World, gates: bool
) -> None:
    """A cancel at the deadline learns it."""
    case = each_world.new_case("steady", **({"require": frozenset({"change"})} if gates else {}))
    case.inject("stream", close="100s")

    def watch(update: Update) -> None:
        if isinstance(update, Cancelling):
            each_world.emulator.clear_faults()
        elif isinstance(update, StatusChanged) and update.run.status == "streaming":
            case.inject("run", times="always", drop=True)
            case.inject("events", skip=20, times="always", drop=True)
            case.inject("resume", times="always", drop=True)

    played = case.play(timeout=300.0, on_timeout="cancel", watch=watch)
    SUCCESS.check(played)
    assert not played.end.cancelled_by_step


def test_a_run_whose_events_say_that_it_has_finished_is_not_called_running(world: World) -> None:
    case = world.new_case("brief")
    case.inject("run", times="always", drop=True)
    case.inject("events", times="always", drop=True)
    played = case.play(timeout=100.0)
    timed_out(GONE).check(played)
    assert (played.end.is_unread, played.end.timeline.outcome.has_ended) == (True, True)
