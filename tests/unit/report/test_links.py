"""Links to the run and its pull request: only what is an https address becomes one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mogplex_ci.models import Run, Untrusted
from mogplex_ci.platforms.gitlab import GitLab
from mogplex_ci.report.links import LinksReport
from mogplex_ci.run.happenings import Started
from mogplex_ci.run.outcome import Outcome, Result, Verdict
from mogplex_ci.run.trail import Trail
from mogplex_ci.sanitize import Sanitizer

RUN = Run("r-1", "pending", None, None, None, None, None, None, queued=True, data=Untrusted({}))


def links(folder: Path, base_url: str, pull_request: str) -> list[str]:
    platform = GitLab({"CI_PROJECT_DIR": str(folder)}, io.StringIO())
    report = LinksReport(platform, Sanitizer(), base_url)
    report.on(Started(RUN, "key", joined=False, owned=True))
    trail = Trail()
    trail.pull_request_url = Untrusted(pull_request)
    report.end(Outcome(Verdict(Result.SUCCESS, 0), duration=1, requests_sent=1, trail=trail, run=RUN))
    platform.set_outputs({})
    written = json.loads((folder / "mogplex-annotations.json").read_text(encoding="utf-8"))
    return [entry["external_link"]["url"] for entry in written.get("Mogplex", [])]


def test_the_run_and_its_pull_request(tmp_path: Path) -> None:
    pull_request = "https://github.com/acme/web/pull/42"
    assert links(tmp_path, "https://mogplex.com/", pull_request) == [
        "https://mogplex.com/api/v1/mogplex/runs/r-1",
        pull_request,
    ]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://user:pass@example.com/", "http://example.com", ""])
def test_what_is_no_https_address_is_no_link(address: str, tmp_path: Path) -> None:
    assert links(tmp_path, "http://127.0.0.1:8080", address) == []
