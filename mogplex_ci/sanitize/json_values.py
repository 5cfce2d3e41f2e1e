"""Cleans JSON values, and cuts those that are too large or deep."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, TypeAlias

from mogplex_ci.sanitize.cutting import cut
from mogplex_ci.sanitize.named_values import is_named
from mogplex_ci.sanitize.redactor import MASK

JSON_LIMIT: Final = 100_000
JSON_TOTAL: Final = 200_000
JSON_NODES: Final = 20_000
JSON_DEPTH: Final = 32
"""Bounds of one JSON value: characters of a string and of all strings, values in it, and how deep
they are nested.
"""

_Start: TypeAlias = Callable[[str, int], tuple[str, int]]
"""Returns the start of a text, up to a limit, and how many characters are missing."""


class JsonValue:
    """A JSON value with clean texts in it, cut where it is too large or deep."""

    def __init__(self, value: object, start: _Start, room: int = JSON_TOTAL) -> None:
        self._start = start
        self._room = room
        """Characters that still fit."""
        self._nodes = JSON_NODES
        self.value = self._shown(value, 0)

    def _shown(self, value: object, depth: int) -> object:
        """Return ``value`` up to the limit. A number that is not a secret stays a number."""
        self._nodes -= 1
        if isinstance(value, dict | list):
            if depth >= JSON_DEPTH or self._nodes <= 0:
                return "…"
            return (
                self._object(value, depth) if isinstance(value, dict) else self._list(value, depth)
            )
        if isinstance(value, bool) or value is None:
            return value
        text = str(value)
        shown = self._text(text)
        is_number = isinstance(value, int | float) and text[-1:].isdigit()  # JSON's are finite
        return value if is_number and shown == text else shown

    def _object(self, value: dict[object, object], depth: int) -> object:
        keys: list[tuple[str, str]] = []
        items: list[object] = []
        for key, item in islice(value.items(), self._nodes):
            name = str(key)
            keys.append((name, self._text(name)))
            # Kubernetes and others write {"name": "API_TOKEN", "value": "…"}.
            of = str(value.get("name", name)) if name == "value" else name
            is_secret = isinstance(item, str) and is_named(of, item)
            items.append(MASK if is_secret else self._shown(item, depth + 1))
            if self._is_full:
                break
        missing = len(value) - len(items)
        if missing:
            keys.append(("", "…"))
            items.append(f"{missing:,} more")
        return dict(zip(self._apart(keys), items, strict=True))

    def _list(self, value: list[object], depth: int) -> object:
        items: list[object] = []
        for item in islice(value, self._nodes):
            items.append(self._shown(item, depth + 1))
            if self._is_full:
                break
        missing = len(value) - len(items)
        if missing:
            items.append(f"… {missing:,} more")
        return items

    @property
    def _is_full(self) -> bool:
        return self._nodes <= 0 or self._room <= 0

    def _text(self, text: str) -> str:
        if self._room <= 0:
            return f"… {len(text):,} more characters"
        limit = min(JSON_LIMIT, self._room)
        self._room -= min(len(text), limit)
        shown, missing = self._start(text, limit)
        return cut(shown, len(shown), missing)

    def _apart(self, keys: list[tuple[str, str]]) -> Iterator[str]:
        """Yield the keys of an object, given as they were and are shown, each once: the unchanged
        keep their names.
        """
        taken = {shown for raw, shown in keys if shown == raw}
        numbers: Counter[str] = Counter()
        for raw, shown in keys:
            key = shown
            if shown != raw:
                while key in taken:
                    numbers[shown] += 1
                    key = f"{shown} ({numbers[shown] + 1})"
                taken.add(key)
            yield key


def lines_of(value: object, name: str) -> Iterator[str]:
    """Yield a clean value as lines ``name.name: value``."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from lines_of(item, f"{name}.{key}" if name else key)
        return
    label = f"{name}: " if name else ""
    if not isinstance(value, str):
        yield label + json.dumps(value)
    elif "\n" in (text := value.strip("\n")):
        yield label.rstrip()
        yield from (f"  {line}".rstrip() for line in text.split("\n"))
    else:
        yield label + text
