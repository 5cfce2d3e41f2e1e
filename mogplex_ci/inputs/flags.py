"""Command lines: the flags and arguments of a command, those of a step, and what is wrong with
them.
"""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from textwrap import fill
from typing import Any, Final, NoReturn

from mogplex_ci.errors import EXIT_CODES, UsageError
from mogplex_ci.inputs.declared import Input, Kind, inputs, instead_of
from mogplex_ci.problems import Problem
from mogplex_ci.program import program

_OF_STEP: Final = """\
One CI step: start a Mogplex run, follow it, and exit with its result.
Each flag can also be given as a variable, such as MOGPLEX_TIMEOUT for --timeout.
Secrets have only a variable, because other processes can see command lines."""


class Parser(argparse.ArgumentParser):
    """Parses the arguments of one command."""

    def __init__(
        self, command: str, description: str, *, example: str, usage: str | None = None
    ) -> None:
        """``command`` and ``example`` do not contain the program's name."""
        codes = EXIT_CODES
        if command:
            codes = f"exit codes: '{program()} --help' lists them"
        super().__init__(
            prog=f"{program()} {command}",
            usage=usage,
            description="\n".join(_wrapped(line) for line in description.splitlines()),
            epilog=f"example:\n  {program()} {example}\n\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.command = command

    def take(
        self, name: str, text: str, kind: Kind | None = None, *, metavar: str = "", **more: Any
    ) -> None:
        """Add a flag, or an argument, with a value that ``kind`` checks and reads.

        A blank flag counts as not given; a blank argument is wrong. ``text`` is the help, ``more``
        are further arguments for argparse.
        """
        is_flag = name.startswith("-")
        default = more.get("default") or ""

        def read(given: str) -> object:
            given = given.strip() or default
            if kind is None or (is_flag and not given):
                return given
            problem = kind.problem(name if is_flag else metavar, given)
            if problem is not None:
                raise UsageError(problem)
            return kind.value(given)

        if kind is not None and not metavar:
            metavar = "|".join(kind.choices)
        settings = {"type": read, "default": "", **more}
        self.add_argument(name, help=text, metavar=metavar or None, **settings)

    def switch(self, flag: str, text: str) -> None:
        """Add a flag that takes no value."""
        self.add_argument(flag, action="store_true", help=text)

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the options and arguments in ``argv``; ``--help`` prints help and exits.

        Raises:
            UsageError: an argument is wrong, unknown or missing.
        """
        options, left_over = self.parse_known_args(argv)
        if left_over:
            raise UsageError(*self.unexpected(left_over))
        return options

    def unexpected(self, words: Sequence[str]) -> Iterator[Problem]:
        """Yield what is wrong with the words that nothing takes. Other words may be secret: they
        are not shown.
        """
        positionals = [
            str(action.metavar or action.dest) for action in self._get_positional_actions()
        ]
        known = {name.lower(): f"{name} without a flag" for name in positionals}
        flags = (*self._option_string_actions, "--version")
        known |= {flag.removeprefix("--"): flag for flag in flags if flag.startswith("--")}
        secrets = {spec.name: spec.variables[0] for spec in inputs().values() if spec.is_secret}
        for before, word in pairwise(["", *words]):
            flag = word.partition("=")[0]
            if re.fullmatch(r"--?[A-Za-z][A-Za-z-]{0,30}", flag):
                remedy = instead_of(flag.lstrip("-"), known | secrets, otherwise="See --help.")
                if any(variable in remedy for variable in secrets.values()):
                    remedy += " Other processes can see command lines."
                yield Problem(f"flag {flag}", "does not exist", remedy)
            elif word.startswith("-") or not before.startswith("-"):
                # Behind an unknown flag a word is its value.
                remedy = "Write --NAME VALUE, and quote spaces; see --help."
                yield Problem("arguments", "contain an unexpected word", remedy)

    def error(self, message: str) -> NoReturn:
        """Raise argparse's ``message`` as a usage error instead of printing it and exiting."""
        raise UsageError(self._problem(message))

    def _problem(self, message: str) -> Problem:
        """Return argparse's ``message`` in our words."""
        # argparse has one type for all its errors: only the message says which it is.
        required = "the following arguments are required: "
        if message.startswith(required):
            fault = f"needs {message.removeprefix(required)}"
            return Problem(self.command, fault, "See --help.")
        argument, _, fault = message.removeprefix("argument ").partition(": ")
        if fault == "expected one argument":
            return Problem(f"flag {argument}", "needs a value", f"Write {argument}=VALUE.")
        if fault.startswith("ignored explicit argument"):
            return Problem(argument, "takes no value")
        fault = fault.replace("not allowed with argument", "does not go together with")
        return Problem(argument, fault)


def flag_parser(
    command: str = "",
    description: str = _OF_STEP,
    *,
    example: str = "--repo acme/web --prompt 'Fix the test'",
) -> Parser:
    """Return a parser of a step's flags in the groups of the schema.

    ``command`` is another one than ``action``, ``description`` and ``example`` are its.
    """
    usage = f"{program()} {command}".rstrip() + " [--NAME VALUE ...]"
    parser = Parser(command, description, example=example, usage=usage)
    for title, specs in groupby(inputs().values(), lambda spec: spec.group):
        secrets: list[str] = []
        group = parser.add_argument_group(title)
        for spec in specs:
            if spec.is_secret:  # it has a variable only
                secrets.append(_wrapped(f"{spec.variables[0]}: {_help(spec)}"))
            else:
                _add_flag(group, spec)
        group.description = "\n".join(secrets) or None
    return parser


def _add_flag(group: argparse._ArgumentGroup, spec: Input) -> None:
    """Add the flag of an input; the help leaves out an internal one."""
    settings: dict[str, Any] = {"default": argparse.SUPPRESS}
    settings["metavar"] = "|".join(spec.kind.choices) or spec.kind.rules.get(
        "x-placeholder", "VALUE"
    )
    # argparse formats the help once more.
    settings["help"] = _help(spec).replace("%", "%%")
    if spec.github_expression:
        settings["help"] = argparse.SUPPRESS
    if spec.kind.name in ("boolean", "dry-run"):  # ``--wait`` is ``--wait true``
        settings |= {"nargs": "?", "const": "true"}
    group.add_argument(f"--{spec.name}", **settings)


def _wrapped(line: str) -> str:
    """Return a line of help as lines that fit a terminal of 80 columns."""
    return fill(line, 80, break_long_words=False, break_on_hyphens=False)


def _help(spec: Input) -> str:
    text = spec.description
    if spec.default:
        text += f" Default: {spec.default}."
    return text.replace("`", "")


def read_flags(argv: Sequence[str]) -> tuple[Mapping[str, str], list[Problem]]:
    """Return the flags' values by input, and the faults of the command line."""
    parser = flag_parser()
    try:
        known, left_over = parser.parse_known_args(argv)
    except UsageError as error:  # a flag without a value; nothing else can be wrong
        return {}, list(error.problems)
    given = {name.replace("_", "-"): text for name, text in vars(known).items()}
    return given, list(parser.unexpected(left_over))
