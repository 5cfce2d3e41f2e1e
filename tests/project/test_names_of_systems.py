"""Only ``platforms/`` knows CI systems: what differs between them is a cell of a system's row, or a
method of its log. Elsewhere no identifier, no import and no variable's name is a system's; words of
messages may name one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mogplex_ci.errors import ERROR_CODES
from mogplex_ci.platforms import PLATFORMS
from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT

PACKAGE = ROOT / "mogplex_ci"
ROOM = PACKAGE / "platforms"
NAMES = {system.name for system, _ in PLATFORMS} - {"plain"} | {"gitea", "act"}
SERVICES = {"github"}
"""Names that are also a service's whose API judges what a run delivered, on every system."""
PREFIXES = ("ACTIONS_", "CI_", "FORGEJO_", "GITEA_", "GITHUB_", "GITLAB_", "RUNNER_")
"""Of the variables of systems."""
VARIABLES = {
    variable
    for env in ENVIRONMENTS.values()
    for variable in env
    if not variable.startswith(("MOGPLEX_", "INPUT_")) and variable != "CI"
}
"""Variables of systems, whatever their prefix."""


def words_of(identifier: str) -> set[str]:
    """Return the words of ``an_identifier`` or ``AnIdentifier``, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier)
    return set(re.split(r"[_.]+", spaced.lower()))


def named_in(code: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each name in ``code`` that is a system's."""
    for node in ast.walk(ast.parse(code)):
        for identifier in identifiers_of(node):
            if words_of(identifier) & (NAMES - SERVICES):
                yield getattr(node, "lineno", 0), identifier
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_theirs = node.value in VARIABLES or node.value.startswith(PREFIXES)
            is_variable = re.fullmatch("[A-Z][A-Z0-9_]+", node.value)
            if is_theirs and is_variable and node.value not in ERROR_CODES:
                yield node.lineno, node.value


def identifiers_of(node: ast.AST) -> Iterator[str]:
    """Yield the identifiers that a node of the syntax tree has."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.keyword(arg=str(name)):
            yield name
        case ast.ImportFrom(module=str(module), names=names):
            yield from (module, *(alias.name for alias in names))
        case ast.Import(names=names):
            yield from (alias.name for alias in names)


@pytest.mark.parametrize(
    "path", sorted(set(PACKAGE.rglob("*.py")) - set(ROOM.rglob("*.py"))), ids=lambda path: path.stem
)
def test_no_name_outside_the_room_is_a_systems(path: Path) -> None:
    assert list(named_in(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "from mogplex_ci.platforms.gitlab import GitLab",
        "is_gitlab = True",
        "def on_buildkite(): pass",
        "class JenkinsLog: pass",
        "platform.azure",
        "run(forgejo=True)",
        "env.get('GITHUB_RUN_ID')",
        "env['CI_JOB_ID']",
        "env['DRONE']",
    ],
)
def test_a_name_of_a_system_is_found(code: str) -> None:
    assert list(named_in(code))


@pytest.mark.parametrize(
    "code", ["'On GitLab, set it.'", "github = GitHubApi()", "artifact = env['MOGPLEX_URL']"]
)
def test_words_and_services_are_no_names_of_systems(code: str) -> None:
    assert not list(named_in(code))
