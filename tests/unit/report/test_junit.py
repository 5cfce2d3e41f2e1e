"""The result as JUnit XML, read back by a parser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from mogplex_ci.models import Untrusted
from mogplex_ci.report.junit import JUnitReport
from mogplex_ci.run.outcome import Outcome, Result, Verdict
from mogplex_ci.run.trail import Trail
from mogplex_ci.sanitize import Sanitizer


def case(tmp_path: Path, verdict: Verdict, *, name: str = "Fix it") -> tuple[ElementTree.Element, ElementTree.Element]:
    path = tmp_path / "junit.xml"
    report = JUnitReport(path, Sanitizer(["hunter2-hunter2"]), name=name, repo="acme/web")
    report.end(Outcome(verdict, duration=12.5, requests_sent=3, trail=Trail()))
    suite = ElementTree.parse(path).getroot()[0]  # noqa: S314 (our own file)
    return suite, suite[0]


@pytest.mark.parametrize(
    ("result", "element"),
    [
        (Result.SUCCESS, None),
        (Result.DETACHED, None),
        (Result.DRY_RUN, None),
        (Result.SKIPPED, "skipped"),
        (Result.FAILED, "failure"),
        (Result.CANCELLED, "failure"),
        (Result.TIMEOUT, "failure"),
        (Result.ERROR, "error"),
        (Result.INTERRUPTED, "error"),
    ],
)
def test_each_result_is_one_test_that_passes_or_not(result: Result, element: str | None, tmp_path: Path) -> None:
    suite, test = case(tmp_path, Verdict(result, 0, cause="why"))
    assert [child.tag for child in test] == ([element] if element else [])
    counts = {"failure": suite.get("failures"), "error": suite.get("errors"), "skipped": suite.get("skipped")}
    assert suite.get("tests") == "1"
    assert counts == {tag: str(int(tag == element)) for tag in counts}
    assert (test.get("classname"), test.get("name"), test.get("time")) == ("acme/web", "Fix it", "12.500")


def test_text_from_outside_is_data_and_holds_no_secret(tmp_path: Path) -> None:
    detail = Untrusted("]]> <failure/> &amp; \x1b[31mred\x1b[0m \ufffe hunter2-hunter2")
    _, test = case(tmp_path, Verdict(Result.FAILED, 1, cause="the run failed", detail=detail, error_code="RUN_FAILED"))
    (failure,) = test
    assert failure.get("message") == "the run failed"
    assert failure.get("type") == "RUN_FAILED"
    assert failure.text is not None
    assert failure.text.startswith("]]> <failure/> &amp; red")
    assert "hunter2" not in failure.text


def test_the_name_is_the_first_line_of_a_long_prompt(tmp_path: Path) -> None:
    _, test = case(tmp_path, Verdict(Result.SUCCESS, 0), name="\n  Fix the login\nform, and " + "more " * 100)
    assert test.get("name") == "Fix the login"
    _, test = case(tmp_path, Verdict(Result.SUCCESS, 0), name="x" * 500)
    assert test.get("name") == "x" * 100
