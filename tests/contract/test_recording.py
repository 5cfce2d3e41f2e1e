"""What is read from the recording of a run: the steps that play it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import DocumentError
from tests.emulator.recording import load_recording

ACCEPTED = {"type": "started", "message": "External Mogplex run accepted", "runId": "r-1"}
END = {"runId": "r-1", "status": "success"}
CLOSED_AT_ONCE = {"route": "stream", "close": "0ms"}
BLANK: dict[str, Any] = {"tool": None, "message": None, "payload": {}}


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:06.3f}+00:00"


def event(kind: str, after: float, **fields: Any) -> dict[str, Any]:
    """Return the step of an event."""
    return {"after": after, "event": kind} | BLANK | fields


def fields_of(tmp_path: Path, *lines: object) -> dict[str, Any]:
    """Return the scenario of a recording with these lines."""
    path = tmp_path / "events.ndjson"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join([*texts, ""]), encoding="utf-8")
    fields: dict[str, Any] = load_recording(path).value
    return fields


def test_every_event_is_played_after_its_pause_and_the_end_as_it_was(tmp_path: Path) -> None:
    found = fields_of(
        tmp_path,
        ACCEPTED | {"createdAt": at(0)},
        {"type": "started", "createdAt": at(0.25)},
        {"type": "log", "message": "{{ x }}", "createdAt": at(0.25)},
        {
            "type": "tool_started",
            "toolName": "{{ t }}",
            "payload": {"{{ k }}": [["{{ v }}"], 7]},
            "createdAt": at(1.5),
        },
        "",
        {"unreadable": "{"},
        {"type": "log", "payload": None, "createdAt": at(1.0)},
        {"type": "finished", "createdAt": at(9)},
        END | {"error": "{{ e }}", "terminalCommitSha": "a1"},
    )
    assert found["variables"] == {"braces": "{{"}
    assert found["steps"] == [
        {"after": 0.25, "status": "streaming"},
        event("started", 0.001),
        event("log", 0.001, message="{{ braces }} x }}"),
        event(
            "tool_started",
            1.25,
            tool="{{ braces }} t }}",
            payload={"{{ braces }} k }}": [["{{ braces }} v }}"], 7]},
        ),
        event("log", 0.001),
        event("finished", 1.5),
        {"status": "success", "error": "{{ braces }} e }}"},
        {"commit": "a1"},
    ]


def test_a_run_that_goes_on_after_a_pause_works_in_two_parts(tmp_path: Path) -> None:
    kinds = ("started", "log", "finished", "started", "finished")
    found = fields_of(tmp_path, *({"type": kind} for kind in kinds), END)
    assert found["steps"] == [
        {"after": 0.001, "status": "streaming"},
        *(event(kind, 0.001) for kind in kinds[:3]),
        {"status": "awaiting_input"},
        {"after": 0.001, "status": "streaming"},
        *(event(kind, 0.001) for kind in kinds[3:]),
        {"status": "success", "error": None},
    ]


@pytest.mark.parametrize("kind", ["tool_finished", "log", "finished"])
def test_what_comes_after_the_work_begins_no_second_part(tmp_path: Path, kind: str) -> None:
    found = fields_of(tmp_path, *({"type": each} for each in ("started", "finished", kind)), END)
    assert found["steps"][3:] == [event(kind, 0.001), {"status": "success", "error": None}]


@pytest.mark.parametrize("kind", ["failed", "cancel_requested", "cancelled"])
def test_a_run_that_never_worked_is_played_without_work(tmp_path: Path, kind: str) -> None:
    found = fields_of(tmp_path, {"type": kind}, END | {"status": "cancelled"})
    assert found["steps"] == [event(kind, 0.001), {"status": "cancelled", "error": None}]


@pytest.mark.parametrize(
    ("times", "pause"),
    [
        (("2026-01-01T00:00:00", "2026-01-01T00:00:01+00:00"), 1.0),
        (("2026-01-01T00:00:00Z", "2026-01-01T01:00:01+01:00"), 1.0),
        (("2026-01-01T00:00:00Z", "soon"), 0.001),
        (("soon", "2026-01-01T00:00:01Z"), 0.001),
        (("2026-01-01T00:00:00Z", None), 0.001),
    ],
)
def test_a_pause_is_that_between_two_times_in_any_zone(
    tmp_path: Path, times: tuple[str | None, str | None], pause: float
) -> None:
    """A time without a zone is one in UTC."""
    lines = [{"type": "log", "createdAt": time} for time in times]
    assert fields_of(tmp_path, *lines, END)["steps"][2] == event("log", pause)


def test_a_pause_is_counted_from_the_last_event_with_a_time(tmp_path: Path) -> None:
    times = (at(0), None, at(1))
    lines = [{"type": "log", "createdAt": time} for time in times]
    assert fields_of(tmp_path, *lines, END)["steps"][3] == event("log", 1.0)


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        (
            [ACCEPTED, END | {"status": "failed", "error": "no room"}],
            {"queue_failure": {"error": "no room"}, "steps": []},
        ),
        ([END | {"status": "failed"}], {"queue_failure": {"error": ""}, "steps": []}),
        ([END], {"steps": [{"status": "success", "error": None}], "faults": [CLOSED_AT_ONCE]}),
        (
            [ACCEPTED],
            {
                "steps": [
                    {
                        "status": "failed",
                        "error": "The recording stops here; it does not say how the run ended.",
                    }
                ],
                "faults": [CLOSED_AT_ONCE],
            },
        ),
    ],
    ids=["not taken up", "without a reason", "only its end", "cut off"],
)
def test_a_run_of_which_no_event_is_recorded(
    tmp_path: Path, lines: list[object], fields: dict[str, Any]
) -> None:
    assert fields_of(tmp_path, *lines) == fields | {"variables": {"braces": "{{"}}


@pytest.mark.parametrize(
    ("kinds", "close"),
    [
        (("started", "log", "finished"), None),
        (("started", "failed", "log"), None),
        (("cancelled",), None),
        (("started", "finished", "started", "cancelled"), None),
        (("log",), "2ms"),
        (("cancel_requested",), "1ms"),
        (("started", "finished", "started", "log"), "6ms"),
    ],
)
def test_a_stream_that_no_event_closes_is_closed_when_all_was_played(
    tmp_path: Path, kinds: tuple[str, ...], close: str | None
) -> None:
    found = fields_of(tmp_path, *({"type": kind} for kind in kinds), END)
    assert found.get("faults") == (close and [{"route": "stream", "close": close}])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "1: no run is recorded here"),
        (["", " "], "1: no run is recorded here"),
        ([ACCEPTED, "", "{"], "3: not valid JSON"),
        (["[" * 100_000], "1: not valid JSON"),
        ([ACCEPTED, {"status": "success"}], "2: "),
        ([ACCEPTED | {"type": 7}], "1: type: "),
        ([ACCEPTED | {"type": 7, "message": 7}], "1: message: "),
        ([ACCEPTED | {"status": "x", "payload": 7}], "1: payload: "),
        ([ACCEPTED, {"type": "log", "payload": "x"}], "2: payload: "),
        ([ACCEPTED, END | {"runId": "r-2"}], "2: another run begins here"),
        ([{"type": "log"}, END, {"type": "log"}], "3: another run begins here"),
        ([ACCEPTED, {"type": "log", "runId": "r-1"}, END, END], "4: another run begins here"),
        (
            ['{"type": "log", "message": "' + "é" * 1_048_570 + '"}'],
            "1: has more than 2,097,152 bytes",
        ),
    ],
)
def test_the_line_that_cannot_be_played_is_named(
    tmp_path: Path, lines: list[object], says: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        fields_of(tmp_path, *lines)
    assert str(refused.value).startswith(f"{tmp_path / 'events.ndjson'}:{says}")


def of_size(size: int) -> str:
    """Return a line that is served as so many bytes."""
    head, tail = '{"type":"log","message":"', '"}'
    return head + "x" * (size - len(head) - len(tail)) + tail


@pytest.mark.parametrize(
    ("first", "between", "is_refused"),
    [(1_720_960, 192, False), (1_720_961, 192, True), (1_720_961, 193, False)],
    ids=["15 MiB", "a byte more", "in 201 events"],
)
def test_two_hundred_events_may_have_fifteen_mebibytes(
    tmp_path: Path, first: int, between: int, *, is_refused: bool
) -> None:
    lines = [of_size(first), *[of_size(40)] * between, *[of_size(2_000_000)] * 7]
    if is_refused:
        with pytest.raises(DocumentError, match="ends 200 events of more than 15,728,640 bytes"):
            fields_of(tmp_path, *lines)
    else:
        assert len(fields_of(tmp_path, *lines)["steps"]) == 1 + len(lines) + 1
