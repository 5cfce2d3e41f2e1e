"""Scenarios: the events of a run and their times. YAML files compiled into a flat script of
steps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.emulator.documents import DocumentError, load
from tests.emulator.faults import Fault, seconds_of

_FOLDER: Final = Path(__file__).with_name("scenarios")
_PARTS: Final = Path(__file__).with_name("parts")
SHIPPED: Final = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
_PICK = re.compile(r"\bscenario:\s*([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_VARIABLE = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_NEXT_STEP: Final = 0.001
"""Pause before a step that names none; an explicit ``after: 0`` makes two events of the same
time.
"""
_TOOL_ENDS: Final = {
    "done": "finished",
    "success": "finished",
    "error": "failed",
    "denied": "denied",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a run: its status changes, an event is written, or only
    ``updatedAt`` changes.
    """

    at: float
    """Seconds after the start."""
    status: str | None = None
    error: str | None = None
    event: str | None = None
    tool: str | None = None
    message: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    counter: int = 0
    """Value of ``{{ i }}``: the round of the innermost loop, from 1."""
    sandbox: bool = False
    """Whether the run has its sandbox from here on."""
    backdate: float = 0.0
    """How many seconds before ``at`` the event's ``createdAt`` lies."""
    commit: str | None = None
    """The commit that the service records as ``terminalCommitSha``."""
    worker_dies: bool = False
    """The rest of the script does not happen; ``GET /runs/{id}`` gives the run this step's status
    and error.
    """


@dataclass(frozen=True, slots=True)
class QueueFailure:
    """The start call fails after the run was stored."""

    error: str
    after: float
    """Seconds until the call answers."""
    times: int | None
    """How many starts fail before the others work; None for all."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script and how calls about the run behave."""

    name: str
    steps: tuple[Step, ...]
    variables: Mapping[str, object]
    queue_failure: QueueFailure | None
    kill_failures: int
    """How many cancel calls fail because the agent's command cannot be killed (2026-08 only)."""
    cancel_conflicts: tuple[str, ...]
    """Reasons for which the first cancel calls of a run are refused: ``changed``, ``inactive`` or
    ``inconsistent``.
    """
    ignored_cancels: int
    """How many cancel calls are answered with 200 and a live status, and change nothing."""
    artifacts: Mapping[str, Mapping[str, Any]]
    """Files below ``.mogplex/artifacts`` that the run commits, by name without ``.json``."""
    falls_back: bool
    """Whether the branch asked for has gone, so that the run works on another one."""
    install_log: str | None
    """What the installation of the repository's packages wrote."""
    faults: tuple[Fault, ...]


class ScenarioSet:
    """The scenarios that one emulator plays: the default one, and those that a prompt picks by
    name.
    """

    def __init__(self, default: Scenario, others: Iterable[Scenario] = ()) -> None:
        self.default = default
        self._by_name = {scenario.name: scenario for scenario in (*others, default)}

    def scenario_for(self, prompt: str, harness: str) -> Scenario:
        """Return the scenario after the word ``scenario:`` in the prompt, else the default.

        The shipped ``success`` shows a codex run; for another harness the scenario named after it
        is played.

        Raises:
            DocumentError: there is no scenario of the name.
        """
        match = _PICK.search(prompt)
        scenario = self.default
        if match:
            name = match.group(1).lower()
            scenario = self._by_name.get(name) or load_scenario(name)
        if scenario is load_scenario("success") and harness != "codex":
            return load_scenario(harness)
        return scenario


def load_scenario(name: str | Path) -> Scenario:
    """Read a shipped scenario by name, or a file by its path.

    Raises:
        DocumentError: there is no such scenario.
    """
    if str(name) in SHIPPED:
        return _shipped(str(name))
    path = Path(name)
    if not path.is_file():
        raise DocumentError(f"no such scenario: {name}; use a file or one of {', '.join(SHIPPED)}")
    return _compile(load(path), path.stem)


@cache
def _shipped(name: str) -> Scenario:
    return _compile(load(_FOLDER / f"{name}.yaml"), name)


def render(value: Any, variables: Mapping[str, object]) -> Any:
    """Put variables into a text, or into every text of a list or object.

    A text that is nothing but one variable becomes its value, so that booleans stay booleans.
    """
    if isinstance(value, str):
        whole = _VARIABLE.fullmatch(value)
        if whole:
            return variables[whole.group(1)]
        return _VARIABLE.sub(lambda match: str(variables[match.group(1)]), value)
    if isinstance(value, Mapping):
        return {render(key, variables): render(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, variables) for item in value]
    return value


