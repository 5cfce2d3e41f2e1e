"""Agents, skills and artifacts, which older services do not have; and web servers that are not Mogplex."""

from __future__ import annotations

from pathlib import Path

import pytest

from mogplex_ci.api.client import Client
from mogplex_ci.emulator import Emulator
from mogplex_ci.errors import (
    ApiError,
    ConflictError,
    KeyConflictError,
    MogplexError,
    NotFoundError,
    OldServiceError,
    StreamMissingError,
    UnreachableError,
    WrongServiceError,
)
from mogplex_ci.models import StartRequest, Untrusted
from mogplex_ci.signals import SystemClock

WEB = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
PATH = ".mogplex/artifacts/report.json"
SCENARIO = """\
steps:
  - {status: success}
artifacts:
  report: {json: {passed: 12, failed: []}}
"""


def client_of(emulator: Emulator) -> Client:
    return Client(emulator.url, emulator.token)


def test_agents_with_the_presets_first() -> None:
    with Emulator("success") as emulator:
        preset, own = client_of(emulator).agents()
    assert (preset.id, preset.name) == (Untrusted("preset:Code Reviewer"), Untrusted("Code Reviewer"))
    assert own.model == Untrusted("openai/gpt-5")
    assert own.description is None
    assert own.data.at("slug") == Untrusted("release-engineer")


def test_skills_of_the_library_and_of_a_repository() -> None:
    with Emulator("success") as emulator:
        client = client_of(emulator)
        library, both, found = client.skills(), client.skills(repo_id=WEB), client.skills(query="style", repo_id=WEB)
    assert [skill.slug.text for skill in library] == ["release-notes"]
    assert {skill.slug.text: skill.source for skill in both} == {
        "release-notes": Untrusted("library"),
        "review-style": Untrusted("repo"),
    }
    assert [skill.name.text for skill in found] == ["Review Style"]


def test_an_artifact(tmp_path: Path) -> None:
    scenario = tmp_path / "artifact.yaml"
    scenario.write_text(SCENARIO)
    with Emulator(scenario) as emulator:
        client = client_of(emulator)
        on_its_branch = client.start(StartRequest(WEB, "x", create_branch=True), "key-1").run
        on_main = client.start(StartRequest(WEB, "x"), "key-2").run
        artifact = client.artifact(on_its_branch.id, PATH)
        with pytest.raises(ConflictError) as conflict:
            client.artifact(on_main.id, PATH)
        with pytest.raises(NotFoundError):
            client.artifact(on_its_branch.id, ".mogplex/artifacts/other.json")
        with pytest.raises(ApiError):
            client.artifact(on_its_branch.id, "/etc/passwd")
    assert artifact.content == Untrusted({"passed": 12, "failed": []})
    assert artifact.path == Untrusted(PATH)
    assert not isinstance(conflict.value, KeyConflictError)


@pytest.mark.parametrize("call", ["agents", "skills", "artifact"])
def test_what_an_older_service_does_not_have(call: str) -> None:
    with Emulator("success", api="2026-08") as emulator:
        arguments = (WEB, PATH) if call == "artifact" else ()
        with pytest.raises(OldServiceError) as caught:
            getattr(client_of(emulator), call)(*arguments)
    assert "older Mogplex server" in caught.value.remedy
    assert caught.value.cause.startswith(f"this service has no {call}")


@pytest.mark.parametrize(("status", "kind"), [(404, WrongServiceError), (200, UnreachableError), (502, MogplexError)])
def test_a_web_page_is_not_an_answer(status: int, kind: type[MogplexError]) -> None:
    with Emulator("success") as emulator:
        headers = {"content-type": "text/html"}
        emulator.inject("repos", status=status, body="<!DOCTYPE html><title>Welcome</title>", headers=headers)
        with pytest.raises(kind) as caught:
            client_of(emulator).repos()
    assert isinstance(caught.value, WrongServiceError) == (status == 404)
    assert ("a web page came" in caught.value.cause) == (status != 502)


def test_an_answer_like_the_last_one_is_the_same_object() -> None:
    """It need not be read again, nor compared with what was seen."""
    with Emulator("success", speed=1000) as emulator:
        client = client_of(emulator)
        run_id = client.start(StartRequest(WEB, "x"), "key-1").run.id
        while not client.run(run_id).is_terminal:
            pass
        assert client.events(run_id) is client.events(run_id)
        assert client.events(run_id, limit=1) is not client.events(run_id)


@pytest.mark.parametrize(("status", "is_api"), [(503, True), (503, False), (502, True), (504, True), (500, True)])
def test_only_the_apis_own_503_says_that_nothing_was_started(status: int, is_api: bool) -> None:
    """After any other error a run may be at work, and a job that is cancelled has to look for it."""
    body = {"ok": False, "error": {"code": "SERVICE_UNAVAILABLE", "message": "later"}} if is_api else "<html>"
    with Emulator("success") as emulator:
        emulator.inject("start", status=status, body=body)
        with pytest.raises(MogplexError) as caught:
            client_of(emulator).start(StartRequest(WEB, "x"), "key-1")
    assert caught.value.may_have_worked is not (status == 503 and is_api)


@pytest.mark.parametrize("media_type", ["application/json", "text/html", "text/plain", "video/mp4"])
def test_what_is_no_stream_is_not_read_as_one(media_type: str) -> None:
    with Emulator("success") as emulator:
        client = client_of(emulator)
        run_id = client.start(StartRequest(WEB, "x"), "key-1").run.id
        emulator.inject("stream", status=200, body={"ok": True}, headers={"content-type": media_type})
        with pytest.raises(StreamMissingError):
            client.stream(run_id, last_event_id=None, clock=SystemClock())


class Requests:
    """A request log that remembers which try each request was."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int | None, int]] = []

    def request(self, method: str, path: str, *, status: int | None, attempt: int, milliseconds: float) -> None:
        assert 0 <= milliseconds < 60_000
        self.seen.append((path.rpartition("/")[2], status, attempt))


def test_the_diagnostics_count_the_tries_of_a_request() -> None:
    log = Requests()
    with Emulator("success") as emulator:
        client = Client(emulator.url, emulator.token, diagnostics=log)
        client.repos()
        emulator.inject("repos", status=502, times=2)
        for _ in range(2):
            with pytest.raises(MogplexError):
                client.repos()
        client.repos()
        client.repos()
    assert log.seen == [("repos", 200, 1), ("repos", 502, 1), ("repos", 502, 2), ("repos", 200, 3), ("repos", 200, 1)]
