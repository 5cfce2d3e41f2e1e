"""``append-only-paths`` as whole steps: ways to make tests green by taking them away, and honest
changes.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gates.story import PASSED, Story, items, outcome
from tests.github import Work
from tests.github.repository import Files

REJECTED = ("rejected", "PATH_NOT_ALLOWED")
TESTS = [f"def test_{number}():\n    assert f({number}) == {number}\n\n" for number in range(20)]
SUITE = "".join(TESTS)
OTHER = "".join(f"def test_{letter}():\n    assert g({letter!r})\n\n" for letter in "abcdefghij")
BEFORE: Files = {
    "tests/test_f.py": SUITE,
    "tests/test_g.py": OTHER,
    "tests/limits.ini": "[coverage]\nfail_under = 90\nbranch = true\n",
    "tests/conftest.py": "import pytest\n\npytest.register_assert_rewrite('f')\n",
    "src/f.py": "def f(x): return x\n",
}
GREEN_BINARY = SUITE.encode().replace(b"assert f", b"assert True or f", 1) + b"\0"


def judged(story: Story, files: Files) -> Any:
    """Play a run that changes these files."""
    story.github.push("main", BEFORE)
    return story.play(
        Work({"src/f.py": "def f(x): return 1\n", **files}), append_only_paths="tests/**"
    )


CHEATS: dict[str, tuple[Files, list[str]]] = {
    "deletes a file": ({"tests/test_g.py": None}, ["tests/test_g.py (deleted)"]),
    "moves a file out": (
        {"tests/test_g.py": None, "old/test_g.py": OTHER},
        ["tests/test_g.py (renamed to old/test_g.py)"],
    ),
    "moves it to a name with an invisible character": (
        {"tests/test_g.py": None, "old/test\u200b_g.py": OTHER},
        ["tests/test_g.py (renamed to old/test_g.py)"],
    ),
    "empties a file": ({"tests/test_g.py": ""}, ["tests/test_g.py (30 lines fewer)"]),
    "removes three tests and adds one": (
        {"tests/test_f.py": "".join([*TESTS[3:], "def test_new():\n    assert True\n\n"])},
        ["tests/test_f.py (6 lines fewer)"],
    ),
    "moves lines out of the paths": (
        {"tests/test_f.py": "".join(TESTS[10:]), "old/test_f.py": "".join(TESTS[:10])},
        ["tests/test_f.py (30 lines fewer)"],
    ),
    "makes a file binary": (
        {"tests/test_f.py": b"assert(true)\0"},
        ["tests/test_f.py (changed, and GitHub counts no lines of it)"],
    ),
    "renames and makes it binary": (
        {"tests/test_f.py": None, "tests/test_h.py": GREEN_BINARY},
        ["tests/test_h.py (changed, and GitHub counts no lines of it)"],
    ),
    "drops a threshold": (
        {"tests/limits.ini": "[coverage]\nbranch = true\n"},
        ["tests/limits.ini (1 lines fewer)"],
    ),
    "drops a hook": (
        {"tests/conftest.py": "import pytest\n"},
        ["tests/conftest.py (2 lines fewer)"],
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_what_takes_something_away_is_rejected_and_named(story: Story, name: str) -> None:
    files, named = CHEATS[name]
    result = judged(story, files)
    assert (outcome(result), items(result)) == (REJECTED, named)


def test_a_binary_attribute_does_not_hide_lost_lines(story: Story) -> None:
    """``tests/** -diff``: GitHub counts no lines of what it does not show."""
    story.github.commits.binary_paths.add("tests/test_f.py")
    result = judged(story, {"tests/test_f.py": "".join(TESTS[:3])})
    assert outcome(result) == REJECTED
    assert items(result) == ["tests/test_f.py (changed, and GitHub counts no lines of it)"]


SEEN_BY_NOBODY: dict[str, Files] = {
    "adds a skip": {"tests/test_f.py": SUITE.replace("def test_1()", "@skip\ndef test_1()")},
    "weakens an assertion in place": {"tests/test_f.py": SUITE.replace("== 3", "is not None")},
    "lowers a threshold in place": {
        "tests/limits.ini": "[coverage]\nfail_under = 10\nbranch = true\n"
    },
    "replaces a test by one of equal length": {
        "tests/test_f.py": SUITE.replace(TESTS[4], "def test_4():\n    assert True\n\n")
    },
}
"""What the security page says that the gate does not see."""
HONEST: dict[str, Files] = {
    "adds tests": {"tests/test_f.py": SUITE + TESTS[0].replace("test_0", "test_more")},
    "splits a file within the paths": {
        "tests/test_f.py": "".join(TESTS[:10]),
        "tests/test_f2.py": "".join(TESTS[10:]),
    },
    "renames within the paths": {"tests/test_f.py": None, "tests/unit/test_f.py": SUITE},
    "fixes a typo": {"tests/test_f.py": SUITE.replace("f(7)", "f(+7)")},
    "reformats into more lines": {"tests/test_f.py": SUITE.replace(" == ", " == \\\n        ")},
    "touches none": {},
    "adds an empty file": {"tests/__init__.py": ""},
}


@pytest.mark.parametrize("name", [*SEEN_BY_NOBODY, *HONEST])
def test_what_takes_no_lines_away_passes(story: Story, name: str) -> None:
    assert outcome(judged(story, (SEEN_BY_NOBODY | HONEST)[name])) == PASSED
