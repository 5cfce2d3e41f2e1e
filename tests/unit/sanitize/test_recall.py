"""What other scanners look for is redacted: samples made from their rules, and their own judgement of what is left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

import pytest

from mogplex_ci.sanitize import Sanitizer
from tests.program import ROOT
from tests.slow import mostly_slow
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.rule_sets import Rule, Sample
from tests.unit.sanitize.secret_samples import FORMS, formed, name_for, telling_parts

betterleaks = pytest.importorskip("betterleaks", reason="betterleaks has no package for this Python")
SANITIZER = Sanitizer()
USERS = re.compile(r"generic-username|-id\\b|-url\\b|-host|-domain")


@cache
def rules() -> list[Rule]:
    return rule_sets.betterleaks()


def shaped(count: int) -> Iterator[tuple[Rule, Sample]]:
    """Return samples that can be told apart from other text without a name."""
    for rule in rules():
        if not rule.is_named:
            yield from ((rule, sample) for sample in rule_sets.samples(rule, count) if sample.has_shape)


def named() -> Iterator[tuple[Rule, Sample]]:
    for rule in rules():
        if rule.is_named:
            yield from ((rule, sample) for sample in rule_sets.samples(rule, 1) if sample.is_plain)


def left_of(secret: str, shown: str) -> list[str]:
    return [part for part in (*telling_parts(secret), *telling_parts(quote(secret, safe=""))) if part in shown]


@pytest.mark.parametrize("form", mostly_slow(FORMS, every=6))
def test_the_secrets_of_any_service_are_redacted_by_their_name(form: str) -> None:
    """At least 98 of 100: some rules match anything, and what has no digit may be a word."""
    samples = list(named())
    missed = Counter(
        rule.name
        for rule, sample in samples
        if left_of(sample.secret, SANITIZER.clean(formed(sample.secret, form, name_for(rule.keyword, rule.name))))
    )
    assert missed.total() <= 0.02 * len(samples), missed


def test_betterleaks_finds_nothing_in_what_is_left() -> None:
    """Its findings in the samples must not stand in what is shown of them."""
    texts = [sample.text for _, sample in shaped(2)]
    texts += [
        formed(sample.secret, form, name_for(rule.keyword, rule.name))
        for form in ("shell", "JSON", "header")
        for rule, sample in named()
    ]
    left = []
    for at in range(0, len(texts), 100):
        raw = "\n\n".join(texts[at : at + 100])
        shown = SANITIZER.clean(raw, limit=10**6)
        left += [
            (found.rule_id, found.match.value)
            for found in betterleaks.scan_string(raw)
            if found.confidence != "low" and not USERS.search(found.rule_id) and found.match.value in shown
        ]
    assert left == []


def test_betterleaks_finds_nothing_in_the_logs_of_a_whole_step() -> None:
    logs = sorted((ROOT / "tests" / "e2e" / "golden").rglob("*.*"))
    assert logs
    for log in logs:
        found = betterleaks.scan_string(log.read_text(encoding="utf-8"))
        assert [one for one in found if one.confidence != "low"] == [], log
