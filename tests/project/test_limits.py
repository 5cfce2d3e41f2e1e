"""The pages of limits and faults have the program's numbers, and the page about rolling out has the
times that follow from them.
"""

from __future__ import annotations

import re

import pytest

from mogplex_ci import durations, errors, github_api, models
from mogplex_ci.api import budget, client, stream, transport
from mogplex_ci.api.budget import Purpose, TokenBudget
from mogplex_ci.gates import artifact, baseline, checks
from mogplex_ci.inputs import declared, run_file, values
from mogplex_ci.platforms import job_log
from mogplex_ci.platforms.github import GITHUB
from mogplex_ci.platforms.system import USUAL_STOP_SECONDS
from mogplex_ci.report import comment, delivered, facts, files, html, log_lines, summary
from mogplex_ci.run import follow, news, one, start
from mogplex_ci.sanitize import sanitizer
from mogplex_ci.step import evidence, guards, repair, rights, several_runs
from tests.program import ROOT
from tests.virtual_time import VirtualTime

LIMITS, OPERATE, RELIABILITY, FAULTS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("limits.md", "operate.md", "reliability.md", "maintaining/faults.md")
)
TEXT = (sanitizer.LINES_LIMIT, sanitizer.LINE_LIMIT, sanitizer.BLOCK_LIMIT)
ROWS: dict[str, tuple[float, ...]] = {
    "requests |": (budget.REQUESTS.most,),
    "starts of runs": tuple(limit.most for limit in budget.STARTS),
    "prompt |": (declared.PROMPT_LIMIT,),
    "listed events": (models.FEED_LIMIT,),
    "`timeout`": (durations.MAX_SECONDS / 86_400,),
    "runs in one step": (several_runs.MOST_RUNS,),
    "repositories that": (models.LIST_LIMIT,),
    "requests to GitHub": (budget.GITHUB_CALLS.most,),
    "question before a start": (rights.RIGHTS_SECONDS,),
    "idempotency key": (start.MAX_KEY_LENGTH,),
    "keys of one chain": (start.MAX_CHAIN,),
    "report of failed checks": (
        *(repair.REPORT_LIMIT, evidence.MAX_CHECKS, evidence.MAX_ANNOTATIONS),
        *(evidence.LOG_LINES, evidence.EVIDENCE_SECONDS),
    ),
    "run file, prompt file": (run_file.BYTES,),
    "schema of": (values._SCHEMA_BYTES, artifact.VALIDATION_SECONDS),
    "changed files": (github_api.MAX_COMPARED_FILES - 1,),
    "reading, before a start": (baseline.BEFORE_SECONDS,),
    "wait for a required check": (checks.MISSING_SECONDS / 60,),
    "response of the API": (transport.MAX_ANSWER_BYTES / 2**20, stream.MAX_LINE_BYTES / 2**20),
    "a text in the log": TEXT,
    "the job log": (job_log.DETAILS_END / 2**20, job_log._STAMP_BYTES),
    "the logs of several runs": (log_lines.KEPT_LIMIT / 2**20,),
    "annotations": (log_lines.ANNOTATIONS_LIMIT,),
    "job summary": (summary.SUMMARY_LIMIT,),
    "HTML report": (html.PAGE_LIMIT,),
    "output `message`": (facts.MESSAGE_LIMIT,),
    "output `artifact`": (delivered.ARTIFACT_LIMIT,),
    "a piece of the agent's text": (files._TEXT_LIMIT,),
}


TIMES: dict[str, tuple[float, ...]] = {
    "A comment takes up to N s, and": (comment.CALLS_SECONDS,),
    "further signals change nothing | N s on GitHub, N s elsewhere": (
        *(GITHUB.stop_seconds.all, USUAL_STOP_SECONDS.all),
    ),
    "cancels the run within N s on GitHub, N s elsewhere; otherwise `post` does": (
        *(GITHUB.stop_seconds.cancel, USUAL_STOP_SECONDS.cancel),
    ),
    "who triggered the event has write access up to N s": (guards._ASK_SECONDS,),
    "it waits N s for a connection, N s for the first bytes, and a minute for later ones": (
        *(client.STREAM_CONNECT_SECONDS, news.FIRST_BYTES_SECONDS),
    ),
    "if the run had already finished, that result counts | N s; with gates N s": (
        *(one.READ_TO_END_SECONDS, one.FACTS_SECONDS),
    ),
    "then leaves its run to `post` | N minutes of nothing else once the token was accepted, N s before": (
        *(errors.TokenLostError.patience / 60, errors.NotAuthorizedError.patience),
    ),
    "reads the missing ones from a stream | N s": (follow.LATE_EVENTS_SECONDS,),
    "reads them | N s; N s while the API refuses": (
        *(sum(follow.LATE_EVENT_PAUSES), follow.LATE_EVENTS_SECONDS),
    ),
    "after N s and N s; with gates N, N, N, N, N and N s": (
        *(*follow.COMMIT_SECONDS, *follow.JUDGED_COMMIT_SECONDS),
    ),
    "starts a failed run again under the next key, N s later": (one.SECONDS_BEFORE_RETRY,),
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
    (line,) = (line for line in (LIMITS + FAULTS).splitlines() if line.startswith(f"| {row}"))
    numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", line)]
    assert [number for number in ROWS[row] if number not in numbers] == []


def test_the_last_start_is_when_the_page_says() -> None:
    units = {"minute": 60, "hour": 3600}
    rows = re.findall(
        r"^\| (\d+) \| after (\d+) (minute|hour)s? \| after (\d+) (minute|hour)s? \|",
        OPERATE,
        re.MULTILINE,
    )
    assert len(rows) == 3
    for number, *times in rows:
        for tokens, (count, unit) in enumerate(zip(times[::2], times[1::2], strict=True), 1):
            assert last_start(int(number) // tokens) // units[unit] == int(count), number


def last_start(runs: int) -> float:
    """Return the seconds until the last of so many runs starts."""
    clock, token = VirtualTime().clock(), TokenBudget()
    began = clock.monotonic()
    for _ in range(runs):
        with token.turn(Purpose.START, 1e9, clock=clock):
            pass
    return clock.monotonic() - began
