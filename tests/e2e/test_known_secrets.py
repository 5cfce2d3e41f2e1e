"""The secrets of a job's environment, as tools quote them and cut by tool calls: a whole step shows
none of it, and all that only looks like them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulator import Emulator
from tests.program import GitHubStep
from tests.unit.sanitize.test_known_values import DOCUMENTS, LONG, SERVICE_ACCOUNT, TOOLS

WRITTEN = {name: write(LONG) for name, write in TOOLS.items() if name != "with zero width"}


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    return GitHubStep(tmp_path, inputs={"prompt": "Fix it", "output-dir": "out"})


def printed(texts: dict[str, str]) -> list[dict[str, Any]]:
    """Return the events of a tool that prints ``texts``."""
    return [
        {"event": "log", "message": f"form {name}", "payload": {"output": f"<{text}>"}}
        for name, text in texts.items()
    ]


def shown(step: GitHubStep, events: list[dict[str, Any]]) -> str:
    """Return all that a step shows and writes of a run with these events."""
    steps = [{"part": "launch"}, *events, {"part": "deliver-nothing"}]
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
    out = shown(step, printed(WRITTEN))
    for name, text in WRITTEN.items():
        assert f"form {name}" in out
        assert text[-30:] not in out, name
    assert LONG[:8] not in out


RANDOM_PIECES = (SERVICE_ACCOUNT["private_key_id"], LONG, "Kj7-Hunter!")


@pytest.mark.parametrize(
    ("document", "piece"), zip(DOCUMENTS.values(), RANDOM_PIECES, strict=True), ids=DOCUMENTS
)
def test_no_random_piece_of_a_secret_that_is_a_document_is_shown(
    step: GitHubStep, document: str, piece: str
) -> None:
    step.env = {"DEPLOY_SECRET": document}
    out = shown(step, printed({"piece": piece, "word": "production"}))
    assert piece not in out
    assert "<production>" in out


PASSWORD = "Kj7-hunter/Qz8"


GOES_ON = "Kj7-hu\\\nnter/Qz8"
"""The password in a shell's line that goes on in the next one."""


@pytest.mark.parametrize(
    ("size", "written"),
    [*((size, PASSWORD) for size in (1, 3, 6, 13)), (9, GOES_ON)],
)
def test_a_password_that_tool_calls_cut_is_shown_by_no_report(
    step: GitHubStep, size: int, written: str
) -> None:
    """Four characters at most: so many are in every text."""
    step.env = {"DB_PASSWORD": PASSWORD}
    parts = [written[at : at + size] for at in range(0, len(written), size)]
    events = [
        event
        for part in ["The password is ", *parts, " and that is all.\n\n"]
        for event in (
            {"event": "log", "message": part, "payload": {"kind": "assistant_delta"}},
            {"event": "tool", "message": "ls", "payload": {"phase": "call", "toolName": "bash"}},
        )
    ]
    out = shown(step, events)
    assert "and that is all" in out
    assert [PASSWORD[at : at + 5] for at in range(10) if PASSWORD[at : at + 5] in out] == []
    rest = out.partition("The password is")[2].partition("and that is all")[0]
    assert "Qz8" not in rest


NAMES_OF_SECRETS = (
    *("APP_JWT", "JWTS", "AUTH_COOKIE", "COOKIES", "PHP_SESSION_ID", "SESSIONS"),
    *("SLACK_WEBHOOK", "TEAMS_WEBHOOK_URL", "RELEASE_SIGNATURE", "SIGNATURES", "DEPLOY_TOKENS"),
    *("SSH_KEYS", "DEPLOY_PATS", "DB_PWDS", "STORAGE_CONNECTION_STRING"),
    *("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
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
    out = shown(step, printed({name.lower(): value for name, value in step.env.items()}))
    assert [name for name in NAMES_OF_SECRETS if step.env[name] in out] == []
    assert [name for name in NAMES_OF_OTHERS if step.env[name] not in out] == []


def test_the_word_that_a_test_database_has_as_password_is_shown(step: GitHubStep) -> None:
    step.env = {
        "DATABASE_URL": "postgres://postgres:postgres@localhost/test",
        "DB_PASSWORD": "password",
    }
    out = shown(step, printed({"words": "reset-password of postgres"}))
    assert "<reset-password of postgres>" in out
