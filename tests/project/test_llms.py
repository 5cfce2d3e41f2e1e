"""llms.txt, which programs read: it is short, and its recipes run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documents import as_workflow, claim_all
from tests.program import FAST_CLOCK, ROOT, GitHubStep
from tests.require import unavailable
from tests.unit.platforms.events import MAINTAINER, by

TEXT = (ROOT / "llms.txt").read_text(encoding="utf-8")
RECIPES = [block.code for block in claim_all(lambda block: block.page == "llms.txt")]
VALUES = {
    "${{ secrets.MOGPLEX_API_KEY }}": "mog_0123456789abcdef0123456789abcdef",
    "${{ github.token }}": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "${{ github.event.issue.number }}": "7",
    "${{ github.head_ref }}": "fix",
    "${{ github.base_ref }}": "main",
}


LABELED = by("issues labeled", "OWNER", MAINTAINER, MAINTAINER)


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 120


@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_a_recipe_runs_dry(recipe: str, tmp_path: Path) -> None:
    (step,) = (each for each in yaml.safe_load(recipe) if "mogplex/run-action@" in str(each))
    inputs = {name: VALUES.get(str(value), str(value)) for name, value in step["with"].items()}
    inputs |= {"dry-run": "true", "repo": "acme/web"}
    (tmp_path / "event.json").write_text(json.dumps(LABELED.payload))
    event = {"GITHUB_EVENT_NAME": LABELED.name, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    ended = GitHubStep(tmp_path, inputs, event).run(through=FAST_CLOCK)
    assert ended.code == 0, ended.out


@pytest.mark.parametrize(
    ("recipes", "found"),
    [(RECIPES, []), (["- run: echo '${{ github.event.issue.title }}'\n"], ["template-injection"])],
    ids=["ours", "one that runs a title"],
)
def test_zizmor_finds_nothing_in_our_recipes(
    tmp_path: Path, recipes: list[str], found: list[str]
) -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    if not zizmor.exists():
        unavailable("zizmor", "no zizmor: `make check` installs it")
    files = [tmp_path / f"{number}.yml" for number in range(len(recipes))]
    for file, recipe in zip(files, recipes, strict=True):
        file.write_text(f"permissions: {{}}\n{as_workflow(recipe)}", encoding="utf-8")
    config = ROOT / "examples" / "zizmor.yml"
    done = subprocess.run(
        [zizmor, "--offline", "--format", "json", "--config", config, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [finding["ident"] for finding in json.loads(done.stdout)] == found
