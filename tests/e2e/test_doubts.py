"""The service's doubt about the agent's last words stands wherever they are quoted, and the cause
of a failed set-up is one command away.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.github import TOKEN, GitHub
from tests.github_log import read_log
from tests.program import ENTRY, GitHubStep, executable, run_client

WORDS = "All tests pass and the fix is pushed."
DOUBT = (
    "Mogplex doubts the agent's last words: no tool call of the run shows tests passing, "
    "commits being pushed. Look before you rely on them"
)
NO_LIST = """\
steps:
  - status: streaming
  - {text: "All done."}
  - after: 100ms
    event: log
    message: "Verification check: the final message reports its reported results."
    payload: {check: claim_verification, unsupported: CLAIMS}
  - {status: success}
"""

DOCKER = f"""\
#!/bin/sh
# docker run, as far as the log asks for it: the image is the program of this work tree.
[ "$1 $2 $3" = "run --rm -it" ] || exit 125
shift 3
while :; do
  case $1 in
    -e) export "${{2?}}"; shift 2 ;;
    --network) [ "$2" = host ] || exit 125; shift 2 ;;
    ghcr.io/mogplex/run-action:*) shift; break ;;
    *) exit 125 ;;
  esac
done
exec {shlex.join(ENTRY)} "$@"
"""


@pytest.fixture
def step(tmp_path: Path) -> GitHubStep:
    inputs = {"prompt": "Fix it", "repo": "acme/web", "harness": "mogplex", "output-dir": "out"}
    return GitHubStep(tmp_path, inputs=inputs)


def against(emulator: Emulator, step: GitHubStep) -> GitHubStep:
    step.inputs |= {"base-url": emulator.url, "api-key": emulator.token}
    return step


def result_of(step: GitHubStep) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((step.workspace / "out/result.json").read_text())
    return result


def test_a_doubt_stands_wherever_the_words_are_quoted(step: GitHubStep) -> None:
    with Emulator("doubted", speed=50) as emulator, GitHub() as github:
        step.inputs |= {"comment-on": "42", "github-token": TOKEN}
        step.env["GITHUB_API_URL"] = github.url
        ended = against(emulator, step).run()
        (comment,) = github.comments
    assert ended.code == 0
    warnings = [each for each in read_log(ended.out).annotations if each.level == "warning"]
    assert [(each.properties["title"], each.text) for each in warnings] == [("Doubted", DOUBT)]
    assert ended.out.index(WORDS) < ended.out.index(DOUBT)
    page = (step.workspace / "out/report.html").read_text(encoding="utf-8")
    for text in (step.summary, comment["body"], page.replace("&#39;", "'")):
        told = text[text.index("last words") :]
        assert told.index(WORDS) < told.index("doubts the agent")
    assert result_of(step)["doubted_claims"] == ["tests passing", "commits being pushed"]


def test_a_doubt_is_marked_in_the_table_of_runs(step: GitHubStep) -> None:
    with Emulator("doubted", speed=50) as emulator:
        step.inputs["repo"] = "acme/*"
        assert against(emulator, step).run().code == 0
    assert step.summary.count("| ✔ success, doubted |") == len(result_of(step)["runs"]) > 1


@pytest.mark.parametrize(
    ("claims", "kept", "says"),
    [
        ("[]", [], "shows what it reports."),
        ("null", [], "shows what it reports."),
        ("[1, x]", ["x"], "shows x."),
        ('["::error::a"]', ["::error::a"], "shows ::error::a."),
    ],
)
def test_a_doubt_may_name_no_claim(
    step: GitHubStep, claims: str, kept: list[str], says: str
) -> None:
    scenario = step.folder / "scenario.yaml"
    scenario.write_text(NO_LIST.replace("CLAIMS", claims))
    with Emulator(scenario, speed=50) as emulator:
        ended = against(emulator, step).run()
    assert says in ended.out
    assert [each.level for each in read_log(ended.out).annotations if each.level == "error"] == []
    assert result_of(step)["doubted_claims"] == kept


def test_no_doubt_proves_nothing_and_says_nothing(step: GitHubStep) -> None:
    with Emulator("success", speed=50) as emulator:
        ended = against(emulator, step).run()
    assert "doubt" not in ended.out + step.summary
    assert result_of(step)["doubted_claims"] is None


def test_the_command_that_the_log_names_shows_why_a_set_up_failed(step: GitHubStep) -> None:
    with Emulator("install-failure", speed=50) as emulator:
        ended = against(emulator, step).run()
        assert ended.code == 1
        (command,) = [
            line.partition(": ")[2]
            for line in ended.out.splitlines()
            if line.startswith("To see why the set-up failed: ")
        ]
        assert command in step.summary
        executable(step.folder / "bin" / "docker", DOCKER)
        path = f"{step.folder / 'bin'}:/usr/bin:/bin"
        code, shown = run_client(
            ["sh", "-c", command],
            step.workspace,
            {"PATH": path, "MOGPLEX_API_KEY": emulator.token},
        )
        requests = [request.route for request in emulator.requests]
    assert requests.count("sandboxes") == 1
    assert code == 0, shown
    assert "ERR_PNPM_FETCH_404" in shown
    assert "ERR_PNPM_FETCH_404" not in ended.out
    assert "Install failed (pnpm install)" in ended.out
