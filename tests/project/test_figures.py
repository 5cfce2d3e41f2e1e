"""The figures in the pages are those that the commands last wrote."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from benchmarks.figures import read, table_below
from tests.program import ROOT

WRITTEN = read()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REPEATED = {
    "README.md": [
        (
            "python -m benchmarks.peers",
            r"survives \[(?P<this_step>\d+) of (?P<faults>\d+) faults\]\([^)]+\); "
            r"a curl loop survives (?P<curl_loop>\d+) of them",
        ),
    ],
}
"""Sentences that repeat figures: the command, and a pattern whose groups are the figures' names."""


@pytest.mark.parametrize(
    ("command", "page"),
    [(command, page) for command, written in WRITTEN.items() for page in written["tables"]],
)
def test_a_table_is_as_its_command_wrote_it(command: str, page: str) -> None:
    shown = table_below((ROOT / page).read_text(encoding="utf-8"), command)
    assert shown.splitlines() == WRITTEN[command]["tables"][page]


@pytest.mark.parametrize(
    ("page", "command", "pattern"),
    [(page, *place) for page, places in REPEATED.items() for place in places],
)
def test_a_sentence_repeats_what_a_command_wrote(page: str, command: str, pattern: str) -> None:
    sentence = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    found = re.search(pattern, sentence)
    assert found, f"{page} no longer says it"
    numbers = {re.sub(r"\W", "_", name): text for name, text in WRITTEN[command]["numbers"].items()}
    rounded = {
        name: f"{float(numbers[name].split()[0]):.{_digits(shown)}f}"
        for name, shown in found.groupdict().items()
    }
    assert found.groupdict() == rounded


def test_a_table_is_found_below_the_sentence_that_names_its_command() -> None:
    page = "| `run x` | y |\n| --- | --- |\n\n`run x.y`:\n\n| no |\n\nAs `run x --write` says:\n\n| a |\n"
    assert table_below(page, "run x") == "| a |\n"


def test_a_page_names_no_command_whose_figures_are_unknown() -> None:
    """But for those that CONTRIBUTING.md has people run."""
    named = chain.from_iterable(
        re.findall(r"`(python -m benchmarks[.\w]*)", page.read_text(encoding="utf-8"))
        for page in PAGES
        if page.name != "CONTRIBUTING.md"
    )
    assert set(named) == WRITTEN.keys()


def _digits(number: str) -> int:
    return len(number.partition(".")[2])
