"""The examples and snippets as somebody pastes them: none starts a run at every push, and none has
another fault of a kind that only shows later, on somebody's bill.

Each rule is tried on what it is for: a test puts a fault back and reads the example again.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from mogplex_ci.output_names import FREE_TEXT
from tests.data import read_yaml
from tests.documents import Block, blocks
from tests.program import ROOT

BY_HAND = {"workflow_dispatch", "schedule", "workflow_call", "repository_dispatch"}
"""Events that a person, a schedule, another workflow or a program with a token causes."""
LABEL_IS_SET = "github.event.label.name == "
HAS_LABEL = "contains(github.event.pull_request.labels.*.name, "
BY_ANYBODY = {"issue_comment", "pull_request_review"}
"""Events that anybody can cause who sees a public repository."""
ASKS_FOR_AGENT = re.compile(r"startsWith\(github\.event\.(?:comment|review)\.body, '/agent '\)")
"""With the space, for `/agents` is another word."""
ASKS_HOW_IT_ENDED = re.compile(r"\.result (?:== 'success'|!= 'dry-run')")
USES_WHAT_WAS_MADE = re.compile(
    r"outputs\.(?:artifact|branch|commit-sha|pull-request-url)\b|\bgh (?:issue|pr|release)\b"
)
SYSTEMS: dict[str, Callable[[Any], bool]] = {
    "azure": lambda pipeline: pipeline["trigger"] == pipeline.get("pr") == "none",
    "bitbucket": lambda pipeline: set(pipeline["pipelines"]) == {"custom"},
    "buildkite": lambda pipeline: all(
        step == "wait" or 'build.source == "ui"' in step.get("if", "") for step in pipeline["steps"]
    ),
    "circleci": lambda pipeline: all(
        "pipeline.parameters." in workflow.get("when", "")
        and all(not parameter["default"] for parameter in pipeline["parameters"].values())
        for workflow in pipeline["workflows"].values()
    ),
    "jenkins": lambda text: text.count("stage(") == text.count("triggeredBy 'UserIdCause'"),
}
"""By system: whether only a person or a schedule starts the example's pipeline. The others of
``examples`` define no trigger: something else starts them, and their first lines say so.
"""
IS_BY_HAND = "github.event_name == 'workflow_dispatch'"
"""The condition of a job that other events of the workflow skip."""


def faults_of(page: str, text: str) -> list[str]:
    """Return what is wrong with an example, or with a block of a page."""
    system = page.split("/")[1] if page.startswith("examples/") else ""
    if system in SYSTEMS and not page.endswith("pre-exit"):
        document = yaml.safe_load(text) if page.endswith(("yml", "yaml")) else text
        return [] if SYSTEMS[system](document) else ["a push starts a run"]
    if system and not page.endswith(("yml", "yaml")):
        return []
    found: list[str] = []
    for document in yaml.safe_load_all(text):
        if isinstance(document, list):  # steps, as a page shows them
            found += step_faults({"steps": document}, {})
        elif isinstance(document, dict) and "jobs" in document:
            found += workflow_faults(document)
            if page.startswith("examples/workflows/"):
                found += dry_run_faults(document)
    return found


def workflow_faults(workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of a workflow for GitHub or Forgejo; a part of one has no events."""
    events = workflow.get(True, {})  # YAML takes `on` for a truth value
    if isinstance(events, str):
        events = {events: None}
    for job in workflow["jobs"].values():
        condition = job.get("if", "")
        if starts_runs(job) and IS_BY_HAND not in condition:
            for event in set(events) - BY_HAND:
                if not is_asked_for(event, events[event] or {}, condition):
                    yield f"{event} starts a run"
        if "concurrency" in workflow and condition and not set(events) <= BY_HAND:
            yield "concurrency above the job's if: an event that the job skips cancels the run"
        yield from event_faults(set(events), job)
        yield from step_faults(job, workflow)


