"""What a person reads first of each wrong input and each fault, and where that is explained: on
GitHub, on GitLab and at a terminal.

``golden/first_lines`` has a line for each, for people to read: `make golden` writes it anew.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from mogplex_ci.errors import ERROR_CODES
from tests.documents import error_codes
from tests.e2e.failing_steps import CASES, SYSTEMS, Scene
from tests.e2e.golden import GOLDEN, check_golden, normalized
from tests.github_log import read_log
from tests.slow import slow

PAGE: Final = "https://github.com/mogplex/run-action/blob/main/docs/troubleshooting.md"
LAST_LINE: Final = re.compile(rf"([A-Z_]+), exit (\d+): {re.escape(PAGE)}(#[a-z_-]+)")
ANCHORS: Final = {code.lower() for code in error_codes()}


class Shown(NamedTuple):
    """What is shown of a case."""

    exit_code: int
    code: str
    anchor: str
    """The end of the address; empty where none is beside the code."""
    first: str
    """The first error."""
    log: str


@pytest.fixture(scope="module", autouse=True)
def signals() -> Iterator[None]:
    """A step handles SIGINT and SIGTERM; the tests want theirs back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


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


def beside(code: str, log: str) -> str:
    """Return what is said where a code is that is not the step's: behind it in the table of runs,
    or before it in a warning.
    """
    plain = re.sub(r"\x1b\[\d+m", "", log)
    match = re.search(rf"{code}:\s(.*\S)|Run not cancelled:+ ?(.*) \({code}\)", plain)
    assert match is not None, log
    return match[1] or match[2]


def show(scene: Scene) -> list[Shown]:
    """Let a step meet a case; return what is shown, nothing if it does not fail."""
    ended = scene.played()
    argv, _ = scene.called
    is_dry_run = any(word.startswith("--dry-run") for word in argv)
    assert not (is_dry_run and (scene.step.workspace / "mogplex.env").exists()), scene.case.name
    if ended.code == 0:
        return []
    match = LAST_LINE.fullmatch(ended.log.splitlines()[-1])
    assert match is not None, (scene.case.name, scene.system, ended.log)
    assert match[2] == str(ended.code)
    shown = Shown(ended.code, match[1], match[3], first_error(ended.log, scene.system), ended.log)
    if not scene.case.code:
        return [shown]
    first = beside(scene.case.code, ended.log)
    return [shown, shown._replace(code=scene.case.code, anchor="", first=first)]


@pytest.mark.usefixtures("unknown_names")
@pytest.mark.parametrize("system", ["github", *slow(["gitlab", "terminal"])])
def test_what_is_shown_first_of_each_fault(system: str, tmp_path: Path) -> None:
    rows = ["exit\tcode\taddress\tcase\tfirst line"]
    found: list[Shown] = []
    for number, case in enumerate(CASES):
        if system not in case.only:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        with Scene(case, system, folder) as scene:
            for shown in show(scene):
                first = readable(normalized(shown.first, scene.known))
                row = (str(shown.exit_code), shown.code, shown.anchor, case.name, first)
                rows.append("\t".join(row))
                found.append(shown._replace(first=first))
    check_golden(f"first_lines/{system}.tsv", "\n".join([*rows, ""]))
    for shown in found:
        check_words(shown, system)


def check_words(shown: Shown, system: str) -> None:
    """Check that a line says something, in words of the system."""
    if shown.anchor:
        is_command = re.search(r"by hand: .* runs cancel \S+$", shown.first)
        assert is_command or shown.first.endswith((".", "?", ")")), shown
        assert shown.anchor[1:] in ANCHORS or shown.anchor == "#error-codes", shown
        assert (shown.anchor == f"#{shown.code.lower()}") == (shown.code in ERROR_CODES)
    if system == "github":
        return
    assert "${{" not in shown.log, shown
    ours = re.sub("a changed workflow or a renamed job|# workflows", "", shown.first)
    assert re.search("workflow|with:|permissions:", ours) is None, shown


def test_all_codes_are_in_the_tables() -> None:
    codes: set[str] = set()
    for system in SYSTEMS:
        table = (GOLDEN / "first_lines" / f"{system}.tsv").read_text(encoding="utf-8")
        codes |= {line.split("\t")[1] for line in table.splitlines()[1:]}
    assert set() == ERROR_CODES - codes, (
        "add a step that ends with each to CASES in tests/e2e/failing_steps.py, then `make golden`"
    )
