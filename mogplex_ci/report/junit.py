"""The result as JUnit XML: one test case, for CI systems that show test reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from mogplex_ci.run.outcome import Result

if TYPE_CHECKING:
    from pathlib import Path

    from mogplex_ci.models import Untrusted
    from mogplex_ci.run.happenings import Happening
    from mogplex_ci.run.outcome import Outcome
    from mogplex_ci.sanitize import Sanitizer

_PASSED: Final = (Result.SUCCESS, Result.DETACHED, Result.DRY_RUN)
_ERRORS: Final = (Result.ERROR, Result.INTERRUPTED)
_COUNTS: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""A suite's counts, and the elements that they count."""
_NAME_LENGTH: Final = 100
_NOT_IN_XML: Final = str.maketrans("", "", "\ufffe\uffff")
"""The sanitizer lets no control through; of the other characters, XML 1.0 refuses these two."""


class JUnitReport:
    """Writes the file at the end."""

    def __init__(self, path: Path, sanitizer: Sanitizer, *, name: str, repo: str | None) -> None:
        """Take the file, and what names the test case: the same in every pipeline, or no two can be compared."""
        self._path = path
        self._sanitizer = sanitizer
        self._name = self._clean(next(iter(name.strip().splitlines()), ""))[:_NAME_LENGTH]
        self._class = self._clean(repo or "mogplex")

    def on(self, happening: Happening) -> None:
        """Wait for the end."""

    def end(self, outcome: Outcome) -> None:
        """Write the file."""
        verdict, result = outcome.verdict, outcome.verdict.result
        kind = "skipped" if result is Result.SKIPPED else "error" if result in _ERRORS else "failure"
        bad = "" if result in _PASSED else kind
        seconds = f"{outcome.duration:.3f}"
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite", name="Mogplex", tests="1", time=seconds)
        for count, counted in _COUNTS.items():
            suite.set(count, str(int(bad == counted)))
        case = ElementTree.SubElement(suite, "testcase", classname=self._class, name=self._name, time=seconds)
        if bad:
            message = self._clean(verdict.cause or verdict.remedy)
            why = ElementTree.SubElement(case, bad, message=message, type=verdict.error_code or result.value)
            why.text = self._clean(verdict.detail) if verdict.detail else None
        if outcome.run is not None:
            ElementTree.SubElement(case, "system-out").text = f"Run {self._clean(outcome.run.id)}: {result.value}"
        ElementTree.indent(suites)
        text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False)
        self._path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")

    def _clean(self, text: Untrusted | str) -> str:
        return self._sanitizer.clean(text).translate(_NOT_IN_XML)
