"""The mutants that are explained: each is of a line that is still there."""

from __future__ import annotations

import tomllib

from tests.program import ROOT

CONFIG = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8"))


def test_an_explained_mutant_is_of_a_line_that_is_there() -> None:
    for entry in CONFIG["equivalent"]:
        texts = [path.read_text(encoding="utf-8") for path in (ROOT / "mogplex_ci").glob(entry["module"])]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        assert any(entry["part"] in line if "part" in entry else entry["line"] == line for line in lines), entry
        assert entry.get("mutant") != entry.get("part", entry.get("line"))
        assert len(entry["why"].split()) > 4, "say why nobody can tell them apart"


def test_the_tests_and_modules_that_take_part_exist() -> None:
    package = ROOT / "mogplex_ci"
    packages = {path.parent.name for pattern in CONFIG["modules"] for path in package.glob(pattern)}
    assert packages == CONFIG["processes"].keys()
    named = [*CONFIG["tests"], *CONFIG["left_out"], *(path for paths in CONFIG["processes"].values() for path in paths)]
    assert [path for path in named if not (ROOT / path).exists()] == []
