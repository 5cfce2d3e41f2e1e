"""The record of what was judged: what can be signed, and nothing that the agent wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.inputs.declared import load_schema
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import GitHubStep
from tests.unit.platforms.events import MAINTAINER, by

IMAGE = "sha256:" + "0123456789abcdef" * 4
WORKFLOW = "acme/web/.github/workflows/agent.yml@refs/heads/main"
PREDICATE_TYPE = "https://github.com/mogplex/run-action/record/v1"
STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["digest"],
                "properties": {
                    "name": {"type": "string"},
                    "digest": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"},
                    },
                },
            },
        },
        "predicateType": {"type": "string", "format": "uri", "pattern": "^https://"},
        "predicate": {"type": "object"},
    },
}
"""The statement of in-toto's attestation framework, spec/v1/statement.md."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as github:
        yield github


def step_of(folder: Path, emulator: Emulator, github: GitHub, **inputs: str) -> GitHubStep:
    known = {
        "prompt": "Fix the login",
        "repo": "acme/web",
        "base-url": emulator.url,
        "api-key": emulator.token,
        "github-token": TOKEN,
        "output-dir": "out",
    }
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    env = {
        "GITHUB_API_URL": github.url,
        "GITHUB_WORKFLOW_REF": WORKFLOW,
        "MOGPLEX_IMAGE": f"ghcr.io/mogplex/run-action:1@{IMAGE}",
    }
    return GitHubStep(folder, known | given, env)


def record_of(step: GitHubStep) -> Any:
    """Return the record of the result file; one that is there is as its schema says."""
    result = json.loads((step.workspace / "out/result.json").read_text(encoding="utf-8"))
    Draft202012Validator(load_schema("result")).validate(result)
    assert result["runs"][0]["record"] == result["record"]
    if result["record"] is not None:
        Draft202012Validator(load_schema("record")).validate(result["record"])
    return result["record"]


def test_the_record_has_what_was_judged(tmp_path: Path, github: GitHub) -> None:
    before = github.branches["main"]
    with Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work(checks=Look([check("test", "success")])))
        step = step_of(tmp_path, emulator, github, require="change", protected_paths=".github/")
        ended = step.run()
        (run,) = emulator.runs
    assert ended.code == 0, ended.out
    record = record_of(step)
    branch = step.outputs["branch"]
    assert record["result"] == "success"
    assert record["repository"] == "acme/web"
    assert (record["branch"], record["base_branch"]) == (branch, "main")
    assert (record["commit"], record["commit_before"]) == (github.branches[branch], before)
    assert record["prompt_sha256"] == hashlib.sha256(b"Fix the login").hexdigest()
    assert record["runs"] == [run.id]
    gates = [(gate["name"], gate["passed"]) for gate in record["gates"]]
    assert gates == [("change", True), ("protected-paths", True), ("branch", True)]
    assert (record["required_checks"], record["checks"]) == (None, []), "the gate was not asked for"
    assert record["image"] == IMAGE
    assert record["job"]["workflow"] == WORKFLOW
    assert record["job"]["system"] == "github"
    assert "Fix the login" not in json.dumps(record)


def test_the_record_has_the_digest_of_the_events_words(tmp_path: Path, github: GitHub) -> None:
    github.words = {"I": {"title": "Login crashes", "body": "At once."}}
    issue = {"issue.title": "Login crashes", "issue.body": "At once.", "issue.node_id": "I"}
    reported = by("issues labeled", "NONE", sender=MAINTAINER, **issue)
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps(reported.payload))
    with Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work())
        step = step_of(tmp_path, emulator, github, require="change", include_event="true")
        step.env |= {"GITHUB_EVENT_NAME": reported.name, "GITHUB_EVENT_PATH": str(payload)}
        ended = step.run()
        (run,) = emulator.runs
    assert ended.code == 0, ended.out
    record = record_of(step)
    added = run.request.prompt.removeprefix("Fix the login\n\n")
    assert record["event_sha256"] == hashlib.sha256(added.encode()).hexdigest()
    assert record["prompt_sha256"] == hashlib.sha256(run.request.prompt.encode()).hexdigest()


def test_the_record_has_the_checks_that_were_required_and_judged(
    tmp_path: Path, github: GitHub
) -> None:
    """Listed by name, each with GitHub's word."""
    required = [{"context": "test"}, {"context": "e2e"}]
    parameters = {"required_status_checks": required}
    github.rules["main"] = [{"type": "required_status_checks", "parameters": parameters}]
    judged = [check("test", "success"), check("e2e", "skipped"), check("a lint", "failure")]
    with Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work(checks=Look(judged)))
        step = step_of(tmp_path, emulator, github, require="checks")
        assert step.run().code == 1
    record = record_of(step)
    assert record["required_checks"] == ["e2e", "test"]
    assert [(each["name"], each["conclusion"]) for each in record["checks"]] == [
        ("a lint", "failure"),
        ("e2e", "skipped"),
        ("test", "success"),
    ]
    assert record["gates"][0]["items"] == ["a lint"]


def test_a_rejected_run_has_a_record_with_the_paths(tmp_path: Path, github: GitHub) -> None:
    with Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work(files={".github/workflows/ci.yml": "on: push"}))
        step = step_of(tmp_path, emulator, github, protected_paths=".github/")
        assert step.run().code == 1
    record = record_of(step)
    assert record["result"] == "rejected"
    assert record["gates"][0]["items"] == [".github/workflows/ci.yml"]


def test_no_word_of_the_agent_is_in_it(tmp_path: Path, github: GitHub) -> None:
    """Also where a gate quotes what the agent has written into an artifact."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "artifacts: {report: {json: {note: words of the agent}}}\n"
        "steps:\n"
        "  - {after: 500ms, part: launch}\n"
        '  - {after: 200ms, text: "words of the agent"}\n'
        "  - {after: 200ms, part: deliver}\n"
    )
    with Emulator(scenario, speed=50) as emulator:
        github.works_for(emulator, Work())
        step = step_of(tmp_path, emulator, github, require="change", artifact="report")
        step.inputs["artifact-schema"] = "schema.json"
        schema = {"properties": {"note": {"pattern": "^[0-9]+$"}}}
        (step.workspace / "schema.json").write_text(json.dumps(schema))
        assert step.run().code == 1
    record = record_of(step)
    assert [gate["name"] for gate in record["gates"] if not gate["passed"]] == ["artifact"]
    assert "words of the agent" not in json.dumps(record)


def test_without_a_gate_that_has_judged_there_is_none(tmp_path: Path, github: GitHub) -> None:
    with Emulator("success", speed=50) as emulator:
        step = step_of(tmp_path, emulator, github)
        assert step.run().code == 0
    assert record_of(step) is None


def test_the_predicate_makes_a_statement(tmp_path: Path, github: GitHub) -> None:
    with Emulator("success", speed=50) as emulator:
        github.works_for(emulator, Work())
        step = step_of(tmp_path, emulator, github, require="change")
        assert step.run().code == 0
    record = record_of(step)
    subject = hashlib.sha256(json.dumps(record).encode()).hexdigest()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "record.json", "digest": {"sha256": subject}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": record,
    }
    Draft202012Validator(STATEMENT).validate(statement)
    assert PREDICATE_TYPE in load_schema("record")["description"]
