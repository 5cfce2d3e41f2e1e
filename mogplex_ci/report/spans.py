"""The spans of a trace, and every name in them: those of OpenTelemetry's semantic conventions,
pinned to one version, and our own, which begin with ``mogplex.``.

``docs/traces.md`` explains each of them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

CONVENTIONS: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the conventions: spans of pipelines (``cicd.*``), agents (``gen_ai.*``) and
repositories (``vcs.*``).
"""
SERVICE: Final = "mogplex-run-action"
"""The service's name, unless the environment has another."""
TASK: Final = "mogplex"
"""Name of the step's span, and of the task."""
INVOKE_AGENT: Final = "invoke_agent"
"""The conventions' name for a run of an agent."""
TOOL_CALL: Final = "mogplex.tool_call"
"""Name of the event for a tool call."""


class Attribute(StrEnum):
    """Every attribute of a span or an event."""

    TASK_NAME = "cicd.pipeline.task.name"
    TASK_RUN_ID = "cicd.pipeline.task.run.id"
    TASK_RESULT = "cicd.pipeline.task.run.result"
    TASK_URL = "cicd.pipeline.task.run.url.full"
    ERROR_TYPE = "error.type"
    EXIT_CODE = "process.exit.code"
    OWNER = "vcs.owner.name"
    REPOSITORY = "vcs.repository.name"
    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    AGENT_NAME = "gen_ai.agent.name"
    AGENT_ID = "gen_ai.agent.id"
    TOOL_NAME = "gen_ai.tool.name"
    RESULT = "mogplex.result"
    ERROR_CODE = "mogplex.error_code"
    ROUNDS = "mogplex.rounds"
    RUN_ID = "mogplex.run.id"
    RUN_STATUS = "mogplex.run.status"
    RUN_JOINED = "mogplex.run.joined"
    RUN_EVENTS = "mogplex.run.events"
    TOOL_CALLS = "mogplex.run.tool_calls"
    GATE_NAME = "mogplex.gate.name"
    GATE_PASSED = "mogplex.gate.passed"
    TOOL_SECONDS = "mogplex.tool.duration"
    TOOL_FAILED = "mogplex.tool.failed"


AttributeValue: TypeAlias = str | bool | int | float
Attributes: TypeAlias = Mapping[str, AttributeValue]


class SpanEvent(NamedTuple):
    """Something that happened within a span."""

    name: str
    at: int
    """In nanoseconds since 1970, here and in ``Span``."""
    attributes: Attributes


class Span(NamedTuple):
    """A part of the step, with its time."""

    name: str
    began: int
    ended: int
    attributes: Attributes
    error: str | None = None
    """A code; None if nothing failed."""
    events: tuple[SpanEvent, ...] = ()
    is_remote: bool = False
    """Whether another service did the work."""
