"""``python -m benchmarks.peers``: the same faults meet this step and what people use instead;
prints one table.

Every tool is a process of its own with the environment of a GitHub job, against an emulator of its
own. A fault strikes every tool at the same call, or at the same event of the run. Exit 1 when the
step itself does not come through one, or the pages have other figures. Names of faults as
arguments select them; ``--rounds 1`` plays each once; ``--write`` puts the table into
benchmarks/figures.md.

``cli-script.sh`` is the script of Mogplex's documentation of its CLI. Its ``mogplex`` is this
project's command of that name, as in the image: how that starts and follows is ours, what the
script makes of it is not.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figures, read
from tests.emulator import Emulator
from tests.emulator.run import TERMINAL, Run
from tests.oracles.ci_logs import GITHUB_COMMANDS, GITHUB_LOG_VIEWER, github
from tests.program import ENTRY, GitHubStep

HERE = Path(__file__).parent
COMMAND = "python -m benchmarks.peers"
PAGE = "benchmarks/figures.md"
AT_ONCE = 4
ROUNDS = 3
"""How often each fault meets each tool. The seconds are medians."""
PATIENCE = 240.0
"""Seconds after which a tool is taken to hang."""
TOOLS: dict[str, list[str]] = {
    "this step": ENTRY,
    "curl loop": ["bash", str(HERE / "curl-loop.sh")],
    "requests poller": [sys.executable, str(HERE / "poller.py")],
    "CLI script": ["bash", str(HERE / "cli-script.sh")],
    "gh's rules": [sys.executable, str(HERE / "gh_rules.py")],
}
EVENTS = 40
MOMENT = 10
"""How many events a run has when something happens to the tool or the service."""
_MARKER = re.compile(r"marker (\d+)\.")


@dataclass(frozen=True)
class Outcome:
    """The outcome of one tool under one fault."""

    codes: Sequence[int]
    """Exit code of each job that was not killed."""
    succeeded: bool
    """Whether the codes are what they should be: 0 where a run succeeded, another one where the job
    was cancelled.
    """
    missing: int
    """Runs started, less those that were wanted."""
    started: int
    lost: int | None
    """Events that were not shown; None where the run was cut short."""
    doubled: int
    left: int
    """Runs at work when the jobs were over."""
    obeyed: int
    """Workflow commands in the run's text that a GitHub runner would obey."""
    seconds: float | None
    """From the run's end to the exit of the last job; None if it did not wait for the end."""

    @property
    def whole(self) -> bool:
        """Whether the tool came through the fault."""
        return self.succeeded and not any(
            (self.missing, self.lost, self.doubled, self.left, self.obeyed)
        )


class Job:
    """A tool in a job of a workflow run, perhaps tried twice."""

    def __init__(self, tool: str, emulator: Emulator, folder: Path, **env: str) -> None:
        """``env`` is what tells the job from others."""
        self.emulator = emulator
        self._command, self._folder, self._env = TOOLS[tool], folder, env
        self.start()

    def start(self, **env: str) -> None:
        """Begin the job, or try it again."""
        inputs = {
            "prompt": "Fix it",
            "repo": self.emulator.world.tokens[self.emulator.token].user.repos[0].id,
        }
        inputs |= {"base-url": self.emulator.url, "api-key": self.emulator.token}
        step = GitHubStep(self._folder, inputs)
        names = {"MOGPLEX_URL": inputs["base-url"], "MOGPLEX_API_KEY": inputs["api-key"]}
        names |= {"MOGPLEX_REPO": inputs["repo"], "PROMPT": inputs["prompt"]}
        path = f"{self._folder}{os.pathsep}{os.environ['PATH']}"
        self.log = self._folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command,
                env={
                    **step.environment,
                    **names,
                    "PATH": path,
                    "LANG": "C.UTF-8",
                    **self._env,
                    **env,
                },
                cwd=step.workspace,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for_events(self, number: int) -> None:
        """Return when a run has so many events."""
        while not any(len(run.events) >= number for run in self.emulator.runs):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def wait_for_start(self) -> None:
        """Return when the service has been asked to start a run."""
        while not self.emulator.runs:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def end(self, seconds: float = PATIENCE) -> bool:
        """Wait for the end, and return whether it came in time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it with everything that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def shown(self) -> Counter[str]:
        """The numbers of the events in its log."""
        return Counter(_MARKER.findall(self._text))

    @property
    def obeyed(self) -> int:
        """How many commands of the run's text a runner would obey."""
        return len({command.data for command in github(self._text)} & FORGED.keys())

    @property
    def _text(self) -> str:
        return self.log.read_bytes().decode(errors="replace")


def nothing(_: Job) -> None:
    """Let the job be."""


