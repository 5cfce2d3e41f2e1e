"""JSON that would cost more than it is worth."""

from __future__ import annotations

import math

import pytest

from mogplex_ci.api.answers import MAX_VALUES, page, read_json


@pytest.mark.parametrize(
    "text",
    ["[" + "[]," * MAX_VALUES + "[]]", "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000],
    ids=["many values", "deep lists", "deep objects"],
)
def test_a_flood_is_refused_before_it_becomes_objects(text: str) -> None:
    with pytest.raises(ValueError, match=r"too many values|nested too deeply"):
        read_json(text.encode())


def test_a_document_may_have_a_million_brackets_and_commas() -> None:
    for text in ("[" + "1," * (MAX_VALUES - 1) + "1]", "[" + "{}," * (MAX_VALUES // 2 - 1) + "[]]"):
        assert read_json(text.encode())
        with pytest.raises(ValueError, match="too many values"):
            read_json(f"[{text}]".encode())


@pytest.mark.parametrize(("digits", "number"), [(400, int("9" * 400)), (401, math.inf)])
def test_a_whole_number_may_have_400_digits(digits: int, number: float) -> None:
    assert read_json(b"9" * digits) == number


def test_a_long_text_with_many_commas_is_no_flood() -> None:
    text = "a, " * (MAX_VALUES // 2)
    assert read_json(f'["{text}"]'.encode()) == [text]


def test_a_number_of_a_million_digits_hides_nothing_else() -> None:
    run = '{"runId": "r-1", "status": "success"}'
    event = f'{{"id": "e-1", "type": "tool_finished", "payload": {{"duration_ms": {"9" * 1_000_000}}}}}'
    answer = page(read_json(f'{{"run": {run}, "events": [{event}]}}'.encode()), "r-1")
    assert answer.run.status == "success"
    (only,) = answer.events
    assert only.tool is not None
    assert only.tool.seconds is None
    assert read_json(f"[-{'9' * 5_000}]".encode()) == [-math.inf]
