"""Whatever secret an agent writes, and however its words come: nothing shows it.

Whole processes, over real HTTP: a step with all reports, and ``runs events``. They wait a hundredth
of the time, so that pauses and heartbeats cost little.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.altered import SPEED
from tests.collector import Collector
from tests.e2e.secrets_said import Said, messages, windows
from tests.emulator import Emulator
from tests.github import TOKEN, GitHub
from tests.github_log import readable
from tests.program import ENTRY, FAST_CLOCK, GitHubStep, run_script
from tests.require import require

SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
CALL = ({"tool_started": "Command", "call": "c1"}, {"tool_finished": "Command", "call": "c1"})
DELIVER = (
    {
        "event": "log",
        "message": "No changes",
        "payload": {"stage": "git_delivery", "changed": False},
    },
    {"event": "finished", "message": "Harness run finished", "payload": {"exit_code": 0}},
)


def steps_of(said: Sequence[Said], end_before: int) -> Iterator[dict[str, Any]]:
    """Yield a scenario's steps: the messages, a tool call behind each but the last, and the end,
    which may come before the last deltas.
    """
    yield {"launch": True}
    for number, message in enumerate(said):
        is_last = number == len(said) - 1
        ends_at = len(message.deltas) - end_before if is_last else -1
        for at, delta in enumerate(message.deltas):
            if at == max(ends_at, 0) and is_last:
                yield from DELIVER
            if message.notes[at]:
                yield {"event": "log", "message": "A note", "payload": {"stage": "other"}}
            yield {
                "after": f"{round(message.pauses[at] * 1000)}ms",
                "event": "log",
                "message": delta,
                "payload": {"kind": "assistant_delta"},
            }
        if not is_last:
            yield from CALL
    if end_before == 0:
        yield from DELIVER
    yield {"after": "2s", "status": "success"}


def strings(value: object) -> Iterator[str]:
    """Yield every string of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def texts_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file below ``folder`` that a step has left, as it is and as it is read."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "scenario.yaml":
            text = path.read_text(encoding="utf-8")
            yield path.name, text
            if path.suffix == ".html":
                yield path.name, html.unescape(text)
            if path.suffix in (".json", ".ndjson", ".jsonl"):
                lines = text.splitlines() if path.suffix != ".json" else [text]
                yield path.name, "\n".join(s for line in lines for s in strings(json.loads(line)))


class Stage(NamedTuple):
    """What a step speaks to beside the service."""

    github: GitHub
    collector: Collector


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    for program in ("openssl", "ssh-keygen"):  # they make the agent's private keys
        require(program)
    with GitHub() as github, Collector() as collector:
        yield Stage(github, collector)


cases = st.integers(1, 2).flatmap(
    lambda count: st.tuples(
        st.tuples(*(messages(number) for number in range(count))),
        st.integers(0, 2),
        st.sampled_from([None, None, None, 30, 60]),
        st.sampled_from([[], ["--json"], ["--follow"], ["--follow", "--json"]]),
    )
)


def check(
    stage: Stage, said: Sequence[Said], end_before: int, timeout: int | None, flags: list[str]
) -> None:
    values = {
        f"DEPLOY_TOKEN_{at}": message.secret.value
        for at, message in enumerate(said)
        if message.secret.value
    }
    shown: list[tuple[str, str]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        scenario = folder / "scenario.yaml"
        steps = list(steps_of(said, end_before))
        scenario.write_text(yaml.safe_dump({"steps": steps}, width=10**6), encoding="utf-8")
        with Emulator(scenario, speed=SPEED, limits=False) as emulator:
            inputs = {"prompt": "Fix it", "output-dir": "out", "comment-on": "7"}
            inputs |= {"base-url": emulator.url, "api-key": emulator.token, "github-token": TOKEN}
            if timeout is not None:
                inputs["timeout"] = f"{timeout}s"
            env = values | {
                "GITHUB_API_URL": stage.github.url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": stage.collector.url,
            }
            step = GitHubStep(folder, inputs, env)
            code, out, err = run_script(
                FAST_CLOCK, ENTRY[1:], env=SYSTEM | step.environment, cwd=step.workspace
            )
            log = readable(out.decode())
            shown += [("log", log), ("stderr", err.decode())]
            assert code == 0 or timeout is not None, log
            run_ids = [run.id for run in emulator.runs]
            client = {"MOGPLEX_URL": emulator.url, "MOGPLEX_API_KEY": emulator.token}
            for run_id in run_ids:  # there is none where the timeout came first
                argv = [*ENTRY[1:], "runs", "events", run_id, *flags]
                _, out, err = run_script(FAST_CLOCK, argv, env=SYSTEM | values | client, cwd=folder)
                shown += [("runs events", out.decode()), ("its stderr", err.decode())]
        shown += texts_of(folder)
    shown += [("comment", str(comment["body"])) for comment in stage.github.comments]
    shown += [("trace", str(sent.body)) for sent in stage.collector.received]
    stage.github.comments.clear()
    stage.collector.received.clear()
    texts = [(name, text.replace("\xa0", " ")) for name, text in shown]
    for message in said:
        for window in windows(message.secret):
            for name, text in texts:
                assert window not in text, (name, window, message.secret.text[:80])
        if timeout is None:
            for word in message.words:
                if word not in log:
                    pytest.fail(f"{word} is missing:\n{log}")


@given(case=cases)
def test_no_secret_that_an_agent_writes_is_shown(stage: Stage, case: Any) -> None:
    check(stage, *case)
