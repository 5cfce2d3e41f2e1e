"""How much there is to read, held to limits: whoever raises one says why in the review."""

from __future__ import annotations

from scripts.structure import structure


def test_the_client_stays_small_enough_to_read() -> None:
    found = structure()
    assert found.files <= 101
    assert found.code <= 10_200
    assert len(found.event) <= 22, found.event
    assert len(found.prompt) <= 13, found.prompt
    # These shall have none.
    assert found.long_functions == {}
    assert found.large_classes == {}
    assert found.many_parameters == {}
    assert found.same_names == ()
    # The tracing works: it has seen both ends of the way, and what lies between.
    assert {"api/stream.py", "run/follow.py", "report/log.py", "platforms/base.py"} <= set(found.event)
    assert {"inputs/sources.py", "run/start.py", "api/transport.py"} <= set(found.prompt)
