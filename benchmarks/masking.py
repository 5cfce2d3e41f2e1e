"""How fast secrets are found in what agents write, and whether each shape takes linear time."""

from __future__ import annotations

import base64
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Row
from mogplex_ci.sanitize import Sanitizer

MB = 1_000_000
VALUES = ("Zq8vXr2LmN5tB7wK9dPc4HsJ", "p@ss w0rd&<more>é", "postgres://app:t7Kq2vXw9@db/app")
SLOWEST = 500.0
"""Milliseconds for a megabyte."""
GROWTH = 12.0
"""Times as long for eight times the text; 64 would be quadratic."""
ROOT = Path(__file__).parents[1]
SHAPES = ("a", " ", "\\", "%", "%41", "&", "'", "\\u0041", "password=", "&#65;", "://a:", "\\\\n")


def measure() -> list[Row]:
    """Measure texts of several kinds, and the growth of the worst shape."""
    prose = "\n".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))
    code = "\n".join(each.read_text("utf-8") for each in sorted(ROOT.glob("mogplex_ci/*/*.py")))
    noise = random.Random(1).randbytes(MB)  # noqa: S311  # the same in each run
    texts = {
        "prose": _of(prose, MB),
        "code": _of(code, MB),
        "JSON with escapes": _of(json.dumps({"a": code}), MB),
        "JSON in JSON": _of(json.dumps(json.dumps({"a": code})), MB),
        "base64": _of(base64.encodebytes(noise).decode(), MB),
        "one line of 10 MB": _of(json.dumps([code]).replace(" ", ""), 10 * MB),
    }
    redactor = Sanitizer(VALUES).redactor
    rows = []
    for name, text in texts.items():
        times = [_seconds(redactor.redact, text) * 1000 * MB / len(text) for _ in range(3)]
        rows.append(Row(f"masking: {name}", times, "ms/MB", limit=SLOWEST))
    growths = [
        _seconds(redactor.redact, _of(shape, 8 * MB)) / _seconds(redactor.redact, _of(shape, MB))
        for shape in SHAPES
    ]
    rows.append(Row("masking: slowest growth from 1 to 8 MB", [max(growths)], "", limit=GROWTH))
    return rows


def _of(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def _seconds(work: Callable[[str], str], text: str) -> float:
    times = []
    for _ in range(2):
        began = time.process_time()
        work(text)
        times.append(time.process_time() - began)
    return statistics.fmean(times)
