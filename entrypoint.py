"""The image's entry point, PID 1: runs a command of ours, or becomes the program that its arguments
name.

CI runners start a shell through the entry point of an image. The commands ``mogplex`` and
``mogplex-ci`` never run another program.
"""

import contextlib
import os
import sys

from mogplex_ci.commands import COMMANDS

if __name__ == "__main__":
    first = sys.argv[1] if len(sys.argv) > 1 else "-"
    if not first.startswith("-") and first not in {*COMMANDS, "help"}:
        # At once, before anything else is loaded: Jenkins looks right after the start whether its
        # `cat` is what runs.
        with contextlib.suppress(
            OSError, ValueError
        ):  # no such program, or no name: what follows says so
            os.execvp(first, sys.argv[1:])  # noqa: S606 - to become that program is the purpose
    from mogplex_ci.cli import main

    sys.exit(main())
