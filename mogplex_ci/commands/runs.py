"""``mogplex runs``: show a run, follow its events, cancel it."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, LiteralString, TypeAlias

from mogplex_ci.api.poll_interval import PollInterval
from mogplex_ci.commands.common import RETRY_SECONDS, Console, Session, choose, in_session
from mogplex_ci.errors import (
    ForbiddenError,
    MogplexError,
    NotAuthorizedError,
    UsageError,
)
from mogplex_ci.inputs.declared import inputs
from mogplex_ci.inputs.flags import Parser
from mogplex_ci.models import FEED_LIMIT, Event, EventKind, Run
from mogplex_ci.problems import Problem
from mogplex_ci.program import program
from mogplex_ci.report.files import EventLines
from mogplex_ci.report.text import DEFAULT_BASE_URL, behind, command_line
from mogplex_ci.run import updates
from mogplex_ci.run.agent_text import Checkpoint, Message, begins_message, without_checkpoint
from mogplex_ci.run.cancel import cancelling
from mogplex_ci.run.endings import ending_of_error, ending_of_run
from mogplex_ci.run.feed import FIRST_KINDS
from mogplex_ci.run.follow import Follower
from mogplex_ci.run.result import Ending
from mogplex_ci.run.service import Service
from mogplex_ci.run.updates import Update
from mogplex_ci.sanitize import SafeText, Sanitizer, Value, duration, timestamp
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.waiting import StopRequested

_Fields: TypeAlias = Mapping[LiteralString, Value | None]
"""The API's facts about a run, by the name under which each is printed."""
POLL_INTERVAL: Final = 1.5
"""Shortest pause between polls, in seconds; the documented command has the same."""


def parsers() -> Mapping[str, Parser]:
    """Return the parser of each subcommand."""
    run = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    get = Parser("runs get", "Show a run's current state.", example=f"runs get {run}")
    events = Parser(
        "runs events",
        "List a run's events, or follow them.",
        example=f"runs events {run} --follow",
    )
    cancel = Parser(
        "runs cancel",
        "Cancel runs; finished ones stay unchanged.",
        example=f"runs cancel {run}",
    )
    for parser in (get, events):
        parser.take("run_id", "id of the run", inputs()["run-id"].kind, metavar="RUN-ID")
    cancel.take("run_ids", "ids of runs", inputs()["run-id"].kind, metavar="RUN-ID", nargs="+")
    for parser in (get, events, cancel):
        parser.switch("--json", "print JSON, one object per line")
    events.switch("--follow", "show events as they come, until the run ends or pauses")
    events.switch("--exit-status", "with --follow: exit with 1 unless the run succeeds")
    events.take(
        "--timeout",
        "maximum time to wait, in seconds or such as 15m (default 1800)",
        inputs()["timeout"].kind,
        default="1800",
        metavar="S",
    )
    return {"get": get, "events": events, "cancel": cancel}


@in_session
def main(session: Session, argv: Sequence[str]) -> int:
    """Run a subcommand and return the exit code; how the run ended changes it only with
    ``--exit-status``.
    """
    subcommand, options = choose("runs", parsers(), argv)
    return {"get": _get, "events": _events, "cancel": _cancel}[subcommand](session, options)


def _get(session: Session, options: argparse.Namespace) -> int:
    run = session.call(lambda client, timeout: client.run(options.run_id, timeout=timeout))
    if options.json:
        session.console.json(run.data)
        return 0
    console = session.console
    console.lines(run_lines(run, console.safe))
    if run.is_terminal or run.is_paused:
        with suppress(MogplexError):  # the run itself has been shown
            page = session.service.client.events(run.id, limit=FEED_LIMIT)
            for url in dict.fromkeys(pull_requests(page.events, console.safe)):
                console.lines([console.safe.sentence("pull    ", url)])
    return 0


def pull_requests(events: Iterable[Event], safe: Sanitizer) -> Iterator[SafeText]:
    """Yield the addresses of the pull requests that the events report."""
    for event in events:
        url = safe.url(event.git.pull_request_url) if event.git is not None else None
        if url is not None:
            yield url


def _events(session: Session, options: argparse.Namespace) -> int:
    if options.follow:
        try:
            return _follow(session, options)
        except StopRequested:
            session.console.fail("stopped by {}; the run keeps going", session.stop.name)
            raise
    if options.exit_status:
        raise UsageError(Problem("--exit-status", "is set without --follow", "Add --follow."))
    page = session.call(
        lambda client, timeout: client.events(options.run_id, limit=FEED_LIMIT, timeout=timeout),
        seconds=min(RETRY_SECONDS, options.timeout),
    )
    lines = _event_lines(session, options)
    is_complete = page.run.is_terminal or page.run.is_paused
    # Newer services return the newest events only, which may start in the middle of a message.
    begins_later = bool(page.events) and page.events[0].kind not in FIRST_KINDS
    session.console.quote(lines.add(page.events, after_gap=begins_later))
    session.console.quote(lines.end(is_complete=is_complete))
    _tell_pull_request(lines, session.console)
    if len(page.events) >= FEED_LIMIT:
        session.console.warn("only {} events of a run can be read", FEED_LIMIT)
    return 0


