"""The examples and snippets as somebody pastes them: none starts a run at every push, and none has
another fault of a kind that only shows later, on somebody's bill.

Each rule is tried on what it is for: the last test puts a fault back and reads the example again.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from mogplex_ci.outputs import ALSO_VARIABLES
from mogplex_ci.report.outputs import OUTPUT_NAMES
from tests.documents import Block, blocks
from tests.program import ROOT

BY_HAND = {"workflow_dispatch", "schedule", "workflow_call", "repository_dispatch"}
"""Events that a person, a schedule, another workflow or a program with a token causes."""
LABEL_IS_SET = re.compile(r"github\.event\.label\.name == ")
HAS_LABEL = re.compile(r"contains\(github\.event\.pull_request\.labels\.\*\.name, ")
BY_ANYBODY = {"issue_comment", "pull_request_review"}
"""Events that anybody can cause who sees a public repository."""
ASKS_FOR_AGENT = re.compile(r"startsWith\(github\.event\.(?:comment|review)\.body, '/agent '\)")
"""With the space, for `/agents` is another word."""
FREE_TEXT = set(OUTPUT_NAMES) - ALSO_VARIABLES
"""Outputs that hold text of an agent or of the service."""
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
    if "actions/upload-artifact@" in text and "GitHub Enterprise Server" not in text:
        found.append("the upload fails on GitHub Enterprise Server")
    for document in yaml.safe_load_all(text):
        if isinstance(document, list):  # steps, as a page shows them
            found += step_faults({"steps": document}, {})
        elif isinstance(document, dict) and "jobs" in document:
            found += workflow_faults(document)
    return found


def workflow_faults(workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of a workflow for GitHub or Forgejo; a part of one has no events."""
    events = workflow.get(True, {})  # YAML takes `on` for a truth value
    if isinstance(events, str):
        events = {events: None}
    for job in workflow["jobs"].values():
        conditions = f"{job.get('if', '')} {' '.join(called_conditions(job))}"
        if starts_runs(job):
            yield from (
                f"{event} starts a run"
                for event in events
                if event not in BY_HAND
                and IS_BY_HAND not in job.get("if", "")
                and not is_asked_for(event, events[event] or {}, conditions)
            )
        if "concurrency" in workflow and job.get("if") and not set(events) <= BY_HAND:
            yield "concurrency above the job's if: an event that the job skips cancels the run"
        yield from event_faults(events, job)
        yield from step_faults(job, workflow)


