"""The rules between inputs: what is wrong with inputs that are right by themselves.

A rule reads the typed inputs, in which a field is None if its text is wrong: nothing more is said
about that one. It also gets the ``texts`` that are given, by input: those other than the default.
"""

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Final

from mogplex_ci.errors import UsageError
from mogplex_ci.gate_kinds import GATE_INPUTS, GATES
from mogplex_ci.inputs.declared import enumeration, inputs
from mogplex_ci.inputs.typed import DeclaredInputs
from mogplex_ci.platforms import secrets_of_job
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.event_words import leaves_fence_open
from mogplex_ci.problems import Problem
from mogplex_ci.sanitize import looks_random, secrets_of
from mogplex_ci.untrusted import Untrusted

_PLACES: Final = ("branch", "base-branch", "create-branch", "root-directory")
"""Inputs that say where in the repository the agent works."""


_PROMPTS: Final = ("INPUT_PROMPT", "MOGPLEX_PROMPT")
"""The variables that hold the prompt."""


def conflicts(
    typed: DeclaredInputs, texts: Mapping[str, str], platform: Platform
) -> Iterator[Problem]:
    """Yield which inputs do not go together, but for those that the API refuses itself."""
    yield from _run_id(typed, texts)
    yield from _comment_on(texts, platform)
    yield from _github_token(typed, texts, platform)
    yield from _wait(typed, texts)
    yield from _prompt(typed, texts)
    yield from _secrets_in_prompt(typed, texts, platform)
    yield from _dry_run(typed, texts)
    if names_worktree(typed):
        yield from _worktree(typed, texts)


