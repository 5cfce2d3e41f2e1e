"""Every CI system is documented and has an example."""

from mogplex_ci.platforms.detect import PLATFORMS
from tests.program import ROOT

OTHERS = sorted({module for module, _ in PLATFORMS} - {"github", "plain"})
IMAGE = "ghcr.io/mogplex/run-action:1"


def test_every_system_has_an_example() -> None:
    assert sorted(path.name for path in (ROOT / "examples").iterdir() if path.name in OTHERS) == OTHERS


def test_the_examples_use_the_published_image_or_action() -> None:
    for name in OTHERS:
        for path in (ROOT / "examples" / name).iterdir():
            text = path.read_text(encoding="utf-8")
            assert any(use in text for use in (IMAGE, "mogplex/run-action@v1", "mogplex/run-action/run@1")), path


def test_every_system_stands_in_both_tables() -> None:
    text = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    works, names = text.split("## What names a step")
    for module, _ in PLATFORMS:
        if module != "plain":
            assert module in works.lower().replace(" ", "")
            assert module in names.lower().replace(" ", "")
