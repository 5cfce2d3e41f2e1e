"""A CI system or an output that is only half added fails here, with the name of the place that lacks it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
import yaml

from mogplex_ci import platforms
from mogplex_ci.platforms.base import NO_VARIABLE, OUTPUTS, Platform
from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT

PAGE = "docs/platforms.md"
TABLES = ("What works where", "What identifies a step")
USES = ("ghcr.io/mogplex/run-action:1", "mogplex/run-action@v1", "mogplex/run-action/run@1")


def defined() -> list[type[Platform]]:
    """Every platform that a module of the package defines."""
    modules = [
        importlib.import_module(f"{platforms.__name__}.{module.name}")
        for module in pkgutil.iter_modules(platforms.__path__)
    ]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return sorted((kind for kind in found if issubclass(kind, Platform) and "name" in vars(kind)), key=lambda k: k.name)


def missing(kind: type[Platform]) -> Iterator[str]:
    """What there is still to do for a platform."""
    if kind not in platforms.PLATFORMS:
        yield f"add {kind.__name__} to PLATFORMS in mogplex_ci/platforms/__init__.py"
    if kind.name not in ENVIRONMENTS:
        yield f'add "{kind.name}" to ENVIRONMENTS in tests/ci_environments.py'
    if not (ROOT / "tests" / "e2e" / "golden" / kind.name / "pull-request.txt").exists():
        yield f"write tests/e2e/golden/{kind.name} with `make golden`"
    if not (ROOT / "examples" / kind.name).is_dir() and kind.name not in ("github", "plain"):
        yield f"add an example in examples/{kind.name}"
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for title in TABLES:
        if ("anythingelse" if kind.name == "plain" else kind.name) not in systems(page, title):
            yield f"add {kind.name} to the table “{title}” in {PAGE}"


def systems(page: str, title: str) -> str:
    """The first column of the table below a heading, in lower case and without spaces."""
    _, _, rest = page.partition(f"## {title}\n")
    section = rest.partition("\n## ")[0]
    first_cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return "\n".join(first_cells).lower().replace(" ", "")


@pytest.mark.parametrize("kind", defined(), ids=lambda kind: kind.name)
def test_a_platform_is_complete(kind: type[Platform]) -> None:
    to_do = list(missing(kind))
    assert not to_do, "\n".join(to_do)


def test_what_a_new_platform_lacks_is_named() -> None:
    class Unfinished(Platform):
        name = "unfinished"

    assert list(missing(Unfinished)) == [
        "add Unfinished to PLATFORMS in mogplex_ci/platforms/__init__.py",
        'add "unfinished" to ENVIRONMENTS in tests/ci_environments.py',
        "write tests/e2e/golden/unfinished with `make golden`",
        "add an example in examples/unfinished",
        "add unfinished to the table “What works where” in docs/platforms.md",
        "add unfinished to the table “What identifies a step” in docs/platforms.md",
    ]


def test_nothing_is_left_of_a_platform_that_is_gone() -> None:
    names = {kind.name for kind in defined()}
    assert set(ENVIRONMENTS) - names == set()
    assert {path.name for path in (ROOT / "tests" / "e2e" / "golden").iterdir()} - names == set()


def test_the_examples_use_the_published_image_or_action() -> None:
    examples = [path for name in ENVIRONMENTS for path in (ROOT / "examples" / name).glob("*")]
    assert [path for path in examples if not any(use in path.read_text(encoding="utf-8") for use in USES)] == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_described(name: str) -> None:
    declared = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["outputs"].get(name, {})
    assert declared.get("description"), f"describe the output {name} under `outputs` in action.yml"
    page = (ROOT / "docs" / "inputs-and-outputs.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page, f"write the row of {name} in docs/inputs-and-outputs.md with `make docs`"


def test_an_output_without_a_variable_is_an_output() -> None:
    assert set(OUTPUTS) >= NO_VARIABLE
