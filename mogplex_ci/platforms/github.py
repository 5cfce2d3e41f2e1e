"""GitHub Actions, and Forgejo and Gitea Actions: workflow commands in the log, outputs and state in files.

The rules are those of actions/runner; escapes and annotation properties are those of @actions/core.

``Event`` says who may have caused the event of a workflow run, and whose words its payload holds: a prompt is code, so
a run must not start because an outsider did something, nor with an outsider's words in its prompt. Payloads:
https://docs.github.com/webhooks/webhook-events-and-payloads. Forgejo and Gitea send the same events, without author
associations and without the types of users.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from mogplex_ci.platforms.base import Identity, Level, Platform, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.sanitize import CleanText, Markdown, SafeText

    Object = Mapping[str, Any]

_CLEARED: Final = "finished"
"""Name of the state value that says that ``post`` has nothing left to do."""


class GitHub(Platform):
    """GitHub Actions, on github.com or GitHub Enterprise."""

    name: ClassVar[str] = "github"
    marker_variable = "GITHUB_ACTIONS"
    marker_value = "true"
    repository_variable = "GITHUB_REPOSITORY"
    workspace_variable = "GITHUB_WORKSPACE"

    @property
    def job_url(self) -> str | None:
        """See ``Platform``: the page of the workflow run, since a job's own id is not in its environment."""
        server, repository, run = map(self.env.get, ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"))
        return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None

    def identity(self) -> Identity | None:
        """Return workflow run, job and step id; a re-run keeps the run's id and raises its attempt.

        A job of a reusable workflow has the same id in each call of the workflow; the path of its callers differs.
        """
        run_id, job = self.env.get("GITHUB_RUN_ID"), self.env.get("GITHUB_JOB", "")
        if not run_id:
            return None
        repository = self.env.get("GITHUB_REPOSITORY", "")
        parts = (
            self.env.get("GITHUB_SERVER_URL", ""),
            self.env.get("GITHUB_REPOSITORY_ID") or repository,
            run_id,
            job,
            self.env.get("GITHUB_ACTION", ""),
            *self._callers(),
        )
        attempt = self.env.get("GITHUB_RUN_ATTEMPT", "1")
        return Identity(parts, joined(repository, run_id, job), attempt, later_attempt=attempt != "1")

    def _callers(self) -> tuple[str, ...]:
        """Return the path of jobs that leads to this one in a reusable workflow; empty for any other job.

        Some runners tell it: ``<id of this attempt>.<calling job>.<job>.<leg of the matrix>``.
        """
        path = self.env.get("ACTIONS_ORCHESTRATION_ID", "").split(".")[1:-1]
        return (".".join(path),) if len(path) > 1 else ()

    @property
    def is_debug(self) -> bool:
        """Whether step debug logging is on."""
        return self.env.get("RUNNER_DEBUG") == "1" or super().is_debug

    @property
    def has_clean_up(self) -> bool:
        """Whether this step is the action. One that runs the image or the program itself has no post step.

        Only action.yml sets the input. ``matrix`` says nothing: people give it to a step that uses the image.
        """
        return self.env.get("INPUT_POST-STEP") == "true"

    @property
    def _event(self) -> Event:
        return Event.read(self.env)

    def untrusted_trigger(self) -> str | None:
        """Return why the event may be an outsider's. See ``Event``."""
        return self._event.untrusted()

    def outsider_text_in(self, prompt: str) -> str | None:
        """Return which field of the event an outsider wrote and the prompt contains."""
        field = self._event.outsider_text_in(prompt)
        return None if field is None else f"the prompt contains {field} of the event, which an outsider wrote"

    def open_group(self, title: SafeText) -> None:
        """Start to fold lines."""
        self._command("group", {}, title)

    def close_group(self) -> None:
        """End the group."""
        self._command("endgroup", {}, "")

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Annotate the step, or a line of a file."""
        properties = {"title": title, "file": file or "", "line": str(line) if file and line else ""}
        self._command(level.value, properties, text)

    def debug(self, text: SafeText) -> None:
        """Print a line that only step debug logging shows."""
        if self.is_debug:
            self._command("debug", {}, text)

    def mask(self, secret: str) -> None:
        """Have the runner hide ``secret`` in all later lines."""
        self._command("add-mask", {}, secret)

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Append to the step's output file; a later value replaces an earlier one."""
        self._append("GITHUB_OUTPUT", {name: value or "" for name, value in outputs.items()})

    def write_summary(self, markdown: Markdown) -> None:
        """Append to the job's summary."""
        path = self.env.get("GITHUB_STEP_SUMMARY")
        if path:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write(markdown)

    def save_state(self, state: Mapping[str, str]) -> None:
        """Append to the file whose values the action's ``post`` gets as ``STATE_NAME``.

        Without a post step of the runner, a later step of the job that runs ``mogplex-ci post`` reads a file.
        """
        if self.has_clean_up:
            self._append("GITHUB_STATE", state)
        else:
            super().save_state(state)

    def load_state(self) -> Mapping[str, str]:
        """Return the values that the runner hands to ``post``, or those in the file."""
        if not self.has_clean_up:
            return super().load_state()
        if self.env.get(f"STATE_{_CLEARED}"):
            return {}
        return {name.removeprefix("STATE_"): value for name, value in self.env.items() if name.startswith("STATE_")}

    def clear_state(self) -> None:
        """Mark the state as cleared, for the runner's file only takes additions, or delete the file."""
        if self.has_clean_up:
            self._append("GITHUB_STATE", {_CLEARED: "true"})
        else:
            super().clear_state()

    def _state_names(self, identity: Identity) -> Sequence[str]:
        """Leave out the step: ``mogplex-ci post`` is another one."""
        server, repository, run_id, job, _, *callers = identity.parts
        return (server, repository, run_id, job, *callers)

    def _command(self, name: str, properties: Mapping[str, str], data: str) -> None:
        given = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items() if value)
        self._write(f"::{name}{' ' + given if given else ''}::{_escape_data(data)}")

    def _append(self, variable: str, values: Mapping[str, str]) -> None:
        path = self.env.get(variable)
        if path:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(_entry(name, value) for name, value in values.items()))


