"""The clean-up of a job whose steps were killed: real processes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci_environments import environment
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub
from tests.oracles.github_markdown import rendered
from tests.program import Ended, GitHubStep, run_program, start_program, step_against
from tests.slow import mostly_slow
from tests.waits import LONG, asked, wait_until

PROMPT = "Fix the login form"
REFUSED = {
    "status": 403,
    "body": {"ok": False, "error": {"code": "FORBIDDEN", "message": "Missing required scope."}},
}


def plain(log: str) -> list[str]:
    """Return the lines of a log without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log).splitlines()


class Job:
    """A job's script and its clean-up, in one workspace."""

    def __init__(self, name: str, folder: Path, emulator: Emulator) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.env = environment(name, folder) | {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
        }

    @property
    def files(self) -> set[Path]:
        """The files for the clean-up."""
        return set(self.workspace.parent.rglob("mogplex-*-*.json"))

    def stopped_when(
        self,
        condition: Callable[[], object],
        *flags: str,
        by: int = signal.SIGKILL,
        suffix: str = "",
    ) -> int:
        """Run the script until the condition holds, then send a signal; return its exit code."""
        env = self.env | ({"MOGPLEX_KEY_SUFFIX": suffix} if suffix else {})
        flags = flags if "--prompt-file" in flags else ("--prompt", PROMPT, *flags)
        with start_program(*flags, env=env, cwd=self.workspace) as process:
            try:
                wait_until(condition, process)
                process.send_signal(by)
                process.communicate()
            finally:
                process.kill()
        return process.returncode

    def post(self, **variables: str) -> Ended:
        """Run the clean-up."""
        return run_program("post", env=self.env | variables, cwd=self.workspace)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("slow", speed=1) as emulator:
        yield emulator


@pytest.mark.parametrize(
    ("name", "flags", "variables", "code", "cancels"),
    mostly_slow(
        [
            ("gitlab", [], {}, 0, True),
            ("jenkins", [], {}, 0, True),
            ("jenkins", [], {"MOGPLEX_COMMENT_ON": "x", "MOGPLEX_GITHUB_TOKEN": "ghs_x"}, 0, True),
            ("gitlab", ["--on-interrupt", "detach"], {}, 0, False),
            ("gitlab", ["--on-interrupt", "detach", "--on-timeout", "cancel"], {}, 0, False),
            ("gitlab", [], {"CI_JOB_ID": "999"}, 0, False),  # a retry in the same workspace
            ("gitlab", [], {"MOGPLEX_API_KEY": "mog_" + "0" * 32}, 64, False),
            ("gitlab", [], {"MOGPLEX_API_KEY": ""}, 64, False),
            ("plain", ["--idempotency-key=nightly"], {"MOGPLEX_URL": ""}, 0, True),
        ],
        every=3,
    ),
)
def test_a_killed_steps_run_is_cancelled_if_it_is_its_own(
    name: str,
    flags: list[str],
    variables: dict[str, str],
    code: int,
    cancels: bool,
    tmp_path: Path,
    emulator: Emulator,
) -> None:
    job, is_detached = Job(name, tmp_path, emulator), "detach" in flags
    subprocess.run(["git", "init", "--quiet", job.workspace], check=True)
    job.stopped_when(asked(emulator, "stream"), *flags)
    (run,) = emulator.runs
    git = ["git", "-C", str(job.workspace), "status", "--porcelain"]
    assert ".mogplex/" not in subprocess.run(git, capture_output=True, text=True, check=True).stdout
    job.env |= {"MOGPLEX_IDEMPOTENCY_KEY": "nightly"} if name == "plain" else {}
    ended = job.post(**variables)
    assert (ended.code, run.status == "cancelled") == (code, cancels), ended.out
    said = [
        f"The step ended before its run; cancelling run {run.id}",
        "Run cancelled",
        f"NOTICE: The clean-up cancelled run {run.id}.",
    ]
    assert code or plain(ended.out) == (said if cancels else [])
    why = (
        "the state was saved with another token, or by another job"
        if variables.get("MOGPLEX_API_KEY")
        else "api-key is missing"
    )
    assert (f"WARNING: Could not cancel 1 run: {why}" in ended.out) == (code == 64)
    assert bool(job.files) == (not cancels and not is_detached)
    assert job.post().code == 0
    assert (run.status == "cancelled") == (not is_detached), "the next clean-up is this job's own"


USES = [
    ("github", {"INPUT_JOB-CONTEXT": ""}, "GITHUB_ACTION"),
    ("forgejo", {}, "GITHUB_ACTION"),
    ("gitlab", {}, ""),
    ("woodpecker", {}, "CI_STEP_NAME"),
    ("drone", {}, "DRONE_STEP_NAME"),
]
"""Systems with the variable that names the step, and the two uses of one job by it, or by the
task's suffix."""


