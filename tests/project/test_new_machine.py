"""``.ci/run`` on machines that lack tools; apt-get, the tools and make are stand-ins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.program import ROOT, executable

TOOLS = (
    *(
        "chromium",
        "debootstrap",
        "docker",
        "docker-registry",
        "dockerd",
        "git",
        "jq",
        "node",
        "npm",
    ),
    *("oras", "python3", "rsync", "shellcheck", "skopeo"),
)
APT_GET = r"""#!/bin/bash
echo "$*" >>"$LOG"
list=$(grep --only-matching --perl-regexp 'SourceList=\K\S+' <<<"$*")
case "$*" in
  indextargets*) # it fills in what the source and the lists tell, and a label is in the lists
    [ -e "$FOLDER/lists" ] || exit 0
    format=$3
    format=${format//'$(REPO_URI)'/http://deb.debian.org/debian/}
    echo "${format//'$(SIGNED_BY)'/$SIGNED_BY}" ;;
  update*forky*) cp "$list" "$FOLDER/forky.list" ;;
  update*) touch "$FOLDER/lists" ;;
  install*cosign) printf '#!/bin/sh\necho --use-signing-config\n' >"$FOLDER/bin/cosign" ;;
esac
"""
WITH_KEY = (
    "deb [signed-by=/usr/share/keyrings/debian.pgp] http://deb.debian.org/debian/ forky main\n"
)
WITHOUT_KEY = "deb http://deb.debian.org/debian/ forky main\n"


@pytest.mark.parametrize("missing", [None, "jq"])
@pytest.mark.parametrize(
    ("key", "source"),
    [
        pytest.param("/usr/share/keyrings/debian.pgp", WITH_KEY, id="sources with a key"),
        pytest.param("$(SIGNED_BY)", WITHOUT_KEY, id="sources without: apt fills nothing in"),
    ],
)
def test_a_new_machine_gets_what_it_lacks(
    tmp_path: Path, missing: str | None, key: str, source: str
) -> None:
    """Without lists of packages, as images of Debian come."""
    folder = tmp_path / "bin"
    for tool in (*TOOLS, "cosign", "make"):
        executable(folder / tool, '#!/bin/sh\n[ "$1" != fail ]\n')
    executable(folder / "apt-get", APT_GET)
    if missing is not None:
        hide = f'command() {{ [ "$2" != {missing} ] && builtin command "$@"; }}\n'
        (tmp_path / "env.sh").write_text(hide)
    log = tmp_path / "log"
    env = {
        "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
        "BASH_ENV": str(tmp_path / "env.sh"),
        "FOLDER": str(tmp_path),
        "LOG": str(log),
        "SIGNED_BY": key,
    }
    done = subprocess.run(
        [ROOT / ".ci" / "run", "demo"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), log.read_text()
    assert (tmp_path / "forky.list").read_text() == source
    installed = [line.split()[4:] for line in log.read_text().splitlines() if line[:7] == "install"]
    assert [words[-1:] for words in installed] == [[missing] if missing else [], ["cosign"]]
