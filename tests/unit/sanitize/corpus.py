"""Harmless lines from what is on the machine: sources of the standard library and of packages, and
their lock files.
"""

from __future__ import annotations

import fnmatch
import os
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from mogplex_ci.sanitize import Sanitizer

_SUFFIXES = {
    ".c",
    ".cfg",
    ".css",
    ".go",
    ".h",
    ".html",
    ".ini",
    ".js",
    ".json",
    ".md",
    ".mjs",
    ".php",
    ".py",
    ".pyi",
    ".rb",
    ".rs",
    ".rst",
    ".sh",
    ".toml",
    ".ts",
    ".txt",
    ".xml",
    ".yaml",
    ".yml",
}
_LONGEST = 1_000
"""Characters; longer lines are data or minified."""
_ABOUT_SECRETS = ("betterleaks", "detect_secrets", "test", "certifi")
_REQUIREMENTS = "*.txt"
"""In a folder of this name."""
_LOCKS = [
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "Cargo.lock",
    "go.sum",
    "composer.lock",
    "poetry.lock",
    "uv.lock",
    _REQUIREMENTS,
    ".package-lock.json",
]
_CHECKOUT = Path(__file__).parents[3]


def standard_library() -> Iterator[str]:
    """Yield the lines of Python's standard library without its tests, which hold passwords and keys
    of tests.
    """
    root = Path(sysconfig.get_path("stdlib"))
    unwanted = {"site-packages", "test", "tests", "idlelib"}
    return lines(
        path
        for path in sorted(root.rglob("*.py"))
        if not unwanted & set(path.relative_to(root).parts)
    )


def packages() -> Iterator[str]:
    """Yield the lines of sources and texts of the installed packages, of other languages too."""
    for distribution in sorted(distributions(), key=lambda one: one.name):
        paths = (
            Path(str(file.locate()))
            for file in distribution.files or ()
            if file.suffix in _SUFFIXES
        )
        yield from lines(
            path for path in paths if not any(word in str(path) for word in _ABOUT_SECRETS)
        )


def lock_files() -> Iterator[str]:
    """Yield the lines of lock files of package managers in the checkout, below ``node_modules``
    too.
    """
    # Not rglob(), which fails if another test removes a folder meanwhile.
    folders = [(folder, names) for folder, _, names in os.walk(_CHECKOUT)]
    return lines(
        Path(folder, name)
        for pattern in _LOCKS
        for folder, names in folders
        for name in fnmatch.filter(names, pattern)
        if pattern != _REQUIREMENTS or folder.endswith("requirements")
    )


def _is_usual(line: str) -> bool:
    return len(line) <= _LONGEST and line.isprintable() and "***" not in line


def lines(paths: Iterable[Path]) -> Iterator[str]:
    """Yield the lines of those of ``paths`` that are text."""
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        yield from filter(_is_usual, text.splitlines())


def changed(sanitizer: Sanitizer, harmless: Iterable[str]) -> list[tuple[str, str]]:
    """Return the lines in which something was masked, as they were and as they are shown."""
    shown = ((line, sanitizer.clean(line)) for line in harmless)
    return [each for each in shown if "***" in each[1]]
