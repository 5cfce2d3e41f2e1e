"""Secrets of every kind stay hidden in whatever way they reach a log; ``benchmarks.redaction`` prints the shares."""

from __future__ import annotations

from functools import cache

import pytest

from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.rule_sets import Rule
from tests.unit.sanitize.secret_samples import NAMED, STANDALONE
from tests.unit.sanitize.shares import ENCODINGS, PARTS, Sample, leak, named, shaped, spoken

SEED = 3


@cache
def rules() -> list[Rule]:
    return rule_sets.betterleaks()


@pytest.mark.parametrize("way", [*ENCODINGS, *PARTS])
def test_no_secret_with_a_shape_of_its_own_is_shown(way: str) -> None:
    samples = list(shaped(rules(), SEED))
    assert len(samples) > 500
    assert {sample.kind: sample.text for sample in samples if leak(sample, way)} == {}


@pytest.mark.parametrize("way", [*ENCODINGS, *PARTS])
def test_at_most_one_in_a_hundred_secrets_with_a_name_is_shown(way: str) -> None:
    samples = list(named(rules(), SEED))
    shown = {sample.kind: sample.text for sample in samples if leak(sample, way)}
    assert len(shown) <= len(samples) / 100, shown
    assert not shown.keys() & NAMED.keys()


@pytest.mark.parametrize("kind", ["Mogplex", "JWT", "Telegram", "Slack webhook", "SendGrid"])
@pytest.mark.parametrize("then", ["flush", "interrupt"])
def test_a_format_is_hidden_wherever_it_is_cut(kind: str, then: str) -> None:
    sample = next(sample for sample in shaped([], SEED) if sample.kind == kind)
    assert kind in STANDALONE
    check_cuts(sample, then)


def check_cuts(sample: Sample, then: str) -> None:
    """Assert that no cut of the text into two shows half of the secret."""
    text = f"I look at it.\n{sample.text}\nDone. More follows"
    for at in range(len(text) + 1):
        shown = spoken([text[:at], text[at:]], then)
        assert sample.secret[-8:] not in shown, text[:at]
        assert sample.secret[-10:-2] not in shown, text[:at]


@pytest.mark.parametrize(
    "marked",
    [
        'var apiToken string = "«»"',
        'System.setProperty("API_TOKEN", "«»")',
        '<add key="ApiKey" value="«»" />',
        "- name: API_TOKEN\n  value: «»",
        "machine api.example login u\npassword «»",
        "<key>ApiKey</key>\n<string>«»</string>",
        'os.environ["DEPLOY_TOKEN"] = "«»"',
        "curl -u ada:«» https://api.example",
        "docker login -u ada -p «» ghcr.io",
        "redis-cli -h cache -a «» ping",
        "Authorization: Bearer «»",
        "X-Acme-Key: «»",
        '$apiToken .= "«»"',
        "API_TOKEN :::= «»",
        "https://ada:«»@example.com/v1",
        "tool --password «» --yes",
    ],
)
@pytest.mark.parametrize("then", ["flush", "interrupt"])
def test_a_name_and_its_secret_are_held_together(marked: str, then: str) -> None:
    before, after = marked.split("«»")
    check_cuts(Sample(before, "Xq7Trb4dkr8vBn2", after, ""), then)
