"""An event's payload as lines that a person can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mogplex_ci.models import Untrusted
    from mogplex_ci.sanitize import CleanText, Sanitizer


def readable(payload: Untrusted, sanitizer: Sanitizer, *, without: Collection[str] = ()) -> CleanText:
    """Return ``payload`` as lines ``name.name: value``, text of several lines indented below its name; clean.

    Empty fields and those named by ``without`` are left out.
    """
    value = sanitizer.data(payload)
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name not in without and item not in (None, "", [], {})}
    return sanitizer.clean("\n".join(_lines(value, "")) if value else "")


def _lines(value: object, name: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _lines(item, f"{name}.{key}" if name else key)
        return
    label = f"{name}: " if name else ""
    if not isinstance(value, str):
        yield label + json.dumps(value, ensure_ascii=False)
    elif "\n" in (text := value.strip("\n")):
        yield label.rstrip()
        yield from (f"  {line}".rstrip() for line in text.split("\n"))
    else:
        yield label + text
