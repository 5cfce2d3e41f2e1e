"""`mogplex doctor`: what it finds, what it says to do, and that it starts nothing."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.emulator import Emulator
from mogplex_ci.errors import MissingTokenError
from mogplex_ci.platforms import detect
from tests.ci_environments import ENVIRONMENTS
from tests.contract.scripted import serving
from tests.e2e.cli.terminal import Terminal
from tests.github_api import TOKEN, FakeGitHub
from tests.https_proxy import certificate
from tests.program import Ended

GITHUB = {name: value for name, value in ENVIRONMENTS["github"].items() if "{folder}" not in value}
CHECKS = ["token", "base-url", "proxy", "tls", "clock", "authentication", "scope", "repo"]
CHECKS += ["ci", "key", "inputs", "trigger"]
UNKNOWN = "mog_" + "x" * 32
PROXY = "http://ada:hunter2-horse@127.0.0.1:9"
LIMITED = """\
users:
  - name: ada
    tokens: [{{token: mog_EmulatorTokenThatMayOnlyRead0000, {rights}}}]
    repos: [{{id: 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001, full_name: acme/web, default_branch: main}}]
"""


def marks(ended: Ended) -> dict[str, str]:
    """Return the mark of each check in the lines for people."""
    lines = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    return {check: mark for mark, check, _ in lines}


def findings(ended: Ended) -> dict[str, dict[str, str]]:
    """Return the findings of `--json` by check."""
    found = [json.loads(line) for line in ended.out.splitlines()]
    return {finding["check"]: finding for finding in found}


def test_a_job_in_which_all_is_well(terminal: Terminal) -> None:
    terminal.env |= GITHUB
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("doctor", "--prompt", "Fix it")
        assert emulator.runs == []
        (probe,) = [request for request in emulator.requests if request.route == "start"]
        assert "idempotency-key" not in {name for name, value in probe.headers.items() if value}
    assert (ended.code, ended.err) == (0, "")
    assert marks(ended) == dict.fromkeys(CHECKS, "✔")
    lines = ended.out.splitlines()
    assert len(lines) == len(CHECKS)
    assert lines[7] == "✔ repo            acme/web has the id 5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    assert "only a start can tell" in lines[6]
    assert emulator.token not in ended.out


@pytest.mark.parametrize(
    ("inputs", "skip", "permission"),
    [
        ({"REQUIRE": "change"}, 0, "contents: read"),
        ({"ALLOWED_PATHS": "src/**"}, 0, "contents: read"),
        ({"ARTIFACT": "report", "REPAIR": "1"}, 0, "contents: read"),
        ({"REQUIRE": "pull-request, checks"}, 2, "pull-requests: read"),  # after a branch and the repository
        ({"REQUIRE": "pull-request, checks"}, 3, "checks: read"),
        ({"REQUIRE": "checks"}, 4, "statuses: read"),
        ({"COMMENT_ON": "7"}, 0, "issues: write (of a pull request, pull-requests: write)"),
    ],
)
def test_a_github_token_is_tried_for_what_the_inputs_need(
    terminal: Terminal, inputs: dict[str, str], skip: int, permission: str
) -> None:
    with Emulator("success") as emulator, FakeGitHub() as api:
        given = {f"MOGPLEX_{name}": value for name, value in inputs.items()}
        terminal.env |= GITHUB | given | {"MOGPLEX_GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": api.url}
        terminal.against(emulator)
        api.tips["mogplex-ci/doctor"] = [None]
        well = terminal.mogplex("doctor", "--prompt", "Fix it")
        api.fail(status=403, skip=skip)
        refused = terminal.mogplex("doctor", "--prompt", "Fix it")
    assert (well.code, marks(well)["github-token"]) == (0, "✔"), well.out
    assert (refused.code, marks(refused)["github-token"]) == (1, "✘")
    assert refused.out.count(f"Give the job the permission {permission}, and") == 1
    assert {asked.method for asked in api.asked} == {"GET"}


def test_the_key_is_the_one_that_a_step_would_use(terminal: Terminal) -> None:
    terminal.env |= GITHUB
    with Emulator("success", speed=20) as emulator:
        found = findings(terminal.against(emulator).mogplex("doctor", "--json"))
        terminal.mogplex("action", "--prompt", "Fix it", "--wait", "false", "--on-rerun", "attach")
        (run,) = emulator.runs
    assert found["key"]["message"] == run.key
    assert found["ci"]["message"] == "github: acme/web-9876543210-build, attempt 1"


def test_a_check_of_the_token_needs_no_description_of_a_run(terminal: Terminal) -> None:
    with Emulator("success") as emulator:
        ended = terminal.against(emulator).mogplex("doctor")
    found = marks(ended)
    assert (ended.code, found["authentication"], found["scope"]) == (0, "✔", "✔")
    assert {found[check] for check in ("repo", "inputs", "ci", "trigger")} == {"?"}
    assert "!" not in found.values()


def test_an_answer_without_a_date_says_nothing_about_the_clock(terminal: Terminal) -> None:
    probe = {"http": 400, "error": ("BAD_REQUEST", "Idempotency-Key is required")}
    with serving({"start": probe}) as (_time, service):
        terminal.env |= {"MOGPLEX_URL": service.url, "MOGPLEX_API_KEY": service.token}
        found = findings(terminal.mogplex("doctor", "--json"))
    assert (found["clock"]["mark"], found["clock"]["message"]) == ("unknown", "the answer has no date")
    assert found["authentication"]["mark"] == "ok"


@pytest.mark.parametrize("status", [200, 404])
def test_an_address_that_serves_web_pages(terminal: Terminal, status: int) -> None:
    with Emulator("success") as emulator:
        page = {"status": status, "headers": {"content-type": "text/html"}, "body": "<!DOCTYPE html><title>Hi</title>"}
        emulator.inject("repos", **page, times="always")
        ended = terminal.against(emulator).mogplex("doctor", "--repo", "acme/web")
    assert ended.code == 69
    assert marks(ended)["base-url"] == "✘"
    assert "not a Mogplex server" in ended.out
    assert marks(ended)["authentication"] == "?"


def test_json_has_every_check_in_order(terminal: Terminal) -> None:
    terminal.env |= GITHUB
    ended = terminal.mogplex("doctor", "--json", "--base-url", "http://127.0.0.1:9")
    assert list(findings(ended)) == CHECKS
    assert findings(ended)["token"] == {
        "check": "token",
        "mark": "failed",
        "message": "there is none (UNAUTHORIZED)",
        "remedy": MissingTokenError(detect(GITHUB, StringIO()).token_advice).remedy,
    }
    assert findings(ended)["base-url"]["mark"] == "failed"
    assert ended.code == 64


@pytest.mark.parametrize(
    ("given", "finding", "code", "told"),
    [
        ({"MOGPLEX_API_KEY": UNKNOWN}, "✘ authentication", 64, "the API does not know this token"),
        ({"MOGPLEX_API_KEY": "mog_ with blanks"}, "✘ token", 2, "exactly as it was issued"),
        ({"MOGPLEX_URL": "http://mogplex.example", "MOGPLEX_API_KEY": UNKNOWN}, "✘ base-url", 2, "token unencrypted"),
        ({"MOGPLEX_URL": "http://127.0.0.1:9"}, "✘ base-url", 69, "127.0.0.1:9 refuses the connection"),
        ({"MOGPLEX_URL": "https://mogplex.example", "HTTPS_PROXY": PROXY}, "✘ proxy", 69, "Check HTTPS_PROXY and NO"),
        ({"MOGPLEX_REPO": "acme/wob"}, "✘ repo", 2, "Did you mean acme/web, acme/mono or acme/api?"),
        ({"MOGPLEX_TIMEOUT": "soon"}, "✘ inputs", 2, 'timeout: "soon" is not a duration'),
        ({"GITHUB_EVENT_NAME": "issues"}, "✘ trigger", 2, "A prompt is code"),
        ({"GITHUB_EVENT_NAME": "issues", "MOGPLEX_ALLOWED_USERS": "*"}, "! trigger", 0, "allowed by allowed-users"),
        ({"MOGPLEX_API_KEY": "EmulatorTokenOpensNothingReal000"}, "! token", 64, "without quotes"),
        ({"MOGPLEX_REPO": "99999999-9999-4999-8999-999999999999"}, "! repo", 0, "this token does not list"),
        ({"MOGPLEX_PROMT": "x"}, "! inputs", 0, "Did you mean MOGPLEX_PROMPT?"),
        ({"GITHUB_ACTIONS": "", "CI": "true", "MOGPLEX_REPO": "acme/web"}, "! ci", 0, "a retry starts a second run"),
        ({"MOGPLEX_REPO": "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"}, "✔ repo", 0, "is acme/web"),
        ({"MOGPLEX_REPO": "acme/*"}, "✔ repo", 0, "the names and patterns stand for 3"),
        ({"MOGPLEX_IDEMPOTENCY_KEY": "mine"}, "✔ key", 0, "mine, as given"),
        ({"MOGPLEX_GITHUB_TOKEN": "ghs_x"}, "? github-token", 0, "no gate and no comment needs it"),
    ],
)
def test_a_finding_and_what_to_do_about_it(
    terminal: Terminal, given: dict[str, str], finding: str, code: int, told: str
) -> None:
    with Emulator("success") as emulator:
        terminal.against(emulator).env |= GITHUB | given
        ended = terminal.mogplex("doctor", "--prompt", "Fix it")
        assert emulator.runs == []
    mark, check = finding.split()
    (line,) = [line for line in ended.out.splitlines() if line.split()[:2] == [mark, check]]
    assert told in line
    assert ended.code == code
    failed = [name for name, of_check in marks(ended).items() if of_check == "✘"]
    assert failed == ([check] if mark == "✘" else ["authentication"] if code else [])
    assert not any(secret in ended.out for secret in ("hunter2", "with blanks"))


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ("scopes: [read]", "Use a token with the write scope"),
        ("access: automations", "This token may only trigger automations"),
    ],
)
def test_a_token_that_may_not_start_runs(terminal: Terminal, tmp_path: Path, rights: str, told: str) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(LIMITED.format(rights=rights))
    with Emulator("success", world=world) as emulator:
        ended = terminal.against(emulator).mogplex("doctor", "--repo", "acme/web", "--prompt", "Fix it")
    assert (ended.code, marks(ended)["authentication"], marks(ended)["scope"]) == (65, "✔", "✘")
    assert told in ended.out


class _Answer(BaseHTTPRequestHandler):
    """Answers every request with no repositories, in 2020."""

    def do_GET(self) -> None:
        body = b'{"ok": true, "data": {"repos": []}}'
        self.send_response_only(200)
        self.send_header("date", "Wed, 01 Jan 2020 00:00:00 GMT")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def https(tmp_path: Path) -> Iterator[str]:
    """An https server on this machine, whose certificate `public.pem` no authority has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    public = certificate(tmp_path, "127.0.0.1")
    context.load_cert_chain(public, public.with_name("key.pem"))
    with HTTPServer(("127.0.0.1", 0), _Answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("", "set REQUESTS_CA_BUNDLE", id="none"),
        pytest.param(None, "Check REQUESTS_CA_BUNDLE", id="missing"),
        pytest.param("hello\n", "Check REQUESTS_CA_BUNDLE", id="without a certificate"),
    ],
)
def test_a_certificate_that_nobody_knows(
    terminal: Terminal, https: str, tmp_path: Path, content: str | None, told: str
) -> None:
    file = tmp_path / "certificates.pem"
    terminal.env |= {"MOGPLEX_API_KEY": UNKNOWN, "MOGPLEX_URL": https}
    terminal.env |= {"REQUESTS_CA_BUNDLE": str(file)} if content != "" else {}
    if content:
        file.write_text(content)
    ended = terminal.mogplex("doctor", "--json")
    found = findings(ended)["tls"]
    assert (ended.code, found["mark"], told in found["remedy"]) == (69, "failed", True)
    if content != "":
        step = terminal.mogplex("action", "--repo", "acme/web", "--prompt", "Fix it", "--timeout", "20s")
        assert (step.code, "Trying again" in step.out) == (69, False)


def test_a_certificate_of_ones_own_and_a_clock_that_is_wrong(terminal: Terminal, https: str, tmp_path: Path) -> None:
    bundle = str(tmp_path / "public.pem")
    terminal.env |= {"MOGPLEX_API_KEY": UNKNOWN, "MOGPLEX_URL": https, "REQUESTS_CA_BUNDLE": bundle}
    found = findings(terminal.mogplex("doctor", "--json"))
    assert (found["tls"]["mark"], found["clock"]["mark"]) == ("ok", "warning")
    assert found["clock"]["message"].endswith("ahead of the API's")
    assert "Set this machine's clock" in found["clock"]["remedy"]