def _follow(session: Session, options: argparse.Namespace) -> int:
    """Show events until the run ends or pauses, or the timeout passes."""
    console = session.console
    service = session.service
    run_id = options.run_id
    began = service.now
    run = session.call(
        lambda client, timeout: client.run(run_id, timeout=timeout), seconds=options.timeout
    )
    lines = _event_lines(session, options)
    say = partial(_show, lines=lines, console=console)
    client, clock = service.client, service.clock
    service = Service(client, clock, session.stop, began, options.timeout, say=say)
    interval = PollInterval(service.clock, shortest=POLL_INTERVAL, jobs_per_token=1)
    follower = Follower(service, run, interval)
    try:
        follower.follow()
        ended = follower.end()
    finally:
        # also when an error or a signal ends it
        console.quote(lines.end(is_complete=False))
    run = ended.run
    ending = ending_of_run(run, follower.timeline, ended.trouble)
    if not run.is_terminal and not run.is_paused:
        console.fail(
            # Also the words of the documented command.
            "--follow timed out after {} waiting for terminal status",
            f"{options.timeout:.10g}s",
        )
        # This command has started nothing, so an outage has its own code here.
        if ended.trouble is not None:
            return ending_of_error(ended.trouble).exit_code
        return ending.exit_code
    _tell_end(run, lines, console)
    if run.is_paused:
        _tell_pause(ending, follower.timeline.checkpoint, console)
    if options.exit_status:
        return ending.exit_code
    return 0


def _tell_end(run: Run, lines: "EventLines | PrettyLines", console: Console) -> None:
    """Print the last line: how the run ended."""
    if isinstance(lines, EventLines):
        console.json(Untrusted({"runId": run.id, "status": run.status}))
        return
    _tell_pull_request(lines, console)
    # Buildkite folds the log at a line that begins like this one: it holds nothing but two checked
    # words.
    id_and_status = [console.safe.identifier(word) or "***" for word in (run.id, run.status)]
    console.lines([" ".join(["--- run", *id_and_status, "---"])])


def _tell_pull_request(lines: "EventLines | PrettyLines", console: Console) -> None:
    """Print the address of the run's pull request behind its events, unless they are JSON."""
    if isinstance(lines, PrettyLines) and lines.pull_request is not None:
        console.lines([console.safe.sentence("pull request: ", lines.pull_request)])


def _tell_pause(ending: Ending, checkpoint: Checkpoint | None, console: Console) -> None:
    """Warn that the run waits, for which answer, and where its work can be looked at."""
    if ending.detail:
        console.warn("{}: {}", ending.cause, ending.detail)
    else:
        console.warn("{}", ending.cause)
    console.hint(ending.remedy)
    preview = console.safe.url(checkpoint.preview_url) if checkpoint else None
    if preview:
        console.warn("preview: {}", preview)


def _show(update: Update, lines: "EventLines | PrettyLines", console: Console) -> None:
    """Print the events that are ready after ``update``, or a warning that their reader needs."""
    match update:
        case updates.EventsArrived():
            console.quote(lines.add(update.events, after_gap=update.after_gap))
        case updates.Ended():
            console.quote(lines.end(is_complete=update.message_is_complete))
        case updates.Said() if update.title:
            console.warn(update.words, *update.values)
        case updates.Trouble():
            console.warn("{}; trying again", update.error.cause)
        case updates.Recovered():
            console.warn("the API responds again after {}", duration(update.after))


def _event_lines(session: Session, options: argparse.Namespace) -> "EventLines | PrettyLines":
    if options.json:
        return EventLines(session.console.safe)
    return PrettyLines(session.console.safe)


class PrettyLines:
    """Events as lines for people: a line each, and the agent's words by the message, as in the
    log.
    """

    def __init__(self, safe: Sanitizer) -> None:
        self._safe = safe
        self._message = Message()
        self._delta: Event | None = None
        """The event with the message's last words."""
        self.pull_request: SafeText | None = None
        """The address of the run's pull request, once an event has reported it."""

    def add(self, events: Iterable[Event], *, after_gap: bool = False) -> Iterator[SafeText]:
        """Yield the lines that are ready. ``after_gap``: events before these are missing."""
        if after_gap:
            yield from self.end(is_complete=False)
        for event in events:
            if begins_message(event):
                yield from self.end(is_complete=True)
            if event.kind is EventKind.TEXT_DELTA:
                self._message.add(event.message)
                self._delta = event
            else:
                yield event_line(event, self._safe)
            for url in pull_requests([event], self._safe):
                self.pull_request = url

    def end(self, *, is_complete: bool) -> Iterator[SafeText]:
        """Yield the lines of the message, if it is complete."""
        if not is_complete:
            self._message.miss()
            return
        words = without_checkpoint(self._message.take())
        if self._delta is None or not words.text.strip():
            return
        start = _columns(self._delta, self._safe)
        for line in self._safe.block(words):
            yield self._safe.sentence(start, "  ", line)