def _compile(fields: dict[str, Any], name: str) -> Scenario:
    variables = {key: _variable(value) for key, value in fields.get("variables", {}).items()}
    queue = fields.get("queue_failure")
    return Scenario(
        name=name,
        steps=tuple(_flatten(fields["steps"], start=0.0, counter=0)),
        variables=variables,
        queue_failure=_queue_failure(queue) if queue else None,
        kill_failures=fields.get("kill_failures", 0),
        cancel_conflicts=tuple(fields.get("cancel_conflicts", ())),
        ignored_cancels=fields.get("ignored_cancels", 0),
        artifacts=fields.get("artifacts", {}),
        falls_back=fields.get("falls_back", False),
        install_log=fields.get("install_log"),
        faults=tuple(Fault.from_fields(fault) for fault in fields.get("faults", ())),
    )


def _queue_failure(fields: dict[str, Any]) -> QueueFailure:
    return QueueFailure(fields["error"], seconds_of(fields.get("after", 0)), fields.get("times"))


def _flatten(steps: list[dict[str, Any]], start: float, counter: int) -> Iterator[Step]:
    """Unroll loops, insert parts, split texts, and turn pauses into seconds after the start."""
    at = start
    for fields in steps:
        at += seconds_of(fields.get("after", _NEXT_STEP))
        for step in _unrolled(fields, at, counter):
            at = step.at
            yield step


def _unrolled(fields: dict[str, Any], at: float, counter: int) -> Iterator[Step]:
    """Yield the steps that one entry of a script stands for, the first of them at ``at``."""
    if "repeat" in fields:
        for round_ in range(1, fields["repeat"] + 1):
            for step in _flatten(fields["steps"], at, round_):
                at = step.at
                yield step
    elif "part" in fields:
        yield from _flatten(_part(fields["part"]), at, counter)
    elif "text" in fields:
        yield from _text_steps(fields, at, counter)
    elif "tool_started" in fields or "tool_finished" in fields:
        yield _tool_step(fields, at, counter)
    elif "worker_dies" in fields:
        yield Step(at, worker_dies=True, status=fields["worker_dies"], error=fields.get("error"))
    else:
        yield _plain_step(fields, at, counter)


def _text_steps(fields: dict[str, Any], at: float, counter: int) -> Iterator[Step]:
    """Yield the pieces of what the agent writes."""
    every = seconds_of(fields.get("every", _NEXT_STEP))
    for index, delta in enumerate(_deltas(fields["text"], fields.get("size"))):
        payload = {"kind": "assistant_delta"}
        yield Step(at + index * every, event="log", message=delta, payload=payload, counter=counter)


def _plain_step(fields: dict[str, Any], at: float, counter: int) -> Step:
    """Return a change of the status, an event as it stands, or the recording of a commit."""
    return Step(
        at,
        status=fields.get("status"),
        error=fields.get("error"),
        event=fields.get("event"),
        tool=fields.get("tool"),
        message=fields.get("message"),
        payload=fields.get("payload", {}),
        counter=counter,
        sandbox=fields.get("status") == "streaming",
        backdate=seconds_of(fields.get("backdate", 0)),
        commit=fields.get("commit"),
    )


def _part(name: str) -> list[dict[str, Any]]:
    """Return the steps of ``parts/<name>.yaml``, which several scenarios share."""
    steps: list[dict[str, Any]] = load(_PARTS / f"{name}.yaml")["steps"]
    return steps


def _deltas(text: str | list[str], size: int | None) -> list[str]:
    """Split the agent's text into output chunks of ``size`` characters; a variable is never
    split.
    """
    if isinstance(text, list):
        return text
    if size is None:
        return [text]
    units = re.findall(r"\{\{ *[a-z_]+ *\}\}|.", text, re.DOTALL)
    return ["".join(units[start : start + size]) for start in range(0, len(units), size)]


def _tool_step(fields: dict[str, Any], at: float, counter: int) -> Step:
    """Return a tool event as the codex and claude-code harnesses write it."""
    kind = "tool_finished"
    state = fields.get("state", "done")
    word = _TOOL_ENDS.get(state, "finished")
    if "tool_started" in fields:
        kind = "tool_started"
        state = "running"
        word = "started"
    name = fields[kind]
    payload = {"kind": "tool", "state": state, "toolCallId": fields["call"]}
    return Step(
        at, event=kind, tool=name, message=f"{name} {word}", payload=payload, counter=counter
    )


def _variable(value: Any) -> object:
    """Return a variable's value: a text, pieces joined, or a text repeated."""
    if isinstance(value, list):
        return "".join(value)
    if isinstance(value, dict):
        return value["repeat"] * value["times"]
    return value
