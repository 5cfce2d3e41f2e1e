"""Every mistake of ``mistakes.yaml`` gets the message that stands beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.failing_steps import MISTAKES, Case, Scene, mistakes
from tests.github_log import read_log
from tests.oracles.github_markdown import rendered

CASES = [
    pytest.param(*each, id=each[1].name[:60]) for each in zip(MISTAKES, mistakes(), strict=True)
]
OUTCOMES = {
    0: ("skipped", ""),
    1: ("error", "NOT_FOUND"),
    2: ("error", "USAGE"),
    64: ("error", "UNAUTHORIZED"),
}
OUTCOMES |= {69: ("error", "UNREACHABLE")}
"""Result and error code by exit code."""


def annotated(log: str, system: str) -> list[tuple[str, str]]:
    """Return level and text of what stands out in a log."""
    if system == "github":
        return [(found.level, found.text) for found in read_log(log).annotations]
    found = re.findall(r"\x1b\[\d+m(\w+): (.*)\x1b", log)
    return [
        (level.lower(), text if level == "ERROR" else text.partition(": ")[2])
        for level, text in found
    ]


@pytest.mark.usefixtures("unknown_names", "own_signals")
@pytest.mark.parametrize(("mistake", "case"), CASES)
def test_a_mistake_gets_its_message(
    mistake: dict[str, Any], case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system, code = mistake.get("system", "github"), mistake.get("exit", 2)
    with Scene(case, system, tmp_path) as scene:
        ended = scene.play()
        assert scene.emulator.runs == []
        address = urlsplit(scene.emulator.url).netloc
    says = [text.replace("{address}", address) for text in mistake["says"]]
    told = [("warning", text) for text in mistake.get("warns", [])]
    told += [("error", text) for text in says]
    shown = [each for each in annotated(ended.out, system) if each[0] in ("warning", "error")]
    assert (sorted(shown), ended.code, capsys.readouterr()) == (sorted(told), code, ("", ""))
    step = scene.step
    if system == "github":
        summary = "".join(text for _, text in rendered(step.summary).texts)
        assert code != 2 or all(text in summary for text in says)
        assert (step.outputs["result"], step.outputs["error-code"]) == OUTCOMES[code]
    # The runner shows no line that masks something.
    log = re.sub(r"(?m)^::add-mask::.*", "", ended.out)
    everything = log + step.summary + "".join(step.outputs.values())
    assert mistake.get("never", "\0") not in everything
