"""Every mistake of ``mistakes.yaml`` gets the message that stands beside it: by a call of the
program's main function.

A process for each would cost far more than the mistakes do; ``test_action.py`` has steps in
processes of their own.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from mogplex_ci.cli import main
from tests.ci_environments import ENVIRONMENTS
from tests.emulator import Emulator
from tests.github_log import read_log
from tests.oracles.github_markdown import rendered
from tests.program import GitHubStep

TABLE = Path(__file__).with_name("mistakes.yaml")
MISTAKES: list[dict[str, Any]] = yaml.load(TABLE.read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module", autouse=True)
def signals() -> Iterator[None]:
    """A step handles SIGINT and SIGTERM; the tests want theirs back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("unknown_names")
@pytest.mark.parametrize(
    "mistake", MISTAKES, ids=lambda mistake: (mistake["says"] or mistake["warns"])[0][:60]
)
def test_a_mistake_gets_its_message(
    mistake: dict[str, Any],
    emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    says = [text.replace("{address}", urlsplit(emulator.url).netloc) for text in mistake["says"]]
    step, is_gitlab = step_with(mistake, emulator, tmp_path), mistake.get("system") == "gitlab"
    monkeypatch.chdir(step.workspace)
    code = main(mistake.get("flags", ()), gitlab_job(step) if is_gitlab else step.environment)
    log, errors = capsys.readouterr()
    annotations = (
        [
            (level, text if level == "ERROR" else text.partition(": ")[2])
            for level, text in re.findall(r"\x1b\[\d+m(\w+): (.*)\x1b", log)
        ]
        if is_gitlab
        else [(found.level, found.text) for found in read_log(log).annotations]
    )
    assert [text for level, text in annotations if level.lower() == "error"] == says
    assert [text for level, text in annotations if level.lower() == "warning"] == mistake.get(
        "warns", []
    )
    shown = "".join(text for _, text in rendered(step.summary).texts)
    assert is_gitlab or code != 2 or all(text in shown for text in says)
    assert code == mistake.get("exit", 2)
    if not is_gitlab:
        codes = {
            0: ("skipped", ""),
            2: ("error", "USAGE"),
            64: ("error", "UNAUTHORIZED"),
            69: ("error", "UNREACHABLE"),
        }
        assert (step.outputs["result"], step.outputs["error-code"]) == codes[code]
    assert errors == ""
    assert mistake.get("never", "\0") not in log + step.summary + "".join(step.outputs.values())
    assert emulator.runs == []


def test_there_are_enough_mistakes() -> None:
    assert len(MISTAKES) >= 100
    assert len({repr({**mistake, "says": None}) for mistake in MISTAKES}) == len(MISTAKES)


def step_with(mistake: dict[str, Any], emulator: Emulator, folder: Path) -> GitHubStep:
    """Return a step that would start a run if it were not for the mistake."""
    right = {"prompt": "Fix the tests", "base-url": emulator.url, "api-key": emulator.token}
    inputs = {
        name: value for name, value in right.items() if name not in mistake.get("without", ())
    }
    if "fault" in mistake:
        emulator.inject(**mistake["fault"])
    address = urlsplit(emulator.url).netloc
    changed = {
        name: value.replace("{address}", address) for name, value in mistake.get("with", {}).items()
    }
    step = GitHubStep(folder, inputs | changed, mistake.get("env", {}))
    for name, content in mistake.get("files", {}).items():
        path = step.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(content))
    for name, target in mistake.get("links", {}).items():
        (step.workspace / name).symlink_to(target)
    for name in mistake.get("pipes", ()):
        os.mkfifo(step.workspace / name)
    return step


def gitlab_job(step: GitHubStep) -> dict[str, str]:
    """Return the environment of a job on GitLab with the inputs of ``step``."""
    job = {name: value.format(folder=step.folder) for name, value in ENVIRONMENTS["gitlab"].items()}
    return (
        job
        | {
            f"MOGPLEX_{name.upper().replace('-', '_')}": value
            for name, value in step.inputs.items()
        }
        | step.env
    )


def content_of(content: str | dict[str, Any]) -> bytes:
    """Return a file's bytes: text, ``hex``, or ``text`` repeated ``times``."""
    if isinstance(content, str):
        return content.encode()
    return (
        bytes.fromhex(content["hex"])
        if "hex" in content
        else str(content["text"]).encode() * content["times"]
    )
