"""How many secrets are shown and how many harmless lines are changed: ``python -m benchmarks.redaction``.

Secrets are made anew from a seed: the kinds of ``tests/unit/sanitize/secret_samples.py``, and samples of the rules of
betterleaks (a package of the dev tools) and, with ``--gitleaks``, of a checkout of gitleaks. Harmless lines are what is
on the machine; which corpora were read is part of the table, and those that are not there are named.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.corpus import CORPORA, changed, lines
from tests.unit.sanitize.encodings import ENCODINGS, Sample, cut, leaks, spoken
from tests.unit.sanitize.rule_sets import Rule
from tests.unit.sanitize.secret_samples import FORMS, NAMED, STANDALONE, formed, name_for, seeded

SANITIZER = Sanitizer()
PARTS = {
    "in two parts, a pause between": (2, "flush"),
    "in two parts, a tool call between": (2, "interrupt"),
    "in three parts, tool calls between": (3, "interrupt"),
}


def shaped(rules: list[Rule], seed: int) -> Iterator[Sample]:
    """Yield secrets with a shape of their own in a sentence."""
    for make in STANDALONE.values():
        secret = make(seeded(seed))
        if "PRIVATE KEY" not in secret:
            yield Sample("The agent read ", secret, " and went on.")
    for rule in rules:
        if not rule.is_named:
            for sample in rule_sets.samples(rule, 2, seed):
                if sample.has_shape and sample.is_plain:
                    yield Sample.of(f"The agent read {sample.text} and went on.", sample.secret)


def named(rules: list[Rule], seed: int) -> Iterator[Sample]:
    """Yield secrets that only their names tell, each in one of the forms."""
    for template, make in NAMED.values():
        secret = make(seeded(seed))
        yield Sample.of(template.format(secret), secret)
    forms = [form for form in FORMS if "JSON" not in form and form not in ("base64", "URL")]
    random = seeded(seed)
    for rule in rules:
        if rule.is_named:
            for sample in rule_sets.samples(rule, 1, seed):
                if sample.is_plain:
                    form = random.choice(forms)
                    yield Sample.of(formed(sample.secret, form, name_for(rule.keyword, rule.name)), sample.secret)


def shown_share(samples: list[Sample], way: str, misses: list[str]) -> float:
    """Return the share of ``samples`` of which something is shown when they come this ``way``."""
    random, count = seeded(0), 0
    for sample in samples:
        if way in ENCODINGS:
            sample = ENCODINGS[way](sample)
            shown: str = SANITIZER.clean(Untrusted(sample.text))
        else:
            parts, then = PARTS[way]
            sample = Sample(f"I look at it.\n{sample.before}", sample.secret, f"{sample.after}\nDone.")
            deltas = list(cut(sample, parts, random))
            shown = spoken(deltas, then, SANITIZER)
        if leaks(sample, shown):
            count += 1
            misses.append(f"{way}: {deltas if way in PARTS else sample.text!r}")
    return count / len(samples)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gitleaks", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", type=int, default=0)
    parser.add_argument("--harmless", action="store_true")
    args = parser.parse_args()
    sets = {"betterleaks": rule_sets.betterleaks()}
    if args.gitleaks:
        sets["gitleaks"] = rule_sets.gitleaks(args.gitleaks.read_text())
    for name, rules in sets.items():
        kinds = {"shaped": list(shaped(rules, args.seed)), "named": list(named(rules, args.seed))}
        for way in (*ENCODINGS, *PARTS):
            shares = []
            for kind, samples in kinds.items():
                misses: list[str] = []
                shares.append(f"{kind} {shown_share(samples, way, misses):7.2%} of {len(samples)}")
                for miss in misses[: args.misses]:
                    print("     ", miss[:240])
            print(f"{name:12} {way:36}", *shares)
    if args.harmless:
        for name, paths in CORPORA.items():
            harmless = list(lines(paths()))
            if harmless:
                found = changed(SANITIZER, harmless)
                print(f"{name}: {len(found)} of {len(harmless):,} ({1e6 * len(found) / len(harmless):.1f} per million)")
                for line, shown in found[:40]:
                    print(f"    {line.strip()[:110]}  ->  {shown.strip()[:110]}")


if __name__ == "__main__":
    main()
