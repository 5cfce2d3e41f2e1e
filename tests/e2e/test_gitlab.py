"""GitLab's examples and the component, run as pipelines against the emulator."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from mogplex_ci.inputs.declared import inputs
from tests.documents import claim
from tests.emulator import Emulator
from tests.gitlab import Pipeline, Project
from tests.program import ROOT

pytestmark = pytest.mark.node
SCENARIO = Path(__file__).parent / "scenarios" / "pull-request.yaml"
SHOWN = claim("docs/gitlab.md", "\n  script: mogplex-ci action || exit $?")
EXAMPLES = {
    name: claim(f"examples/gitlab/{name}.gitlab-ci.yml").code
    for name in ("component", "downstream", "form", "job", "matrix", "scheduled", "start-and-wait")
}
COMPONENT = claim("docs/gitlab.md", "- component:")
REMOTE = claim("docs/gitlab.md", "- remote:")
TEMPLATE = (ROOT / "templates/run/template.yml").read_text(encoding="utf-8")
TYPED: dict[str, dict[str, Any]] = next(yaml.safe_load_all(TEMPLATE))["spec"]["inputs"]
"""The inputs of the component, with their rules."""
OF_THE_JOB = {"job-name", "stage", "image", "base-url"}
KILLED = r"""
agent:
  script:
    - mogplex-ci action --repo acme/web --prompt 'Fix it' &
    - while [ "$(ls .mogplex/*.json 2>/dev/null | xargs -r grep -cE 'run_id\W+[0-9a-f]')" != 1 ]; do sleep 0.1; done
    - kill -9 $!
    - exit 1
  after_script:
    - mogplex-ci post
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(SCENARIO, speed=1e9) as emulator:
        yield emulator


def run(project: Project, emulator: Emulator, *options: str, source: str = "web") -> Pipeline:
    options = (*options, f"--variable=CI_PIPELINE_SOURCE={source}")
    return project.run(*options, MOGPLEX_URL=emulator.url, MOGPLEX_API_KEY=emulator.token)


def started(emulator: Emulator) -> list[dict[str, object]]:
    """The bodies of the start requests."""
    bodies = [request.body for request in emulator.requests if request.route == "start"]
    return [body for body in bodies if isinstance(body, dict)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "source", "runs"),
    [("job", "web", 1), ("matrix", "web", 2), ("scheduled", "schedule", 1)],
)
def test_an_example(tmp_path: Path, emulator: Emulator, name: str, source: str, runs: int) -> None:
    project = Project(tmp_path, EXAMPLES[name])
    pipeline = run(project, emulator, source=source)
    assert pipeline.code == 0, pipeline.log
    assert len({one.key for one in emulator.runs}) == len(emulator.runs) == runs
    assert all(one.key.startswith("gitlab-acme/web-") for one in emulator.runs)
    if name == "matrix":
        prompts = sorted(str(body["prompt"]) for body in started(emulator))
        assert [prompt.rsplit(" ", 1)[1] for prompt in prompts] == ["French.", "German."]
    else:
        outputs = (project.folder / "mogplex.env").read_text(encoding="utf-8")
        assert f"MOGPLEX_OUT_RUN_ID={emulator.runs[0].id}\n" in outputs
        annotations = json.loads(
            (project.folder / "mogplex-annotations.json").read_text(encoding="utf-8")
        )
        links = [entry["external_link"]["url"] for entry in annotations["Mogplex"]]
        assert links == ["https://github.com/acme/web/pull/42"]
    assert list((project.folder / ".mogplex").glob("*.json")) == []


def test_the_job_of_the_page(tmp_path: Path, emulator: Emulator) -> None:
    pipeline = run(Project(tmp_path, SHOWN.code), emulator, *yaml.safe_load(SHOWN.code))
    assert pipeline.code == 0, pipeline.log
    assert [body["repoId"] for body in started(emulator)] == [
        "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
    ]


