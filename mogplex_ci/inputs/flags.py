"""The flags of a step: one for each input but secrets. Their help, and what is wrong with a command line."""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby, pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Final

from mogplex_ci.errors import EXIT_CODES, Problem, UsageError
from mogplex_ci.inputs.declared import Input, inputs, instead_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container, Mapping, Sequence

_DESCRIPTION: Final = """\
One CI step: start a Mogplex run, follow it, and exit with its result.
Each flag can also be given as a variable, such as MOGPLEX_TIMEOUT for --timeout. Secrets have a variable only, for
other processes can see command lines."""


def epilog(program: str, example: str) -> str:
    """Return the end of a command's help; only the program's own, and that of a step, lists the exit codes."""
    return f"example:\n  {program} {example}\n\nexit codes: '{program} --help' lists them"


def flag_parser(
    prog: str, description: str = "", *, example: str = "", shown: Container[str] | None = None
) -> argparse.ArgumentParser:
    """Return a parser of a step's flags in the groups of the schema; its help has the inputs in ``shown`` only.

    ``description`` and ``example`` are those of another command than ``action``.
    """
    import argparse  # slow to import, and CI systems set variables instead

    step_example = f"example:\n  MOGPLEX_API_KEY=mog_… {prog} --repo acme/web --prompt 'Fix the test'\n\n{EXIT_CODES}"
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [--NAME VALUE ...]",
        description=description or _DESCRIPTION,
        epilog=epilog(prog.split()[0], example) if example else step_example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    for title, specs in groupby(inputs().values(), lambda spec: spec.group):
        in_help: list[str] = []
        group = parser.add_argument_group(title)
        for spec in specs:
            is_shown = not spec.github_expression and (shown is None or spec.name in shown)
            if spec.is_secret:
                in_help += [fill(f"{spec.variables[0]}: {_help(spec)}", 80)] if is_shown else []
                continue
            may_stand_alone = spec.kind.name in ("boolean", "dry-run")
            group.add_argument(
                f"--{spec.name}",
                help=_help(spec).replace("%", "%%") if is_shown else argparse.SUPPRESS,
                metavar="|".join(spec.kind.choices) or spec.kind.rules.get("x-placeholder", "VALUE"),
                nargs="?" if may_stand_alone else None,
                const="true" if may_stand_alone else None,
            )
        group.description = "\n".join(in_help) or None
    return parser


def _help(spec: Input) -> str:
    return (spec.description + (f" Default: {spec.default}." if spec.default else "")).replace("`", "")


def check_flags(argv: Sequence[str]) -> None:
    """Raise what is wrong with the command line of a command that takes the step's flags.

    Raises:
        UsageError: there is a flag that does not exist, one without a value, or another word.
    """
    if problems := flags_of(tuple(argv))[1]:
        raise UsageError(*problems)


@cache
def flags_of(argv: tuple[str, ...]) -> tuple[Mapping[str, str] | None, Sequence[Problem]]:
    """Return the flags' values by input, None when they cannot be told, and what is wrong with the command line."""
    if not argv:
        return {}, []
    from argparse import ArgumentError

    try:
        known, unknown = flag_parser("mogplex-ci").parse_known_args(argv)
    except ArgumentError as error:  # a flag without a value; nothing else can be wrong
        flag = error.argument_name
        return None, [Problem(f"flag {flag}", "needs a value", f"Write {flag}=VALUE.")]
    values = {name.replace("_", "-"): value for name, value in vars(known).items() if value is not None}
    # The text after an unknown flag is its value.
    wrong = [word for before, word in pairwise(["", *unknown]) if word.startswith("-") or not before.startswith("-")]
    return values, [_unknown_argument(word) for word in wrong]


def _unknown_argument(word: str) -> Problem:
    """Return what is wrong with an argument. Only a flag's name is shown: the rest may be a secret."""
    flag = word.partition("=")[0]
    if not re.fullmatch(r"--?[A-Za-z][A-Za-z-]{0,30}", flag):
        remedy = "Write --NAME VALUE, and quote spaces; see --help."
        return Problem("arguments", "contain a word that is not expected", remedy)
    secrets = {spec.name: spec.variables[0] for spec in inputs().values() if spec.is_secret}
    flags = {name: f"--{name}" for name in (*inputs(), "help", "version")}
    remedy = instead_of(flag.lstrip("-"), flags | secrets, otherwise="See --help.")
    if any(variable in remedy for variable in secrets.values()):
        remedy += " Other processes can see command lines."
    return Problem(f"flag {flag}", "does not exist", remedy)
