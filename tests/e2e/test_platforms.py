"""Every CI system: a whole process in its environment, and all that it prints and writes, as golden
texts.

Where a job reaches the program in another way than by its environment, the way is tried as well.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mogplex_ci.platforms.system import USUAL_STOP_SECONDS
from tests.ci_environments import ENVIRONMENTS, environment
from tests.documents import claim
from tests.e2e.golden import check_golden, differences, normalized
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub, Work
from tests.https_proxy import HttpsProxy, certificate
from tests.program import (
    MOVABLE_CLOCK,
    ROOT,
    GitHubStep,
    executable,
    let_an_hour_pass,
    python_script,
    run_program,
    start_program,
)
from tests.slow import mostly_slow, slow
from tests.waits import LONG, asked, wait_until

HOOK = claim("examples/buildkite/pre-exit")
BY_HAND = claim("docs/platforms.md", "docker run")
SCENARIOS = Path(__file__).parent / "scenarios"
AT_ONCE = 1e9
"""Speed at which a run has ended before the first poll: every run then looks the same."""
AGENT = python_script("""\
import os, pathlib, sys, time
log = pathlib.Path(os.environ["AGENT_LOG"])
with log.open("a") as file:
    print("$ buildkite-agent", *sys.argv[1:], file=file)
    print(sys.stdin.read(), file=file)
number = str(log.read_text().count("$ buildkite-agent"))
if number in os.environ.get("AGENT_HANGS", ""):
    time.sleep(600)
if number in os.environ.get("AGENT_REFUSES", ""):
    sys.exit("WARN Attempt 1/2: 500\\nfatal: failed to set meta-data: 401 ::error::forged\\x1b[31m")
""")
"""Stands for Buildkite's own: notes how it is called, and refuses or hangs at the calls of given
numbers.
"""
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
        for part in ("workspace", "agent-temp", "bin"):
            (folder / part).mkdir()
        executable(folder / "bin" / "buildkite-agent", AGENT)
        self._ours = set(self._files())
        self._env = environment(name, folder) | {
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "AGENT_LOG": str(folder / "agent-log"),
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


@pytest.mark.parametrize(
    "name", mostly_slow(["github", "azure", "gitlab", "buildkite", "teamcity", "forgejo"], every=2)
)
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


def test_a_token_of_the_forge_is_refused_before_it_is_sent_anywhere(tmp_path: Path) -> None:
    token = "6f1de86ab1b4a3b3f4b93f4a3e9a5b1c2d3e4f50"
    log = Job("forgejo", tmp_path).run(
        "pull-request", MOGPLEX_REQUIRE="pull-request", MOGPLEX_GITHUB_TOKEN=token
    )
    assert log.startswith("exit code 2\n")
    assert "does not begin like a GitHub token (ghp_, gho_, ghu_, ghs_, github_pat_)" in log
    assert "Starting a run" not in log


def test_on_forgejo_nothing_is_said_of_asking_github_who_acted(tmp_path: Path) -> None:
    log = Job("forgejo", tmp_path).run("pull-request", GITHUB_EVENT_NAME="issues")
    assert log.startswith("exit code 2\n")
    assert "List who may start runs in allowed-users." in log
    assert "github-token" not in log


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("buildkite", {"BUILDKITE_REPO": "git@gitlab.com:acme/web.git"}),
        ("woodpecker", {"CI_REPO_CLONE_URL": "https://codeberg.org/acme/web.git"}),
        ("drone", {"DRONE_GIT_HTTP_URL": "https://git.example.com/acme/web.git"}),
    ],
)
def test_no_run_starts_on_a_repository_that_has_the_same_name_on_github(
    name: str, variables: dict[str, str], tmp_path: Path
) -> None:
    log = Job(name, tmp_path).run("pull-request", **variables)
    assert log.startswith("exit code 2\n")
    assert "MOGPLEX_REPO is missing. Set MOGPLEX_REPO to owner/name" in log


def test_where_nothing_names_the_job_an_explicit_key_does(tmp_path: Path) -> None:
    job = Job("plain", tmp_path)
    assert "WARNING: Idempotency key: Nothing here identifies this job" in job.run(
        "pull-request", CI="true"
    )
    log = job.run("pull-request", CI="true", MOGPLEX_IDEMPOTENCY_KEY="nightly-2026-11-24")
    assert "idempotency key nightly-2026-11-24" in log
    assert "WARNING" not in log


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


def shell(command: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell's command where `docker` is ours."""
    path = {"PATH": f"{folder / 'bin'}:{folder.parent / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", command],
        env=env | path,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "warnings"),
    mostly_slow(
        [
            ({}, 1),
            ({"MOGPLEX_MATRIX": '{"os": "linux"}'}, 0),
            ({"INPUT_JOB-CONTEXT": "{}"}, 0),
            ({"MOGPLEX_IDEMPOTENCY_KEY": "nightly-7"}, 0),
            ({"INPUT_KEY-SUFFIX": "0"}, 0),
        ],
        every=2,
    ),
    ids=["nothing", "matrix", "the action", "own key", "key-suffix"],
)
def test_a_github_step_without_the_action_is_told_what_it_lacks(
    given: dict[str, str], warnings: int, tmp_path: Path
) -> None:
    with Emulator("success", speed=AT_ONCE) as emulator:
        step = GitHubStep(
            tmp_path, {"base-url": emulator.url, "api-key": emulator.token, "prompt": "Fix it"}
        )
        step.env = {"INPUT_JOB-CONTEXT": ""} | given
        ended = step.run()
    told = [line for line in ended.out.splitlines() if line.startswith("::warning")]
    assert (ended.code, len(told)) == (0, warnings), ended.out
    for words in ("no post step", "key-suffix to ${{ strategy.job-index }}", "mogplex-ci post")[
        : 3 * warnings
    ]:
        assert words in told[0]


