"""``mogplex-ci emulator``: serve a local Mogplex until SIGINT or SIGTERM."""

import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from mogplex_ci.commands.common import Parser, one_of, perform, whole_number
from mogplex_ci.emulator import DocumentError, Emulator
from mogplex_ci.emulator.scenario import SHIPPED
from mogplex_ci.errors import Problem, UsageError
from mogplex_ci.untrusted import Untrusted

_GENERATIONS: Final = ("2026-11", "2026-08")
_DESCRIPTION: Final = f"""\
Serve a local Mogplex that answers like the real service, for tests of workflows.

scenarios: {", ".join(SHIPPED)}
A prompt that contains "scenario: NAME" picks another one for its run."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM, then return 0; return 2 when an option, scenario or world is wrong."""
    return perform(env, lambda _: _emulator(argv))


def _emulator(argv: Sequence[str]) -> int:
    options = parser().read(argv)
    first, *others = options.scenario or ["success"]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        emulator = Emulator(
            first,
            others=others,
            api=options.api,
            world=options.world,
            speed=options.speed,
            limits=False if options.no_limits else None,
            host=options.host,
            port=options.port,
            log_requests=options.log_requests,
        )
    except DocumentError as error:
        return _refuse(str(error))
    except OSError as error:
        what = error.filename or f"cannot serve on {options.host} port {options.port}"
        return _refuse(f"{what}: {error.strerror or error}")
    with emulator:
        _print_address(emulator)
        if not emulator.on_loopback:
            _complain(f"warning: other machines can reach {emulator.url}; anybody there can use it")
        while not stop.wait(0.5):  # on Windows no signal ends a wait, and its handler runs afterwards
            pass
    return 0


def _print_address(emulator: Emulator) -> None:
    """Print where it is, the token that may start runs, and the repositories that it knows."""
    lines = [f"mogplex emulator on {emulator.url}", f"token: {emulator.token}"]
    users = {token.user.name: token.user for token in emulator.world.tokens.values()}
    lines += [f"repo: {repo.full_name} {repo.id}" for user in users.values() for repo in user.repos]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser("emulator", _DESCRIPTION, example="emulator --port 8787 --scenario success --speed 10")
    parser.add_argument(
        "--port",
        type=whole_number("--port", 0, 65535),
        default=8787,
        metavar="N",
        help="port; 0 picks a free one (default 8787)",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to bind (default 127.0.0.1)")
    parser.add_argument(
        "--scenario",
        action="append",
        metavar="NAME|FILE",
        help="what runs play (default success); given again, prompts can pick the others",
    )
    parser.add_argument(
        "--api",
        type=one_of("--api", *_GENERATIONS),
        choices=_GENERATIONS,
        metavar="|".join(_GENERATIONS),
        help="generation of the service: 2026-11, with a stream of events (default), or 2026-08, which is polled",
    )
    parser.add_argument("--world", metavar="FILE", help="YAML file with users, tokens and repositories")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X", help="how much faster scripts and limits run (default 1)"
    )
    parser.add_argument("--no-limits", action="store_true", help="lift the service's rate limits")
    parser.add_argument("--log-requests", metavar="FILE", help="append every request to FILE, a line of JSON each")
    return parser


def _speed(text: str) -> float:
    """Argparse type of ``--speed``."""
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(Problem("--speed", "is not a positive number", "Use one such as 10 or 0.5.", Untrusted(text)))
    return speed


def _refuse(message: str) -> int:
    _complain(f"error: {message}")
    return 2


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
