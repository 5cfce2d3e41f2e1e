"""What is a secret, and what only looks like one. Any way in which an agent writes one is tried by
``tests/e2e/test_no_secret_is_shown.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from mogplex_ci.sanitize import Sanitizer, is_maskable
from mogplex_ci.untrusted import Untrusted
from tests.program import ROOT
from tests.slow import mostly_slow
from tests.unit.sanitize.corpus import changed, lock_files, packages, standard_library
from tests.unit.sanitize.test_formats import SAMPLES

SANITIZER = Sanitizer()
HARMLESS = Path(__file__).with_name("harmless.txt").read_text(encoding="utf-8").splitlines()
TOKENS = {sample.prefix: sample.begin + sample.rest for sample in SAMPLES}
MOGPLEX = TOKENS["mog_"]
MOST_CHANGED = 15
"""Harmless lines of a million that may be changed."""


def test_harmless_text_stays_whole() -> None:
    assert [SANITIZER.clean(Untrusted(line)) for line in HARMLESS] == HARMLESS
    assert SANITIZER.block(Untrusted("\n".join(HARMLESS))) == [f"│\xa0{line}" for line in HARMLESS]


def test_harmless_text_stays_whole_in_json() -> None:
    value = {
        "lines": HARMLESS,
        "max_tokens": 4096,
        "nested": {"token_count": 12, "ok": True, "none": None, "f": 0.5},
    }
    assert SANITIZER.data(Untrusted(value)) == value
    assert json.loads(SANITIZER.json(Untrusted(value))) == value


@pytest.mark.parametrize("source", mostly_slow([lock_files, standard_library, packages], every=3))
def test_harmless_lines_stay_as_they_are(source: Callable[[], Iterator[str]]) -> None:
    harmless = list(islice(source(), 10_000))
    assert len(harmless) > 1_000
    found = changed(SANITIZER, harmless)
    assert len(found) <= MOST_CHANGED * len(harmless) / 1_000_000, found


def test_another_scanner_finds_nothing_in_the_logs_of_a_whole_step() -> None:
    reason = "betterleaks is not among the tools of unit tests, and has no package for Python 3.14"
    betterleaks = pytest.importorskip("betterleaks", reason=reason)
    golden = ROOT / "tests" / "e2e" / "golden"
    logs = sorted(golden.rglob("*.*"))
    assert logs
    for log in logs:
        found = betterleaks.scan_string(log.read_text(encoding="utf-8"))
        assert [one for one in found if one.confidence != "low"] == [], log


RANDOM = "Zq8vXr2LmN5t"
HEX = "0123456789abcdef" * 2


NAMED = [
    line.split("\t")
    for line in Path(__file__).with_name("named.tsv").read_text(encoding="utf-8").splitlines()[1:]
]


@pytest.mark.parametrize(("form", "neighbour"), NAMED)
def test_a_random_word_behind_the_name_of_a_secret_is_hidden(form: str, neighbour: str) -> None:
    for word in (RANDOM, HEX):
        for end in ("", ".", " and on"):
            text = form.replace("{}", word) + end
            hidden = form.replace("{}", "***") + end
            assert SANITIZER.clean(Untrusted(text)) == hidden
    assert SANITIZER.clean(Untrusted(neighbour)) == neighbour


def test_a_field_of_json_is_hidden_by_its_name() -> None:
    value = {"dbPassword": RANDOM, "sort_key": RANDOM, "token": 12, "secret": [RANDOM]}
    assert SANITIZER.data(Untrusted(value)) == value | {"dbPassword": "***"}
    variable = {"name": "API_TOKEN", "value": RANDOM}
    assert SANITIZER.data(Untrusted(variable)) == variable | {"value": "***"}


@pytest.mark.parametrize(
    ("token", "is_masked"),
    [
        *((prefix + "a", True) for prefix in ("mog_", "ghp_", "ghs_", "gho_", "github_pat_")),
        (RANDOM, True),
        ("mogplex", False),
        ("api-key", False),
        ("mog_", False),
    ],
)
def test_which_tokens_a_ci_system_is_asked_to_mask(token: str, *, is_masked: bool) -> None:
    """A plain word would be masked in the whole job."""
    assert is_maskable(token) == is_masked


DOCUMENT = f"""\
# Settings of the staging environment
NODE_ENV=production
APP_URL="http://localhost:8080"
NODE_OPTIONS=--max-old-space-size=4096
DB_SETTING='{RANDOM}'
  token: {RANDOM}8
https://hooks.example.com/services/T01/B02/{RANDOM}9
"""


def test_of_a_known_document_the_random_words_are_hidden_and_its_other_lines_stay() -> None:
    """Masked, they would be missing in every log, and inside an artifact."""
    safe = Sanitizer([DOCUMENT])
    for line in DOCUMENT.splitlines():
        shown = safe.clean(Untrusted(line))
        assert shown == line if RANDOM not in line else RANDOM not in shown
    assert safe.clean(Untrusted(f"see {DOCUMENT} here")) == "see ***\n here"


@pytest.mark.parametrize(
    ("value", "is_known"),
    [("xyz", False), ("wxyz", True), ("\u200bxyz\u200b", False), (" xyz ", False)],
)
def test_a_value_is_known_from_four_visible_characters_on(value: str, *, is_known: bool) -> None:
    word = value.strip(" \u200b")
    assert ("***" in Sanitizer([value]).clean(Untrusted(f"{word} end"))) is is_known


def test_a_short_value_is_not_looked_for_in_prose() -> None:
    assert Sanitizer(["testtest"]).clean(Untrusted("test test and testtest")) == "test test and ***"
    assert Sanitizer(["", " ", "a", "abc"]).clean(Untrusted("a abc")) == "a abc"


def test_half_a_value_is_not_a_secret() -> None:
    """The page says so."""
    assert RANDOM[:9] in Sanitizer([RANDOM]).clean(Untrusted(f"see {RANDOM[:9]} here"))


def test_values_that_overlap_leave_no_rest() -> None:
    shown = Sanitizer(["0123456789", "6789abcdef"]).clean(Untrusted("see 0123456789abcdef here"))
    assert shown == "see *** here"


@pytest.mark.parametrize("limit", [100, 300, 2_000])
def test_a_secret_that_a_limit_would_cut_is_hidden_first(limit: int) -> None:
    known = "Zq8vXr2LmN5t" * 5
    safe = Sanitizer([known])
    for value in (TOKENS["ghp_"], known):
        for start in range(limit - 80, limit + 2, 3):
            shown = safe.clean(Untrusted("." * start + value + " and " + "." * 9_000), limit=limit)
            assert value[:12] not in shown
            assert "more characters" in shown


def test_a_key_without_an_end_is_hidden_to_the_end_of_its_text() -> None:
    lines = ["-----BEGIN RSA PRIVATE KEY-----", *[RANDOM * 5] * 3]
    assert SANITIZER.clean(Untrusted("\n".join(["key:", *lines, "more"]))) == "key:\n***"


def test_a_checked_value_holds_no_secret() -> None:
    safe = Sanitizer(["known-value-1234"])
    assert safe.identifier(Untrusted(MOGPLEX)) is None
    assert safe.branch(Untrusted(f"agent/{MOGPLEX}")) is None
    assert safe.branch(Untrusted("agent/known-value-1234")) is None
    assert safe.url(Untrusted(f"https://github.com/acme/web/pull/42?token={MOGPLEX}")) is None
    assert safe.path(Untrusted(f"src/{MOGPLEX}.ts")) is None
