"""Tracks whether the service has answered and accepted the token. This decides how long a failure is waited out."""

from math import inf
from typing import Final

from mogplex_ci.errors import MogplexError, NotAuthorizedError

FIRST_CONTACT_SECONDS: Final = 120.0
"""How long a service that has never answered is tried: its address, this network or a proxy may be set up wrongly."""
UNKNOWN_TOKEN_SECONDS: Final = 10.0
"""How long a token is tried that the service has never accepted."""
ACCEPTED_TOKEN_SECONDS: Final = 60.0
"""The same once it was accepted: the service answers 401 whenever its database cannot look the token up."""


class Contact:
    """Whether the API has ever answered, and accepted the token. The runs of one step share it."""

    def __init__(self) -> None:
        self._has_answered = False
        self._accepts_token = False

    def answered(self, *, accepts_token: bool) -> None:
        """Note an answer in the API's own envelope."""
        self._has_answered = True
        self._accepts_token = self._accepts_token or accepts_token

    def judge(self, error: MogplexError) -> None:
        """Set how long ``error`` is waited out."""
        if isinstance(error, NotAuthorizedError):
            error.patience = ACCEPTED_TOKEN_SECONDS if self._accepts_token else UNKNOWN_TOKEN_SECONDS
        elif error.patience == inf and not self._has_answered:
            error.patience = error.patience_before_contact
