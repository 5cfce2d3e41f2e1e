"""`mogplex doctor`: it meets a fault as the step does, in the step's words and with its exit code,
and where nothing is wrong it says what a step would start, and starts nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.ci_environments import ENVIRONMENTS
from tests.contract.scripted import serving
from tests.e2e.cli.terminal import Terminal
from tests.github import TOKEN, GitHub
from tests.github_log import readable
from tests.https_proxy import HttpsProxy, certificate
from tests.program import Ended
from tests.unit.platforms.events import MAINTAINER, by

GITHUB = {name: value for name, value in ENVIRONMENTS["github"].items() if "{folder}" not in value}
REPO = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
OTHER = "99999999-9999-4999-8999-999999999999"
UNKNOWN = "mog_" + "x" * 32
PROXY = "http://ada:hunter2-horse@127.0.0.1:9"
LISTED: dict[str, Any] = {"http": 200, "data": {"repos": []}}
IN_2020 = {"headers": {"date": "Wed, 01 Jan 2020 00:00:00 GMT"}}
PROBE = {"http": 400, "error": ("BAD_REQUEST", "Idempotency-Key is required")}
WOULD_START = "Ready: a step would start 1 run on acme/web"


@pytest.fixture
def job(terminal: Terminal) -> Iterator[Emulator]:
    """The service of a job on GitHub whose step has a prompt. Nothing is started there."""
    terminal.env |= GITHUB | {"MOGPLEX_PROMPT": "Fix it"}
    with Emulator("success") as emulator:
        terminal.against(emulator)
        yield emulator
        assert emulator.runs == []


def lines_of(ended: Ended) -> list[str]:
    """Return the lines of a log as people read them."""
    return readable(ended.out).splitlines()


def said(ended: Ended) -> list[str]:
    """Return what a log says about a fault, without times and waits."""
    others = ("Proxy: ", "TLS: ", "Clock: ", "Trying again", "::add-mask::")
    lines = [line for line in lines_of(ended) if not line.startswith(others)]
    return [re.sub(r"[\d.]+s\b", "…s", line) for line in lines]


def test_a_job_in_which_all_is_well(terminal: Terminal, job: Emulator) -> None:
    before = sorted(terminal.folder.rglob("*"))
    ended = terminal.mogplex("doctor")
    (probe,) = [request for request in job.requests if request.route == "start"]
    assert "idempotency-key" not in {name for name, value in probe.headers.items() if value}
    assert (ended.code, ended.err) == (0, "")
    *_, connection, clock, verdict = lines_of(ended)
    assert connection == "Proxy: none. TLS: not used on this machine's loopback"
    assert clock == "Clock: agrees with the API's"
    assert verdict == WOULD_START
    assert job.token not in readable(ended.out)
    assert sorted(terminal.folder.rglob("*")) == before, "it writes no outputs"


@pytest.mark.parametrize(
    ("given", "code", "tells"),
    [
        ({"MOGPLEX_API_KEY": ""}, 64, "UNAUTHORIZED"),
        ({"MOGPLEX_API_KEY": "", "MOGPLEX_ON_BLOCKED": "skip"}, 0, "There is no api-key"),
        # asked again for ten seconds
        pytest.param({"MOGPLEX_API_KEY": UNKNOWN}, 64, "UNAUTHORIZED", marks=pytest.mark.slow),
        ({"MOGPLEX_TIMEOUT": "soon"}, 2, 'MOGPLEX_TIMEOUT: "soon"'),
        ({"MOGPLEX_PROMPT": "/deploy"}, 2, "MOGPLEX_PROMPT begins"),
        ({"MOGPLEX_API_KEY": "mog_ with blanks"}, 2, "MOGPLEX_API_KEY contains"),
        ({"MOGPLEX_URL": "http://a.example", "MOGPLEX_API_KEY": UNKNOWN}, 2, "MOGPLEX_URL would"),
        (
            {"MOGPLEX_URL": "http://127.0.0.1:9", "MOGPLEX_TIMEOUT": "3s"},
            69,
            "127.0.0.1:9 refused the connection",
        ),
        (
            {
                "MOGPLEX_URL": "https://a.example",
                "HTTPS_PROXY": PROXY,
                "MOGPLEX_TIMEOUT": "3s",
            },
            69,
            "127.0.0.1:9 of HTTPS_PROXY",
        ),
        ({"MOGPLEX_REPO": "acme/wob"}, 2, "acme/web, acme/mono or acme/api"),
        ({"GITHUB_EVENT_NAME": "issues"}, 2, "UNTRUSTED_TRIGGER"),
        (
            {"GITHUB_EVENT_NAME": "issues", "MOGPLEX_ON_BLOCKED": "skip"},
            0,
            "Not started: the event",
        ),
        ({"MOGPLEX_RUN_ID": OTHER, "MOGPLEX_PROMPT": ""}, 1, "NOT_FOUND"),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_fault_has_the_words_and_the_exit_code_of_the_step(
    terminal: Terminal, given: dict[str, str], code: int, tells: str
) -> None:
    terminal.env |= given
    step, doctor = terminal.mogplex("action"), terminal.mogplex("doctor")
    assert (step.code, doctor.code) == (code, code), doctor.out
    assert tells.lower() in readable(doctor.out).lower(), doctor.out
    assert said(doctor) == said(step)
    assert not any(secret in doctor.out for secret in ("hunter2", "with blanks"))


def test_in_an_outage_it_waits_as_the_step_does_and_does_not_blame_the_token(
    terminal: Terminal,
) -> None:
    terminal.env |= GITHUB | {"MOGPLEX_PROMPT": "Fix it"}
    refused = {"http": 401, "error": ("UNAUTHORIZED", "Unauthorized")}
    down = {"http": 500, "error": ("INTERNAL_ERROR", "oops")}
    repos = {"http": 200, "data": {"repos": [{"id": REPO, "full_name": "acme/web"}]}}
    with serving({"repos": [refused, down, repos], "start": PROBE}) as (_time, service):
        terminal.env |= {"MOGPLEX_URL": service.url, "MOGPLEX_API_KEY": service.token}
        ended = terminal.mogplex("doctor")
    assert ended.code == 0, ended.out
    assert ended.out.count("Trying again") == 2
    assert WOULD_START in lines_of(ended)[-1]


@pytest.mark.parametrize(
    ("repos", "start", "code", "tells"),
    [
        (LISTED, {}, 0, "Clock: not checked"),
        (LISTED | IN_2020, {}, 0, "ahead of the API's. Set it"),
        (LISTED, {"error": ("FORBIDDEN", "no")}, 65, "FORBIDDEN, exit 65"),
        (
            LISTED,
            {"error": ("AUTOMATION_REQUIRED", "no")},
            65,
            "AUTOMATION_REQUIRED, exit 65",
        ),
    ],
)
def test_an_answer_of_the_service(
    terminal: Terminal, repos: dict[str, Any], start: dict[str, Any], code: int, tells: str
) -> None:
    terminal.env["MOGPLEX_REPO"] = REPO
    answers = {"repos": repos, "start": {"http": 403, **start} if start else PROBE | IN_2020}
    if "headers" not in repos and not start:
        answers["start"] = PROBE
    with serving(answers) as (_time, service):
        terminal.env |= {"MOGPLEX_URL": service.url, "MOGPLEX_API_KEY": service.token}
        ended = terminal.mogplex("doctor")
    assert (ended.code, tells in readable(ended.out)) == (code, True), ended.out


LACKS = "MOGPLEX_GITHUB_TOKEN lacks {} in acme/web."


@pytest.mark.parametrize(
    ("inputs", "lacks"),
    [
        ({"REQUIRE": "change"}, "contents: read"),
        ({"ARTIFACT": "report", "REPAIR": "1"}, "contents: read"),
        ({"REQUIRE": "pull-request, checks"}, "pull-requests: read"),
        ({"REQUIRE": "checks", "REPO": REPO}, "statuses: read"),
        ({"REQUIRE": "change", "REPO": "acme/web acme/w*"}, "contents: read"),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_github_token_is_tried_for_what_the_inputs_need(
    terminal: Terminal, inputs: dict[str, str], lacks: str
) -> None:
    with GitHub() as api:
        given = {f"MOGPLEX_{name}": value for name, value in inputs.items()}
        terminal.env |= given | {"MOGPLEX_GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": api.url}
        well = terminal.mogplex("doctor")
        api.lacks(lacks)
        refused = terminal.mogplex("doctor")
    assert (well.code, refused.code) == (0, 2), well.out
    assert LACKS.format(lacks) in readable(refused.out)
    assert {asked.method for asked in api.asked} == {"GET"}


@pytest.mark.usefixtures("job")
def test_the_events_words_and_the_gates_are_asked_for_together(
    terminal: Terminal, tmp_path: Path
) -> None:
    labeled = by("issues labeled", "OWNER", sender=MAINTAINER)
    path = tmp_path / "event.json"
    path.write_text(json.dumps(labeled.payload))
    with GitHub() as api:
        terminal.env |= {"GITHUB_EVENT_NAME": labeled.name, "GITHUB_EVENT_PATH": str(path)}
        given = {"MOGPLEX_REQUIRE": "checks", "MOGPLEX_INCLUDE_EVENT": "true"}
        terminal.env |= given | {"MOGPLEX_GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": api.url}
        api.lacks("issues: read", "statuses: read")
        ended = terminal.mogplex("doctor")
    assert ended.code == 2
    assert LACKS.format("issues: read and statuses: read") in readable(ended.out)


@pytest.mark.parametrize(
    ("given", "tells"),
    [
        ({"GITHUB_EVENT_NAME": "issues", "MOGPLEX_ALLOWED_USERS": "*"}, WOULD_START),
        ({"MOGPLEX_REPO": OTHER}, f"This token does not list the repository {OTHER}"),
        ({"MOGPLEX_PROMT": "x"}, "Did you mean MOGPLEX_PROMPT?"),
        (
            {"GITHUB_ACTIONS": "", "CI": "true", "MOGPLEX_REPO": "acme/web"},
            "a retry starts a second run",
        ),
        ({"MOGPLEX_REPO": REPO}, WOULD_START),
        ({"MOGPLEX_REPO": "acme/*"}, "Ready: a step would start 3 runs"),
        ({"ACT": "true"}, "the idempotency key is new each time"),
        ({"MOGPLEX_DRY_RUN": "true"}, WOULD_START),
        ({"MOGPLEX_DEBUG": "1"}, "/api/v1/mogplex/repos"),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_step_that_can_start(terminal: Terminal, given: dict[str, str], tells: str) -> None:
    terminal.env |= given
    ended = terminal.mogplex("doctor")
    assert (ended.code, tells in readable(ended.out)) == (0, True), ended.out
    assert lines_of(ended)[-1].startswith("Ready: ")


@pytest.mark.parametrize(
    ("flags", "needs"),
    [
        ([], "MOGPLEX_PROMPT and MOGPLEX_REPO are missing. Set MOGPLEX_PROMPT or "),
        (["--repo", "acme/web"], "--prompt is missing. Set --prompt or --prompt-file."),
        (["--repo", "acme/web", "--run-file", "run.yml"], "or --task if the run file has tasks."),
        (["--prompt", "Fix it"], "--repo is missing. Set --repo to owner/name or a repo id."),
    ],
)
def test_without_a_prompt_token_and_service_are_judged(
    terminal: Terminal, flags: list[str], needs: str
) -> None:
    (terminal.folder / "run.yml").write_text("tasks: {docs: {prompt: Fix the docs}}\n")
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("doctor", *flags)
        terminal.env["MOGPLEX_API_KEY"] = UNKNOWN
        refused = terminal.mogplex("doctor", *flags, "--timeout", "2s")
    said = lines_of(ended)[-1]
    assert (ended.code, said.startswith("Ready, but "), needs in said) == (0, True, True), said
    assert refused.code == 64
    assert ended.out.count("\n") == 3


def test_a_run_that_a_step_would_follow(terminal: Terminal) -> None:
    with Emulator("success", speed=20) as emulator:
        terminal.against(emulator).mogplex("run", "--repo", "acme/web", "Fix it")
        (run,) = emulator.runs
        ended = terminal.mogplex("doctor", "--run-id", run.id)
    assert lines_of(ended)[-1] == f"Ready: a step would follow run {run.id}"


def test_a_dry_run_is_judged_as_the_step_that_it_stands_for(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        flags = ["--prompt", "Fix it", "--repo", "acme/web", "--require", "checks"]
        ended = terminal.against(emulator).mogplex("doctor", *flags, "--dry-run")
    assert (ended.code, "is missing, but needed for --require checks" in ended.out) == (2, True), (
        ended.out
    )


def test_a_dry_run_that_no_step_could_play_is_told(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        flags = ["--prompt", "Fix it", "--repo", "acme/web", "--dry-run", "pausd"]
        ended = terminal.against(emulator).mogplex("doctor", *flags)
        step = terminal.mogplex("action", *flags)
    assert (ended.code, step.code, emulator.runs) == (2, 2, [])
    for each in (ended, step):
        assert '"pausd" is not a scenario. Did you mean paused?' in each.out


@pytest.mark.parametrize(
    ("bundle", "content", "told"),
    [
        pytest.param("", None, "set REQUESTS_CA_BUNDLE", id="none"),
        pytest.param("missing.pem", None, "Check REQUESTS_CA_BUNDLE", id="missing"),
        pytest.param(
            "empty.pem", "hello\n", "Check REQUESTS_CA_BUNDLE", id="without a certificate"
        ),
        pytest.param("public.pem", None, WOULD_START, id="right"),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_certificate_of_ones_own(
    terminal: Terminal, tmp_path: Path, bundle: str, content: str | None, told: str
) -> None:
    public = certificate(tmp_path, "mogplex.example")
    if content:
        (tmp_path / bundle).write_text(content)
    with HttpsProxy(terminal.env["MOGPLEX_URL"], public).serving() as proxy:
        address = f"127.0.0.1:{proxy.server_port}"
        terminal.env |= {
            "MOGPLEX_URL": "https://mogplex.example",
            "HTTPS_PROXY": f"http://ada:hunter2@{address}",
        }
        terminal.env |= {"REQUESTS_CA_BUNDLE": str(tmp_path / bundle)} if bundle else {}
        ended = terminal.mogplex("doctor")
        is_right = bundle == "public.pem"
        step = None if is_right else terminal.mogplex("action", "--timeout", "20s")
    assert (ended.code, told in readable(ended.out)) == (0 if is_right else 69, True), ended.out
    assert f"Proxy: {address} (HTTPS_PROXY)" in readable(ended.out)
    assert "Trying again" not in ended.out, "a certificate does not get better"
    assert "TLS: certificate authorities from " in readable(ended.out)
    assert step is None or said(step) == said(ended)


def test_tasks_without_a_repository_are_judged_as_one(terminal: Terminal) -> None:
    tasks = "tasks:\n  docs: {prompt: Fix the docs}\n  lint: {prompt: Fix the lint}\n"
    (terminal.folder / "run.yml").write_text(tasks)
    with Emulator("success") as emulator:
        terminal.against(emulator)
        lacking = terminal.mogplex("doctor", "--run-file", "run.yml", "--task", "all")
        terminal.env["MOGPLEX_REPO"] = "acme/web"
        complete = terminal.mogplex("doctor", "--run-file", "run.yml", "--task", "all")
    assert lacking.code == 0
    assert lines_of(lacking)[-1].startswith(
        "Ready, but --repo is missing. Set --repo to owner/name"
    )
    assert (complete.code, lines_of(complete)[-1]) == (0, "Ready: a step would start 2 runs")
