"""`mogplex repos list`: the repositories on which the token can start runs."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cli.terminal import Terminal
from tests.emulator import Emulator
from tests.program import Ended

REPOS = """\
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002  acme/api   main
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003  acme/mono  develop  root=apps/web
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001  acme/web   main
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


def test_what_is_listed(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        terminal.against(emulator)
        assert terminal.mogplex("repos", "list") == Ended(0, REPOS, "")
        matrix = '["acme/api","acme/mono","acme/web"]\n'
        assert terminal.mogplex("repos", "list", "--matrix") == Ended(0, matrix, "")
        ended = terminal.mogplex("repos", "list", "--json")
    names = [json.loads(line)["full_name"] for line in ended.out.splitlines()]
    assert (names, ended.err) == (["acme/api", "acme/mono", "acme/web"], "")


@pytest.mark.parametrize(
    ("repos", "flags", "lines", "warning"),
    [
        (UNUSUAL, ["--matrix"], ['["acme/web"]'], "3 repositories with unusual names are left out"),
        (HIDDEN, ["--matrix"], ['["acme/web"]'], LEFT_OUT),
        ([], ["--matrix"], ["[]"], "nothing found"),
        (HIDDEN, [], ["1  acme/attic  main  hidden", "2  acme/web    main"], None),
        (
            MANY,
            [],
            MANY_LINES,
            "only the first 200 are listed; owner/name is enough to use any other",
        ),
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


def test_a_hidden_repository_can_be_named_and_is_said_to_be_one(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ids = (f"5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d000{number}" for number in range(9))
        repos = [repo | {"id": repo_id} for repo, repo_id in zip(HIDDEN, ids, strict=False)]
        body = {"ok": True, "data": {"repos": repos}}
        emulator.inject("repos", status=200, body=body, times="always")
        terminal.against(emulator)
        for name, is_hidden in (("acme/attic", True), ("acme/web", False)):
            ended = terminal.mogplex("run", "--repo", name, "Fix it")
            warning = f"warning: {name} is hidden: it was removed from Mogplex's dashboard\n"
            assert (warning in ended.err) is is_hidden


def test_names_of_others_do_no_harm(terminal: Terminal) -> None:
    repos = [
        {"id": "1", "full_name": "a\n##vso[x]", "default_branch": "npm_" + "aB3" * 12},
        {"id": "2", "full_name": "b " * 51, "default_branch": None, "root_directory": "\x1b[2J"},
    ]
    with Emulator("success") as emulator:
        emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": repos}})
        ended = terminal.against(emulator).mogplex("repos", "list")
    assert ended.out.count("\n") == 2
    assert not any(text in ended.out for text in ("\x1b", "##vso", "aB3aB3"))
    assert "b " * 40 in ended.out
    assert "b " * 51 not in ended.out, "a name has up to a hundred characters"
