"""All that is installed is locked: every package with hashes, the same version everywhere, nothing
resolved anew.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.program import ROOT

FILES = ("runtime", "build", "dev", "fuzz", "lock", "mutants", "test", "unit")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, str]:
    """Return version by package of requirements/NAME.txt."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))


def packages(requirements: list[str | dict[str, str]]) -> set[str]:
    """Return the names in a list of pyproject.toml, as lock files write them."""
    names = {
        re.split(r"[^\w.-]", requirement)[0]
        for requirement in requirements
        if isinstance(requirement, str)
    }
    return {re.sub(r"[_.-]+", "-", name).lower() for name in names}


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert {re.split("==", entry)[0] for entry in entries} == set(locked(name))


def test_the_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped = locked("runtime") | locked("build")
    assert {name: version for name, version in locked("dev").items() if name in shipped} == shipped


def test_fewer_tools_have_the_same_versions() -> None:
    for few in ("unit", "test"):
        assert locked(few).items() <= (locked("dev") | locked("runtime")).items()


def test_no_dependency_is_missing_from_the_lock_files() -> None:
    assert packages(PROJECT["project"]["dependencies"]) <= set(locked("runtime"))
    assert packages(PROJECT["build-system"]["requires"]) <= set(locked("build"))
    assert packages(PROJECT["dependency-groups"]["dev"]) <= set(locked("dev"))
    assert packages(PROJECT["dependency-groups"]["test"]) <= set(locked("test"))
    assert packages(PROJECT["dependency-groups"]["unit"]) <= set(locked("unit"))


@pytest.mark.parametrize(
    "path", ["Makefile", "Dockerfile", "native/install.py", ".github/workflows/release.yml"]
)
def test_every_command_that_installs_a_lock_resolves_and_builds_nothing(path: str) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    installing = [line for line in lines if "--require-hashes" in line]
    assert installing
    assert [
        line for line in installing if "--no-deps" not in line or "--only-binary" not in line
    ] == []


def test_a_lock_that_lacks_a_package_stops_the_set_up() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("$(RUNTIME)", "$(UNIT)", "$(TESTS)", "$(CHECKS)"):
        _, _, recipe = makefile.partition(f"\n{target}: ")
        assert "$(PIP) check" in recipe.partition("\n\n")[0]
