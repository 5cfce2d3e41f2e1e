"""The judge of ``artifact``: a JSON document that the agent commits, checked against a schema."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Final

from mogplex_ci.errors import (
    BadRequestError,
    ConflictError,
    MogplexError,
    NotFoundError,
    OldServiceError,
)
from mogplex_ci.gates.case import Case, Verdict
from mogplex_ci.run.updates import Update
from mogplex_ci.untrusted import Untrusted

FETCH_SECONDS: Final = 60.0
"""How long to ask for the artifact."""
VALIDATION_SECONDS: Final = 10.0
"""How long to check it against its schema."""
_OUTCOMES: Final = {
    OldServiceError: "old-service",
    NotFoundError: "missing",
    ConflictError: "no-branch",
    BadRequestError: "no-json",  # the path was checked before the start, so it is what stands there
}
"""The meaning of the service's errors."""


def judge_artifact(case: Case) -> Generator[Update, None, Verdict]:
    """Fetch the artifact, and judge it by its schema and by what is left of it when it is handed
    on.
    """
    read = (
        _read_from_github if case.inputs.repair and case.github is not None else _read_from_service
    )
    content = yield from read(case)
    if isinstance(content, Verdict):
        return content
    if losses := case.judge.losses(content):
        return Verdict("changed", tuple(map(Untrusted, losses)))
    if faults := _faults(case, content):
        return Verdict("bad", tuple(map(Untrusted, faults)))
    return Verdict("passed", artifact=content)


def _read_from_service(case: Case) -> Generator[Update, None, Untrusted | Verdict]:
    """Return the artifact as the service has it, or the verdict that there is none."""
    run, path, service = case.result.run, case.inputs.artifact or "", case.judge.service
    if run is None:
        return Verdict("missing")
    try:
        artifact = yield from service.answer_to(
            lambda left: service.client.artifact(run.id, path, timeout=left),
            service.now + FETCH_SECONDS,
        )
    except MogplexError as error:
        return _not_read(error)
    commit, sha = case.commit, artifact.commit_sha
    if commit is not None and sha is not None and sha.text != commit:
        return Verdict("other-commit", items=(sha,))
    return artifact.content


def _read_from_github(case: Case) -> Generator[Update, None, Untrusted | Verdict]:
    """Return the same from the judged commit: the service has artifacts only of runs that created
    their branch.
    """
    commit, path = case.evidence.commit, case.inputs.artifact or ""
    content = (
        None
        if commit is None
        else (yield from case.ask_github(lambda github: github.file(path, commit)))
    )
    if content is None:
        return Verdict("missing")
    try:
        return Untrusted(
            json.loads(content, parse_constant=int)
        )  # which refuses NaN and its like: they are no JSON
    except (ValueError, RecursionError):
        return Verdict("no-json")


def _faults(case: Case, content: Untrusted) -> list[str]:
    schema, service = case.inputs.artifact_schema, case.judge.service
    if schema is None:
        return []
    from mogplex_ci.inputs.schema import faults_in_child  # loads jsonschema

    try:
        seconds = max(min(service.deadline - service.now, VALIDATION_SECONDS), 0.0)
        with service.stop.interrupting():
            return content.inspect(lambda value: faults_in_child(value, schema, seconds))
    except TimeoutError:
        return ["checking it against the schema took too long"]
    except RecursionError:
        return ["it is nested too deeply to be checked"]


def _not_read(error: MogplexError) -> Verdict:
    """Return the verdict on an artifact that could not be fetched."""
    outcome = next(
        (name for kind, name in _OUTCOMES.items() if isinstance(error, kind)), "not-read"
    )
    return Verdict(
        outcome, (error.detail,) if error.detail else (), cause=error.cause, remedy=error.remedy
    )
