"""No CI system that we know: a terminal, ``docker run``, or a CI of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

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
