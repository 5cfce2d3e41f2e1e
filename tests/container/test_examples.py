"""The example workflows as they stand, run by act against an emulator on the host.

What act cannot fetch has stand-ins: the action is this repository, `gh` says how it is called, `make` fails, and the
upload lists what it would keep.
"""

import json
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import ActResult, act, workspace
from tests.container.images import BASE, ROOT
from tests.documents import as_workflow, claim
from tests.github_api import TOKEN, FakeGitHub
from tests.slow import slow

pytestmark = pytest.mark.container

EXAMPLES = {
    name: claim(f"examples/workflows/{name}.yml").code
    for name in (
        *("bot", "comment", "fix-build", "fork-review", "label", "monorepo", "nightly", "outputs", "report"),
        *("release-notes", "review"),
    )
}
RECIPES = {
    name: as_workflow(claim("docs/recipes.md", containing).code) or ""
    for name, containing in {"fix-build": "/workflows/fix-build.yml@", "rehearsal": "dry-run: paused"}.items()
}
CALLER = """
on: {on}
jobs:
  agent:
    permissions: {{issues: write}}
    uses: acme/.github/.github/workflows/{name}.yml@main
    with: {inputs}
    secrets:
      MOGPLEX_API_KEY: ${{{{ secrets.MOGPLEX_API_KEY }}}}
"""
FORGEJO = claim("examples/forgejo/agent.yml").code
UPLOAD = "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f"
UPLOAD_STAND_IN = """
name: Upload
inputs:
  name: {required: true}
  path: {required: true}
  if-no-files-found: {}
runs:
  using: composite
  steps:
    - run: find "$KEPT" -type f | sort
      shell: bash
      env:
        KEPT: ${{ inputs.path }}
"""
STAND_INS = {"gh": '#!/bin/sh\nprintf "gh:"; printf " <%s>" "$@"; echo\n', "make": "#!/bin/sh\nexit 1\n"}
WEB = {"id": 1, "full_name": "acme/web"}
HEAD: dict[str, object] = {"ref": "feature/login", "repo": WEB}
PULL_REQUEST = {"number": 7, "head": HEAD, "base": {"ref": "main", "repo": WEB}}
PERSON = {"id": 11, "login": "ada", "type": "User"}
STRANGER = {"id": 13, "login": "mallory", "type": "User"}
APP = {"id": 12, "type": "Bot"}


class Example:
    """One workflow in a repository of its own, beside a repository with all examples as reusable workflows."""

    def __init__(self, image: str, folder: Path, workflow: str) -> None:
        self._folder = folder
        self._repository = folder / "repository"
        self._repository.mkdir()
        workspace(self._repository, workflow, image)
        self._shared = folder / "shared"
        shutil.copytree(ROOT / "examples" / "workflows", self._shared / ".github" / "workflows")
        self._upload = folder / "upload-artifact"
        self._upload.mkdir()
        (self._upload / "action.yml").write_text(UPLOAD_STAND_IN)

    def run_beside(self, api: FakeGitHub, emulator: Emulator, event: str, payload: Mapping[str, object]) -> ActResult:
        """Run the workflow for an event whose words are at GitHub, too."""
        token, url = f"--secret=GITHUB_TOKEN={TOKEN}", f"--env=GITHUB_API_URL={api.url}"
        return self.run(emulator, event, payload, token, url)

    def run(self, emulator: Emulator, event: str, payload: Mapping[str, object], *options: str) -> ActResult:
        """Run the workflow for an event."""
        (self._folder / "event.json").write_text(json.dumps(payload))
        return act(
            self._repository,
            f"--local-repository=mogplex/run-action@v1={self._repository}",
            f"--local-repository={UPLOAD}={self._upload}",
            f"--local-repository=acme/.github@main={self._shared}",
            f"--eventpath={self._folder / 'event.json'}",
            f"--container-options={' '.join(self._volumes())}",
            f"--env=MOGPLEX_URL={emulator.url}",
            f"--secret=MOGPLEX_API_KEY={emulator.token}",
            *(() if any("GITHUB_TOKEN" in option for option in options) else ("--secret=GITHUB_TOKEN=none",)),
            *options,
            event=event,
        )

    def _volumes(self) -> list[str]:
        volumes = []
        for name, script in STAND_INS.items():
            file = self._folder / name
            file.write_text(script)
            file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            volumes.append(f"--volume={file}:/usr/local/bin/{name}:ro")
        return volumes


def dispatched(prompt: str) -> dict[str, object]:
    return {"inputs": {"prompt": prompt}}


FORK = {"ref": "main", "repo": {"id": 2, "full_name": "mallory/web"}}
ISSUE = {"title": "Login `$(id)`", "body": "It fails.\n"}
ASKED = {"number": 12, **ISSUE, "node_id": "I", "author_association": "NONE", "user": STRANGER}


