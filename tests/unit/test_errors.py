"""A message repeats what was given, but nothing that may be a credential."""

from __future__ import annotations

import errno
from io import StringIO

import pytest

from mogplex_ci.credentials import could_be_credential
from mogplex_ci.errors import InternalError, MissingTokenError
from mogplex_ci.platforms import detect
from mogplex_ci.problems import Problem
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.sanitizer import OWN_LIMIT
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import NoThreadError
from tests.ci_environments import ENVIRONMENTS
from tests.unit.sanitize.secret_samples import STANDALONE, of, seeded

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
PASSWORDS = {
    "hex": of(("0123456789abcdef", 20)),
    "base64": of((ALPHABET + ALPHABET.upper() + "0123456789+/", 24), "=="),
    "three classes": of((ALPHABET, 4), (ALPHABET.upper(), 2), ("0123456789", 2)),
    "with signs": of((ALPHABET, 5), ("!@$%^*", 1), ("0123456789", 3)),
    "uuid": of(
        *(
            part
            for size in (8, 4, 4, 4, 12)
            for part in ("a1-"[-1:] * (size != 8), ("0123456789abcdef", size))
        )
    ),
    "letters": of((ALPHABET + ALPHABET.upper(), 40)),
    "in a URL": of("https://user:", (ALPHABET, 6), "@example.com"),
}


def message(problem: Problem) -> str:
    template, values = problem.line()
    return Sanitizer().line("> " + template, *values)


@pytest.mark.parametrize("kind", [*STANDALONE, *PASSWORDS])
def test_a_credential_is_not_shown(kind: str) -> None:
    for seed in range(50):
        secret = (STANDALONE | PASSWORDS)[kind](seeded(seed))
        text = message(Problem("timeout", "is not a duration", got=Untrusted(secret)))
        assert text == "> timeout is not a duration" or "***" in text, secret


@pytest.mark.parametrize(
    "text",
    [
        "3x",
        "15 minutes",
        "1.5 sec",
        "Codex",
        "yes",
        "preset:docs",
        "my branch",
        "release-2026",
        "refs/heads/main^",
        "acme/web/docs",
        "https://github.com/acme/web",
        "../out/result.json",
        "docs/task-1.md",
        "packages/api/../web",
    ],
)
def test_a_mistake_is_shown(text: str) -> None:
    assert not could_be_credential(text)
    assert f'"{text}"' in message(Problem("x", "is wrong", got=Untrusted(text)))


def test_the_parts_of_a_message() -> None:
    near = (Untrusted("acme/web"), Untrusted("acme/api"), Untrusted("acme/app"))
    full = Problem("repo", "is not visible", "Use another.", Untrusted("acme/wbe"), near)
    assert (
        message(full)
        == '> repo: "acme/wbe" is not visible. Did you mean acme/web, acme/api or acme/app? Use another.'
    )
    assert (
        message(Problem("repo", "is not visible", near=near[:1]))
        == "> repo is not visible. Did you mean acme/web?"
    )
    assert message(Problem("prompt", "is missing", "Set it.")) == "> prompt is missing. Set it."
    assert message(Problem("--repo", "is required")) == "> --repo is required"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (NoThreadError(), "RESOURCES", "the step ran out of threads"),
        (MemoryError(), "RESOURCES", "the step ran out of memory"),
        (OSError(errno.ENOMEM, "no"), "RESOURCES", "the step ran out of memory"),
        (OSError(errno.EMFILE, "no"), "RESOURCES", "the step ran out of open files"),
        (OSError(errno.EAGAIN, "no"), "RESOURCES", "the step ran out of processes"),
        (OSError(errno.EPERM, "no"), "INTERNAL", "an unexpected PermissionError"),
        (RuntimeError("other"), "INTERNAL", "an unexpected RuntimeError"),
    ],
)
def test_a_limit_of_the_machine_is_told_from_a_fault_of_the_program(
    error: Exception, code: str, says: str
) -> None:
    found = InternalError.of(error)
    assert (found.code, found.cause) == (code, says)


@pytest.mark.parametrize("system", sorted(ENVIRONMENTS))
def test_what_to_do_about_a_missing_token_fits_into_a_message(system: str) -> None:
    platform = detect(ENVIRONMENTS[system], StringIO())
    error = MissingTokenError(platform.token_advice)
    remedy = error.remedy
    assert "settings/api-keys" in remedy
    assert len(remedy) <= OWN_LIMIT
