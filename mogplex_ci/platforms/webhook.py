"""The webhook behind a workflow run: who may have caused its event, and whose words its payload holds.

A prompt is code, so a run must not start because an outsider did something, nor with an outsider's words in its prompt.
Payloads: https://docs.github.com/webhooks/webhook-events-and-payloads. Forgejo and Gitea send the same events, without
author associations and without the types of users.
"""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Object = Mapping[str, Any]

WRITERS_ONLY: Final = frozenset(
    {
        "branch_protection_rule",
        "create",
        "delete",
        "label",
        "merge_group",
        "milestone",
        "page_build",
        "public",
        "push",
        "registry_package",
        "release",
        "repository_dispatch",
        "schedule",
        "workflow_dispatch",
    }
)
"""Events that only people with write access cause. An event that is in none of these tables is refused."""

_BY_PEOPLE: Final = frozenset({"deployment", "deployment_status"})
"""Events that need write access too, but which apps also cause for pull requests of forks."""

_AUTHORED: Final = {
    "issues": "issue",
    "issue_comment": "comment",
    "discussion": "discussion",
    "discussion_comment": "comment",
    "pull_request_target": "pull_request",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
}
"""Events that anybody can cause, and the part of the payload whose author caused it."""

_TRIAGED: Final = frozenset({"issues", "discussion", "pull_request_target"})
_TRIAGE: Final = frozenset(
    {
        "assigned",
        "auto_merge_disabled",
        "auto_merge_enabled",
        "demilestoned",
        "dequeued",
        "enqueued",
        "labeled",
        "locked",
        "milestoned",
        "pinned",
        "review_request_removed",
        "review_requested",
        "transferred",
        "unassigned",
        "unlabeled",
        "unlocked",
        "unpinned",
        "label_updated",  # Forgejo and Gitea
        "label_cleared",
    }
)
"""Actions of the events in ``_TRIAGED`` that take triage or write access, unless they come with the subject itself."""

_INSIDERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")
"""Author associations of people who belong to the project."""

_SUBJECTS: Final = frozenset({*_AUTHORED.values(), "answer"})
"""Parts of a payload that have an author, whether or not it says how they belong to the project."""
_TEXTS: Final = ("title", "body", "ref", "label", "message", "head_branch", "display_title", "page_name", "from")
"""Keys whose strings people write."""
_OTHERS_TEXTS: Final = frozenset({"base", "labels", "milestone", "repo", "repository", "user"})
"""Parts of an issue or pull request whose texts are not its author's."""

_WHOLE: Final = 12
_WHOLE_WITH_SPACE: Final = 6
"""Characters of a field, or a line of it, that count when all of it is in the prompt; fewer if it has white space."""
_PIECE: Final = 24
"""Characters that count when they are only a piece of the field.

Fewer would refuse prompts for words that everybody uses: "pull request" alone has 12.
"""


