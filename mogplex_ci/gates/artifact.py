"""The judge of ``artifact``: a JSON document that the agent commits, checked against a schema."""

import json
import re
from collections.abc import Iterator
from enum import unique
from typing import Final

from mogplex_ci.errors import (
    BadRequestError,
    ConflictError,
    MogplexError,
    NotFoundError,
    OldServiceError,
)
from mogplex_ci.gates.inspection import Inspection
from mogplex_ci.gates.outcome import NOT_JUDGED, GateFinding, GateOutcome, Passed, Rejected
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.sanitize.redactor import MASK
from mogplex_ci.untrusted import Untrusted

FETCH_SECONDS: Final = 60.0
"""How long to ask for the artifact."""
VALIDATION_SECONDS: Final = 10.0
"""How long to check it against its schema."""
_CUT: Final = re.compile(r"… [0-9,]+ more characters\Z")
_COMMIT_IT: Final = "Ask the agent to write it and commit it with git add --force: .gitignore often lists .mogplex/."
_ASK_FOR_JSON: Final = "Ask the agent for one JSON document in a regular file."
_SMALLER: Final = (
    "Ask the agent for a smaller document with plain text in keys and without secrets."
)
_INVALID: Final = "ARTIFACT_INVALID"


@unique
class ArtifactIs(GateOutcome):
    """Outcomes of ``artifact``."""

    VALID = Passed("the run committed the artifact")
    MISSING = Rejected("the run did not commit {artifact}", _COMMIT_IT)
    OLD_SERVICE = Rejected(
        "this service has no artifacts",
        "Ask for an update of the Mogplex server.",
        is_for_people=True,
    )
    NO_BRANCH = Rejected(
        "the artifact cannot be read",
        "An artifact needs a branch that the run created: set create-branch: true.",
        is_for_people=True,
    )
    NOT_READ = Rejected(
        "the artifact cannot be read: {cause}", "{remedy}", code=NOT_JUDGED, is_for_people=True
    )
    NO_JSON = Rejected(
        "the artifact is not a JSON file of up to 1 MiB", _ASK_FOR_JSON, code=_INVALID
    )
    OTHER_COMMIT = Rejected(
        "the artifact is from a commit other than the judged one",
        "Find out who pushed to the branch, and run the job again.",
        code=_INVALID,
    )
    CHANGED = Rejected(
        "the artifact contains something that cannot be passed on unchanged",
        _SMALLER,
        code=_INVALID,
    )
    INVALID = Rejected(
        "the artifact does not match the schema",
        "Give the agent the schema in its task.",
        code=_INVALID,
    )


_OUTCOMES: Final = {
    OldServiceError: ArtifactIs.OLD_SERVICE,
    ConflictError: ArtifactIs.NO_BRANCH,
    # The path was checked before the start, so the file itself is wrong.
    BadRequestError: ArtifactIs.NO_JSON,
}
"""The meaning of the service's errors."""


def judge_artifact(inspection: Inspection) -> GateFinding:
    """Fetch the artifact, and judge it by its schema before and after it is cleaned."""
    reads_github = inspection.inputs.repair > 0 and inspection.queries.github is not None
    read = _read_from_github if reads_github else _read_from_service
    content = read(inspection)
    if isinstance(content, GateFinding):
        return content
    safe = inspection.sources.safe
    cleaned = Untrusted(safe.data(content))
    spoiled = _spoiled(content, cleaned, safe)
    if spoiled:
        return GateFinding(ArtifactIs.CHANGED, tuple(map(Untrusted, spoiled)))
    faults = _faults(inspection, content)
    if not faults and cleaned != content:
        faults = _faults(inspection, cleaned)
    if faults:
        return GateFinding(ArtifactIs.INVALID, tuple(map(Untrusted, faults)))
    return GateFinding(ArtifactIs.VALID, artifact=cleaned)


def _spoiled(content: Untrusted, cleaned: Untrusted, safe: Sanitizer) -> list[str]:
    """Return the losses from cleaning an artifact: keys, parts and numbers, and strings that are
    masked or cut. Losing invisible and control characters is fine.
    """
    pairs = content.inspect(lambda before: cleaned.inspect(lambda after: [(before, after)]))
    strings = [words for before, after in pairs for words in _spoiled_strings(before, after, "")]
    spoiled = [*safe.losses(content), *strings]
    if not spoiled and safe.data(cleaned) != pairs[0][1]:
        return ["cleaning it never finishes"]
    return spoiled


def _spoiled_strings(before: object, after: object, pointer: str) -> Iterator[str]:
    """Yield the places of strings that are masked or cut, as JSON pointers."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, old, new in zip(before, before.values(), after.values(), strict=False):
            name = str(key).replace("~", "~0").replace("/", "~1")
            yield from _spoiled_strings(old, new, f"{pointer}/{name}")
    elif isinstance(before, list) and isinstance(after, list):
        for number, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from _spoiled_strings(old, new, f"{pointer}/{number}")
    elif isinstance(before, str) and isinstance(after, str):
        if after.count(MASK) > before.count(MASK):
            yield f"{pointer or '/'}: a part would be masked as a secret"
        elif _CUT.search(after) and not _CUT.search(before):
            yield f"{pointer or '/'}: it would be cut off"


def _read_from_service(inspection: Inspection) -> Untrusted | GateFinding:
    """Return the artifact as the service has it, or the verdict that there is none."""
    run = inspection.candidate.details.run
    path = inspection.inputs.artifact or ""
    service = inspection.sources.service
    if run is None:
        return GateFinding(ArtifactIs.MISSING)
    try:
        artifact = service.answer_to(
            lambda left: service.client.artifact(run.id, path, timeout=left),
            service.now + FETCH_SECONDS,
        )
    except MogplexError as error:
        return _not_read(error)
    commit = inspection.candidate.commit
    sha = artifact.commit_sha
    if commit is not None and sha is not None and sha.text != commit:
        return GateFinding(ArtifactIs.OTHER_COMMIT, items=(sha,))
    return artifact.content


def _read_from_github(inspection: Inspection) -> Untrusted | GateFinding:
    """Return the same from the judged commit: the service has artifacts only of runs that created
    their branch.
    """
    inspection.require_commit()
    commit = inspection.candidate.commit
    path = inspection.inputs.artifact or ""
    if commit is None:
        return GateFinding(ArtifactIs.MISSING)
    content = inspection.queries.ask(lambda github: github.file(path, commit))
    if content is None:
        return GateFinding(ArtifactIs.MISSING)
    try:
        # ``int`` refuses NaN and the like, which are not JSON.
        return Untrusted(json.loads(content, parse_constant=int))
    except (ValueError, RecursionError):
        return GateFinding(ArtifactIs.NO_JSON)


def _faults(inspection: Inspection, content: Untrusted) -> list[str]:
    schema = inspection.inputs.artifact_schema
    service = inspection.sources.service
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


def _not_read(error: MogplexError) -> GateFinding:
    """Return the finding on an artifact that could not be fetched."""
    if isinstance(error, NotFoundError):
        return GateFinding(ArtifactIs.MISSING)  # the service adds nothing to our words
    detail = (error.detail,) if error.detail else ()
    for kind, outcome in _OUTCOMES.items():
        if isinstance(error, kind):
            return GateFinding(outcome, detail)
    return GateFinding(ArtifactIs.NOT_READ, detail, cause=error.cause, remedy=error.remedy)
