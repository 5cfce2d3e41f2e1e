"""The judge of ``artifact``: a JSON document that the agent commits, checked against a schema."""

import json
from collections.abc import Iterator
from typing import Final

from mogplex_ci.errors import (
    BadRequestError,
    ConflictError,
    GitHubError,
    MogplexError,
    NotFoundError,
    OldServiceError,
)
from mogplex_ci.gate_kinds import ARTIFACT
from mogplex_ci.gates.case import Case
from mogplex_ci.run.result import Gate
from mogplex_ci.sanitize.controls import without_invisible
from mogplex_ci.untrusted import Untrusted

FETCH_SECONDS: Final = 60.0
"""How long to ask for the artifact."""
VALIDATION_SECONDS: Final = 10.0
"""How long to check it against its schema."""
_INVALID: Final = "ARTIFACT_INVALID"
_COMMIT_IT: Final = "Ask the agent to write it and commit it with git add --force: .gitignore often lists .mogplex/."


def judge_artifact(case: Case) -> Gate:
    """Read the artifact, clean it, and judge what is passed on by its schema. The case gets it."""
    if case.github is not None and not case.has_commit():
        return case.no_change(ARTIFACT)
    read = _read_from_github if case.github is not None else _read_from_service
    content = read(case)
    if isinstance(content, Gate):
        return content
    cleaned = Untrusted(case.safe.data(content))
    changed = content.inspect(
        lambda before: cleaned.inspect(lambda after: list(_differences(before, after, "")))
    )
    if changed:
        return case.rejects(
            ARTIFACT,
            "the artifact contains something that cannot be passed on unchanged",
            "Ask the agent for a smaller document with plain text in keys and without secrets.",
            *map(Untrusted, changed),
            code=_INVALID,
        )
    faults = _faults(case, cleaned)
    if faults:
        return case.rejects(
            ARTIFACT,
            "the artifact does not match the schema",
            "Give the agent the schema in its task.",
            *map(Untrusted, faults),
            code=_INVALID,
        )
    case.artifact = cleaned
    return case.passes(ARTIFACT, "the run committed the artifact")


def _differences(before: object, after: object, pointer: str) -> Iterator[str]:
    """Yield the JSON pointers of what cleaning has changed: masked, cut off, renamed or made text.
    Losing invisible characters, and other line ends, does not count as a change.
    """
    if isinstance(before, dict) and isinstance(after, dict) and len(before) == len(after):
        for (old_key, old), (key, new) in zip(before.items(), after.items(), strict=True):
            name = old_key.replace("~", "~0").replace("/", "~1")
            if without_invisible(old_key) != key:
                yield f"{pointer}/{name}: the name"
            yield from _differences(old, new, f"{pointer}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{pointer}/{number}")
    elif isinstance(before, str) and isinstance(after, str):
        if without_invisible(before) != without_invisible(after):
            yield pointer or "/"
    elif type(before) is not type(after) or before != after:
        yield pointer or "/"


def _read_from_service(case: Case) -> Untrusted | Gate:
    """Return the artifact as the service has it, or the finding that there is none."""
    run_id = case.details.run_id
    path = case.inputs.artifact or ""
    service = case.service
    try:
        return service.answer_to(
            lambda left: service.client.artifact(run_id, path, timeout=left),
            service.now + FETCH_SECONDS,
        )
    except MogplexError as error:
        return _not_read(case, error)


def _read_from_github(case: Case) -> Untrusted | Gate:
    """Return the artifact of the judged commit. The service has artifacts only of runs that created
    their branch, and not of each commit.
    """
    path = case.inputs.artifact or ""
    commit = case.commit or ""
    content = case.ask(lambda github: github.file(path, commit))
    if content is None:
        return _missing(case)
    try:
        # ``int`` refuses NaN and the like, which are not JSON.
        return Untrusted(json.loads(content, parse_constant=int))
    except (ValueError, RecursionError):
        return _not_json(case)


def _faults(case: Case, content: Untrusted) -> list[str]:
    schema = case.inputs.artifact_schema
    service = case.service
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


def _not_json(case: Case, *detail: Untrusted) -> Gate:
    found = "the artifact is not a JSON file of up to 1 MiB"
    remedy = "Ask the agent for one JSON document in a regular file."
    return case.rejects(ARTIFACT, found, remedy, *detail, code=_INVALID)


def _missing(case: Case) -> Gate:
    return case.rejects(ARTIFACT, f"the run did not commit {case.inputs.artifact}", _COMMIT_IT)


def _not_read(case: Case, error: MogplexError) -> Gate:
    """Return the finding on an artifact that the service did not return."""
    detail = (error.detail,) if error.detail else ()
    if isinstance(error, NotFoundError):
        return _missing(case)  # the service adds nothing to our words
    if isinstance(error, OldServiceError):
        found = "this service has no artifacts"
        remedy = "Ask for an update of the Mogplex server."
        return case.rejects(ARTIFACT, found, remedy, *detail, is_for_people=True)
    if isinstance(error, ConflictError):
        found = "the artifact cannot be read"
        remedy = (
            "Without github-token, an artifact needs a branch that the run created: set "
            "create-branch: true."
        )
        return case.rejects(ARTIFACT, found, remedy, *detail, is_for_people=True)
    if isinstance(error, BadRequestError):
        # The path was checked before the start, so the file itself is wrong.
        return _not_json(case, *detail)
    found = f"the artifact cannot be read: {error.cause}"
    return case.rejects(
        ARTIFACT, found, error.remedy, *detail, code=GitHubError.code, is_for_people=True
    )