def event_faults(events: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a job lacks for the events that start it, and for the matrix that it has."""
    agents = [
        step for step in job.get("steps", []) if "mogplex/run-action@" in step.get("uses", "")
    ]
    has_branch = all("branch" in step.get("with", {}) for step in agents)
    if "issue_comment" in events and not has_branch:
        yield "a comment on a pull request works on the default branch"
    if BY_ANYBODY & set(events):
        if "'\"/agent\\n\"'" not in job.get("if", ""):
            yield "the word before a line break is missed"
        if "author_association" not in str(job.get("concurrency")):
            yield "an outsider takes the place of a member's job that waits"
    asks_first = all("if" in step for step in agents)
    if "schedule" in events and agents and not (has_branch and asks_first):
        yield "each night opens one more pull request"
    for values in job.get("strategy", {}).get("matrix", {}).values():
        made_by = re.search(r"fromJSON\((needs\.[\w.-]+)", str(values))
        if made_by and f"{made_by[1]} != '[]'" not in job.get("if", ""):
            yield "an empty list fails the job"


def is_asked_for(event: str, settings: Mapping[str, Any], conditions: str) -> bool:
    """Return whether a person asks for the agent by the event: by a label, or by a word."""
    if settings.get("types") == ["labeled"]:
        return LABEL_IS_SET.search(conditions) is not None
    if event in BY_ANYBODY:
        return ASKS_FOR_AGENT.search(conditions) is not None
    return event == "pull_request" and HAS_LABEL.search(conditions) is not None


def called_conditions(job: Mapping[str, Any]) -> Iterator[str]:
    """Yield the conditions of the jobs in the example that a job calls as a reusable workflow."""
    name = re.match(r"acme/\.github/(\.github/workflows/.+)@main$", job.get("uses", ""))
    if name:
        path = ROOT / "examples" / "workflows" / name[1].rsplit("/", 1)[1]
        called = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield from (each.get("if", "") for each in called["jobs"].values())


def starts_runs(job: Mapping[str, Any]) -> bool:
    """Return whether a job starts an agent: none does in a dry run."""
    words = yaml.safe_dump(job)
    names_program = re.search(r"mogplex/run-action|mogplex-ci action|acme/\.github/", words)
    return names_program is not None and "dry-run" not in words


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


@pytest.mark.parametrize("block", pasted(), ids=str)
def test_what_is_pasted_starts_a_run_only_when_somebody_asks_for_it(block: Block) -> None:
    assert faults_of(block.page, block.code) == []


def test_our_own_workflows_have_no_pipe_without_pipefail() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        faults = [
            fault for job in workflow["jobs"].values() for fault in step_faults(job, workflow)
        ]
        assert faults == [], path.name


ON_PUSH, PIPE = "push starts a run", "a pipe without shell: bash"
A_PUSH = "a push starts a run"
ABOVE = "concurrency above the job's if: an event that the job skips cancels the run"
CONCURRENCY = "concurrency:\n  group: agent-${{ github.event.issue.number }}\n\njobs:\n"
POST = """
      - if: steps.agent.outputs.message != ''
        run: gh pr comment "$NUMBER" --body "$REVIEW"
        env:
          REVIEW: ${{ steps.agent.outputs.message }}
"""
BY_UI = '    if: build.source == "ui" || build.source == "schedule"\n'
PUT_BACK = {
    "azure": ("examples/azure/azure-pipelines.yml", "pr: none", "# pr: none", A_PUSH),
    "buildkite": ("examples/buildkite/pipeline.yml", BY_UI, "", A_PUSH),
    "circleci": (
        "examples/circleci/config.yml",
        "    when: << pipeline.parameters.run-agent >>\n",
        "",
        A_PUSH,
    ),
    "jenkins": ("examples/jenkins/Jenkinsfile", "triggeredBy 'UserIdCause'", "", A_PUSH),
    "bitbucket": (
        "examples/bitbucket/bitbucket-pipelines.yml",
        "  custom:",
        "  default: []\n  custom:",
        A_PUSH,
    ),
    "label": ("examples/workflows/label.yml", "\njobs:\n", f"\n{CONCURRENCY}", ABOVE),
    "label, any label": (
        "examples/workflows/label.yml",
        "    if: github.event.label.name == (inputs.label || 'agent') && github.event.issue.state == 'open'\n",
        "",
        "issues starts a run",
    ),
    "bot": (
        "examples/workflows/bot.yml",
        "    types: [labeled]\n",
        "    branches: [main]\n",
        "pull_request starts a run",
    ),
    "fix-build": ("examples/workflows/fix-build.yml", "        shell: bash", "        # sh", PIPE),
    "fork-review": (
        "examples/workflows/fork-review.yml",
        "    steps:\n",
        f"    steps:{POST}",
        "the agent's free text (message) is posted",
    ),
    "nightly": ("examples/workflows/nightly.yml", "  workflow_dispatch:\n", "  push:\n", ON_PUSH),
    "review": (
        "examples/workflows/review.yml",
        "startsWith(github.event.review.body, '/agent ')",
        "startsWith(github.event.review.body, '/agent')",
        "pull_request_review starts a run",
    ),
    "review, queue": (
        "examples/workflows/review.yml",
        "github.event.review.author_association",
        "github.actor",
        "an outsider takes the place of a member's job that waits",
    ),
    "comment": (
        "examples/workflows/comment.yml",
        "          branch: ${{ steps.head",
        "          # branch: ${{ steps.head",
        "a comment on a pull request works on the default branch",
    ),
    "comment, line break": (
        "examples/workflows/comment.yml",
        """      || startsWith(github.event.comment.body, fromJSON('"/agent\\n"'))\n""",
        "",
        "the word before a line break is missed",
    ),
    "nightly, each night": (
        "examples/workflows/nightly.yml",
        "      - if: steps.check.outputs.others == '0'\n        uses",
        "      - uses",
        "each night opens one more pull request",
    ),
    "matrix": (
        "examples/workflows/matrix.yml",
        "    if: needs.list",
        "    # if: needs.list",
        "an empty list fails the job",
    ),
    "report": (
        "examples/workflows/report.yml",
        "GitHub Enterprise Server",
        "Elsewhere",
        "the upload fails on GitHub Enterprise Server",
    ),
    "release-notes": (
        "examples/workflows/release-notes.yml",
        "    steps:\n",
        f"    steps:{POST}".replace("pr comment", "release create"),
        "the agent's free text (message) is posted",
    ),
    "forgejo": ("examples/forgejo/agent.yml", "on: workflow_dispatch", "on: push", ON_PUSH),
}
"""By example: its file, what stands there, what stood there or might, and the fault."""


@pytest.mark.parametrize("name", PUT_BACK)
def test_a_fault_that_is_put_back_is_named(name: str) -> None:
    page, now, before, fault = PUT_BACK[name]
    found = [block for block in pasted() if block.page == page and now in block.code]
    assert found, "the text is there"
    for block in found:
        assert fault in faults_of(page, block.code.replace(now, before))


def test_a_caller_of_a_reusable_workflow_without_the_label_is_named() -> None:
    caller = (
        "on: push\njobs:\n  fix:\n    uses: acme/.github/.github/workflows/fix-build.yml@main\n"
    )
    assert faults_of("docs/recipes.md", caller) == [ON_PUSH]
    on_pull_request = caller.replace("push", "pull_request")
    assert faults_of("docs/recipes.md", on_pull_request) == []
    unlabeled = on_pull_request.replace("fix-build", "matrix")
    assert faults_of("docs/recipes.md", unlabeled) == ["pull_request starts a run"]
