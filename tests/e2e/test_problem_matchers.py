"""Problem matchers of other steps: they make no annotation of what an agent writes, and take no
time over it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from mogplex_ci.api.client import Client
from mogplex_ci.platforms.job_log import without_matches
from tests.ci_environments import ENVIRONMENTS, environment
from tests.emulator import Emulator
from tests.github_log import read_log, readable
from tests.oracles.problem_matchers import annotated, matchers
from tests.program import GitHubStep, run_program
from tests.slow import mostly_slow

SAMPLES = [line for matcher in matchers() for line in matcher.sample]
CLAIM = "I changed cmd/main.go: the flag was parsed twice."
TOOL = {"phase": "call", "toolName": "./main.go"}


def scenario(folder: Path) -> Path:
    """Write a run whose agent says, calls and reports all that a matcher looks for, and fails."""
    words = [f"{CLAIM}\n\n", *(f"{line}\n\n" for line in SAMPLES)]
    steps = [
        {"launch": True},
        *(
            {"event": "log", "message": text, "payload": {"kind": "assistant_delta"}}
            for text in words
        ),
        *({"event": "log", "message": line} for line in (CLAIM, *SAMPLES)),
        {"event": "log", "message": "\n".join(SAMPLES), "payload": {"output": "\n".join(SAMPLES)}},
        *({"event": "tool", "message": line, "payload": TOOL} for line in ("Run it", *SAMPLES)),
        {"event": "failed", "message": SAMPLES[0], "payload": {"error": SAMPLES[1]}},
        {"status": "failed", "error": SAMPLES[2]},
    ]
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump({"steps": steps}, width=10_000), encoding="utf-8")
    return path


def test_each_matcher_finds_its_tools_report() -> None:
    """The lines of the other tests would be found."""
    for matcher in matchers():
        assert matcher.owner in {owner for owner, _ in annotated("\n".join(matcher.sample))}
    assert annotated(CLAIM.replace("cmd", " /cmd"))


def test_no_matcher_finds_anything_in_the_log_of_a_step(tmp_path: Path) -> None:
    with Emulator(scenario(tmp_path), speed=100) as emulator:
        inputs = {"prompt": "Fix it", "base-url": emulator.url, "api-key": emulator.token}
        step = GitHubStep(tmp_path, inputs)
        ended = run_program(env=step.environment, cwd=step.workspace)
    assert ended.code == 1
    assert annotated(ended.out) == []
    assert len(annotated(readable(ended.out))) > 10  # without the rule
    assert [one.level for one in read_log(ended.out).annotations] == ["error"]
    assert ", exit 1: https://" in ended.out  # our own words and links keep their blanks


@pytest.mark.parametrize("system", mostly_slow(sorted({*ENVIRONMENTS} - {"github"}), every=5))
def test_other_systems_logs_have_blanks(system: str, tmp_path: Path) -> None:
    with Emulator(scenario(tmp_path), speed=100) as emulator:
        given = {"MOGPLEX_PROMPT": "Fix it", "MOGPLEX_REPO": "acme/web"}
        address = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        ended = run_program(env=environment(system, tmp_path) | given | address, cwd=tmp_path)
    assert ended.code == 1
    assert CLAIM in ended.out


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_what_commands_print_for_people_in_a_job(system: str, tmp_path: Path) -> None:
    with Emulator(scenario(tmp_path), speed=100) as emulator:
        client = Client(emulator.url, emulator.token)
        run_id = client.start({"repoId": client.repos()[0].id, "prompt": "x"}, "key").run.id
        client.close()
        env = environment(system, tmp_path)
        env |= {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
        shown = run_program("runs", "events", run_id, "--follow", env=env, cwd=tmp_path).out
        data = run_program("runs", "events", run_id, "--json", env=env, cwd=tmp_path).out
    assert CLAIM in readable(shown)
    assert (annotated(shown) == []) == (system == "github")
    messages = [json.loads(line).get("message") for line in data.splitlines()]
    assert CLAIM in messages  # for programs: as it is


def test_a_line_made_to_take_a_matchers_time_takes_none() -> None:
    """Nor does the rule itself."""
    for part in (":1", ",1", "(1", ": ", ":1 ", "(1,2 ", "1" * 50 + " "):
        began = time.process_time()
        without_matches(f"(1{part * 200_000}")
        assert time.process_time() - began < 2, part
