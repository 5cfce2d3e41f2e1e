"""Print the figures of docs/security.md: ``python -m tests.unit.sanitize.figures``.

``--gitleaks config/gitleaks.toml`` and ``--trufflehog pkg/detectors`` add the rules in clones of their repositories.
With ``--detect-secrets`` the same samples go to that library, which must be installed for it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.formats import FORMATS
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize import rule_sets
from tests.unit.sanitize.corpus import changed, lines, lock_files, packages, standard_library
from tests.unit.sanitize.rule_sets import Rule
from tests.unit.sanitize.secret_samples import (
    ALNUM,
    FORMS,
    NAMED,
    PLACES,
    STANDALONE,
    formed,
    name_for,
    of,
    placed,
    seeded,
    telling_parts,
)
from tests.unit.sanitize.slow_texts import Text, seconds, texts

HARMLESS = Path(__file__).with_name("harmless.txt").read_text(encoding="utf-8").splitlines()
SEEDS = range(20)
KNOWN = [of((ALNUM, 40))(seeded(seed)) for seed in range(10)]
SANITIZER = Sanitizer(KNOWN)


def standalone() -> Iterator[tuple[str, str]]:
    """Return texts with a secret of a known format, and the secret."""
    for seed in SEEDS:
        for make in STANDALONE.values():
            for place in PLACES:
                secret = make(seeded(seed))
                yield placed(secret, place), secret


def named() -> Iterator[tuple[str, str]]:
    """Return texts with a secret that only a name gives away, and the secret."""
    for seed in SEEDS:
        for template, make in NAMED.values():
            secret = make(seeded(seed))
            yield template.format(secret), secret


def is_left(text: str, secret: str) -> bool:
    """Whether a telling part of ``secret`` is left of ``text``."""
    shown = SANITIZER.clean(text)
    return any(part in shown for part in telling_parts(secret))


def recall(samples: Iterable[tuple[str, str]]) -> str:
    """Return how many secrets were redacted."""
    cases = list(samples)
    missed = sum(is_left(text, secret) for text, secret in cases)
    return f"{len(cases) - missed:,} of {len(cases):,} ({1 - missed / len(cases):.2%})"


def rules_recall(name: str, rules: list[Rule]) -> None:
    """Print how many samples of a rule set are redacted, without names and with them in every form."""
    shaped = [
        (sample.text, sample.secret)
        for rule in rules
        if not rule.is_named
        for sample in rule_sets.samples(rule, 20)
        if sample.has_shape
    ]
    print(f"{name}, {len(rules)} rules: secrets with a shape of their own, redacted: {recall(shaped)}")
    plain = [
        (rule, sample) for rule in rules if rule.is_named for sample in rule_sets.samples(rule, 2) if sample.is_plain
    ]
    missed: Counter[str] = Counter()
    for form in FORMS:
        for rule, sample in plain:
            missed[form] += is_left(formed(sample.secret, form, name_for(rule.keyword, rule.name)), sample.secret)
    total = len(plain) * len(FORMS)
    worst, most = missed.most_common(1)[0]
    print(
        f"{name}: secrets with a name, in {len(FORMS)} forms, redacted: {total - missed.total():,} of {total:,} "
        f"({1 - missed.total() / total:.2%}; in the worst form, {worst!r}, {1 - most / len(plain):.2%})"
    )


def precision(name: str, paths: Iterator[Path]) -> None:
    """Print how many harmless lines are changed, and which."""
    harmless = list(lines(paths))
    found = changed(SANITIZER, harmless)
    share = 1e6 * len(found) / len(harmless)
    print(f"{name}: lines changed: {len(found)} of {len(harmless):,} ({share:.1f} in a million)")
    for line, shown in found:
        print(f"    {line.strip()[:100]}  ->  {shown.strip()[:100]}")


def speed() -> None:
    """Print what text costs."""
    text = "\n".join(lines(standard_library(), 20_000))
    events = [Untrusted(text[at : at + 4096]) for at in range(0, 190 * 4096, 4096)]
    print(f"190 events of 4 KB: {seconds(lambda: [SANITIZER.block(event) for event in events], 3):.2f} s")

    def time_of(one: Text, size: int, repeats: int) -> float:
        return seconds(lambda: SANITIZER.clean(one.of(size), limit=2 * size), repeats)

    slowest = sorted(texts(), key=lambda one: -time_of(one, 2_000, 1))[:40]
    took, worst = max((time_of(one, 100_000, 3), one) for one in slowest)
    print(f"100 KB of the slowest text, {worst.of(20)[:20]!r} repeated: {took:.2f} s")
    print(f"50 MB without a line break: {seconds(lambda: SANITIZER.block('x' * 50_000_000), 3):.2f} s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Print the figures of docs/security.md.")
    parser.add_argument("--gitleaks", type=Path, help="gitleaks' configuration, config/gitleaks.toml in its repository")
    parser.add_argument("--trufflehog", type=Path, help="trufflehog's detectors, pkg/detectors in its repository")
    parser.add_argument("--detect-secrets", action="store_true")
    arguments = parser.parse_args()
    if arguments.detect_secrets:
        detect_secrets()
        return
    print(f"formats in the table: {len(FORMATS)}, and private keys")
    print(f"{len(STANDALONE)} kinds of secrets in {len(PLACES)} places, redacted: {recall(standalone())}")
    print(f"{len(NAMED)} ways to name a secret, redacted: {recall(named())}")
    rules_recall("betterleaks", rule_sets.betterleaks())
    if arguments.gitleaks:
        rules_recall("gitleaks", rule_sets.gitleaks(arguments.gitleaks.read_text(encoding="utf-8")))
    if arguments.trufflehog:
        rules_recall("trufflehog", rule_sets.trufflehog(arguments.trufflehog))
    kept = sum(SANITIZER.clean(Untrusted(line)) == line for line in HARMLESS)
    print(f"lines of harmless.txt left as they are: {kept} of {len(HARMLESS)}")
    precision("lock files", lock_files())
    precision("Python's standard library", standard_library())
    precision("installed packages", packages())
    speed()


def detect_secrets() -> None:
    """Print what detect-secrets makes of the same samples."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import (
        default_settings,
        get_settings,
        transient_settings,
    )

    with default_settings():
        everything = list(get_settings().plugins)
    harmless = list(lines(standard_library(), 20_000))
    for what, plugins in (
        ("all its plugins", everything),
        ("without the entropy plugins", [name for name in everything if "Entropy" not in name]),
    ):
        with transient_settings({"plugins_used": [{"name": name} for name in plugins]}):
            found = sum(
                any(
                    secret[-8:] in (hit.secret_value or "")
                    for line in placed(secret, "in JSON").splitlines()
                    for hit in scan_line(line)
                )
                for make in STANDALONE.values()
                if (secret := make(seeded(1)))
            )
            marked = sum(bool(list(scan_line(line))) for line in harmless)
        print(
            f"detect-secrets, {what}: {found} of {len(STANDALONE)} kinds; marks {marked:,} of {len(harmless):,} lines"
        )


if __name__ == "__main__":
    main()
