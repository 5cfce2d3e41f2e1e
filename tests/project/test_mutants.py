"""The configuration of `make mutants`: its tests exist, and so does the code that it explains."""

from __future__ import annotations

import tomllib

import pytest

from scripts.layout import logical_lines
from tests.program import ROOT

CONFIG = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8"))
PATHS = sorted((ROOT / "mogplex_ci").rglob("*.py"))


def test_an_explained_mutant_is_of_code_that_is_there() -> None:
    lines = [line for path in PATHS for line in logical_lines(path.read_text(encoding="utf-8"))]
    for entry in CONFIG["equivalent"]:
        assert set(entry) == {"code", "mutants", "why"}, entry
        (code,) = logical_lines(entry["code"])
        is_there = any(code in line for line in lines)
        assert is_there, f"take this out of scripts/mutants.toml: {entry}"
        assert entry["mutants"], "name the mutants"
        assert [code] not in [logical_lines(mutant) for mutant in entry["mutants"]]
        assert len(entry["why"].split()) > 4, "say why nobody can tell them apart"


def test_the_layout_of_code_does_not_matter() -> None:
    broken = "x = (\n    f(a, b)\n    if a\n    else g(\n        [1, 2,],\n    )\n)  # why\n"
    assert logical_lines(broken) == logical_lines("x = f(a, b) if a else g([1, 2])\n")
    assert logical_lines("if a:\n    b()\n") == ["if a :", "b"]
    assert logical_lines("f(a, [") == ["f a , ["]


@pytest.mark.parametrize("asked", ["tests", "left_out", *CONFIG["processes"]])
def test_the_tests_that_are_asked_exist(asked: str) -> None:
    paths = CONFIG["processes"].get(asked) or CONFIG[asked]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_data_files_and_their_tests_are_there() -> None:
    for entry in CONFIG["data"]:
        assert list(ROOT.glob(entry["files"])), entry
        assert [name for name in entry["tests"] if not (ROOT / name).exists()] == []


def test_every_package_of_the_client_takes_part() -> None:
    folders = {path.parent.name for path in (ROOT / "mogplex_ci").glob("*/__init__.py")}
    assert set(CONFIG["processes"]) - {".", "others"} <= folders
    units = [name for listed in CONFIG["units"].values() for name in listed]
    assert [name for name in units if not (ROOT / name).exists()] == []