@pytest.mark.parametrize(("name", "variables", "step"), mostly_slow(USES, every=3))
def test_the_second_use_in_a_job_leaves_the_firsts_run_to_a_clean_up_in_any_step(
    name: str, variables: dict[str, str], step: str, tmp_path: Path, emulator: Emulator
) -> None:
    """The first is killed, the second succeeds."""
    job = Job(name, tmp_path, emulator)
    job.env |= variables | {"MOGPLEX_REPO": "acme/web"}
    uses = [{step: f"use-{use}"} if step else {"MOGPLEX_KEY_SUFFIX": use} for use in "ab"]
    job.env |= uses[0]
    job.stopped_when(asked(emulator, "stream"))
    (first,) = emulator.runs
    with Emulator("success", speed=1e9) as other:
        env = job.env | uses[1] | {"MOGPLEX_URL": other.url, "MOGPLEX_PROMPT": "Do it"}
        assert run_program(env=env, cwd=job.workspace).code == 0
        assert [run.status for run in other.runs] == ["success"]
    ended = job.post(**({step: "clean-up"} if step else {}))
    assert (ended.code, first.status, job.files) == (0, "cancelled", set()), ended.out
    assert job.post().out == "", "it is settled"


@pytest.mark.parametrize("has_response", [True, False], ids=["by id", "by request"])
@pytest.mark.parametrize(
    ("name", "later_step"), [("github", {"GITHUB_ACTION": "__run_2"}), ("gitlab", {})]
)
def test_the_image_alone_cleans_up_with_nothing_but_the_token(
    name: str, later_step: dict[str, str], tmp_path: Path, emulator: Emulator, *, has_response: bool
) -> None:
    """``uses: docker://…`` with ``args: post``: the rest is in what the step has saved."""
    job = Job(name, tmp_path, emulator)
    job.env["INPUT_JOB-CONTEXT"] = ""
    url = job.env.pop("MOGPLEX_URL")
    job.env.pop("MOGPLEX_REPO", None)
    if not has_response:
        emulator.inject("start", delay=LONG * 10, when="after")
    flags = ["--base-url", url, "--repo", "acme/web", "--branch", "fix", "--key-suffix", "a"]
    moment = asked(emulator, "stream") if has_response else lambda: emulator.runs
    job.stopped_when(moment, *flags)
    given = {variable for variable in job.env if variable.startswith("MOGPLEX_")}
    assert given == {"MOGPLEX_API_KEY"}
    ended = job.post(**later_step)
    assert (ended.code, [run.status for run in emulator.runs]) == (0, ["cancelled"]), ended.out
    assert job.files == set()


@pytest.mark.parametrize(
    ("key", "answer", "code", "told"),
    [
        ("", {}, 0, "Its run is "),
        ("mine", {}, 0, "WARNING: Could not cancel its run: "),
        ("", REFUSED, 65, "Could not cancel its run: the token may not do this. The run may still"),
    ],
    ids=["own", "under a key of the user's own", "refused"],
)
def test_a_start_that_was_never_answered_is_asked_for_again(
    tmp_path: Path, emulator: Emulator, key: str, answer: dict[str, Any], code: int, told: str
) -> None:
    """The clean-up knows nothing of the task but what the step has saved. Under a key of the user's
    own another job may have started the run: it is left alone.
    """
    job = Job("gitlab", tmp_path, emulator)
    job.env |= {"MOGPLEX_IDEMPOTENCY_KEY": key}
    emulator.inject("start", delay="1h", when="after", times=1)
    task = job.workspace / "task.md"
    task.write_text(PROMPT, encoding="utf-8")
    job.stopped_when(lambda: emulator.runs, "--prompt-file", "task.md")
    task.unlink()
    if answer:
        emulator.inject("start", **answer)
    ended = job.post()
    (run,) = emulator.runs
    assert (ended.code, told in ended.out) == (code, True), ended.out
    assert (run.status == "cancelled") == (not key and not answer)
    assert not answer or f"Its key: {run.key}. Check in Mogplex whether it exists" in ended.out


def killed_step_with_comment(folder: Path, emulator: Emulator, api: GitHub) -> GitHubStep:
    """Return a step that was killed while its run worked and its comment said so."""
    inputs = {"prompt": PROMPT, "job-context": "{}", "comment-on": "7", "github-token": TOKEN}
    connection = {"base-url": emulator.url, "api-key": emulator.token}
    step = GitHubStep(folder, inputs | connection, {"GITHUB_API_URL": api.url})
    with step.start() as process:
        wait_until(lambda: api.comments and step.has_written('"run_id"'), process)
        process.kill()
    return step


