"""Trouble of the service, by its length, by the moment at which it comes, and by ``on-timeout``.

How the step ends, its exit code, every sentence that it says of the trouble, and what is left at
work. See docs/maintaining/faults.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import pytest

from mogplex_ci.api.retry import Waiting
from mogplex_ci.platforms.github import GITHUB
from mogplex_ci.platforms.gitlab import GITLAB
from mogplex_ci.platforms.system import StopSeconds
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.text import reason
from mogplex_ci.run import updates
from mogplex_ci.run.updates import CancelFailed, Cancelling, Heartbeat, Started, StatusChanged
from mogplex_ci.sanitize import Sanitizer
from tests.faults.kinds import HTML, error
from tests.faults.world import Case, Killed, Played, Trip, World
from tests.pairs import table
from tests.slow import mostly_slow
from tests.typed_inputs import typed_inputs
from tests.unit.report.events import github

TIMEOUT: Final = 1800.0
"""Seconds: the default of the input."""
SAFE: Final = Sanitizer(())
_BAD_GATEWAY: dict[str, Any] = {"body": HTML, "headers": {"Content-Type": "text/html"}}


@dataclass(frozen=True)
class Trouble:
    """A fault of every call, and for how long."""

    name: str
    fields: dict[str, Any]
    seconds: float
    cause: str
    """What is said of it once the API has answered; HOST stands for the service's address."""
    detail: str = ""
    """What the service says of it."""

    @property
    def said(self) -> str:
        return self.cause + self.detail


def database_away(seconds: float) -> Trouble:
    """The service answers 401 whenever its database cannot look a token up."""
    return Trouble(
        f"database away {seconds:g} s",
        {"status": 401, "body": error("UNAUTHORIZED")},
        seconds,
        "the API now rejects a token it accepted earlier; this can happen while its database is down",
        ": injected",
    )


FOREVER: Final = 1e6
AWAY_2, AWAY_6, AWAY_20, AWAY_72 = SHORT = [database_away(each) for each in (2, 6, 20, 72)]
AWAY_16_MINUTES = database_away(960)
REVOKED = Trouble("401", AWAY_2.fields, FOREVER, AWAY_2.cause, AWAY_2.detail)
GONE = Trouble("server gone", {"drop": True}, FOREVER, "the connection to HOST was dropped")
PAGE = Trouble(
    "web page",
    {"status": 200, **_BAD_GATEWAY},
    FOREVER,
    "a web page came instead of the API's response (HTTP 200)",
)
EMPTY = Trouble(
    "{}", {"status": 200, "body": {}}, FOREVER, "the response is not in the API's format (HTTP 200)"
)
DROPPED = Trouble("connection dropped", {"drop": True}, 2, GONE.cause)
ALL = [*SHORT, AWAY_16_MINUTES, REVOKED, GONE, PAGE, EMPTY, DROPPED]

each_trouble = pytest.mark.parametrize(
    "trouble", mostly_slow(ALL, every=2), ids=lambda trouble: trouble.name
)
each_policy = pytest.mark.parametrize("policy", ["detach", "cancel"])
APIS = ["2026-11", "2026-08"]


def begin(case: Case, trouble: Trouble) -> None:
    """Let the trouble begin with the next request."""
    case.inject("any", lasts=trouble.seconds, **trouble.fields)


def sentence_of(played: Played) -> str:
    """Return what the step's last error says: why, what became of the run, and what to do. Empty
    when it succeeded.
    """
    ended = played.end
    facts = Facts(ended, SAFE, github(), typed_inputs(), 0.0)
    remedy = re.sub("running; this step [^.]*", "running", facts.remedy or "")
    left = re.search(LEFT_AS_SAID, remedy)
    if left is not None:
        remedy = " ".join(filter(None, [LEFT, remedy.replace(left[0], "").strip()]))
    error = f"{reason(SAFE, ended.ending)}." if ended.ending.cause else ""
    return " ".join(filter(None, [error, remedy]))


