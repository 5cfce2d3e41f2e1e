"""Stop signals: a wait ends soon after one, also where signals do not end the wait itself."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.waits import LONG

WAITING = """
import signal, threading, time
from mogplex_ci.waiting import StopRequested, Clock, stop_of_process

stop = stop_of_process()
# Another thread gets the signals, so that they end no wait of this one: it is always like that on Windows.
threading.Thread(target=time.sleep, args=(900,), daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
try:
    with stop.interrupting():
        print("waiting", flush=True)
        Clock().sleep(900)
except StopRequested:
    print(stop.name, stop.exit_code)
"""

CTRL_BREAK = (
    """
import signal
signal.SIGBREAK = signal.SIGUSR1  # the signal that Windows has for Ctrl-Break
"""
    + WAITING
)


def stopped(program: str, number: signal.Signals) -> str:
    """Send the signal while the program waits; return what it says about it."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(number)
            return process.communicate(timeout=LONG)[0].strip()
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "SIGINT 130"), (signal.SIGTERM, "SIGTERM 143"), (signal.SIGQUIT, "SIGQUIT 131")],
)
def test_a_wait_that_no_signal_ends_is_left_soon(number: signal.Signals, said: str) -> None:
    assert stopped(WAITING, number) == said


def test_ctrl_break_of_windows_counts_as_sigterm() -> None:
    assert stopped(CTRL_BREAK, signal.SIGUSR1) == "SIGTERM 143"
