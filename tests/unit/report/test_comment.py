"""How long a comment may hold a step up."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest

from mogplex_ci.github_api import GitHubApi
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS, System
from mogplex_ci.report.comment import Comment, CommentReport
from mogplex_ci.run.result import Result
from mogplex_ci.run.updates import Started
from mogplex_ci.sanitize import SafeText, Sanitizer
from mogplex_ci.waiting import Stop
from tests.github import REPOSITORY, TOKEN, GitHub
from tests.unit.report.events import facts, result, run
from tests.virtual_time import VirtualTime


class Commenting:
    """A step's comment at a GitHub that fails, in a time in which waiting costs nothing."""

    def __init__(self, api: GitHub) -> None:
        self.api = api
        self.time = VirtualTime()
        self.warned: list[SafeText] = []
        self.clock = self.time.clock()
        comment = Comment(GitHubApi(api.url, TOKEN, REPOSITORY), 7, TOKEN, self.clock, "key")
        self.stop = Stop()
        safe = Sanitizer()
        job = Platform(System("test"), {}, StringIO())
        self.report = CommentReport(
            comment, safe, job, self.stop, self.warned.append, safe.clean("Fix it")
        )

    def start(self) -> None:
        """Write the comment of the run's start."""
        self.report.on(Started(run(), "key", joined=False, owned=True))

    def end(self, ending: Result) -> None:
        """Write the comment of the run's end."""
        self.report.end(facts(result(ending)))

    @property
    def said(self) -> list[str]:
        """The first words of the comments that are there."""
        return [comment["body"].split("\n")[3] for comment in self.api.comments]


@pytest.fixture
def commenting() -> Iterator[Commenting]:
    with GitHub(clock=lambda: datetime(2026, 11, 24, tzinfo=UTC)) as api:
        yield Commenting(api)


@pytest.mark.parametrize("part", ["start", "end"])
def test_a_comment_holds_the_step_up_for_15_s(commenting: Commenting, part: str) -> None:
    """GitHub asks to wait: less than that is waited, and with 15 s the comment is given up."""
    if part == "end":
        commenting.start()
    before = commenting.said
    for seconds, is_waited in (("15", False), ("14.9", True)):
        commenting.api.fail(status=503, headers={"Retry-After": seconds})
        began = commenting.time.monotonic()
        if part == "start":
            commenting.start()
        else:
            commenting.end(Result.SUCCESS)
        took = commenting.time.monotonic() - began
        assert took == pytest.approx(float(seconds) if is_waited else 0.0, abs=0.001)
        assert (commenting.said != before) == is_waited
    (warning,) = commenting.warned
    assert warning.startswith("Could not write the comment: GitHub's API is not available. ")
    words = "✅ **Run succeeded** after" if part == "end" else "**The Mogplex run is running**"
    assert [said.startswith(words) for said in commenting.said] == [True]


def test_a_comment_has_what_the_cancel_leaves_of_a_stopped_steps_seconds(
    commenting: Commenting,
) -> None:
    commenting.start()
    commenting.api.fail(status=503, times=100)
    all_seconds = USUAL_STOP_SECONDS.all
    commenting.stop.request(signal.SIGTERM, time.monotonic() - all_seconds + 2.0)
    commenting.end(Result.INTERRUPTED)
    assert 1.0 < commenting.time.monotonic() <= 2.0
    assert len(commenting.warned) == 1


def test_a_comment_is_written_again_if_a_stop_signal_comes_meanwhile(
    commenting: Commenting,
) -> None:
    commenting.start()
    commenting.api.fail(status=503)
    commenting.clock.ring(0.1, lambda: commenting.stop.request(signal.SIGTERM))
    commenting.end(Result.SUCCESS)
    assert [said.startswith("✅ **Run succeeded**") for said in commenting.said] == [True]


def test_a_comment_about_the_start_does_not_take_the_seconds_of_a_cancel(
    commenting: Commenting,
) -> None:
    commenting.stop.request(signal.SIGTERM, time.monotonic())
    commenting.start()
    assert commenting.api.asked == []
    commenting.end(Result.INTERRUPTED)
    assert len(commenting.said) == 1
