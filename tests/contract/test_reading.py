"""What is read of a scenario and of a world: every field, what stands for one that is left out, and
the seconds of a script.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.emulator import DocumentError, Emulator
from tests.emulator.scenario import QueueFailure, ScenarioSet, Step, load_scenario, render
from tests.emulator.world import Agent, Api, Repo, Skill, Token, Worktree, World, load_world

SCENARIO = """\
variables: {plain: x, joined: [a, b], repeated: {repeat: ab, times: 3}}
queue_failure: {error: no room, after: 2s, times: 1}
kill_failures: 2
cancel_conflicts: [changed, inactive]
ignored_cancels: 3
artifacts: {report: {json: {passed: 12}}}
falls_back: true
install_log: installed
faults: [{route: run, status: 500}]
steps:
  - {after: 1m, status: streaming}
  - {after: 2, event: log, tool: t, message: m, payload: {a: b}, backdate: 500ms}
  - {after: 1, text: "ab{{ plain }}cde", size: 2, every: 100ms}
  - {after: 1, text: [x, y]}
  - {text: whole}
  - {after: 1, tool_started: Command, call: c}
  - {after: 1, tool_finished: Command, call: c}
  - {after: 1, tool_finished: Command, call: c, state: error}
  - {after: 1, repeat: 2, steps: [{after: 1, event: log}, {after: 3, event: log, message: "{{ i }}"}]}
  - {after: 1, commit: a1}
  - {after: 1, worker_dies: failed, error: gone}
