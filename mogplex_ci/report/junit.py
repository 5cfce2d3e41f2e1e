"""The result as JUnit XML."""

from typing import Final
from xml.etree import ElementTree

from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import StepFacts
from mogplex_ci.workspace import write_whole

_COUNTS: Final = {"tests": "", "failures": "/failure", "errors": "/error", "skipped": "/skipped"}
"""A JUnit suite's counts, and which elements of its test cases they count."""
_NOT_IN_XML: Final = str.maketrans("", "", "\ufffe\uffff")
"""The sanitizer lets no control through; of the other characters, XML 1.0 refuses these two."""


class JUnitFile(FileReport[None]):
    """The result as JUnit XML, for CI systems that show test reports: a test case for each run and
    each of its gates.

    A step with several runs that broke has a case of its own: not all of its runs have one. A run's
    case is named after repository and task, the same in every pipeline; else after the task's first
    line. A rejected run did succeed: its own case passes, and those of the gates that do not hold
    fail.
    """

    def end(self, step: StepFacts) -> None:
        """Write the file."""
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(
            suites, "testsuite", name="Mogplex", time=f"{step.facts.duration:.3f}"
        )
        for run in step.runs:
            facts, class_name = run.facts, run.repo or "mogplex"
            case = _case(suite, class_name, run.task or facts.title, facts.duration)
            element = facts.result.row.junit
            if element:
                code = facts.error_code or facts.result.value
                _fault(case, element, facts.cause or facts.remedy, code, facts.detail)
            if facts.run_id:
                rounds = [
                    f"Round {at}, run {each.run_id}: {each.found}"
                    for at, each in enumerate(facts.rounds, 1)
                ]
                said = [f"Run {facts.run_id}: {facts.result.value}", *rounds]
                ElementTree.SubElement(case, "system-out").text = "\n".join(said)
            for gate in facts.gates:
                case = _case(suite, class_name, gate.name, 0.0)
                if not gate.passed:
                    message, items = (
                        f"{gate.found}. Expected: {gate.expected}.",
                        (*gate.items, gate.remedy or ""),
                    )
                    _fault(
                        case, "failure", message, gate.error_code or "REJECTED", "\n".join(items)
                    )
        if step.is_fleet and step.facts.remedy:
            case = _case(suite, "mogplex", step.facts.title, step.facts.duration)
            _fault(
                case,
                "error",
                step.facts.annotation,
                step.facts.error_code or step.facts.result.value,
                None,
            )
        for count, counted in _COUNTS.items():
            suite.set(count, str(len(suite.findall(f"testcase{counted}"))))
        ElementTree.indent(suites)
        text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False).translate(
            _NOT_IN_XML
        )
        write_whole(self._path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _case(
    suite: ElementTree.Element, class_name: str, name: str, seconds: float
) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=class_name, name=name, time=f"{seconds:.3f}"
    )


def _fault(
    case: ElementTree.Element, kind: str, message: str | None, code: str, text: str | None
) -> None:
    ElementTree.SubElement(case, kind, message=message or "", type=code).text = text or None
