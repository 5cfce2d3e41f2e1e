"""The commands that each CI system would obey in a job log, read from the systems' own rules and
from no code of ours.

Each reader errs on the side of obeying: where a rule is uncertain (does a parser skip invisible
characters?), the line counts as a command.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

GITHUB_COMMANDS = frozenset(
    {
        "debug",
        "notice",
        "warning",
        "error",
        "group",
        "endgroup",
        "echo",
        "stop-commands",
        "add-mask",
        "add-matcher",
    }
    | {"remove-matcher", "set-output", "save-state", "set-env", "add-path"}
)
GITHUB_LOG_VIEWER = frozenset(
    {"section", "command", "error", "warning", "notice", "debug", "group", "endgroup"}
)
_IGNORABLE_MARKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_SKIPPED = r"[^\x00-\x7f]*"
_NUMBER_SIGNS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Visible, although they are called format characters."""


class Command(NamedTuple):
    """Something that a CI system obeys: its name, and its data as it is written."""

    system: str
    name: str
    data: str


def obeyed(log: str) -> list[Command]:
    """Return everything in ``log`` that any CI system obeys."""
    return [
        command
        for system in (github, azure, teamcity, gitlab, gitlab_runner, buildkite, jenkins)
        for command in system(log)
    ]


def github(log: str) -> list[Command]:
    """Return the workflow commands of GitHub, Forgejo and Gitea; lines inside a stopped region
    count when they end it.

    Lines end at a line feed, a carriage return, or both.
    """
    found: list[Command] = []
    stopped: str | None = None
    for line in re.split(r"\r\n|\r|\n", log):
        command = _github_second(line) or _github_second(_visible(line))
        if stopped is not None:
            if command and command.name == stopped.lower():
                stopped = None
            continue
        if command is None or command.name not in GITHUB_COMMANDS:
            command = _github_first(line) or _github_first(_visible(line))
        if command:
            found.append(command)
            if command.name == "stop-commands":
                stopped = command.data
    return found


def _github_second(line: str) -> Command | None:
    """Read ``::name key=value,key=value::data`` behind any leading white space, Unicode's too."""
    text = line.lstrip()
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name = text[2:end].partition(" ")[0]
    return Command("GitHub", name.lower(), text[end + 2 :])


def _github_first(line: str) -> Command | None:
    """Read ``##[name key=value;key=value]data`` anywhere in the line; the log viewer reads some
    names too.
    """
    match = re.search(r"##\[([^\] ]*) ?[^\]]*\](.*)", line, re.DOTALL)
    if match is None or match[1].lower() not in GITHUB_COMMANDS | GITHUB_LOG_VIEWER:
        return None
    return Command("GitHub", match[1].lower(), match[2])


def azure(log: str) -> list[Command]:
    """Return the logging commands of Azure Pipelines, and the marks that its log viewer folds and
    colours.

    The agent looks for ``##vso[`` and ``##[`` by the rules of a culture, which skip about a
    thousand code points: here every character beyond ASCII may be skipped, or not.
    """
    return _found(
        "Azure Pipelines",
        rf"#{_SKIPPED}#{_SKIPPED}(?:{_SKIPPED.join('vso')}{_SKIPPED})?\[({_SKIPPED}[\w.-]+)[^\]]*\](.*)",
        log,
    )


def teamcity(log: str) -> list[Command]:
    """Return the service messages of TeamCity."""
    return _found(
        "TeamCity",
        rf"#{_SKIPPED}#{_SKIPPED}{_SKIPPED.join('teamcity')}{_SKIPPED}\[(\w*)([^\n]*)",
        log,
    )


def gitlab(log: str) -> list[Command]:
    """Return the folds of GitLab, which stand anywhere in a line, carriage returns that erase a
    line, and time stamps.

    The runner puts a time stamp of 32 bytes before each line (``FF_TIMESTAMPS``, on by default).
    The converter takes it off, and then once more what looks like one by these five bytes.
    """
    folds = re.finditer(r"section_(start|end):\d+:([a-zA-Z0-9_.-]+)(?:\[[^\]]*\])?\r\x1b\[0K", log)
    found = [Command("GitLab", f"section_{match[1]}", match[2]) for match in folds]
    bare = re.sub(r"section_(?:start|end):\d+:[a-zA-Z0-9_.-]+(?:\[[^\]]*\])?\r\x1b\[0K", "", log)
    found += [
        Command("GitLab", "erase", line[: line.rindex("\r") + 1])
        for line in re.split("\r?\n", bare)
        if "\r" in line
    ]
    stamp = {4: b"-", 7: b"-", 10: b"T", 13: b":", 26: b"Z"}
    for line in log.split("\n"):
        read = line.encode("utf-8", "surrogatepass")
        if all(read[at : at + 1] == byte for at, byte in stamp.items()):
            found.append(Command("GitLab", "time", read[:32].decode(errors="replace")))
    # Any line may be the first one of a piece of a live log.
    return found + _found("GitLab", r"(\d{4}-\d\d-\d\dT[\d:.]+Z [\da-f]{2}[OE])(.*)", log)


def gitlab_runner(log: str) -> list[Command]:
    """Return the masks that a coming runner of GitLab adds (``proxy_exec``)."""
    return _found("GitLab's runner", "::(add-mask)::(.*)", log)


def buildkite(log: str) -> list[Command]:
    """Return the group headings of Buildkite, and its escapes for images and links."""
    found = _found("Buildkite", r"^(---|\+\+\+|~~~|\^\^\^ \+\+\+)(?: |$)(.*)", log)
    return found + [
        Command("Buildkite", match[1], "") for match in re.finditer(r"\x1b\](133[89]);", log)
    ]


def jenkins(log: str) -> list[Command]:
    """Return the console notes of Jenkins, which hold serialized objects."""
    return [
        Command("Jenkins", "note", match[1]) for match in re.finditer(r"\x1b\[8mha:([^\x1b]*)", log)
    ]


def steering(log: str) -> list[str]:
    """Return the characters of ``log`` that move a cursor, turn the reading direction or cannot be
    seen.

    Line feeds, tabs, and what joins the parts of one emoji are text.
    """
    joined = re.compile(
        "[\u00a9-\U0001faff]\ufe0f?\u200d(?=[\u203c-\U0001faff])|[\u00a9-\U0001faff]\ufe0f"
    )
    return [char for char in joined.sub("", log) if char not in "\n\t" and _is_ignorable(char)]


def _found(system: str, pattern: str, log: str) -> list[Command]:
    """Return the commands, name and data, that ``pattern`` finds in the lines of ``log``, with or
    without their invisible characters.
    """

    def read(line: str) -> list[Command]:
        return [
            Command(system, match[1].lower(), match[2])
            for match in re.finditer(pattern, line, re.IGNORECASE)
        ]

    lines = re.split(r"\r\n|[\r\n\v\f\x85\u2028\u2029]", log)
    return [command for line in lines for command in max(read(line), read(_visible(line)), key=len)]


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if not _is_ignorable(char))


def _is_ignorable(char: str) -> bool:
    if char in _NUMBER_SIGNS:
        return False
    if (
        char in _IGNORABLE_MARKS
        or "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
    ):
        return True
    return unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\t"


READERS: dict[str, Callable[[str], list[Command]]] = {
    "github": github,
    "forgejo": github,
    "azure": azure,
    "teamcity": teamcity,
    "gitlab": lambda log: gitlab(log) + gitlab_runner(log),
    "buildkite": buildkite,
    "jenkins": jenkins,
}
"""The reader of each system's log, by the name of our module for the system."""
