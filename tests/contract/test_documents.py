"""The message about a mistake in a scenario or a world: file, line, field, and what is allowed."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.documents import claim
from tests.emulator import DocumentError, Emulator
from tests.emulator.documents import schema_of
from tests.emulator.scenario import SHIPPED
from tests.program import ROOT

TOKEN, OTHER = "mog_" + "a" * 32, "mog_" + "b" * 32
SCENARIO = claim("docs/maintaining/worlds.md", "description: Two rounds")
FAULTS = claim("docs/maintaining/worlds.md", "faults:\n")
WORLD = claim("docs/maintaining/worlds.md", "users:\n")
REPO = "10000000-0000-4000-8000-00000000000a"

TABLE = yaml.safe_load(Path(__file__).with_name("wrong_documents.yaml").read_text(encoding="utf-8"))


WRONG = [
    pytest.param(option, *row, id=name)
    for option, rows in (("scenario", TABLE["scenarios"]), ("world", TABLE["worlds"]))
    for name, row in rows.items()
]


@pytest.mark.parametrize(("option", "text", "line", "field", "allowed"), WRONG)
def test_a_bad_file_names_line_and_field(
    option: str, text: str, line: int, field: str, allowed: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text.replace("TOKEN", TOKEN).replace("OTHER", OTHER).replace("REPO", REPO))
    with pytest.raises(DocumentError) as caught:
        Emulator(path) if option == "scenario" else Emulator(world=path)
    assert f"{path}:{line}: {field}: " in str(caught.value)
    assert allowed in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("steps:\n  - {after: soon, event: log}\n  - {status: 5}\nkill_failures: many\n")
    with pytest.raises(DocumentError) as caught:
        Emulator(path)
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in str(caught.value).splitlines()] == [
        "4",
        "2",
        "3",
    ]


HOSTILE_FILES = {
    "nested": ("[" * 50_000, "nested too deeply"),
    "recursive": ("steps: &a [*a]", "nested too deeply"),
    "aliases that multiply": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefgh")),
        "more than 200,000 names and values",
    ),
    "large": ("x" * (5 << 20), "larger than 4194304 bytes"),
    "a number that is none": ("steps: 0x_", ""),
    "too long a number": (
        "steps: 0x" + "f" * 5_000,
        "scenario.yaml:1: (top level): is not YAML",
    ),
    "not a character": ('steps: "\\UFFFFFFFF"', "found an escape that is not a character"),
    **{
        value: (
            f"description: x\nsteps: [{{event: log, payload: {{a: {value}}}}}]",
            "scenario.yaml:2: (top level): is not YAML: a value that cannot be read",
        )
        for value in ("!!bool hunter2", '!!int ""', '!!float ""', "!!int hunter2")
    },
    **{
        value: (
            f"description: x\nsteps: [{{event: log, payload: {{a: {value}}}}}]",
            "scenario.yaml:2: (top level): is not YAML: could not determine a constructor",
        )
        for value in ("!!timestamp hunter2", "!!timestamp 2026-11-24", "!!binary aGk=", "!!set {a}")
    },
    "a tag": (
        "steps: !secret hunter2",
        "is not YAML: could not determine a constructor for the tag",
    ),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE_FILES.values(), ids=HOSTILE_FILES)
def test_a_file_that_is_no_scenario_is_refused_without_quoting_it(
    text: str, message: str, tmp_path: Path
) -> None:
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
        *(
            CREDENTIAL,
            f"- {CREDENTIAL}",
            f"{CREDENTIAL}: 1",
            f"steps: {CREDENTIAL}",
            f"steps: [{CREDENTIAL}]",
        ),
        *(
            f"steps: [{{{CREDENTIAL}: 1}}]",
            f"steps: [{{after: {CREDENTIAL}}}]",
            f"steps: [{{part: {CREDENTIAL}}}]",
        ),
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


def test_the_files_shown_in_the_documentation_are_right(tmp_path: Path) -> None:
    scenario, faults, world = (
        tmp_path / name for name in ("scenario.yaml", "faults.yaml", "world.yaml")
    )
    scenario.write_text(SCENARIO.code)
    faults.write_text(f"{FAULTS.code}steps: []\n")
    world.write_text(WORLD.code)
    Emulator(scenario, others=[faults], world=world)


def test_the_pages_name_every_scenario_route_and_field() -> None:
    pages = [ROOT / "docs" / "emulator.md", ROOT / "docs" / "maintaining" / "worlds.md"]
    both = "".join(page.read_text(encoding="utf-8") for page in pages)
    text = re.sub(r"```.*?```", "", both, flags=re.DOTALL)
    named = set(re.findall(r"[a-z0-9_-]+", " ".join(re.findall(r"`([^`]+)`", text))))
    schema = schema_of("scenario")
    fault = schema["$defs"]["fault"]["properties"]
    step = schema["$defs"]["steps"]["items"]["properties"]
    wanted = {
        *SHIPPED,
        *fault,
        *step,
        *fault["route"]["enum"],
        *step["part"]["enum"],
        *schema["properties"],
    }
    assert wanted - named - {"steps", "description"} == set()
