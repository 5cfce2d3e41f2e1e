"""The example workflows as they stand, run by act against an emulator on the host.

What act cannot fetch has stand-ins: the action is this repository, `gh` says how it is called, `make` fails, and the
upload lists what it would keep.
"""

import json
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import ActResult, act, workspace
from tests.container.images import BASE, ROOT
from tests.documents import as_workflow, claim
from tests.github_api import TOKEN, FakeGitHub

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


def test_nightly_maintenance(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["nightly"]).run(emulator, "schedule", {})
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt.startswith("Bring the dependencies up to date")


def pushed(sender: Mapping[str, object], **head: object) -> dict[str, object]:
    return {"pull_request": {**PULL_REQUEST, "head": {**HEAD, **head}}, "sender": sender}


def test_a_failing_build_is_fixed_on_its_branch_and_the_pull_request_hears_of_it(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, RECIPES["fix-build"]).run(emulator, "pull_request", pushed(PERSON))
        (run,) = emulator.runs
    assert "Job failed" in done.log
    request = run.request
    assert (request.working_branch, request.base_branch, request.create_branch) == ("feature/login", "main", False)
    (comment,) = [line for line in done.lines() if line.startswith("gh: ")]
    assert comment.startswith("gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <An agent changed this branch")


@pytest.mark.slow
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(pushed(PERSON, ref="main", repo={"id": 2, "full_name": "mallory/web"}), id="a fork"),
        pytest.param(pushed(APP), id="the agent's own push"),
    ],
)
def test_a_failing_build_is_left_alone(image: str, tmp_path: Path, event: dict[str, object]) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, RECIPES["fix-build"]).run(emulator, "pull_request", event)
        assert emulator.requests == []
    assert "Job failed" in done.log


@pytest.mark.slow
def test_nightly_upkeep_with_a_prompt_of_the_callers(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        caller = CALLER.format(on="{schedule: [{cron: 17 3 * * *}]}", name="nightly", inputs="{prompt: Run the tests.}")
        done = Example(image, tmp_path, caller).run(emulator, "schedule", {})
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt == "Run the tests."


ISSUE = {"title": "Login `$(id)`", "body": "It fails.\n"}


def labeled(label: str, sender: Mapping[str, object]) -> dict[str, object]:
    issue = {"number": 12, **ISSUE, "node_id": "I", "author_association": "NONE", "user": STRANGER}
    return {"action": "labeled", "label": {"name": label}, "issue": issue, "sender": sender}


def test_a_label_starts_an_agent_that_answers_the_issue(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.words = {"I": ISSUE}
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["label"]).run_beside(api, emulator, "issues", labeled("agent", PERSON))
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt.startswith("Solve issue #12 of this repository")
    assert "```text\nLogin `$(id)`\n\nIt fails.\n```" in run.prompt
    assert [line for line in done.lines() if line.startswith("gh: ")] == [
        "gh: <issue> <comment> <12> <--repo> <acme/web>"
        " <--body> <An agent made https://github.com/acme/web/pull/42 from this.>"
    ]


@pytest.mark.slow
def test_a_label_of_the_callers_choice_starts_an_agent(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    api.words = {"I": ISSUE}
    with Emulator("success", speed=20) as emulator:
        caller = CALLER.format(on="{issues: {types: [labeled]}}", name="label", inputs="{label: robot}")
        done = Example(image, tmp_path, caller).run_beside(api, emulator, "issues", labeled("robot", PERSON))
        assert len(emulator.runs) == 1
    assert done.exit_code == 0, done.log


@pytest.mark.slow
@pytest.mark.parametrize(("label", "sender", "code"), [("agent", STRANGER, 1), ("bug", PERSON, 0)])
def test_a_label_that_an_issue_form_set_and_another_label_start_nothing(
    image: str, tmp_path: Path, label: str, sender: Mapping[str, object], code: int
) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["label"]).run(emulator, "issues", labeled(label, sender))
        assert emulator.requests == []
    assert done.exit_code == code, done.log
    assert not any(line.startswith("gh: ") for line in done.lines())


def commented(body: str, association: str, api: FakeGitHub) -> dict[str, object]:
    api.words = {"I": ISSUE, "IC": {"body": body}}
    issue = {"number": 12, **ISSUE, "node_id": "I", "author_association": "NONE", "user": STRANGER}
    comment = {"body": body, "node_id": "IC", "author_association": association, "user": PERSON}
    return {"action": "created", "issue": issue, "comment": comment, "sender": PERSON}


@pytest.mark.parametrize("association", ["MEMBER", pytest.param("CONTRIBUTOR", marks=pytest.mark.slow)])
def test_a_members_comment_starts_an_agent_that_answers(
    image: str, tmp_path: Path, api: FakeGitHub, association: str
) -> None:
    """Also that of a member whose membership is private, as the event has it."""
    api.permissions["ada"] = "write"
    with Emulator("success", speed=20) as emulator:
        comment = commented("/agent Mend `$(id)` here", association, api)
        done = Example(image, tmp_path, EXAMPLES["comment"]).run_beside(api, emulator, "issue_comment", comment)
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt.endswith("```text\n/agent Mend `$(id)` here\n```")
    assert "\n\nIt fails.\n```" in run.prompt
    (answer,) = [line for line in done.lines() if line.startswith("gh: ")]
    assert "ended with success. https://github.com/acme/web/pull/42 See" in answer


@pytest.mark.slow
@pytest.mark.parametrize(("body", "association"), [("/agent Mend it", "NONE"), ("Ask the /agent ", "MEMBER")])
def test_other_comments_start_nothing(image: str, tmp_path: Path, api: FakeGitHub, body: str, association: str) -> None:
    with Emulator("success", speed=20) as emulator:
        comment = commented(body, association, api)
        done = Example(image, tmp_path, EXAMPLES["comment"]).run_beside(api, emulator, "issue_comment", comment)
        assert emulator.requests == []
    assert done.exit_code == 0, done.log


@pytest.mark.slow
def test_a_review_is_followed_up_on_the_branch(image: str, tmp_path: Path, api: FakeGitHub) -> None:
    words = {"body": "Handle the empty list."}
    api.words = {"PR": {"title": "Login", "body": ""}, "R": words}
    review = {"state": "changes_requested", **words, "node_id": "R", "author_association": "MEMBER", "user": PERSON}
    pull_request = {**PULL_REQUEST, "title": "Login", "node_id": "PR"}
    event = {"action": "submitted", "review": review, "pull_request": pull_request, "sender": PERSON}
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["review"]).run_beside(api, emulator, "pull_request_review", event)
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert (run.request.working_branch, run.request.create_branch) == ("feature/login", False)
    assert run.prompt.endswith("```text\nHandle the empty list.\n```")