def check_log(played: Played, world: World, trouble: Trouble) -> None:
    """Check what the log says of the trouble while it lasts: the cause, and no advice."""
    kinds = (updates.Trouble, CancelFailed, Waiting)
    for update in played.updates:
        if isinstance(update, kinds):
            said = without_host(str(reason(SAFE, update.error)), world)
            assert said[0].lower() + said[1:] == trouble.said


def without_host(words: str, world: World) -> str:
    return words.replace(world.emulator.url.removeprefix("http://"), "HOST")


@dataclass(frozen=True)
class End:
    """How a step ends."""

    result: str
    code: int = 1
    error_code: str = ""
    says: str = ""
    left: bool = False
    """Whether an unwanted run is left to ``post``."""

    def check(self, played: Played, world: World) -> None:
        """Check that the step ended like this."""
        end = played.end
        says = without_host(sentence_of(played), world)
        found = End(
            played.result, played.code, end.ending.error_code, says, end.details.left_behind
        )
        assert found == self


RE_RUN: Final = "Run the job again to follow it."
MAY_RUN: Final = "The run may still be running. " + RE_RUN
RUNS: Final = "The run is still running. " + RE_RUN
LEFT: Final = "The run may still be running."
LEFT_AS_SAID: Final = (
    r"The run may still be running(, because it could not be cancelled: .*)?\."
    r"( The clean-up step tries to cancel it\.)? To cancel it by hand: .* runs cancel \S+"
)
OVER: Final = "The run was cancelled."
CANCELLED: Final = "This step has cancelled the run."
LOOK: Final = (
    "The service, or the network between it and this job, had trouble: check the run in Mogplex."
)
RAISE_TIMEOUT: Final = "Raise timeout, and the job's own time limit, if the task needs longer."
QUESTION: Final = "Is “E-mail or password is wrong” the right wording?"
SUCCESS: Final = End("success", 0)
REFUSED: Final = End(
    "error",
    64,
    "UNAUTHORIZED",
    f"{AWAY_2.said[0].upper()}{AWAY_2.said[1:]}. {LEFT} Try again later. If the token was "
    "revoked, issue a new one at mogplex.com/settings/api-keys (Settings → Mogplex Keys).",
    left=True,
)


def unread(trouble: Trouble, state: str, *, left: bool = False) -> End:
    """The deadline came in the trouble; ``state`` is what is said of the run."""
    why = f"The timeout passed while the run's status could not be read: {trouble.said}."
    return End("timeout", 1, "TIMEOUT", f"{why} {state} {LOOK}", left)


_UNKNOWN_TOKEN = End(
    "error",
    64,
    "UNAUTHORIZED",
    "The API does not know this token: injected. Check that api-key is a current Mogplex token "
    "(mog_…); issue one at mogplex.com/settings/api-keys (Settings → Mogplex Keys). If it is, "
    "the service may be at fault: it also rejects tokens while its database is down. Try again "
    "later.",
)
BEFORE_THE_START: Final = {
    **dict.fromkeys((AWAY_2.name, AWAY_6.name, DROPPED.name), (SUCCESS, None)),
    **dict.fromkeys(
        (AWAY_20.name, AWAY_72.name, AWAY_16_MINUTES.name, REVOKED.name), (_UNKNOWN_TOKEN, 10.0)
    ),
    GONE.name: (
        End(
            "error",
            69,
            "UNREACHABLE",
            "The connection to HOST was dropped. Check base-url, the proxy settings and "
            "the network between this machine and the API.",
        ),
        120.0,
    ),
    PAGE.name: (
        End(
            "error",
            69,
            "UNREACHABLE",
            "A web page came instead of the API's response (HTTP 200). Set base-url to "
            "the API's host.",
        ),
        0.0,
    ),
    EMPTY.name: (
        End(
            "error",
            69,
            "UNREACHABLE",
            "The response is not in the API's format (HTTP 200). Check that base-url is a Mogplex "
            "service; a proxy may have responded in its place.",
        ),
        120.0,
    ),
}
"""How the step ends, and after how many seconds if it starts nothing."""


@each_trouble
@each_policy
def test_before_the_start(world: World, trouble: Trouble, policy: str) -> None:
    case = world.new_case()
    begin(case, trouble)
    played = case.play(timeout=TIMEOUT, on_timeout=policy)
    end, seconds = BEFORE_THE_START[trouble.name]
    end.check(played, world)
    if seconds is not None:
        assert played.seconds == pytest.approx(seconds, abs=1.5)
        assert (case.runs, played.of(Started)) == ([], [])


