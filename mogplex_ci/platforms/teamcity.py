"""TeamCity: service messages, which it recognizes anywhere in a line."""

from collections.abc import Mapping
from typing import Final, TextIO

from mogplex_ci.platforms.base import Level, Place, Platform, annotation_text, variables
from mogplex_ci.platforms.system import System, once
from mogplex_ci.sanitize import CleanText, SafeText

# Running a build again makes a new one. Build numbers may repeat, for their format can be changed; the build's address
# holds its id.
TEAMCITY: Final = System(
    "teamcity",
    "TEAMCITY_VERSION",
    parts="BUILD_NUMBER BUILD_URL TEAMCITY_PROJECT_NAME TEAMCITY_BUILDCONF_NAME",
    label="TEAMCITY_PROJECT_NAME TEAMCITY_BUILDCONF_NAME BUILD_NUMBER",
    attempt=once,
)
_ESCAPES: Final = str.maketrans(
    {"|": "||", "'": "|'", "[": "|[", "]": "|]", "\n": "|n", "\r": "|r", "\x85": "|x", "\u2028": "|l", "\u2029": "|p"}
)
_STATUS: Final = {Level.NOTICE: "NORMAL", Level.WARNING: "WARNING"}


class TeamCity(Platform):
    """TeamCity."""

    def __init__(self, system: System, env: Mapping[str, str], stream: TextIO) -> None:
        super().__init__(system, env, stream)
        self._block = ""

    def open_group(self, title: SafeText) -> None:
        """Start a block."""
        self._block = title
        self._message("blockOpened", name=title)

    def close_group(self) -> None:
        """End the block."""
        self._message("blockClosed", name=self._block)

    def annotate(self, level: Level, title: SafeText, text: SafeText, place: Place | None = None) -> None:
        """Report an error as a build problem, which fails the build, and anything else as a message."""
        shown = annotation_text(title, text, place)
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