"""


def words(at: float, text: str) -> Step:
    return Step(at, event="log", message=text, payload={"kind": "assistant_delta"})


def tool(at: float, kind: str, state: str, message: str) -> Step:
    payload = {"kind": "tool", "state": state, "toolCallId": "c"}
    return Step(at, event=kind, tool="Command", message=message, payload=payload)


def test_a_whole_scenario(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SCENARIO)
    found = load_scenario(path)
    assert (found.name, found.is_recorded) == ("mine", False)
    assert found.variables == {"plain": "x", "joined": "ab", "repeated": "ababab"}
    assert found.queue_failure == QueueFailure("no room", 2.0, 1)
    assert (found.kill_failures, found.cancel_conflicts) == (2, ("changed", "inactive"))
    assert (found.ignored_cancels, found.falls_back) == (3, True)
    assert found.artifacts == {"report": {"json": {"passed": 12}}}
    assert found.install_log == "installed"
    assert [(fault.route, fault.status, fault.when) for fault in found.faults] == [
        ("run", 500, "before")
    ]
    expected = [
        Step(60.0, status="streaming", sandbox=True),
        Step(62.0, event="log", tool="t", message="m", payload={"a": "b"}, backdate=0.5),
        words(63.0, "ab"),
        words(63.1, "{{ plain }}c"),
        words(63.2, "de"),
        words(64.2, "x"),
        words(64.201, "y"),
        words(64.202, "whole"),
        tool(65.202, "tool_started", "running", "Command started"),
        tool(66.202, "tool_finished", "done", "Command finished"),
        tool(67.202, "tool_finished", "error", "Command failed"),
        Step(69.202, event="log", counter=1),
        Step(72.202, event="log", message="{{ i }}", counter=1),
        Step(73.202, event="log", counter=2),
        Step(76.202, event="log", message="{{ i }}", counter=2),
        Step(77.202, commit="a1"),
        Step(78.202, worker_dies=True, status="failed", error="gone"),
    ]
    assert [step.at for step in found.steps] == pytest.approx([step.at for step in expected])
    for step, wanted in zip(found.steps, expected, strict=True):
        assert step == replace(wanted, at=step.at)


def test_a_scenario_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("steps: []\n")
    found = load_scenario(path)
    assert (found.steps, found.variables, found.queue_failure, found.faults) == ((), {}, None, ())
    assert (found.kill_failures, found.cancel_conflicts, found.ignored_cancels) == (0, (), 0)
    assert (found.artifacts, found.falls_back, found.install_log) == ({}, False, None)
    path.write_text("steps: []\nqueue_failure: {error: x}\n")
    assert load_scenario(path).queue_failure == QueueFailure("x", 0.0, None)


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("{{ yes }}", True),
        ("{{yes}} {{ n }}", "True 7"),
        ([{"{{ n }}": ["{{ n }}", None]}], [{7: [7, None]}]),
        ("{ n }", "{ n }"),
        (7, 7),
    ],
)
def test_variables_are_put_into_texts(value: Any, rendered: Any) -> None:
    assert render(value, {"yes": True, "n": 7}) == rendered


@pytest.mark.parametrize("suffix", [".ndjson", ".jsonl"])
def test_a_recording_is_read_as_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_text('{"type": "finished"}\n{"runId": "r-1", "status": "success"}\n')
    found = load_scenario(path)
    assert (found.name, found.is_recorded) == ("mine", True)
    assert [step.status or step.event for step in found.steps] == [
        "streaming",
        "finished",
        "success",
    ]


@pytest.mark.parametrize(
    ("prompt", "harness", "played"),
    [
        ("Fix it", "codex", "mine"),
        ("Fix it, SCENARIO: Other", "codex", "other"),
        ("scenario:failed", "claude-code", "failed"),
        ("scenario: nothing", "codex", "mine"),
        ("myscenario: failed", "codex", "mine"),
        ("scenario: success", "codex", "success"),
        ("scenario: success", "claude-code", "claude-code"),
        ("scenario: success", "mogplex", "mogplex"),
    ],
)
def test_a_prompt_picks_a_scenario_and_a_harness_its_own_success(
    tmp_path: Path, prompt: str, harness: str, played: str
) -> None:
    for name in ("mine", "other"):
        (tmp_path / f"{name}.yaml").write_text("steps: []\n")
    mine, other = (load_scenario(tmp_path / f"{name}.yaml") for name in ("mine", "other"))
    assert ScenarioSet(mine, [other]).scenario_for(prompt, harness).name == played


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("succes", "succes: no such scenario: did you mean success?"),
        ("zzz", "zzz: no such scenario: use a file or one of "),
        ("zzz.yaml", "zzz.yaml: cannot be read: "),
        ("zzz.ndjson", "zzz.ndjson: cannot be read: "),
    ],
)
def test_a_scenario_that_is_not_there(name: str, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load_scenario(name)
    assert str(refused.value).startswith(says)


ID, TREE = "10000000-0000-4000-8000-00000000000A", "30000000-0000-4000-8000-00000000000B"
FULL, BARE = "mog_" + "a" * 32, "mog_" + "b" * 32
WORLD = f"""\
api: "2026-08"
limits: false
users:
  - name: ada
    tokens:
      - {{token: {FULL}, scopes: [read], expires: "2030-01-31T12:00:00", revoked: true, access: automations}}
    repos:
      - id: {ID}
        full_name: acme/web
        installation_id: 7
        default_branch: dev
        root_directory: apps
        hidden: true
        api_keys: unknown
        worktrees:
          - {{id: {TREE}, base_branch: a, working_branch: b, root_directory: c, active: false}}
          - {{id: {TREE.replace("3", "4", 1)}, working_branch: d}}
    agents:
      - {{id: z, name: Zoe, slug: zoe, model: m, description: d, category: c}}
      - {{id: a, name: Ada}}
      - {{id: "preset:Z", name: Z}}
    skills:
      - {{slug: z, name: Z, description: d, tags: [x], content: c, repo_id: {ID}}}
      - {{slug: a, name: A}}
  - name: bob
    tokens: [{{token: {BARE}}}]
    repos: [{{id: {ID.replace("1", "2", 1)}, full_name: bob/site}}]