@table(3, trouble=ALL, policy=["detach", "cancel"], api=APIS)
def test_while_the_run_works(
    worlds: dict[str, World], trouble: Trouble, policy: str, api: str
) -> None:
    """The run ends by itself after two and a half minutes, whatever this step can see of it."""
    world = worlds[api]
    case = world.new_case("steady")
    case.inject("stream", close="40s")

    def watch(update: updates.Update) -> None:
        if isinstance(update, StatusChanged) and update.run.status == "streaming":
            begin(case, trouble)

    played = case.play(timeout=TIMEOUT, on_timeout=policy, watch=watch)
    if trouble in (*SHORT, DROPPED):
        SUCCESS.check(played, world)
    elif trouble in (AWAY_16_MINUTES, REVOKED):
        REFUSED.check(played, world)
        assert played.seconds == pytest.approx(900.0, abs=120.0)
    else:
        state = LEFT if policy == "cancel" else MAY_RUN
        unread(trouble, state, left=policy == "cancel").check(played, world)
        assert played.seconds == pytest.approx(TIMEOUT, abs=95.0)
        assert all(beat.unread_for for beat in played.of(Heartbeat) if beat.elapsed > 90.0)
    check_log(played, world, trouble)
    assert case.run.status == "success"
    world.emulator.clear_faults()
    case.post(played)


@table(3, trouble=ALL, policy=["detach", "cancel"], api=APIS)
def test_at_the_deadline(worlds: dict[str, World], trouble: Trouble, policy: str, api: str) -> None:
    """It lasts from the last look, or from the last polls, until so long after the deadline: a
    cancel may outlast it.
    """
    world = worlds[api]
    case = world.new_case("slow")
    before = 1.0 if world.emulator.api == "2026-11" else 30.0

    def watch(update: updates.Update) -> None:
        if isinstance(update, Heartbeat) and update.elapsed < 45.0:
            case.inject("any", lasts=trouble.seconds + before, **trouble.fields)

    played = case.play(timeout=60.0, on_timeout=policy, watch=watch)
    assert played.seconds >= 60.0
    is_cancelled = policy == "cancel" and trouble in (*SHORT, DROPPED)
    left = policy == "cancel" and not is_cancelled
    state = CANCELLED if is_cancelled else LEFT if left else MAY_RUN
    unread(trouble, state, left=left).check(played, world)
    check_log(played, world, trouble)
    assert played.end.details.cancelled_by_step == is_cancelled
    assert case.run.status == ("cancelled" if is_cancelled else "streaming")
    world.emulator.clear_faults()
    if left:
        case.post(played)
        assert case.live == []


SIGNAL: Final = {"stop_after": 40.0}
DEADLINE: Final = {"timeout": 50.0, "on_timeout": "cancel"}


@table(3, trouble=ALL, how=[SIGNAL, DEADLINE], api=APIS)
def test_while_cancelling(
    worlds: dict[str, World], trouble: Trouble, how: dict[str, Any], api: str
) -> None:
    """After a signal there are 3.5 seconds, at the deadline ninety."""
    world = worlds[api]
    case = world.new_case("slow")

    def watch(update: updates.Update) -> None:
        if isinstance(update, Cancelling):
            begin(case, trouble)

    played = case.play(watch=watch, **how)
    is_over_in_time = trouble.seconds <= (2 if how is SIGNAL else 72)
    state = CANCELLED if is_over_in_time else LEFT
    says = f"The job was cancelled, or its time limit passed. {OVER if is_over_in_time else LEFT}"
    end = End("interrupted", 130, "INTERRUPTED", says, not is_over_in_time)
    if how is DEADLINE:
        says = f"The timeout passed while the run was streaming. {state} {RAISE_TIMEOUT}"
        end = End("timeout", 1, "TIMEOUT", says, not is_over_in_time)
    end.check(played, world)
    check_log(played, world, trouble)
    assert len(played.of(CancelFailed)) == (not is_over_in_time)
    assert case.run.status == ("cancelled" if is_over_in_time else "streaming")
    world.emulator.clear_faults()
    case.post(played)
    assert case.live == []


