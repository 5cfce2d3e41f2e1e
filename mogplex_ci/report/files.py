"""The files that a step can write: events as NDJSON, the result as JSON, and the artifact."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.models import Event, EventKind, Run
from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import RunFacts, StepFacts
from mogplex_ci.report.outputs import result_of_run, result_of_step
from mogplex_ci.run.agent_text import TextBuffer
from mogplex_ci.run.updates import Ended, EventsArrived, Quiet, Started, Update
from mogplex_ci.sanitize import PieceByPiece, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import append_text, discard, write_whole

_TEXT_LIMIT: Final = 100_000
"""Characters of the agent's text in one line."""


class EventLines:
    """Events as they came but sanitized, each as one line of JSON.

    A secret may be split over the deltas of the agent's text. Deltas are therefore held back until
    the text is complete, as in the log. If redacting them together hides more than one by one, the
    first of them gets the text of all, and the others an empty message. The events behind them wait
    too, so that all are in order, but only until nothing has come for a while: the next words may
    be minutes away.
    """

    def __init__(self, sanitizer: Sanitizer) -> None:
        self._safe = sanitizer
        self._held: list[Event] = []
        self._shown = PieceByPiece(sanitizer.redactor)
        self._text = TextBuffer(sanitizer.redactor)

    def add(self, events: Iterable[Event]) -> Iterator[str]:
        """Yield the lines that are ready."""
        for event in events:
            self._held.append(event)
            if event.kind is EventKind.TEXT_DELTA:
                self._text.add(event.message or Untrusted(""))
            else:
                is_note = event.kind is EventKind.OTHER
                self._text.interrupt(ends_message=False, keeps_word=is_note)
            if self._text.is_empty:
                yield from self.end()

    def quiet(self) -> Iterator[str]:
        """Yield the lines that are ready because no event has come for a while."""
        self._text.flush()
        if self._text.is_empty:
            yield from self.end()
        others = [event for event in self._held if event.kind is not EventKind.TEXT_DELTA]
        self._held = [event for event in self._held if event.kind is EventKind.TEXT_DELTA]
        yield from map(self._line, others)

    def end(self) -> Iterator[str]:
        """Yield all lines that are left."""
        held = self._held
        self._held = []
        deltas = [event for event in held if event.kind is EventKind.TEXT_DELTA]
        said = [event.message for event in deltas if event.message]
        joined = self._shown.without_half("".join(words.text for words in said))
        (joined,) = self._shown.next([joined])
        together = self._clean(Untrusted(joined))
        is_split = together != "".join(map(self._clean, said))
        for event in held:
            if is_split and event.kind is EventKind.TEXT_DELTA:
                yield self._line(event, together)
                together = ""  # the first of them has all of it
            else:
                yield self._line(event)

    def _clean(self, words: Untrusted) -> str:
        return self._safe.clean(words, limit=_TEXT_LIMIT)

    def _line(self, event: Event, message: str | None = None) -> str:
        """Return one event; ``message``, if any, replaces its own."""
        try:
            # What is not shown hides nothing beside it: a piece of a private key would hide all
            # that follows.
            shown = event.data if message is None else event.data.without("message")
            data = self._safe.data(shown)
            if isinstance(data, dict) and message is not None:
                data["message"] = message
            return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        except Exception:  # one odd event must not cost the others
            return json.dumps({"id": self._safe.clean(event.id), "unreadable": True})


class EventsFile(FileReport):
    """The events, written as they come. If the step is killed, the agent's last paragraph may be
    missing. The last line of each run says how it ended; that of the last run, with ``result`` and
    ``errorCode``, how the step did.
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
                self._write(self._lines.add(update.events))
            case Quiet():
                self._write(self._lines.quiet())
            case Started():
                if self._run is not None:  # it was rejected, and another run follows it
                    self._write([*self._lines.end(), self._end_of(self._run, self._run.status)])
                self._run = update.run
            case Ended():
                self._run = update.run

    def end_run(self, run: RunFacts) -> None:
        """Append the rest of the run's events, and how the step ended."""
        self._write(self._lines.end())
        if self._run is not None and run.work is not None:
            ended = {"result": run.ending.result, "errorCode": run.ending.error_code}
            status = str(run.work.status or self._run.status)
            self._write([self._end_of(self._run, status, ended)])

    def _end_of(self, run: Run, status: str, ended: Mapping[str, str | None] = {}) -> str:
        """Return how a run ended, in the form of ``runs events --follow --json``, with the other
        facts that a dry run plays; of the last run with what the step ``ended`` as.
        """
        known = {"error": run.error, "terminalCommitSha": run.terminal_commit}
        told = {name: value.text for name, value in known.items() if value}
        told |= {name: str(value) for name, value in ended.items() if value}
        return self._safe.json(Untrusted({"runId": run.id, "status": status, **told}))

    def _write(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if text:
            append_text(self._path, text)


class ResultFile(FileReport):
    """How the step ended as JSON, by ``schemas/result.schema.json``."""

    def end(self, step: StepFacts) -> None:
        """Write the file."""
        if step.run is None:
            write_json(self._path, result_of_step(step, self._safe))
        else:
            write_json(self._path, result_of_run(step.run, self._safe))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file for programs and people."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


class ArtifactFile(FileReport):
    """The artifact that was asked for, as JSON."""

    def end(self, step: StepFacts) -> None:
        """Write the file, if there is an artifact."""
        if step.run is None or step.run.delivered.artifact is None:
            discard(self._path)
        else:
            write_json(self._path, json.loads(step.run.delivered.artifact))
