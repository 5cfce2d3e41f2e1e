"""Runs that try to do harm, played through the whole step on every CI system: nothing is obeyed,
nothing leaks, and problem matchers of other steps find nothing in it.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from mogplex_ci.api.client import Client
from mogplex_ci.platforms.job_log import without_matches
from tests.ci_environments import ENVIRONMENTS, environment
from tests.emulator import Emulator
from tests.github_log import read_log, readable
from tests.oracles import ci_logs
from tests.oracles.github_markdown import Page, rendered
from tests.oracles.problem_matchers import annotated, matchers
from tests.program import Ended, GitHubStep, run_program
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


SUMMARY_ELEMENTS = set(
    re.findall(
        r"\w+",
        "h2 h3 p strong code pre table thead tbody tr th td a details summary blockquote br",
    )
)


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
        "github",
        "gitlab",
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
    if name == "github":
        check_summary(files["summary.md"])


def check_summary(text: str) -> None:
    """Check that the summary has no element or link of anybody else's."""
    page = rendered(text)
    assert {element.split()[0] for element in page.elements} <= SUMMARY_ELEMENTS
    links = [element for element in page.elements if element.startswith("a ")]
    ours = ("https://github.com/acme", "https://github.com/mogplex/run-action/blob/")
    assert [link for link in links if not any(page in link for page in ours)] == []


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