@pytest.mark.parametrize(
    "row", [GITHUB.stop_seconds, pytest.param(GITLAB.stop_seconds, marks=pytest.mark.slow)]
)
def test_a_cancel_keeps_to_the_seconds_of_the_system(world: World, row: StopSeconds) -> None:
    case = world.new_case("slow")
    times: list[float] = []

    def watch(update: updates.Update) -> None:
        if isinstance(update, Cancelling):
            case.inject("any", times="always", status=503)
            times.append(world.time.monotonic())
        if isinstance(update, CancelFailed):
            times.append(world.time.monotonic())

    played = case.play(watch=watch, stop_after=40.0, stop_seconds=row)
    began, failed = times
    assert row.cancel - 1.1 <= failed - began <= row.cancel + 0.1
    assert played.seconds <= 40.0 + row.all
    assert played.end.details.left_behind


@each_trouble
@pytest.mark.parametrize("has_id", [True, False], ids=["by id", "by key"])
def test_in_post(world: World, trouble: Trouble, has_id: bool) -> None:
    """It asks for ninety seconds, whatever comes. A step that was killed before its start was
    answered has left only a key.
    """
    case = world.new_case("slow")
    if has_id:
        played = case.play(wait=False)
    else:
        played = case.play(trip=Trip(2, answered=True, action=kill))
    begin(case, trouble)
    if trouble.seconds <= 72:
        case.post(played)
        assert case.run.status == "cancelled"
        return
    began = world.time.monotonic()
    with pytest.raises(AssertionError, match="post could not clean up") as raised:
        case.post(played)
    said = without_host(str(raised.value), world)
    assert said == f"post could not clean up: {trouble.cause}"
    assert 75.0 <= world.time.monotonic() - began <= 95.0
    assert case.run.status == "streaming"


def kill() -> None:
    raise Killed


def test_a_run_whose_events_say_that_it_has_finished_is_not_called_running(world: World) -> None:
    case = world.new_case("brief")
    case.inject("run", times="always", drop=True)
    case.inject("events", times="always", drop=True)
    played = case.play(timeout=100.0)
    unread(
        GONE, "The run's events say that it has finished; its status could not be read. " + RE_RUN
    ).check(played, world)
    assert (
        played.end.details.is_unread,
        played.end.details.timeline.outcome.ended_by is not None,
    ) == (
        True,
        True,
    )


def test_a_paused_run_that_could_not_be_cancelled_is_not_said_to_wait_for_an_answer(
    world: World,
) -> None:
    case = world.new_case("paused", on_pause="cancel")
    case.inject("cancel", times="always", drop=True)
    played = case.play(timeout=TIMEOUT)
    says = f"The run is paused and is waiting for an answer: {QUESTION}. {LEFT}"
    End("paused", 1, "PAUSED", says, left=True).check(played, world)


def test_a_run_of_somebody_else_is_left_at_the_deadline_and_no_cancel_advised(world: World) -> None:
    case = world.new_case("slow")
    case.explicit = True
    case.play(wait=False)
    played = case.play(timeout=50.0, on_timeout="cancel")
    says = f"The timeout passed while the run was streaming. {RUNS} {RAISE_TIMEOUT}"
    End("timeout", 1, "TIMEOUT", says).check(played, world)


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502, "body": "<html>"}])
def test_a_run_whose_start_was_answered_too_late_is_no_outage(
    world: World, fault: dict[str, Any]
) -> None:
    case = world.new_case("slow")
    case.inject("start", when="after", lasts=60.0, **fault)
    played = case.play(timeout=60.0)
    ending = played.end.ending
    assert (played.result, played.code, ending.error_code) == ("timeout", 1, "TIMEOUT")
    said = sentence_of(played)
    assert said.startswith("The run was started, but the API's response came too late: ")
    assert said.endswith(f". {CANCELLED} {RAISE_TIMEOUT}")
    assert case.run.status == "cancelled"
    assert (played.end.details.run, played.end.details.key) != (None, "")
