"""Every GitLab pipeline that people copy, from the pages, the examples and the component, follows
the rules of `docs/gitlab.md`: the task arrives as it was written, a run is paid once, exit codes
arrive, and the job's end leaves time for what comes behind it.

Each rule is tried on what it is for: the last test puts a fault back and reads the pipeline again.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from mogplex_ci.inputs.declared import inputs
from mogplex_ci.waiting import parse_duration
from tests.documents import Block, blocks
from tests.program import ROOT
from tests.slow import mostly_slow

PAGE = "docs/gitlab.md"
TEMPLATE = "templates/run/template.yml"
START = "mogplex-ci action"
FILES = {"prompt-file", "artifact-schema"}
AFTER_THE_SCRIPT = 7 * 60
"""Seconds that `after_script`, which has five minutes, and the upload of artifacts may take."""


@dataclass(frozen=True)
class Job:
    """One job of a pipeline, with what it extends."""

    page: str
    keywords: Mapping[str, Any]

    @property
    def script(self) -> list[str]:
        given = self.keywords.get("script", [])
        lines = [given] if isinstance(given, str) else given
        return [line for text in lines for line in text.splitlines()]

    @property
    def variables(self) -> Mapping[str, Any]:
        variables: Mapping[str, Any] = self.keywords.get("variables", {})
        return variables

    @property
    def starts_runs(self) -> bool:
        """Whether it starts or follows a run that is paid: a rehearsal on the emulator is not."""
        is_rehearsal = "http://emulator:" in str(self.variables)
        return any(START in line for line in self.script) and not is_rehearsal

    @property
    def reads_files(self) -> bool:
        """Whether the agent's inputs name a file of the project."""
        variables = {f"MOGPLEX_{name.upper().replace('-', '_')}" for name in FILES}
        flags = any(f"--{name}" in line for name in FILES for line in self.script)
        return flags or not variables.isdisjoint(self.variables)

    @property
    def leaves_no_time(self) -> bool:
        """Whether a limit of the job's own comes before its script's or the step's."""
        if "timeout" not in self.keywords:
            return False
        script = self.variables.get("RUNNER_SCRIPT_TIMEOUT")
        if script is None:
            return True
        step = self.variables.get("MOGPLEX_TIMEOUT", inputs()["timeout"].default)
        job = parse_duration(self.keywords["timeout"])
        return not parse_duration(step) <= parse_duration(script) <= job - AFTER_THE_SCRIPT


def is_caused_by_person(rule: Mapping[str, Any]) -> bool:
    """Whether a rule lets the job run only if a person or a schedule starts the pipeline."""
    condition = r'\$CI_PIPELINE_SOURCE == "(?:web|schedule)"'
    return re.fullmatch(condition, rule.get("if", "")) is not None


RULES: Mapping[str, Callable[[Job], bool]] = {
    "a push starts a run": lambda job: (
        job.starts_runs and not all(map(is_caused_by_person, job.keywords.get("rules", [{}])))
    ),
    "GitLab expands $ in the prompt": lambda job: (
        job.variables.get("MOGPLEX_PROMPT", {"expand": False})["expand"] is not False
    ),
    "runners report 1 for every exit code": lambda job: any(
        START in line and not line.endswith(" || exit $?") for line in job.script
    ),
    "no time for after_script and artifacts": lambda job: job.leaves_no_time,
    "a retry is paid": lambda job: job.starts_runs and job.keywords.get("retry") != 0,
    "the project's before_script runs": lambda job: (
        job.starts_runs and job.keywords.get("before_script") != []
    ),
    "a push cancels the run": lambda job: (
        job.starts_runs and job.keywords.get("interruptible") is not False
    ),
    "a dotenv outranks the job's variables": lambda job: (
        job.starts_runs
        and "$MOGPLEX_OUT_" not in str(job.script)
        and job.keywords.get("dependencies") != []
    ),
    "a clone that nothing reads": lambda job: (
        job.starts_runs
        and job.page != TEMPLATE
        and not job.reads_files
        and job.variables.get("GIT_STRATEGY") != "none"
    ),
    "a killed job leaves its run": lambda job: (
        job.starts_runs
        and "--run-id" not in str(job.script)
        and "mogplex-ci post" not in str(job.keywords.get("after_script"))
    ),
    "a second agent without a change": lambda job: (
        "MOGPLEX_OUT_BRANCH" in str(job.script) and "MOGPLEX_OUT_CHANGED" not in str(job.script)
    ),
    "the token goes where a variable says": lambda job: (
        job.page == TEMPLATE
        and job.starts_runs
        and not any('--base-url "$[[ inputs.base-url ]]"' in line for line in job.script)
    ),
}
"""By what goes wrong: whether it does."""


