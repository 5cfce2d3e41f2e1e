"""Every secret format is needed: one literal sample of each, which no other format finds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.formats import formats, matches
from mogplex_ci.untrusted import Untrusted


class Sample(NamedTuple):
    """A line of ``format_samples.tsv``.

    The samples come from nothing in ``formats.tsv``: each has the shape that the vendor's page
    shows, or the rule of another scanner that the line names. Its characters are random. No
    scanner takes one of the halves for a secret.
    """

    secret: str
    prefix: str
    """The first one of the format."""
    begin: str
    rest: str
    source: str
    """The vendor's page or file, or the scanner and its rule; both, with ``; `` between, where the
    vendor shows how the secret begins, or how long it is, and no more. What the service redacts
    stands in no page: the file of its answers that the emulator is held to.
    """

    @property
    def end(self) -> str:
        """The secret's last characters; a password's end before the host."""
        return self.rest.partition("@")[0][-6:]

    @property
    def line(self) -> str:
        return f"The agent read {self.begin}{self.rest} and went on."


ROOT = Path(__file__).parents[3]
LINES = Path(__file__).with_name("format_samples.tsv").read_text(encoding="utf-8").splitlines()
SAMPLES = [Sample(*line.split("\t")) for line in LINES[1:]]


def test_every_format_has_a_sample() -> None:
    sampled = [(sample.secret, sample.prefix) for sample in SAMPLES]
    assert [(known.secret, known.prefixes[0]) for known in formats()] == sampled


def test_each_literal_sample_is_hidden_by_its_format_and_by_no_other() -> None:
    safe = Sanitizer()
    for sample in SAMPLES:
        found = {(known.secret, known.prefixes[0]) for known, _ in matches(sample.line)}
        assert found == {sample[:2]}
        assert sample.end not in safe.clean(Untrusted(sample.line)), sample


def test_each_sample_names_a_page_a_scanners_rule_or_a_file_of_ours() -> None:
    for source in {source for sample in SAMPLES for source in sample.source.split("; ")}:
        known = source.startswith(("https://", "gitleaks: ", "betterleaks: ", "trufflehog: "))
        assert known or (ROOT / source).is_file()


FRAMES = [
    "`{}`",
    '"{}"',
    "'{}'",
    "({})",
    "[{}]",
    "<{}>",
    "**{}**",
    "a|{}|b",
    "{}.",
    "{},",
    "{}:",
    "TOKEN={}",
    "key: {}",
    "a,{},b",
    "a;{};",
    '{{"a":"{}"}}',
    "https://x.io/?t={}&b",
    "x={}/y",
    "+{}",
    "-{}",
    "> {}",
    "a\\n{}\\n",
    "a\\r\\n{}",
    "a\\t{}",
    "a%20{}",
    "a%3D{}&b",
    "a%0A{}%0A",
    "\\u003c{}\\u003e",
    "\\x3d{}\\x00",
    '\\"{}\\"',
    "\\u001b[31m{}\\u001b[0m",
    "\\x1b[m{}",
]
"""Where secrets stand in diffs, code, JSON, URLs and coloured logs."""


@pytest.mark.parametrize("frame", FRAMES)
def test_a_sample_is_hidden_wherever_it_stands(frame: str) -> None:
    safe = Sanitizer()
    shown = {
        f"{sample.secret}, {sample.prefix}": safe.clean(
            Untrusted(frame.replace("{}", sample.begin + sample.rest))
        )
        for sample in SAMPLES
    }
    rests = [sample.end for sample in SAMPLES]
    assert {
        name: text for (name, text), rest in zip(shown.items(), rests, strict=True) if rest in text
    } == {}
