"""The example workflows as they stand, run by act against an emulator on the host, and a stand-in
of GitHub's API.

Stand-ins replace what act cannot fetch: the action is this repository, `gh` says how it is called,
`make` fails, and the upload lists what it would keep.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.container.act import ActResult, act, workspace
from tests.container.images import BASE, ROOT
from tests.documents import as_workflow, claim
from tests.emulator import Emulator
from tests.github import NOTHING, GitHub, Look, Work, check
from tests.program import executable

pytestmark = pytest.mark.container

EXAMPLES = {
    name: claim(f"examples/workflows/{name}.yml").code
    for name in (
        "bot",
        "comment",
        "fix-build",
        "fork-review",
        "label",
        "monorepo",
        "nightly",
        "outputs",
        "report",
        "release-notes",
        "review",
        "artifact",
        "merge",
        "start-and-wait",
        "until-green",
    )
}
FAILED_BUILD = "\n".join(re.findall(r"^#   (.*)", EXAMPLES["fix-build"], re.MULTILINE))
"""The caller that the first lines of fix-build.yml show."""
REHEARSAL = as_workflow(claim("docs/recipes.md", "dry-run: paused").code) or ""
CALLER = """
on: {on}
jobs:
  agent:
    permissions: {{checks: read, contents: read, issues: write, pull-requests: read, statuses: read}}
    uses: acme/.github/.github/workflows/{name}.yml@main
    with: {inputs}
    secrets:
      MOGPLEX_API_KEY: ${{{{ secrets.MOGPLEX_API_KEY }}}}
"""
FORGEJO = claim("examples/forgejo/agent.yml").code
UPLOAD = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"
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
SCHEMA = {"type": "object", "required": ["version"], "properties": {"version": {"type": "string"}}}
ANSWERS = """
description: A run that answers with a JSON document.
artifacts:
  version: {json: {version: "1.4.0", breaking: false}}
steps:
  - {after: 500ms, launch: true}
  - {after: 500ms, deliver: true}
