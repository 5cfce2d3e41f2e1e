"""Traces: a real process, and a collector that decodes what it gets with OpenTelemetry's own
messages.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from opentelemetry.semconv._incubating.attributes import (
    cicd_attributes,
    gen_ai_attributes,
    process_attributes,
    vcs_attributes,
)
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.schemas import Schemas

from mogplex_ci.platforms.github import GITHUB
from mogplex_ci.report.traces import CONVENTIONS
from tests.collector import (
    Behaviour,
    Collector,
    SpanSeen,
    accept_late,
    fail,
    hang,
)
from tests.documents import claim
from tests.e2e.judged import beside
from tests.emulator import Emulator
from tests.github import Look, Work, check
from tests.github_log import read_log
from tests.https_proxy import HttpsProxy, certificate
from tests.program import FAST_CLOCK, ROOT, GitHubStep, step_against
from tests.slow import mostly_slow, slow
from tests.waits import LONG, asked, wait_until

SPEED = 50
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
PROMPT = "Fix the failing test of the login page"


JOB: dict[str, dict[str, str]] = yaml.safe_load(claim("docs/traces.md", ENDPOINT).code)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def step_for(
    folder: Path, collector: Collector, emulator: Emulator, env: Mapping[str, str] | None = None
) -> GitHubStep:
    return step_against(
        emulator, folder, {ENDPOINT: collector.url} | dict(env or {}), prompt=PROMPT
    )


def parts(collector: Collector, name: str) -> list[SpanSeen]:
    """Return the spans below the step's whose names begin so."""
    step, *others = collector.spans
    assert {span.parent for span in others} <= {step.id}
    assert {span.trace for span in others} <= {step.trace}
    assert all(step.began <= span.began <= span.ended <= step.ended for span in others)
    return [span for span in others if span.name.startswith(name)]


def test_a_run_is_a_span_below_the_steps_and_its_tool_calls_are_events(
    tmp_path: Path, collector: Collector
) -> None:
    env = JOB["env"] | {
        "TRACEPARENT": f"00-{TRACE}-{PARENT}-01",
        "TRACESTATE": "vendor=1",
        "OTEL_SERVICE_NAME": "our-ci",
        "OTEL_RESOURCE_ATTRIBUTES": "team=web",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=not-for-the-log",
        ENDPOINT: collector.url,
    }
    with Emulator("success", speed=SPEED) as emulator:
        step = step_for(tmp_path, collector, emulator, env)
        ended = step.run()
        (run,) = emulator.runs
    assert (ended.code, ended.err) == (0, ""), ended.out
    host = collector.url.removeprefix("http://")
    assert f"A trace of this step goes to {host}\n" in ended.out
    assert read_log(ended.out).texts("warning") == []
    (request,) = collector.received
    assert request.path == "/v1/traces"
    assert request.headers["x-api-key"] == "not-for-the-log"
    assert "not-for-the-log" not in ended.out
    wanted = {"service.name": "our-ci", "team": "web"}
    assert collector.resource.items() >= wanted.items()
    assert collector.schema == CONVENTIONS
    of_step = collector.spans[0]
    assert (of_step.name, of_step.trace, of_step.parent) == ("mogplex", TRACE, PARENT)
    assert of_step.attributes == {
        "cicd.pipeline.task.name": "mogplex",
        "cicd.pipeline.task.run.id": of_step.attributes["cicd.pipeline.task.run.id"],
        "cicd.pipeline.task.run.result": "success",
        "cicd.pipeline.task.run.url.full": "https://github.com/acme/web/actions/runs/9876543210",
        "process.exit.code": 0,
        "mogplex.result": "success",
        "mogplex.run.id": run.id,
        "vcs.owner.name": "acme",
        "vcs.repository.name": "web",
        "gen_ai.agent.name": "codex",
    }
    (of_run,) = parts(collector, "")
    assert of_step.ended - of_step.began > of_run.ended - of_run.began > 1e8, "in nanoseconds"
    assert of_run.name == "invoke_agent codex"
    assert of_run.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "mogplex",
        "gen_ai.agent.name": "codex",
        "vcs.owner.name": "acme",
        "vcs.repository.name": "web",
        "mogplex.run.id": run.id,
        "mogplex.run.status": "success",
        "mogplex.run.joined": False,
        "mogplex.run.events": 39,
        "mogplex.run.tool_calls": 5,
        "mogplex.result": "success",
    }
    calls = [(call["gen_ai.tool.name"], call["mogplex.tool.failed"]) for call in of_run.events]
    assert sorted(calls) == [
        ("Command", False),
        ("Command", False),
        ("Command", True),
        ("PatchApply", False),
        ("Plan", False),
    ]
    assert {call["name"] for call in of_run.events} == {"mogplex.tool_call"}
    timed = [call for call in of_run.events if call["gen_ai.tool.name"] != "Plan"]
    assert all(call["mogplex.tool.duration"] > 0 for call in timed)
    for private in (emulator.token, "login", PROMPT, "password", "src/", str(tmp_path)):
        assert private.encode() not in request.body


