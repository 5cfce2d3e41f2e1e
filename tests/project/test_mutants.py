"""The mutants that are explained: each is of a line that is still there."""

from __future__ import annotations

import tomllib

from tests.program import ROOT

CONFIG = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8"))


def test_an_explained_mutant_is_of_a_line_that_is_there() -> None:
    for entry in CONFIG["equivalent"]:
        lines = (ROOT / "mogplex_ci" / entry["module"]).read_text(encoding="utf-8").splitlines()
        assert entry["line"] in map(str.strip, lines), entry
        assert entry.get("mutant") != entry["line"]
        assert len(entry["why"].split()) > 4, "say why nobody can tell them apart"


def test_the_tests_and_modules_that_take_part_exist() -> None:
    package = ROOT / "mogplex_ci"
    packages = {path.parent.name for pattern in CONFIG["modules"] for path in package.glob(pattern)}
    assert packages == CONFIG["processes"].keys()
    named = [*CONFIG["tests"], *CONFIG["left_out"], *(path for paths in CONFIG["processes"].values() for path in paths)]
    assert [path for path in named if not (ROOT / path).exists()] == []
