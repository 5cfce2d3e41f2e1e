"""The job's log as a stream: what becomes of lines that its reader takes, at once or later."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time

from mogplex_ci.platforms.job_log import _POLL_SECONDS, JobLog
from mogplex_ci.waiting import Stop


def test_a_reader_that_keeps_up_is_not_waited_for_and_a_slow_one_is() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        log = JobLog(stream, Stop())
        began = time.process_time()
        log.write("at once\n")
        assert reader.read(100) == b"at once\n"
        assert time.process_time() - began < 1.0
        whole = "x" * 200_000  # more than a pipe holds
        parts: list[bytes] = []

        def read() -> None:
            while sum(map(len, parts)) < len(whole):
                parts.append(reader.read(65_536))

        slow = threading.Timer(0.2, read)
        slow.start()
        log.write(whole)
        slow.join()
    assert b"".join(parts).decode() == whole


def test_a_reader_that_goes_on_after_a_stop_signal_and_stalls_again_holds_no_step() -> None:
    """The wait is cut short by the signal, below what was waited for already."""
    reading, writing = os.pipe()
    stop = Stop()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        log = JobLog(stream, stop)
        size = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)

        def stops_and_reads() -> None:
            stop.request(signal.SIGTERM)
            time.sleep(_POLL_SECONDS)  # until the signal has been seen
            reader.read(size)

        threading.Timer(0.6, stops_and_reads).start()
        log.write("x" * (size + 100))
        writer = threading.Thread(target=log.write, args=["y" * 2 * size], daemon=True)
        writer.start()
        writer.join(timeout=5.0)
        assert not writer.is_alive()
