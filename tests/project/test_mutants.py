"""The configuration of `make mutants`: its tests exist, and the explained mutants are of lines that
are there.
"""

from __future__ import annotations

import tomllib

import pytest

from tests.program import ROOT

CONFIG = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8"))
TEXTS = [path.read_text(encoding="utf-8") for path in (ROOT / "mogplex_ci").rglob("*.py")]


def test_an_explained_mutant_is_of_a_line_that_is_there() -> None:
    lines = {line.strip() for text in TEXTS for line in text.splitlines()}
    for entry in CONFIG["equivalent"]:
        is_there = (
            any(entry["part"] in text for text in TEXTS)
            if "part" in entry
            else entry["line"] in lines
        )
        assert is_there, f"take this out of scripts/mutants.toml: {entry}"
        assert entry.get("mutant") != entry.get("part", entry.get("line"))
        assert len(entry["why"].split()) > 4, "say why nobody can tell them apart"


@pytest.mark.parametrize("asked", ["tests", "left_out", *CONFIG["processes"]])
def test_the_tests_that_are_asked_exist(asked: str) -> None:
    paths = CONFIG["processes"].get(asked) or CONFIG[asked]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_package_of_the_client_takes_part() -> None:
    folders = {path.parent.name for path in (ROOT / "mogplex_ci").glob("*/__init__.py")}
    assert set(CONFIG["processes"]) - {".", "others"} <= folders
    assert CONFIG["no_client"] == ["emulator"]
