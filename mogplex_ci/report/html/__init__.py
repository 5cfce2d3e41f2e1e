"""The HTML report: one self-contained page."""

from mogplex_ci.report.html.page import HtmlReport

__all__ = ["HtmlReport"]
