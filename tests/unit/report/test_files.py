"""Files that are written whole, in a workspace that somebody else has prepared."""

from __future__ import annotations

import stat
from pathlib import Path

from mogplex_ci.workspace import write_whole


def test_a_file_is_replaced_whole_and_others_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("an earlier one")
    write_whole(path, "{}")
    assert path.read_text() == "{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_in_the_workspace_leads_the_text_elsewhere(tmp_path: Path) -> None:
    workspace, precious = tmp_path / "workspace", tmp_path / "precious"
    workspace.mkdir()
    precious.write_text("precious")
    for name in ("result.json", ".result.json.partial", ".result.json.tmp", "result.json.tmp"):
        (workspace / name).symlink_to(precious)
    write_whole(workspace / "result.json", "{}")
    assert precious.read_text() == "precious"
    assert (workspace / "result.json").read_text() == "{}"