def test_the_run_of_the_last_round_of_a_repair_is_a_span_and_each_gate(
    tmp_path: Path, collector: Collector
) -> None:
    red = Look([check("test", "failure")])
    works = [Work({"src/login.tsx": f"try {n}"}, checks=red) for n in range(2)]
    with beside(tmp_path, *works, speed=100) as each:
        ended = each.step({ENDPOINT: collector.url}, checks="test", repair="1").run(
            through=FAST_CLOCK
        )
        _, second = [run.id for run in each.emulator.runs]
    assert ended.code == 1, ended.out
    assert collector.spans[0].attributes["mogplex.rounds"] == 2
    (of_run,) = parts(collector, "invoke_agent")
    assert (of_run.attributes["mogplex.run.id"], of_run.failed) == (second, False)
    gates = parts(collector, "gate ")
    assert {gate.attributes["mogplex.run.id"] for gate in gates} == {second}
    (rejected,) = [gate for gate in gates if gate.failed]
    assert rejected.name == "gate checks"
    assert rejected.attributes["error.type"] == "CHECKS_FAILED"
    assert rejected.attributes["mogplex.gate.passed"] is False
    page = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    named = {name for span in collector.spans for name in span.attributes}
    named |= {name for call in of_run.events for name in call} - {"name"}
    modules = (cicd_attributes, error_attributes, gen_ai_attributes, process_attributes)
    known = [value for module in (*modules, vcs_attributes) for value in vars(module).values()]
    assert all(name in known for name in named if not name.startswith("mogplex."))
    own = {name for name in named if name.startswith("mogplex.")}
    assert own == set(re.findall(r"`(mogplex\.[a-z_.]+)`", page))
    assert list(Schemas)[-1].value == CONVENTIONS
    assert CONVENTIONS in page


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    mostly_slow(
        [
            (hang, "it did not respond in time"),
            (fail, "it responded with status 500"),
            (None, "{} refused the connection"),
        ],
        every=3,
    ),
)
def test_a_bad_collector_changes_nothing_but_one_warning(
    tmp_path: Path, behaviour: Behaviour | None, reason: str
) -> None:
    with Collector(behaviour or hang) as collector, Emulator("success", speed=SPEED) as emulator:
        host = collector.url.removeprefix("http://")
        step = step_for(tmp_path, collector, emulator)
        if behaviour is None:
            host = "127.0.0.1:1"
            step.env[ENDPOINT] = f"http://{host}"
        ended = step.run()
    assert (ended.code, ended.err, step.outputs["result"]) == (0, "", "success")
    wanted = f"Could not send the trace to {host} over HTTP: {reason.format(host)}"
    assert read_log(ended.out).texts("warning") == [wanted]


@pytest.mark.parametrize(
    ("behaviour", "is_sent"), [(accept_late, True), (hang, False)], ids=["late", "never"]
)
def test_after_a_signal_a_collector_is_waited_for_in_what_the_cancel_has_left(
    tmp_path: Path, behaviour: Behaviour, *, is_sent: bool
) -> None:
    with Collector(behaviour) as collector, Emulator("slow") as emulator:
        with step_for(tmp_path, collector, emulator).start() as process:
            wait_until(asked(emulator, "stream"), process)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            out, _ = process.communicate(timeout=LONG)
        seconds = time.monotonic() - began
    assert process.returncode == 143
    host = collector.url.removeprefix("http://")
    warning = f"Could not send the trace to {host} over HTTP: it did not respond in time"
    assert (warning in out) != is_sent
    assert seconds < GITHUB.stop_seconds.all + 1.0, "the machine may be busy"
    of_step = collector.spans[0].attributes
    assert of_step["cicd.pipeline.task.run.result"] == "cancellation"
    assert of_step["error.type"] == of_step["mogplex.error_code"] == "INTERRUPTED"
    (of_run,) = parts(collector, "invoke_agent")
    assert (of_run.failed, of_run.attributes["mogplex.result"]) == (True, "interrupted")