class Webhook(NamedTuple):
    """The event that started a workflow run."""

    name: str
    payload: Object
    """Empty when it cannot be read: an event that lacks what is needed to judge it is not trusted."""
    users_have_types: bool = True
    """Whether the server says of each user if it is a person or an app."""

    @classmethod
    def read(cls, env: Mapping[str, str], *, users_have_types: bool = True) -> Webhook:
        """Return the event that ``env`` names."""
        try:
            payload = json.loads(Path(env.get("GITHUB_EVENT_PATH", "")).read_bytes())
        except (OSError, ValueError, RecursionError):
            payload = None
        known = payload if isinstance(payload, dict) else {}
        return cls(env.get("GITHUB_EVENT_NAME", ""), known, users_have_types)

    def untrusted(self) -> str | None:
        """Return why an outsider may have caused the event, or None when only an insider can have."""
        name, payload = self.name, self.payload
        if name in WRITERS_ONLY:
            return None
        if name in _BY_PEOPLE:
            by_person = self._is_person(_object(payload, "sender"))
            return None if by_person else f"the event {name} was caused by an app, perhaps for a fork's pull request"
        if name == "pull_request":
            same = _is_same_repository(_object(payload, "pull_request"))
            return None if same else "the event pull_request comes from a fork"
        if name == "workflow_run":
            return _untrusted_workflow_run(_object(payload, "workflow_run"))
        if name in _AUTHORED:
            if self._is_by_insider() or self._is_triage():
                return None
            return f"the event {name} was caused by somebody who is neither owner, member nor collaborator"
        shown = f"the event {name}" if re.fullmatch("[a-z_]{1,40}", name) else "the event of this job"
        return f"{shown} is not known to need write access to the repository"

    def outsider_text_in(self, prompt: str) -> str | None:
        """Return the path of a field whose words, an outsider's, are in ``prompt``, such as ``issue.body``, or None."""
        folded = _folded(prompt)
        starts, pieces = _windows(folded, _WHOLE), _windows(folded, _PIECE)
        return next((path for path, text in self._outsider_texts() if _is_in(folded, starts, pieces, text)), None)

    def _is_by_insider(self) -> bool:
        subject = _object(self.payload, _AUTHORED[self.name])
        if subject.get("author_association") not in _INSIDERS:
            return False
        # Whoever may write to a fork can push to the branch of a pull request that an insider opened from it.
        pushed_to_fork = self.payload.get("action") == "synchronize" and not _is_same_repository(subject)
        author, sender = self._author_and_sender(subject)
        return not pushed_to_fork or (author is not None and author == sender)

    def _is_triage(self) -> bool:
        """Return whether a person with triage or write access acted. An author labels by choosing an issue form."""
        if self.name not in _TRIAGED or self.payload.get("action") not in _TRIAGE:
            return False
        author, sender = self._author_and_sender(_object(self.payload, _AUTHORED[self.name]))
        return self._is_person(_object(self.payload, "sender")) and author is not None and author != sender

    def _author_and_sender(self, subject: Object) -> tuple[object, object]:
        """Return the ids of the user who wrote ``subject`` and of the one who acted; None for what is not told."""
        return _object(subject, "user").get("id"), _object(self.payload, "sender").get("id")

    def _is_person(self, user: Object) -> bool:
        return user.get("id") is not None and user.get("type", None if self.users_have_types else "User") == "User"

    def _is_insiders(self, subject: Object) -> bool:
        """Return whether the author belongs to the project: by association, or as a person with a branch in it."""
        if subject.get("author_association") in _INSIDERS:
            return True
        return _is_same_repository(subject) and self._is_person(_object(subject, "user"))

    def _outsider_texts(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of every field that somebody outside the project wrote."""
        subjects = [_object(self.payload, key) for key in _SUBJECTS if key in self.payload]
        outside = {
            "changes": any(not self._is_insiders(subject) for subject in subjects),  # what the texts were before
            "pages": True,  # a wiki may be open to everybody
            "workflow_run": _untrusted_workflow_run(_object(self.payload, "workflow_run")) is not None,
        }
        parts: deque[tuple[str, object, bool]] = deque(
            (key, value, key in _SUBJECTS or outside.get(key, False)) for key, value in self.payload.items()
        )
        while parts:
            path, value, is_outside = parts.popleft()
            if isinstance(value, list):
                parts += ((path, item, is_outside) for item in value)
            elif isinstance(value, dict):
                if path in _SUBJECTS or "author_association" in value:
                    is_outside = not self._is_insiders(value)
                if is_outside:
                    yield from ((f"{path}.{key}", value[key]) for key in _TEXTS if isinstance(value.get(key), str))
                parts += (
                    (f"{path}.{key}", item, is_outside) for key, item in value.items() if key not in _OTHERS_TEXTS
                )


def _untrusted_workflow_run(run: Object) -> str | None:
    """Judge a workflow run by the event that caused it, as far as the payload tells."""
    head, own = _object(run, "head_repository").get("id"), _object(run, "repository").get("id")
    if head is None or head != own:
        return "the event workflow_run comes from a fork"
    if run.get("event") in (*WRITERS_ONLY, "pull_request"):
        return None
    return "the event workflow_run follows a workflow that an outsider may have started"


def _is_same_repository(pull_request: Object) -> bool:
    head, base = (_object(_object(pull_request, end), "repo").get("id") for end in ("head", "base"))
    return head is not None and head == base


def _is_in(prompt: str, starts: set[str], pieces: set[str], text: str) -> bool:
    """Return whether ``text``, a line of it or a long piece is in the folded prompt.

    ``starts`` and ``pieces`` are the prompt's windows of ``_WHOLE`` and ``_PIECE`` characters.
    """
    whole = _folded(text)
    if _WHOLE_WITH_SPACE <= len(whole) < _WHOLE:
        return " " in whole and whole in prompt
    if not _windows(whole, _PIECE).isdisjoint(pieces):
        return True
    lines = {whole, *map(_folded, text.splitlines())}
    return any(line[:_WHOLE] in starts and line in prompt for line in lines)


def _windows(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def _folded(text: str) -> str:
    """Return ``text`` with each run of white space as one space, and without case."""
    return " ".join(text.split()).casefold()


def _object(value: Object, key: str) -> Object:
    """Return the object at ``key``; empty when there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}