def cancel(job: Job, *, wait: Callable[[Job], None]) -> None:
    """Cancel the job as GitHub's runner does: SIGINT, 7.5 s later SIGTERM, and after 2.5 s more it
    is killed.

    The signal goes to the tool itself. A script that starts it in a step of its own keeps it from
    the tool.
    """
    wait(job)
    job.process.send_signal(signal.SIGINT)
    if not job.end(7.5):
        job.process.send_signal(signal.SIGTERM)
        job.end(2.5)
    job.kill()


def lose_runner(job: Job) -> None:
    """Kill the job as a runner that vanishes does, and run it again."""
    job.wait_for_events(MOMENT)
    job.kill()
    job.start(GITHUB_RUN_ATTEMPT="2")


def lose_service(job: Job) -> None:
    """Have the service drop every connection for 20 s; a stream that is open breaks at the next
    event but one.
    """
    job.wait_for_events(MOMENT)
    job.emulator.inject("any", drop=True, times="always")
    time.sleep(20)
    job.emulator.clear_faults()


@dataclass(frozen=True, eq=False)
class Fault:
    """Something that goes wrong."""

    name: str
    answers: Sequence[dict[str, Any]] = ()
    """Faults of the service's answers, as ``Emulator.inject`` takes them."""
    act: Callable[[Job], None] = nothing
    every: float = 0.3
    """Seconds between two of the run's events."""
    cancelled: bool = False
    """Whether the job is cancelled, and the run should be."""
    jobs: int = 1
    messages: Sequence[str] = field(default=())
    """The texts of the run's events, beside their numbers."""
    goes_wrong: bool = True
    limits: bool = False
    """Whether the service's limits apply: 60 requests a minute for each token."""


def looks(**fields: Any) -> list[dict[str, Any]]:
    """Have the stream fail at its first connect, and the looks at run and events at the second."""
    return [
        {"route": "stream", **fields},
        *({"route": route, "skip": 1, **fields} for route in ("run", "events")),
    ]


BAD_GATEWAY = {"status": 502, "body": "<!DOCTYPE html><title>Bad gateway</title>"}
LIMITED = {
    "status": 429,
    "headers": {"Retry-After": "10"},
    "body": {"ok": False, "error": {"code": "RATE_LIMITED"}},
}


def _forged() -> Iterator[tuple[str, str]]:
    """Yield each command of GitHub in both notations: its data, and the line."""
    names = [
        *sorted(GITHUB_COMMANDS - {"stop-commands", "endgroup"}),
        "stop-commands",
    ]  # what follows it is not read
    properties = {
        "set-output": " name=result",
        "save-state": " name=run-id",
        "set-env": " name=PATH",
    }
    lines = [f"text ##[{name}]forged" for name in sorted(GITHUB_LOG_VIEWER - {"endgroup"})]
    lines += ["\r::warning::forged", "\u3000::error::forged", " ::notice::forged"]
    lines += [f"::{name}{properties.get(name, '')}::forged" for name in names]
    for number, line in enumerate(lines, start=1):
        yield f"forged {number}", f"{line} {number}"


FORGED = dict(_forged())
FAULTS = (
    Fault("nothing", goes_wrong=False),
    Fault("connection reset", looks(drop=True)),
    Fault("response to the start lost", [{"route": "start", "when": "after", "drop": True}]),
    Fault("three 502s in a row", looks(times=3, **BAD_GATEWAY)),
    Fault("response cut short", looks(cut=300)),
    Fault("429, Retry-After 10", looks(**LIMITED), every=0.5),
    Fault(
        "20 s outage",
        [{"route": "stream", "events": MOMENT + 2, "cut": 0}],
        lose_service,
        every=0.7,
    ),
    Fault(
        "job cancelled",
        act=partial(cancel, wait=lambda job: job.wait_for_events(MOMENT)),
        cancelled=True,
    ),
    Fault(
        "job cancelled while the start is answered",
        [{"route": "start", "when": "after", "delay": 5}],
        partial(cancel, wait=Job.wait_for_start),
        cancelled=True,
    ),
    Fault("runner lost, job re-run", act=lose_runner),
    Fault("hostile text", messages=tuple(f"look\n{line}" for line in FORGED.values()), every=0.05),
    Fault("two jobs of a matrix", every=1.8, jobs=2, limits=True),
)


def scenario(fault: Fault) -> str:
    """Return the script of a run: events with numbers, then success."""
    texts = [*fault.messages, *(f"marker {number}." for number in range(1, EVENTS + 1))]
    events = [{"after": fault.every, "event": "log", "message": text} for text in texts]
    end = [{"after": 0.1, "event": "finished"}, {"after": 0.02, "status": "success"}]
    return yaml.safe_dump({"steps": [{"after": 0.5, "status": "streaming"}, *events, *end]})


