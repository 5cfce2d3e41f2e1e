"""A message repeats what was given, but nothing that may be a credential."""

from __future__ import annotations

import errno
from io import StringIO

import pytest

from mogplex_ci.errors import InternalError, MissingTokenError
from mogplex_ci.platforms import detect
from mogplex_ci.problems import Problem, could_be_credential
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.sanitizer import OWN_LIMIT
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import NoThreadError
from tests.ci_environments import ENVIRONMENTS
from tests.unit.sanitize.test_formats import SAMPLES

PASSWORDS = {
    "hex": "3f9a0c5e7b1d2468ace0",
    "base64": "Zq8vXr2LmN5tB7wK9dPc4HsJ==",
    "three classes": "kwtmQX83",
    "with signs": "lhzqa!739",
    "uuid": "6ab05a3c-a77d-40b6-a15e-0a93c5b20138",
    "letters": "qWkZxTbRmNvLpHsDfGjYcUeOiAaBtQzXkVwPnMrE",
    "in a URL": "https://user:kwtmqx@example.com",
    "a key": "-----BEGIN PRIVATE KEY-----\nZq8vXr2LmN5tB7wK9dPc4HsJ\n-----END PRIVATE KEY-----",
}


def message(problem: Problem) -> str:
    template, values = problem.line()
    return Sanitizer().line("> " + template, *values)


@pytest.mark.parametrize("kind", PASSWORDS)
def test_a_password_is_not_shown(kind: str) -> None:
    text = message(Problem("timeout", "is not a duration", got=Untrusted(PASSWORDS[kind])))
    assert text == "> timeout is not a duration"


def test_no_credential_of_a_known_format_is_shown() -> None:
    for sample in SAMPLES:
        given = Untrusted(sample.begin + sample.rest)
        text = message(Problem("timeout", "is not a duration", got=given))
        assert text == "> timeout is not a duration" or "***" in text, sample


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
