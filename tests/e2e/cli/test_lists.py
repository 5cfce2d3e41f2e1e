"""`mogplex repos list`, `agents list`, `skills list`: what a run can use; and `runs artifact`: what
it committed.
"""

from __future__ import annotations

import json

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator

REPOS = """\
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002  acme/api   main
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003  acme/mono  develop  root=apps/web
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001  acme/web   main
"""
AGENTS = """\
preset:Code Reviewer                  Code Reviewer     anthropic/claude-sonnet-4.5  Reviews pull requests
3d5e8a10-6a51-4c5e-8f51-7b1de0a50001  Release Engineer  openai/gpt-5                 -
"""
SKILLS = "release-notes  library  Release Notes  How this team writes them\n"
SCENARIO = """\
steps:
  - {status: success}
artifacts:
  report: {json: {passed: 12, note: "npm_{{ x }}"}}
variables:
  x: [ABCDEFGHIJKLMNOPQR, STUVWXYZ0123456789]
"""
UNUSUAL = [
    {"id": "id-1", "full_name": name}
    for name in ("acme/web", "acme/a;rm -rf ~", "acme/`id`", "acme/${{ x }}")
]
HIDDEN = [
    {"id": "1", "full_name": "acme/attic", "default_branch": "main", "hidden": True},
    {"id": "2", "full_name": "acme/web", "default_branch": "main", "hidden": False},
]
LEFT_OUT = "hidden repositories (1) are left out: they were removed from Mogplex's dashboard"
MANY = [{"id": f"id-{number}", "full_name": f"acme/r{number}"} for number in range(200)]
MANY_LINES = [f"{repo['id']:<6}  {repo['full_name']:<9}  -" for repo in MANY]


@pytest.mark.parametrize(
    ("command", "out", "err"),
    [
        ("repos list", REPOS, ""),
        ("agents list", AGENTS, ""),
        ("skills list", SKILLS, ""),
        ("repos list --matrix", '["acme/api","acme/mono","acme/web"]\n', ""),
        ("repos list --q nobody/ --matrix", "[]\n", "warning: nothing found\n"),
        ("skills list --q nothing", "", "warning: nothing found\n"),
    ],
)
def test_what_is_listed(terminal: Terminal, command: str, out: str, err: str) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex(*command.split())
    assert (ended.code, ended.out, ended.err) == (0, out, err)


@pytest.mark.parametrize(
    ("command", "key", "values"),
    [
        ("repos list --q MONO", "full_name", ["acme/mono"]),
        ("agents list", "id", ["preset:Code Reviewer", "3d5e8a10-6a51-4c5e-8f51-7b1de0a50001"]),
        ("skills list --repo acme/web --q style", "slug", ["review-style"]),
    ],
)
def test_json_is_one_object_a_line(
    terminal: Terminal, command: str, key: str, values: list[str]
) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex(*command.split(), "--json")
    assert ([json.loads(line)[key] for line in ended.out.splitlines()], ended.err) == (values, "")


@pytest.mark.parametrize(
    ("repos", "flags", "lines", "warning"),
    [
        (UNUSUAL, ["--matrix"], ['["acme/web"]'], "3 repositories with unusual names are left out"),
        (HIDDEN, ["--matrix"], ['["acme/web"]'], LEFT_OUT),
        (HIDDEN, [], ["1  acme/attic  main  hidden", "2  acme/web    main"], None),
        (MANY, [], MANY_LINES, "only the first 200 are listed; narrow them with --q"),
    ],
)
def test_what_is_left_out_is_said(
    terminal: Terminal,
    repos: list[dict[str, str]],
    flags: list[str],
    lines: list[str],
    warning: str | None,
) -> None:
    with Emulator("success") as emulator:
        emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": repos}})
        ended = terminal.against(emulator).mogplex("repos", "list", *flags)
    assert (ended.out.splitlines(), ended.err) == (
        lines,
        f"warning: {warning}\n" if warning else "",
    )


def test_a_list_that_cannot_be_narrowed_is_only_said_to_be_cut(terminal: Terminal) -> None:
    agents = [{"id": f"a-{number}", "name": "A", "model": "m"} for number in range(200)]
    with Emulator("success") as emulator:
        emulator.inject("agents", status=200, body={"ok": True, "data": {"agents": agents}})
        ended = terminal.against(emulator).mogplex("agents", "list")
    assert (ended.code, ended.out.count("\n")) == (0, 200)
    assert ended.err == "warning: only the first 200 are listed\n"


def test_a_hidden_repository_can_be_named_and_is_said_to_be_one(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ids = (f"5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d000{number}" for number in range(9))
        repos = [repo | {"id": repo_id} for repo, repo_id in zip(HIDDEN, ids, strict=False)]
        body = {"ok": True, "data": {"repos": repos}}
        emulator.inject("repos", status=200, body=body, times="always")
        terminal.against(emulator)
        for name, is_hidden in (("acme/attic", True), ("acme/web", False)):
            ended = terminal.mogplex("sandboxes", "list", "--repo", name)
            warning = f"warning: {name} is hidden: it was removed from Mogplex's dashboard\n"
            assert (warning in ended.err) is is_hidden


def test_names_of_others_do_no_harm(terminal: Terminal) -> None:
    agents = [
        {
            "id": "preset:\x1b[2J::error::",
            "name": "a\n##vso[x]",
            "model": 7,
            "description": "npm_" + "aB3" * 12,
        }
    ]
    with Emulator("success") as emulator:
        emulator.inject(
            "agents", status=200, body={"ok": True, "data": {"agents": agents}}, times="always"
        )
        ended = terminal.against(emulator).mogplex("agents", "list")
    (line,) = ended.out.splitlines()
    assert line.startswith("preset:")
    assert not any(text in line for text in ("\x1b", "##vso", "aB3aB3"))


@pytest.mark.parametrize("name", ["report", "report.json", ".mogplex/artifacts/report.json"])
def test_an_artifact_is_one_clean_line_of_json(terminal: Terminal, name: str) -> None:
    with terminal.run(SCENARIO, "--create-branch") as (run_id, _):
        ended = terminal.mogplex("runs", "artifact", run_id, name)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert json.loads(ended.out) == {"passed": 12, "note": "***"}


@pytest.mark.parametrize(
    ("flags", "name", "told"),
    [
        (["--create-branch"], "coverage", ["NOT_FOUND", "git add --force"]),
        (
            [],
            "report",
            ["the run's state does not allow this (CONFLICT)"],
        ),  # it has no branch of its own
    ],
)
def test_an_artifact_that_is_not_there(
    terminal: Terminal, flags: list[str], name: str, told: list[str]
) -> None:
    with terminal.run(SCENARIO, *flags) as (run_id, _):
        ended = terminal.mogplex("runs", "artifact", run_id, name)
    assert (ended.code, ended.out, "idempotency" in ended.err) == (1, "", False)
    assert [text for text in told if text not in ended.err] == []
