"""What a machine brings does not reach the tests."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT

BROUGHT = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "localhost",
    "LC_ALL": "de_DE.UTF-8",
    "LANG": "de_DE.UTF-8",
    "GIT_DIR": "/somewhere/.git",
    "MOGPLEX_API_KEY": "mog_of_the_developer",
    "INPUT_PROMPT": "Fix it",
}
ASK = """
import json, os
from tests import machine
machine.clear()
machine.clear()  # as each worker does, which inherits what is left
left = dict(os.environ)
umask = os.umask(0)
print(json.dumps([left, umask, machine.environment()]))
"""


def test_the_machines_variables_and_umask_are_cleared_and_its_tools_keep_them() -> None:
    brought = BROUGHT | {name: "x" for env in ENVIRONMENTS.values() for name in env}
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **brought},
        capture_output=True,
        text=True,
        umask=0o077,
        check=True,
    )
    left, umask, of_tools = json.loads(done.stdout)
    assert left.keys() & brought.keys() == {"LANG"}, (
        "add how the variables of a new CI system begin to _OF_CI in tests/machine.py"
    )
    assert (left["LANG"], umask) == ("C.UTF-8", 0o022)
    assert {name: of_tools[name] for name in brought} == brought
