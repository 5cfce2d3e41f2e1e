"""``mogplex runs``: look at a run, follow its events, cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from mogplex_ci.commands.common import RETRY_SECONDS, STATUS_STYLES, Parser, Style, choose, of_kind, perform, run_id
from mogplex_ci.durations import parse_duration
from mogplex_ci.errors import Problem, ServerError, UsageError
from mogplex_ci.inputs.schema import is_uuid
from mogplex_ci.models import FEED_LIMIT, Untrusted
from mogplex_ci.sanitize import duration, timestamp
from mogplex_ci.signals import StopRequested

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mogplex_ci.commands.common import Session
    from mogplex_ci.models import Event, Run
    from mogplex_ci.run.timeline import Timeline
    from mogplex_ci.run.updates import Ended, Update
    from mogplex_ci.sanitize import SafeText, Sanitizer

T = TypeVar("T")
POLL_INTERVAL: Final = 1.5
"""Shortest pause between polls, in seconds; the documented command has the same."""
RETRY_SECONDS_FOR_OTHER_IDS: Final = 3.0
"""How long a request about a run whose id is not a UUID is retried."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a subcommand and return the exit code; how the run ended does not change it."""
    return perform(env, lambda session: _runs(session, argv))


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each subcommand."""
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
    subcommand, options = choose("runs", parsers(), argv)
    return {"get": _get, "events": _events, "cancel": _cancel}[subcommand](session, options)


def _call(session: Session, run_id: str, request: Callable[[float], T], *, seconds: float = RETRY_SECONDS) -> T:
    """Send a request about a run, retrying for ``seconds``; only briefly for an id that is not a UUID.

    The service answers such an id with 500, however often it is asked.

    Raises:
        MogplexError: there is no usable answer.
    """
    if is_uuid(run_id):
        return session.call(request, seconds=seconds)
    try:
        return session.call(request, seconds=min(seconds, RETRY_SECONDS_FOR_OTHER_IDS))
    except ServerError as error:
        error.remedy = "Check the run id: the service's own are UUIDs, as `mogplex run` prints them"
        raise


def _get(session: Session, options: argparse.Namespace) -> int:
    run = _call(session, options.run_id, lambda timeout: session.client.run(options.run_id, timeout=timeout))
    if options.json:
        session.console.json(run.data)
        return 0
    style = STATUS_STYLES.get(run.status, Style.PLAIN)
    for line in run_lines(run, session.console.safe):
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
    page = _call(
        session,
        options.run_id,
        lambda timeout: session.client.events(options.run_id, limit=limit, timeout=timeout),
        seconds=min(RETRY_SECONDS, parse_duration(options.timeout)),
    )
    for event in {event.id: event for event in page.events}.values():
        _show(event, session, options)
    if len(page.events) >= FEED_LIMIT:
        session.console.warn("only the first {} events of a run can be read", FEED_LIMIT)
    return 0


def _follow(session: Session, options: argparse.Namespace) -> int:
    """Show events until the run ends or the timeout passes."""
    from mogplex_ci.run.result import result_of_run
    from mogplex_ci.run.timeline import Timeline

    timeline = Timeline()
    try:
        ended = _follow_to_the_end(session, options, timeline)
    except StopRequested:
        session.console.fail("stopped by {}; the run keeps going", session.stop.name)
        raise
    if ended.run.is_terminal:
        if options.json:
            session.console.json(Untrusted({"runId": ended.run.id, "status": ended.run.status}))
        else:
            session.console.ended(ended.run)
        return 0
    seconds = f"{parse_duration(options.timeout):.10g}"
    session.console.fail("--follow timed out after {}s waiting for terminal status", seconds)
    return result_of_run(ended.run, timeline, ended.trouble).exit_code


def _follow_to_the_end(session: Session, options: argparse.Namespace, timeline: Timeline) -> Ended:
    from mogplex_ci.api.budget import PollInterval
    from mogplex_ci.report.progress import Progress
    from mogplex_ci.run.follow import Follower
    from mogplex_ci.run.updates import Ended

    began, timeout = session.clock.monotonic(), parse_duration(options.timeout)
    run = _call(
        session,
        options.run_id,
        lambda seconds: session.client.run(options.run_id, timeout=seconds),
        seconds=timeout,
    )
    follower = Follower(
        session.client,
        run,
        timeline,
        clock=session.clock,
        stop=session.stop,
        interval=PollInterval(session.clock, shortest=POLL_INTERVAL, jobs_per_token=1),
        began=began,
    )
    ended = Ended(run, None)
    progress = Progress(session.console.terminal, session.console.safe)
    try:
        for update in follower.follow(began + timeout):
            with progress.aside():
                _print_update(update, session, options)
            progress.on(update)
            if isinstance(update, Ended):
                ended = update
    finally:
        progress.stop()
    return ended


def _print_update(update: Update, session: Session, options: argparse.Namespace) -> None:
    from mogplex_ci.run import updates

    match update:
        case updates.EventsArrived():
            for event in update.events:
                _show(event, session, options)
        case updates.EventsMissing(later_ones=True):
            session.console.warn("only the first {} events can be read; waiting for the end", FEED_LIMIT)
        case updates.EventsMissing():
            session.console.warn("some events could not be read")
        case updates.UnknownStatus():
            session.console.warn("this version does not know the run's status {}", update.run.status)
        case updates.Trouble():
            session.console.warn("{}; trying again", update.error.cause)
        case updates.Recovered():
            session.console.warn("the API answers again after {}", duration(update.after))


def _show(event: Event, session: Session, options: argparse.Namespace) -> None:
    if options.json:
        session.console.json(event.data)
    else:
        session.console.line(event_line(event, session.console.safe))


def _cancel(session: Session, options: argparse.Namespace) -> int:
    answer = _call(session, options.run_id, lambda timeout: session.client.cancel(options.run_id, timeout=timeout))
    if options.json:
        session.console.json(answer.data)
        return 0
    line = session.console.safe.line
    if answer.already_terminal:
        session.console.line(line("run {} has already ended", options.run_id))
    else:
        session.console.line(line("cancellation requested for run {}", options.run_id))
    session.console.line(line("status: {}", answer.status))
    return 0


def started_lines(run: Run, *, joined: bool, safe: Sanitizer) -> Iterator[SafeText]:
    """Yield the lines about a run that was just started, or that the key had started before (``joined``)."""
    if joined:
        yield safe.line("matched existing run {} ({})", run.id, run.status)
    else:
        yield safe.line("started run {} ({})", run.id, run.status)
    yield safe.line("repo    {}", run.repo_id or "-")
    yield safe.line("harness {}", run.harness or "-")
    yield _branch_line(run, safe)
    if run.error:  # it could not be queued
        yield safe.line("error   {}", run.error)
    yield safe.line("tail events: mogplex runs events {} --follow", run.id)


def run_lines(run: Run, safe: Sanitizer) -> Iterator[SafeText]:
    """Yield a run's current state, a field a line; ``-`` stands for what the API does not say."""
    yield safe.line("run     {}", run.id)
    yield safe.line("status  {}", run.status)
    yield safe.line("harness {}", run.harness or "-")
    yield safe.line("repo    {}", run.repo_id or "-")
    yield _branch_line(run, safe)
    yield safe.line("sandbox {}", run.sandbox_id or "-")
    yield safe.line("events  {}", run.data.at("eventsUrl") or "-")
    yield safe.line("cancel  {}", run.data.at("cancelUrl") or "-")
    yield safe.line("created {}", timestamp(run.created_at))
    yield safe.line("updated {}", timestamp(run.updated_at))
    if run.error:
        yield safe.line("error   {}", run.error)


def event_line(event: Event, safe: Sanitizer) -> SafeText:
    """Return an event as time, type, tool and message; time and type are padded to columns."""
    details = [
        *(("  tool=", event.tool.name) if event.tool else ()),
        *(("  ", event.message) if event.message else ()),
    ]
    kind = safe.clean(event.type, limit=100)
    return safe.sentence(timestamp(event.created_at).padded(24), "  ", kind.padded(14) if details else kind, *details)


def _branch_line(run: Run, safe: Sanitizer) -> SafeText:
    base = (" (base ", run.base_branch, ", created)" if run.creates_branch else ")") if run.base_branch else ()
    return safe.sentence("branch  ", run.working_branch or "-", *base)
