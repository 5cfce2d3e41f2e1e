"""A release's notes are its section of the changelog, and every file names its version."""

from __future__ import annotations

import pytest

from mogplex_ci import __version__
from scripts.release_notes import include, notes
from tests.program import ROOT

PACKAGE = '"""Docs."""\n\n__version__ = "1.1.0"\n'
CHANGELOG = """# Changelog

## Unreleased

## 1.1.0 - 2026-11-24

### Added

- Tasks.

## 1.0.0 - 2026-10-01

- First.
"""


def test_the_notes_are_the_section_of_the_version() -> None:
    assert notes("1.1.0", PACKAGE, CHANGELOG) == "### Added\n\n- Tasks.\n"
    assert notes("1.0.0", PACKAGE.replace("1.1.0", "1.0.0"), CHANGELOG) == "- First.\n"


@pytest.mark.parametrize(
    ("version", "changelog", "fault"),
    [
        ("1.0.0", CHANGELOG, "says 1.1.0, not 1.0.0"),
        ("v1.1.0", CHANGELOG, "is not a version"),
        ("1.1", CHANGELOG, "is not a version"),
        ("1.1.0", CHANGELOG.replace(" - 2026-11-24", ""), "no date"),
        ("1.1.0", "# Changelog\n", "no section"),
    ],
)
def test_what_does_not_agree_is_refused(version: str, changelog: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        notes(version, PACKAGE, changelog)


def test_the_notes_say_how_gitlab_includes_the_component() -> None:
    text = include("0123abcd", b"spec:\n")
    assert "run-action/0123abcd/templates/run/template.yml\n" in text
    # printf 'spec:\\n' | openssl dgst -sha256 -binary | base64
    assert "    integrity: sha256-7pHlHOU47xIO4gy9+UFYus4cwReQb4ZP7S2U43EQyyY=\n" in text


def test_the_changelog_knows_this_version() -> None:
    """Dated only once it is released."""
    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
