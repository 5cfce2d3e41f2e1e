"""The page on architecture names the concepts of one run, each in its package."""

from __future__ import annotations

import re

from tests.program import ROOT

PAGE = (ROOT / "docs" / "maintaining" / "architecture.md").read_text(encoding="utf-8")
CONCEPTS = {
    name: re.findall(r"\(../../(mogplex_ci/[\w/.]+)\)", packages)
    for packages, names in re.findall(
        r"^\| (.+) \| (.+) \|$", PAGE.split("## Concepts of one run")[1].split("\n## ")[0], re.M
    )
    for name in re.findall(r"`([A-Z]\w+)`", names)
}


def test_each_is_defined_in_its_package_or_beside_it() -> None:
    def sources(package: str) -> str:
        path = ROOT / package
        files = path.rglob("*.py") if path.is_dir() else [path]
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    assert [
        name
        for name, packages in CONCEPTS.items()
        if not any(
            re.search(rf"^(?:class {name}\b|{name}\b.* = )", sources(package), re.M)
            for package in packages
        )
    ] == []
