"""Write the HTML report of 30 runs with 5,000 events each: ``python -m benchmarks.page_of_runs
FILE``. ``benchmarks.memory`` measures this process.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mogplex_ci.report.facts import StepFacts
from mogplex_ci.report.html import HtmlReport
from mogplex_ci.run.result import Result
from mogplex_ci.sanitize import Sanitizer
from tests.unit.report.events import call, facts, planned, result

RUNS = 30
CALLS = 2_500
"""Of one run; each is two events."""


def main() -> None:
    """Write the page as a step does: a run's part when it ends, the page last."""
    report = HtmlReport(Path(sys.argv[1]), Sanitizer())
    report.begin_runs([planned()] * RUNS)
    ended = []
    for number in range(1, RUNS + 1):
        items = [item for at in range(CALLS) for item in call(f"tool-{at % 20}", at, at + 1)]
        run = facts(result(Result.SUCCESS, *items))._replace(number=number)
        report.end_run(run)
        ended.append(run.without_timeline())
    report.end(StepFacts(ended[0].ending, ended[0].task, ended, RUNS, None))


if __name__ == "__main__":
    main()
