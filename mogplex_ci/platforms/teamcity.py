"""TeamCity: service messages, which it recognizes anywhere in a line."""

from collections.abc import Mapping
from typing import Final

from mogplex_ci.platforms.base import Level, Place, Platform, annotation_text
from mogplex_ci.platforms.system import System, has, once
from mogplex_ci.sanitize import SafeText

# Running a build again makes a new one. Build numbers may repeat, for their format can be changed;
# the build's address holds its id.
TEAMCITY: Final = System(
    "teamcity",
    has("TEAMCITY_VERSION"),
    parts=("BUILD_NUMBER", "BUILD_URL", "TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME"),
    label=("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"),
    attempt=once,
)
_BAR_ESCAPES: Final = str.maketrans(
    {
        "|": "||",
        "'": "|'",
        "[": "|[",
        "]": "|]",
        "\n": "|n",
        "\r": "|r",
        "\x85": "|x",
        "\u2028": "|l",
        "\u2029": "|p",
    }
)
_STATUS: Final = {Level.NOTICE: "NORMAL", Level.WARNING: "WARNING"}


class TeamCity(Platform):
    """TeamCity."""

    def _group(self, title: SafeText) -> tuple[str, str]:
        return _message("blockOpened", name=title), _message("blockClosed", name=title)

    def annotate(
        self, level: Level, title: SafeText, text: SafeText, place: Place | None = None
    ) -> None:
        """Report an error as a build problem, which fails the build, and anything else as a
        message.
        """
        shown = annotation_text(title, text, place)
        if level is Level.ERROR:
            self._write(_message("buildProblem", description=shown))
        else:
            self._write(_message("message", text=shown, status=_STATUS[level]))

    def _share(self, values: Mapping[str, str]) -> None:
        """Set parameters of the build. A single ``%`` would refer to another parameter."""
        for name, value in values.items():
            self._write(_message("setParameter", name=name, value=value.replace("%", "%%")))


def _message(kind: str, **properties: str) -> str:
    given = " ".join(
        f"{name}='{value.translate(_BAR_ESCAPES)}'" for name, value in properties.items()
    )
    return f"##teamcity[{kind} {given}]"
