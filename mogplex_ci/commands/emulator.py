"""``mogplex-ci emulator``: serve a local Mogplex until a stop signal comes."""

import contextlib
import sys
from collections.abc import Sequence
from math import inf
from typing import Final

from mogplex_ci.commands.common import Session, in_session, whole_number
from mogplex_ci.emulator import DocumentError, Emulator
from mogplex_ci.emulator.scenario import SHIPPED
from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import Kind
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.waiting import Clock, StopRequested

_GENERATION: Final = Kind("choice", "2026-11 or 2026-08", ("2026-11", "2026-08"))
_POSITIVE: Final = {
    "pattern": r"(?=.*[1-9])[0-9]+(\.[0-9]+)?",
    "x-fault": "is not a positive number",
}
_SPEED: Final = Kind("speed", "one such as 10 or 0.5", rules=_POSITIVE)
_DESCRIPTION: Final = f"""\
Serve a local Mogplex that responds like the real service, for tests of workflows.

scenarios: {", ".join(SHIPPED)}
A prompt that contains "scenario: NAME" picks another one for its run."""


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Serve until a stop signal comes, then return 0; return 2 when an option, scenario or world is
    wrong.
    """
    options = parser().read(argv)
    first, *others = [name for name in options.scenario if name] or ["success"]
    try:
        emulator = Emulator(
            first,
            others=others,
            api=options.api or None,
            world=options.world or None,
            speed=float(options.speed),
            limits=False if options.no_limits else None,
            host=options.host,
            port=options.port,
            log_requests=options.log_requests or None,
        )
    except (DocumentError, OSError) as error:
        fault = str(error)
        if isinstance(error, OSError):
            place = error.filename or f"cannot serve on {options.host} port {options.port}"
            fault = f"{place}: {error.strerror or error}"
        sys.stderr.write(f"error: {fault}\n")
        return UsageError.exit_code
    with emulator, contextlib.suppress(StopRequested), session.stop.interrupting():
        users = {token.user.name: token.user for token in emulator.world.tokens.values()}
        repos = [
            f"repo: {repo.full_name} {repo.id}" for user in users.values() for repo in user.repos
        ]
        session.console.lines(
            [f"mogplex emulator on {emulator.url}", f"token: {emulator.token}", *repos]
        )
        if not emulator.on_loopback:
            session.console.warn(
                "other machines can reach {}, and anyone there can use it", emulator.url
            )
        Clock().sleep(inf)
    return 0


def parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser(
        "emulator", _DESCRIPTION, example="emulator --port 8787 --scenario success --speed 10"
    )
    port = whole_number("--port", 0, 65535)
    parser.take(
        "--port", "port; 0 picks a free one (default 8787)", type=port, default=8787, metavar="N"
    )
    parser.take("--host", "address to bind (default 127.0.0.1)", default="127.0.0.1", metavar="H")
    more = "scenario of all runs (default success); repeat it to let prompts choose among several"
    parser.take("--scenario", more, action="append", default=[], metavar="NAME|FILE")
    generation = "generation of the service: 2026-11, with a stream of events (default), or 2026-08, which is polled"
    parser.take("--api", generation, _GENERATION)
    parser.take("--world", "YAML file with users, tokens and repositories", metavar="FILE")
    parser.take(
        "--speed",
        "how much faster scripts and limits run (default 1)",
        _SPEED,
        default="1",
        metavar="X",
    )
    parser.switch("--no-limits", "lift the service's rate limits")
    parser.take(
        "--log-requests", "append every request to FILE, one line of JSON each", metavar="FILE"
    )
    return parser
