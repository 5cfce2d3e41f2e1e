"""What the next round is told of failed checks, in whole steps in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mogplex_ci.step.evidence import REPORT_LIMIT
from tests.faults.test_repair import GREEN, Step, outcome, rounds
from tests.faults.world import World
from tests.github import GitHub, Look, check

OUTPUT = {"title": "1 of 9 failed", "summary": "See\n\nbelow"}
SHOWN = """checks: A check failed.
- test

test: 1 of 9 failed
See below
a.ts:3: It is 2, not 3
src/b.ts:14: not a number"""


def red(**fields: object) -> Look:
    return Look([check("test", "failure", output=OUTPUT, **fields)])


@pytest.fixture
def api() -> Iterator[GitHub]:
    with GitHub() as api:
        api.annotations["test"] = [
            {"path": "src/b.ts", "start_line": 14, "message": "not\na number"},
            None,
        ]
        yield api


def told(step: Step, number: int = 1) -> str:
    """What the fence holds in the prompt of a later round."""
    prompt = step.case.runs[number].request.prompt
    _, fence, rest = prompt.partition("\n```text\n")
    assert fence
    inside, end, after = rest.partition("\n```")
    assert (end, after) == ("\n```", "")
    return inside


@pytest.mark.parametrize("fault", [None, {"status": 502, "times": 1}])
def test_a_round_is_told_what_the_failed_checks_say(
    world: World, api: GitHub, fault: dict[str, Any] | None
) -> None:
    if fault is not None:
        api.fail(**fault, path="/annotations")
    step = Step(world, api, rounds(red(), GREEN))
    assert outcome(step.play()) == ("success", "", 2)
    assert told(step) == SHOWN


def test_of_each_check_a_bounded_part_is_told(world: World, api: GitHub) -> None:
    """Twenty annotations; 200 characters of a line, 600 of a summary."""
    places = [("a.ts", number) for number in range(10, 32)]
    api.annotations["test"] = [
        {"path": path, "start_line": at, "message": "m" * (190 + at)} for path, at in places
    ]
    output = {"title": "t" * 201, "summary": "s" * 601}
    step = Step(world, api, rounds(Look([check("test", "failure", output=output)]), GREEN))
    step.play()
    assert told(step).partition("\n\n")[2].split("\n") == [
        "test: … 201 more characters",
        "… 601 more characters",
        *(
            f"{path}:{at}: {'m' * (190 + at) if at <= 10 else f'… {190 + at} more characters'}"
            for path, at in places[:20]
        ),
    ]


def test_of_many_failed_checks_all_are_named_and_ten_are_explained(
    world: World, api: GitHub
) -> None:
    """In a matrix those that failed come before those that were cancelled."""
    cancelled = [check(f"a {n:02}", "cancelled") for n in range(8)]
    failed = [check(f"b {n:02}", "failure", output=OUTPUT) for n in range(8)]
    step = Step(world, api, rounds(Look([*cancelled, *failed]), GREEN))
    step.play()
    names, *explained = told(step).split("\n\n")
    assert len(names.split("\n")) == 1 + 16
    assert [each.split("\n")[0][:4] for each in explained] == [
        *(f"b {n:02}" for n in range(8)),
        "a 00",
        "a 01",
    ]
    assert len(told(step)) <= REPORT_LIMIT
