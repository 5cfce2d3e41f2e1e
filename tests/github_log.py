"""Reads a step's output as GitHub's runner and its log viewer do: commands, groups, annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COMMAND = re.compile(
    r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*(?::(?!:)[^:]*)*))?::(?P<data>.*)"
)
_ANNOTATIONS = ("notice", "warning", "error")


@dataclass(frozen=True)
class Annotation:
    """A notice, warning or error beside the job."""

    level: str
    text: str
    properties: dict[str, str]


@dataclass
class Group:
    """Folded lines."""

    title: str
    lines: list[str] = field(default_factory=list)


@dataclass
class GitHubLog:
    """A step as the viewer shows it."""

    timeline: list[str] = field(default_factory=list)
    """Lines outside the groups; annotations stand there as ``Error: …`` and so on."""
    groups: list[Group] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """All lines in order, a group's title marked with ``▸`` and its lines indented."""
    _open: Group | None = None

    def add(self, line: str) -> str | None:
        """Take in a line and return how it is shown, if it is. Groups do not nest."""
        command = _COMMAND.fullmatch(line)
        name = command["name"] if command else ""
        data = _unescaped(command["data"]) if command else line
        shown: str | None = None
        if name == "group":
            self.close()
            self._open = Group(data)
            self.groups.append(self._open)
            shown = f"▸ {data}"
        elif name == "endgroup":
            assert self._open is not None, "no group is open"
            self._open = None
        elif name in _ANNOTATIONS and command:
            self.annotations.append(
                Annotation(name, data, _properties(command["properties"] or ""))
            )
            shown = f"{name.capitalize()}: {data}"
            self.timeline.append(shown)
        elif name:
            assert name in ("add-mask", "debug"), f"an unexpected command: {line}"
        elif self._open is not None:
            self._open.lines.append(readable(line))
            shown = f"    {readable(line)}"
        else:
            shown = readable(line)
            self.timeline.append(shown)
        if shown is not None:
            self.shown.append(shown)
        return shown

    def texts(self, level: str) -> list[str]:
        """Return the texts of the annotations of a level."""
        return [found.text for found in self.annotations if found.level == level]

    def close(self) -> None:
        """Make sure that no group is open."""
        assert self._open is None, f"the group {self.groups[-1].title!r} is left open"


def readable(text: str) -> str:
    """Return a log as people read it: a no-break space is a space, but for the one in the prefix
    of quoted lines.
    """
    return re.sub("(?<!│)\xa0", " ", text)


def read_log(text: str) -> GitHubLog:
    """Return what the viewer shows of ``text``; groups must be closed, and do not nest."""
    log = GitHubLog()
    for line in text.splitlines():
        log.add(line)
    log.close()
    return log


def _properties(text: str) -> dict[str, str]:
    return {
        name: _unescaped(value)
        for name, _, value in (part.partition("=") for part in text.split(",") if part)
    }


def _unescaped(text: str) -> str:
    for escape, character in (
        ("%3A", ":"),
        ("%2C", ","),
        ("%0D", "\r"),
        ("%0A", "\n"),
        ("%25", "%"),
    ):
        text = text.replace(escape, character)
    return text
