"""`mogplex doctor`: what it finds, what it says to do, and that it starts nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from tests.ci_environments import ENVIRONMENTS
from tests.contract.scripted import serving
from tests.e2e.cli.terminal import Terminal
from tests.github import TOKEN, GitHub
from tests.https_proxy import HttpsProxy, certificate
from tests.unit.platforms.events import MAINTAINER, by

GITHUB = {name: value for name, value in ENVIRONMENTS["github"].items() if "{folder}" not in value}
CHECKS = [
    "ci",
    "inputs",
    "key",
    "token",
    "trigger",
    "base-url",
    "proxy",
    "tls",
    "clock",
    "authentication",
    "repo",
]
CHECKS += ["scope", "github-token"]
REPO = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
OTHER = "99999999-9999-4999-8999-999999999999"
UNKNOWN = "mog_" + "x" * 32
NOT_CHECKED = "another check failed"
PROXY = "http://ada:hunter2-horse@127.0.0.1:9"
PAGE: dict[str, Any] = {"http": 200, "html": "<!DOCTYPE html><title>Hi</title>"}
IN_2020 = {"headers": {"date": "Wed, 01 Jan 2020 00:00:00 GMT"}}
LISTED: dict[str, Any] = {"http": 200, "data": {"repos": []}}
PROBE = {"http": 400, "error": ("BAD_REQUEST", "Idempotency-Key is required")}


@pytest.fixture
def job(terminal: Terminal) -> Iterator[Emulator]:
    """The service of a job on GitHub whose step has a prompt. Nothing is started there."""
    terminal.env |= GITHUB | {"MOGPLEX_PROMPT": "Fix it"}
    with Emulator("success") as emulator:
        terminal.against(emulator)
        yield emulator
        assert emulator.runs == []


def examined(terminal: Terminal, *flags: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and each check's mark and message with its remedy."""
    ended = terminal.mogplex("doctor", "--json", *flags)
    assert ended.err == ""
    found = [json.loads(line) for line in ended.out.splitlines()]
    return ended.code, {
        each["check"]: (each["mark"], f"{each['message']} {each['remedy']}".strip())
        for each in found
    }


def test_a_job_in_which_all_is_well(terminal: Terminal, job: Emulator) -> None:
    ended = terminal.mogplex("doctor")
    (probe,) = [request for request in job.requests if request.route == "start"]
    assert "idempotency-key" not in {name for name, value in probe.headers.items() if value}
    assert (ended.code, ended.err) == (0, "")
    *findings, verdict = ended.out.splitlines()
    assert verdict == "A step can start"
    lines = [line.split(maxsplit=2) for line in findings]
    assert [line[1] for line in lines] == CHECKS
    assert [line[0] for line in lines] == ["✔"] * 12 + ["–"]
    assert ended.out.splitlines()[10] == f"✔ repo            acme/web has the id {REPO}"
    assert "only a start can tell" in ended.out.splitlines()[11]
    assert job.token not in ended.out


LACKS = (
    "MOGPLEX_GITHUB_TOKEN lacks {} in acme/web (GITHUB_RIGHTS) Add that to permissions:, then "
    "start the workflow anew"
)


