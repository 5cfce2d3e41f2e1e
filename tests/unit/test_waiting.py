"""Stop signals: a wait ends soon after one, also where signals do not end the wait itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from mogplex_ci.waiting import Clock, Stop, StopRequested
from tests.waits import LONG

CTRL_BREAK = signal.SIGUSR1
"""Stands for the signal that Windows has for Ctrl-Break."""
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, CTRL_BREAK)


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    """A stop of this process's signals, which has its own handlers again afterwards."""
    monkeypatch.setattr(signal, "SIGBREAK", CTRL_BREAK, raising=False)
    before = {number: signal.getsignal(number) for number in NUMBERS}
    stop = Stop()
    stop.install()
    yield stop
    for number, handler in before.items():
        signal.signal(number, handler)


def test_hang_ups_that_are_ignored_stay_so(stop: Stop) -> None:
    """As under ``nohup``."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop.install()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(
    ("number", "name", "exit_code"),
    [
        (signal.SIGINT, "SIGINT", 130),
        (signal.SIGTERM, "SIGTERM", 143),
        (signal.SIGQUIT, "SIGQUIT", 131),
        (signal.SIGHUP, "SIGHUP", 129),
        (CTRL_BREAK, "SIGTERM", 143),
    ],
)
def test_a_wait_that_no_signal_ends_is_left_soon(
    stop: Stop, number: signal.Signals, name: str, exit_code: int
) -> None:
    """Another thread gets the signal, so that it ends no wait of this one: it is always like that
    on Windows.
    """
    has_ended = threading.Event()
    other = threading.Thread(target=has_ended.wait, args=(LONG,))
    other.start()
    threading.Timer(0.05, signal.pthread_kill, (other.ident, number)).start()
    with pytest.raises(StopRequested), stop.interrupting():
        Clock().sleep(LONG)
    has_ended.set()
    assert (stop.name, stop.exit_code) == (name, exit_code)
