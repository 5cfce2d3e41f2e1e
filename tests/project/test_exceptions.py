"""Where the code is excepted from a check, the line says why."""

from __future__ import annotations

import re
import subprocess

from tests.program import ROOT

EXCEPTION = re.compile(
    r"#\s*(?:(?:type|pyright|mypy): |noqa)(?:ignore)?(?:\[[\w, -]*\]|:\s*\w+)?(?P<reason>.*)"
)
SAYS_IT_ONCE = ("tests/project/test_exceptions.py", "tests/unit/sanitize/careless.py")
"""The pattern's own file, and one whose every line is an exception, for the reason that it begins
with.
"""
FILES = subprocess.run(
    ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()


def test_every_exception_has_its_reason_beside_it() -> None:
    found = [
        (f"{name}:{number}", match)
        for name in FILES
        for number, line in enumerate(
            (ROOT / name).read_text(encoding="utf-8").splitlines(), start=1
        )
        if (match := EXCEPTION.search(line)) and name not in SAYS_IT_ONCE
    ]
    assert len(found) > 20
    assert [place for place, match in found if not re.search(r"\w+", match["reason"])] == []
