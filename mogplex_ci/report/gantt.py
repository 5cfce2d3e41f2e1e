"""A run's phases and tool calls as a mermaid gantt chart."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mogplex_ci.models import Untrusted
    from mogplex_ci.report.chronicle import Chronicle, ToolUse
    from mogplex_ci.report.story import ToolCall
    from mogplex_ci.sanitize import Sanitizer

_LABEL_LIMIT: Final = 48
_SYNTAX: Final = re.compile(r"[^\w .,/()=+@'-]+")
"""What mermaid may take for syntax, and more; labels do without it."""
_DAY: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - without a time zone on purpose
"""Mermaid wants a date with each time. It reads and writes both in the reader's own time zone, so any day will do."""


def gantt(chronicle: Chronicle, sanitizer: Sanitizer, *, most_calls: int) -> str:
    """Return the chart as a fenced block, with the ``most_calls`` longest calls; empty when nothing is known."""
    spans = chronicle.spans()
    if not spans:
        return ""
    shown = sorted(chronicle.calls, key=lambda call: call.seconds or 0.0, reverse=True)[:most_calls]
    lines = [
        "```mermaid",
        "gantt",
        "  dateFormat YYYY-MM-DD HH:mm:ss.SSS",
        f"  axisFormat {'%H:%M:%S' if chronicle.last >= 3600 else '%M:%S'}",
        "  todayMarker off",
        "  section Phases",
        *(_task(span.phase, "done", span.began, span.ended) for span in spans),
    ]
    for use in chronicle.tools():
        lines += _section(use, {id(call) for call in shown}, chronicle.last, sanitizer)
    return "\n".join([*lines, "```", ""])


def _section(use: ToolUse, shown: set[int], last: float, sanitizer: Sanitizer) -> Iterator[str]:
    calls = [call for call in use.calls if id(call) in shown]
    if calls:
        yield f"  section {_label(use.tool, sanitizer)}"
    for call in calls:
        tag = "crit" if call.failed else "done" if call.finish else "active"
        ended = last if call.until is None else call.until
        yield _task(_label(_message(call) or use.tool, sanitizer), tag, call.at, ended)


def _task(label: str, tag: str, began: float, ended: float) -> str:
    """Return a task. Its first character is one that begins no keyword."""
    return f"  ▸ {label} :{tag}, {_time(began)}, {_time(max(ended, began + 0.001))}"


def _time(seconds: float) -> str:
    return (_DAY + timedelta(seconds=seconds)).isoformat(sep=" ", timespec="milliseconds")


def _message(call: ToolCall) -> Untrusted | None:
    return next((event.message for event in (call.start, call.finish) if event and event.message), None)


def _label(text: Untrusted, sanitizer: Sanitizer) -> str:
    return _SYNTAX.sub(" ", sanitizer.clean(text, limit=_LABEL_LIMIT)).strip() or "…"
