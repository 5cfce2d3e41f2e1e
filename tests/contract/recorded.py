"""The events in the recorded answers of the service, and what they have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FEEDS = Path(__file__).with_name("feeds")


def events() -> Iterator[dict[str, Any]]:
    """Yield the events in the recorded answers of the service."""
    for path in FEEDS.glob("*.json"):
        yield from json.loads(path.read_text(encoding="utf-8"))["data"]["events"]
    for path in FEEDS.glob("*.sse"):
        for line in path.read_text(encoding="utf-8").split("\n"):
            data = json.loads(line[6:]) if line.startswith("data: {") else {}
            if "payload" in data:
                yield data


def shape(event: dict[str, Any]) -> tuple[object, ...]:
    """Return the type, stage and kind of an event, and its fields and those of its payload."""
    payload = event["payload"]
    return (
        event["type"],
        payload.get("stage"),
        payload.get("kind"),
        *sorted(event),
        *sorted(payload),
    )
