"""The image on Kubernetes, as the container hooks of GitHub's runner (ARC) start it.

actions/runner-container-hooks, packages/k8s: `tail` holds the pod of a step or job; files go in and
out as tar streams through `kubectl exec`, which then executes a script. Docker stands in for the
pod, `docker exec` for `kubectl exec`.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.ci_environments import environment
from tests.container.images import ROOT, docker
from tests.emulator import Emulator

pytestmark = pytest.mark.container

RUNS = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]


class Pod:
    """A container held by `tail`, with the three volumes that the hooks mount."""

    def __init__(self, image: str) -> None:
        volumes = ("--volume=/__w", "--volume=/__e", "--volume=/github")
        self.id = docker(
            *("run", "--detach", "--network=host", "--workdir=/__w", *volumes, "--entrypoint=tail"),
            *(image, "-f", "/dev/null"),
        )

    def copy_in(self, files: Mapping[str, str], folder: str) -> None:
        """Copy files as execCpToPod does, and check them with the listing that the hook
        compares.
        """
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content.encode())
                tar.addfile(member, io.BytesIO(content.encode()))
        unpack = (
            f"tar xf - --no-same-owner -C {folder} 2>/dev/null; "
            f"find {folder} -type f -exec chmod u+rw {{}} \\; 2>/dev/null; "
            f"find {folder} -type d -exec chmod u+rwx {{}} \\; 2>/dev/null"
        )
        subprocess.run(
            ["docker", "exec", "--interactive", self.id, "sh", "-c", unpack],
            input=archive.getvalue(),
            check=True,
        )
        listing = self.execute(
            f"cd {folder} && find . -type f -not -path '*/_runner_hook_responses*' -exec stat -c '%s %n' {{}} \\;"
        )
        assert {f"{len(content.encode())} ./{name}" for name, content in files.items()} <= set(
            listing.splitlines()
        )

    def copy_out(self, path: str) -> dict[str, str]:
        """Return the files below a folder as execCpFromPod copies them: by name, with their
        text.
        """
        parent, _, name = path.rpartition("/")
        done = subprocess.run(
            ["docker", "exec", self.id, "tar", "cf", "-", "-C", parent, name],
            capture_output=True,
            check=True,
        )
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            members = {member.name: tar.extractfile(member) for member in tar}
        return {
            Path(name).name: file.read().decode()
            for name, file in members.items()
            if file is not None
        }

    def execute(self, script: str) -> str:
        return docker("exec", self.id, "sh", "-c", script)

    def run_script(self, path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "exec", self.id, "sh", "-e", path],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("success", speed=1e9) as emulator:
        yield emulator


@pytest.fixture
def pod(image: str) -> Iterator[Pod]:
    pod = Pod(image)
    yield pod
    docker("rm", "--force", "--volumes", pod.id)


def variables_of(emulator: Emulator, file_commands: str, workspace: str) -> dict[str, str]:
    names = ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
    files = {name: f"{file_commands}/{name.lower()}" for name in names}
    service = {"MOGPLEX_API_KEY": emulator.token, "MOGPLEX_URL": emulator.url}
    return (
        environment("github", Path("/github")) | files | service | {"GITHUB_WORKSPACE": workspace}
    )


def exported(variables: Mapping[str, str]) -> str:
    """Return `env` with the variables, quoted as the hooks' scriptEnv does."""
    quoted = (
        "".join(
            f"\\{character}" if character in '\\"$`' else character
            for character in f"{name}={value}"
        )
        for name, value in variables.items()
    )
    return "env " + " ".join(f'"{text}"' for text in quoted)


def test_the_action_runs_as_a_container_step(pod: Pod, emulator: Emulator) -> None:
    """run-container-step.ts refuses an action without an entry point, and runs the path that
    action.yml names.
    """
    variables = variables_of(emulator, "/github/file_commands", "/github/workspace")
    variables |= {
        "HOME": "/github/home",
        "INPUT_PROMPT": 'Fix the build of "web":\n`make` needs $HOME',
    }
    script = (
        '#!/bin/sh -l\nrm "$0" # remove script after running\n'
        "mv /__w/_temp/_github_home /github/home && \\\n"
        "mv /__w/_temp/_github_workflow /github/workflow && \\\n"
        "mv /__w/_temp/_runner_file_commands /github/file_commands || true && \\\n"
        "mv /__w/web/web/ /github/workspace && \\\n"
        f"cd /github/workspace && \\\nexec {exported(variables)}  {RUNS['entrypoint']} \n"
    )
    commands = {
        f"_temp/_runner_file_commands/{name.lower()}": ""
        for name in variables
        if name.startswith("GITHUB_")
    }
    files = {
        "_temp/_github_home/x": "",
        "_temp/_github_workflow/event.json": "{}",
        "web/web/README.md": "# Web\n",
    }
    pod.copy_in({**files, **commands, "_temp/step.sh": script}, "/__w")
    done = pod.run_script("/__w/_temp/step.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(run.status, run.prompt) for run in emulator.runs] == [
        ("success", variables["INPUT_PROMPT"])
    ]


def test_a_run_step_in_a_container_job_hands_its_outputs_back(pod: Pod, emulator: Emulator) -> None:
    """run-script-step.ts copies the file commands back, which run-container-step.ts does not."""
    variables = variables_of(emulator, "/__w/_temp/_runner_file_commands", "/__w/web/web")
    script = (
        '#!/bin/sh -l\nset -e\nrm "$0" # remove script after running\n\n'
        f"cd /__w/web/web && \\\nexec {exported(variables)}  sh -e /__w/_temp/user.sh\n"
    )
    commands = {
        f"_temp/_runner_file_commands/{name}": "" for name in ("github_output", "github_state")
    }
    pod.execute("mkdir -p /__w/web/web")
    step = 'mogplex-ci action --prompt "Fix the build"\n'
    pod.copy_in({**commands, "_temp/user.sh": step, "_temp/step.sh": script}, "/__w")
    done = pod.run_script("/__w/_temp/step.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    output = pod.copy_out("/__w/_temp/_runner_file_commands")["github_output"]
    assert "https://github.com/acme/web/pull/42" in output
