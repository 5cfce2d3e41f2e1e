"""The example whose second check wants a test that fails without the fix: its script, in a real
repository.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.documents import claim

JOBS = yaml.safe_load(claim("examples/workflows/honest-green.yml").code)["jobs"]
SCRIPT = JOBS["without-the-fix"]["steps"][1]["run"]
BUG, FIX = "echo 3", "echo 4"
MAKEFILE = "test:\n\t@for each in tests/*.sh; do sh $$each || exit 1; done\n"
OLD_TEST = "true\n"
PROVES_THE_FIX = '[ "$(sh sum.sh)" = 4 ]\n'
NO_TEST = "The pull request changes no test."
PASSES_WITHOUT = "The changed tests also pass without the fix."


def git(repository: Path, *words: str) -> None:
    identity = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"]
    subprocess.run(["git", *identity, *words], cwd=repository, check=True, capture_output=True)


def commit(repository: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    git(repository, "add", "--all")
    git(repository, "commit", "--message", "A change")


@pytest.mark.parametrize(
    ("base", "changes", "error"),
    [
        ({}, {"tests/sum.sh": PROVES_THE_FIX}, None),
        ({}, {"tests/old.sh": OLD_TEST + PROVES_THE_FIX}, None),
        ({}, {"tests/sum.sh": "true # weak\n"}, PASSES_WITHOUT),
        ({}, {"tests/old.sh": OLD_TEST + "# reformatted\n"}, PASSES_WITHOUT),
        ({}, {}, NO_TEST),
        # A failure proves nothing if the base fails, too.
        ({"tests/red.sh": "false\n"}, {"tests/sum.sh": PROVES_THE_FIX}, ""),
    ],
)
def test_only_a_test_that_fails_without_the_fix_passes(
    tmp_path: Path, base: dict[str, str], changes: dict[str, str], error: str | None
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "--initial-branch", "main")
    commit(repository, {"Makefile": MAKEFILE, "sum.sh": BUG, "tests/old.sh": OLD_TEST, **base})
    git(repository, "switch", "--create", "fix")
    commit(repository, {"sum.sh": FIX, **changes})
    git(repository, "switch", "main")
    git(repository, "merge", "--no-ff", "fix")
    checked = subprocess.run(
        ["bash", "-e", "-c", SCRIPT], cwd=repository, capture_output=True, text=True, check=False
    )
    assert (checked.returncode == 0) is (error is None), checked.stderr
    if error:
        assert f"::error::{error}" in checked.stdout