"""


def world_of(tmp_path: Path, text: str = WORLD) -> World:
    path = tmp_path / "world.yaml"
    path.write_text(text)
    return load_world(path)


def test_a_whole_world_and_its_defaults(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    assert (world.api, world.limited, list(world.tokens)) == (Api.OLD, False, [FULL, BARE])
    ada, bob = (token.user for token in world.tokens.values())
    expires = datetime(2030, 1, 31, 12, tzinfo=UTC)
    assert world.tokens[FULL] == Token(
        FULL, ada, frozenset({"read"}), expires, revoked=True, automations_only=True
    )
    assert world.tokens[BARE] == Token(
        BARE, bob, frozenset({"read", "write"}), None, revoked=False, automations_only=False
    )
    trees = (
        Worktree(TREE.lower(), "a", "b", "c", active=False),
        Worktree(TREE.lower().replace("3", "4", 1), "main", "d", None, active=True),
    )
    web = Repo(ID.lower(), "acme/web", 7, "dev", "apps", True, "unknown", trees)
    assert (ada.name, ada.repos) == ("ada", (web,))
    site = Repo(ID.lower().replace("1", "2", 1), "bob/site", 1, "main", None, False, "full", ())
    assert (bob.name, bob.repos, bob.agents, bob.skills) == ("bob", (site,), (), ())
    assert ada.agents == (
        Agent("preset:Z", "Z", None, "openai/gpt-5", None, None, preset=True),
        Agent("a", "Ada", None, "openai/gpt-5", None, None, preset=False),
        Agent("z", "Zoe", "zoe", "m", "d", "c", preset=False),
    )
    assert ada.skills == (
        Skill("a", "A", None, (), "library", "", None),
        Skill("z", "Z", "d", ("x",), "repo", "c", ID.lower()),
    )
    assert world.default_token == BARE, "the other one may start nothing"
    plain = world_of(tmp_path, WORLD.partition("\n")[2].replace("limits: false\n", ""))
    assert (plain.api, plain.limited) == (Api.NEWEST, True)


@pytest.mark.parametrize(
    ("tokens", "default"),
    [
        (f"[{{token: {FULL}, scopes: [read]}}]", FULL),
        (f"[{{token: {FULL}, revoked: true}}, {{token: {BARE}}}]", BARE),
        (f"[{{token: {FULL}}}, {{token: {BARE}}}]", FULL),
    ],
)
def test_the_default_token_may_start_runs_if_one_may(
    tmp_path: Path, tokens: str, default: str
) -> None:
    world = world_of(tmp_path, f"users: [{{name: ada, tokens: {tokens}, repos: []}}]\n")
    assert world.default_token == default


def test_a_repository_is_added_for_everybody_unless_it_is_there(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    for known in ("acme/web", ID, ID.lower()):
        assert world.with_repo(known) is world
    new_id = "50000000-0000-4000-8000-00000000000C"
    for name, full_name in (("new/one", "new/one"), (new_id, "acme/app")):
        added = world.with_repo(name)
        assert added == replace(world, tokens=added.tokens)
        (new, same) = (token.user.repos[-1] for token in added.tokens.values())
        assert new == same == Repo(new.id, full_name, 1, "main", None, hidden=False)
        assert len(new.id) == len(new_id)
        assert new.id == new_id.lower() or name == full_name
        assert added.with_repo(name) is added


@pytest.mark.parametrize(
    ("host", "url", "is_here"),
    [
        ("127.0.0.1", "http://127.0.0.1:", True),
        ("::1", "http://[::1]:", True),
        ("0.0.0.0", "http://0.0.0.0:", False),  # noqa: S104 - not served
    ],
)
def test_the_address_of_an_emulator(host: str, url: str, is_here: bool) -> None:
    with Emulator(host=host) as emulator:
        assert emulator.url.startswith(url)
        assert emulator.on_loopback is is_here


def test_the_world_decides_what_an_emulator_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    with Emulator(world=path, repos=["new/one"]) as emulator:
        assert (emulator.api, emulator.token) == (Api.OLD, BARE)
        assert emulator.world.with_repo("new/one") is emulator.world
    with Emulator(world=path, api="2026-11") as emulator:
        assert emulator.api is Api.NEWEST
    with pytest.raises(ValueError, match="2025"):
        Emulator(api="2025")
