"""The cause of a job, such as the webhook behind a workflow run: who may have caused it, and whose
words it holds.

A prompt is code, so a run must not start because an outsider did something, nor with an outsider's
words in its prompt. Payloads: https://docs.github.com/webhooks/webhook-events-and-payloads. Forgejo
and Gitea send the same events, without author associations and without the types of users.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias

from mogplex_ci.platforms.event_words import Words, repeats
from mogplex_ci.untrusted import Untrusted

Object = Mapping[str, Any]

WRITERS_ONLY: Final = (
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
)
"""Events that only people with write access cause. An event that is in none of these tables is
refused.
"""

_BY_PEOPLE: Final = ("deployment", "deployment_status")
"""Events that need write access too, but which apps also cause for pull requests of forks."""

AUTHORED: Final = {
    "issues": "issue",
    "issue_comment": "comment",
    "discussion": "discussion",
    "discussion_comment": "comment",
    "pull_request_target": "pull_request",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
}
"""Events that anybody can cause, and the part of the payload whose author caused it."""

_ALSO_BY_APPS: Final = ("schedule", "workflow_dispatch", "repository_dispatch", "merge_group")
"""Events that start a run whichever app triggered them. By any other, an agent's own work would
start the next agent.
"""

_TRIAGE: Final = (
    "assigned",
    "auto_merge_enabled",
    "demilestoned",
    "enqueued",
    "labeled",
    "locked",
    "milestoned",
    "pinned",
    "transferred",
    "unassigned",
    "unlabeled",
    "unlocked",
    "unpinned",
    # of Forgejo and Gitea
    "label_updated",
    "label_cleared",
)
"""Actions on an issue or its like that take triage or write access, unless its author does them
while writing it.