def pushed(sender: Mapping[str, object], **head: object) -> dict[str, object]:
    return {"pull_request": {**PULL_REQUEST, "head": {**HEAD, **head}}, "sender": sender}


def labeled(label: str, sender: Mapping[str, object]) -> dict[str, object]:
    return {"action": "labeled", "label": {"name": label}, "issue": ASKED, "sender": sender}


def commented(body: str, association: str) -> dict[str, object]:
    comment = {"body": body, "node_id": "IC", "author_association": association, "user": PERSON}
    return {"action": "created", "issue": ASKED, "comment": comment, "sender": PERSON}


def reviewed() -> dict[str, object]:
    review = {"body": "Handle the empty list.", "node_id": "R", "author_association": "MEMBER", "user": PERSON}
    pull_request = {**PULL_REQUEST, "title": "Login", "node_id": "PR"}
    return {"action": "submitted", "review": {"state": "changes_requested", **review}, "pull_request": pull_request,
            "sender": PERSON}  # fmt: skip


def to_review() -> dict[str, object]:
    words = {"title": "Run `$(id)`", "author_association": "NONE", "user": STRANGER}
    label = {"name": "agent-review"}
    return {
        "action": "labeled",
        "label": label,
        "pull_request": {**PULL_REQUEST, "head": FORK, **words},
        "sender": PERSON,
    }


class Started(NamedTuple):
    """An event that starts one run, and what the run and the job's end show of it."""

    workflow: str
    event: str
    payload: Mapping[str, object]
    prompt: Sequence[str] = ()
    """Parts of it."""
    request: Mapping[str, object] = {}
    answer: str = ""
    """A part of how ``gh`` is called afterwards, if it is."""
    job_fails: bool = False


ON_FEATURE = {"working_branch": "feature/login", "create_branch": False}
COMMENT = "/agent Mend `$(id)` here"
COMMENTED = Started(
    *(EXAMPLES["comment"], "issue_comment", commented(COMMENT, "MEMBER")),
    prompt=["\n\nIt fails.\n```", f"```text\n{COMMENT}\n```"],
    answer="ended with success. https://github.com/acme/web/pull/42 See",
)
LABELED = Started(
    *(EXAMPLES["label"], "issues", labeled("agent", PERSON)),
    prompt=["Solve issue #12 of this repository", "```text\nLogin `$(id)`\n\nIt fails.\n```"],
    answer="gh: <issue> <comment> <12> <--repo> <acme/web>"
    " <--body> <An agent made https://github.com/acme/web/pull/42 from this.>",
)
CHOSEN_LABEL = CALLER.format(on="{issues: {types: [labeled]}}", name="label", inputs="{label: robot}")
OWN_PROMPT = CALLER.format(on="{schedule: [{cron: 17 3 * * *}]}", name="nightly", inputs="{prompt: Run the tests.}")
STARTED = {
    "nightly": Started(EXAMPLES["nightly"], "schedule", {}, ["Bring the dependencies up to date"]),
    "a failing build": Started(
        *(RECIPES["fix-build"], "pull_request", pushed(PERSON)),
        request={**ON_FEATURE, "base_branch": "main"},
        answer="gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <An agent changed this branch",
        job_fails=True,
    ),
    "a label": LABELED,
    "a member's comment": COMMENTED,
}
SELDOM_STARTED = {
    "nightly, the caller's prompt": Started(OWN_PROMPT, "schedule", {}, ["Run the tests."]),
    "the caller's label": Started(CHOSEN_LABEL, "issues", labeled("robot", PERSON), answer=LABELED.answer),
    # As the event has it when the membership is private.
    "a private member's comment": COMMENTED._replace(payload=commented(COMMENT, "CONTRIBUTOR")),
    "a review": Started(
        *(EXAMPLES["review"], "pull_request_review", reviewed(), ["```text\nHandle the empty list.\n```"], ON_FEATURE)
    ),
    "a fork's pull request": Started(
        *(EXAMPLES["fork-review"], "pull_request_target", to_review(), ["`git fetch origin pull/7/head`"]),
        request={"mode": "SAFE"},
        answer="gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <Done: all 24 tests pass",
    ),
    "a bot's pull request": Started(
        *(EXAMPLES["bot"], "pull_request", pushed({**APP, "login": "dependabot[bot]"}), (), ON_FEATURE),
        job_fails=True,  # the tests do
    ),
    "release notes": Started(
        *(EXAMPLES["release-notes"], "push", {"ref": "refs/tags/v1.2.3"}, ["the tag v1.2.3"]),
        answer="gh: <release> <create> <v1.2.3> <--repo> <acme/web> <--draft> <--title> <v1.2.3> <--notes>",
    ),
}


