"""``mogplex-ci doctor``: look at everything that a step needs, and start nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mogplex_ci.commands.arguments import program
from mogplex_ci.commands.console import Style
from mogplex_ci.commands.findings import Finding, Mark
from mogplex_ci.commands.job_checks import check_job
from mogplex_ci.commands.service_checks import check_service
from mogplex_ci.commands.session import perform
from mogplex_ci.inputs.sources import flag_parser, gather
from mogplex_ci.models import Untrusted
from mogplex_ci.platforms import detect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.commands.console import Console
    from mogplex_ci.commands.session import Session

SIGNS = {
    Mark.OK: ("✔", Style.GOOD),
    Mark.WARNING: ("!", Style.CAREFUL),
    Mark.FAILED: ("✘", Style.BAD),
    Mark.UNKNOWN: ("?", Style.PLAIN),
}


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Print what is found and return the exit code that a step would have, or 0."""
    return perform(env, lambda session: _doctor(session, argv, env))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command: the flags of a step, and ``--json``."""
    parser = flag_parser(f"{program()} doctor")
    parser.description = "Check what a step needs, without starting anything. Takes the flags and variables of a step."
    parser.epilog = f"example: {program()} doctor --repo acme/web"
    parser.add_argument("--json", action="store_true", help="print JSON, one finding a line")
    return parser


def _doctor(session: Session, argv: Sequence[str], env: Mapping[str, str]) -> int:
    if "--help" in argv or "-h" in argv:
        parser().print_help()
        return 0
    flags = [word for word in argv if word != "--json"]
    exit_code = 0
    with session.stop.interrupting():
        for finding in _examine(flags, env):
            _print(finding, session.console, as_json="--json" in argv)
            exit_code = exit_code or finding.exit_code
    return exit_code


def _examine(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Finding]:
    platform = detect(env, sys.stdout)
    values = gather(argv, env, platform.workspace).values
    yield from check_service(values, env, repository=platform.repository())
    yield from check_job(argv, env, platform)


def _print(finding: Finding, console: Console, *, as_json: bool) -> None:
    line = console.safe.line
    if as_json:
        message = line(f"{finding.check}: {finding.template}", *finding.values).removeprefix(f"{finding.check}: ")
        told = {"check": finding.check, "mark": finding.mark.value, "message": message, "remedy": finding.remedy}
        console.json(Untrusted(told))
        return
    sign, style = SIGNS[finding.mark]
    template = f"{sign} {finding.check:<14}  {finding.template}" + (" → {}" if finding.remedy else "")
    console.line(line(template, *finding.values, *([finding.remedy] if finding.remedy else [])), style)
