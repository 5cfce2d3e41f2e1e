"""`mogplex repos list`, and the matrix it makes for a fleet of repositories."""

from __future__ import annotations

import json
from pathlib import Path

from mogplex_ci.emulator import Emulator
from tests.e2e.cli.terminal import Terminal

TABLE = """\
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0002  acme/api   main
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003  acme/mono  develop  root=apps/web
5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001  acme/web   main
"""


def test_a_table(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("repos", "list")
    assert (ended.code, ended.out, ended.err) == (0, TABLE, "")


def test_one_object_a_line(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).shell("mogplex repos list --q MONO --json | jq -r '.id, .full_name'")
    assert ended.out == "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0003\nacme/mono\n"


def test_a_matrix_is_one_line(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("repos", "list", "--matrix")
    assert (ended.out, ended.err) == ('["acme/api","acme/mono","acme/web"]\n', "")


def test_nothing_found_is_an_empty_matrix_and_a_warning(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("repos", "list", "--q", "nobody/", "--matrix")
    assert (ended.code, ended.out, ended.err) == (0, "[]\n", "warning: no repository found\n")


def test_names_that_a_workflow_should_not_see_stay_out(terminal: Terminal, tmp_path: Path) -> None:
    names = ["acme/web", "acme/a;rm -rf ~", "acme/`id`", "acme/${{ secrets.X }}"]
    repos = [
        {"id": f"5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d000{number}", "full_name": name} for number, name in enumerate(names)
    ]
    with Emulator("success") as emulator:
        emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": repos}})
        ended = terminal.against(emulator).mogplex("repos", "list", "--matrix")
    assert json.loads(ended.out) == ["acme/web"]
    assert ended.err == "warning: 3 repositories with unusual names are left out\n"


def test_a_full_list_says_so(terminal: Terminal) -> None:
    repos = [{"id": f"id-{number}", "full_name": f"acme/r{number}"} for number in range(200)]
    with Emulator("success") as emulator:
        emulator.inject("repos", status=200, body={"ok": True, "data": {"repos": repos}})
        ended = terminal.against(emulator).mogplex("repos", "list")
    assert len(ended.out.splitlines()) == 200
    assert ended.err == "warning: only the first 200 repositories are listed; narrow them with --q\n"
