"""Rules for every example workflow, about copies of it: what they cost, say and touch.

The last test puts each fault back and reads the example again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.program import ROOT

EXAMPLES: Final = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
WATCHED: Final = {"workflow_dispatch"}
"""Events whose job a person has started and sees."""
ASKS_HOW_IT_ENDED: Final = re.compile(r"\.result (?:== 'success'|!= 'dry-run')")
USES_WHAT_WAS_MADE: Final = re.compile(
    r"outputs\.(?:artifact|branch|commit-sha|commit|pull-request-url|pull-request|results)\b"
    r"|\bgh (?:issue|pr|release)\b|\bgit push\b"
)
TO_CHANGE: Final = ("checks: test", "make test", "packages/", "registry.example.com")
"""Words that stand for those of whoever copies the example."""
OF_ANOTHER_STEP: Final = re.compile(r"fromJSON\((?:steps|needs)\.[\w.-]+\)")


def is_agent(step: Mapping[str, Any]) -> bool:
    """Whether a step starts an agent, and does not only follow a run."""
    return "mogplex/run-action@" in step.get("uses", "") and "run-id" not in step["with"]


def before(workflow: Mapping[Any, Any], name: str) -> set[str]:
    """Return the jobs that a job needs."""
    needs = workflow["jobs"][name].get("needs", [])
    return {needs} if isinstance(needs, str) else set(needs)


def after_an_agent(workflow: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each step behind one that starts an agent, or in a job that needs such a job, with the
    conditions of the step and its job.
    """
    of_agents = {
        name
        for name, job in workflow["jobs"].items()
        if any(is_agent(step) for step in job.get("steps", []))
    }
    for name, job in workflow["jobs"].items():
        is_after = bool(before(workflow, name) & of_agents)
        for step in job.get("steps", []):
            if is_after:
                yield f"{job.get('if', '')} {step.get('if', '')}", step
            is_after = is_after or is_agent(step)


def faults_of(name: str, text: str) -> list[str]:
    """Return the rules that the example ``name`` breaks."""
    workflow = yaml.safe_load(text)
    return [*job_faults(workflow), *later_faults(workflow), *text_faults(name, text)]


