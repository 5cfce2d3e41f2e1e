"""The job's log as a stream: what becomes of lines that its reader takes, at once or later."""

from __future__ import annotations

import os
import threading
import time

from mogplex_ci.platforms.job_log import JobLog
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
