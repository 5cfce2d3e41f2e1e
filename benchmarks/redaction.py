"""How many secrets are shown and how many harmless lines are changed: ``python -m benchmarks.redaction``.

Secrets are made anew from a seed: the kinds of ``tests/unit/sanitize/secret_samples.py``, samples of the rules of
betterleaks, a package of the dev tools, and with ``--gitleaks`` those of a checkout of gitleaks. Rules of which
something is shown are listed: formats that are missing. Harmless lines are those that the machine has; the table says
what was read, and what is not there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.table import Row
from mogplex_ci.sanitize.formats import formats
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.corpus import CORPORA, changed, lines
from tests.unit.sanitize.rule_sets import Rule
from tests.unit.sanitize.secret_samples import NAMED, STANDALONE
from tests.unit.sanitize.shares import ENCODINGS, PARTS, SANITIZER, leak, named, shaped
from tests.unit.sanitize.slow_texts import seconds

PAGE_EVENTS, EVENT_CHARACTERS = 200, 4096
"""The largest page of events, as many as the client asks for."""
NASTY: dict[str, str] = {
    "-----BEGIN": "-----BEGIN ",
    "private keys": "-----BEGIN PRIVATE KEY-----A: ",
    "assignments": "password=",
    "quotes": '"token": \'',
    "URLs": "https://a:",
    "commands": "curl -u a -p ",
    "escapes": '\\"',
    "URL escapes": "%22token%3D",
    "base64": "QUJDREVG",
    "formats": "eyJ.sk-ghp_",
    "controls": "\x9d",
}


def shares(rules: list[Rule], seed: int) -> dict[str, str]:
    """Print the shares shown by way, and return the texts of which something is shown, by the kind of their secret."""
    with_shape, with_name = list(shaped(rules, seed)), list(named(rules, seed))
    print(f"| way | {len(with_shape)} secrets with a shape: shown | {len(with_name)} with a name: shown |")
    print("| --- | --- | --- |")
    missing: dict[str, str] = {}
    for way in (*ENCODINGS, *PARTS):
        shown = [[sample for sample in samples if leak(sample, way)] for samples in (with_shape, with_name)]
        print(f"| {way} | {len(shown[0]) / len(with_shape):.2%} | {len(shown[1]) / len(with_name):.2%} |")
        missing |= {sample.kind: f"{way}: {sample.text}" for samples in shown for sample in samples}
    return missing


def harmless(names: list[str]) -> None:
    """Print how many lines of each corpus are changed, and which."""
    read, found = 0, 0
    for name, corpus in CORPORA.items():
        texts = list(lines(corpus())) if name in names else []
        if not texts:
            print(f"{name}: {'not on this machine' if name in names else 'not asked for'}")
            continue
        masked = changed(SANITIZER, texts)
        read, found = read + len(texts), found + len(masked)
        print(f"{name}: {len(masked)} of {len(texts):,} lines changed")
        for line, shown in masked:
            print(f"    {line.strip()[:100]}  ->  {shown.strip()[:100]}")
    print(f"all: {found} of {read:,} lines changed, {1e6 * found / max(read, 1):.1f} in a million")


def measure() -> list[Row]:
    """Measure how long a page of each nasty text takes, and what is shown and changed of a few samples."""
    samples = [*shaped([], 1), *named([], 1)]
    shown = sum(bool(leak(sample, way)) for sample in samples for way in (*ENCODINGS, *PARTS))
    texts = list(lines(CORPORA["Python's standard library"](), 100_000))
    took = {name: _page_seconds(unit) for name, unit in NASTY.items()}
    worst = max(took, key=lambda name: took[name])
    return [
        Row(f"{len(samples)} kinds of secrets in {len(ENCODINGS) + len(PARTS)} ways: shown", [shown], "", limit=0),
        Row(f"{len(texts):,} harmless lines: changed", [len(changed(SANITIZER, texts))], "", limit=2),
        Row(f"page of {PAGE_EVENTS} nasty events of 4 KB, the worst ({worst}): CPU", [took[worst]], "s", limit=2),
    ]


def _page_seconds(unit: str) -> float:
    text = unit * (EVENT_CHARACTERS // len(unit))
    return 10 * seconds(lambda: [SANITIZER.clean(text) for _ in range(PAGE_EVENTS // 10)], 2)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Print how many secrets are shown and harmless lines changed.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gitleaks", type=Path, metavar="FILE", help="config/gitleaks.toml of a checkout of gitleaks")
    parser.add_argument("--corpora", nargs="*", default=list(CORPORA), choices=CORPORA, help="harmless lines to read")
    arguments = parser.parse_args()
    print(f"{len(formats())} formats and private keys; {len(STANDALONE)} kinds and {len(NAMED)} ways to name a secret")
    sets = {"betterleaks": rule_sets.betterleaks()}
    if arguments.gitleaks:
        sets["gitleaks"] = rule_sets.gitleaks(arguments.gitleaks.read_text(encoding="utf-8"))
    for name, rules in sets.items():
        print(f"{name}, {len(rules)} rules:")
        for kind, text in shares(rules, arguments.seed).items():
            print(f"    shown: {kind}, {text!r:.160}")
    harmless(arguments.corpora)


if __name__ == "__main__":
    main()
