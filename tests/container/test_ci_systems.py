"""The built image, started the way each CI system starts a job's container.

Where a system's source is public, the commands are those of the source, which is named; those of
Bitbucket, CircleCI and TeamCity are from their documents.
"""

from __future__ import annotations

import base64
import contextlib
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests.ci_environments import environment
from tests.container.images import ROOT, docker
from tests.documents import claim
from tests.npm import NODE
from tests.waits import wait_until

pytestmark = [pytest.mark.container, pytest.mark.slow]

BITBUCKET = claim("examples/bitbucket/bitbucket-pipelines.yml")
MAIN = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["entrypoint"]
PROMPT = "Fix the build"
STEP = f"mogplex-ci --dry-run no-change --repo acme/web --prompt {shlex.quote(PROMPT)}"
"""A short run: what a container costs is not measured here."""

SHELLS = [
    f"{folder}/{name}"
    for name in ("bash", "sh")
    for folder in ("/usr/local/bin", "/usr/bin", "/bin")
]
# gitlab-runner, shells/bash.go: BashDetectShellScript, the command of its docker and kubernetes
# executors.
GITLAB_SHELL = "if false; then\n\ttrue\n"
GITLAB_SHELL += "\n".join(f"elif [ -x {shell} ]; then\n\texec {shell} " for shell in SHELLS)
GITLAB_SHELL += "\nelse\n\techo shell not found\n\texit 1\nfi\n\n"
HARDENED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
"""The demands of the `restricted` pod security standard, with a read-only root file system
besides.
"""
PLAYED = {
    # The shell is the image's command, so the entry point must start it; the script comes on
    # standard input.
    "GitLab runner, docker executor": (["sh", "-c", GITLAB_SHELL], []),
    # pipeline/backend/common/script.go: the commands travel in a variable, base64-encoded.
    "Woodpecker": (
        ["-c", "echo $CI_SCRIPT | base64 -d | /bin/sh -e"],
        ["--entrypoint=/bin/sh", f"--env=CI_SCRIPT={base64.b64encode(STEP.encode()).decode()}"],
    ),
    # drone-runners/drone-runner-docker, engine/compiler/script.go.
    "Drone": (
        ["-c", 'echo "$DRONE_SCRIPT" | /bin/sh'],
        ["--entrypoint=/bin/sh", f"--env=DRONE_SCRIPT=set -e\n{STEP}\n"],
    ),
    # buildkite-plugins/docker-buildkite-plugin, commands/run.sh: docker's own init is PID 1.
    "Buildkite": (
        ["/bin/sh", "-e", "-c", STEP],
        ["--init", "--volume=FOLDER:/workdir", "--workdir=/workdir"],
    ),
    # The step's script is a file in a mounted folder, and a shell runs it in place of the entry
    # point.
    "TeamCity": (
        ["/work/script.sh"],
        ["--volume=FOLDER:/work", "--workdir=/work", "--entrypoint=/bin/sh"],
    ),
    "a hardened Kubernetes pod of root": (shlex.split(STEP)[1:], HARDENED),
    "a hardened Kubernetes pod": (shlex.split(STEP)[1:], [*HARDENED, "--user=65532"]),
}
"""By CI system: the command and docker's options. FOLDER has the step's script."""


@contextlib.contextmanager
def job_container(image: str, *command: str, options: Sequence[str] = ()) -> Iterator[str]:
    """Start the container in which a job's steps are executed one by one, and yield its id."""
    container = docker("run", "--detach", "--network=none", *options, image, *command)
    try:
        yield container
    finally:
        docker("rm", "--force", container)


def processes(container: str) -> list[str]:
    """Return the names of what runs in the container, as Jenkins asks the engine for them."""
    return [
        line.split()[1] for line in docker("top", container, "-eo", "pid,comm").splitlines()[1:]
    ]