def _cancel(session: Session, options: argparse.Namespace) -> int:
    """Cancel each run, and return the worst exit code."""
    first, *others = dict.fromkeys(options.run_ids)
    if not others:
        return _cancel_one(session, first, as_json=options.json)
    exit_code = 0
    for run_id in (first, *others):
        try:
            _cancel_one(session, run_id, as_json=options.json)
        except (NotAuthorizedError, ForbiddenError):
            raise  # it is about the token
        except MogplexError as error:
            session.console.fail("run {} was not cancelled", run_id)
            session.console.error(error)
            exit_code = max(exit_code, error.exit_code)
    return exit_code


def _cancel_one(session: Session, run_id: str, *, as_json: bool) -> int:
    cancel = cancelling(session.service.client, run_id)
    answer = session.call(lambda _, timeout: cancel(timeout))
    if as_json:
        session.console.json(answer.data)
        return 0
    line = session.console.safe.line
    said = line("cancellation requested for run {}", run_id)
    if answer.already_terminal:
        said = line("run {} has already ended", run_id)
    session.console.lines([said, line("status: {}", answer.status)])
    return 0


def started_lines(
    run: Run, *, joined: bool, safe: Sanitizer, base_url: str = DEFAULT_BASE_URL
) -> Iterator[SafeText]:
    """Yield the lines about a run that was just started, or that the key had started before
    (``joined``). ``base_url`` is the address of the service.
    """
    if joined:
        yield safe.line("matched existing run {} ({})", run.id, run.status)
    else:
        yield safe.line("started run {} ({})", run.id, run.status)
    always: _Fields = {"repo": run.repo_id, "harness": run.harness, "branch": _branch(run)}
    yield from _fields(safe, always, {"error": run.error})  # it could not be queued
    tail = safe.line("{} runs events {} --follow", safe.message(program()), run.id)
    if Path(sys.argv[0]).name == "entrypoint.py":  # `mogplex` is in the image alone
        tail = command_line("runs events {} --follow", run.id, base_url, safe)
    yield safe.sentence("tail events: ", tail)


def run_lines(run: Run, safe: Sanitizer) -> Iterator[SafeText]:
    """Yield a run's current state, a field a line."""
    always: _Fields = {
        "run": run.id,
        "status": run.status,
        "harness": run.harness,
        "repo": run.repo_id,
        "branch": _branch(run),
        "sandbox": run.sandbox_id,
        "events": run.data.at("eventsUrl"),
        "cancel": run.data.at("cancelUrl"),
        "created": timestamp(run.created_at),
        "updated": timestamp(run.updated_at),
    }
    if_told: _Fields = {
        "error": run.error,
        "agent": run.agent_id,
        "mode": run.data.at("mode"),
        "tree": run.data.at("worktreeId"),
        "commit": run.terminal_commit,
    }
    yield from _fields(safe, always, if_told)


def _fields(safe: Sanitizer, always: _Fields, if_told: _Fields) -> Iterator[SafeText]:
    """Yield a line for each field of a run; ``-`` stands for one of ``always`` that the API does
    not report.
    """
    for fields in (always, if_told):
        for name, value in fields.items():
            if value or fields is always:
                yield safe.line(name.ljust(8) + "{}", value or "-")


def _branch(run: Run) -> Untrusted | None:
    if run.base_branch is None:
        return run.working_branch
    working = "-"
    if run.working_branch:
        working = run.working_branch.text
    about = f"base {run.base_branch.text}"
    if run.creates_branch:
        about += ", created"
    return Untrusted(f"{working} ({about})")


def event_line(event: Event, safe: Sanitizer) -> SafeText:
    """Return an event as time, type, tool and message; time and type are padded to columns."""
    tool, message = behind("  tool=", event.tool and event.tool.name), behind("  ", event.message)
    if not tool and not message:
        return safe.sentence(timestamp(event.created_at).padded(24), "  ", event.type)
    return safe.sentence(_columns(event, safe), *tool, *message)


def _columns(event: Event, safe: Sanitizer) -> SafeText:
    kind = safe.clean(event.type, limit=100)
    return safe.sentence(timestamp(event.created_at).padded(24), "  ", kind.padded(14))
