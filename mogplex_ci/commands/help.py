"""``mogplex help``: the commands and the exit codes; ``--version``; and the response to an unknown
command.
"""

import sys
from collections.abc import Sequence
from typing import Final

from mogplex_ci import __version__
from mogplex_ci.commands import COMMANDS
from mogplex_ci.commands.common import Session, in_session, overview
from mogplex_ci.errors import EXIT_CODES, UsageError
from mogplex_ci.inputs.declared import nearest
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.report.outputs import FILE_VERSION
from mogplex_ci.untrusted import Untrusted

API: Final = "Mogplex API v1, of services from 2026-08 to 2026-11"


@in_session
def main(_: Session, argv: Sequence[str]) -> int:
    """Print help or the version, as the whole command line ``argv`` asks, and return the exit
    code.
    """
    word, *rest = argv
    if word == "help" and rest:
        word = rest[0]
    if word in ("--version", "-V"):
        sys.stdout.write(f"mogplex-ci {__version__}\n{API}\nresult file version {FILE_VERSION}\n")
    elif word in ("help", "--help", "-h"):
        example = f'example:\n  {program()} run --repo acme/web "Fix the flaky tests"'
        sys.stdout.write(overview(program(), COMMANDS, f"{example}\n\n{EXIT_CODES}"))
    else:
        near = nearest(word, COMMANDS)
        remedy = "See --help."
        if " " in word:
            remedy = "If it is the task, use --prompt; see --help."
        raise UsageError(Problem("command", "is not a command", remedy, Untrusted(word), near))
    return 0
