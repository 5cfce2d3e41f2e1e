"""Where the bars of the timeline stand, in percent of its width."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mogplex_ci.durations import format_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WIDTH: Final = 0.35
"""Percent; a bar is never narrower, so that it can be seen and touched."""
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between ticks, from which the finest is taken that gives no more than ``_MOST_TICKS``."""
_MOST_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time."""

    x: float
    width: float
    kind: str
    """Name of the CSS class."""
    title: str
    """What it is, for a pointer that rests on it and for those who do not see it."""
    anchor: str = ""
    """Id of the entry that tells more; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Row:
    """Bars under one name."""

    name: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis."""

    x: float
    label: str


class Scale:
    """Turns seconds into percent."""

    def __init__(self, seconds: float) -> None:
        """Take the length of the whole."""
        self._seconds = max(seconds, 1.0)

    def bar(self, began: float, ended: float, kind: str, title: str, anchor: str = "") -> Bar:
        """Return the bar from ``began`` to ``ended``, as far as it is on the scale."""
        x = min(self._percent(began), 100 - MIN_WIDTH)
        width = min(max(self._percent(ended) - x, MIN_WIDTH), 100 - x)
        return Bar(round(x, 3), round(width, 3), kind, title, anchor)

    def ticks(self) -> Sequence[Tick]:
        """Return the marks of the axis, at round times."""
        step = next((step for step in _STEPS if self._seconds / step <= _MOST_TICKS), _STEPS[-1])
        return [Tick(self._percent(at), format_clock(at)) for at in range(0, int(self._seconds) + 1, step)]

    def _percent(self, seconds: float) -> float:
        return round(100 * max(seconds, 0.0) / self._seconds, 3)
