"""Scenarios: the events of a run and their times. YAML files compiled into a flat script of
steps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.emulator.documents import load
from tests.emulator.faults import Fault, seconds_of

_FOLDER: Final = Path(__file__).with_name("scenarios")
SHIPPED: Final = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
_PICK = re.compile(r"\bscenario:\s*([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_VARIABLE = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_NEXT_STEP: Final = 0.001
"""Pause before a step that names none; an explicit ``after: 0`` makes two events of the same
time.
"""
_TOOL_ENDS: Final = {"done": "finished", "error": "failed", "denied": "denied"}


class NoSuchScenarioError(ValueError):
    """There is no scenario of this name."""


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
    backdate: float = 0.0
    """How many seconds before ``at`` the event's ``createdAt`` lies."""
    commit: str | None = None
    """The commit that the service records as ``terminalCommitSha``."""
    worker_dies: bool = False
    """The rest of the script does not happen; ``GET /runs/{id}`` gives the run this step's status
    and error.
    """


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script and how calls about the run behave."""

    name: str
    steps: tuple[Step, ...]
    variables: Mapping[str, object]
    queue_failures: float
    """How many start calls fail after the run was stored."""
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
            NoSuchScenarioError: there is no scenario of the name.
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
        NoSuchScenarioError: there is neither.
    """
    if str(name) in SHIPPED:
        return _shipped(str(name))
    path = Path(name)
    if not path.is_file():
        known = ", ".join(SHIPPED)
        raise NoSuchScenarioError(f"no such scenario: {name}; use a file or one of {known}")
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
    return Scenario(
        name=name,
        steps=tuple(_flatten(fields["steps"], start=0.0, counter=0)),
        variables={key: _variable(value) for key, value in fields.get("variables", {}).items()},
        queue_failures=float(fields.get("queue_failures", 0)),
        ignored_cancels=fields.get("ignored_cancels", 0),
        artifacts=fields.get("artifacts", {}),
        falls_back=fields.get("falls_back", False),
        install_log=fields.get("install_log"),
        faults=tuple(Fault.from_fields(fault) for fault in fields.get("faults", ())),
    )


def _variable(value: Any) -> object:
    """Return a variable's value: a text, pieces joined, or a text repeated."""
    if isinstance(value, list):
        return "".join(value)
    if isinstance(value, dict):
        return value["repeat"] * value["times"]
    return value


def _flatten(steps: list[dict[str, Any]], start: float, counter: int) -> Iterator[Step]:
    """Unroll loops, split texts, and turn pauses into seconds after the start."""
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
    elif "launch" in fields:
        yield from _launch(at)
    elif "deliver" in fields:
        yield from _deliver(at, has_changed=fields["deliver"])
    elif "text" in fields:
        yield from _text_steps(fields, at, counter)
    elif "tool_started" in fields or "tool_finished" in fields:
        yield _tool_step(fields, at, counter)
    else:
        yield _plain_step(fields, at, counter)


def _plain_step(fields: dict[str, Any], at: float, counter: int) -> Step:
    """Return a change of the status, an event as it stands, the recording of a commit, or the
    death of the worker.
    """
    own = {name: value for name, value in fields.items() if name != "after"}
    own["backdate"] = seconds_of(own.get("backdate", 0))
    return Step(at, counter=counter, **own)


def _launch(at: float) -> Iterator[Step]:
    """Yield ``launch``: the sandbox is ready, the harness is installed and works."""
    at += _NEXT_STEP
    yield Step(at, status="streaming")
    harness = {"harness_id": "{{ harness }}", "ai_billing_source": "[redacted]"}
    started = "Harness run started: {{ harness }}"
    yield Step(at + 0.04, event="started", message=started, payload=harness)
    checkout = {
        "stage": "git_sync",
        "base_branch": "{{ base_branch }}",
        "created_branch": "{{ created_branch }}",
        "working_branch": "{{ branch }}",
    }
    yield Step(at + 0.34, event="log", message="Synchronized {{ branch }}", payload=checkout)
    change = {"to": "streaming", "from": "pending", "runtime_command_id": "{{ command_id }}"}
    yield Step(at + 0.74, event="status_changed", message="Harness run streaming", payload=change)
    packages = {"stage": "install", "logs": "added 212 packages in 8s\n"}
    installed = "Installed {{ harness_package }}"
    yield Step(at + 0.742, event="log", message=installed, payload=packages)


def _deliver(at: float, *, has_changed: bool) -> Iterator[Step]:
    """Yield ``deliver``: the run succeeds, with a pull request if it has changed anything."""
    at += _NEXT_STEP
    delivery = {
        "stage": "git_delivery",
        "changed": has_changed,
        "base_branch": "{{ base_branch }}",
        "working_branch": "{{ branch }}",
        "pull_request_url": "https://github.com/{{ repo }}/pull/42" if has_changed else None,
        "auto_committed_files": [],
    }
    message = "Pull request ready" if has_changed else "No code changes to deliver"
    yield Step(at, event="log", message=message, payload=delivery)
    end = {"exit_code": 0, "failure_code": None}
    yield Step(at + 0.004, event="finished", message="Harness run finished", payload=end)
    yield Step(at + 0.024, status="success")
    yield Step(at + 0.824, commit="{{ commit_sha }}")


def _text_steps(fields: dict[str, Any], at: float, counter: int) -> Iterator[Step]:
    """Yield the pieces of what the agent writes."""
    every = seconds_of(fields.get("every", _NEXT_STEP))
    for index, delta in enumerate(_deltas(fields["text"], fields.get("size"))):
        payload = {"kind": "assistant_delta"}
        yield Step(at + index * every, event="log", message=delta, payload=payload, counter=counter)


def _deltas(text: str | list[str], size: int | None) -> list[str]:
    """Split the agent's text into output chunks of ``size`` characters."""
    if isinstance(text, list):
        return text
    if size is None:
        return [text]
    return [text[start : start + size] for start in range(0, len(text), size)]


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