REFUSED = "fatal: failed to set meta-data: 401 "


def calls(folder: Path) -> list[str]:
    """Return how `buildkite-agent` was called."""
    log = (folder / "agent-log").read_text(encoding="utf-8")
    return re.findall(r"^\$ buildkite-agent (.*)", log, re.MULTILINE)


def test_nothing_is_started_if_buildkite_refuses_the_outputs(tmp_path: Path) -> None:
    log = Job("buildkite", tmp_path).run("pull-request", AGENT_REFUSES="1")
    assert log.startswith("exit code 2\n")
    assert "The outputs cannot be written with buildkite-agent: " in log
    assert REFUSED in log
    assert "RESOURCES, exit 2: " in log
    assert ("Starting a run" in log, "\x1b" in log) == (False, False)
    assert calls(tmp_path)[0] == "meta-data set mogplex:agent"


@pytest.mark.parametrize(
    ("refused", "code", "told"),
    [
        *slow([("2", 0, f"WARNING: Outputs: Could not write the early outputs: {REFUSED}")]),
        ("3", 1, f"ERROR: The outputs could not be written: {REFUSED}"),
        *slow([("4", 0, f"WARNING: Report: Could not write the summary: {REFUSED}")]),
    ],
    ids=["when the run is started", "at the end", "the annotation"],
)
def test_buildkite_refuses_later(refused: str, code: int, told: str, tmp_path: Path) -> None:
    log = Job("buildkite", tmp_path).run("pull-request", AGENT_REFUSES=refused)
    assert log.startswith(f"exit code {code}\n"), log
    assert told in log
    style = "success" if code == 0 else "error"
    assert calls(tmp_path) == [
        *["meta-data set mogplex:agent"] * 3,
        f"annotate --style {style} --context mogplex:agent",
    ]


@pytest.mark.parametrize("pattern", ["acme/w*", "acme/*"])
def test_a_pattern_whose_outputs_buildkite_refuses_says_why_everywhere(
    pattern: str, tmp_path: Path
) -> None:
    log = Job("buildkite", tmp_path).run(
        "pull-request", AGENT_REFUSES="2", MOGPLEX_REPO=pattern, MOGPLEX_OUTPUT_DIR="out"
    )
    assert log.startswith("exit code 1\n"), log
    assert log.count(f"ERROR: The outputs could not be written: {REFUSED}") == 1
    annotation, _, _ = log.partition("$ buildkite-agent annotate")[2].partition("========")
    assert "**The outputs could not be written**" in annotation
    assert REFUSED in annotation


