"""A recorded run is played again: the ``events.ndjson`` of one step is what the next one sees."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.documents import claim
from tests.e2e.golden import normalized
from tests.emulator import Emulator
from tests.emulator.scenario import SHIPPED
from tests.program import GitHubStep, run_program
from tests.slow import mostly_slow

COMMAND = claim("docs/emulator.md", "--dry-run events.ndjson").code
SPEED = 20
SPEEDS = {
    "many-events": 4,
    "cancel-ignored": 400,
    "kill-fails": 400,
    "slow": 2000,
    "asks-twice": 4,
    "paused": 4,
    "resumed": 4,
}
"""At which no silence is longer than the pauses that are played, no pause comes before the step
looks, and no page of 200 events passes it by.
"""
OF_THE_SERVICE = re.compile(
    r"(?<=Started run )\S+ \(\w+\)|(?:Trouble reaching the API|The API responds again|Still working).*\n"
    r"|(?<= events), \d+ requests?|::group::The log of the installation(?s:.*?)::endgroup::\n"
)
"""Parts of a log that tell how the service answered, which is not recorded, or how long it was
silent, which is cut.
"""
SPLIT = re.compile(
    r"(?<=:)\n│\s+|(?<=The agent's last line: ).*|(?<=PatchApply) (?:×2, 1 failed, <time>|\(<time>\))\n"
    r"|(?<=\()(?:started|unfinished)(?=\))|(?:\[<time>\]   Command (?:×\d+, <time>|\(.+?\))\n)+"
)
"""A secret is recorded as `***`, in one line and one piece, which is laid out anew and may be a
last line. Which calls share a line, and whether one without an end is shown while it lasts, depends
on how events come together.
"""
FOLD_OF_ONE = re.compile(r"::group::(.*)\n(│\s.*)\n::endgroup::")
"""What a fold is whose one value was a secret of several lines: a recording has it as `***`, which
stands behind the title.
"""
TIMES = re.compile(r"\b(?:\d+m )?\d+(?:\.\d+)?s\b|(?<=\[)\d\d:\d\d(?=\])")


def played(step: GitHubStep, scenario: str | Path, speed: float) -> tuple[int, str, dict[str, str]]:
    """Return exit code, log and outputs of a step, without ids and times."""
    with Emulator(scenario, speed=speed) as emulator:
        step.inputs |= {
            "base-url": emulator.url,
            "api-key": emulator.token,
            "prompt": "Fix it",
            "output-dir": "out",
        }
        ended = step.run()
    outputs = {name: normalized(value) for name, value in step.outputs.items()}
    for name in ("run-id", "duration-seconds"):
        outputs.pop(name)
    log = SPLIT.sub(" ", TIMES.sub("<time>", OF_THE_SERVICE.sub("", ended.out)))
    return ended.code, FOLD_OF_ONE.sub(r"\1 \2", normalized(log)), outputs


ENDS_IN_TIME = [name for name in SHIPPED if name != "dead-worker"]
"""A step learns after a minute that a worker has died, for which no test waits."""


@pytest.mark.parametrize("scenario", mostly_slow(ENDS_IN_TIME, every=12))
def test_a_recorded_run_ends_and_reads_the_same_when_it_is_played(
    scenario: str, tmp_path: Path
) -> None:
    first, second = GitHubStep(tmp_path / "first"), GitHubStep(tmp_path / "second")
    recorded = played(first, scenario, SPEEDS.get(scenario, SPEED))
    again = played(second, first.workspace / "out/events.ndjson", 1)
    assert (again[0], again[2]) == (recorded[0], recorded[2])
    assert again[1].splitlines() == recorded[1].splitlines()


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_dry_run_plays_a_recording_and_a_cut_off_one_fails(
    tmp_path: Path, *, is_cut_off: bool
) -> None:
    step = GitHubStep(tmp_path)
    played(step, "no-change", SPEED)
    lines = (
        (step.workspace / "out/events.ndjson").read_text(encoding="utf-8").splitlines(keepends=True)
    )
    (tmp_path / "events.ndjson").write_text(
        "".join(lines[: -1 if is_cut_off else None]), encoding="utf-8"
    )
    ended = run_program(*shlex.split(COMMAND)[1:], env={}, cwd=tmp_path)
    assert ended.code == is_cut_off, ended.out
    assert (
        "The recording stops here; it does not say how the run ended" in ended.out
    ) == is_cut_off
    assert "No code changes to deliver" in ended.out


def recorded(*payload_sizes: int, status: str = "success") -> str:
    """Return a recording with an event of each size, in characters, and an end."""
    events = [
        {"type": "log", "message": "Output", "payload": {"output": "x" * size}}
        for size in payload_sizes
    ]
    end = {"runId": "run-1", "status": status}
    return "".join(f"{json.dumps(line)}\n" for line in (*events, {"type": "finished"}, end))


@pytest.mark.parametrize(
    ("recording", "says"),
    [
        (recorded(9, status="archived"), 'Fix line 3: status: "archived" is not one of success'),
        (recorded(9, 30_000_000), "Fix line 2: has more than 2,097,152 bytes"),
        (recorded(*[2_000_000] * 9), "Fix line 8: ends 200 events of more than 15,728,640 bytes"),
        (recorded(*[90_000] * 300), "Fix line 175: ends 200 events of more than 15,728,640 bytes"),
    ],
    ids=["an unknown status", "a line of 30 MB", "few events", "many events"],
)
def test_a_recording_that_could_not_be_played_to_its_end_starts_nothing(
    tmp_path: Path, recording: str, says: str
) -> None:
    """A client would refuse such answers, and ask again until its timeout."""
    (tmp_path / "events.ndjson").write_text(recording, encoding="utf-8")
    ended = run_program(*shlex.split(COMMAND)[1:], "--timeout=5s", env={}, cwd=tmp_path)
    assert ended.code == 2, ended.out
    assert says in ended.out
    assert "Starting a run" not in ended.out


@pytest.mark.parametrize("has_end", [True, False])
def test_a_recording_without_a_last_event_ends_when_it_has_been_played(
    has_end: bool, tmp_path: Path
) -> None:
    """A step was killed while its run worked, or the run's worker died without a word."""
    lines: list[dict[str, object]] = [
        {"type": "started", "message": "Harness run started: codex"},
        {"type": "log", "message": "I look at it.", "payload": {"kind": "assistant_delta"}},
    ]
    if has_end:
        lines.append({"runId": "run-1", "status": "failed", "error": "The worker is gone."})
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    ended = run_program(*shlex.split(COMMAND)[1:], "--timeout=20s", env={}, cwd=tmp_path)
    assert (ended.code, "RUN_FAILED, exit 1" in ended.out) == (1, True), ended.out
    assert "Read the agent's last actions." in ended.out


def test_the_largest_recording_is_played_to_its_end(tmp_path: Path) -> None:
    """More than a page in all, with no page that is too large."""
    text = recorded(*[75_000] * 300)
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    ended = run_program(*shlex.split(COMMAND)[1:], env={}, cwd=tmp_path)
    assert ended.code == 0, ended.out