@pytest.mark.slow
def test_a_label_has_a_forks_pull_request_reviewed(image: str, tmp_path: Path) -> None:
    fork = {"ref": "main", "repo": {"id": 2, "full_name": "mallory/web"}}
    pull_request = {
        **PULL_REQUEST,
        "head": fork,
        "title": "Run `$(id)`",
        "author_association": "NONE",
        "user": STRANGER,
    }
    event = {"action": "labeled", "label": {"name": "agent-review"}, "pull_request": pull_request, "sender": PERSON}
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["fork-review"]).run(emulator, "pull_request_target", event)
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert "`git fetch origin pull/7/head`" in run.prompt
    assert run.request.mode == "SAFE"
    (comment,) = [line for line in done.lines() if line.startswith("gh: ")]
    assert comment.startswith("gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <Done: all 24 tests pass")


@pytest.mark.slow
def test_a_bots_pull_request_is_adapted(image: str, tmp_path: Path) -> None:
    bot = {**APP, "login": "dependabot[bot]"}
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, EXAMPLES["bot"]).run(emulator, "pull_request", pushed(bot))
        (run,) = emulator.runs
    assert "Job failed" in done.log  # the tests do
    assert run.request.working_branch == "feature/login"


@pytest.mark.slow
def test_release_notes_become_a_draft(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        event = {"ref": "refs/tags/v1.2.3"}
        done = Example(image, tmp_path, EXAMPLES["release-notes"]).run(emulator, "push", event)
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert "the tag v1.2.3" in run.prompt
    (release,) = [line for line in done.lines() if line.startswith("gh: ")]
    assert release.startswith(
        "gh: <release> <create> <v1.2.3> <--repo> <acme/web> <--draft> <--title> <v1.2.3> <--notes>"
    )


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
