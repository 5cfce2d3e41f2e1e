"""Print the figures of docs/security.md: ``python -m tests.unit.sanitize.figures``.

With ``--detect-secrets`` the same samples go to that library, which must be installed for it.
"""

from __future__ import annotations

import argparse
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mogplex_ci.models import Untrusted
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.secrets.formats import FORMATS
from tests.unit.sanitize.secret_samples import ALNUM, NAMED, PLACES, STANDALONE, of, placed, seeded, telling_parts
from tests.unit.sanitize.test_bounds import PIECES

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
    """Return texts with a secret that only a name tells, and the secret."""
    for seed in SEEDS:
        for template, make in NAMED.values():
            secret = make(seeded(seed))
            yield template.format(secret), secret


def recall(samples: Iterator[tuple[str, str]]) -> str:
    """Return how many secrets were redacted."""
    cases = list(samples)
    missed = sum(any(part in SANITIZER.clean(text) for part in telling_parts(secret)) for text, secret in cases)
    return f"{len(cases) - missed:,} of {len(cases):,} ({1 - missed / len(cases):.2%})"


def standard_library() -> list[str]:
    """Return the lines of Python's standard library and its tests, as they are read here."""
    root = Path(sysconfig.get_path("stdlib"))
    files = [path for path in sorted(root.rglob("*.py")) if "site-packages" not in path.parts]
    return [line for path in files for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of ``work``, the best of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Print the figures of docs/security.md.")
    parser.add_argument("--detect-secrets", action="store_true")
    if parser.parse_args().detect_secrets:
        detect_secrets()
        return
    print(f"formats in the table: {len(FORMATS)}, and private keys")
    print(f"{len(STANDALONE)} kinds of secrets in {len(PLACES)} places, redacted: {recall(standalone())}")
    print(f"{len(NAMED)} ways to name a secret, redacted: {recall(named())}")
    kept = sum(SANITIZER.clean(Untrusted(line)) == line for line in HARMLESS)
    print(f"harmless lines left as they are: {kept} of {len(HARMLESS)}")
    lines = standard_library()
    masked = sum("***" in SANITIZER.clean(line) and "***" not in line for line in lines)
    print(f"lines of Python's standard library in which something was masked: {masked} of {len(lines):,}")

    text = "\n".join(lines[:20_000])
    events = [Untrusted(text[at : at + 4096]) for at in range(0, 190 * 4096, 4096)]
    print(f"190 events of 4 KB: {seconds(lambda: [SANITIZER.block(event) for event in events]):.2f} s")
    worst, piece = max(
        (seconds(lambda: SANITIZER.clean(line)), line[:20])
        for unit in PIECES
        for filler in ("", "a", "=", "-", " ")
        if (line := (unit + filler) * (20_000 // len(unit + filler)))
    )
    print(f"slowest line of 20,000 characters, {piece!r} repeated: {worst:.2f} s")
    print(f"50 MB without a line break: {seconds(lambda: SANITIZER.block('x' * 50_000_000)):.2f} s")


def detect_secrets() -> None:
    """Print what detect-secrets makes of the same samples."""
    from detect_secrets.core.scan import scan_line  # type: ignore[import-not-found]
    from detect_secrets.settings import (  # type: ignore[import-not-found]
        default_settings,
        get_settings,
        transient_settings,
    )

    with default_settings():
        everything = list(get_settings().plugins)
    lines = standard_library()[:20_000]
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
            marked = sum(bool(list(scan_line(line))) for line in lines)
        print(f"detect-secrets, {what}: {found} of {len(STANDALONE)} kinds; marks {marked:,} of {len(lines):,} lines")


if __name__ == "__main__":
    main()