def job_faults(workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of the jobs that start, follow or cancel runs."""
    events = workflow[True]  # YAML takes `on` for a truth value
    for job in workflow["jobs"].values():
        condition = job.get("if", "")
        for step in job.get("steps", []):
            given = step.get("with", {})
            if is_agent(step) and set(events) - WATCHED and given.get("on-timeout") != "cancel":
                yield "nobody watches it, and a run that is out of time goes on"
            followed = re.search(r"needs\.([\w-]+)\.outputs", str(given.get("run-id", "")))
            if followed and (
                "!cancelled()" not in condition
                or set(re.findall(r"needs\.([\w-]+)\.", condition)) != {followed[1]}
            ):
                yield "who follows the run depends on more than its start"
        yield from event_faults(events, condition)


def event_faults(events: Mapping[str, Any], condition: str) -> Iterator[str]:
    """Yield which part of the event a job does not look at."""
    is_set = "github.event.label.name ==" in condition
    is_there = "labels.*.name" in condition
    if is_there and not is_set:
        yield "any other label starts a run, too"
    if is_set and not is_there and ".state == 'open'" not in condition:
        yield "a label on something closed starts a run"
    if (
        "pull_request_target" in events
        and "head.repo.full_name != github.repository" not in condition
    ):
        yield "what is for forks starts for the repository's own branches"


def later_faults(workflow: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the faults of what comes after an agent."""
    for condition, step in after_an_agent(workflow):
        if is_agent(step) and ".changed == 'true'" not in condition:
            yield "an agent starts although the one before it changed nothing"
        uses = USES_WHAT_WAS_MADE.search(" ".join(map(str, step.values())))
        if uses and not is_agent(step) and not ASKS_HOW_IT_ENDED.search(condition):
            yield "a dry run acts outside"


def text_faults(name: str, text: str) -> Iterator[str]:
    """Yield the faults of the words."""
    if OF_ANOTHER_STEP.search(text):
        yield "fromJSON of an output that may be empty"
    lines = text.splitlines()
    code = [number for number, line in enumerate(lines) if not line.lstrip().startswith("#")]
    if any(f"workflows/{name}.yml" in lines[number] for number in code):
        yield "a copy under another name does not work"
    for words in TO_CHANGE:
        first = next((number for number in code if words in lines[number]), None)
        is_said = first is None or "#" in lines[first] + lines[first - 1]
        if not is_said:
            yield f"nothing says to change {words}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_keeps_the_rules(path: Path) -> None:
    assert faults_of(path.stem, path.read_text(encoding="utf-8")) == []


def asked_by(workflow: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield each event that starts a job without a person at it, and the word that asks for it."""
    for job in workflow["jobs"].values():
        condition = job.get("if", "")
        words = re.findall(r"'(/?[a-z-]+) ?'\)", condition)  # contains(…, 'agent'), /agent
        words += re.findall(r"label\.name == '([a-z-]+)'", condition)
        subjects = set(
            re.findall(r"github\.event\.(issue|comment|pull_request|review)\b", condition)
        )
        subject = "comment" if "comment" in subjects else min(subjects, default="schedule")
        yield from ((subject, word) for word in sorted(set(words)))
        if "schedule" in workflow[True]:
            yield "schedule", ""


def test_no_two_examples_act_on_one_event_with_one_word() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for path in EXAMPLES:
        for asked in asked_by(yaml.safe_load(path.read_text(encoding="utf-8"))):
            found.setdefault(asked, set()).add(path.stem)
    assert {asked: names for asked, names in found.items() if len(names) > 1} == {}
    assert {
        *(("schedule", ""), ("comment", "/agent"), ("pull_request", "/agent")),
        *(("issue", "agent"), ("pull_request", "adapt"), ("pull_request", "agent")),
        ("pull_request", "agent-review"),
    } == set(found)


AGENT: Final = """      - uses: mogplex/run-action@v1
        with:
          prompt: Review it
"""
PUT_BACK: Final = {
    "start-and-wait": (
        "    if: ${{ !cancelled() && needs.start.outputs.run-id }}\n",
        "",
        "who follows the run depends on more than its start",
    ),
    "comment": (
        "          on-timeout: cancel\n",
        "",
        "nobody watches it, and a run that is out of time goes on",
    ),
    "label": (
        " && github.event.issue.state == 'open'",
        "",
        "a label on something closed starts a run",
    ),
    "fix-build": (
        "      && (github.event.action != 'labeled' || github.event.label.name == 'agent')\n",
        "",
        "any other label starts a run, too",
    ),
    "fork-review": (
        "      && github.event.pull_request.head.repo.full_name != github.repository\n",
        "",
        "what is for forks starts for the repository's own branches",
    ),
    "fix-build, comment": (
        " && steps.agent.outputs.result != 'dry-run'",
        "",
        "a dry run acts outside",
    ),
    "merge": ("    if: needs.agent.outputs.result == 'success'", "", "a dry run acts outside"),
    "outputs": (
        "      - name: Report the result\n",
        f"{AGENT}      - name: Report the result\n",
        "an agent starts although the one before it changed nothing",
    ),
    "artifact": (" || '{}'", "", "fromJSON of an output that may be empty"),
    "matrix": (" || '[]'", "", "fromJSON of an output that may be empty"),
    "merge, checks": (
        " # change to the names of your own checks, one per line",
        "",
        "nothing says to change checks: test",
    ),
    "bot": (
        "          # Change `make test` to your own command.\n",
        "",
        "nothing says to change make test",
    ),
}
"""By example: what stands there, what stood there or might, and the fault."""


@pytest.mark.parametrize("name", PUT_BACK)
def test_a_fault_that_is_put_back_is_named(name: str) -> None:
    example = name.partition(",")[0]
    text = (ROOT / "examples" / "workflows" / f"{example}.yml").read_text(encoding="utf-8")
    now, then, fault = PUT_BACK[name]
    assert now in text
    assert fault in faults_of(example, text.replace(now, then))
