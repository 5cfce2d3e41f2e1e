"""What ``doctor`` looks at in the job, without asking anybody: the CI system, the key, the inputs, the trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mogplex_ci.commands.findings import Finding, Mark
from mogplex_ci.commands.plan import key_of
from mogplex_ci.errors import UntrustedTriggerError, UsageError
from mogplex_ci.inputs.action import read_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mogplex_ci.errors import Problem
    from mogplex_ci.inputs.action import ActionInputs
    from mogplex_ci.platforms.interface import Platform

_STAND_INS: Final = {"prompt": "-", "repo": "owner/name"}
"""Inputs that a step needs, but no other check does: whoever only asks about token or network need not give them."""

_SAID_ELSEWHERE: Final = ("api-key", "base-url")
"""Inputs whose faults have findings of their own."""


def check_job(argv: Sequence[str], env: Mapping[str, str], platform: Platform) -> Iterator[Finding]:
    """Yield what is found; ``argv`` holds the flags of a step."""
    identity = platform.identity()
    if identity is None:
        yield Finding(
            "ci",
            Mark.WARNING,
            "no CI system was recognized",
            (),
            "Give an idempotency-key, or a retry starts a second run.",
        )
    else:
        yield Finding(
            "ci", Mark.OK, "{}: {}, attempt {}", (platform.name, identity.label, identity.attempt or "unknown")
        )
    inputs, problems = _read(argv, env, platform)
    yield _key(inputs, platform)
    yield from problems
    yield _trigger(inputs, platform)


def _read(argv: Sequence[str], env: Mapping[str, str], platform: Platform) -> tuple[ActionInputs | None, list[Finding]]:
    """Return the inputs when they can be used, and what there is to say about them."""
    missing: list[Problem] = []
    try:
        try:
            inputs, warnings = read_inputs(argv, env, platform.workspace, platform.repository())
        except UsageError as error:
            missing = [problem for problem in error.problems if _is_missing(problem)]
            stand_ins = [word for problem in missing for word in (f"--{problem.input}", _STAND_INS[problem.input])]
            inputs, warnings = read_inputs([*argv, *stand_ins], env, platform.workspace, platform.repository())
    except UsageError as error:
        problems = [problem for problem in error.problems if problem.input not in _SAID_ELSEWHERE]
        findings = [Finding.of_problem("inputs", problem) for problem in problems]
        return None, findings or [Finding("inputs", Mark.UNKNOWN, "the others can be used")]
    findings = [Finding.of_problem("inputs", problem, mark=Mark.WARNING) for problem in warnings]
    findings += [
        Finding("inputs", Mark.UNKNOWN, "no {} is given; a step needs one", (problem.input,)) for problem in missing
    ]
    return inputs, findings or [Finding("inputs", Mark.OK, "all can be used")]


def _is_missing(problem: Problem) -> bool:
    return problem.input in _STAND_INS and problem.fault == "is missing"


def _key(inputs: ActionInputs | None, platform: Platform) -> Finding:
    if inputs is None:
        return Finding("key", Mark.UNKNOWN, "not known before the inputs can be used")
    key = key_of(inputs, platform)
    if key.explicit:
        return Finding("key", Mark.OK, "{}, as given", (key.base,))
    if platform.identity() is None:
        return Finding("key", Mark.UNKNOWN, "a new one each time, such as {}", (key.base,))
    return Finding("key", Mark.OK, "{}", (key.base,))


def _trigger(inputs: ActionInputs | None, platform: Platform) -> Finding:
    reason = platform.untrusted_trigger()
    if reason is None:
        return Finding("trigger", Mark.OK, "the event can be trusted")
    if inputs is not None and inputs.allow_untrusted_trigger:
        return Finding("trigger", Mark.WARNING, "{}; allowed by allow-untrusted-trigger", (reason,))
    return Finding.of_error("trigger", UntrustedTriggerError(reason))
