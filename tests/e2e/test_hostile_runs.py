"""Runs that try to do harm, played through the whole step on every CI system: nothing is obeyed,
nothing leaks.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.ci_environments import ENVIRONMENTS, environment
from tests.contract.api import FakeClock
from tests.emulator import Emulator
from tests.oracles import ci_logs
from tests.oracles.github_markdown import Page, rendered
from tests.program import ROOT, Ended, run_program
from tests.screen import show
from tests.slow import slow

MEANT = {
    "azure": {"group", "endgroup", "task.setsecret", "task.setvariable", "task.logissue"},
    "buildkite": {"---", "+++"},
    "forgejo": {"add-mask", "group", "endgroup"},
    "github": {"add-mask", "group", "endgroup", "error"},
    "gitlab": {"section_start", "section_end"},
    "teamcity": {"blockopened", "blockclosed", "setparameter", "buildproblem"},
}
"""Commands that the platform itself writes for its system in a run that fails."""
ANNOTATING = {"azure", "github", "teamcity"}
"""Where the failure is one annotation."""
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
REPOS = (
    *(
        "acme/web",
        "acme/web",
        "::error::forged/web",
        "##[error]forged/##vso[task.complete]",
        "<script>/{{7*7}}<!--",
    ),
    *("+++/##teamcity[buildStop]", "acme/a|b](javascript:x)```", '"><b/onclick="alert(1)'),
    "acme/\x1b[2J\u202e\x07%0A::error::",
)
"""Names of repositories, two of them the same, as a service could list them. Ten runs a minute may
start.
"""


def world_of(folder: Path, repos: Sequence[str]) -> Path | None:
    """Write the world of a service that lists these repositories only; None for the usual one."""
    if not repos:
        return None
    world, listed = (
        folder / "world.yaml",
        [{"id": str(uuid.uuid4()), "full_name": repo} for repo in repos],
    )
    user = {
        "name": "ada",
        "tokens": [{"token": "mog_" + "0" * 32, "scopes": ["read", "write"]}],
        "repos": listed,
    }
    world.write_text(yaml.safe_dump({"users": [user]}), encoding="utf-8")
    return world


def play(
    scenario: str, name: str, folder: Path, *, repos: Sequence[str] = (), **env: str
) -> tuple[Ended, dict[str, str]]:
    """Run the step; return how it ended, and every file that it left, by path.

    With ``repos``, the step has a run for each of these, which are all that the service lists.
    """
    workspace = folder / "workspace"
    workspace.mkdir()
    world = world_of(folder, repos)
    if repos:
        env |= {"MOGPLEX_REPO": "*/*", "MOGPLEX_MAX_PARALLEL": "9"}
    with Emulator(scenario, world=world, speed=100) as emulator:
        inputs = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "Fix the test",
        }
        inputs |= {"MOGPLEX_POLL_INTERVAL": "50ms", "MOGPLEX_OUTPUT_DIR": "."}
        ended = run_program(env=environment(name, folder) | inputs | env, cwd=workspace)
    assert ended.code == 1, ended.out + ended.err
    if world:
        world.unlink()
    files = {
        path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }
    return ended, files


@pytest.mark.parametrize(
    ("name", "repos"),
    [
        *(("github", ()), ("gitlab", ()), ("github", REPOS)),
        *slow([(name, ()) for name in ENVIRONMENTS if name not in ("github", "gitlab")]),
        *slow([(name, REPOS) for name in MEANT if name != "github"]),
    ],
)
def test_nothing_that_an_agent_writes_is_obeyed(
    name: str, repos: Sequence[str], tmp_path: Path
) -> None:
    ended, files = play("hostile", name, tmp_path, repos=repos)
    failures = len(repos) or 1
    assert ended.err == ""
    reader = ci_logs.READERS.get(name, ci_logs.obeyed)
    commands = Counter(command.name for command in reader(ended.out))
    assert set(commands) == MEANT.get(name, set())
    assert commands["error"] + commands["task.logissue"] + commands["buildproblem"] == failures * (
        name in ANNOTATING
    )
    assert [
        command for command in reader(ended.out) if re.match(r"\W*(?:forged|success)", command.data)
    ] == []
    assert ci_logs.steering(CONTROLS_OF_OURS.sub("", ended.out)) == []
    check_files(files)
    assert len(json.loads(files["result.json"])["runs"]) == failures


def test_repositories_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    ended, files = play("failed", "plain", tmp_path, repos=("acme/web", "acme/web"))
    names = ("[acme/web]", "[acme/web #2]")
    logs = [ended.out.split(f"{name} The run's log\n")[1].split("[acme/web")[0] for name in names]
    runs = [run["run"]["id"] for run in json.loads(files["result.json"])["runs"]]
    assert len(set(runs)) == 2
    assert [[run in log for run in runs] for log in logs] == [[True, False], [False, True]]


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


@pytest.mark.parametrize("repos", [(), *slow([(REPOS,)])], ids=["run", "fleet"])
def test_a_terminal_gets_only_the_controls_of_the_live_table(
    repos: Sequence[str], tmp_path: Path
) -> None:
    clock = FakeClock()
    with Emulator("hostile", world=world_of(tmp_path, repos), clock=clock) as emulator:
        env = {
            "MOGPLEX_URL": emulator.url,
            "MOGPLEX_API_KEY": emulator.token,
            "MOGPLEX_PROMPT": "Fix the test",
        }
        env |= {"MOGPLEX_REPO": "*/*" if repos else "acme/web", "MOGPLEX_MAX_PARALLEL": "9"}
        shown = show(env=env, cwd=tmp_path, lines=40, each_time=lambda _: clock.tick())
    assert shown.code == 1, shown.left
    rows = {
        line for screen in shown.screens for line in screen if re.match(r"\S  \d\d:\d\d ", line)
    }
    assert rows
    # Clearing a line, going up to the one above, hiding the cursor and showing it.
    rest = re.sub(r"\x1b\[(?:2K|1A|\?25[lh])|\r", "", shown.raw)
    rest = re.sub(r"\x1b\[3[123]m([^\x1b\n]*)\x1b\[0m", r"\1", rest)  # the colour of a whole line
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rest)
    assert len({line for line in shown.left if "] ✘ Run failed" in line}) == len(repos)


@pytest.mark.parametrize("repos", [(), *slow([(REPOS,)])], ids=["run", "fleet"])
def test_a_summary_of_github_holds_nothing_forged(repos: Sequence[str], tmp_path: Path) -> None:
    _, files = play("hostile", "github", tmp_path, repos=repos)
    page = rendered(files["summary.md"])
    assert {element.split()[0] for element in page.elements} <= SUMMARY_ELEMENTS
    links = [element for element in page.elements if element.startswith("a ")]
    ours = ("https://github.com/acme", "https://github.com/mogplex/run-action/blob/")
    assert [link for link in links if not any(page in link for page in ours)] == []


def leaked() -> dict[str, str]:
    """Return the made-up secrets of the scenario, put together."""
    scenario = yaml.safe_load(
        (ROOT / "mogplex_ci/emulator/scenarios/leaky.yaml").read_text(encoding="utf-8")
    )
    return {name: "".join(map(str, parts)) for name, parts in scenario["variables"].items()}


@pytest.mark.parametrize("repos", [(), ("acme/web", "acme/api")], ids=["run", "fleet"])
@pytest.mark.parametrize("name", ["github", *slow(["gitlab", "plain"])])
def test_no_secret_of_an_agent_is_left_anywhere(
    name: str, repos: Sequence[str], tmp_path: Path
) -> None:
    debug = {"RUNNER_DEBUG": "1", "MOGPLEX_DEBUG": "1"}
    own = {"DEPLOY_PASSWORD": "swordfish-correct-horse"}
    ended, files = play("leaky", name, tmp_path, repos=repos, **debug, **own)
    texts = {"log": ended.out, "stderr": ended.err, **files}
    for secret_name, secret in leaked().items():
        for line in secret.replace("\\n", "\n").splitlines():
            if not line.startswith("-----"):
                part = line.removeprefix("AccountKey=").removeprefix(
                    "https://hooks.slack.com/services/"
                )
                assert [where for where, text in texts.items() if part in text] == [], secret_name
    assert "***" in ended.out
