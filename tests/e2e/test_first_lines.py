"""What a person reads first of each wrong input and each fault, and where that is explained: on
GitHub, on GitLab and at a terminal.

``golden/first_lines`` has a line for each, for people to read: `make golden` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from mogplex_ci.errors import ERROR_CODES
from tests.documents import error_codes
from tests.e2e.failing_steps import CASES, SYSTEMS, Case, Scene, mistakes
from tests.e2e.golden import GOLDEN, check_golden, normalized
from tests.github_log import read_log
from tests.program import GitHubStep
from tests.slow import slow

PAGE: Final = "https://github.com/mogplex/run-action/blob/main/docs/troubleshooting.md"
LAST_LINE: Final = re.compile(rf"([A-Z_]+), exit (\d+): {re.escape(PAGE)}(#[a-z_-]+)")
ANCHORS: Final = {code.lower() for code in error_codes()}


class Shown(NamedTuple):
    """What is shown of a case."""

    exit_code: int
    code: str
    anchor: str
    """The end of the address."""
    first: str
    """The first error."""
    log: str


def first_error(log: str, system: str) -> str:
    """Return the text of the first error in the log."""
    if system == "github":
        errors = [found.text for found in read_log(log).annotations if found.level == "error"]
    elif system == "gitlab":
        errors = re.findall(r"\x1b\[\d+mERROR: (.*)\x1b", log)
    else:
        errors = re.findall(r"^ERROR: (.*)$", log, re.MULTILINE)
    return errors[0] if errors else ""


def readable(text: str) -> str:
    """Return a text for the table: without tabs, ids of commits and lines of our code."""
    text = re.sub(r"\b[0-9a-f]{40}\b", "<commit>", text.replace("\t", r"\t"))
    return re.sub(r"(\w+\.py):\d+", r"\1:<line>", text)


def show(case: Case, system: str, folder: Path) -> Shown | None:
    """Let a step meet a case; return what is shown, None if it does not fail."""
    folder.mkdir()
    with Scene(case, system, folder) as scene:
        ended = scene.played()
    if ended.code == 0:
        return None
    match = LAST_LINE.fullmatch(ended.out.splitlines()[-1])
    assert match is not None, (case.name, system, ended.out)
    assert match[2] == str(ended.code)
    if system == "github":
        assert PAGE + match[3] in scene.step.summary, case.name
    first = readable(normalized(first_error(ended.out, system), scene.known))
    return Shown(ended.code, match[1], match[3], first, ended.out)


@pytest.mark.usefixtures("unknown_names", "own_signals")
@pytest.mark.parametrize("system", ["github", *slow(["gitlab", "terminal"])])
def test_what_is_shown_first_of_each_fault(system: str, tmp_path: Path) -> None:
    rows = ["exit\tcode\taddress\tcase\tfirst line"]
    for number, case in enumerate(CASES):
        shown = show(case, system, tmp_path / str(number)) if system in case.only else None
        if shown:
            check_words(shown, system)
            words = (str(shown.exit_code), shown.code, shown.anchor, case.name, shown.first)
            rows.append("\t".join(words))
    check_golden(f"first_lines/{system}.tsv", "\n".join([*rows, ""]))


@pytest.mark.slow
@pytest.mark.usefixtures("unknown_names", "own_signals")
@pytest.mark.parametrize("system", ["gitlab", "terminal"])
def test_the_message_about_a_mistake_is_in_words_of_the_system(system: str, tmp_path: Path) -> None:
    """tests/e2e/test_mistakes.py has them on GitHub."""
    for number, case in enumerate(mistakes()):
        shown = show(case, system, tmp_path / str(number))
        if shown:
            check_words(shown, system)


def check_words(shown: Shown, system: str) -> None:
    """Check that a line says something, in words of the system."""
    is_command = re.search(r"by hand: .* runs cancel \S+$", shown.first)
    assert is_command or shown.first.endswith((".", "?", ")")), shown
    assert shown.anchor[1:] in ANCHORS or shown.anchor == "#error-codes", shown
    assert (shown.anchor == f"#{shown.code.lower()}") == (shown.code in ERROR_CODES)
    if system == "github":
        return
    assert "${{" not in shown.log, shown
    ours = re.sub("a changed workflow or a renamed job|# workflows", "", shown.first)
    assert re.search("workflow|with:|permissions:", ours) is None, shown


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/mogplex/run-action:1.2.0@sha256:" + "a" * 64, "v1.2.0"),
        ("registry.example:5000/mirror/run-action:1", "v1"),
        ("ghcr.io/mogplex/run-action:latest", "main"),
        ("ghcr.io/mogplex/run-action@sha256:" + "a" * 64, "main"),
        ("ghcr.io/acme/tools:1.2.0", "main"),
    ],
)
def test_the_address_names_the_release_of_the_image(
    tmp_path: Path, image: str, version: str
) -> None:
    ended = GitHubStep(tmp_path, {"timeout": "soon"}, {"MOGPLEX_IMAGE": image}).run()
    where = f"{PAGE.replace('main', version)}#usage"
    assert ended.out.splitlines()[-1] == f"USAGE, exit 2: {where}"


def test_all_codes_are_in_the_tables() -> None:
    codes: set[str] = set()
    for system in SYSTEMS:
        table = (GOLDEN / "first_lines" / f"{system}.tsv").read_text(encoding="utf-8")
        codes |= {line.split("\t")[1] for line in table.splitlines()[1:]}
    elsewhere = {"FOREIGN_RUN", "USAGE"}  # in a warning; in mistakes.yaml
    assert ERROR_CODES - codes == elsewhere, (
        "add a step that ends with each to CASES in tests/e2e/failing_steps.py, then `make golden`"
    )
