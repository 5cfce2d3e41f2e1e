"""A secret in the agent's words is redacted, wherever the words are split and however long the rest takes."""

from __future__ import annotations

from functools import cache

import pytest

from mogplex_ci.run.agent_text import TextBuffer
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.unit.sanitize.secret_samples import (
    ALNUM,
    FORMS,
    NAMED,
    STANDALONE,
    formed,
    of,
    placed,
    seeded,
    telling_parts,
)

KNOWN = of((ALNUM, 40))(seeded(7))
SANITIZER = Sanitizer([KNOWN])


@cache
def clean(text: str) -> str:
    return SANITIZER.clean(Untrusted(text))


def shown(text: str, split: int, *, is_quiet: bool) -> str:
    """Return what is shown of ``text`` in two deltas; ``is_quiet``: the second one takes a while."""
    buffer = TextBuffer()
    pieces = buffer.add(Untrusted(text[:split]))
    pieces += buffer.flush() if is_quiet else []
    pieces += [*buffer.add(Untrusted(text[split:])), *buffer.drain()]
    return "\n".join(clean(piece.text) for piece in pieces)


def check_splits(secret: str, sample: str) -> None:
    """Assert that no split shows a part of ``secret``, if it is redacted as a whole."""
    text = f"Here it is.\n{sample}\nDone. More follows"
    parts = telling_parts(secret)
    assert not any(part in clean(text) for part in parts)
    for split in range(len(text) + 1):
        for is_quiet in (False, True):
            words = shown(text, split, is_quiet=is_quiet)
            leaks = [part for part in parts if part in words]
            assert leaks == [], f"split after {text[max(split - 30, 0) : split]!r}"


@pytest.mark.parametrize("kind", STANDALONE)
def test_secrets_of_a_known_format(kind: str) -> None:
    secret = STANDALONE[kind](seeded(1))
    check_splits(secret, placed(secret, "in prose"))


@pytest.mark.parametrize("form", FORMS)
def test_secrets_with_a_name(form: str) -> None:
    secret = of((ALNUM, 24))(seeded(3))
    check_splits(secret, formed(secret, form, "db_password"))


@pytest.mark.parametrize("kind", NAMED)
def test_secrets_that_only_a_name_tells(kind: str) -> None:
    template, make = NAMED[kind]
    secret = make(seeded(2))
    check_splits(secret, template.format(secret))


def test_the_steps_own_secrets() -> None:
    check_splits(KNOWN, f"I print {KNOWN} here")
