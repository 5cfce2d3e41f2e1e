"""``artifact``: a JSON document that the agent commits under ``.mogplex/artifacts/``, checked against a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mogplex_ci.api.retry import retrying
from mogplex_ci.errors import ApiError, ConflictError, MogplexError, NotFoundError, OldServiceError
from mogplex_ci.models import Untrusted
from mogplex_ci.run.result import Gate
from mogplex_ci.signals import bounded

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from mogplex_ci.checks import Judge
    from mogplex_ci.run.result import RunResult
    from mogplex_ci.run.updates import Update

FETCH_SECONDS: Final = 60.0
"""How long to ask for the artifact."""
MOST_FAULTS: Final = 20
"""Faults that a gate lists."""
VALIDATION_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class ArtifactWanted:
    """Which artifact, and what it must look like."""

    path: str
    """From the repository's root, such as ``.mogplex/artifacts/report.json``."""
    schema: Mapping[str, Any] | None = None
    """A JSON Schema, already checked to be one."""


def judge_artifact(result: RunResult, wanted: ArtifactWanted, judge: Judge) -> Generator[Update, None, Gate]:
    """Fetch the artifact and judge it by its schema."""
    expected = f"the artifact {wanted.path}"
    run = result.run
    if run is None:
        return Gate("artifact", False, expected, "there is no run", "", "ARTIFACT_MISSING")
    deadline = min(judge.deadline, judge.clock.monotonic() + FETCH_SECONDS)
    try:
        artifact = yield from retrying(
            lambda timeout: judge.client.artifact(run.id, wanted.path, timeout=timeout),
            clock=judge.clock,
            deadline=deadline,
            stop=judge.stop,
        )
    except MogplexError as error:
        return _not_read(expected, error)
    content, schema = artifact.content, wanted.schema
    try:
        faults = bounded(lambda: _faults(content, schema), VALIDATION_SECONDS) if schema is not None else []
    except TimeoutError:
        faults = [Untrusted("checking it against the schema took too long")]
    if faults:
        words, remedy = "its artifact does not satisfy the schema", "Give the agent the schema in its task."
        items = tuple(faults[:MOST_FAULTS])
        return Gate("artifact", False, expected, words, remedy, "ARTIFACT_INVALID", items, content)
    return Gate("artifact", True, expected, "its artifact is there", artifact=content)


def _not_read(expected: str, error: MogplexError) -> Gate:
    """Return the gate of an artifact that could not be fetched."""
    words, remedy, code = f"its artifact cannot be read: {error.cause}", error.remedy, "ARTIFACT_MISSING"
    match error:
        case OldServiceError():
            words = "this service has no artifacts"
        case NotFoundError():
            words = "it committed no such artifact"
            remedy = (
                "Ask the agent to write it there and to commit it with git add --force: .mogplex/ is often ignored."
            )
        case ConflictError():
            words = "its artifact cannot be read"
            remedy = "Artifacts need a branch of the run's own: set create-branch."
        case ApiError(http_status=400):  # the path was checked before the start, so it is what stands there
            words, code = "its artifact is not a JSON file of at most 1 MiB", "ARTIFACT_INVALID"
            remedy = "Ask the agent for one JSON document in a regular file."
    items = (error.detail,) if error.detail else ()
    return Gate("artifact", False, expected, words, remedy, code, items)


def _faults(content: Untrusted, schema: Mapping[str, Any]) -> list[Untrusted]:
    """Return every fault with its JSON pointer. References to other documents are not followed."""
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    validator = validator_for(schema)(schema, registry=Registry())
    try:
        errors = content.inspect(lambda value: sorted(validator.iter_errors(value), key=lambda error: error.json_path))
    except Unresolvable:
        return [Untrusted("the schema refers to another document, which is not read")]
    return [Untrusted(f"{_pointer(error.absolute_path)}: {error.message}") for error in errors]


def _pointer(path: Any) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "/" + "/".join(steps)
