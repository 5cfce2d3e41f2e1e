"""The header of the step, as GitHub's runner prints it: each input that has a value, the defaults
of action.yml too (actions/runner, src/Runner.Worker/Handlers/Handler.cs).
"""

import json
from pathlib import Path

import pytest

from tests.container.act import MATRIX, WORKFLOW, act, workspace
from tests.container.images import BASE
from tests.slow import mostly_slow

pytestmark = pytest.mark.container
CONTEXT = "job-context"


def header(folder: Path, workflow: str) -> dict[str, str]:
    """Return the inputs that have a value.

    act prints no header: a program in the action's place prints what it gets.
    """
    repository = workspace(folder, workflow, BASE)
    action = repository / "action.yml"
    text = action.read_text(encoding="utf-8")
    for ours, other in (("/app/main.py", "/usr/bin/env"), ("/app/post.py", "/bin/true")):
        assert ours in text
        text = text.replace(ours, other)
    action.write_text(text, encoding="utf-8")
    given = ("--var=MOGPLEX_URL=https://mogplex.example", "--secret=MOGPLEX_API_KEY=mog_1")
    result = act(repository, *given)
    assert result.exit_code == 0, result.log
    variables: dict[str, str] = {}
    name = ""
    for line in result.lines():
        if "=" in line:
            name, _, variables[name] = line.partition("=")
        elif name:
            variables[name] += f"\n{line}"
    inputs = {name: value for name, value in variables.items() if name.startswith("INPUT_")}
    return {name.removeprefix("INPUT_").lower(): value for name, value in inputs.items() if value}


@pytest.mark.parametrize(
    "workflow", mostly_slow([WORKFLOW, MATRIX], every=2), ids=["one job", "matrix"]
)
def test_the_header_has_what_the_workflow_gives_and_one_internal_input(
    base_image: str, tmp_path: Path, workflow: str
) -> None:
    shown = header(tmp_path, workflow)
    assert shown.keys() == {"api-key", "base-url", "prompt", CONTEXT}
    context = json.loads(shown[CONTEXT])
    assert list(context) == ["matrix", "index", "total", "max-parallel"]
    assert bool(context["matrix"]) == (workflow is MATRIX)
    assert workflow is MATRIX or "\n" not in shown[CONTEXT]
