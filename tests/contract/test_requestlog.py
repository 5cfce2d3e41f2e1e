"""The emulator's log of requests: what it keeps, for how long, and how it shows a body."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.contract.api import Api
from tests.emulator import Emulator
from tests.emulator.requestlog import RequestLog, RequestRecord, body_for_log

HALF = 16 * 1024 * 1024 - 1_000
"""Bytes of a body of which two, with what else is kept of a request, fill the 32 MiB."""


def record(path: str) -> RequestRecord:
    return RequestRecord("2026-01-01T00:00:00+00:00", "repos", "GET", path, {}, None, 200)


def test_the_oldest_requests_give_way_and_the_file_keeps_all_until_it_is_closed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "requests.ndjson"
    file.write_text("earlier\n")
    log = RequestLog(file)
    records = [record(str(number)) for number in range(5)]
    log.add(records[0], HALF)
    log.add(records[1], HALF)
    assert log.records() == records[:2]
    log.add(records[2], 0)
    assert log.records() == records[1:3]
    log.add(records[3], HALF)
    assert log.records() == records[2:4]
    lines = file.read_text().splitlines()
    assert lines[0] == "earlier"
    assert [json.loads(line) for line in lines[1:]] == [asdict(each) for each in records[:4]]
    log.close()
    log.add(records[4], 0)
    assert log.records() == records[2:5]
    assert file.read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", None),
        (b'{"a": [1]}', {"a": [1]}),
        (b"0", 0),
        (b"f\xc3\xbcr", "für"),
        (b"f\xfcr", "f\ufffdr"),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_a_body_is_shown_as_json_or_as_text(data: bytes, shown: object) -> None:
    assert body_for_log(data) == shown


def test_a_request_is_kept_with_all_but_its_token() -> None:
    with Emulator() as emulator:
        api = Api(emulator)
        api.start(key="k")
        api.session.get(f"{api.base}/repos?q=web", headers={"X-Odd": "yes"})
        api.session.get(f"{emulator.url}/nowhere")
        start, listed, unknown = emulator.requests
    assert (start.route, start.method, start.status) == ("start", "POST", 202)
    assert start.body == {"repoId": api.repo_id, "prompt": "Fix it"}
    assert (listed.route, listed.method, listed.path) == (
        "repos",
        "GET",
        "/api/v1/mogplex/repos?q=web",
    )
    assert (listed.status, listed.body, listed.headers["X-Odd"]) == (200, None, "yes")
    assert (unknown.route, unknown.path, unknown.status) == (None, "/nowhere", 404)
    for each in (start, listed, unknown):
        assert "authorization" not in {name.lower() for name in each.headers}
        assert each.time.endswith("+00:00")
