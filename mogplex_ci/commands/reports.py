"""Which reports a step writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.platforms.interface import Platform
    from mogplex_ci.report.chronicle import Chronicle
    from mogplex_ci.report.interface import Report
    from mogplex_ci.sanitize import Sanitizer


def reports_for(
    inputs: ActionInputs, platform: Platform, sanitizer: Sanitizer, chronicle: Chronicle
) -> Iterator[Report]:
    """Yield the reports that ``inputs`` ask for, beside the log. What is not asked for is not imported either."""
    from mogplex_ci.report.links import LinksReport

    yield LinksReport(platform, sanitizer, inputs.base_url)
    if inputs.events_file is not None:
        from mogplex_ci.report.events_file import EventsFile

        yield EventsFile(inputs.events_file, sanitizer)
    if inputs.summary:
        from mogplex_ci.report.summary import SummaryReport

        yield SummaryReport(platform, sanitizer, chronicle)
    if inputs.result_file is not None:
        from mogplex_ci.report.result_file import ResultFile

        yield ResultFile(inputs.result_file, sanitizer, chronicle)
    if inputs.report_file is not None:
        from mogplex_ci.report.html import HtmlReport

        yield HtmlReport(inputs.report_file, sanitizer, chronicle, task=inputs.prompt)
    if inputs.junit_file is not None:
        from mogplex_ci.report.junit import JUnitReport

        yield JUnitReport(inputs.junit_file, sanitizer, name=inputs.task or inputs.prompt, repo=inputs.repo)


def files_of(inputs: ActionInputs, platform: Platform) -> Mapping[str, str]:
    """Return the outputs that name files, relative to the workspace."""
    workspace = platform.workspace.resolve()
    files = {
        "events-file": inputs.events_file,
        "result-file": inputs.result_file,
        "report-file": inputs.report_file,
    }
    return {name: path.relative_to(workspace).as_posix() for name, path in files.items() if path is not None}