@pytest.mark.parametrize(
    ("variables", "name"),
    mostly_slow(
        [
            ({"BUILDKITE_PARALLEL_JOB": "3"}, "mogplex:agent-3"),
            ({"MOGPLEX_KEY_SUFFIX": "linux"}, "mogplex:agent-linux"),
            (
                {"BUILDKITE_STEP_KEY": ""},
                f"mogplex:{ENVIRONMENTS['buildkite']['BUILDKITE_STEP_ID']}",
            ),
        ],
        every=3,
    ),
    ids=["parallel", "key-suffix", "no step key"],
)
def test_steps_of_a_build_have_their_own_meta_data_and_annotation(
    variables: dict[str, str], name: str, tmp_path: Path
) -> None:
    Job("buildkite", tmp_path).run("pull-request", **variables)
    assert {call.rpartition(" ")[2] for call in calls(tmp_path)} == {name}


class Hanging:
    """A job in which `buildkite-agent` hangs at the call of a number."""

    def __init__(self, folder: Path, emulator: Emulator, number: str) -> None:
        executable(folder / "bin" / "buildkite-agent", AGENT)
        self.folder = folder
        self.env = environment("buildkite", folder) | {
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "AGENT_LOG": str(folder / "agent-log"),
            "AGENT_HANGS": number,
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "Fix the login form",
        }

    def start(self, through: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start the program; see ``start_program``."""
        return start_program(env=self.env, cwd=self.folder, through=through)

    def is_called(self) -> bool:
        """Whether the agent hangs."""
        path = self.folder / "agent-log"
        return path.exists() and len(calls(self.folder)) == int(self.env["AGENT_HANGS"])


def test_nothing_is_started_if_buildkite_does_not_answer(tmp_path: Path) -> None:
    with Emulator("slow", speed=1) as emulator:
        job = Hanging(tmp_path, emulator, "1")
        ended = let_an_hour_pass(job.start(through=MOVABLE_CLOCK), when=job.is_called)
        assert (ended.code, ended.err, emulator.runs) == (2, "", []), ended.out
    assert "buildkite-agent did not respond in time" in ended.out


@pytest.mark.parametrize(
    ("number", "statuses"),
    [*slow([("1", [])]), ("2", ["cancelled"])],
    ids=["before the start", "when the run is started"],
)
def test_a_buildkite_agent_that_hangs_does_not_hold_up_a_cancelled_job(
    number: str, statuses: list[str], tmp_path: Path
) -> None:
    with Emulator("slow", speed=1) as emulator:
        job = Hanging(tmp_path, emulator, number)
        with job.start() as process:
            wait_until(job.is_called, process)
            if statuses:
                wait_until(asked(emulator, "stream"), process)
            process.send_signal(signal.SIGTERM)
            signalled = time.monotonic()
            out, err = process.communicate(timeout=LONG)
        seconds = USUAL_STOP_SECONDS.all + 1.0
        assert time.monotonic() - signalled < seconds, "the machine may be busy"
        assert (process.returncode, err) == (143, ""), out
        assert [run.status for run in emulator.runs] == statuses


def test_buildkites_hook_cancels_what_a_killed_job_left_running(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    executable(tmp_path / "bin" / "docker", DOCKER)
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
        done = shell(hook, workspace, job)
        assert (done.returncode, done.stderr, emulator.runs[0].status) == (0, "", "cancelled"), (
            done.stdout
        )
        again = shell(hook, workspace, job)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


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
        done = shell(BY_HAND.code, tmp_path, env)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert emulator.runs[0].key.startswith("jenkins-")
    assert "MOGPLEX_OUT_REPO=acme/web\n" in (tmp_path / "mogplex.env").read_text(encoding="utf-8")
