"""TeamCity: service messages, which are recognized anywhere in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from mogplex_ci.platforms.base import Identity, Level, Platform, annotation_text, joined, variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mogplex_ci.sanitize import CleanText, SafeText

_ESCAPES: Final = str.maketrans(
    {"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r", "\x85": "|x", "\u2028": "|l", "\u2029": "|p"}
)
_STATUS: Final = {Level.NOTICE: "NORMAL", Level.WARNING: "WARNING"}


class TeamCity(Platform):
    """TeamCity."""

    name: ClassVar[str] = "teamcity"

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(env, stream)
        self._block = ""

    @classmethod
    def matches(cls, env: Mapping[str, str]) -> bool:
        """TeamCity sets ``TEAMCITY_VERSION``."""
        return bool(env.get("TEAMCITY_VERSION"))

    def identity(self) -> Identity | None:
        """Return the build. Running it again makes a new build, so there is no second try of one.

        Build numbers may repeat, for their format can be changed; the build's address holds its id.
        """
        project, kind, number = self._values("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER")
        if not number:
            return None
        parts = (*self._values("BUILD_URL"), project, kind, number)
        return Identity(parts, joined(project, kind, number), "1", later_attempt=False)

    def open_group(self, title: SafeText) -> None:
        """Start a block."""
        self._block = title
        self._message("blockOpened", name=title)

    def close_group(self) -> None:
        """End the block."""
        self._message("blockClosed", name=self._block)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, *, file: SafeText | None = None, line: int | None = None
    ) -> None:
        """Report an error as a build problem, which fails the build, and anything else as a message."""
        shown = annotation_text(title, text, file, line)
        if level is Level.ERROR:
            self._message("buildProblem", description=shown)
        else:
            self._message("message", text=shown, status=_STATUS[level])

    def set_outputs(self, outputs: Mapping[str, CleanText | None]) -> None:
        """Write the dotenv file, and set parameters of the build. A single ``%`` would refer to another parameter."""
        super().set_outputs(outputs)
        for name, value in variables(outputs).items():
            self._message("setParameter", name=name, value=value.replace("%", "%%"))

    def _message(self, kind: str, **properties: str) -> None:
        given = " ".join(f"{name}='{value.translate(_ESCAPES)}'" for name, value in properties.items())
        self._write(f"##teamcity[{kind} {given}]")
