"""The result as JUnit XML."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import Facts, StepFacts
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import CleanText
from mogplex_ci.workspace import write_whole

_PASSED: Final = (Result.SUCCESS, Result.REJECTED, Result.DETACHED, Result.DRY_RUN)
_ERRORS: Final = (Result.ERROR, Result.INTERRUPTED)
_COUNTS: Final = {"failures": "failure", "errors": "error", "skipped": "skipped"}
"""A JUnit suite's counts, and the elements that they count."""
_NOT_IN_XML: Final = str.maketrans("", "", "\ufffe\uffff")
"""The sanitizer lets no control through; of the other characters, XML 1.0 refuses these two."""


class JUnitFile(FileReport):
    """The result as JUnit XML, for CI systems that show test reports: a test case for each run and each of its gates.

    A run's case is named after repository and task, the same in every pipeline; else after the task's first line.
    A rejected run did succeed: its own case passes, and those of the gates that do not hold fail.
    """

    def end(self, step: StepFacts) -> None:
        """Write the file."""
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite", name="Mogplex", time=f"{step.facts.duration:.3f}")
        for run in step.runs:
            class_name = self._safe.clean(run.repo or "mogplex")
            _run_case(suite, run.facts, class_name, self._safe.clean(run.task) if run.task else run.facts.title)
            for gate in run.facts.gates:
                case = _case(suite, class_name, gate.name, 0.0)
                if not gate.passed:
                    message = _xml(f"{gate.found}. Expected: {gate.expected}.")
                    why = ElementTree.SubElement(case, "failure", message=message, type=gate.error_code or "REJECTED")
                    why.text = "\n".join(_xml(line) for line in (*gate.items, gate.remedy) if line) or None
        suite.set("tests", str(len(suite)))
        for count, counted in _COUNTS.items():
            suite.set(count, str(len(suite.findall(f"testcase/{counted}"))))
        ElementTree.indent(suites)
        text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False)
        write_whole(self._path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _run_case(suite: ElementTree.Element, facts: Facts, class_name: CleanText, name: CleanText) -> None:
    result = facts.result
    case = _case(suite, class_name, name, facts.duration)
    if result not in _PASSED:
        kind = "skipped" if result is Result.SKIPPED else "error" if result in _ERRORS else "failure"
        message = _xml(facts.cause or facts.remedy)
        why = ElementTree.SubElement(case, kind, message=message, type=facts.error_code or result.value)
        why.text = _xml(facts.detail) or None
    if facts.run_id:
        lines = [f"Run {facts.run_id}: {result.value}"]
        lines += [f"Round {number}, run {each.run_id}: {each.found}" for number, each in enumerate(facts.rounds, 1)]
        ElementTree.SubElement(case, "system-out").text = _xml("\n".join(lines))


def _case(suite: ElementTree.Element, class_name: str, name: str, seconds: float) -> ElementTree.Element:
    names = {"classname": _xml(class_name), "name": _xml(name), "time": f"{seconds:.3f}"}
    return ElementTree.SubElement(suite, "testcase", names)


def _xml(text: str | None) -> str:
    return (text or "").translate(_NOT_IN_XML)
