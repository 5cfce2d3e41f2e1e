"""How much is shown of secrets that are made anew, in every way to a log, and how many harmless
lines are changed.

``benchmarks.redaction`` prints the figures. The tables of ``test_secrets.py`` say what is a secret
and what is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Any

import pytest

from mogplex_ci.sanitize.formats import Format, formats
from tests.program import ROOT
from tests.slow import mostly_slow
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.corpus import changed, lock_files, packages, standard_library
from tests.unit.sanitize.secret_samples import FORMS, NAMED
from tests.unit.sanitize.shares import (
    ENCODINGS,
    PARTS,
    SANITIZER,
    Sample,
    is_looked_for,
    leak,
    listed,
    named,
    shaped,
    spoken,
)

SEED = 3
MOST_CHANGED = 15
"""Harmless lines of a million that may be changed."""


def need_betterleaks() -> Any:
    """Return the module; skip the test where the package is missing."""
    reason = "betterleaks is not among the tools of unit tests, and has no package for Python 3.14"
    return pytest.importorskip("betterleaks", reason=reason)


@pytest.mark.parametrize("way", mostly_slow([*ENCODINGS, *PARTS], every=3))
def test_no_secret_with_a_shape_is_shown_and_at_most_one_in_a_hundred_with_a_name(way: str) -> None:
    need_betterleaks()
    rules = rule_sets.betterleaks()
    with_shape, with_name = [*listed(SEED), *shaped(rules, SEED)], list(named(rules, SEED))
    with_name = [sample for sample in with_name if is_looked_for(sample, way)]
    assert len(with_shape) > 700
    assert {sample.kind: sample.text for sample in with_shape if leak(sample, way)} == {}
    shown = {sample.kind: sample.text for sample in with_name if leak(sample, way)}
    assert len(shown) <= len(with_name) / 100, shown
    assert not shown.keys() & {*NAMED, *FORMS}


@pytest.mark.parametrize("source", mostly_slow([lock_files, standard_library, packages], every=3))
def test_harmless_lines_stay_as_they_are(source: Callable[[], Iterator[str]]) -> None:
    harmless = list(islice(source(), 40_000))
    assert len(harmless) > 1_000
    found = changed(SANITIZER, harmless)
    assert len(found) <= MOST_CHANGED * len(harmless) / 1_000_000, found


def test_betterleaks_finds_nothing_in_the_logs_of_a_whole_step() -> None:
    betterleaks = need_betterleaks()
    golden = ROOT / "tests" / "e2e" / "golden"
    logs = sorted(set(golden.rglob("*.*")) - set(golden.glob("scenarios/*")))  # what is sent to us
    assert logs
    for log in logs:
        found = betterleaks.scan_string(log.read_text(encoding="utf-8"))
        assert [one for one in found if one.confidence != "low"] == [], log


@pytest.mark.parametrize(
    "known", [known for known in formats() if known.before], ids=lambda known: known.secret
)
def test_a_secret_is_hidden_whose_first_letters_were_shown_before_a_tool_call(
    known: Format,
) -> None:
    """A few letters are shown as a word; the mark of such a secret stands behind them."""
    for prefix in known.prefixes:
        text = rule_sets.of_format(known, prefix, SEED).text
        for size in range(1, 8 if text[0].isalpha() else 1):
            shown = spoken([f"It is {text[:size]}", f"{text[size:]} and more.\n"], "interrupt")
            assert text[size + 2 : size + 9] not in shown, (prefix, size)


HELD = (
    *(
        'var apiToken string = "«»"',
        'System.setProperty("API_TOKEN", "«»")',
        '<add key="ApiKey" value="«»" />',
    ),
    *(
        "- name: API_TOKEN\n  value: «»",
        "machine api.example login u\npassword «»",
        '$apiToken .= "«»"',
    ),
    *(
        "<key>ApiKey</key>\n<string>«»</string>",
        'os.environ["DEPLOY_TOKEN"] = "«»"',
        "X-Acme-Key: «»",
    ),
    *(
        "curl -u ada:«» https://api.example",
        "docker login -u ada -p «» ghcr.io",
        "redis-cli -h cache -a «» ping",
    ),
    *(
        "Authorization: Bearer «»",
        "API_TOKEN :::= «»",
        "https://ada:«»@example.com/v1",
        "tool --password «» --yes",
    ),
)
"""Names that are held together with their secrets, which stand between the marks."""
OPAQUE = "Xq7Trb4dkr8vBn2"
CUT = [
    *(Sample.of(held.replace("«»", OPAQUE), OPAQUE, held) for held in HELD),
    *(
        one
        for one in shaped([], SEED)
        if one.kind in ("Mogplex", "JWT", "Telegram", "Slack webhook", "SendGrid")
    ),
]


@pytest.mark.parametrize(
    ("sample", "then"), mostly_slow(product(CUT, ["flush", "interrupt"]), every=3)
)
def test_no_cut_of_a_text_into_two_shows_half_of_the_secret(sample: Sample, then: str) -> None:
    text = f"I look at it.\n{sample.text}\nDone. More follows"
    for at in range(14, 14 + len(sample.before + sample.secret)):
        shown = spoken([text[:at], text[at:]], then)
        assert sample.secret[-8:] not in shown, text[:at]
        assert sample.secret[-10:-2] not in shown, text[:at]
