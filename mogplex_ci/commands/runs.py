"""``mogplex runs``: look at a run, follow its events, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.commands import pretty
from mogplex_ci.commands.arguments import Parser, choose, of_kind, run_id
from mogplex_ci.commands.console import STATUS_STYLES, Style
from mogplex_ci.commands.session import PATIENCE, perform
from mogplex_ci.durations import format_duration, parse_duration
from mogplex_ci.errors import Problem, ServerError, UsageError
from mogplex_ci.inputs.schema import is_uuid
from mogplex_ci.models import FEED_LIMIT, Untrusted
from mogplex_ci.run import happenings as h
from mogplex_ci.run.stop import StopRequested

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from mogplex_ci.commands.session import Session
    from mogplex_ci.models import Event

FOLLOW_INTERVAL: Final = 1.5
"""Shortest pause between polls, in seconds, as the documented command has it."""
PATIENCE_FOR_OTHER_IDS: Final = 3.0
"""Seconds to ask about a run whose id is no UUID."""
Result = TypeVar("Result")


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Do what the first word says and return the exit code; how the run ended does not change it."""
    return perform(env, lambda session: _runs(session, argv))


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each command."""
    run = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    get = Parser("runs get", "Show a run's current state.", example=f"runs get {run}")
    events = Parser(
        "runs events", "List a run's events, or follow them.", example=f"runs events {run} --follow --timeout 600"
    )
    cancel = Parser("runs cancel", "Cancel a run; one that has ended stays as it is.", example=f"runs cancel {run}")
    for parser in (get, events, cancel):
        parser.add_argument("run_id", type=run_id, metavar="RUN-ID", help="id of the run")
        parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    events.add_argument("--follow", action="store_true", help="show events as they come, until the run ends")
    events.add_argument(
        "--timeout",
        type=of_kind("duration"),
        default="1800",
        metavar="S",
        help="longest time to wait, in seconds or such as 15m (default 1800)",
    )
    events.add_argument(
        "--limit", type=of_kind("count"), metavar="N", help=f"without --follow: most events, 1 to {FEED_LIMIT}"
    )
    return {"get": get, "events": events, "cancel": cancel}


def _runs(session: Session, argv: Sequence[str]) -> int:
    verb, options = choose("runs", parsers(), argv)
    return {"get": _get, "events": _events, "cancel": _cancel}[verb](session, options)


def _ask(session: Session, run_id: str, call: Callable[[float], Result], *, patience: float = PATIENCE) -> Result:
    """Ask about a run. For an id that is no UUID the service fails, and goes on failing: then it is not asked for long.

    Raises:
        MogplexError: there is no usable answer.
    """
    if is_uuid(run_id):
        return session.ask(call, patience=patience)
    try:
        return session.ask(call, patience=min(patience, PATIENCE_FOR_OTHER_IDS))
    except ServerError as error:
        error.remedy = "Check the run id: the service's own are UUIDs, as `mogplex run` prints them"
        raise


def _get(session: Session, options: argparse.Namespace) -> int:
    run = _ask(session, options.run_id, lambda timeout: session.client.run(options.run_id, timeout=timeout))
    if options.json:
        session.console.json(run.data)
        return 0
    style = STATUS_STYLES.get(run.status, Style.PLAIN)
    for line in pretty.run_lines(run, session.console.safe):
        session.console.line(line, style if line.startswith("status ") else Style.PLAIN)
    return 0


def _events(session: Session, options: argparse.Namespace) -> int:
    if options.follow:
        if options.limit:
            session.console.warn("--limit is not used with --follow, which shows every event")
        return _follow(session, options)
    limit = int(options.limit or FEED_LIMIT)
    if not 1 <= limit <= FEED_LIMIT:
        raise UsageError(Problem("runs events", f"argument --limit: {limit} is not from 1 to {FEED_LIMIT}", ""))
    feed = _ask(
        session,
        options.run_id,
        lambda timeout: session.client.feed(options.run_id, limit=limit, timeout=timeout),
        patience=min(PATIENCE, parse_duration(options.timeout)),
    )
    for event in {event.id: event for event in feed.events}.values():
        _show(event, session, options)
    if len(feed.events) >= FEED_LIMIT:
        session.console.warn("only the first {} events of a run can be read", str(FEED_LIMIT))
    return 0


def _follow(session: Session, options: argparse.Namespace) -> int:
    """Show events until the run ends or the time is over."""
    try:
        ended = _follow_to_the_end(session, options)
    except StopRequested:
        session.console.fail("stopped by {}; the run keeps going", session.stop.name)
        raise
    if ended.run.is_terminal:
        if options.json:
            session.console.json(Untrusted({"runId": ended.run.id, "status": ended.run.status}))
        else:
            session.console.ended(ended.run)
        return 0
    from mogplex_ci.run.outcome import of_ended
    from mogplex_ci.run.trail import Trail

    seconds = f"{parse_duration(options.timeout):.10g}"
    session.console.fail("--follow timed out after {}s waiting for terminal status", seconds)
    return of_ended(ended, Trail()).exit_code


def _follow_to_the_end(session: Session, options: argparse.Namespace) -> h.Ended:
    from mogplex_ci.report.progress import Progress
    from mogplex_ci.run.follow import Follower
    from mogplex_ci.run.pace import Pace

    began, timeout = session.clock.monotonic(), parse_duration(options.timeout)
    run = _ask(
        session,
        options.run_id,
        lambda seconds: session.client.run(options.run_id, timeout=seconds),
        patience=timeout,
    )
    follower = Follower(
        session.client,
        clock=session.clock,
        stop=session.stop,
        pace=Pace(session.clock, FOLLOW_INTERVAL, sharers=1),
        began=began,
    )
    ended = h.Ended(run, None)
    progress = Progress(session.console.terminal, session.console.safe)
    try:
        for happening in follower.follow(run, began + timeout):
            with progress.aside():
                _tell(happening, session, options)
            progress.on(happening)
            if isinstance(happening, h.Ended):
                ended = happening
    finally:
        progress.stop()
    return ended


def _tell(happening: h.Happening, session: Session, options: argparse.Namespace) -> None:
    match happening:
        case h.EventsArrived():
            for event in happening.events:
                _show(event, session, options)
        case h.FeedFull():
            session.console.warn("only the first {} events can be read; waiting for the end", str(FEED_LIMIT))
        case h.UnknownStatus():
            session.console.warn("this version does not know the run's status {}", happening.run.status)
        case h.Trouble():
            session.console.warn("{}; trying again", happening.error.cause)
        case h.Recovered():
            session.console.warn("the API answers again after {}", format_duration(happening.after))


def _show(event: Event, session: Session, options: argparse.Namespace) -> None:
    if options.json:
        session.console.json(event.data)
    else:
        session.console.line(pretty.event_line(event, session.console.safe))


def _cancel(session: Session, options: argparse.Namespace) -> int:
    answer = _ask(session, options.run_id, lambda timeout: session.client.cancel(options.run_id, timeout=timeout))
    if options.json:
        session.console.json(answer.data)
        return 0
    line = session.console.safe.line
    told = "run {} has already ended" if answer.already_terminal else "cancellation requested for run {}"
    session.console.line(line(told, options.run_id))
    session.console.line(line("status: {}", answer.status))
    return 0
