"""``mogplex-ci emulator``: serve a local Mogplex until a signal comes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Mapping

from mogplex_ci.emulator import DocumentError, Emulator
from mogplex_ci.emulator.scenario import SHIPPED

_EPILOG = f"""\
scenarios: {", ".join(SHIPPED)}
A prompt that holds the words "scenario: NAME" picks another one for its run.

example:
  mogplex-ci emulator --port 8787 --scenario success --speed 10
"""


def main(argv: list[str], env: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM, then return 0; return 2 when an option, scenario or world is wrong."""
    options = _parser().parse_args(argv)
    first, *others = options.scenario or ["success"]
    try:
        emulator = Emulator(
            first,
            others=others,
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
        return _refuse(f"cannot serve on {options.host} port {options.port}: {error.strerror or error}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with emulator:
        _say(f"mogplex emulator on {emulator.url}")
        _say(f"token: {emulator.token} (opens nothing real)")
        for user in {token.user.name: token.user for token in emulator.world.tokens.values()}.values():
            for repo in user.repos:
                _say(f"repo: {repo.full_name} {repo.id}")
        if not emulator.on_loopback:
            print(f"warning: {options.host} can be reached from other machines", file=sys.stderr, flush=True)  # noqa: T201
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mogplex-ci emulator",
        description="Serve a local Mogplex that answers like the real service, for tests of workflows.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8787, metavar="N", help="port; 0 picks a free one (default 8787)")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to bind (default 127.0.0.1)")
    parser.add_argument(
        "--scenario",
        action="append",
        metavar="NAME|FILE",
        help="what runs play (default success); more of them can be picked by prompts",
    )
    parser.add_argument("--world", metavar="FILE", help="YAML file with users, tokens and repositories")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X", help="how much faster scripts and limits run (default 1)"
    )
    parser.add_argument("--no-limits", action="store_true", help="lift the service's rate limits")
    parser.add_argument("--log-requests", metavar="FILE", help="append every request to FILE, a line of JSON each")
    return parser


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return speed


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _refuse(message: str) -> int:
    print(f"mogplex-ci emulator: error: {message}", file=sys.stderr)  # noqa: T201
    return 2
