"""Nothing that was not looked up is called clean."""

from __future__ import annotations

import json

import pytest

from scripts.audit import verdict

CLEAN = {"name": "requests", "version": "2.34.2", "vulns": []}
UNKNOWN = {
    "name": "urllib3",
    "skip_reason": "Dependency not found on PyPI and could not be audited",
}
VULNERABLE = {
    "name": "idna",
    "version": "3.6",
    "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"]}],
}


def test_all_looked_up_and_clean() -> None:
    assert verdict(json.dumps({"dependencies": [CLEAN]})) == (
        "no known vulnerability in 1 packages",
        True,
    )


def test_a_vulnerability_is_named_even_where_others_are_unknown() -> None:
    assert verdict(json.dumps({"dependencies": [CLEAN, UNKNOWN, VULNERABLE]})) == (
        "idna 3.6: PYSEC-2024-60",
        False,
    )


@pytest.mark.parametrize(
    "report", ["", "Traceback", "{}", json.dumps({"dependencies": [CLEAN, UNKNOWN]})]
)
def test_what_was_not_looked_up_is_not_called_clean(report: str) -> None:
    text, well = verdict(report)
    assert text.startswith("not checked: ")
    assert well is None
