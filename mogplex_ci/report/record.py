"""The record of the judged facts, which can be signed: the object ``record`` of the result file, by
``schemas/record.schema.json``.

It holds facts that the CI job has seen: commits, digests, ids and the gates' findings in our own
words. It holds no prompt and no word of the agent.
"""

import hashlib
from typing import Final

from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.base import Platform, image_of
from mogplex_ci.report.delivered import ITEM_LIMIT, gate_facts
from mogplex_ci.run.result import Gate, RunResult
from mogplex_ci.sanitize import CleanText, Sanitizer
from mogplex_ci.words.event_words import event_text

RECORD_VERSION: Final = 1
"""Of ``schemas/record.schema.json``."""
MOST_CHECKS: Final = 300
"""Checks that the record lists, by name."""


def record_of(
    result: RunResult, inputs: ActionInputs, platform: Platform, safe: Sanitizer
) -> dict[str, object] | None:
    """Return the judged facts of a run; None if GitHub was not queried or no gate has judged it."""
    details = result.details
    run = details.run
    delivery = details.delivery
    if run is None or delivery is None or not details.gates:
        return None
    before = delivery.branch_before or delivery.base_before
    image = image_of(platform.env)
    required: list[CleanText] | None = None
    if delivery.required_checks is not None:
        names = delivery.required_checks[:MOST_CHECKS]
        required = [safe.clean(name, limit=ITEM_LIMIT) for name in names]
    run_ids = [each.run_id for each in details.rounds if each.run_id] or [run.id]
    return {
        "version": RECORD_VERSION,
        "result": result.ending.result.value,
        "repository": safe.repo(details.repo.full_name) if details.repo else None,
        "branch": safe.branch(details.branch),
        "base_branch": safe.branch(details.base_branch),
        "commit": safe.identifier(delivery.commit),
        "commit_before": safe.identifier(before or None),
        "prompt_sha256": hashlib.sha256(inputs.prompt.encode()).hexdigest(),
        "event_sha256": event_digest(inputs, platform),
        "harness": safe.identifier(run.harness),
        "agent": safe.clean(run.agent_id) if run.agent_id else None,
        "mode": safe.identifier(run.data.at("mode")),
        "runs": [safe.identifier(run_id) for run_id in run_ids],
        "gates": [_gate(gate, safe) for gate in details.gates],
        "required_checks": required,
        "checks": [
            {
                "name": safe.clean(check.name, limit=ITEM_LIMIT),
                "conclusion": safe.identifier(check.conclusion or None),
            }
            for check in delivery.checks[:MOST_CHECKS]
        ],
        "job": _job(platform, safe),
        "image": None if image is None else image.digest,
    }


def event_digest(inputs: ActionInputs, platform: Platform) -> str | None:
    """Return the digest of the event's words, if ``include-event`` put them into the prompt."""
    words = platform.cause.words() if inputs.include_event else ()
    return event_text(words).sha256 if words else None


def _gate(gate: Gate, safe: Sanitizer) -> dict[str, object]:
    """Return a gate with its evidence: names of paths and checks, without their addresses."""
    facts = gate_facts(gate._replace(details=()), safe)
    items = list(facts.items)
    if gate.name == "artifact":
        items = []  # faults quote the artifact, which the agent wrote
    return {
        "name": facts.name,
        "passed": facts.passed,
        "expected": facts.expected,
        "found": facts.found,
        "items": items,
    }


def _job(platform: Platform, safe: Sanitizer) -> dict[str, object]:
    """Return the job that judged: a signature of the record is compared with it."""
    identity = platform.identity()
    return {
        "system": platform.name,
        "workflow": safe.clean(platform.workflow) if platform.workflow else None,
        "step": [safe.clean(part) for part in identity.parts] if identity else [],
        "attempt": safe.identifier(identity.attempt) if identity else None,
        "url": safe.url(platform.job_url),
    }
