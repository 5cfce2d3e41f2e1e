"""One table for all measurements: what was measured, against what, and whether it keeps its
limit.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDS = 9
"""Measurements of each thing; medians are shown."""


@dataclass(frozen=True)
class Row:
    """One measurement beside its reference, both from the same run of the benchmark."""

    what: str
    values: Sequence[float]
    unit: str
    reference: str = ""
    reference_values: Sequence[float] = ()
    limit: float | None = None
    """Largest median allowed, in ``unit``."""
    ratio_limit: float | None = None
    """Largest ratio to the reference allowed."""
    in_pairs: bool = False
    """Whether each value was measured together with one of the reference: then their ratios are
    compared.
    """

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """Our median against the reference's, or the median of the pairs' ratios, whatever the
        machine's speed was.
        """
        if self.in_pairs:
            return statistics.median(
                ours / its for ours, its in zip(self.values, self.reference_values, strict=True)
            )
        if not self.reference_values:
            return None
        return self.median / statistics.median(self.reference_values)

    @property
    def kept(self) -> bool | None:
        """Whether the limit is kept; None when there is none."""
        checks = [(self.median, self.limit), (self.ratio, self.ratio_limit)]
        kept = [
            value <= limit for value, limit in checks if value is not None and limit is not None
        ]
        return all(kept) if kept else None

    @property
    def shown(self) -> str:
        """Our median with its unit, and the spread behind it."""
        return _shown(self.values, self.unit)

    @property
    def reference_shown(self) -> str:
        """The same of the reference."""
        return _shown(self.reference_values, self.unit)

    def markdown(self) -> str:
        """The row of the table."""
        reference = f"{self.reference} {self.reference_shown}" if self.reference_values else "–"
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else "–"
        limits = [f"{self.limit:g} {self.unit}".rstrip()] if self.limit is not None else []
        limits += [f"ratio {self.ratio_limit:g}"] if self.ratio_limit is not None else []
        mark = {True: " ✔", False: " ✘", None: ""}[self.kept]
        limit = f"{', '.join(limits) or '–'}{mark}"
        return f"| {self.what} | {self.shown} | {reference} | {ratio} | {limit} |"


def markdown(rows: Sequence[Row]) -> str:
    """The whole table: medians, with the spread from lowest to highest behind them."""
    head = "| figure | run-action | reference | ratio | limit |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *(row.markdown() for row in rows)])


def _shown(values: Sequence[float], unit: str) -> str:
    median = f"{_number(statistics.median(values))} {unit}".rstrip()
    return (
        median if len(values) == 1 else f"{median} ({_number(min(values))}–{_number(max(values))})"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