"""
KEPT = ("diagnostics.jsonl", "events.ndjson", "report.html", "result.json")
REVIEW = "Please review https://github.com/acme/web/pull/42"
GH = """#!/bin/sh
case "$*" in
  "api --paginate "*) ;;
  "pr list "*) echo 0 ;;
  "api repos/acme/web/pulls/12 "*) printf "is-fork=$IS_FORK\\nbranch=feature/login\\nbase=main\\n" ;;
  "api repos/"*/pulls/*) echo "open $TESTED" ;;
  "api repos/"*/issues/*) echo open ;;
  *) printf "gh:"; printf " <%s>" "$@"; echo ;;
esac
"""
"""All that is looked at before the start is as it should be; all else is printed. Other tests try
what gh is asked for.
"""
STAND_INS = {
    "gh": GH,
    "make": "#!/bin/sh\nexit 1\n",
}
WEB = {"id": 1, "full_name": "acme/web"}
HEAD: dict[str, object] = {"ref": "feature/login", "repo": WEB}
PULL_REQUEST = {"number": 7, "state": "open", "head": HEAD, "base": {"ref": "main", "repo": WEB}}
PERSON = {"id": 11, "login": "ada", "type": "User"}
STRANGER = {"id": 13, "login": "mallory", "type": "User"}
APP = {"id": 12, "type": "Bot"}


def run_example(
    image: str,
    folder: Path,
    workflow: str,
    emulator: Emulator,
    event: str = "workflow_dispatch",
    payload: Mapping[str, object] | None = None,
    *options: str,
    **given: Any,
) -> ActResult:
    """Run a workflow in a repository of its own, beside a repository with all examples as reusable
    workflows.
    """
    repository = workspace(folder / "repository", workflow, image)
    (repository / ".mogplex").mkdir()
    (repository / ".mogplex" / "version.schema.json").write_text(json.dumps(SCHEMA))
    shutil.copytree(ROOT / "examples" / "workflows", folder / "shared" / ".github" / "workflows")
    (folder / "upload-artifact").mkdir()
    (folder / "upload-artifact" / "action.yml").write_text(UPLOAD_STAND_IN)
    for name, script in STAND_INS.items():
        executable(folder / name, script)
    volumes = [f"--volume={folder / name}:/usr/local/bin/{name}:ro" for name in STAND_INS]
    return act(
        repository,
        f"--local-repository={UPLOAD}={folder / 'upload-artifact'}",
        f"--local-repository=acme/.github@main={folder / 'shared'}",
        f"--container-options={' '.join(volumes)}",
        *options,
        emulator=emulator,
        event=event,
        payload=payload or {},
        **given,
    )


FORK = {"ref": "main", "repo": {"id": 2, "full_name": "mallory/web"}}
ISSUE = {"title": "Login `$(id)`", "body": "It fails.\n"}
ASKED = {
    "number": 12,
    "state": "open",
    **ISSUE,
    "node_id": "I",
    "author_association": "NONE",
    "user": STRANGER,
}


def pushed(sender: Mapping[str, object], **head: object) -> dict[str, object]:
    pull_request = {**PULL_REQUEST, "head": {**HEAD, **head}, "labels": [{"name": "agent"}]}
    return {"pull_request": pull_request, "sender": sender}


def unlabeled(event: dict[str, object]) -> dict[str, object]:
    pull_request = event["pull_request"]
    assert isinstance(pull_request, dict)
    return {**event, "pull_request": {**pull_request, "labels": []}}


def of_bot(label: str) -> dict[str, object]:
    user = {**APP, "login": "dependabot[bot]"}
    pull_request = {**PULL_REQUEST, "user": user}
    return {
        "action": "labeled",
        "label": {"name": label},
        "pull_request": pull_request,
        "sender": PERSON,
    }


def labeled(label: str, sender: Mapping[str, object]) -> dict[str, object]:
    return {"action": "labeled", "label": {"name": label}, "issue": ASKED, "sender": sender}


def commented(body: str, association: str, *, on_pull_request: bool = False) -> dict[str, object]:
    comment = {"body": body, "node_id": "IC", "author_association": association, "user": PERSON}
    issue = {**ASKED, "pull_request": {}} if on_pull_request else ASKED
    return {"action": "created", "issue": issue, "comment": comment, "sender": PERSON}


def reviewed() -> dict[str, object]:
    review = {
        "body": "/agent Handle the empty list.",
        "node_id": "R",
        "author_association": "MEMBER",
        "user": PERSON,
    }
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
    comment: str = ""
    """A part of the comment of ``comment-on``, if there is one."""
    job_fails: bool = False


ON_FEATURE = {"working_branch": "feature/login", "create_branch": False}
COMMENT = "/agent Mend `$(id)` here"
COMMENTED = Started(
    EXAMPLES["comment"],
    "issue_comment",
    commented(COMMENT, "MEMBER"),
    prompt=["\n\nIt fails.\n```", f"```text\n{COMMENT}\n```"],
    comment="https://github.com/acme/web/pull/42",
)
LABELED = Started(
    EXAMPLES["label"],
    "issues",
    labeled("agent", PERSON),
    prompt=["Solve issue #12 of this repository", "```text\nLogin `$(id)`\n\nIt fails.\n```"],
    comment="https://github.com/acme/web/pull/42",
)
CHOSEN_LABEL = CALLER.format(
    on="{issues: {types: [labeled]}}", name="label", inputs="{label: robot}"
)
OWN_PROMPT = CALLER.format(
    on="{schedule: [{cron: 17 3 * * *}]}",
    name="nightly",
    inputs="{name: tests, prompt: Run the tests., checks: test}",
)
STARTED = {
    "a label": LABELED,
    "nightly": Started(EXAMPLES["nightly"], "schedule", {}, ["Update the dependencies"]),
    "a failing build": Started(
        FAILED_BUILD,
        "pull_request",
        pushed(PERSON),
        request={**ON_FEATURE, "base_branch": "main"},
        answer="gh: <pr> <comment> <7> <--repo> <acme/web> <--body> <An agent changed this branch",
        job_fails=True,
    ),
    "a member's comment": COMMENTED,
    "nightly, the caller's prompt": Started(OWN_PROMPT, "schedule", {}, ["Run the tests."]),
    "the caller's label": Started(
        CHOSEN_LABEL, "issues", labeled("robot", PERSON), comment=LABELED.comment
    ),
    # As the event has it when the membership is private.
    "a private member's comment": COMMENTED._replace(payload=commented(COMMENT, "CONTRIBUTOR")),
    "a review": Started(
        EXAMPLES["review"],
        "pull_request_review",
        reviewed(),
        ["```text\n/agent Handle the empty list.\n```"],
        ON_FEATURE,
        "",
        "**Run succeeded**",
    ),
    "a fork's pull request": Started(
        EXAMPLES["fork-review"],
        "pull_request_target",
        to_review(),
        ["`git fetch origin pull/7/head`"],
        request={"mode": "SAFE"},
        comment="all 24 tests pass",
    ),
    "a bot's pull request": Started(
        EXAMPLES["bot"],
        "pull_request",
        of_bot("adapt"),
        (),
        ON_FEATURE,
    ),
    "a comment with a line break": COMMENTED._replace(
        payload=commented(f"/agent\r\n{COMMENT[7:]}", "MEMBER"), prompt=["/agent\nMend"]
    ),
    "a comment on a pull request": COMMENTED._replace(
        payload=commented(COMMENT, "MEMBER", on_pull_request=True),
        request={**ON_FEATURE, "base_branch": "main"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STARTED)
def test_an_event_starts_one_run_and_is_answered(
    image: str, tmp_path: Path, api: GitHub, name: str
) -> None:
    case = STARTED[name]
    api.permissions["ada"] = "write"
    with Emulator("success", speed=20) as emulator:
        is_fork = "--env=IS_FORK=false"
        done = run_example(
            image, tmp_path, case.workflow, emulator, case.event, case.payload, is_fork, api=api
        )
        (run,) = emulator.runs
    assert (done.exit_code != 0) is case.job_fails, done.log
    assert [part for part in case.prompt if part not in run.prompt] == []
    assert {field: getattr(run.request, field) for field in case.request} == case.request
    answers = [line for line in done.lines() if line.startswith("gh: ")]
    if case.answer:
        assert [case.answer in answer for answer in answers] == [True]
    assert [case.comment in str(comment["body"]) for comment in api.comments] == (
        [True] if case.comment else []
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workflow", "event", "payload", "job_fails"),
    [
        pytest.param(FAILED_BUILD, "pull_request", pushed(PERSON, **FORK), True, id="a fork"),
        pytest.param(FAILED_BUILD, "pull_request", pushed(APP), True, id="the agent's own push"),
        pytest.param(
            EXAMPLES["label"],
            "issues",
            labeled("agent", STRANGER),
            True,
            id="a label of an issue form",
        ),
        pytest.param(
            EXAMPLES["label"], "issues", labeled("bug", PERSON), False, id="another label"
        ),
        pytest.param(
            EXAMPLES["comment"],
            "issue_comment",
            commented(COMMENT, "NONE"),
            False,
            id="an outsider",
        ),
        pytest.param(
            EXAMPLES["comment"],
            "issue_comment",
            commented("Ask /agent ", "MEMBER"),
            False,
            id="no order",
        ),
        pytest.param(
            EXAMPLES["comment"],
            "issue_comment",
            commented("/agents are good", "MEMBER"),
            False,
            id="another word",
        ),
        pytest.param(
            EXAMPLES["comment"],
            "issue_comment",
            commented(COMMENT, "MEMBER", on_pull_request=True),
            False,
            id="a comment on a fork's pull request",
        ),
        pytest.param(
            FAILED_BUILD,
            "pull_request",
            unlabeled(pushed(PERSON)),
            True,
            id="a failing build without the label",
        ),
        pytest.param(
            EXAMPLES["bot"], "pull_request", of_bot("dependencies"), False, id="a bot's own label"
        ),
        pytest.param(
            FAILED_BUILD,
            "pull_request",
            {**pushed(PERSON), "action": "labeled", "label": {"name": "docs"}},
            True,
            id="another label of a failing build",
        ),
        pytest.param(
            EXAMPLES["label"],
            "issues",
            {**labeled("agent", PERSON), "issue": {**ASKED, "state": "closed"}},
            False,
            id="a label of a closed issue",
        ),
        pytest.param(
            EXAMPLES["fork-review"],
            "pull_request_target",
            {**to_review(), "pull_request": PULL_REQUEST},
            False,
            id="the repository's own pull request",
        ),
    ],
)
def test_an_event_starts_nothing(
    image: str,
    tmp_path: Path,
    api: GitHub,
    workflow: str,
    event: str,
    payload: Mapping[str, object],
    job_fails: bool,
) -> None:
    with Emulator("success", speed=20) as emulator:
        is_fork = "--env=IS_FORK=true"
        done = run_example(image, tmp_path, workflow, emulator, event, payload, is_fork, api=api)
        assert emulator.requests == []
    assert (done.exit_code != 0) is job_fails, done.log
    assert not any(line.startswith("gh: ") for line in done.lines())


@pytest.mark.slow
def test_a_rehearsal_does_nothing_outside(image: str, tmp_path: Path, api: GitHub) -> None:
    key = "          api-key: ${{ secrets.MOGPLEX_API_KEY }}\n"
    workflow = EXAMPLES["merge"].replace(key, f"{key}          dry-run: true\n")
    task = {"inputs": {"task": "Fix it"}}
    with Emulator("success", speed=20) as emulator:
        done = run_example(image, tmp_path, workflow, emulator, payload=task, api=api)
        assert emulator.requests == []
    assert not any(line.startswith("gh: ") for line in done.lines()), done.log
    assert "pull/" not in "".join(line for line in done.lines() if line.startswith("acme/web "))


@pytest.mark.slow
def test_a_run_is_followed_whatever_became_of_the_build(image: str, tmp_path: Path) -> None:
    workflow = EXAMPLES["start-and-wait"].replace('echo "Build here"', "exit 1")
    assert "exit 1" in workflow
    with Emulator("success", speed=20) as emulator:
        done = run_example(image, tmp_path, workflow, emulator)
    assert done.exit_code == 1
    assert REVIEW in done.lines()


@pytest.mark.slow
def test_the_example_for_forgejo(image: str, tmp_path: Path) -> None:
    """Its runner is made of act. It names the action by its whole address."""
    with Emulator("success", speed=20) as emulator:
        workflow = FORGEJO.replace("https://github.com/mogplex/", "mogplex/")
        options = [f"--platform=docker={BASE}", "--env=FORGEJO_ACTIONS=true"]
        done = run_example(image, tmp_path, workflow, emulator, "workflow_dispatch", {}, *options)
        (run,) = emulator.runs
    assert done.exit_code == 0, done.log
    assert run.key.startswith("forgejo-")
    assert REVIEW in done.lines()


@pytest.mark.slow
def test_each_folder_has_its_own_run(image: str, tmp_path: Path) -> None:
    has_jq = f"--platform=ubuntu-latest={image}"  # as GitHub's own machines have
    payload = {"inputs": {"prompt": "Tidy up"}}
    with Emulator("success", speed=10) as emulator:
        done = run_example(
            image, tmp_path, EXAMPLES["monorepo"], emulator, "workflow_dispatch", payload, has_jq
        )
        assert {(run.prompt, run.status) for run in emulator.runs} == {("Tidy up", "success")}
        folders = sorted(str(run.request.root_directory) for run in emulator.runs)
    assert done.exit_code == 0, done.log
    assert folders == ["packages/api", "packages/web"]


TOLD: dict[str, tuple[str, str, list[str]]] = {
    "outputs": (
        EXAMPLES["outputs"],
        "success",
        [
            r"Run \S+: success",
            "Error: none",
            rf"{REVIEW} \(branch mogplex/.*",
        ],
    ),
    "report": (EXAMPLES["report"], "failed", [f"mogplex/{name}" for name in KEPT]),
    "answer": (EXAMPLES["artifact"], ANSWERS, ["The next version is 1.4.0, breaking false"]),
    "start and wait": (
        EXAMPLES["start-and-wait"],
        "success",
        [r"Following existing run \S+ \(.*", REVIEW],
    ),
    "rehearsal": (REHEARSAL, "success", []),
}
"""By example: the workflow, what runs play, and patterns of lines that later steps and jobs
print.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD)
def test_later_steps_and_jobs_have_what_the_run_gave(image: str, tmp_path: Path, name: str) -> None:
    workflow, scenario, told = TOLD[name]
    (tmp_path / "scenario.yaml").write_text(scenario)
    event = "push" if "on: push" in workflow else "workflow_dispatch"
    with Emulator(
        tmp_path / "scenario.yaml" if "\n" in scenario else scenario, speed=20
    ) as emulator:
        done = run_example(
            image, tmp_path, workflow, emulator, event, {"inputs": {"prompt": "Fix it"}}
        )
        assert (emulator.requests == []) == (name == "rehearsal")
    assert done.exit_code == (1 if scenario == "failed" else 0), done.log
    assert [
        line for line in told if not any(re.fullmatch(line, shown) for shown in done.lines())
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "work", "said"),
    [
        ("no-change", NOTHING, "The run changed no files"),
        (
            "success",
            Work(
                {".github/workflows/ci.yml": "on: never"}, checks=Look([check("test", "success")])
            ),
            "Merging the branch would change a protected path: .github/workflows/ci.yml",
        ),
    ],
)
def test_an_update_without_the_right_change_fails_the_job(
    image: str, tmp_path: Path, api: GitHub, scenario: str, work: Work, said: str
) -> None:
    with Emulator(scenario, speed=20) as emulator:
        done = run_example(
            image, tmp_path, EXAMPLES["nightly"], emulator, "schedule", api=api, works=[work]
        )
    assert done.exit_code == 1
    assert said in done.log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "code"),
    [({"CHANGELOG.md": "## 1.2.3"}, 0), ({"CHANGELOG.md": "## 1.2.3", "a.ts": "new"}, 1)],
    ids=["the changelog", "another file, too"],
)
def test_release_notes_change_the_changelog_alone(
    image: str, tmp_path: Path, api: GitHub, files: dict[str, str], code: int
) -> None:
    tag = {"inputs": {"tag": "v1.2.3"}}
    with Emulator("success", speed=20) as emulator:
        notes = EXAMPLES["release-notes"]
        done = run_example(
            image, tmp_path, notes, emulator, payload=tag, api=api, works=[Work(files)]
        )
        (run,) = emulator.runs
    assert done.exit_code == code, done.log
    assert "the tag v1.2.3" in run.prompt
    assert ("a.ts" in done.log) is bool(code)


@pytest.mark.slow
def test_a_task_is_worked_on_until_its_checks_are_green(
    image: str, tmp_path: Path, api: GitHub
) -> None:
    red, green = Look([check("test", "failure")]), Look([check("test", "success")])
    works = Work({"a.ts": "broken"}, checks=red), Work({"a.ts": "mended"}, checks=green)
    with Emulator("success", speed=20) as emulator:
        task = {"inputs": {"task": "Fix"}}
        until_green = EXAMPLES["until-green"]
        done = run_example(
            image, tmp_path, until_green, emulator, payload=task, api=api, works=works
        )
        first, second = emulator.runs
    assert done.exit_code == 0, done.log
    assert second.request.working_branch == first.request.working_branch
    assert "Round 2 of 3:\xa0A check failed:\xa0test" in done.lines()
