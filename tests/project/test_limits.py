"""The pages of limits and faults have the program's numbers."""

from __future__ import annotations

import re

import pytest

from mogplex_ci import errors, github_api, models
from mogplex_ci.api import client, transport
from mogplex_ci.gates import before_start, checks
from mogplex_ci.inputs import declared
from mogplex_ci.platforms import job_log
from mogplex_ci.platforms.github import GITHUB
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS
from mogplex_ci.report import comment, delivered, facts
from mogplex_ci.run import event_sources, execution, follow
from mogplex_ci.sanitize import sanitizer
from mogplex_ci.step import guards, rights
from tests.program import ROOT

LIMITS, RELIABILITY, FAULTS, OUTPUTS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("limits.md", "reliability.md", "maintaining/faults.md", "inputs-and-outputs.md")
)
TEXT = (sanitizer.LINES_LIMIT, sanitizer.LINE_LIMIT, sanitizer.BLOCK_LIMIT)
ROWS: dict[str, tuple[float, ...]] = {
    "prompt |": (declared.PROMPT_LIMIT,),
    "listed events": (models.FEED_LIMIT,),
    "changed files": (github_api.MAX_COMPARED_FILES - 1, github_api.MAX_LISTED_FILES - 1),
    "what gates must know before a start": (before_start.NOTE_SECONDS,),
    "wait for a required check": (checks.MISSING_SECONDS / 60,),
    "a response is lost": (transport.MAX_ANSWER_BYTES / 2**20,),
    "a text in the log": TEXT,
    "the job log": (job_log.DETAILS_END / 2**20, job_log._STAMP_BYTES),
    "`message`": (facts.MESSAGE_LIMIT,),
    "`artifact` | The artifact as": (delivered.ARTIFACT_LIMIT,),
}


TIMES: dict[str, tuple[float, ...]] = {
    "A comment takes up to N s, and": (comment.CALLS_SECONDS,),
    "the test of permissions before a start takes up to N s": (rights.RIGHTS_SECONDS,),
    "further signals change nothing | N s on GitHub, N s elsewhere": (
        *(GITHUB.stop_seconds.all, USUAL_STOP_SECONDS.all),
    ),
    "cancels the run within N s on GitHub, N s elsewhere; otherwise `post` does": (
        *(GITHUB.stop_seconds.cancel, USUAL_STOP_SECONDS.cancel),
    ),
    "who triggered the event has write access up to N s": (guards._ASK_SECONDS,),
    "it waits N s for a connection, N s for the first bytes, and a minute for later ones": (
        *(client.STREAM_CONNECT_SECONDS, event_sources.FIRST_BYTES_SECONDS),
    ),
    "if the run had already finished, that result counts | N s; with gates N s": (
        *(execution.READ_TO_END_SECONDS, execution.FACTS_SECONDS),
    ),
    "N minutes without any other response if the token worked before, otherwise N s": (
        *(errors.TokenLostError.patience / 60, errors.NotAuthorizedError.patience),
    ),
    "reads the missing ones from a stream | N s": (follow.LATE_EVENTS_SECONDS,),
    "reads them | N s; N s while the API refuses": (
        *(sum(follow.LATE_EVENT_PAUSES), follow.LATE_EVENTS_SECONDS),
    ),
}
"""Sentences of the pages on reliability and faults, with N for each number."""


@pytest.mark.parametrize("sentence", TIMES)
def test_a_time_is_the_programs(sentence: str) -> None:
    pattern = re.escape(sentence).replace("N", r"([\d.]+)")
    found = re.search(pattern, " ".join((RELIABILITY + FAULTS).split()))
    assert found, "the pages no longer say it"
    assert tuple(map(float, found.groups())) == TIMES[sentence]


@pytest.mark.parametrize("row", ROWS)
def test_a_limit_is_the_programs(row: str) -> None:
    (line,) = (
        line for line in (LIMITS + FAULTS + OUTPUTS).splitlines() if line.startswith(f"| {row}")
    )
    numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", line)]
    assert [number for number in ROWS[row] if number not in numbers] == []