Not ``closed``: whoever may push to a fork closes its pull request by deleting the branch
(https://docs.github.com/articles/creating-and-deleting-branches-within-your-repository).
Nor ``edited`` and ``reopened``: servers differ in who may do that, and ``github-token`` lets the
step query GitHub.
"""
_BY_PUSH: Final = (
    "synchronize",
    "review_requested",
    "review_request_removed",
    "auto_merge_disabled",
    "dequeued",
    "dismissed",
)
"""Actions that a push causes in the pusher's name, through CODEOWNERS, a merge queue or stale
reviews.
"""

_QUOTE: Final = 40
"""Characters of an outsider's words that the error quotes."""
_INSIDERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")
"""Author associations of people who belong to the project."""

_TITLED: Final = ("discussion", "issue", "pull_request")
"""Parts of a payload that have a title."""


class Trust(NamedTuple):
    """Who may start a run besides those of whom the event says that they belong to the project."""

    users: frozenset[str] = frozenset()
    """Logins of people in lower case; ``*`` is everybody."""
    bots: frozenset[str] = frozenset()
    """Logins of apps in lower case, such as ``renovate[bot]``."""
    may_write: Callable[[str], bool] = lambda _login: False
    """Asks the server whether a user has write access to the repository."""

    def admits(self, login: str) -> bool:
        """Return whether the inputs let ``login`` cause runs."""
        return "*" in self.users or login.lower() in self.users

    def unknown_app(self, caused: str, user: Object) -> str | None:
        """Return that an app ``caused`` something, if ``user`` is one and not allowed to."""
        login = _login(user)
        if not _is_app(user) or login.lower() in self.bots:
            return None
        return f"{caused} was triggered by the app {shown_login(login)}, which allowed-bots does not name"

    def vouches(self, login: str, *, is_person: bool) -> bool:
        """Return whether the words of ``login`` are trusted: those of people who are named, or who
        have write access.

        ``*`` and the list of apps say who may cause a run, never whose words are good.
        """
        return is_person and bool(login) and (login.lower() in self.users or self.may_write(login))


class OutsiderText(NamedTuple):
    """Words of an outsider that are in a prompt."""

    path: str
    """Of their field in the payload, such as ``issue.body``."""
    quote: Untrusted
    """At most 40 characters of them, in quotation marks."""


class Build(NamedTuple):
    """The cause of a job that gets no event, according to its variables."""

    caused_by: str
    """Login of a user or an app; empty if unknown."""
    is_fork: bool
    """Whether the job builds a fork's pull request."""
    change_request: str
    """What the system calls a pull request."""

    def unknown_app(self, trust: Trust) -> str | None:
        """Return which app caused the job, if it is one that is not allowed to, in our own
        words.
        """
        return trust.unknown_app("this job", {"login": self.caused_by})

    def untrusted(self, trust: Trust) -> str | None:
        """Return why an outsider may have caused the job, in our own words, or None."""
        if self.is_fork and not trust.admits(self.caused_by):
            return f"this job builds a {self.change_request} from a fork"
        return None

    def outsider_text_in(self, prompt: str, trust: Trust) -> OutsiderText | None:
        """Return None: the author of a text is unknown."""
        return None

    def words(self) -> tuple[Words, ...]:
        """Return nothing."""
        return ()


class Webhook(NamedTuple):
    """The event that started a workflow run."""

    name: str
    payload: Object
    """Empty when it cannot be read: an event that lacks what is needed to judge it is not
    trusted.
    """
    users_have_types: bool = True
    """Whether the server says of each user if it is a person or an app."""

    @classmethod
    def read(cls, env: Mapping[str, str], *, users_have_types: bool = True) -> Self:
        """Return the event that ``env`` names."""
        try:
            payload = json.loads(Path(env.get("GITHUB_EVENT_PATH", "")).read_bytes())
        except (OSError, ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict):
            payload = {}
        return cls(env.get("GITHUB_EVENT_NAME", ""), payload, users_have_types)

    def unknown_app(self, trust: Trust) -> str | None:
        """Return which app triggered the event, if the inputs do not name it; a workflow run is
        judged by its cause.
        """
        cause: object = self.name
        if cause == "workflow_run":
            cause = _object(self.payload, "workflow_run").get("event")
        if cause in _ALSO_BY_APPS:
            return None
        return trust.unknown_app(f"the event {self.name}", self._actor)

    def untrusted(self, trust: Trust) -> str | None:
        """Return why an outsider may have caused the event, or None when only those who may start
        runs can have.
        """
        name = self.name
        if name in WRITERS_ONLY or trust.admits(_login(self._actor)):
            return None
        if name == "pull_request":
            # A branch in the repository itself takes write access.
            if _is_same_repository(_object(self.payload, "pull_request")):
                return None
            return "the event pull_request comes from a fork"
        if name == "workflow_run":
            return _untrusted_workflow_run(_object(self.payload, "workflow_run"))
        if name in _BY_PEOPLE:
            if self._is_allowed_app(trust) or self._is_person(self._actor):
                return None
            return f"the event {name} was triggered by an app, perhaps for a fork's pull request"
        if name in AUTHORED:
            return self._untrusted_author(trust)
        # Shown as it is, in our own words.
        is_readable = re.fullmatch("[a-z_]{1,40}", name) is not None
        shown = f"the event {name}" if is_readable else "the event of this job"
        return f"{shown} may be triggered by anyone"

    def _untrusted_author(self, trust: Trust) -> str | None:
        login = _login(self._actor)
        if self._is_allowed_app(trust) or self._is_by_insider():
            return None
        if trust.vouches(login, is_person=self._is_person(self._actor)):
            return None
        return (
            f"the event {self.name} was triggered by {shown_login(login)}, "
            "who is neither owner, member nor collaborator"
        )

    def _is_allowed_app(self, trust: Trust) -> bool:
        return _is_app(self._actor) and _login(self._actor).lower() in trust.bots

    def outsider_text_in(self, prompt: str, trust: Trust) -> OutsiderText | None:
        """Return a field whose words, an outsider's, are in ``prompt``, or None."""
        for part in (*_TITLED, "review", "comment"):
            subject = _object(self.payload, part)
            author = _object(subject, "user")
            if not subject or self._is_insiders(subject):
                continue
            for field in ("title", "body"):
                text = str(subject.get(field) or "")
                # _is_trusted() may query GitHub: only for words that are in the prompt.
                if repeats(prompt, text) and not self._is_trusted(author, trust):
                    quote = Untrusted(f'"{text[:_QUOTE].strip()}"')
                    return OutsiderText(f"{part}.{field}", quote)
        return None

    def _is_trusted(self, author: Object, trust: Trust) -> bool:
        return trust.vouches(_login(author), is_person=self._is_person(author))

    def words(self) -> tuple[Words, ...]:
        """Return what people wrote that the event is about: first the issue or its like, then a
        comment or review.
        """
        if self.name not in AUTHORED and self.name != "pull_request":
            return ()
        part = next((part for part in _TITLED if _object(self.payload, part)), "issue")
        subject = _object(self.payload, part)
        # A comment on a pull request comes with an issue; on Gitea every issue has the key.
        kind = "pull_request" if subject.get("pull_request") else part
        about = f"{kind.replace('_', ' ')} #{subject.get('number')}"
        named = {
            about: subject,
            f"the review on {about}": _object(self.payload, "review"),
            f"the comment on {about}": _object(self.payload, "comment"),
        }
        return tuple(_words_of(name, item) for name, item in named.items() if item)

    @property
    def _actor(self) -> Object:
        """The user who caused the event."""
        sender = _object(self.payload, "sender")
        if self.name != "workflow_run":
            return sender
        return _object(self.payload, "workflow_run", "actor") or sender

    def _is_by_insider(self) -> bool:
        """Return whether an insider wrote what the event is about, or a person with triage or write
        access acted.
        """
        part = AUTHORED[self.name]
        action = self.payload.get("action")
        subject = _object(self.payload, part)
        actor = _object(self.payload, "sender")
        author = _object(subject, "user").get("id")
        is_by_author = author is not None and author == actor.get("id")
        if subject.get("author_association") in _INSIDERS:
            pull_request = _object(self.payload, "pull_request")
            is_of_fork = "pull_request" in self.payload and not _is_same_repository(pull_request)
            others_may_push = is_of_fork and action in _BY_PUSH  # to an insider's fork
            return is_by_author or not others_may_push
        is_triage = part in _TITLED and action in _TRIAGE and self._is_person(actor)
        # An author labels an issue, too, by choosing its form.
        return is_triage and author is not None and not is_by_author

    def _is_person(self, user: Object) -> bool:
        if _is_app(user) or user.get("id") is None:
            return False
        if "type" not in user:
            return not self.users_have_types
        return bool(user["type"] == "User")

    def _is_insiders(self, subject: Object) -> bool:
        """Return whether a person who belongs to the project wrote it: by association, or with a
        branch in it.
        """
        user = _object(subject, "user")
        if subject.get("author_association") in _INSIDERS:
            # An app repeats what others wrote, whatever its association is.
            return not _is_app(user)
        return _is_same_repository(subject) and self._is_person(user)


Cause: TypeAlias = Build | Webhook


def _untrusted_workflow_run(run: Object) -> str | None:
    """Judge a workflow run by the event that triggered it, according to the payload."""
    head = _object(run, "head_repository").get("id")
    if head is None or head != _object(run, "repository").get("id"):
        return "the event workflow_run comes from a fork"
    # A pull request counts, too: its branch is in the same repository, which takes write access.
    if run.get("event") in (*WRITERS_ONLY, "pull_request"):
        return None
    return "the event workflow_run follows a workflow that an outsider may have started"


def _is_same_repository(pull_request: Object) -> bool:
    head = _object(pull_request, "head")
    own = _object(head, "repo").get("id")
    # On Forgejo and Gitea whoever may read a repository may push to refs/for/BRANCH. The pull
    # request that this makes has no branch (services/convert/pull.go: PullRequestFlowAGit).
    has_branch = not str(head.get("ref")).startswith("refs/")
    return has_branch and own is not None and own == _object(pull_request, "base", "repo").get("id")


def _is_app(user: Object) -> bool:
    # The variables of a job give a login without a type.
    return user.get("type") == "Bot" or _login(user).endswith("[bot]")


def _login(user: Object) -> str:
    login = user.get("login")
    return login if isinstance(login, str) else ""


def shown_login(login: str) -> str:
    """Return a login as it may stand in a message of ours."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}(?:\[bot\])?", login):
        return "an unknown account"
    return f"@{login}"


def _words_of(name: str, item: Object) -> Words:
    """Return what a person wrote in an object of the payload; ``name`` is what we call it."""
    author = shown_login(_login(_object(item, "user")))
    return Words(name, author, str(item.get("title") or ""), str(item.get("body") or ""))


def _object(value: Object, *path: str) -> Object:
    """Return the object below the keys ``path``; empty when there is none."""
    for key in path:
        found = value.get(key)
        value = found if isinstance(found, dict) else {}
    return value
