"""Let atheris change text, guided by which lines of the sanitizer and of the reader of Markdown it
reaches, until some of it does harm.

Harm is defined as in the tests: a command that an oracle obeys, a character that steers, a known
secret that is left, JSON that is none, a hidden word that is shown. A text that does harm is
written to `.cache/fuzz/`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["mogplex_ci.sanitize", "mogplex_ci.platforms.visible_text"]
):
    from mogplex_ci.platforms.visible_text import visible_text
    from mogplex_ci.sanitize import Sanitizer
    from mogplex_ci.untrusted import Untrusted
from tests.oracles.ci_logs import obeyed, steering
from tests.unit.platforms.test_visible_text import PIECES as MARKUP
from tests.unit.sanitize.hostile_text import COMMANDS, INVISIBLE, LEADS, LINE_BREAKS, SKIPPED, WORDS
from tests.unit.sanitize.test_formats import SAMPLES

SECRET = "Zq8vXr2LmN5tB7wK"
SANITIZER = Sanitizer([SECRET])
CHECKS = (
    SANITIZER.identifier,
    SANITIZER.repo,
    SANITIZER.branch,
    SANITIZER.key,
    SANITIZER.path,
    SANITIZER.url,
)
PIECES = (
    *COMMANDS,
    *LINE_BREAKS,
    *LEADS,
    *INVISIBLE,
    *SKIPPED,
    *WORDS,
    *MARKUP,
    *(sample.begin + sample.rest for sample in SAMPLES[::5]),
    SECRET,
    "password=",
    '"token": "',
    "--secret ",
    "Authorization: Bearer ",
    "://a:",
    "-----BEGIN PRIVATE KEY-----",
)
CORPUS = Path(__file__).parents[2] / ".cache" / "fuzz"


def text_of(data: bytes) -> str:
    """Return a text that is put together as ``data`` says: pieces that matter, and characters of
    all kinds.
    """
    provider = atheris.FuzzedDataProvider(data)
    parts = []
    while provider.remaining_bytes():
        choice = provider.ConsumeIntInRange(0, 255)
        parts.append(
            PIECES[choice]
            if choice < len(PIECES)
            else provider.ConsumeUnicode(provider.ConsumeIntInRange(1, 8))
        )
    return "".join(parts)


def do_no_harm(data: bytes) -> None:
    """Raise when the text that ``data`` makes does harm, in any form in which it is printed."""
    safe = SANITIZER
    text = text_of(data)
    value = Untrusted({text[:20]: [text, {"a": text[::-1]}]})
    lines = [
        safe.line("[00:00] {}: {}", Untrusted(text), Untrusted(text)),
        safe.line("a{}", Untrusted(text)),
        safe.sentence("b", Untrusted(text), ": ", Untrusted(text[::-1])),
        safe.message(Untrusted(text)),
        *safe.block(Untrusted(text)),
        *safe.block(Untrusted(text), limit=50),
        safe.json(value),
        *(found for check in CHECKS if (found := check(text))),
    ]
    log = "\n".join(lines)
    assert obeyed(log) == [], log
    assert steering(log) == [], log
    assert SECRET not in log, log
    assert all(len(line.splitlines()) == 1 for line in lines), log
    assert json.loads(safe.json(value)) == safe.data(value)


def hide_what_is_hidden(data: bytes) -> None:
    """Raise when the reader of Markdown shows what ``data`` says in an element that hides it."""
    text = text_of(data)
    visible_text(text)
    for name in ("template", "video"):
        inside = re.sub(r"(?i)</|\s", "", text)
        assert visible_text(f"<{name}>{inside}") in ("", "[…]"), inside


def try_all(data: bytes) -> None:
    """Raise when the text that ``data`` makes does harm."""
    do_no_harm(data)
    hide_what_is_hidden(data)


def main() -> None:
    """Run until the time is over or harm is done."""
    parser = argparse.ArgumentParser(description="Look for text that does harm.")
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    CORPUS.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=1000",
        "-len_control=20",
        f"-artifact_prefix={CORPUS}/harm-",
        str(CORPUS),
    ]
    atheris.Setup([sys.argv[0], *options], try_all)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