@pytest.mark.parametrize("name", [*STARTED, *slow(SELDOM_STARTED)])
def test_an_event_starts_one_run_and_is_answered(image: str, tmp_path: Path, api: FakeGitHub, name: str) -> None:
    case = (STARTED | SELDOM_STARTED)[name]
    review = {"PR": {"title": "Login", "body": ""}, "R": {"body": "Handle the empty list."}}
    api.words = {"I": ISSUE, "IC": {"body": COMMENT}, **review}
    api.permissions["ada"] = "write"
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, case.workflow).run_beside(api, emulator, case.event, case.payload)
        (run,) = emulator.runs
    assert (done.exit_code != 0) is case.job_fails, done.log
    assert [part for part in case.prompt if part not in run.prompt] == []
    assert {field: getattr(run.request, field) for field in case.request} == case.request
    answers = [line for line in done.lines() if line.startswith("gh: ")]
    if case.answer:
        assert [case.answer in answer for answer in answers] == [True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workflow", "event", "payload", "job_fails"),
    [
        pytest.param(RECIPES["fix-build"], "pull_request", pushed(PERSON, **FORK), True, id="a fork"),
        pytest.param(RECIPES["fix-build"], "pull_request", pushed(APP), True, id="the agent's own push"),
        pytest.param(EXAMPLES["label"], "issues", labeled("agent", STRANGER), True, id="a label of an issue form"),
        pytest.param(EXAMPLES["label"], "issues", labeled("bug", PERSON), False, id="another label"),
        pytest.param(EXAMPLES["comment"], "issue_comment", commented(COMMENT, "NONE"), False, id="an outsider"),
        pytest.param(EXAMPLES["comment"], "issue_comment", commented("Ask /agent ", "MEMBER"), False, id="no order"),
    ],
)
def test_an_event_starts_nothing(
    image: str,
    tmp_path: Path,
    api: FakeGitHub,
    workflow: str,
    event: str,
    payload: Mapping[str, object],
    job_fails: bool,
) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, workflow).run_beside(api, emulator, event, payload)
        assert emulator.requests == []
    assert (done.exit_code != 0) is job_fails, done.log
    assert not any(line.startswith("gh: ") for line in done.lines())


@pytest.mark.slow
def test_the_example_for_forgejo(image: str, tmp_path: Path) -> None:
    """Its runner is made of act. It names the action by its whole address."""
    with Emulator("success", speed=20) as emulator:
        workflow = FORGEJO.replace("https://github.com/mogplex/", "mogplex/")
        done = Example(image, tmp_path, workflow).run(
            emulator, "workflow_dispatch", {}, f"--platform=docker={BASE}", "--env=FORGEJO_ACTIONS=true"
        )
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.key.startswith("forgejo-")
    assert "Please review https://github.com/acme/web/pull/42" in done.lines()


@pytest.mark.slow
def test_a_pause_can_be_rehearsed(image: str, tmp_path: Path) -> None:
    workflow = RECIPES["rehearsal"]
    with Emulator("success") as emulator:
        done = Example(image, tmp_path, workflow).run(emulator, "push", {})
        assert emulator.requests == []
    assert done.exit_code == 0, done.log


@pytest.mark.slow
def test_each_folder_of_a_monorepo_has_its_own_run(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["monorepo"]).run(emulator, "workflow_dispatch", dispatched("Tidy up"))
        runs = {run.request.root_directory: run.prompt for run in emulator.runs}
    assert done.exit_code == 0, done.log
    assert runs == {"packages/api": "Tidy up", "packages/web": "Tidy up"}


def test_report_result_and_events_are_kept_of_a_failed_run(image: str, tmp_path: Path) -> None:
    with Emulator("failed", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["report"]).run(emulator, "workflow_dispatch", dispatched("Try"))
    assert done.exit_code == 1
    assert [line for line in done.lines() if line.startswith("mogplex/")] == [
        "mogplex/diagnostics.jsonl",
        "mogplex/events.ndjson",
        "mogplex/junit.xml",
        "mogplex/report.html",
        "mogplex/result.json",
    ]


def test_outputs_reach_later_steps_and_jobs(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["outputs"]).run(emulator, "workflow_dispatch", dispatched("Fix it"))
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert any(line.startswith(f"Run {run.id} ended after ") and line.endswith(" success") for line in done.lines())
    assert "Why: all went well" in done.lines()
    (ask,) = [line for line in done.lines() if line.startswith("Please review")]
    assert ask.startswith("Please review https://github.com/acme/web/pull/42 (branch mogplex/")
