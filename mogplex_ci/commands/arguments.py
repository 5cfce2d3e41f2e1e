"""Command lines of the commands for people: one parser each, with an example, and the nearest word for a wrong one."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.inputs.schema import did_you_mean, kinds, nearest
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def program() -> str:
    """Return the name that this program was called by: ``mogplex`` or ``mogplex-ci``."""
    return "mogplex" if Path(sys.argv[0]).name == "mogplex" else "mogplex-ci"


_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


class Parser(argparse.ArgumentParser):
    """The arguments of one command."""

    def __init__(self, command: str, description: str, *, example: str) -> None:
        """Take the command's words, what it does, and an example without the program's name."""
        super().__init__(
            prog=f"{program()} {command}",
            description=description,
            epilog=f"example:\n  {program()} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.command = command
        self.example = example

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the options and arguments that ``argv`` gives; ``--help`` prints help and exits.

        Raises:
            UsageError: they cannot be understood.
        """
        options, unknown = self.parse_known_args(argv)
        if unknown:
            self._refuse(unknown[0].split("=", 1)[0])
        return options

    def error(self, message: str) -> NoReturn:
        """Raise argparse's ``message``, or one of ours, as a usage error."""
        raise UsageError(Problem(self.command, message, ""))

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            self.error(f"'{word}' is not expected here; quote what has blanks in it")
        flags = re.findall(r"--[a-z-]+", self.format_usage())
        self.error(f"{word}: no such flag; {did_you_mean(word, flags) or 'see --help'}")


def choose(command: str, parsers: Mapping[str, Parser], argv: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """Return which of ``parsers`` the first word names, and what it reads from the rest.

    Raises:
        UsageError: the word is missing or unknown, or the rest cannot be understood.
    """
    word = argv[0] if argv else ""
    if word in ("-h", "--help"):
        verbs = {verb: parser.description or "" for verb, parser in parsers.items()}
        example = next(iter(parsers.values())).example
        sys.stdout.write(overview(f"{program()} {command}", verbs, example=example))
        raise SystemExit(0)
    if not word:
        raise UsageError(Problem(command, "the command is missing", ", ".join(parsers)))
    if word not in parsers:
        near = tuple(map(Untrusted, nearest(word, parsers)))
        raise UsageError(Problem(command, "no such command", ", ".join(parsers), Untrusted(word), near))
    return word, parsers[word].read(argv[1:])


def overview(prog: str, commands: Mapping[str, str], *, example: str) -> str:
    """Return the help text of a program that has ``commands``, each with what it does."""
    width = max(map(len, commands))
    lines = "".join(f"  {name:<{width}}  {summary}\n" for name, summary in commands.items())
    return (
        f"usage: {prog} COMMAND ...\n\ncommands:\n{lines}\n"
        f"'{prog} COMMAND --help' tells more.\n\nexample:\n  {program()} {example}\n"
    )


def of_kind(name: str) -> Callable[[str], str]:
    """Return an argparse type that takes what inputs of the kind ``name`` take; blank counts as not given."""
    kind = kinds()[name]

    def convert(text: str) -> str:
        text = text.strip()
        fault = kind.fault(text) if text else None
        if fault is not None:
            raise argparse.ArgumentTypeError(f"{fault}, got '{text}'; allowed: {kind.allowed}")
        return text

    return convert


def run_id(text: str) -> str:
    """Return ``text`` when it can be a run's id: one word."""
    text = text.strip()
    if not _RUN_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a run id, as `mogplex run` prints it")
    return text
