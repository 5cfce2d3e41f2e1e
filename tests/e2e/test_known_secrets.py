"""The secrets of a job's environment, in each form that an agent's tools may write them: a whole
step shows none of it, and all that only looks like them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

from mogplex_ci.emulator import Emulator
from tests.program import GitHubStep
from tests.unit.sanitize.test_known_values import (
    CONNECTIONS,
    KEEPS,
    KUBECONFIG,
    LONG,
    SERVICE_ACCOUNT,
)

HALVES = (LONG[:20], LONG[20:])
WRITTEN = {
    "whole": LONG,
    "cut": f"{LONG[:18]}…",
    "a sum of strings": f'"{HALVES[0]}" +\n  "{HALVES[1]}"',
    "over lines": "\n".join(HALVES),
    "a diff": f"-token: {HALVES[0]}\n+{HALVES[1]}",
    "bytes": "".join(f"\\x{ord(c):02x}" for c in LONG),
    "code points": "".join(f"\\u{{{ord(c):x}}}" for c in LONG),
    "hex of a half": HALVES[0].encode().hex(),
    "base64 of a half": base64.b64encode(f"a={HALVES[1]}".encode()).decode(),
    "UTF-16 in base64": base64.b64encode(f"echo {LONG}".encode("utf-16-le")).decode(),
    "base64 in lines behind a prefix": "".join(
        f"> {line}\n"
        for line in re.findall(
            ".{1,64}", base64.b64encode(f"{'a line ' * 9}{LONG} and more".encode()).decode()
        )
    ),
    "a hex dump": f"00000000: {HALVES[0].encode().hex(' ')}",
    "octal escapes": "".join(f"\\{ord(c):03o}" for c in LONG),
    "octal escapes of echo": "".join(f"\\0{ord(c):03o}" for c in LONG),
    "hex with colons": LONG.encode().hex(":"),
    "base64 that lacks its start": base64.b64encode(LONG.encode()).decode()[5:45],
    "JSON": json.dumps({"a": HALVES[0], "b": HALVES[1]}),
}
"""Forms of a secret, or of a part of it."""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(tmp_path, inputs={"prompt": "Fix it", "output-dir": "out"})


def shown(step: GitHubStep, texts: dict[str, str]) -> str:
    """Return all that a step shows and writes of a run whose tool prints ``texts``."""
    events = [
        {"event": "log", "message": f"form {name}", "payload": {"output": f"<{text}>"}}
        for name, text in texts.items()
    ]
    fields = {"first": HALVES[0], "second": [HALVES[1]]}
    steps = [
        {"part": "launch"},
        *events,
        {"event": "log", "message": "two fields", "payload": fields},
        {"part": "deliver-nothing"},
    ]
    scenario = step.folder / "scenario.yaml"
    scenario.write_text(yaml.safe_dump({"steps": steps}, width=10_000), encoding="utf-8")
    with Emulator(scenario, speed=100) as emulator:
        step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
        ended = step.run()
    assert ended.code == 0, ended.out
    files = sorted((step.workspace / "out").iterdir())
    assert len(files) > 3
    texts_of_files = [file.read_text(encoding="utf-8") for file in files]
    return "\n".join([ended.out, step.summary, *texts_of_files])


def test_no_form_of_a_jobs_secret_is_shown(step: GitHubStep) -> None:
    step.env = {"DEPLOY_TOKENS": LONG}
    out = shown(step, WRITTEN)
    for name in WRITTEN:
        assert f"form {name}" in out
    hidden = [LONG[at : at + 8] for at in range(len(LONG) - 7)]
    assert [piece for piece in hidden if piece in out] == []
    for form in (
        *("bytes", "code points", "octal escapes", "hex of a half", "base64 of a half"),
        *("UTF-16 in base64", "a hex dump", "octal escapes of echo", "hex with colons"),
    ):
        assert WRITTEN[form][20:50] not in out, form
    assert WRITTEN["base64 that lacks its start"][:12] not in out
    prefixed = WRITTEN["base64 in lines behind a prefix"].splitlines()
    assert prefixed[1][:40] not in out


PEM = f"-----BEGIN EC PRIVATE KEY-----\n{LONG}{LONG[:24]}\n{LONG[5:]}\n-----END EC PRIVATE KEY-----"
LEAVES = {
    "JSON": (json.dumps(SERVICE_ACCOUNT), SERVICE_ACCOUNT["private_key_id"][3:23]),
    "JSON of one line": (json.dumps({"user": "deploy", "password": "Kj7-hunter"}), "Kj7-hunter"),
    "YAML": (KUBECONFIG, LONG[3:20]),
    "PEM": (PEM, f"{LONG[30:]}{LONG[:10]}"),
    "a connection string": (CONNECTIONS["a URL"][0], "hunter2-secret"),
    "settings": (CONNECTIONS["settings"][0], "hunter2-secret"),
}
"""Secrets that are documents or connection strings, and a piece of one of their leaves."""


@pytest.mark.parametrize(("value", "leaf"), LEAVES.values(), ids=LEAVES)
def test_no_leaf_of_a_secret_that_is_a_document_is_shown(
    step: GitHubStep, value: str, leaf: str
) -> None:
    step.env = {"DEPLOY_SECRET": value}
    out = shown(step, {"leaf": leaf, "name": "deploy"})
    assert leaf not in out
    assert "<deploy>" in out


NAMES_OF_SECRETS = (
    *("APP_JWT", "JWTS", "AUTH_COOKIE", "COOKIES", "PHP_SESSION_ID", "SESSIONS"),
    *("SLACK_WEBHOOK", "TEAMS_WEBHOOK_URL", "RELEASE_SIGNATURE", "SIGNATURES", "DEPLOY_TOKENS"),
    *("SSH_KEYS", "DEPLOY_PATS", "DB_PWDS", "STORAGE_CONNECTION_STRING"),
)
NAMES_OF_OTHERS = (
    *("CODEBUILD_WEBHOOK_HEAD_REF", "CODEBUILD_KMS_KEY_ID", "JENKINS_SERVER_COOKIE"),
    *("XDG_SESSION_ID", "SESSION_DRIVER", "COOKIE_DOMAIN", "SIGNATURE_ALGORITHM", "CACHE_KEY"),
)


def test_the_name_of_a_variable_tells_whether_its_value_is_shown(step: GitHubStep) -> None:
    step.env = {
        name: f"value-{hashlib.sha256(name.encode()).hexdigest()[:20]}"
        for name in (*NAMES_OF_SECRETS, *NAMES_OF_OTHERS)
    }
    out = shown(step, {name.lower(): value for name, value in step.env.items()})
    assert [name for name in NAMES_OF_SECRETS if step.env[name] in out] == []
    assert [name for name in NAMES_OF_OTHERS if step.env[name] not in out] == []


@pytest.mark.parametrize(
    ("value", "kept"), [*KEEPS.values(), *CONNECTIONS.values()], ids=[*KEEPS, *CONNECTIONS]
)
def test_what_only_looks_like_a_part_of_a_secret_is_shown(
    step: GitHubStep, value: str, kept: tuple[str, ...]
) -> None:
    step.env = {"DEPLOY_SECRET": value, "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/release-2026"}
    out = shown(step, dict.fromkeys(kept, "refs/heads/release-2026"))
    assert [text for text in kept if f"form {text}" not in out] == []
    assert "<refs/heads/release-2026>" in out


def test_the_word_that_a_test_database_has_as_password_is_shown(step: GitHubStep) -> None:
    step.env = {
        "DATABASE_URL": "postgres://postgres:postgres@localhost/test",
        "DB_PASSWORD": "password",
    }
    assert "<reset-password of postgres>" in shown(step, {"words": "reset-password of postgres"})
