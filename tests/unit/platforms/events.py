"""GitHub's own examples of the payloads of events, to be changed by tests.

They are those of github.com/octokit/webhooks (MIT, commit of 2026-06-22) without addresses, counts
and empty fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mogplex_ci.platforms.webhook import AUTHORED, Webhook

PAYLOADS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("payloads.json").read_text(encoding="utf-8")
)
"""By event and, where there are several, what tells them apart: ``issues labeled``."""
MAINTAINER = {"id": 1, "login": "maintainer", "type": "User"}
STRANGER = {"id": 2, "login": "stranger-from-elsewhere", "type": "User"}
APP = {"id": 3, "login": "mogplex[bot]", "type": "Bot"}
FORK = {"id": 702, "name": "web", "full_name": "stranger-from-elsewhere/web", "owner": STRANGER}
SUBJECTS = ("discussion", "issue", "pull_request", "review", "comment")


def event(example: str, changes: Mapping[str, Any] | None = None, /, **more: Any) -> Webhook:
    """Return GitHub's example with ``changes``: values by path, such as ``issue.user``.

    An example of ``pull_request`` is one of ``pull_request_target`` by that name.
    """
    payload = json.loads(json.dumps(_example(example)))
    for path, value in {**(changes or {}), **more}.items():
        part: dict[str, Any] = payload
        *parents, last = path.split(".")
        for parent in parents:
            part = part[parent]
        part[last] = value
    return Webhook(example.split()[0], payload)


def by(
    example: str,
    association: str,
    author: object = STRANGER,
    sender: object = STRANGER,
    **more: Any,
) -> Webhook:
    """Return GitHub's example with another author of all that has one, and another one who
    acted.
    """
    subjects = [subject for subject in SUBJECTS if subject in _example(example)]
    authors = {f"{subject}.user": author for subject in subjects}
    told = {f"{subject}.author_association": association for subject in subjects}
    return event(example, {**authors, **told, "sender": sender}, **more)


def _example(name: str) -> dict[str, Any]:
    return PAYLOADS[name.replace("_target", "")]


def examples(*events: str) -> list[str]:
    """Return the names of the examples of ``events``; of those with an author if none is named."""
    return [name for name in PAYLOADS if name.split()[0] in (events or AUTHORED)]