@pytest.mark.parametrize(
    ("inputs", "lacks", "said"),
    [
        ({"REQUIRE": "change"}, "contents: read", LACKS.format("contents: read")),
        (
            {"ARTIFACT": "report", "REPAIR": "1"},
            "contents: read",
            LACKS.format("contents: read"),
        ),
        (
            {"REQUIRE": "pull-request, checks"},
            "pull-requests: read",
            LACKS.format("pull-requests: read"),
        ),
        ({"REQUIRE": "checks"}, "statuses: read", LACKS.format("statuses: read")),
        (
            {"COMMENT_ON": "7"},
            "issues: write",
            "Give MOGPLEX_GITHUB_TOKEN the permission issues: write (of a pull request, pull-requests: write), and",
        ),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_github_token_is_tried_for_what_the_inputs_need(
    terminal: Terminal, inputs: dict[str, str], lacks: str, said: str
) -> None:
    with GitHub() as api:
        given = {f"MOGPLEX_{name}": value for name, value in inputs.items()}
        terminal.env |= given | {"MOGPLEX_GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": api.url}
        code, well = examined(terminal)
        api.lacks(lacks)
        refused_code, refused = examined(terminal)
    assert (code, well["github-token"][0]) == (0, "ok"), well
    assert (refused_code, refused["github-token"][0]) == (2 if "lacks" in said else 1, "failed")
    assert said in refused["github-token"][1]
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
        code, found = examined(terminal)
    assert (code, found["github-token"][0]) == (2, "failed")
    assert LACKS.format("issues: read and statuses: read") in found["github-token"][1]


@pytest.mark.usefixtures("job")
def test_a_github_that_does_not_answer_is_no_missing_right(terminal: Terminal) -> None:
    with GitHub() as api:
        given = {"MOGPLEX_REQUIRE": "checks", "MOGPLEX_GITHUB_TOKEN": TOKEN}
        terminal.env |= given | {"GITHUB_API_URL": api.url}
        api.fail(status=502, times=9)
        code, found = examined(terminal)
    assert (code, found["github-token"][0]) == (0, "not checked")
    said = "GitHub did not say whether it has contents: read, checks: read, statuses: read"
    assert found["github-token"][1] == said


def test_outside_a_job_only_the_token_and_the_service_are_judged(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        code, found = examined(terminal.against(emulator))
    assert code == 0
    marks = {check: mark for check, (mark, _) in found.items()}
    assert marks == dict.fromkeys(CHECKS, "ok") | {
        "ci": "not needed",
        "inputs": "missing",
        "trigger": "not needed",
        "repo": "missing",
        "github-token": "not needed",
    }
    assert found["trigger"][1] == "no event: this is not a CI job"


def test_the_key_is_the_one_that_a_step_would_use(terminal: Terminal) -> None:
    terminal.env |= GITHUB
    with Emulator("success", speed=20) as emulator:
        _, found = examined(terminal.against(emulator))
        terminal.mogplex("action", "--prompt", "Fix it", "--wait", "false", "--on-rerun", "attach")
        (run,) = emulator.runs
    assert found["key"] == ("ok", run.key)
    assert found["ci"] == ("ok", "github: acme/web-9876543210-build, attempt 1")


@pytest.mark.parametrize(
    ("repos", "start", "finding", "code", "told"),
    [
        (LISTED, {}, "clock not checked", 0, "the answer has no date"),
        (LISTED | IN_2020, {}, "clock warning", 0, "ahead of the API's Set"),
        (PAGE, {}, "base-url failed", 69, "not a Mogplex server"),
        (PAGE | {"http": 404}, {}, "base-url failed", 69, "not a Mogplex server"),
        (
            LISTED,
            {"error": ("FORBIDDEN", "no")},
            "scope failed",
            65,
            "Use a token with the write scope",
        ),
        (
            LISTED,
            {"error": ("AUTOMATION_REQUIRED", "no")},
            "scope failed",
            65,
            "can trigger the automations that have an API trigger",
        ),
    ],
)
def test_an_answer_of_the_service(
    terminal: Terminal,
    repos: dict[str, Any],
    start: dict[str, Any],
    finding: str,
    code: int,
    told: str,
) -> None:
    with serving({"repos": repos, "start": {"http": 403, **start} if start else PROBE}) as (
        _time,
        service,
    ):
        terminal.env |= {"MOGPLEX_URL": service.url, "MOGPLEX_API_KEY": service.token}
        ended, found = examined(terminal)
    check, mark = finding.split(maxsplit=1)
    assert (ended, found[check][0], told in found[check][1]) == (code, mark, True), found
    assert {name for name, (mark, _) in found.items() if mark == "failed"} == (
        {check} if code else set()
    )


@pytest.mark.parametrize(
    ("given", "finding", "code", "told"),
    [
        (
            {"MOGPLEX_API_KEY": ""},
            "token failed",
            64,
            "To pass without one: on-blocked: skip.",
        ),
        (
            {"MOGPLEX_API_KEY": "", "MOGPLEX_TIMEOUT": "soon"},
            "inputs+token failed",
            2,
            '"soon" is not a duration',
        ),
        (
            {"MOGPLEX_API_KEY": UNKNOWN},
            "authentication failed",
            64,
            "the API does not know this token",
        ),
        ({"MOGPLEX_PROMPT": "/deploy"}, "inputs failed", 2, "MOGPLEX_PROMPT: begins with /"),
        ({"MOGPLEX_API_KEY": "mog_ with blanks"}, "inputs failed", 2, "exactly as it was issued"),
        (
            {"MOGPLEX_URL": "http://a.example", "MOGPLEX_API_KEY": UNKNOWN},
            "inputs failed",
            2,
            "token unencrypted",
        ),
        (
            {"MOGPLEX_URL": "http://127.0.0.1:9"},
            "base-url failed",
            69,
            "127.0.0.1:9 refuses the connection",
        ),
        (
            {"MOGPLEX_URL": "https://a.example", "HTTPS_PROXY": PROXY},
            "proxy failed",
            69,
            "Check HTTPS_PROXY and NO",
        ),
        (
            {"MOGPLEX_REPO": "acme/wob"},
            "repo failed",
            2,
            "Did you mean acme/web, acme/mono or acme/api?",
        ),
        ({"GITHUB_EVENT_NAME": "issues"}, "trigger failed", 2, "A prompt is code"),
        (
            {"GITHUB_EVENT_NAME": "issues", "MOGPLEX_ON_BLOCKED": "skip"},
            "trigger warning",
            0,
            "Not started: the event",
        ),
        (
            {"GITHUB_EVENT_NAME": "issues", "MOGPLEX_ALLOWED_USERS": "*"},
            "trigger ok",
            0,
            "a step may start",
        ),
        (
            {"MOGPLEX_API_KEY": "EmulatorTokenOpensNothingReal000"},
            "token warning",
            64,
            "without quotes",
        ),
        ({"MOGPLEX_REPO": OTHER}, "repo warning", 0, "this token does not list"),
        ({"MOGPLEX_PROMT": "x"}, "inputs warning", 0, "Did you mean MOGPLEX_PROMPT?"),
        (
            {"GITHUB_ACTIONS": "", "CI": "true", "MOGPLEX_REPO": "acme/web"},
            "ci warning",
            0,
            "a retry starts a second run",
        ),
        ({"MOGPLEX_REPO": REPO}, "repo ok", 0, f"acme/web has the id {REPO}"),
        (
            {"MOGPLEX_REPO": "acme/*"},
            "repo ok",
            0,
            "the names and patterns stand for 3 repositories",
        ),
        ({"MOGPLEX_IDEMPOTENCY_KEY": "mine"}, "key ok", 0, "mine"),
        ({"ACT": "true"}, "key ok", 0, "a new one each time, such as github-acme/web-"),
        (
            {"MOGPLEX_GITHUB_TOKEN": "ghs_x"},
            "github-token not needed",
            0,
            "no gate and no comment needs it",
        ),
        (
            {"MOGPLEX_GITHUB_TOKEN": "ghs_x", "MOGPLEX_REPO": "acme/*"},
            "github-token not checked",
            0,
            "is tried with one MOGPLEX_REPO",
        ),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_finding_and_what_to_do_about_it(
    terminal: Terminal, given: dict[str, str], finding: str, code: int, told: str
) -> None:
    terminal.env |= given
    ended, found = examined(terminal)
    names, mark = finding.split(maxsplit=1)
    check, *others = names.split("+")
    assert (found[check][0], told in found[check][1]) == (mark, True), found
    assert (ended, list(found)) == (code, CHECKS)
    failed = {name for name, (mark, _) in found.items() if mark == "failed"}
    assert failed == (
        {check, *others} if mark == "failed" else {"authentication"} if code else set()
    ), found
    assert {mark for mark, message in found.values() if message == NOT_CHECKED} <= {"not checked"}
    assert not any(secret in str(found) for secret in ("hunter2", "with blanks"))


@pytest.mark.parametrize(
    ("bundle", "content", "told"),
    [
        pytest.param("", None, "set REQUESTS_CA_BUNDLE", id="none"),
        pytest.param("missing.pem", None, "Check REQUESTS_CA_BUNDLE", id="missing"),
        pytest.param(
            "empty.pem", "hello\n", "Check REQUESTS_CA_BUNDLE", id="without a certificate"
        ),
        pytest.param("public.pem", None, "the certificate is valid", id="right"),
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
        code, found = examined(terminal)
        is_right = bundle == "public.pem"
        step = None if is_right else terminal.mogplex("action", "--timeout", "20s")
    assert (code, found["tls"][0], told in found["tls"][1]) == (
        (0, "ok", True) if is_right else (69, "failed", True)
    )
    assert found["proxy"] == (
        ("ok", f"through {address}, which HTTPS_PROXY names")
        if is_right
        else ("not checked", NOT_CHECKED)
    )
    assert step is None or (step.code, "Trying again" in step.out) == (69, False)


@pytest.mark.parametrize(
    ("given", "code", "verdict"),
    [
        ({}, 0, "A step can start"),
        ({"MOGPLEX_REPO": "acme/unknown"}, 2, "1 of 13 failed: repo (exit 2)"),
        ({"MOGPLEX_API_KEY": UNKNOWN}, 64, "1 of 13 failed: authentication (exit 64)"),
        (
            {"MOGPLEX_API_KEY": "", "MOGPLEX_TIMEOUT": "soon"},
            2,
            "2 of 13 failed: inputs (exit 2), token (exit 64)",
        ),
    ],
)
@pytest.mark.usefixtures("job")
def test_the_verdict(terminal: Terminal, given: dict[str, str], code: int, verdict: str) -> None:
    terminal.env |= given
    ended = terminal.mogplex("doctor")
    assert (ended.code, ended.out.splitlines()[-1]) == (code, verdict)


def test_the_verdict_names_what_a_step_needs_besides(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("doctor")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "A step needs more: see inputs, repo")
