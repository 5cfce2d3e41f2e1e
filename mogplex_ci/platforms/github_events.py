"""Which GitHub events an outsider can cause, and whether one caused this event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

TRUSTED: Final = ("OWNER", "MEMBER", "COLLABORATOR")
"""Author associations of people who belong to the project."""
_AUTHORED: Final = {
    "issues": "issue",
    "issue_comment": "comment",
    "discussion": "discussion",
    "discussion_comment": "comment",
    "pull_request_target": "pull_request",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
}
"""Events that anybody can cause, and the part of their payload that names its author's association."""


def untrusted(event_name: str, event_path: str | None) -> str | None:
    """Return why the event may be an outsider's, or None. An event that cannot be read is not trusted."""
    if event_name == "workflow_run":
        run = _event(event_path).get("workflow_run")
        fork = not isinstance(run, dict) or _repository(run, "head_repository") != _repository(run, "repository")
        return "the event workflow_run comes from a fork" if fork else None
    if event_name not in _AUTHORED:
        return None
    subject = _event(event_path).get(_AUTHORED[event_name])
    association = subject.get("author_association") if isinstance(subject, dict) else None
    if association in TRUSTED:
        return None
    return f"the event {event_name} was caused by somebody who is neither owner, member nor collaborator"


def _event(path: str | None) -> dict[str, Any]:
    try:
        event = json.loads(Path(path or "").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _repository(run: dict[str, Any], name: str) -> object:
    """Return the repository's id, or for an incomplete event a value that equals no other repository's."""
    repository = run.get(name)
    return (repository.get("id") if isinstance(repository, dict) else None) or name
