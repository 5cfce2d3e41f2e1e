"""The agent's words: text deltas joined into messages, each shown when it is complete.

So a secret is never shown in halves, however it was divided into deltas.
"""

import json
import re
from typing import Final, NamedTuple

from mogplex_ci.models import Event, EventKind
from mogplex_ci.untrusted import Untrusted

_MAX_LENGTH: Final = 2**20
"""Characters of a message that are kept. All that shows it cuts it sooner, and a message that is
only cut there would show half of a secret.
"""
_CHECKPOINT: Final = (
    r"(?s)\n{0,9}<<<MOGPLEX_CHECKPOINT>>>(.*?)(?:<<<END_MOGPLEX_CHECKPOINT>>>|\Z)\n{0,9}"
)
"""The question of a run that pauses (Mogplex/mogplex, lib/harness/checkpoint.ts)."""
_BEGINS_MESSAGE: Final = (
    EventKind.ACCEPTED,
    EventKind.SANDBOX_READY,
    EventKind.GIT_SYNC,
    EventKind.INSTALL,
    EventKind.TOOL_STARTED,
    EventKind.MESSAGE,
)
"""Words behind these are a new message. The agent's last line can come after the delivery and the
end, and the end of a call, such as one in the background, within a message.
"""


class Checkpoint(NamedTuple):
    """The question of a paused run."""

    summary: Untrusted | None
    preview_url: Untrusted | None


def begins_message(event: Event) -> bool:
    """Whether the message before ``event`` is complete."""
    return event.kind in _BEGINS_MESSAGE


class Message:
    """The message that the agent is writing.

    Of one whose beginning was missed nothing is known: it may begin inside a secret.
    """

    def __init__(self) -> None:
        self._deltas: list[str] = []
        self.has_beginning = True
        self.length = 0
        """Characters so far."""

    def add(self, delta: Untrusted | None) -> None:
        """Append ``delta``, unless the message's beginning was missed."""
        if self.has_beginning and delta is not None:
            room = max(_MAX_LENGTH - self.length, 0)
            self._deltas.append(delta.text[:room])
            self.length += len(delta.text)

    @property
    def text(self) -> Untrusted:
        """Its text so far."""
        return Untrusted("".join(self._deltas))

    def take(self) -> Untrusted:
        """Return the message, which is complete, and begin another one."""
        text = self.text
        self.miss()
        self.has_beginning = True
        return text

    def miss(self) -> None:
        """Forget the message: events are missing."""
        self._deltas = []
        self.has_beginning = False
        self.length = 0


def without_checkpoint(message: Untrusted) -> Untrusted:
    """Return a message without the question in it."""
    return Untrusted(re.sub(_CHECKPOINT, "\n\n", message.text).strip("\n"))


def checkpoint_in(message: Untrusted) -> Checkpoint | None:
    """Return the last question in a message, as the service does; one that cannot be read still
    pauses the run.
    """
    blocks = re.findall(_CHECKPOINT, message.text)
    if not blocks:
        return None
    try:
        fields = Untrusted(json.loads(blocks[-1]))
    except (ValueError, RecursionError):
        fields = Untrusted(None)
    return Checkpoint(summary=fields.at("summary"), preview_url=fields.at("previewUrl"))
