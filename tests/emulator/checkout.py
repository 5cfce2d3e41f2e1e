"""Where a run works, and which commit the service records: not always the branch that was asked
for.
"""

import hashlib
from dataclasses import dataclass

from tests.emulator.start import StartRequest


@dataclass(frozen=True, slots=True)
class Checkout:
    """The branch of a run in its sandbox."""

    request: StartRequest
    ai_call_id: str
    falls_back: bool
    """Whether the newest pull request of the branch asked for is merged or closed, or there is no
    such branch. A branch that the start creates is there.
    """

    @property
    def is_elsewhere(self) -> bool:
        """Whether the run works on a branch of its own, which the run object does not name: it
        never works on the base branch, and only the harness ``mogplex`` leaves git to the agent.
        """
        request = self.request
        if request.harness == "mogplex":
            return False
        has_gone = self.falls_back and not request.create_branch
        return request.working_branch == request.base_branch or has_gone

    @property
    def branch(self) -> str:
        """The branch that the run works on."""
        if self.is_elsewhere:
            return f"mogplex/agent-{self.ai_call_id.replace('-', '')[:12]}"
        return self.request.working_branch

    def recorded_commit(self, work: str, *, delivered: bool | None) -> str:
        """Return the tip of the branch asked for, which the service records as
        ``terminalCommitSha``.

        Args:
            work: the commit that the agent made.
            delivered: what the run says of its delivery; None if it says nothing.
        """
        if delivered is not False and not self.is_elsewhere:
            return work
        # Where a run with an own new branch changed nothing, the branch is at its base.
        is_at_base = self.request.create_branch and not self.is_elsewhere
        asked_for = self.request.base_branch if is_at_base else self.request.working_branch
        text = f"{self.request.repo_id.lower()} {asked_for}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
