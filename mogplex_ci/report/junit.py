"""The result as JUnit XML."""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import EndingFacts, RunFacts, StepFacts
from mogplex_ci.workspace import write_whole

_COUNTS: Final = {"tests": "", "failures": "/failure", "errors": "/error", "skipped": "/skipped"}
"""A JUnit suite's counts, and which elements of its test cases they count."""
_NOT_IN_XML: Final = str.maketrans("", "", "\ufffe\uffff")
"""The sanitizer lets no control through; of the other characters, XML 1.0 refuses these two."""


class JUnitFile(FileReport):
    """The result as JUnit XML, for CI systems that show test reports: a test case for each run and
    each of its gates.

    A step that broke before all of its several runs ended has a case of its own. A run's case is
    named after repository and task, the same in every pipeline; else after the task's first line.
    """

    def end(self, step: StepFacts) -> None:
        """Write the file."""
        ending = step.ending
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(
            suites, "testsuite", name="Mogplex", time=f"{ending.duration:.3f}"
        )
        for run in step.runs:
            _add_run(suite, run)
        if not step.runs or step.failed_alone or (step.has_several and ending.remedy):
            class_name = step.task.repo_shown or "mogplex"
            name = step.task.name or step.task.title
            case = _add_case(suite, class_name, name, ending.duration)
            _add_fault(case, ending.result.row.junit or "error", ending)
        for count, counted in _COUNTS.items():
            suite.set(count, str(len(suite.findall(f"testcase{counted}"))))
        ElementTree.indent(suites)
        text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False)
        text = text.translate(_NOT_IN_XML)
        write_whole(self._path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _add_run(suite: ElementTree.Element, run: RunFacts) -> None:
    """Add the case of a run, and those of its gates."""
    ending = run.ending
    class_name = run.task.repo_shown or "mogplex"
    case = _add_case(suite, class_name, run.task.name or run.task.title, ending.duration)
    element = ending.result.row.junit
    if element:
        _add_fault(case, element, ending)
    if run.work is not None:
        said = [f"Run {run.work.run_id}: {ending.result.value}"]
        for number, each in enumerate(run.delivered.rounds, 1):
            said.append(f"Round {number}, run {each.run_id}: {each.found}")
        ElementTree.SubElement(case, "system-out").text = "\n".join(said)
    for gate in run.delivered.gates:
        case = _add_case(suite, class_name, gate.name, 0.0)
        if gate.error_code is not None:  # it rejects the run
            _add_text(case, "failure", gate.error_code, [gate.found, *gate.items, gate.remedy])


def _add_fault(case: ElementTree.Element, element: str, ending: EndingFacts) -> None:
    code = ending.error_code or ending.result.value
    message = ending.cause or ending.remedy
    said: list[str | None] = [message, *ending.problems, ending.detail]
    if ending.cause is not None:
        said.append(ending.remedy)
    if ending.error_code is not None and ending.help_url is not None:
        said.append(f"{ending.error_code}, exit {ending.exit_code}: {ending.help_url}")
    _add_text(case, element, code, said)


def _add_case(
    suite: ElementTree.Element, class_name: str, name: str, seconds: float
) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=class_name, name=name, time=f"{seconds:.3f}"
    )


def _add_text(
    case: ElementTree.Element, element: str, code: str, said: Sequence[str | None]
) -> None:
    """Add the fault. Its text begins with the message: GitLab shows the text alone."""
    lines = [line for line in said if line]
    fault = ElementTree.SubElement(case, element, message=lines[0] if lines else "", type=code)
    fault.text = "\n".join(lines) or None
