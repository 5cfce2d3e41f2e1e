"""What the machine brings is cleared; how many workers run the tests, what they cost, and how many
examples each property is tried with.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import forked, machine

machine.clear()
signal.signal(
    signal.SIGHUP, signal.SIG_DFL
)  # else what the tests start ignores it, too: nohup does that
# while tests are collected there is next to none, and looking for it takes a third of the time
gc.disable()

# The same examples each time, so that only a change to the code fails a test. The nightly suite
# looks for new ones.
_STEADY = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

settings.register_profile("everyday", _STEADY, max_examples=15)
settings.register_profile("slow", _STEADY, max_examples=200)
settings.register_profile(
    "nightly", _STEADY, max_examples=2_000, derandomize=False, print_blob=True
)
settings.load_profile("everyday")


@pytest.fixture
def unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find no host below `.invalid`, and that at once: a network's own resolver may take its time,
    or have an answer for every name.
    """
    resolve = socket.getaddrinfo

    def resolve_others(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_others)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Take back what a step in this process does on a signal."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker for each processor, and three more: many tests wait for a process or a container.
    Each collects all.
    """
    return (os.cpu_count() or 1) + 3


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among the tests."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Wait for what this process has started: only then its time is counted."""
    forked.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU time of the tests, their workers and processes: it does not depend on how busy
    the machine is.
    """
    times = os.times()
    user, system = times.user + times.children_user, times.system + times.children_system
    terminalreporter.write_line(
        f"CPU time: {user + system:.0f} s (user {user:.0f} s, system {system:.0f} s); containers not counted"
    )
