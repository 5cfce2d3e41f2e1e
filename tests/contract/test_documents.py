"""What a mistake in a scenario or a world gets: file, line, field, and what is allowed."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from mogplex_ci.emulator import DocumentError, Emulator
from mogplex_ci.emulator.documents import schema_of
from mogplex_ci.emulator.scenario import SHIPPED
from tests.documents import claim
from tests.program import ROOT

TOKEN = "mog_" + "a" * 32
SCENARIO = claim("docs/emulator.md", "description: Two rounds")
FAULTS = claim("docs/emulator.md", "faults:\n")
WORLD = claim("docs/emulator.md", "users:\n")
REPO = "10000000-0000-4000-8000-00000000000a"

SCENARIOS = {
    "not a duration": ("steps:\n  - status: streaming\n  - after: soon\n    event: log\n", 3, "steps[1].after", "15m"),
    "a negative pause": ("steps:\n  - {after: -1, event: log}\n", 2, "steps[0].after", "a duration"),
    "an unknown field": ("steps: []\nstep: 1\n", 1, "(top level)", "unknown field step; allowed: description"),
    "an unknown step field": ("steps:\n  - event: log\n    texts: x\n", 2, "steps[0]", "unknown field texts"),
    "no steps": ("description: x\n", 1, "(top level)", "steps is missing"),
    "a step that is nothing": ("steps:\n  - after: 1s\n", 2, "steps[0]", "one of status, event, text, "),
    "a step that is two things": (
        "steps:\n  - status: a\n    event: b\n",
        2,
        "steps[0]",
        "one of status, event, text, ",
    ),
    "a loop of nothing": ("steps:\n  - repeat: 3\n", 2, "steps[0]", "steps"),
    "a loop without end": ("steps:\n  - repeat: 99999\n    steps: []\n", 2, "steps[0].repeat", "1 to 10000"),
    "loops that multiply": (
        "steps:\n  - repeat: 1000\n    steps:\n      - repeat: 1000\n        steps:\n          - event: log\n",
        1,
        "steps",
        "more than 20000 steps",
    ),
    "an unknown variable": (
        "steps:\n  - event: log\n    payload:\n      a:\n        - '{{ branhc }}'\n",
        5,
        "steps[0].payload.a[0]",
        "unknown variable branhc; allowed: base_branch, branch",
    ),
    "a counter outside a loop": (
        "steps:\n  - {event: log, message: '{{ i }}'}\n",
        2,
        "steps[0].message",
        "unknown variable i",
    ),
    "a wrong fault": ("faults:\n  - {route: runs, status: 500}\nsteps: []\n", 2, "faults[0].route", "repos, start"),
    "a fault without an effect": (
        "faults:\n  - {route: run}\nsteps: []\n",
        2,
        "faults[0]",
        "status, drop, cut, garbage, delay, interim, or of a stream close, silent, buffered or replay",
    ),
    "a tool call without an id": ("steps:\n  - tool_started: Command\n", 2, "steps[0]", "call is missing"),
    "a pause between no texts": ("steps:\n  - {event: log, every: 1s}\n", 2, "steps[0]", "text is missing"),
    "an unknown part": ("steps:\n  - part: lunch\n", 2, "steps[0].part", "deliver, deliver-nothing"),
    "an unknown variable in an artifact": (
        "steps: []\nartifacts:\n  a: {text: '{{ x }}'}\n",
        3,
        "artifacts.a.text",
        "unknown variable x",
    ),
    "an artifact in a folder": ("steps: []\nartifacts:\n  a/b: {text: x}\n", 2, "artifacts", "letters, digits"),
    "an artifact that is nothing": ("steps: []\nartifacts:\n  a: {}\n", 3, "artifacts.a", "{}"),
    "a conflict that the service does not know": (
        "steps: []\ncancel_conflicts: [busy]\n",
        2,
        "cancel_conflicts[0]",
        "changed, inactive, inconsistent",
    ),
    "a field given twice": ("steps: []\nsteps: []\n", 2, "steps", "given twice"),
    "no YAML": ("steps: [\n", 2, "(top level)", "not valid YAML"),
    "an empty file": ("", 1, "(top level)", "this value does not fit: fields with steps"),
    "some other file": ("root:x:0:0:root\n", 1, "(top level)", "this value does not fit: fields with steps"),
    "a list": ("- a\n", 1, "(top level)", "fields with steps"),
}

WORLDS = {
    "no users": ("users: []\n", 1, "users", "at least one user"),
    "a user without repositories": (
        f"users:\n  - name: ada\n    tokens: [{{token: {TOKEN}}}]\n",
        2,
        "users[0]",
        "repos is missing",
    ),
    "a bad token": (
        "users:\n  - name: ada\n    tokens:\n      - token: hunter2\n    repos: []\n",
        4,
        "users[0].tokens[0].token",
        "mog_ and 32",
    ),
    "a bad scope": (
        f"users:\n  - name: ada\n    tokens:\n      - token: {TOKEN}\n        scopes: [admin]\n    repos: []\n",
        5,
        "users[0].tokens[0].scopes[0]",
        '"admin" is not one of read, write',
    ),
    "a bad time": (
        f"users:\n  - name: ada\n    tokens:\n      - token: {TOKEN}\n        expires: tomorrow\n    repos: []\n",
        5,
        "users[0].tokens[0].expires",
        "2030-01-31T12:00:00Z",
    ),
    "a token given twice": (
        f"users:\n  - name: ada\n    tokens:\n      - token: {TOKEN}\n      - token: {TOKEN}\n    repos: []\n",
        5,
        "users[0].tokens[1].token",
        "twice",
    ),
    "a repository that is no owner/name": (
        f"users:\n  - name: ada\n    tokens: [{{token: {TOKEN}}}]\n    repos:\n"
        f"      - id: {REPO}\n        full_name: web\n",
        6,
        "users[0].repos[0].full_name",
        "owner/name",
    ),
    "a repository id given twice": (
        f"users:\n  - name: ada\n    tokens: [{{token: {TOKEN}}}]\n    repos:\n"
        f"      - {{id: {REPO}, full_name: a/b}}\n      - {{id: {REPO}, full_name: a/c}}\n",
        6,
        "users[0].repos[1].id",
        "another repo",
    ),
    "an unknown generation": ("api: v2\nusers: []\n", 1, "api", "2026-11, 2026-08"),
    "a policy that no team has": (
        f"users:\n  - name: ada\n    tokens: [{{token: {TOKEN}}}]\n    repos:\n"
        f"      - {{id: {REPO}, full_name: a/b, api_keys: some}}\n",
        5,
        "users[0].repos[0].api_keys",
        "full, automations, unknown",
    ),
    "two users of one name": (
        f"users:\n  - name: ada\n    tokens: [{{token: {TOKEN}}}]\n    repos: []\n"
        f"  - name: ada\n    tokens: [{{token: {TOKEN.replace('a', 'b')}}}]\n    repos: []\n",
        5,
        "users[1].name",
        "another user",
    ),
}


@pytest.mark.parametrize(("text", "line", "field", "allowed"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_bad_scenario_names_line_and_field(text: str, line: int, field: str, allowed: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        Emulator(path)
    assert f"{path}:{line}: {field}: " in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize(("text", "line", "field", "allowed"), WORLDS.values(), ids=WORLDS)
def test_a_bad_world_names_line_and_field(text: str, line: int, field: str, allowed: str, tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        Emulator(world=path)
    assert f"{path}:{line}: {field}: " in str(caught.value)
    assert allowed in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("steps:\n  - {after: soon, event: log}\n  - {status: 5}\nkill_failures: many\n")
    with pytest.raises(DocumentError) as caught:
        Emulator(path)
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in str(caught.value).splitlines()] == ["4", "2", "3"]


HOSTILE_FILES = {
    "nested": ("[" * 50_000, "nested too deeply"),
    "recursive": ("steps: &a [*a]", "nested too deeply"),
    "aliases that multiply": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefgh")),
        "more than 200000 values",
    ),
    "large": ("x" * (5 << 20), "larger than 4194304 bytes"),
    "a number that is none": ("steps: 0x_", ""),
    "a tag": ("steps: !secret hunter2", "not valid YAML: could not determine a constructor for the tag"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_a_file_that_is_no_scenario_is_refused_without_quoting_it(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        Emulator(path)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "hunter2" not in str(caught.value)


CREDENTIAL = "Xk39dkQ2mmZp81vR"


@pytest.mark.parametrize(
    "text",
    [
        *(CREDENTIAL, f"- {CREDENTIAL}", f"{CREDENTIAL}: 1", f"steps: {CREDENTIAL}", f"steps: [{CREDENTIAL}]"),
        *(f"steps: [{{{CREDENTIAL}: 1}}]", f"steps: [{{after: {CREDENTIAL}}}]", f"steps: [{{part: {CREDENTIAL}}}]"),
        *(f"variables: {{{CREDENTIAL}: 1}}", f"steps: https://user:{CREDENTIAL}@host/"),
        f"steps: []\n{CREDENTIAL}: 1\n{CREDENTIAL}: 1",
    ],
)
def test_a_credential_in_a_file_is_not_repeated(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        Emulator(path)
    assert CREDENTIAL not in str(caught.value)


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(DocumentError, match=r"succ: no such scenario: use a file or one of .*, success"):
        Emulator("succ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nowhere\.yaml: cannot be read: No such file"):
        Emulator(tmp_path / "nowhere.yaml")


def test_the_files_shown_in_the_documentation_are_right(tmp_path: Path) -> None:
    scenario, faults, world = (tmp_path / name for name in ("scenario.yaml", "faults.yaml", "world.yaml"))
    scenario.write_text(SCENARIO.code)
    faults.write_text(f"{FAULTS.code}steps: []\n")
    world.write_text(WORLD.code)
    Emulator(scenario, others=[faults], world=world)


def test_the_page_names_every_scenario_route_and_field() -> None:
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    named = set(re.findall(r"[a-z0-9_-]+", " ".join(re.findall(r"`([^`]+)`", text))))
    schema = schema_of("scenario")
    fault = schema["$defs"]["fault"]["properties"]
    step = schema["$defs"]["steps"]["items"]["properties"]
    wanted = {*SHIPPED, *fault, *step, *fault["route"]["enum"], *step["part"]["enum"], *schema["properties"]}
    assert wanted - named - {"steps", "description"} == set()
