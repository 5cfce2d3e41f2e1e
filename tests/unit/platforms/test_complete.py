"""A CI system or an output that is only half added fails here, with the name of the place that lacks it."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator

import pytest
import yaml

from mogplex_ci import platforms
from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.outputs import IN_FILE, OUTPUTS
from mogplex_ci.platforms import detect
from mogplex_ci.platforms.small_systems import SMALL_SYSTEMS
from mogplex_ci.platforms.system import System
from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT

PAGE = "docs/platforms.md"
TABLES = ("What works where", "What identifies a step")
USES = ("ghcr.io/mogplex/run-action:1", "mogplex/run-action@v1", "mogplex/run-action/run@1")


def defined() -> list[System]:
    """Every system for which a module of the package has a row."""
    modules = [
        importlib.import_module(f"{platforms.__name__}.{module.name}")
        for module in pkgutil.iter_modules(platforms.__path__)
    ]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, System)}
    return sorted(found | set(SMALL_SYSTEMS), key=lambda system: system.name)


def missing(kind: System) -> Iterator[str]:
    """What there is still to do for a system."""
    if kind not in [system for system, _ in platforms.PLATFORMS]:
        yield f"add {kind.name} to PLATFORMS in mogplex_ci/platforms/__init__.py"
    if kind.name not in ENVIRONMENTS:
        yield f'add "{kind.name}" to ENVIRONMENTS in tests/ci_environments.py'
    elif (found := detect(ENVIRONMENTS[kind.name], io.StringIO())).name != kind.name:
        yield f"{kind.name} is taken for {found.name}: put it earlier in PLATFORMS"
    elif kind.name != "plain" and ((identity := found.identity()) is None or not (identity.parts and identity.label)):
        yield f"say what identifies a step of {kind.name}, and give its variables in ENVIRONMENTS"
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
def test_a_platform_is_complete(kind: System) -> None:
    to_do = list(missing(kind))
    assert not to_do, "\n".join(to_do)


def test_nothing_is_left_of_a_platform_that_is_gone() -> None:
    names = {kind.name for kind in defined()}
    assert set(ENVIRONMENTS) - names == set()
    assert {path.name for path in (ROOT / "tests" / "e2e" / "golden").iterdir()} - names == {"reports"}


def test_the_examples_use_the_published_image_or_action() -> None:
    examples = [path for name in ENVIRONMENTS for path in (ROOT / "examples" / name).glob("*")]
    assert [path for path in examples if not any(use in path.read_text(encoding="utf-8") for use in USES)] == []


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_described(name: str) -> None:
    declared = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["outputs"].get(name, {})
    assert declared.get("description"), f"describe the output {name} under `outputs` in action.yml"
    page = (ROOT / "docs" / "inputs-and-outputs.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page, f"write the row of {name} in docs/inputs-and-outputs.md with `make docs`"


@pytest.mark.parametrize("place", IN_FILE)
def test_what_the_result_file_has_is_in_its_schema(place: str) -> None:
    rules = load_schema("result")
    for name in place.split("."):
        choices = [rules, *rules.get("oneOf", [])]
        (rules,) = [found for each in choices if (found := each.get("properties", {}).get(name))] or [None]
        assert rules, f"describe {place} in mogplex_ci/schemas/result.schema.json"
