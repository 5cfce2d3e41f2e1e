"""A gate that is planted into a copy of the program works from its row, its judge and its input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci_environments import ENVIRONMENTS
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub
from tests.program import ROOT, run_client

TABLE = Path("mogplex_ci/gate_kinds.py")
JUDGES = Path("mogplex_ci/gates/__init__.py")
JUDGE = Path("mogplex_ci/gates/licence.py")
INPUTS = Path("mogplex_ci/schemas/inputs.schema.json")
ROW = """
LICENCE: Final = GateKind(
    "licence",
    "NO_LICENCE",
    lambda inputs: f"the licence {inputs.licence} in {inputs.repo}",
    "contents: read",
    has_input=True,
    is_for_github=True,
)
GATES: Final = (LICENCE, """
FIELDS = """
    @property
    def licence(self) -> str | None: ...

    @property
    def repo(self) -> str | None: ...


class GateKind("""
WRITTEN_JUDGE = '''
"""The judge of ``licence``."""

from mogplex_ci.gates.verdict import Verdict
from mogplex_ci.untrusted import Untrusted


def judge_licence(case):
    if case.inputs.licence == "MIT":
        return Verdict.of("it kept its licence")
    return Verdict.rejected("it changed its licence", "Put it back.", Untrusted("LICENSE"))
'''
OF_TABLE = "_JUDGES: Final[Mapping[GateKind, Callable[[Case], Verdict]]] = {"
JOINED = f"""
from mogplex_ci.gates.licence import judge_licence

{OF_TABLE}
    gate_kinds.LICENCE: judge_licence,"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a copy with one more gate, planted in four files."""
    folder = tmp_path_factory.mktemp("planted")
    for name in ("mogplex_ci", "scripts", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("entrypoint.py", "action.yml"):
        shutil.copy(ROOT / name, folder)
    replace(folder / TABLE, "\nGATES: Final = (", ROW)
    replace(folder / TABLE, "\nclass GateKind(", FIELDS)
    replace(folder / JUDGES, OF_TABLE, JOINED)
    (folder / JUDGE).write_text(WRITTEN_JUDGE, encoding="utf-8")
    schema = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
    schema["properties"]["licence"] = {
        **schema["properties"]["artifact"],
        "$ref": "#/$defs/line",
        "description": "Licence that the repository keeps. Default: none.",
    }
    (folder / INPUTS).write_text(json.dumps(schema), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "scripts.reference"], cwd=folder, check=True)
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old} in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(program: Path, folder: Path, **variables: str) -> tuple[int, str]:
    """Run a job of GitLab that asks for the gate; return its exit code and its log."""
    env = {name: value.format(folder=folder) for name, value in ENVIRONMENTS["gitlab"].items()} | {
        "CI_PROJECT_DIR": str(folder),
        "MOGPLEX_PROMPT": "Fix it",
        "MOGPLEX_REPO": "acme/web",
    }
    command = [sys.executable, str(program / "entrypoint.py")]
    return run_client(command, folder, env | {"MOGPLEX_LICENCE": "MIT"} | variables)


def test_without_a_token_nothing_is_started(program: Path, tmp_path: Path) -> None:
    code, log = run(program, tmp_path, MOGPLEX_API_KEY="mog_EmulatorTokenOpensNothingReal000")
    assert (code, "is missing, but needed for licence." in log) == (2, True), log


@pytest.mark.parametrize(
    ("licence", "exit_code", "words"),
    [
        ("MIT", 0, "✔ licence: It kept its licence"),
        ("GPL", 1, "licence: It changed its licence: LICENSE. Put it back."),
    ],
)
def test_a_planted_gate_passes_and_rejects_in_its_own_words(
    program: Path, tmp_path: Path, licence: str, exit_code: int, words: str
) -> None:
    with GitHub() as github, Emulator(speed=50) as emulator:
        github.works_for(emulator)
        code, log = run(
            program,
            tmp_path,
            MOGPLEX_LICENCE=licence,
            MOGPLEX_GITHUB_TOKEN=TOKEN,
            MOGPLEX_API_KEY=emulator.token,
            MOGPLEX_BASE_URL=emulator.url,
            GITHUB_API_URL=github.url,
        )
    assert words in log, log
    assert ("NO_LICENCE" in log) is (exit_code == 1)
    assert ("#no_licence" in log) is (exit_code == 1)
    assert code == exit_code
