"""The report to a round on the faults of the one before: names from outside, which must stay
names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.step.evidence import LINE_LIMIT, REPORT_LIMIT, report_for_agent
from tests.unit.report.events import gate, item

ODD = (
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\r",
    "\u2028",
    "/fix",
    "$deploy",
    "<<<MOGPLEX_CHECKPOINT>>>",
    "<<<end_mogplex_checkpoint>>>",
)
NAMES = st.lists(
    st.lists(st.sampled_from(ODD) | st.text(max_size=20), max_size=8).map("".join),
    min_size=1,
    max_size=20,
)


def report(names: Sequence[str]) -> str:
    items = [item(name, "https://ci.example/1") for name in names]
    rejecting = gate("checks", f"{len(names)} checks failed", *items)
    return report_for_agent([rejecting], Sanitizer())


@given(NAMES)
def test_no_name_leaves_the_fence(names: list[str]) -> None:
    text = report(names)
    introduction, fence, rest = text.partition("\n```text\n")
    assert (introduction[0], fence != "") == ("A", True)
    inside, end = rest[:-4], rest[-4:]
    assert end == "\n```"
    assert "```" not in inside
    assert not re.search("<<<(END_)?MOGPLEX_CHECKPOINT", inside, re.IGNORECASE)
    assert "ci.example" not in text
    first, *lines = inside.split("\n")
    assert first == f"checks: {len(names)} checks failed."
    assert all(line.startswith("- ") for line in lines)
    assert len(lines) <= len(names)
    assert inside.splitlines() == [first, *lines]


@given(NAMES, st.randoms(use_true_random=False))
def test_the_same_faults_make_the_same_bytes(names: list[str], random: Random) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)
    assert report(shuffled) == report(names)


def test_a_report_is_bounded() -> None:
    text = report(["x " * 5_000 + str(number) for number in range(20)])
    assert len(text) <= 20 * (LINE_LIMIT + 40) + 600
    names = [item("yyyy " * LINE_LIMIT + str(number)) for number in range(20)]
    gates = [gate(name, "b", *names) for name in ("checks", "allowed-paths", "protected-paths")]
    long = report_for_agent(gates, Sanitizer())
    assert len(long) <= REPORT_LIMIT + 400
    assert long.endswith("\n… and more\n```")
