"""Every CI system: a whole process in its environment, and all that it prints and writes, as golden
texts.

Where a job reaches the program in another way than by its environment, the way is tried as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.ci_environments import ENVIRONMENTS, environment
from tests.documents import claim
from tests.e2e.golden import check_golden, differences, normalized
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Work
from tests.https_proxy import HttpsProxy, certificate
from tests.program import (
    ROOT,
    bash,
    executable,
    python_script,
    run_program,
    start_program,
)
from tests.slow import mostly_slow
from tests.waits import asked, wait_until

HOOK = claim("examples/buildkite/pre-exit")
BY_HAND = claim("docs/platforms.md", "docker run")
SCENARIOS = Path(__file__).parent / "scenarios"
AT_ONCE = 1e9
"""Speed at which a run has ended before the first poll: every run then looks the same."""
DOCKER = python_script(f"""\
import argparse, os, sys
parser = argparse.ArgumentParser()
for flags in (("-e", "--env"), ("-v", "--volume"), ("-w", "--workdir")):
    parser.add_argument(*flags, action="append", default=[])
parser.add_argument("--rm", action="store_true")
parser.add_argument("words", nargs=argparse.REMAINDER)
given = parser.parse_args(sys.argv[2:])
image, *words = given.words
assert (sys.argv[1], image) == ("run", "ghcr.io/mogplex/run-action:1")
os.chdir(given.volume[0].split(":")[0] if given.volume else ".")
variables = {{name: os.environ[name] for name in ("PATH", *given.env) if name in os.environ}}
os.execve(sys.executable, [sys.executable, {str(ROOT / "entrypoint.py")!r}, *words], variables)
""")
"""Runs the program as `docker run` would: in the mounted folder, with no other variables than it is
given.
"""


NOT_SHOWN = {"artifact.json", "diagnostics.jsonl", "events.ndjson", "report.html", "result.json"}
"""Files of `output-dir`: they are the same on every system."""


class Job:
    """One job of a CI system: a folder with its workspace and what else the system brings."""

    api: GitHub | None = None
    """Where its run delivers something."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        for part in ("workspace", "bin"):
            (folder / part).mkdir()
        self._ours = set(self._files())
        self._env = environment(name, folder) | {
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "MOGPLEX_PROMPT": "Fix the login form",
        }

    def run(self, scenario: str, **variables: str) -> str:
        """Run the program to its end; return its exit code, its log and every file that it
        wrote.
        """
        with Emulator(SCENARIOS / f"{scenario}.yaml", speed=AT_ONCE) as emulator:
            if self.api is not None:
                self.api.works_for(emulator, Work())
            env = (
                self._env
                | {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
                | variables
            )
            ended = run_program(env=env, cwd=self.folder / "workspace")
        assert ended.err == ""
        parts = [f"exit code {ended.code}\n", f"======== log\n{ended.out}"]
        for path in sorted(set(self._files()) - self._ours):
            parts.append(
                f"======== {path.relative_to(self.folder)}\n{path.read_text(encoding='utf-8')}"
            )
        return normalized("".join(parts), known=[(str(self.folder), "<folder>")])

    def _files(self) -> list[Path]:
        return [
            path for path in self.folder.rglob("*") if path.is_file() and path.name not in NOT_SHOWN
        ]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What a job of no known system prints and writes, by the name of the golden text."""
    texts = {}
    for name, variables in (("pull-request", {}), ("failure", {"MOGPLEX_OUTPUT_DIR": "."})):
        job = Job("plain", tmp_path_factory.mktemp(name))
        texts[name] = job.run(name, **variables)
    return texts


@pytest.mark.parametrize("name", ["pull-request", "failure"])
def test_what_all_systems_share(name: str, shared: Mapping[str, str]) -> None:
    check_golden(f"plain/{name}.txt", shared[name])


@pytest.mark.parametrize("name", mostly_slow(sorted({*ENVIRONMENTS} - {"plain"}), every=3))
def test_a_run_that_opens_a_pull_request(
    name: str, tmp_path: Path, shared: Mapping[str, str]
) -> None:
    """A system's golden text has what differs from a job of no known system."""
    text = Job(name, tmp_path).run("pull-request")
    check_golden(f"{name}/pull-request.txt", differences(shared["pull-request"], text))


@pytest.mark.parametrize("name", mostly_slow(["github", "gitlab", "forgejo"], every=2))
def test_a_run_that_fails_with_every_report(
    name: str, tmp_path: Path, shared: Mapping[str, str]
) -> None:
    text = Job(name, tmp_path).run("failure", MOGPLEX_OUTPUT_DIR=".")
    check_golden(f"{name}/failure.txt", differences(shared["failure"], text))


def test_on_forgejo_a_gate_is_judged_by_github_and_not_by_the_forge(tmp_path: Path) -> None:
    """The runner names the forge's own server and API, which no token of GitHub must reach."""
    public = certificate(tmp_path, "api.github.com")
    (tmp_path / "job").mkdir()
    with GitHub() as api, HttpsProxy(api.url, public).serving() as proxy:
        job = Job("forgejo", tmp_path / "job")
        job.api = api
        log = job.run(
            "pull-request",
            MOGPLEX_REQUIRE="pull-request",
            MOGPLEX_PROTECTED_PATHS="src/",
            MOGPLEX_GITHUB_TOKEN=TOKEN,
            HTTPS_PROXY=f"http://127.0.0.1:{proxy.server_port}",
            REQUESTS_CA_BUNDLE=str(public),
        )
    assert {*proxy.connected} == {"api.github.com:443"}
    check_golden("forgejo/gate.txt", re.sub(r"\b[0-9a-f]{40}\b", "<sha>", log))


@pytest.mark.parametrize(
    ("given", "result"),
    mostly_slow(
        [
            ({}, "skipped"),
            ({"MOGPLEX_ON_BLOCKED": "fail"}, "skipped"),
            ({"MOGPLEX_BRANCH": "main"}, "skipped"),
            ({"MOGPLEX_BRANCH": "mogplex/agent-0f1e2d3c4b5a"}, "success"),
            ({"CI_PIPELINE_SOURCE": "schedule"}, "success"),
            ({"CI_COMMIT_BRANCH": "fix-login"}, "success"),
        ],
        every=3,
    ),
    ids=["push", "on-blocked", "another branch", "its branch", "by schedule", "a person's"],
)
def test_a_job_on_a_branch_that_an_agent_made_starts_no_agent(
    given: dict[str, str], result: str, tmp_path: Path
) -> None:
    variables = {
        "CI_COMMIT_BRANCH": "mogplex/agent-0f1e2d3c4b5a",
        "CI_PIPELINE_SOURCE": "push",
    }
    log = Job("gitlab", tmp_path).run("pull-request", **(variables | given))
    assert log.startswith("exit code 0\n"), log
    assert f"MOGPLEX_OUT_RESULT={result}\n" in log
    assert ("Starting a run" in log) is (result == "success")
    notice = "Not started: an agent created this job's branch, mogplex/agent-<branch>."
    assert (notice in log) is (result == "skipped")


def test_buildkites_hook_cancels_what_a_killed_job_left_running(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    executable(workspace / "bin" / "docker", DOCKER)
    # The host's folder is not in the container, and a command may have several lines.
    job = environment("buildkite", tmp_path) | {
        "BUILDKITE_COMMAND": "make\nMOGPLEX_URL=https://example.com"
    }
    with Emulator("slow", speed=1) as emulator:
        job |= {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        in_container = job | {"BUILDKITE_BUILD_CHECKOUT_PATH": "/none"}
        with start_program(
            "--prompt", "Fix the login form", env=in_container, cwd=workspace
        ) as process:
            wait_until(asked(emulator, "stream"), process)
            process.kill()
        hook = HOOK.code.replace("--env MOGPLEX_API_KEY", "--env MOGPLEX_API_KEY --env MOGPLEX_URL")
        done = bash(hook, workspace, job)
        assert (done.code, done.err, emulator.runs[0].status) == (0, "", "cancelled"), done.out
        again = bash(hook, workspace, job)
        assert (again.code, again.out, again.err) == (0, "", "")


def test_a_line_of_a_commit_message_is_no_variable_of_a_container_started_by_hand(
    tmp_path: Path,
) -> None:
    executable(tmp_path / "bin" / "docker", DOCKER)
    with Emulator("success", speed=AT_ONCE) as emulator:
        env = environment("jenkins", tmp_path) | {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_REPO": "acme/web",
            "BUILD_MESSAGE": "Fix it\nMOGPLEX_REPO=acme/other\n'; exit 1 #",
        }
        done = bash(BY_HAND.code, tmp_path, env)
        assert (done.code, done.err) == (0, ""), done.out
        assert emulator.runs[0].key.startswith("jenkins-")
    assert "MOGPLEX_OUT_REPO=acme/web\n" in (tmp_path / "mogplex.env").read_text(encoding="utf-8")
