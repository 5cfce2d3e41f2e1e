"""Reads a log as GitHub's runner does for problem matchers: those of the set-up actions, of
pre-commit and of common linters.

``problem_matchers.json`` has their files as they are published, each with lines of its tool. The
rules are those of IssueMatcher.cs and OutputManager.cs in actions/runner.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_FILE = Path(__file__).with_suffix(".json")


class Matcher(NamedTuple):
    """What one tool's reports look like, and a report of it."""

    owner: str
    patterns: tuple[re.Pattern[str], ...]
    """Those of consecutive lines."""
    sample: tuple[str, ...]


@cache
def matchers() -> list[Matcher]:
    """Return all matchers."""
    data: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return [
        Matcher(
            one["owner"],
            # The runner compiles them as ECMAScript, which lets a range end with a class.
            tuple(
                re.compile(pattern["regexp"].replace(r"[\w-\/]", r"[\w\-\/]"), re.ASCII)
                for pattern in one["pattern"]
            ),
            tuple(one["sample"]),
        )
        for one in data
    ]


def annotated(log: str) -> list[tuple[str, str]]:
    """Return the matchers that find something in ``log``, each with the last line of what it
    found.
    """
    # A line that is a command is not tried.
    lines = [line for line in log.split("\n") if not line.startswith("::")]
    found = []
    for matcher in matchers():
        for at in range(len(lines) - len(matcher.patterns) + 1):
            tried = lines[at : at + len(matcher.patterns)]
            pairs = zip(matcher.patterns, tried, strict=True)
            if all(pattern.search(line) for pattern, line in pairs):
                found.append((matcher.owner, tried[-1]))
    return found
