"""Log, outputs, summary, files and page of steps that meet everything a step can meet.

`make golden` writes the texts anew. Each case tells a run's updates, its end, and its inputs.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, LiteralString

import pytest
from jsonschema import Draft202012Validator

from mogplex_ci.api.retry import Waiting
from mogplex_ci.errors import UnreachableError
from mogplex_ci.inputs.declared import load_schema
from mogplex_ci.platforms.base import PLAIN, Plain
from mogplex_ci.problems import Problem
from mogplex_ci.report.log import Log
from mogplex_ci.report.outputs import OUTPUT_NAMES
from mogplex_ci.run import updates as u
from mogplex_ci.run.agent_text import Checkpoint
from mogplex_ci.run.result import Result, Round, RunResult
from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.e2e.golden import GOLDEN, check_golden, normalized
from tests.faults.world import World
from tests.unit.report.events import (
    PULL_REQUEST,
    RUN_ID,
    SUCCESSFUL,
    SUCCESSFUL_BEFORE,
    Feed,
    OneRun,
    call,
    delivery,
    delta,
    event,
    gate,
    item,
    planned,
    result,
    run,
    starting,
    written,
)

BRANCHES: tuple[dict[str, Any], ...] = (
    *({"base": "main", "working": working} for working in ("fix", "main", None)),
    {"base": "main", "createBranch": True},
    {},
)
BARE_CALLS = Path(__file__).with_name("bare_calls.yaml")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TROUBLE = UnreachableError("the API did not answer", detail=Untrusted("::error::x"))
PASSED = gate("change", "it changed 2 files")._replace(passed=True, remedy=None)
FAILED = gate(
    "checks",
    "a check failed",
    item("test\n<b>", "https://ci.example/1", "an <i> annotation"),
    *map(item, ("lint", "docs", "types")),
    remedy="Look at the check.",
    code="CHECKS_FAILED",
)
OUTSIDE = gate(
    "allowed-paths",
    "it changed a path outside",
    item(".github/x"),
    remedy="Widen it.",
    code="PATH_NOT_ALLOWED",
)
TWICE = Sanitizer().message("two rounds found the same faults")
BROKEN = result(Result.FAILED, cause="it broke", detail=Untrusted("x"))
OPEN_CALLS = (
    event("tool_started", None, 70, "Bash"),
    event("tool_started", "Testing", 71, "shell", input={"a": 1}),
)
ASKS = '<<<MOGPLEX_CHECKPOINT>>>{"summary":"Fine?","previewUrl":"https://preview.example/"}<<<END_MOGPLEX_CHECKPOINT>>>'
HOSTILE = "a|b <b>x</b> @me #1 `c`\n::error::x https://evil.example [l](x) \x1b[31m ]]> \ufffe"
ATTACK = (
    event("started", HOSTILE, 0, external_run_id="r"),
    event("plan", "word " * 200, 2, logs=HOSTILE),
    *call("Ba`sh|<b>", 3, 9, state="error"),
    *call("Ba`sh|<b>", 9, 10),
    delta(HOSTILE, 11),
    event("failed", HOSTILE, 12, exit_code=1, failure_code="x y", error=HOSTILE),
)


def case(
    kind: Result,
    events: Sequence[dict[str, Any]] = (),
    later: Sequence[u.Update] = (),
    started: Mapping[str, Any] | None = MappingProxyType({}),
    inputs: Mapping[str, Any] = MappingProxyType({}),
    **known: Any,
) -> OneRun:
    """Return a run with the updates of its step; ``started`` says how the start was answered, None
    if none was sent.
    """
    ended = result(kind, *events, **known)
    if started is None:
        return OneRun(RunResult(ended.ending), inputs=inputs)
    how: dict[str, Any]
    feed, how = Feed(), {"joined": False, "owned": True, **started}
    updates = (
        starting(),
        Waiting(TROUBLE, 3.0),
        u.Started(ended.details.run or run(), "key-1", **how),
        feed.arrived(*events[:6]),
        u.Heartbeat(run("pending"), 190, 61),
        feed.arrived(*events[6:]),
        *later,
        feed.ended(),
    )
    return OneRun(ended, updates, inputs=inputs)


def said(words: LiteralString, *values: str, title: LiteralString = "") -> u.Said:
    """Return what only the log says; the values are words of others."""
    return u.Said(words, tuple(map(Untrusted, values)), title)


CASES = {
    "success": case(
        Result.SUCCESS,
        SUCCESSFUL,
        later=[
            u.ChecksAwaited(COMMIT, 1, 2, (Untrusted("lint"),)),
            u.ChecksAwaited(COMMIT, 2, 2, ()),
        ],
        run=run("success", terminalCommitSha=COMMIT),
        gates=(PASSED,),
        artifact=Untrusted({"version": "1.4.0"}),
    ),
    "joined": case(
        Result.SUCCESS,
        SUCCESSFUL_BEFORE,
        started={"joined": True},
        later=[
            said("Reading events by polling: {}", "this server has no event stream"),
            u.Trouble(TROUBLE),
            u.Recovered(61.0),
        ],
        inputs={"base_url": "https://mogplex.acme.example/"},
        joined=True,
        artifact=Untrusted("-" * 60_000),
    ),
    "same key": case(
        Result.TIMEOUT,
        OPEN_CALLS,
        started={"joined": True, "unexpected": True, "unused_options": (Untrusted("agent"),)},
        later=[
            said(
                "This version does not know the status {}; it keeps following the run",
                "dreaming",
                title="Unknown status",
            ),
            said("Some are missing", title="Events missing"),
        ],
        cause="the timeout passed while the run was streaming",
        error_code="TIMEOUT",
    ),
    "another run": case(
        Result.SUCCESS,
        OPEN_CALLS,
        later=[
            said(
                "The key belongs to an earlier, different request; next idempotency key: {}", "k-g2"
            ),
            said("Run {} was never queued; next idempotency key: {}", RUN_ID, "k-g3"),
            said(
                "Run {} of an earlier attempt has ended ({}); next idempotency key: {}",
                RUN_ID,
                "cancelled",
                "k-g4",
            ),
            said(
                "The run was asked to work on {}, which does not exist or whose pull request is "
                "closed or merged, and worked on {}",
                "mogplex/fix",
                "mogplex/fix-2",
                title="Branch",
            ),
            *(
                u.Started(
                    run("success", branch=it, harness=None), "key-2", joined=False, owned=True
                )
                for it in BRANCHES
            ),
        ],
    ),
    "followed": case(
        Result.PAUSED,
        [delta(f"Done so far.\n{ASKS}"), delivery(changed=True, pull_request_url=PULL_REQUEST)],
        started={"joined": True, "followed": True},
        later=[
            u.StatusChanged(
                run("awaiting_input"), Checkpoint(Untrusted(asks), Untrusted("https://p.example"))
            )
            for asks in (
                "Red or blue?",
                "Fine?",
            )  # it was answered, and asked again, between two status checks
        ],
        cause="the run is paused and is waiting for an answer",
        remedy="A paused run does not end by itself, and keeps its sandbox: cancel it.",
        detail=Untrusted("Fine?"),
        error_code="PAUSED",
    ),
    "repaired": case(
        Result.REJECTED,
        SUCCESSFUL,
        later=[
            u.GateJudged(PASSED),
            u.GateJudged(OUTSIDE),
            u.NextRound(2, 3, (OUTSIDE,)),
            u.Started(run(), "key-r2", joined=False, owned=True),
            u.GateJudged(PASSED),
            u.GateJudged(FAILED),
        ],
        gates=(PASSED, FAILED),
        rounds=(
            Round("r1", COMMIT, (PASSED, OUTSIDE)),
            Round("r2", None, (PASSED, FAILED), ended=TWICE),
        ),
        cause="a check failed",
        remedy="Look at the check.",
        error_code="CHECKS_FAILED",
    ),
    "hostile": case(
        Result.FAILED,
        ATTACK,
        inputs={"prompt": HOSTILE},
        cause="the run failed",
        remedy="Read it.",
        detail=Untrusted(HOSTILE),
        error_code="RUN_FAILED",
    ),
    "interrupted": case(
        Result.INTERRUPTED,
        OPEN_CALLS,
        later=[
            u.Cancelling(None),
            u.Cancelling(run().id),
            said("Run {}", "cancelled"),
            said("The run had already ended: {}", "success"),
            u.CancelFailed(run().id, TROUBLE),
        ],
        cause="the job was cancelled, or its time limit passed",
        exit_code=143,
        error_code="INTERRUPTED",
    ),
    "unchanged": case(
        Result.SUCCESS,
        [
            delta("All tests pass."),
            event(
                "log",
                "Verification check: the final message reports tests passing.",
                190,
                check="claim_verification",
                unsupported=["tests passing"],
            ),
            delivery(changed=False),
        ],
        inputs={"prompt": "\n# Fix the login\nform, and " + "more " * 50},
    ),
    "cancelled": case(
        Result.CANCELLED,
        [delta("I look.")],
        inputs={"prompt": "x" * 500},
        cause="the run was cancelled",
        remedy="Run it again.",
    ),
    "detached": case(Result.DETACHED, exit_code=0),
    "dry run": case(
        Result.DRY_RUN,
        SUCCESSFUL,
        exit_code=0,
        inputs={"dry_run": True},
        run=run("success", terminalCommitSha=COMMIT),
    ),
    "skipped": case(Result.SKIPPED, started=None, exit_code=0, remedy="There is no api-key."),
    "wrong inputs": case(
        Result.ERROR,
        started=None,
        inputs={"prompt": ""},
        cause="wrong inputs: wait, prompt",
        error_code="USAGE",
        problems=(
            Problem("wait", "is no boolean", "Use true or false.", Untrusted("<b>")),
            Problem("prompt", "is missing", "Set it."),
        ),
    ),
}


def words_of(page: str) -> str:
    """Return the lines of a page that have words, without what only styles it, and with the lines
    that draw.
    """
    body = re.sub("(?s).*<body>|<footer>.*", "", page)
    lines = re.sub(r"<(?!a |rect|/?details|input)[^>]*>", " ", body).splitlines()
    return "".join(f"{' '.join(line.split())}\n" for line in lines if line.strip())


@pytest.mark.parametrize("name", CASES)
def test_a_step_reads_as_before(name: str, tmp_path: Path) -> None:
    log, outputs = written(tmp_path.resolve(), CASES[name])
    told = "".join(f"{name}={value}\n" for name, value in outputs.items() if value)
    names = {
        "summary": "summary.md",
        "result": "result.json",
        "page": "report.html",
    }
    files = {part: (tmp_path / file).read_text(encoding="utf-8") for part, file in names.items()}
    texts = {"log": log, "outputs": told} | files | {"page": words_of(files["page"])}
    text = "".join(f"======== {part}\n{content}" for part, content in texts.items())
    check_golden(f"reports/{name.replace(' ', '-')}.txt", text)
    schema, file = load_schema("result"), json.loads(files["result"])
    Draft202012Validator(schema).validate(file)
    assert set(file) == set(schema["properties"]), (
        "describe each in mogplex_ci/schemas/result.schema.json, and write it"
    )
    assert list(outputs) == list(OUTPUT_NAMES)


def test_every_result_and_every_output_is_in_some_text() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in (GOLDEN / "reports").iterdir())
    assert [name for name in OUTPUT_NAMES if f"\n{name}=" not in texts] == [], (
        "let a step of CASES set each, then run `make golden`"
    )
    assert [kind for kind in Result if f"\nresult={kind.value}\n" not in texts] == []


def test_bare_tool_calls_are_shown_as_they_happen() -> None:
    """The real service tells of a call only its name. Before each line stands when it was written,
    in seconds since the step began.
    """
    world, lines = World.serve(BARE_CALLS), list[str]()
    stream = io.StringIO()
    log = Log(Plain(PLAIN, {}, stream), Sanitizer())
    log.begin_run(planned(dry_run=True, prompt=""))

    def write(update: u.Update) -> None:
        log.on(update)
        at = world.time.monotonic()
        lines.extend(f"{at:6.2f} {line}\n" for line in stream.getvalue().splitlines())
        stream.seek(0)
        stream.truncate()

    with world.emulator:
        case = world.new_case(BARE_CALLS.stem)
        played = case.play(watch=write)
    assert played.result == "success"
    text = normalized("".join(lines), [(case.key, "<key>")])
    check_golden("reports/bare-calls.txt", text)
