"""Runs that try to do harm, played through the whole step on every CI system: nothing is obeyed,
nothing leaks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.ci_environments import ENVIRONMENTS, environment
from tests.emulator import Emulator
from tests.oracles import ci_logs
from tests.oracles.github_markdown import Page, rendered
from tests.program import Ended, run_program
from tests.slow import slow

MEANT = {
    "forgejo": {"add-mask", "group", "endgroup"},
    "github": {"add-mask", "group", "endgroup", "error"},
    "gitlab": {"section_start", "section_end"},
}
"""Commands that the platform itself writes for its system in a run that fails."""
CONTROLS_OF_OURS = re.compile(
    r"\x1b\[0Ksection_(?:start|end):\d+:mogplex_\w+(?:\[collapsed=true,hide_duration=true\])?\r\x1b\[0K|\x1b\[\d*m"
)
"""GitLab's folds and colours."""


SUMMARY_ELEMENTS = {
    *(
        "h2",
        "p",
        "strong",
        "code",
        "pre",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "a",
        "details",
        "summary",
    ),
    *("h3", "blockquote", "br"),
}


def play(scenario: str, name: str, folder: Path, **env: str) -> tuple[Ended, dict[str, str]]:
    """Run the step; return how it ended, and every file that it left, by path."""
    workspace = folder / "workspace"
    workspace.mkdir()
    with Emulator(scenario, speed=100) as emulator:
        inputs = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "Fix the test",
        }
        inputs |= {"MOGPLEX_POLL_INTERVAL": "50ms", "MOGPLEX_OUTPUT_DIR": "."}
        ended = run_program(env=environment(name, folder) | inputs | env, cwd=workspace)
    assert ended.code == 1, ended.out + ended.err
    files = {
        path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }
    return ended, files


@pytest.mark.parametrize(
    "name",
    [
        *("github", "gitlab"),
        *slow([name for name in ENVIRONMENTS if name not in ("github", "gitlab")]),
    ],
)
def test_nothing_that_an_agent_writes_is_obeyed(name: str, tmp_path: Path) -> None:
    ended, files = play("hostile", name, tmp_path)
    assert ended.err == ""
    reader = ci_logs.READERS.get(name, ci_logs.obeyed)
    commands = Counter(command.name for command in reader(ended.out))
    assert set(commands) == MEANT.get(name, set())
    assert commands["error"] == (name == "github"), "the failure is one annotation"
    assert [
        command for command in reader(ended.out) if re.match(r"\W*(?:forged|success)", command.data)
    ] == []
    assert ci_logs.steering(CONTROLS_OF_OURS.sub("", ended.out)) == []
    check_files(files)


def check_files(files: dict[str, str]) -> None:
    """Check that every file is what its reader expects, and that no value in it is another
    one's.
    """
    for text in files.values():
        assert ci_logs.steering(text) == []
    assert json.loads(files["result.json"])["result"] == "failed"
    assert len([json.loads(line) for line in files["events.ndjson"].splitlines()]) > 40
    check_report(files["report.html"])
    for dotenv in ("mogplex.env", "pipelines-variables"):
        lines = files.get(dotenv, "").splitlines()
        assert [
            line for line in lines if not re.fullmatch(r"MOGPLEX_[A-Z_]+=[\w./:@%&+,=?#~-]*", line)
        ] == []
        assert len({line.partition("=")[0] for line in lines}) == len(lines)


def check_report(html: str) -> None:
    """Check that the page has no element or link of anybody else's, and a policy that forbids
    them.
    """
    page = Page(html)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    unwanted = ("script", "img", "iframe", "object", "embed", "form")
    assert [element for element in page.elements if element.split()[0] in unwanted] == []
    assert (
        re.findall(
            r"""(?:href|src|action)="(?!#|data:,"|https://github\.com/(?:acme|mogplex/run-action)/)[^"]*""",
            html,
        )
        == []
    )
    assert [element for element in page.elements if re.search(r"'on\w+'", element)] == []


def test_a_summary_of_github_holds_nothing_forged(tmp_path: Path) -> None:
    _, files = play("hostile", "github", tmp_path)
    page = rendered(files["summary.md"])
    assert {element.split()[0] for element in page.elements} <= SUMMARY_ELEMENTS
    links = [element for element in page.elements if element.startswith("a ")]
    ours = ("https://github.com/acme", "https://github.com/mogplex/run-action/blob/")
    assert [link for link in links if not any(page in link for page in ours)] == []
