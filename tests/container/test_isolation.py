"""The built image in a hostile workspace: no code of the workspace runs, whichever way the program
is started.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.container.images import ROOT, docker
from tests.emulator import Emulator
from tests.slow import mostly_slow

pytestmark = pytest.mark.container

SCENARIO = ROOT / "tests/e2e/scenarios/artifact.yaml"
STEP = "--repo acme/web --prompt Test --artifact report --artifact-schema schema.json"
"""The artifact is checked in a child process, which must not import anything of the workspace
either.
"""
INPUTS = {
    "INPUT_DRY-RUN": "no-change",
    "INPUT_REPO": "acme/web",
    "INPUT_PROMPT": "Fix it",
}
"""Of ``main.py`` and ``post.py``, to which GitHub passes no flags."""
SHADOWED = ("json", "mogplex_ci", "requests", "signal", "sitecustomize", "usercustomize", "yaml")
"""Modules that the program or every start of Python imports, the program itself among them."""
WAYS_IN = {
    "the entry point": STEP.split(),
    "mogplex-ci": ["mogplex-ci", "action", *STEP.split()],
    "mogplex": ["mogplex", "action", *STEP.split()],
    "mogplex-ci in a shell": ["sh", "-c", f"mogplex-ci action {STEP}"],
    "mogplex in a shell": ["bash", "-c", f"mogplex action {STEP}"],
    "main.py": ["/app/main.py"],
    "post.py": ["/app/post.py"],
}
MARK = "code of the workspace ran"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A workspace with modules that give themselves away, and a home whose user site does the
    same.
    """
    code = f"import os\nos.write(2, b'{MARK}: ' + __name__.encode() + b'\\n')\n"
    home = tmp_path / "home"
    site = home / ".local/lib/python3.13/site-packages"
    site.mkdir(parents=True)
    (site / "run.pth").write_text(f"import os; os.write(2, b'{MARK}: a .pth file\\n')\n")
    for folder in (tmp_path, site):
        for name in SHADOWED:
            (folder / f"{name}.py").write_text(code)
    schema = {"type": "object", "properties": {"version": {"pattern": "^[0-9.]+$"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    return tmp_path


def in_hostile_workspace(image: str, workspace: Path, command: list[str]) -> tuple[int, str]:
    """Run a command in the image as a job would, with variables that point Python to the workspace.

    Returns:
        Its exit code, and what it wrote to stdout and stderr.
    """
    variables = {
        "PYTHONPATH": ".:/workspace",
        "PYTHONSTARTUP": "/workspace/sitecustomize.py",
        "PYTHONUSERBASE": "/workspace/home/.local",
        "PYTHONINSPECT": "1",
        "HOME": "/workspace/home",
        **INPUTS,
    }
    options = [f"--env={name}={value}" for name, value in variables.items()]
    mounted = [f"--volume={workspace}:/workspace", "--workdir=/workspace", "--network=host"]
    with Emulator(SCENARIO, speed=20) as emulator:
        service = [f"--env=MOGPLEX_URL={emulator.url}", f"--env=MOGPLEX_API_KEY={emulator.token}"]
        done = subprocess.run(
            ["docker", "run", "--rm", *mounted, *options, *service, image, *command],
            capture_output=True,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("way", mostly_slow(WAYS_IN, every=len(WAYS_IN)))
def test_no_code_of_the_workspace_runs(image: str, hostile: Path, way: str) -> None:
    code, said = in_hostile_workspace(image, hostile, WAYS_IN[way])
    assert MARK not in said
    assert code == 0, said


@pytest.mark.slow
def test_the_trap_works(image: str, hostile: Path) -> None:
    """A plain Python in the same workspace does run its code."""
    _, said = in_hostile_workspace(image, hostile, ["python", "-c", "import requests"])
    for name in ("sitecustomize", "requests"):
        assert f"{MARK}: {name}" in said


def test_it_says_that_it_is_isolated(image: str) -> None:
    for name in ("mogplex", "mogplex-ci"):
        first_line = docker("run", "--rm", image, "sh", "-c", f"head -n 1 /app/bin/{name}")
        assert first_line == "#!/app/bin/python -Iu"
