"""Work that is waited for no longer than a given time, whatever it hangs in."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def bounded(work: Callable[[], Result], seconds: float) -> Result:
    """Return what ``work`` returns, or raise what it raises.

    It is done on a thread of its own, because nothing else can bound or interrupt the lookup of a host name, and a
    peer that sends a byte now and then starts a socket's timeout anew. A wait that ends early, by time or by an
    exception of a signal handler, leaves the thread to itself; it does not keep the program from exiting.

    Raises:
        TimeoutError: it is not done after ``seconds``.
    """
    done: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # raised where it is waited for
            done.put((None, error))

    threading.Thread(target=run, name="bounded", daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None only when that is the result