def pipelines() -> list[Block]:
    """Every block and example that may be a pipeline for GitLab, and the component."""
    template = Block(TEMPLATE, 1, "", "yml", (ROOT / TEMPLATE).read_text(encoding="utf-8"))
    shown = [block for block in blocks() if block.language in ("yaml", "yml")]
    return [block for block in [*shown, template] if any(jobs(block.page, block.code))]


def jobs(page: str, code: str) -> Iterator[Job]:
    """Yield the jobs of a pipeline that run the program, and those beside an include: of a child
    pipeline that a job writes, too.
    """
    for child in re.findall(r"<<EOF\n(.*?)\n *EOF\n", code, re.DOTALL):
        for job in jobs(page, textwrap.dedent(child).replace("\\$", "$")):
            yield Job(page, {**job.keywords, "rules": []})  # only its parent starts it
    for document in yaml.safe_load_all(re.sub(r"<<EOF\n.*?\n *EOF\n", "\n", code, flags=re.DOTALL)):
        if not isinstance(document, dict) or "jobs" in document:
            continue
        for name, own in document.items():
            if not isinstance(own, dict) or name.startswith("."):
                continue
            job = Job(page, with_parents(own, document))
            is_beside = "include" in document and "timeout" in own
            if is_beside or any(START in line for line in job.script):
                yield job


def with_parents(own: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's keywords with those of the job that it extends; variables are merged."""
    parent = document.get(str(own.get("extends")), {})
    variables = {**parent.get("variables", {}), **own.get("variables", {})}
    return {**parent, **own, "variables": variables}


def faults(page: str, code: str) -> list[str]:
    return [fault for job in jobs(page, code) for fault, occurs in RULES.items() if occurs(job)]


def test_every_pipeline_follows_the_rules() -> None:
    found = {str(block): faults(block.page, block.code) for block in pipelines()}
    assert {place: broken for place, broken in found.items() if broken} == {}
    examples = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/gitlab/*.yml")}
    assert {block.page for block in pipelines()} >= {TEMPLATE, *examples}


JOB = "examples/gitlab/job.gitlab-ci.yml"
SCHEDULED = "examples/gitlab/scheduled.gitlab-ci.yml"
DOWNSTREAM = "examples/gitlab/downstream.gitlab-ci.yml"
PUT_BACK = {
    "a push starts a run": (TEMPLATE, '$CI_PIPELINE_SOURCE == "web"', "$CI_COMMIT_BRANCH"),
    "GitLab expands $ in the prompt": (JOB, "expand: false", "expand: true"),
    "runners report 1 for every exit code": (PAGE, " || exit $?", ""),
    "no time for after_script and artifacts": (SCHEDULED, "TIMEOUT: 63m", "TIMEOUT: 64m"),
    "a retry is paid": (PAGE, "retry: 0", "retry: 1"),
    "the project's before_script runs": (PAGE, "before_script: []", "stage: test"),
    "a push cancels the run": (TEMPLATE, "interruptible: false", "interruptible: true"),
    "a dotenv outranks the job's variables": (TEMPLATE, "dependencies: []", "needs: []"),
    "a clone that nothing reads": (JOB, "GIT_STRATEGY: none", "GIT_DEPTH: 1"),
    "a killed job leaves its run": (JOB, "- mogplex-ci post", "- true"),
    "a second agent without a change": (DOWNSTREAM, "$MOGPLEX_OUT_CHANGED", "true"),
    "the token goes where a variable says": (TEMPLATE, "--base-url", "--key-suffix"),
}
"""By what goes wrong: the page, what stands there, and what would be wrong."""


@pytest.mark.parametrize("fault", mostly_slow(RULES, every=4))
def test_a_fault_that_is_put_back_is_named(fault: str) -> None:
    page, now, before = PUT_BACK[fault]
    found = [block for block in pipelines() if block.page == page and now in block.code]
    assert found, "the text is there"
    for block in found:
        assert fault in faults(page, block.code.replace(now, before))
