"""What a run's events tell about its result: the branch, the pull request, the failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mogplex_ci.models import Event, Untrusted


class Trail:
    """Collects facts from events as they arrive; later events win."""

    def __init__(self) -> None:
        self.count = 0
        """Events seen."""
        self.truncated = False
        """Whether there may be events that cannot be read."""
        self.branch: Untrusted | None = None
        """The branch that was worked on; the run detail does not always know it."""
        self.base_branch: Untrusted | None = None
        self.pull_request_url: Untrusted | None = None
        self.changed: bool | None = None
        """Whether the run changed anything; None when no delivery was seen."""
        self.failure: Untrusted | None = None
        """Why it failed, in the agent's or the service's words."""

    def add(self, events: Iterable[Event]) -> None:
        """Take in events that were not seen before."""
        for event in events:
            self.count += 1
            kind = event.type.one_of("log", "failed")
            if kind == "log":
                self._add_log(event.payload)
            elif kind == "failed":
                self.failure = event.payload.at("error") or self.failure or event.message

    def _add_log(self, payload: Untrusted) -> None:
        name = payload.at("stage")
        stage = name.one_of("git_sync", "git_delivery") if name is not None else None
        if stage is None:
            return
        self.branch = payload.at("working_branch") or self.branch
        self.base_branch = payload.at("base_branch") or self.base_branch
        if stage == "git_delivery":
            self.pull_request_url = payload.at("pull_request_url")
            changed = payload.at("changed")
            self.changed = changed.as_bool() if changed is not None else None
