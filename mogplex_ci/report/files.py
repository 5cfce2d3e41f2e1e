"""The files that a step can write: events as NDJSON, the result as JSON, and the artifact."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.models import Event, EventKind, Run
from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import Facts
from mogplex_ci.report.outputs import result_of
from mogplex_ci.run.agent_text import Message, begins_message
from mogplex_ci.run.updates import Ended, EventsArrived, Started, Update
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import append_text, discard, write_whole

_TEXT_LIMIT: Final = 100_000
"""Characters of the agent's text in one line."""


class EventLines:
    """Events as they came but sanitized, each as one line of JSON.

    The deltas of a message, and the events between them, wait until it is complete: a secret may
    be split over them. If redacting them together hides anything, the first of them gets the text
    of all, and the others an empty message. Everything but their words is sanitized when they come:
    at the end of a message of 300,000 deltas there may be no time left.
    """

    def __init__(self, sanitizer: Sanitizer) -> None:
        self._safe = sanitizer
        self._message = Message()
        self._held: list[tuple[object, Untrusted | None]] = []
        """The lines of the message's deltas, and of the events between and behind them; of a delta
        without its words, and these.
        """

    def add(self, events: Iterable[Event], *, after_gap: bool = False) -> Iterator[str]:
        """Yield the lines that are ready. ``after_gap``: events before these are missing."""
        if after_gap:
            yield from self.end(is_complete=False)
        for event in events:
            if begins_message(event):
                yield from self.end(is_complete=True)
            is_delta = event.kind is EventKind.TEXT_DELTA
            if is_delta:
                self._message.add(event.message)
            if is_delta or self._held:
                words = event.message if is_delta else None
                self._held.append((self._line(event, without_words=words is not None), words))
            else:
                yield _json(self._line(event))

    def end(self, *, is_complete: bool) -> Iterator[str]:
        """Yield all lines that are left, without the message's words if it is not complete."""
        if not is_complete:
            self._message.miss()
        has_all = self._message.has_beginning
        said = self._message.take()
        if not is_complete:
            # Also for the message that take() has begun: its beginning is missing, too.
            self._message.miss()
        shown: str = self._safe.clean(said, limit=_TEXT_LIMIT)
        is_split = not has_all or shown != said.text
        held = self._held
        self._held = []
        for line, words in held:
            if words is not None and isinstance(line, dict):
                # Pieces of a text in which nothing was hidden are as harmless as the text.
                line["message"] = shown if is_split else words.text
                shown = ""  # the first of them has all of it
            yield _json(line)

    def _line(self, event: Event, *, without_words: bool = False) -> object:
        """Return one event as JSON, of a delta with an empty message."""
        sent = event.data
        if without_words:
            sent = sent.inspect(lambda fields: Untrusted({**fields, "message": ""}))
        try:
            return self._safe.data(sent)
        except Exception:  # one odd event must not cost the others
            return {"id": self._safe.clean(event.id), "unreadable": True}


def _json(line: object) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class EventsFile(FileReport):
    """The events, written as they come. If the step is killed, the message that the agent was
    writing is missing. The last line of each run says how it ended; that of the last run, with
    ``result`` and ``errorCode``, how the step did.
    """

    def __init__(self, path: Path, sanitizer: Sanitizer) -> None:
        super().__init__(path, sanitizer)
        self._lines = EventLines(sanitizer)
        self._run: Run | None = None
        """The run as it was when it was started or had ended."""

    def begin(self) -> None:
        """Empty the file of an earlier step."""
        write_whole(self._path, "")

    def on(self, update: Update) -> None:
        """Append the events that are ready."""
        match update:
            case EventsArrived():
                self._write(self._lines.add(update.events, after_gap=update.after_gap))
            case Started():
                if self._run is not None:  # it was rejected, and another run follows it
                    self._write([self._end_of(self._run, self._run.status)])
                self._run = update.run
            case Ended():
                self._write(self._lines.end(is_complete=update.message_is_complete))
                self._run = update.run

    def end(self, facts: Facts) -> None:
        """Append the rest of the run's events, and how the step ended."""
        self._write(self._lines.end(is_complete=False))
        if self._run is not None and facts.has_run:
            ended = {"result": facts.result, "errorCode": facts.error_code}
            status = str(facts.status or self._run.status)
            self._write([self._end_of(self._run, status, ended)])

    def _end_of(self, run: Run, status: str, ended: Mapping[str, str | None] = {}) -> str:
        """Return how a run ended, in the form of ``runs events --follow --json``, with the other
        facts that a dry run plays; of the last run with what the step ``ended`` as.
        """
        told = {"runId": run.id, "status": status}
        if run.error:
            told["error"] = run.error.text
        if run.terminal_commit:
            told["terminalCommitSha"] = run.terminal_commit.text
        for name, value in ended.items():
            if value:
                told[name] = str(value)
        return self._safe.json(Untrusted(told))

    def _write(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if text:
            append_text(self._path, text)


class ResultFile(FileReport):
    """How the step ended as JSON, by ``schemas/result.schema.json``."""

    def end(self, facts: Facts) -> None:
        """Write the file."""
        write_json(self._path, result_of(facts, self._safe))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file for programs and people."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


class ArtifactFile(FileReport):
    """The artifact that was asked for, as JSON."""

    def end(self, facts: Facts) -> None:
        """Write the file, if there is an artifact."""
        artifact = facts.artifact
        if artifact is None:
            discard(self._path)
        else:
            write_json(self._path, json.loads(artifact))
