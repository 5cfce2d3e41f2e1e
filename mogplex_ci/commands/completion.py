"""``mogplex-ci completion``: print a completion script for a shell."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import shtab

from mogplex_ci.commands import COMMANDS, doctor, emulator, lists, post, run, runs
from mogplex_ci.commands.common import Parser, one_of, perform, program
from mogplex_ci.inputs.sources import flag_parser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Print the script and return the exit code."""
    return perform(env, lambda _: _completion(argv))


def parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser("completion", COMMANDS["completion"], example="completion bash >> ~/.bashrc")
    shells = shtab.SUPPORTED_SHELLS
    parser.add_argument("shell", type=one_of("SHELL", *shells), choices=shells, help="shell to complete for")
    return parser


def _completion(argv: Sequence[str]) -> int:
    options = parser().read(argv)
    sys.stdout.write(shtab.complete(_tree(), shell=options.shell) + "\n")
    return 0


def _tree() -> argparse.ArgumentParser:
    """Return one parser with all commands as subcommands; without a command, the flags are those of ``action``."""
    action = _with_files(flag_parser(program()))
    leaves: dict[str, argparse.ArgumentParser] = {
        "action": action,
        "post": _with_files(post.parser()),
        "run": _with_files(run.parser()),
        "doctor": _with_files(doctor.parser()),
        "emulator": _with_files(emulator.parser()),
        "completion": parser(),
    }
    branches = {"runs": runs.parsers(), **lists.parsers()}
    root = argparse.ArgumentParser(prog=program(), parents=[action], add_help=False)
    words = root.add_subparsers()
    for name, summary in COMMANDS.items():
        if name in leaves:
            words.add_parser(name, parents=[leaves[name]], add_help=False, help=summary)
        elif name in branches:
            subcommands = words.add_parser(name, help=summary).add_subparsers()
            for subcommand, below in branches[name].items():
                subcommands.add_parser(subcommand, parents=[below], add_help=False, help=below.description)
    return root


def _with_files(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Complete file names after the flags that take a file: shtab looks for the attribute ``complete``."""
    for action in parser._actions:
        if "file" in action.dest or action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # argparse does not know it
    return parser