def missing(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    """Yield what a run, or another input, needs besides. Not to be asked if a flag is wrong: it may
    be what seems to be missing.
    """
    if typed.repair and not _gates(texts):
        remedy = f"Set {enumeration(('require', *GATE_INPUTS))}."
        yield Problem("repair", "needs a gate that judges the run", remedy)
    if "artifact-schema" in texts and "artifact" not in texts:
        remedy = "Set artifact to the name of the JSON that the agent commits."
        yield Problem("artifact-schema", "is set without artifact", remedy)
    if "run-id" not in texts:
        yield from _missing_for_start(typed, texts)


def names_worktree(typed: DeclaredInputs) -> bool:
    """Whether ``run-options`` names a worktree, from which the service takes branch and folder.

    A blank one, as an expression without a value leaves it, does not count for the service.
    """
    if not typed.run_options:
        return False
    worktree = typed.run_options.get("worktreeId") or ""
    return str(worktree).strip() != ""


def _gates(texts: Container[str]) -> list[str]:
    """Return the inputs that ask for a gate."""
    return [name for name in ("require", *GATE_INPUTS) if name in texts]


def _run_id(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    if "run-id" not in texts:
        return
    shaping = [name for name, spec in inputs().items() if spec.shapes_start and name in texts]
    if shaping:
        fault = f"cannot be combined with inputs for a new run: {enumeration(shaping)}"
        yield Problem("run-id", fault, "Remove those, or remove run-id.")
    if typed.dry_run:
        fault = "cannot be combined with dry-run, which does not have that run"
        yield Problem("run-id", fault, "Remove one of the two.")
    if typed.wait is False:
        fault = "cannot be combined with wait: false, which follows no run"
        yield Problem("run-id", fault, "Remove one of the two.")


def _comment_on(texts: Container[str], platform: Platform) -> Iterator[Problem]:
    if "comment-on" in texts and not platform.workflow_run:
        yield Problem("comment-on", "works in GitHub Actions only", "Remove it.")


def _github_token(
    typed: DeclaredInputs, texts: Container[str], platform: Platform
) -> Iterator[Problem]:
    if "github-token" in texts:
        try:
            platform.github_api_url()
        except UsageError as error:
            yield from error.problems
        return
    if typed.dry_run is not False:  # a dry run asks nothing of GitHub
        return
    for_github = [kind.name for kind in GATES if kind.is_for_github]
    needs = [name for name in for_github if name in texts]
    if "comment-on" in texts and platform.workflow_run:
        needs.append("comment-on")
    required = typed.require or ()
    needs += [f"require: {name}" for name in for_github if name in required]
    # A later round works on an existing branch, of which the service serves no artifact.
    if "repair" in texts and "artifact" in texts:
        needs.append("repair with artifact")
    if needs:
        fault = f"is missing, but needed for {enumeration(needs)}"
        yield Problem("github-token", fault, platform.github_token_advice)


def with_advice(problem: Problem, platform: Platform) -> Problem:
    """Return a problem of a text by itself, with advice that depends on the CI system."""
    if problem.input == "github-token":
        return problem._replace(remedy=platform.github_token_advice)
    if problem.input == "api-key" and "instead of its value" in problem.fault:
        return problem._replace(remedy=platform.token_advice)  # a variable was not replaced
    return problem


def _wait(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    if typed.wait is not False:
        return
    gates = _gates(texts)
    if gates:
        fault = f"is false, but {enumeration(gates)} can only be judged after the run"
        remedy = "Set wait: true, or judge the run in a later step with its run-id."
        yield Problem("wait", fault, remedy)


def _prompt(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    is_added_to = typed.repair or typed.include_event
    if is_added_to and leaves_fence_open(typed.prompt):
        remedy = "Close it: repair and include-event add their own fences."
        yield Problem("prompt", "has an unclosed code fence", remedy)
    if "prompt" in texts and "prompt-file" in texts:
        yield Problem("prompt", "cannot be combined with prompt-file", "Remove one of the two.")


def _secrets_in_prompt(
    typed: DeclaredInputs, texts: Container[str], platform: Platform
) -> Iterator[Problem]:
    """Yield each secret of the job whose whole value stands in the prompt, such as a variable that
    the CI system has expanded.

    A value with white space, or one that looks like a word, is not looked for: it may stand in a
    prompt by itself.
    """
    name = "prompt-file" if "prompt-file" in texts else "prompt"
    for secret in sorted(secrets_of_job(platform.env)):
        is_one_random_word = not re.search(r"\s", secret) and looks_random(secret)
        if is_one_random_word and secret in typed.prompt:
            fault = f"contains the complete value of the secret {_name_of_secret(secret, platform)}"
            remedy = "If it is not a secret, rename it or keep it out of this job."
            yield Problem(name, fault, remedy)


def _name_of_secret(secret: str, platform: Platform) -> str:
    """Return the variable that makes ``secret`` one: others may hold the same word."""
    env = platform.env
    names = [
        name for name in env if name not in _PROMPTS and secret in secrets_of({name: env[name]})
    ]
    files = platform.system.file_variables(env)
    names += [name for name, content in files.items() if content == secret]
    return next(iter(names), "in a URL")  # of the prompt itself


def plays_own_output(typed: DeclaredInputs) -> bool:
    """Whether the recording of a dry run is in the folder whose files the step replaces."""
    return isinstance(typed.dry_run, Path) and typed.dry_run.parent == typed.output_dir


def _dry_run(typed: DeclaredInputs, texts: Mapping[str, str]) -> Iterator[Problem]:
    if plays_own_output(typed):
        fault = "is in output-dir, whose files are replaced"
        yield Problem("dry-run", fault, "Use another output-dir.", Untrusted(texts["dry-run"]))


def _worktree(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    taken = [name for name in _PLACES if name in texts]
    if taken:
        fault = f"names a worktree, which cannot be combined with {enumeration(taken)}"
        yield Problem("run-options", fault, "Remove them, or remove worktreeId.")


def _missing_for_start(typed: DeclaredInputs, texts: Container[str]) -> Iterator[Problem]:
    if "artifact" in texts and not typed.create_branch:
        remedy = "Set create-branch: true."
        if names_worktree(typed):
            remedy = "Remove worktreeId from run-options, or remove artifact."
        yield Problem("artifact", "needs the run to have its own branch", remedy)
    if "prompt" not in texts and "prompt-file" not in texts:
        yield Problem("prompt", "is missing", "Set prompt or prompt-file.")
    if "repo" not in texts and typed.repo is None:
        allowed = inputs()["repo"].kind.allowed
        yield Problem("repo", "is missing", f"Set repo to {allowed}.")