@pytest.mark.parametrize("system", PLAYED)
def test_a_step_in_a_container_of_its_own(image: str, tmp_path: Path, system: str) -> None:
    command, options = PLAYED[system]
    (tmp_path / "script.sh").write_text(f"#!/bin/sh\n{STEP}\n")
    options = [word.replace("FOLDER", str(tmp_path)) for word in options]
    done = subprocess.run(
        ["docker", "run", "--rm", "--interactive", "--network=none", *options, image, *command],
        input=f"set -eo pipefail\n{STEP} | cat\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert PROMPT in done.stdout


def test_gitlab_runner_with_the_kubernetes_executor(image: str) -> None:
    """The same command in place of the entry point; the container's log is followed while the
    script writes to it.
    """
    with job_container(
        image, "-c", GITLAB_SHELL, options=["--entrypoint=sh", "--interactive"]
    ) as container:
        script = f"mkdir -p /logs-1-2; ({STEP}) >/logs-1-2/output.log 2>&1; tail -n +1 /logs-1-2/output.log | grep ."
        assert PROMPT in docker("exec", container, "sh", "-c", script)


def test_bitbucket(image: str, tmp_path: Path) -> None:
    """Bitbucket's `bash` takes the entry point's place and runs the lines of script and
    after-script, one by one.
    """
    example = yaml.safe_load(BITBUCKET.code)
    step = example["pipelines"]["custom"]["agent"][0]["step"]
    clone = "/opt/atlassian/pipelines/agent/build"
    variables = {
        "MOGPLEX_DRY_RUN": "success",
        "BITBUCKET_BUILD_NUMBER": "7",
        "BITBUCKET_CLONE_DIR": clone,
        "BITBUCKET_PIPELINES_VARIABLES_PATH": f"{clone}/variables",
        "BITBUCKET_REPO_UUID": "{3f2a7c1e-e979-40be-b383-c1a7738b52f7}",
        "BITBUCKET_STEP_UUID": "{5d1c9b7a-2f1c-4e02-a6a0-0b7a3e4f9a11}",
    }
    options = [
        f"--volume={tmp_path}:{clone}",
        f"--workdir={clone}",
        "--entrypoint=/bin/bash",
        "--interactive",
    ]
    options += [f"--env={name}={value}" for name, value in variables.items()]
    with job_container(image, options=options) as container:
        log = docker("exec", container, "bash", "-exc", "\n".join(step["script"]))
        docker("exec", container, "bash", "-exc", "\n".join(step["after-script"]))
    assert "Fix the failing test." in log
    assert "MOGPLEX_OUT_PULL_REQUEST_URL=" in (tmp_path / "variables").read_text()


def test_circleci(image: str) -> None:
    """CircleCI ignores the entry point, starts its agent from a shell and keeps workspaces and
    caches as tar.gz.
    """
    with job_container(image, options=["--entrypoint=/bin/sh", "--interactive"]) as container:
        for script in (
            "mkdir -p ~/project && cd ~/project && date >made && tar -czf /tmp/w.tgz .",
            "mkdir /tmp/again && tar -xzf /tmp/w.tgz -C /tmp/again && test -s /tmp/again/made",
        ):
            docker("exec", container, "sh", "-c", script)
        assert PROMPT in docker(
            "exec", container, "/bin/bash", "-eo", "pipefail", "-c", f"{STEP} | cat"
        )


@pytest.mark.parametrize("entrypoint", [[], ["--entrypoint="]], ids=["its own entry point", "none"])
def test_jenkins_docker_pipeline(image: str, tmp_path: Path, entrypoint: list[str]) -> None:
    """docker-workflow and durable-task: `cat` holds the container as the agent's user, `nohup sh`
    runs each step.

    WithContainerStep looks right after the start whether `cat` is what runs, and logs an error when
    an entry point is not that far; without one it always is. BourneShellScript's launcher copies
    the script, touches the log as a heartbeat and leaves the exit code in a file.
    """
    control = tmp_path / "durable-1"
    control.mkdir()
    (control / "script.sh").write_text(f"#!/bin/sh -xe\n{STEP}\n")
    (control / "script.sh").chmod(0o755)
    subprocess.run(["chown", "--recursive", "1000:1000", str(tmp_path)], check=True)
    launcher = (
        "cp 'DIR/script.sh' 'DIR/script.sh.copy'; "
        "{ while [ -d 'DIR' -a \\! -f 'DIR/jenkins-result.txt' ]; do touch 'DIR/jenkins-log.txt'; sleep 3; done } & "
        "jsc=durable; JENKINS_SERVER_COOKIE=$jsc 'DIR/script.sh.copy' > 'DIR/jenkins-log.txt' 2>&1; "
        "echo $? > 'DIR/jenkins-result.txt.tmp'; mv 'DIR/jenkins-result.txt.tmp' 'DIR/jenkins-result.txt'; wait"
    ).replace("DIR", str(control))
    options = [
        "--tty",
        "--user=1000:1000",
        f"--workdir={tmp_path}",
        f"--volume={tmp_path}:{tmp_path}:rw",
        *entrypoint,
    ]
    with job_container(image, "cat", options=options) as container:
        if not entrypoint:
            wait_until(lambda: "python" not in processes(container))
        assert processes(container) == ["cat"]
        docker(
            "exec",
            "--workdir",
            str(tmp_path),
            container,
            "nohup",
            "sh",
            "-c",
            f"({launcher}) >&- 2>&- &",
        )
        wait_until((control / "jenkins-result.txt").exists)
    assert (control / "jenkins-result.txt").read_text() == "0\n"
    assert PROMPT in (control / "jenkins-log.txt").read_text()


def node_at(path: str) -> list[str]:
    """Return the options that mount a Node.js. Ours needs a library that those of the runners do
    not.
    """
    libraries = Path("/usr/lib").glob("*-linux-gnu/libatomic.so.1")
    return [f"--volume={NODE}:{path}:ro", *(f"--volume={each}:{each}:ro" for each in libraries)]


def test_azure_pipelines_container_job(image: str, tmp_path: Path) -> None:
    """azure-pipelines-agent, ContainerOperationProvider.cs: its node holds the container; steps run
    as a new user.
    """
    (tmp_path / "script.sh").write_text(STEP + "\n")
    tmp_path.chmod(0o777)
    hold = "'/__a/externals/node20_1/bin/node' -e 'setInterval(function(){}, 24 * 60 * 60 * 1000);'"
    options = [*node_at("/__a/externals/node20_1/bin/node"), f"--volume={tmp_path}:/__w"]
    with job_container(image, "bash", "-c", hold, options=options) as container:
        docker("exec", container, "sh", "-c", "command -v bash")
        assert (
            docker("exec", container, "bash", "-c", "getent passwd 1001 | cut -d: -f1 || true")
            == ""
        )
        for command in (
            "groupadd -g 127 docker_azpcontainer",
            "useradd -m -g docker_azpcontainer -u 1001 vsts_azpcontainer",
            "groupadd azure_pipelines_sudo",
            "usermod -a -G azure_pipelines_sudo vsts_azpcontainer",
            "su -c 'echo \"%azure_pipelines_sudo ALL=(ALL:ALL) NOPASSWD:ALL\" >> /etc/sudoers'",
            "bash -c '/__a/externals/node20_1/bin/node -v'",
        ):
            docker("exec", container, *shlex.split(command))
        shell = ["bash", "--noprofile", "--norc", "/__w/script.sh"]
        log = docker("exec", "--user=1001", "--workdir=/__w", container, *shell)
    assert PROMPT in log


def test_kubernetes_hooks_of_githubs_runner(image: str, tmp_path: Path) -> None:
    """actions/runner-container-hooks, packages/k8s: `tail` holds the pod. Files go in and out as
    tar streams, are listed with `find` and `stat`, and a script, which is executed, starts the
    path that action.yml names.
    """
    options = ["--entrypoint=tail", "--volume=/__w", "--volume=/github", "--workdir=/__w"]
    (tmp_path / "event.json").write_text("{}")
    packed = subprocess.run(
        ["tar", "cf", "-", "-C", tmp_path, "."], capture_output=True, check=True
    )
    unpack = (
        "tar xf - --no-same-owner -C /__w && find /__w -type f -exec chmod u+rw {} \\; && "
        "find /__w -type f -exec stat -c '%s %n' {} \\;"
    )
    variables = environment("github", Path("/github")) | {
        "GITHUB_OUTPUT": "/__w/output",
        "GITHUB_WORKSPACE": "/__w",
        "INPUT_PROMPT": PROMPT,
        "INPUT_DRY-RUN": "no-change",
    }
    step = shlex.join(["env", *(f"{name}={value}" for name, value in variables.items()), MAIN])
    with job_container(image, "-f", "/dev/null", options=options) as container:
        command = ["docker", "exec", "--interactive", container, "sh", "-c", unpack]
        listed = subprocess.run(command, input=packed.stdout, capture_output=True, check=True)
        assert b"2 /__w/event.json" in listed.stdout
        assert PROMPT in docker("exec", container, "sh", "-l", "-c", f"touch output && exec {step}")
        docker("exec", container, "tar", "cf", "/dev/null", "-C", "/__w", "output")
        assert "result" in docker("exec", container, "cat", "/__w/output")


def test_github_container_job(image: str, tmp_path: Path) -> None:
    """actions/runner, ContainerOperationProvider.cs: `tail` holds the container; its node runs
    JavaScript actions.
    """
    (tmp_path / "step.sh").write_text(STEP + "\n")
    options = [
        "--entrypoint=tail",
        *node_at("/__e/node24/bin/node"),
        f"--volume={tmp_path}:/__w/_temp",
        "--workdir=/",
    ]
    with job_container(image, "-f", "/dev/null", options=options) as container:
        assert "alpine" not in docker("exec", container, "sh", "-c", "cat /etc/*release | grep ^ID")
        assert docker("exec", container, "/__e/node24/bin/node", "-e", "console.log('ok')") == "ok"
        assert PROMPT in docker("exec", container, "sh", "-e", "/__w/_temp/step.sh")