class Forgejo(GitHub):
    """Forgejo Actions, and Gitea Actions, from which it comes: another runner with GitHub's commands and files."""

    name: ClassVar[str] = "forgejo"

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """Both set ``GITHUB_ACTIONS`` as well."""
        return "true" in (env.get("FORGEJO_ACTIONS"), env.get("GITEA_ACTIONS"))

    def identity(self) -> Identity | None:
        """Return the step as on GitHub. Where the server does not count attempts, this may be a later one."""
        identity = super().identity()
        if identity is None or self.env.get("GITHUB_RUN_ATTEMPT"):
            return identity
        return identity._replace(attempt=None, later_attempt=True)

    def repository(self) -> str | None:
        """Return None: the repository is on the server's own forge, and Mogplex works on GitHub repositories."""
        return None

    @property
    def _event(self) -> Event:
        return Event.read(self.env, users_have_types=False)


def _entry(name: str, value: str) -> str:
    """Return an entry of a file command; its delimiter cannot be guessed, so no value can end it early."""
    delimiter = f"mogplex_{secrets.token_hex(16)}"
    if delimiter in value:
        raise ValueError("the value contains its delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


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


class Event(NamedTuple):
    """The event that started a workflow run."""

    name: str
    payload: Object
    """Empty when it cannot be read: an event that lacks what is needed to judge it is not trusted."""
    users_have_types: bool = True
    """Whether the server says of each user if it is a person or an app."""

    @classmethod
    def read(cls, env: Mapping[str, str], *, users_have_types: bool = True) -> Event:
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