def play(fault: Fault, tool: str) -> Outcome:
    """Let ``fault`` meet ``tool``."""
    with _emulator(fault) as (emulator, folder):
        jobs = [
            Job(
                tool,
                emulator,
                _job_folder(folder, number),
                **{"INPUT_JOB-CONTEXT": f'{{"matrix": {{"package": {number}}}}}'},
            )
            for number in range(fault.jobs)
        ]
        for job in jobs:
            fault.act(job)
        for job in jobs:
            job.end()
        exited = time.time()
        runs = emulator.runs
        left = [run for run in runs if run.status not in TERMINAL]
        for job in jobs:
            job.kill()
        codes = [job.process.returncode for job in jobs]
        texts = [job.shown for job in jobs]
        ended = max((_ended(run) for run in runs if run not in left), default=exited)
        waited = not fault.cancelled and not left and exited >= ended and not any(codes)
        return Outcome(
            codes=codes,
            succeeded=all((code != 0) if fault.cancelled else (code == 0) for code in codes),
            missing=len(runs) - fault.jobs,
            started=len(runs),
            lost=None if fault.cancelled else sum(EVENTS - len(shown) for shown in texts),
            doubled=sum(shown.total() - len(shown) for shown in texts),
            left=len(left),
            obeyed=sum(job.obeyed for job in jobs),
            seconds=exited - ended if waited else None,
        )


@contextmanager
def _emulator(fault: Fault) -> Iterator[tuple[Emulator, Path]]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        script = Path(folder, "run.yaml")
        script.write_text(scenario(fault), encoding="utf-8")
        with Emulator(script, limits=fault.limits) as emulator:
            for fields in fault.answers:
                emulator.inject(**fields)
            yield emulator, Path(folder)


def _job_folder(folder: Path, number: int) -> Path:
    """Return a folder of a job, with the command that the script calls."""
    job = folder / f"job-{number}"
    job.mkdir()
    command = job / "mogplex"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(ENTRY)} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return job


def _ended(run: Run) -> float:
    return datetime.fromisoformat(str(run.detail()["updatedAt"])).timestamp()


def of_rounds(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome that stands for all rounds: one that went wrong if there is any, else that
    with the median of the seconds.
    """
    wrong = [outcome for outcome in outcomes if not outcome.whole]
    if wrong:
        return wrong[0]
    return sorted(outcomes, key=lambda outcome: outcome.seconds or 0.0)[len(outcomes) // 2]


def row(fault: Fault, outcomes: Sequence[Outcome]) -> str:
    """Return a row of the table: what came of each tool, and the seconds from end to exit."""
    cells = [fault.name]
    for outcome in outcomes:
        has_waited = outcome.whole and outcome.seconds is not None
        cells += [verdict(fault, outcome), f"{outcome.seconds:.1f} s" if has_waited else ""]
    return f"| {' | '.join(cells)} |"


def verdict(fault: Fault, outcome: Outcome) -> str:
    """Say whether a tool came through, and what went wrong."""
    if outcome.whole:
        return "✔"
    wrong = [f"started {outcome.started}, not {fault.jobs}"] if outcome.missing else []
    if not outcome.succeeded:
        names = (str(code) if code >= 0 else signal.Signals(-code).name for code in outcome.codes)
        wrong.append(f"exit {', '.join(names)}")
    counts = {
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "left": outcome.left,
        "commands run": outcome.obeyed,
    }
    return (
        f"✘ {', '.join([*wrong, *(f'{count} {name}' for name, count in counts.items() if count)])}"
    )


def main() -> int:
    """Play what the arguments name, or everything."""
    missing = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # in a shell's background it is ignored, by children too
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("faults", nargs="*", help="names of faults, instead of all")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is played")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if fault.name in options.faults or not options.faults]
    cases = [(fault, tool) for fault in faults for tool in TOOLS]
    slowest_first = sorted(cases, key=lambda case: -case[0].every)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        playing = {
            case: [pool.submit(play, *case) for _ in range(options.rounds)]
            for case in slowest_first
        }
    outcomes = {case: of_rounds([each.result() for each in playing[case]]) for case in cases}
    heads = "".join(f" {tool} | end to exit |" for tool in TOOLS)
    lines = [f"| fault |{heads}", f"|{' --- |' * (1 + 2 * len(TOOLS))}"]
    lines += [row(fault, [outcomes[fault, tool] for tool in TOOLS]) for fault in faults]
    print("\n".join(lines), end="\n\n")
    wrong = [fault for fault in faults if fault.goes_wrong]
    through = {tool: sum(outcomes[fault, tool].whole for fault in wrong) for tool in TOOLS}
    for tool, count in through.items():
        print(f"{tool}: comes through {count} of {len(wrong)} that go wrong")
    numbers = {tool: str(count) for tool, count in through.items()}
    numbers["faults"] = str(len(wrong))
    if options.write:
        assert len(faults) == len(FAULTS), "the pages have the figures of all faults"
        Figures(COMMAND).write(tables={PAGE: lines}, numbers=numbers)
    elif len(faults) == len(FAULTS) and numbers != read()[COMMAND]["numbers"]:
        print("the pages have other figures: --write puts these into the table")
        return 1
    return 0 if all(outcomes[fault, "this step"].whole for fault in faults) else 1


if __name__ == "__main__":
    sys.exit(main())
