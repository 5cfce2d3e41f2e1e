"""Reads a step's output as GitHub's runner and its log viewer do: commands, groups, annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*(?::(?!:)[^:]*)*))?::(?P<data>.*)")
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
    """What the viewer shows of a step."""

    story: list[str] = field(default_factory=list)
    """Lines outside the groups; annotations stand there as ``Error: …`` and so on."""
    groups: list[Group] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """All lines in order, a group's title marked with ``▸`` and its lines indented."""

    def titles(self) -> list[str]:
        """The groups' titles."""
        return [group.title for group in self.groups]


def read_log(text: str) -> GitHubLog:
    """Return what the viewer shows of ``text``; groups must be closed, and do not nest."""
    log = GitHubLog()
    group: Group | None = None
    for line in text.splitlines():
        command = _COMMAND.fullmatch(line)
        name = command["name"] if command else ""
        data = _unescaped(command["data"]) if command else line
        if name == "group":
            assert group is None, f"a group inside the group {log.groups[-1].title!r}"
            group = Group(data)
            log.groups.append(group)
            log.shown.append(f"▸ {data}")
        elif name == "endgroup":
            assert group is not None, "no group is open"
            group = None
        elif name in _ANNOTATIONS and command:
            log.annotations.append(Annotation(name, data, _properties(command["properties"] or "")))
            log.story.append(f"{name.capitalize()}: {data}")
            log.shown.append(f"{name.capitalize()}: {data}")
        elif name:
            assert name in ("add-mask", "debug"), f"an unexpected command: {line}"
        elif group is not None:
            group.lines.append(line)
            log.shown.append(f"    {line}")
        else:
            log.story.append(line)
            log.shown.append(line)
    assert group is None, f"the group {log.groups[-1].title!r} is left open"
    return log


def _properties(text: str) -> dict[str, str]:
    return {name: _unescaped(value) for name, _, value in (part.partition("=") for part in text.split(",") if part)}


def _unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text
