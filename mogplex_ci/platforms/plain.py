"""No CI system that we know: a terminal, ``docker run``, or a CI of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TextIO

from mogplex_ci.platforms.interface import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping


class Plain(Platform):
    """Plain lines; outputs in a dotenv file."""

    name: ClassVar[str] = "plain"

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """Take what no other system claims."""
        return True

    @property
    def terminal(self) -> TextIO | None:
        """A terminal that can do more than print, and is no CI system's."""
        watched = self._stream.isatty() and self.env.get("TERM", "dumb") != "dumb" and not self.env.get("CI")
        return self._stream if watched else None
