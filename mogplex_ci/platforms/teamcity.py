"""TeamCity: service messages, which the agent finds anywhere in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from mogplex_ci.platforms.dotenv import variables
from mogplex_ci.platforms.interface import Identity, Level, Platform, message, readable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mogplex_ci.sanitize import SafeText

_ESCAPES: Final = str.maketrans(
    {"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r", "\x85": "|x", "\u2028": "|l", "\u2029": "|p"}
)
_STATUS: Final = {Level.NOTICE: "NORMAL", Level.WARNING: "WARNING"}


class TeamCity(Platform):
    """TeamCity."""

    name: ClassVar[str] = "teamcity"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        """Take the process environment, and the stream of the job log."""
        super().__init__(env, stream)
        self._block = ""

    @classmethod
    def detect(cls, env: Mapping[str, str]) -> bool:
        """TeamCity sets ``TEAMCITY_VERSION``."""
        return bool(env.get("TEAMCITY_VERSION"))

    def identity(self) -> Identity | None:
        """Name the build. Running it again makes a new build: there is no second attempt at one.

        Build numbers can be formatted so that they repeat; the build's address holds its id.
        """
        project, kind, number = self._values("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER")
        if not number:
            return None
        parts = (*self._values("BUILD_URL"), project, kind, number)
        return Identity(parts, readable(project, kind, number), "1", later_attempt=False)

    def open_group(self, title: SafeText) -> None:
        """Fold what follows."""
        self._block = title
        self._message("blockOpened", name=title)

    def close_group(self) -> None:
        """End the fold, by its name."""
        self._message("blockClosed", name=self._block)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Make an error a problem of the build, and anything milder a message of its kind."""
        said = message(title, text, file, line)
        if level is Level.ERROR:
            self._message("buildProblem", description=said)
        else:
            self._message("message", text=said, status=_STATUS[level])

    def set_outputs(self, outputs: Mapping[str, SafeText | None]) -> None:
        """Set parameters of the build; in a value, ``%`` would begin a reference to another parameter."""
        super().set_outputs(outputs)
        for name, value in variables(outputs).items():
            self._message("setParameter", name=name, value=value.replace("%", "%%"))

    def _message(self, kind: str, **properties: str) -> None:
        given = " ".join(f"{name}='{value.translate(_ESCAPES)}'" for name, value in properties.items())
        self._write(f"##teamcity[{kind} {given}]")