def event_faults(events: set[str], job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a job lacks for the events that start it."""
    condition = job.get("if", "")
    if HAS_LABEL in condition and LABEL_IS_SET not in condition:
        yield "any other label starts a run, too"
    if BY_ANYBODY & events and "author_association" not in str(job.get("concurrency")):
        yield "an outsider takes the place of a member's job that waits"
    for step in filter(is_agent, job.get("steps", [])):
        if events - {"workflow_dispatch"} and step["with"].get("on-timeout") != "cancel":
            yield "nobody watches it, and a run that is out of time goes on"


def is_asked_for(event: str, settings: Mapping[str, Any], condition: str) -> bool:
    """Return whether a person asks for the agent by the event: by a label, or by a word."""
    if settings.get("types") == ["labeled"]:
        return LABEL_IS_SET in condition
    if event in BY_ANYBODY:
        return ASKS_FOR_AGENT.search(condition) is not None
    return event == "pull_request" and HAS_LABEL in condition


def starts_runs(job: Mapping[str, Any]) -> bool:
    """Return whether a job starts an agent: none does in a dry run."""
    words = yaml.safe_dump(job)
    names_program = re.search(r"mogplex/run-action|mogplex-ci action", words)
    return names_program is not None and "dry-run" not in words


def is_agent(step: Mapping[str, Any]) -> bool:
    """Whether a step starts an agent, and does not only follow a run."""
    return "mogplex/run-action@" in step.get("uses", "") and "run-id" not in step["with"]


def dry_run_faults(workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield if a step behind an agent, or in a job that needs an agent's, acts on what a dry run
    made up.
    """
    jobs = workflow["jobs"]
    of_agents = {name for name in jobs if any(map(is_agent, jobs[name].get("steps", [])))}
    for job in jobs.values():
        is_after = not of_agents.isdisjoint(shlex.split(str(job.get("needs", ""))))
        for step in job.get("steps", []):
            uses = USES_WHAT_WAS_MADE.search(" ".join(map(str, step.values())))
            condition = f"{job.get('if', '')} {step.get('if', '')}"
            asks = ASKS_HOW_IT_ENDED.search(condition) or is_agent(step)
            if is_after and uses and not asks:
                yield "a dry run acts outside"
            is_after = is_after or is_agent(step)


def step_faults(job: Mapping[str, Any], workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of a job's steps."""
    shell = workflow.get("defaults", {}).get("run", {}).get("shell")
    for step in job.get("steps", []):
        script = step.get("run", "")
        # The runner's own choice is `bash -e`, where only the last command of a pipe counts.
        if has_pipe(script) and step.get("shell", shell) != "bash":
            yield "a pipe without shell: bash"
        is_posted = re.search(r"\bgh (?:issue|pr|release|api)\b", script) or "uses" in step
        words = yaml.safe_dump(step)
        for name in sorted(FREE_TEXT):
            if is_posted and re.search(rf"outputs\.{name}\b", words):
                yield f"the agent's free text ({name}) is posted"


def has_pipe(script: str) -> bool:
    """Return whether a script hands one command's output to another."""
    code = re.sub(r"\$\{\{.*?\}\}", "X", script)
    words = shlex.shlex(code, posix=True, punctuation_chars=True)
    try:
        return "|" in list(words)
    except ValueError:  # a quote that only a shell understands
        return " | " in code


def pasted() -> list[Block]:
    """Every example, and every block of YAML in a page. GitLab's have a test of their own,
    `test_gitlab_snippets.py`.
    """
    return [
        block
        for block in blocks()
        if block.page.startswith("examples/") or block.language in ("yaml", "yml")
    ]


def test_what_is_pasted_starts_a_run_only_when_somebody_asks_for_it() -> None:
    found = {str(block): faults_of(block.page, block.code) for block in pasted()}
    assert {place: faults for place, faults in found.items() if faults} == {}


def test_our_own_workflows_have_no_pipe_without_pipefail() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        jobs = workflow["jobs"].values()
        assert [fault for job in jobs for fault in step_faults(job, workflow)] == [], path.name


PUT_BACK: list[dict[str, str]] = read_yaml(__file__, "put_back.yaml")
"""Of an example: what stands there, what stood there or might, and the fault."""


@pytest.mark.parametrize("place", PUT_BACK, ids=lambda place: f"{place['page']} {place['fault']}")
def test_a_fault_that_is_put_back_is_named(place: dict[str, str]) -> None:
    found = [block for block in pasted() if block.page == f"examples/{place['page']}"]
    (code,) = (block.code for block in found)
    assert place["now"] in code
    assert place["fault"] in faults_of(found[0].page, code.replace(place["now"], place["then"]))
