"""Rows of a table that bring any two values together, instead of all with all others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest


def table(every: int = 1, **lists: Sequence[Any]) -> pytest.MarkDecorator:
    """Return a mark that gives a test pairs of ``lists``, by the names of its parameters.

    One row in ``every``, an odd number, is for each day. Of a value that is a list, a row has one.
    """
    params = []
    for at, values in enumerate(pairs(*lists.values())):
        row = [value[at % len(value)] if isinstance(value, list) else value for value in values]
        marks = [pytest.mark.slow] if at % every else []
        label = " ".join(str(getattr(each, "name", each)) for each in row)
        params.append(pytest.param(*row, marks=marks, id=f"{label} {at}"))
    return pytest.mark.parametrize(list(lists), params)


def pairs(*lists: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return rows with one value of each of ``lists``: any two values of two lists share a row.

    The rows are the same each time, and not many more than the combinations of the two longest
    lists.
    """
    if len(lists) == 1:
        return [(value,) for value in lists[0]]
    columns = range(len(lists))
    missing = {
        frozenset([(one, at), (other, position)])
        for one, other in combinations(columns, 2)
        for at in range(len(lists[one]))
        for position in range(len(lists[other]))
    }
    rows = []
    while missing:
        row = dict(min(missing, key=sorted))
        for column in columns:
            if column not in row:
                row[column] = _most_new(row, column, len(lists[column]), missing)
        missing -= _pairs_of(row)
        rows.append(tuple(lists[column][row[column]] for column in columns))
    return rows


def _most_new(
    row: dict[int, int], column: int, size: int, missing: set[frozenset[tuple[int, int]]]
) -> int:
    """Return the value for ``column`` that brings the most pairs which no row has yet."""
    counts = [len(_pairs_of({**row, column: at}) & missing) for at in range(size)]
    return counts.index(max(counts))


def _pairs_of(row: dict[int, int]) -> set[frozenset[tuple[int, int]]]:
    return set(map(frozenset, combinations(row.items(), 2)))
