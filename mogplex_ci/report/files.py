"""The files that a step can write: events as NDJSON, the result as JSON, and the artifact."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mogplex_ci.models import Event, EventKind, Run
from mogplex_ci.outputs import IN_FILE
from mogplex_ci.report import FileReport
from mogplex_ci.report.facts import Facts, GateFacts, RoundFacts, RunFacts, StepFacts
from mogplex_ci.report.text import NAME_LIMIT
from mogplex_ci.run.agent_text import TextBuffer
from mogplex_ci.run.timeline import PhaseSpan, ToolUse
from mogplex_ci.run.updates import Ended, EventsArrived, Quiet, Update
from mogplex_ci.sanitize import SafeText, Sanitizer
from mogplex_ci.untrusted import Untrusted
from mogplex_ci.workspace import append_text, discard, write_whole

VERSION: Final = 1
"""Of ``schemas/result.schema.json``. Fields may be added within a version; none is removed or
changes its meaning.
"""
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
        self._text = TextBuffer()
        self.run_id = ""
        """Id to add to each line as ``runId``, where events of several runs stand together."""

    def add(self, events: Iterable[Event]) -> Iterator[str]:
        """Yield the lines that are ready."""
        for event in events:
            self._held.append(event)
            if event.kind is EventKind.TEXT_DELTA:
                self._text.add(event.message or Untrusted(""))
            else:
                self._text.interrupt()
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
        held, self._held = self._held, []
        said = [
            event.message for event in held if event.kind is EventKind.TEXT_DELTA and event.message
        ]
        together = self._clean(Untrusted("".join(words.text for words in said)))
        is_split = together != "".join(map(self._clean, said))
        for event in held:
            is_replaced = is_split and event.kind is EventKind.TEXT_DELTA
            yield self._line(event, together if is_replaced else None)
            together = "" if is_replaced else together

    def _clean(self, words: Untrusted) -> str:
        return self._safe.clean(words, limit=_TEXT_LIMIT)

    def _line(self, event: Event, message: str | None = None) -> str:
        """Return one event; ``message``, if any, replaces its own."""
        try:
            # What is not shown hides nothing beside it: a piece of a private key would hide all
            # that follows.
            data = self._safe.data(event.data if message is None else event.data.without("message"))
            added = {"runId": self._safe.identifier(self.run_id), "message": message}
            if isinstance(data, dict):
                data |= {name: value for name, value in added.items() if value is not None}
            return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        except Exception:  # one odd event must not cost the others
            return json.dumps({"id": self._safe.clean(event.id), "unreadable": True})


class EventsFile(FileReport[EventLines]):
    """The events of all runs, written as they come. If the step is killed, the agent's last
    paragraph may be missing.

    With several runs, each line has its run's id. The last line of each run that ended, or pauses,
    says how.
    """

    def begin(self) -> None:
        """Empty the file of an earlier step."""
        write_whole(self._path, "")

    def on(self, name: SafeText | None, update: Update) -> None:
        """Append the events that are ready."""
        lines = self._parts.setdefault(name, EventLines(self._safe))
        match update:
            case EventsArrived(run=run, events=events):
                lines.run_id = run.id if name else ""
                self._write(lines.add(events))
            case Quiet():
                self._write(lines.quiet())
            case Ended(run=run) if run.is_terminal or run.is_paused:
                self._write([*lines.end(), self._end_of(run)])

    def end_run(self, run: RunFacts) -> None:
        """Append the rest of the run's events."""
        if run.name in self._parts:
            self._write(self._parts.pop(run.name).end())

    def _end_of(self, run: Run) -> str:
        """Return how a run ended, as ``runs events --follow --json`` has it, and what else a dry
        run plays of it.
        """
        known = {"error": run.error, "terminalCommitSha": run.terminal_commit}
        told = {name: value.text for name, value in known.items() if value}
        return self._safe.json(Untrusted({"runId": run.id, "status": run.status, **told}))

    def _write(self, lines: Iterable[str]) -> None:
        if text := "".join(f"{line}\n" for line in lines):
            append_text(self._path, text)


class ResultFile(FileReport[dict[str, object]]):
    """How the step and each of its runs ended as JSON, by ``schemas/result.schema.json``."""

    def end_run(self, run: RunFacts) -> None:
        """Keep the part of a run of several."""
        if run.name:
            self._parts[run.name] = result_of(run.facts, self._safe) | {"task": run.task}

    def end(self, step: StepFacts) -> None:
        """Write the file."""
        runs = [self._parts[run.name] for run in step.runs if run.name]
        write_json(self._path, result_of(step.facts, self._safe) | {"runs": runs})


def write_json(path: Path, value: object) -> None:
    """Write a JSON file for programs and people."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def result_of(facts: Facts, safe: Sanitizer) -> dict[str, object]:
    """Return the content of the result file. Unknown values are null."""
    file: dict[str, object] = {"version": VERSION}
    parts: defaultdict[str, dict[str, object]] = defaultdict(dict)
    for place, told in IN_FILE.items():
        part, _, name = place.rpartition(".")
        (parts[part] if part else file)[name] = _in_file(getattr(facts, told.fact), safe)
    file |= parts
    error = parts["error"] | {"code": facts.error_code or "ERROR"}
    file |= {"error": error if facts.cause else None, "run": parts["run"] if facts.run_id else None}
    return file | {"task": None, "runs": []}


def _in_file(value: object, safe: Sanitizer) -> object:
    """Return a fact as the result file has it."""
    match value:
        case PhaseSpan(phase, started, ended):
            return {
                "name": phase.value,
                "began_seconds": round(started, 3),
                "seconds": round(ended - started, 3),
            }
        case ToolUse(name, calls):
            return {
                "name": safe.clean(name, limit=NAME_LIMIT),
                "calls": len(calls),
                "failed": value.failed,
                "seconds": round(value.seconds, 3),
            }
        case GateFacts() | RoundFacts():
            return {name: _in_file(part, safe) for name, part in value._asdict().items()}
        case tuple():
            return [_in_file(item, safe) for item in value]
        case _:
            return value


class ArtifactFile(FileReport[None]):
    """The artifact that was asked for, as JSON."""

    def end(self, step: StepFacts) -> None:
        """Write the file, if there is an artifact; of several runs a list of those that have
        one.
        """
        found = [
            {"repo": run.facts.repo, "task": run.task, "artifact": json.loads(run.facts.artifact)}
            for run in step.runs
            if run.facts.artifact is not None
        ]
        if found:
            write_json(self._path, found if step.is_fleet else found[0]["artifact"])
        else:
            discard(self._path)