OTLP = {"OTEL_TRACES_EXPORTER": "console, otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}


@pytest.mark.parametrize(
    ("env", "is_sent"),
    [
        ({"OTEL_SDK_DISABLED": "false", **OTLP}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}, False),
        ({"OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: ""}, False),
    ],
)
def test_the_environment_says_whether_a_trace_is_sent(
    tmp_path: Path, collector: Collector, env: dict[str, str], *, is_sent: bool
) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        step = step_for(tmp_path, collector, emulator, env)
        step.inputs["wait"] = "false"
        ended = step.run()
    assert ended.code == 0, ended.out
    assert ("trace" in ended.out) == bool(collector.received) == is_sent
    if is_sent:
        assert collector.received[0].headers["Content-Type"] == "application/json"
        assert collector.resource["service.name"] == "mogplex-run-action"
        assert collector.spans[0].attributes["mogplex.result"] == "detached"


def test_variables_for_traces_alone_come_first(tmp_path: Path, collector: Collector) -> None:
    env = {
        ENDPOINT: "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/its/own/path",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-for=all",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-for=traces%20alone",
    }
    with Emulator("success", speed=SPEED) as emulator:
        step = step_for(tmp_path, collector, emulator, env)
        step.inputs["wait"] = "false"
        ended = step.run()
    assert read_log(ended.out).texts("warning") == []
    (request,) = collector.received
    assert (request.path, request.headers["x-for"]) == ("/its/own/path", "traces alone")


@pytest.mark.parametrize("url", ["collector:4318", "http://[::1", "/v1", "https://user:word-of@"])
def test_an_address_that_is_none_is_one_warning(
    tmp_path: Path, collector: Collector, url: str
) -> None:
    with Emulator("success", speed=SPEED) as emulator:
        step = step_for(tmp_path, collector, emulator, {ENDPOINT: url})
        step.inputs["wait"] = "false"
        ended = step.run()
    assert (ended.code, ended.err) == (0, ""), ended.out
    (warning,) = read_log(ended.out).texts("warning")
    assert warning.endswith("its address or OTEL_EXPORTER_OTLP_HEADERS is malformed")
    assert "word-of" not in ended.out


def test_wrong_inputs_are_a_trace_and_a_dry_run_is_none(
    tmp_path: Path, collector: Collector
) -> None:
    env = {ENDPOINT: collector.url}
    for inputs in ({"dry-run": "success"}, {"dry-run": "true", "timeout": "soon"}):
        step = GitHubStep(tmp_path, {"prompt": PROMPT, **inputs}, env)
        assert "trace" not in step.run(through=FAST_CLOCK).out
    assert collector.received == []
    assert GitHubStep(tmp_path, {"timeout": "soon"}, env).run().code == 2
    (of_step,) = collector.spans
    assert of_step.attributes["error.type"] == "USAGE"
    assert of_step.attributes["cicd.pipeline.task.run.result"] == "error"


@pytest.mark.parametrize("of", ["OTLP", *slow(["OTLP_TRACES"])])
def test_a_collector_is_reached_through_the_proxy_by_the_certificate_of_its_variable(
    tmp_path: Path, collector: Collector, of: str
) -> None:
    public = certificate(tmp_path, "otel.example.com")
    with HttpsProxy(collector.url, public).serving() as proxy, Emulator("success") as emulator:
        env = {
            ENDPOINT: "https://otel.example.com",
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_port}",
            f"OTEL_EXPORTER_{of}_CERTIFICATE": str(public),
        }
        step = step_for(tmp_path, collector, emulator, env)
        step.inputs["wait"] = "false"
        ended = step.run()
    assert (ended.code, read_log(ended.out).texts("warning")) == (0, [])
    assert proxy.connected == ["otel.example.com:443"]
    assert collector.spans[0].attributes["mogplex.result"] == "detached"
