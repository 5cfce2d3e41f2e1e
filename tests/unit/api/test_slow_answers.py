"""Answers that come slowly or not at all: a call ends in time, and a signal ends it at once."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
import weakref
from collections.abc import Callable

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.errors import UnreachableError
from mogplex_ci.waiting import Stop, StopRequested, bounded
from tests.unit.api.peers import TOKEN, peer
from tests.waits import LONG

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def dribble(start: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Send ``start``, and then a little again and again, so that no single read takes long."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        dribble(b"", b"H"),
        dribble(HEAD, b"X"),
        dribble(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        dribble(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        dribble(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
        lambda _: time.sleep(LONG),
    ],
    ids=["status line", "header", "body", "chunks", "within a chunk", "silence"],
)
def test_an_answer_that_does_not_come_in_time_is_given_up(talk: Callable[[socket.socket], None]) -> None:
    with peer(talk) as url, pytest.raises(UnreachableError) as raised:
        Client(url, TOKEN).repos(timeout=0.5)
    assert raised.value.may_have_worked


def test_a_signal_ends_the_wait_for_an_answer() -> None:
    stop = Stop()

    def hang(_connection: socket.socket) -> None:
        stop.request(signal.SIGTERM)
        time.sleep(LONG)

    with peer(hang) as url, pytest.raises(StopRequested), stop.interrupting():
        Client(url, TOKEN).repos(timeout=LONG)


def test_work_that_is_done_in_time_returns_and_raises_as_it_is() -> None:
    assert bounded(lambda: None, LONG) is None
    assert bounded(lambda: 7, LONG) == 7
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, LONG)
    with pytest.raises(TimeoutError):
        bounded(lambda: time.sleep(LONG), 0.01)


def test_an_error_does_not_keep_alive_what_its_callers_had() -> None:
    class Page:
        """Maybe megabytes."""

    def read(_page: Page) -> None:
        with contextlib.suppress(ZeroDivisionError):
            bounded(lambda: 1 // 0, LONG)

    page = Page()
    alive = weakref.ref(page)
    read(page)
    del page
    assert alive() is None
