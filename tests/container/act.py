"""Workflows under act, with this repository as the action."""

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.container.images import BASE, ROOT, build_context, machine_lock
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Look, Work, check
from tests.program import run_client

_ACT = Path(sys.executable).with_name("act")
_WORK = Work({"package.json": "{}"}, checks=Look([check("test", "success")]))
"""The work of a run of which a test does not tell any: a change whose only check passes."""
WORKFLOW = """
on: push
jobs:
  agent:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: agent
        uses: ./
        with:
          api-key: ${{ secrets.MOGPLEX_API_KEY }}
          base-url: ${{ vars.MOGPLEX_URL }}
          prompt: Fix the build
      - if: always()
        env:
          RESULT: ${{ steps.agent.outputs.result }}
          PULL_REQUEST: ${{ steps.agent.outputs.pull-request-url }}
        run: echo "later step has <$RESULT> <$PULL_REQUEST>"
"""
MATRIX = WORKFLOW.replace(
    "    steps:", "    strategy:\n      matrix:\n        package: [api, web]\n    steps:"
)


@dataclass(frozen=True)
class ActResult:
    """The result of one act run."""

    exit_code: int
    log: str

    def lines(self) -> list[str]:
        """The output of the steps, without act's own lines and job prefixes."""
        return re.findall(r"^\[[^\]]+\]\s+\| (.*)$", self.log, re.MULTILINE)


def workspace(folder: Path, workflow: str, image: str | None = None) -> Path:
    """Lay out a repository `acme/web` that holds the action and one workflow, and return it.

    Args:
        folder: Made if need be.
        workflow: Text of the workflow; `uses: ./` is the action, `uses: ./native` the one without
            Docker.
        image: Use this built image, as a release does, instead of building the Dockerfile.
    """
    native = sorted((ROOT / "native").glob("*.*"))
    for file in [
        ROOT / "Dockerfile",
        ROOT / ".dockerignore",
        ROOT / "action.yml",
        *native,
        *build_context(),
    ]:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    if image is not None:
        action = folder / "action.yml"
        action.write_text(
            action.read_text().replace("image: Dockerfile", f"image: docker://{image}")
        )
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True, exist_ok=True)
    # Under a name of its own: act names containers and volumes by it, and would meet those of a run
    # that was killed.
    name = uuid.uuid4().hex
    (workflows / f"{name}.yml").write_text(
        re.sub(r"^name: .*$", f"name: {name}", workflow, flags=re.MULTILINE)
    )
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", "https://github.com/acme/web.git"],
        ["add", "--all"],
        [
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.com",
            "commit",
            "--quiet",
            "--message=Test",
        ],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


def act(
    repository: Path,
    *options: str,
    emulator: Emulator | None = None,
    api: GitHub | None = None,
    event: str = "push",
    payload: Mapping[str, object] | None = None,
    works: Sequence[Work] = (_WORK,),
) -> ActResult:
    """Run the repository's workflows for an event. Its containers share the host's network. The
    runs do one of ``works`` after the other.

    `uses: mogplex/run-action@v1` is the repository's own; the emulator and the stand-in are Mogplex
    and GitHub's API. One run at a time on this machine: act names containers and images after
    workflows and actions, and one run would remove those of another.
    """
    given = [f"--local-repository=mogplex/run-action@v1={repository}"]
    given.append(f"--secret=GITHUB_TOKEN={TOKEN if api else 'ghs_none'}")
    if api is not None:
        given.append(f"--env=GITHUB_API_URL={api.url}")
    if emulator is not None:
        given += [f"--env=MOGPLEX_URL={emulator.url}", f"--secret=MOGPLEX_API_KEY={emulator.token}"]
    if api is not None and emulator is not None:
        api.works_for(emulator, *works)
    if payload is not None:
        file = repository.with_name(f"{repository.name}-event.json")
        file.write_text(json.dumps(payload))
        given.append(f"--eventpath={file}")
    command = [
        str(_ACT),
        event,
        f"--platform=ubuntu-latest={BASE}",
        "--pull=false",
        "--network=host",
        "--rm",
        *given,
    ]
    with machine_lock("act"):
        return ActResult(*run_client([*command, *options], repository))
