"""The example workflows as they stand, run by act against an emulator on the host.

What act cannot fetch has stand-ins: the action is this repository, `gh` says how it is called, `make` fails, and the
upload lists what it would keep.
"""

import json
import re
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from mogplex_ci.emulator import Emulator
from tests.container.act import ActResult, act, workspace
from tests.container.images import ROOT

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

EXAMPLES = ROOT / "examples" / "workflows"
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
CALLED = ".github/workflows/called.yml"
CALL = re.compile(r"uses: acme/\.github/\.github/workflows/[a-z-]+\.yml@main")
MAINTAINER = {"id": 1, "login": "ada", "type": "User"}
STRANGER = {"id": 2, "login": "mallory", "type": "User"}
PULL_REQUEST = {
    "number": 7,
    "user": MAINTAINER,
    "head": {"ref": "feature/login", "repo": {"id": 701, "full_name": "acme/web"}},
    "base": {"ref": "main", "repo": {"id": 701, "full_name": "acme/web"}},
}


class Example:
    """One example in a repository of its own."""

    def __init__(self, image: str, folder: Path, name: str, caller: str | None = None) -> None:
        """Lay out the repository; ``caller`` is a workflow that calls the example as a reusable one."""
        self._folder = folder
        self._repository = folder / "repository"
        self._repository.mkdir()
        example = (EXAMPLES / f"{name}.yml").read_text()
        workspace(self._repository, caller or example, image)
        if caller is not None:
            (self._repository / CALLED).write_text(example)
        self._upload = folder / "upload-artifact"
        self._upload.mkdir()
        (self._upload / "action.yml").write_text(UPLOAD_STAND_IN)

    def run(self, emulator: Emulator, event: str, payload: Mapping[str, object], *options: str) -> ActResult:
        """Run the workflow for an event."""
        (self._folder / "event.json").write_text(json.dumps(payload))
        return act(
            self._repository,
            f"--local-repository=mogplex/run-action@v1={self._repository}",
            f"--local-repository={UPLOAD}={self._upload}",
            f"--eventpath={self._folder / 'event.json'}",
            f"--container-options={' '.join(self._volumes())}",
            f"--env=MOGPLEX_URL={emulator.url}",
            f"--secret=MOGPLEX_API_KEY={emulator.token}",
            "--secret=GITHUB_TOKEN=none",
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
        done = Example(image, tmp_path, "nightly").run(emulator, "schedule", {})
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt.startswith("Bring the dependencies up to date")


def caller_of(name: str) -> str:
    """Return the workflow that the example's first comment shows, with a failing test as its own job."""
    lines = (EXAMPLES / f"{name}.yml").read_text().splitlines()
    shown = "\n".join(line.removeprefix("#   ") for line in lines if line.startswith("#   "))
    steps = "runs-on: ubuntu-latest\n    steps: [{run: make test}]"
    assert shown.count("…") == 1
    return CALL.sub(f"uses: ./{CALLED}", shown.replace("…", steps))


def failing(pull_request: Mapping[str, object], sender: Mapping[str, object] = MAINTAINER) -> dict[str, object]:
    return {"action": "synchronize", "pull_request": pull_request, "sender": sender}


def test_a_failing_build_is_fixed_on_its_branch_and_the_pull_request_hears_of_it(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, "fix-build", caller_of("fix-build")).run(
            emulator, "pull_request", failing(PULL_REQUEST)
        )
        (run,) = emulator.runs
    request = run.request
    assert (request.working_branch, request.base_branch, request.create_branch) == ("feature/login", "main", False)
    (comment,) = [line for line in done.lines() if line.startswith("gh: ")]
    assert comment.startswith("gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <An agent changed this branch")


FORK = {**PULL_REQUEST, "user": STRANGER, "head": {"ref": "main", "repo": {"id": 9, "full_name": "mallory/web"}}}
APP = {"id": 3, "login": "mogplex[bot]", "type": "Bot"}


@pytest.mark.parametrize("payload", [failing(FORK, STRANGER), failing(PULL_REQUEST, APP)], ids=["fork", "app"])
def test_a_failing_build_of_a_fork_or_of_an_apps_push_is_left_alone(
    image: str, tmp_path: Path, payload: Mapping[str, object]
) -> None:
    with Emulator("success", speed=20) as emulator:
        Example(image, tmp_path, "fix-build", caller_of("fix-build")).run(emulator, "pull_request", payload)
        assert emulator.requests == []


def labeled(label: str, sender: Mapping[str, object]) -> dict[str, object]:
    issue = {
        "number": 12,
        "title": "Login `$(id)`",
        "body": "It fails.\n",
        "author_association": "NONE",
        "user": STRANGER,
    }
    return {"action": "labeled", "label": {"name": label}, "issue": issue, "sender": sender}


def test_a_label_starts_an_agent_that_answers_the_issue(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, "label").run(emulator, "issues", labeled("agent", MAINTAINER))
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.prompt.startswith("Solve issue #12 of this repository")
    assert [line for line in done.lines() if line.startswith("gh: ")] == [
        "gh: <issue> <comment> <12> <--repo> <acme/web>"
        " <--body> <An agent made https://github.com/acme/web/pull/42 from this.>"
    ]


@pytest.mark.parametrize(("label", "sender", "code"), [("agent", STRANGER, 1), ("bug", MAINTAINER, 0)])
def test_a_label_that_an_issue_form_set_and_another_label_start_nothing(
    image: str, tmp_path: Path, label: str, sender: Mapping[str, object], code: int
) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, "label").run(emulator, "issues", labeled(label, sender))
        assert emulator.requests == []
    assert done.exit_code == code, done.log
    assert not any(line.startswith("gh: ") for line in done.lines())


def test_each_folder_of_a_monorepo_has_its_own_run(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, "monorepo").run(emulator, "workflow_dispatch", dispatched("Tidy up"))
        runs = {run.request.root_directory: run.prompt for run in emulator.runs}
    assert done.exit_code == 0, done.log
    assert runs == {"packages/api": "Tidy up", "packages/web": "Tidy up"}


def test_report_result_and_events_are_kept_of_a_failed_run(image: str, tmp_path: Path) -> None:
    with Emulator("failed", speed=20) as emulator:
        done = Example(image, tmp_path, "report").run(emulator, "workflow_dispatch", dispatched("Try"))
    assert done.exit_code == 1
    assert [line for line in done.lines() if line.startswith("mogplex/")] == [
        "mogplex/events.ndjson",
        "mogplex/report.html",
        "mogplex/result.json",
    ]


def test_outputs_reach_later_steps_and_jobs(image: str, tmp_path: Path) -> None:
    with Emulator("success", speed=20) as emulator:
        done = Example(image, tmp_path, "outputs").run(emulator, "workflow_dispatch", dispatched("Fix it"))
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert any(line.startswith(f"Run {run.id} ended after ") and line.endswith(" success") for line in done.lines())
    assert "Why: all went well" in done.lines()
    (ask,) = [line for line in done.lines() if line.startswith("Please review")]
    assert ask.startswith("Please review https://github.com/acme/web/pull/42 (branch mogplex/")