@pytest.mark.parametrize("meanwhile", ["nothing", "refused", "comment deleted"])
def test_the_comment_says_that_the_step_was_killed(
    tmp_path: Path, emulator: Emulator, meanwhile: str
) -> None:
    with GitHub() as api:
        step = killed_step_with_comment(tmp_path, emulator, api)
        (comment,) = api.comments
        assert "The Mogplex run is running" in comment["body"]
        if meanwhile == "refused":
            emulator.inject("cancel", **REFUSED, times="always")
        if meanwhile == "comment deleted":
            api.comments.clear()
        ended = step.run("post")
    assert ended.code == (65 if meanwhile == "refused" else 0), ended.out
    if meanwhile == "comment deleted":
        assert api.comments == [], "it is not written anew"
        return
    said = "its status is cancelled"
    if meanwhile == "refused":
        said = "it could not be cancelled and may still be running"
    assert api.comments == [comment]
    shown = "".join(text for _, text in rendered(comment["body"]).texts)
    told = f"The job was stopped before its Mogplex run ended; {said}"
    assert re.search(re.escape(told) + ".*job", shown, re.DOTALL), shown


def test_later_steps_have_the_run_before_github_is_asked_for_a_comment(
    tmp_path: Path, emulator: Emulator
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(LONG)
        env = {"GITHUB_API_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        step = step_against(emulator, tmp_path, env, comment_on="7", github_token=TOKEN)
        with step.start() as process:
            silent.accept()
            process.kill()
    assert step.outputs["run-id"] == emulator.runs[0].id


def test_a_stopped_clean_up_cancels_every_run_before_it_writes_comments(
    tmp_path: Path, emulator: Emulator
) -> None:
    """A comment to which GitHub does not respond uses up the seconds that are left."""
    with GitHub() as api:
        step = killed_step_with_comment(tmp_path, emulator, api)
        step.inputs["key-suffix"] = "another"
        with step.start() as process:
            wait_until(
                lambda: len(emulator.runs) == 2 and step.has_written(emulator.runs[1].id), process
            )
            process.kill()
    emulator.inject("cancel", status=503, times=2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        step.env["GITHUB_API_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with step.start("post") as process:
            wait_until(asked(emulator, "cancel"), process)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=LONG)
    assert [run.status for run in emulator.runs] == ["cancelled", "cancelled"], out


@pytest.mark.parametrize(
    ("inputs", "has_notice", "has_line"),
    [
        ({}, True, True),
        ({"annotations": "errors"}, False, True),
        ({"annotations": "none"}, False, True),
        ({"summary": "false"}, True, False),
    ],
)
def test_what_the_clean_up_did_is_one_notice_and_one_line_of_the_summary(
    tmp_path: Path,
    emulator: Emulator,
    inputs: dict[str, str],
    *,
    has_notice: bool,
    has_line: bool,
) -> None:
    connection = {"base-url": emulator.url, "api-key": emulator.token, "prompt": PROMPT}
    step = GitHubStep(tmp_path, connection | inputs)
    for number in (1, 2):
        step.inputs["key-suffix"] = str(number)
        with step.start() as process:
            wait_until(asked(emulator, "stream", number), process)
            process.kill()
    first, second = emulator.runs
    first.cancel()
    (step.folder / "summary.md").write_text("", encoding="utf-8")
    ended = run_program("post", env=step.environment, cwd=step.workspace)
    said = f"The clean-up cancelled run {second.id}. Already finished: run {first.id} (cancelled)."
    notices = [line for line in ended.out.splitlines() if line.startswith("::notice")]
    assert notices == ([f"::notice title=Mogplex::{said}"] if has_notice else [])
    assert step.summary == (f"{said}\n" if has_line else "")
    assert (ended.code, second.status) == (0, "cancelled"), ended.out


def test_a_clean_up_that_is_stopped_says_at_once_what_may_still_be_running(
    tmp_path: Path, emulator: Emulator
) -> None:
    job = Job("jenkins", tmp_path, emulator)
    job.stopped_when(asked(emulator, "stream"))
    emulator.inject("cancel", status=503, times="always")
    with start_program("post", env=job.env, cwd=job.workspace) as process:
        wait_until(asked(emulator, "cancel", 3), process)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=LONG)
        seconds = time.monotonic() - began
    (run,) = emulator.runs
    said = f"WARNING: run {run.id} may still be running. To cancel it by hand: "
    assert (process.returncode, said in out, len(job.files)) == (143, True, 1), out
    assert seconds < 4.5 + 1.0, "the machine may be busy"
    emulator.clear_faults()
    assert (job.post().code, run.status) == (0, "cancelled")