@pytest.mark.slow
def test_two_agents_in_two_stages(tmp_path: Path, emulator: Emulator) -> None:
    """GitLab loads the outputs of the first into the job of the second."""
    pipeline = run(Project(tmp_path, EXAMPLES["downstream"]), emulator)
    assert pipeline.code == 0, pipeline.log
    assert pipeline.lines("announce") == ["Please review https://github.com/acme/web/pull/42"]
    first, second = emulator.runs
    assert first.key != second.key
    start, later_start = started(emulator)
    assert [body["prompt"] for body in (start, later_start)] == [
        "Fix the failing test.",
        "Document the change.",
    ]
    assert "baseBranch" not in start
    assert later_start["baseBranch"] == first.request.working_branch
    assert "workingBranch" not in later_start
    assert "WARNING" not in "\n".join(pipeline.lines("document"))


@pytest.mark.slow
def test_one_job_starts_a_run_and_a_later_one_waits_for_it(
    tmp_path: Path, emulator: Emulator
) -> None:
    project = Project(tmp_path, EXAMPLES["start-and-wait"])
    pipeline = run(project, emulator)
    assert pipeline.code == 0, pipeline.log
    (only,) = emulator.runs
    outputs = (project.folder / "mogplex.env").read_text(encoding="utf-8")
    assert f"MOGPLEX_OUT_RUN_ID={only.id}\n" in outputs
    assert "MOGPLEX_OUT_RESULT=success\n" in outputs
    assert f"run {only.id}" in "\n".join(pipeline.lines("wait"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_push_starts_no_run(tmp_path: Path, emulator: Emulator, name: str) -> None:
    """A quick start must not cost money on every push."""
    project = Project(tmp_path, EXAMPLES[name])
    project.serve_components()
    run(project, emulator, source="push")
    assert emulator.runs == []


def served_by(emulator: Emulator, pipeline: str) -> str:
    """Return a pipeline whose component uses the emulator: no variable can say so."""
    return pipeline.replace("    inputs:\n", f"    inputs:\n      base-url: {emulator.url}\n")


def run_component(project: Project, emulator: Emulator, *options: str) -> Pipeline:
    project.serve_components()
    source = "--variable=CI_PIPELINE_SOURCE=web"
    return project.run(source, *options, MOGPLEX_API_KEY=emulator.token)


@pytest.mark.slow
def test_the_component(tmp_path: Path, emulator: Emulator) -> None:
    project = Project(tmp_path, served_by(emulator, EXAMPLES["component"]))
    pipeline = run_component(project, emulator)
    assert pipeline.code == 0, pipeline.log
    (body,) = started(emulator)
    assert str(body["prompt"]).endswith("less than $5.")


@pytest.mark.slow
def test_the_component_twice_in_a_pipeline(tmp_path: Path, emulator: Emulator) -> None:
    """The second is in a later stage, into whose jobs GitLab loads the outputs of the first."""
    first = served_by(emulator, COMPONENT.code.replace("@1.2.3", "@1.0.0"))
    prompt = "Fix the failing test."
    second = first.removeprefix("include:\n").replace(
        "    inputs:\n", "    inputs:\n      job-name: second\n      stage: deploy\n"
    )
    pipeline = run_component(Project(tmp_path, first + second), emulator)
    assert pipeline.code == 0, pipeline.log
    assert len({one.key for one in emulator.runs}) == 2
    assert [body["prompt"] for body in started(emulator)] == [prompt] * 2
    for job in ("mogplex", "second"):
        said = "\n".join(pipeline.lines(job))
        assert "Run succeeded" in said, said
        assert "WARNING" not in said


@pytest.mark.slow
def test_no_variable_sends_the_components_token_elsewhere(
    tmp_path: Path, emulator: Emulator
) -> None:
    project = Project(tmp_path, COMPONENT.code.replace("@1.2.3", "@1.0.0"))
    pipeline = run_component(project, emulator, f"--variable=MOGPLEX_URL={emulator.url}")
    said = "\n".join(pipeline.lines("mogplex"))
    assert "base-url differs from MOGPLEX_URL" in said
    assert "Set base-url to the same address" in said
    assert emulator.requests == []


@pytest.mark.slow
def test_the_component_without_a_mirror(tmp_path: Path, emulator: Emulator) -> None:
    digest = base64.b64encode(hashlib.sha256(TEMPLATE.encode()).digest()).decode()
    handler = partial(SimpleHTTPRequestHandler, directory=ROOT)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        code = re.sub(r"https://\S+/COMMIT", address, REMOTE.code).replace("DIGEST", digest)
        pipeline = run_component(Project(tmp_path, served_by(emulator, code)), emulator)
        server.shutdown()
    assert pipeline.code == 0, pipeline.log
    assert [body["prompt"] for body in started(emulator)] == ["Fix the failing test."]


@pytest.mark.slow
def test_the_form_asks_for_the_task(tmp_path: Path, emulator: Emulator) -> None:
    task = "Lower the price from $5 to $HOME."
    project = Project(tmp_path, EXAMPLES["form"])
    pipeline = run(project, emulator, f"--input=task={task}")
    assert pipeline.code == 0, pipeline.log
    assert [body["prompt"] for body in started(emulator)] == [task]


def test_the_component_takes_what_the_program_takes() -> None:
    """And hides no variable by a default."""
    assert [name for name, rules in TYPED.items() if "default" not in rules] == ["repo"]
    assert {name for name, rules in TYPED.items() if rules.get("default")} == OF_THE_JOB
    for name in TYPED.keys() - OF_THE_JOB:
        kind = inputs()[name].kind
        choices = [choice for choice in TYPED[name].get("options", []) if choice]
        expected = ["true", "false"] if kind.name == "boolean" else list(kind.choices)
        assert choices == expected, name
    durations = re.compile(TYPED["timeout"]["regex"])
    assert all(durations.search(text) for text in ("900", "1h30m", "1.5h", ""))
    assert not any(durations.search(text) for text in ("soon", "-5"))


def test_the_component_hands_each_of_its_inputs_to_the_program_and_cleans_up() -> None:
    filled = re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", r"<\1>", TEMPLATE)
    _, jobs = yaml.safe_load_all(filled)
    job = jobs["<job-name>"]
    expected: dict[str, Any] = {
        f"MOGPLEX_{name.upper().replace('-', '_')}": f"<{name}>"
        for name in TYPED.keys() - OF_THE_JOB
    }
    prompt = {"value": expected["MOGPLEX_PROMPT"], "expand": False}
    assert job["variables"] == {
        **expected,
        "MOGPLEX_PROMPT": prompt,
        "MOGPLEX_OUTPUT_DIR": "mogplex",
    }
    assert job["script"] == ['mogplex-ci action --base-url "<base-url>" || exit $?']
    assert job["after_script"] == ["mogplex-ci post"]
    reports = {"dotenv": "mogplex.env", "annotations": "mogplex-annotations.json"}
    kept = ["mogplex/report.html", "mogplex/result.json"]
    assert job["artifacts"] == {"when": "always", "paths": kept, "reports": reports}
    assert TYPED["image"]["default"] == "ghcr.io/mogplex/run-action:1"


@pytest.mark.parametrize(
    ("address", "is_accepted"),
    [
        ("https://mogplex.com", True),
        ("http://127.0.0.1:8787", True),
        ("https://mogplex.example/api_v1/", True),
        ('https://x" --api-key', False),
        ("https://$(id).example", False),
        ("https://user:password@host", False),
        ("mogplex.com", False),
    ],
)
def test_an_address_of_the_component_is_no_code(address: str, *, is_accepted: bool) -> None:
    assert (re.search(TYPED["base-url"]["regex"], address) is not None) is is_accepted


@pytest.mark.slow
def test_after_script_cancels_what_a_killed_job_left_running(tmp_path: Path) -> None:
    with Emulator("slow") as emulator:
        pipeline = run(Project(tmp_path, KILLED), emulator)
        (only,) = emulator.runs
        assert only.status == "cancelled", pipeline.log
    assert any(only.id in line for line in pipeline.lines("agent"))
