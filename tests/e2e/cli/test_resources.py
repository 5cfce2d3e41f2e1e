"""`mogplex runs artifact`, `agents list` and `skills list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.e2e.cli.terminal import Terminal

SCENARIO = """\
steps:
  - {status: success}
artifacts:
  report: {json: {passed: 12, note: "npm_{{ x }}"}}
variables:
  x: [ABCDEFGHIJKLMNOPQR, STUVWXYZ0123456789]
"""
EMPTY_WORLD = """\
users:
  - name: ada
    tokens: [{token: mog_EmulatorTokenWithoutAnyAgents000, scopes: [read]}]
    repos: []
"""
AGENTS = """\
preset:Code Reviewer                  Code Reviewer     anthropic/claude-sonnet-4.5  Reviews pull requests
3d5e8a10-6a51-4c5e-8f51-7b1de0a50001  Release Engineer  openai/gpt-5                 -
"""
SKILLS = "release-notes  library  Release Notes  How this team writes them\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A run that commits an artifact."""
    path = tmp_path / "artifact.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.parametrize("name", ["report", "report.json", ".mogplex/artifacts/report.json"])
def test_an_artifact_is_one_clean_line_of_json(terminal: Terminal, scenario: Path, name: str) -> None:
    with Emulator(scenario) as emulator:
        run_id = terminal.against(emulator).started("--create-branch")
        ended = terminal.mogplex("runs", "artifact", run_id, name)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert json.loads(ended.out) == {"passed": 12, "note": "***"}


def test_an_artifact_that_was_not_committed(terminal: Terminal, scenario: Path) -> None:
    with Emulator(scenario) as emulator:
        run_id = terminal.against(emulator).started("--create-branch")
        ended = terminal.mogplex("runs", "artifact", run_id, "coverage")
    assert (ended.code, ended.out) == (1, "")
    assert "NOT_FOUND" in ended.err
    assert "git add --force" in ended.err


def test_an_artifact_of_a_run_without_a_branch_of_its_own(terminal: Terminal, scenario: Path) -> None:
    with Emulator(scenario) as emulator:
        run_id = terminal.against(emulator).started()
        ended = terminal.mogplex("runs", "artifact", run_id, "report")
    assert (ended.code, ended.out) == (1, "")
    assert "the run's state does not allow this (CONFLICT)" in ended.err
    assert "idempotency" not in ended.err


def test_agents(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        table = terminal.against(emulator).mogplex("agents", "list")
        as_json = terminal.shell("mogplex agents list --json | jq -r .id")
    assert (table.code, table.out, table.err) == (0, AGENTS, "")
    assert as_json.out == "preset:Code Reviewer\n3d5e8a10-6a51-4c5e-8f51-7b1de0a50001\n"


def test_skills(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        table = terminal.against(emulator).mogplex("skills", "list")
        of_repo = terminal.mogplex("skills", "list", "--repo", "acme/web", "--q", "style", "--json")
    assert (table.code, table.out, table.err) == (0, SKILLS, "")
    assert json.loads(of_repo.out)["slug"] == "review-style"


def test_nothing_found_is_said(terminal: Terminal, tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(EMPTY_WORLD)
    with Emulator("success", world=world) as emulator:
        agents = terminal.against(emulator).mogplex("agents", "list")
        skills = terminal.mogplex("skills", "list", "--q", "x")
    assert (agents.code, agents.out, agents.err) == (0, "", "warning: no agent found\n")
    assert (skills.code, skills.out, skills.err) == (0, "", "warning: no skill found\n")


def test_names_of_others_do_no_harm(terminal: Terminal) -> None:
    agents = [{"id": "preset:\x1b[2J::error::", "name": "a\n##vso[x]", "model": 7, "description": "npm_" + "aB3" * 12}]
    with Emulator("success") as emulator:
        emulator.inject("agents", status=200, body={"ok": True, "data": {"agents": agents}}, times="always")
        ended = terminal.against(emulator).mogplex("agents", "list")
    (line,) = ended.out.splitlines()
    assert line.startswith("preset:")
    assert "\x1b" not in line
    assert "##vso" not in line
    assert "aB3aB3" not in line
