"""Where inputs come from, how they are read, and what is refused. tests/e2e/mistakes.yaml has every
message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.errors import UsageError
from mogplex_ci.inputs.declared import EMULATOR_TOKEN, inputs, load_schema
from mogplex_ci.inputs.read import (
    ActionInputs,
    MatrixJob,
    StepInputs,
    collect,
    read_connection,
    read_step,
)
from mogplex_ci.problems import Problem
from mogplex_ci.untrusted import Untrusted
from tests.emulator import Emulator
from tests.typed_inputs import job

RUN_ID = "7b0c2f4e-58a1-4d0b-9c39-2f6f1f0f8a11"
REPO_ID = "5f0c7a52-3f9b-4d0e-9b57-1f2a6c1d0001"
OUTPUTS = {
    "MOGPLEX_OUT_RUN_ID": RUN_ID,
    "MOGPLEX_OUT_IDEMPOTENCY_KEY": "theirs",
    "MOGPLEX_OUT_BRANCH": "theirs",
}


def read(folder: Path, *argv: str, **env: str) -> ActionInputs:
    return step(folder, *argv, **env).inputs


def step(folder: Path, *argv: str, **env: str) -> StepInputs:
    platform = job(folder, {"MOGPLEX_PROMPT": "Fix it"} | env)
    return read_step(collect(argv, platform.env), platform)


def warnings(folder: Path, **env: str) -> list[str]:
    found = step(folder, **env).warnings
    return [f"{problem.input} {problem.fault} {problem.remedy}" for problem in found]


def problems(folder: Path, *argv: str, **env: str) -> list[Problem]:
    with pytest.raises(UsageError) as caught:
        read(folder, *argv, **env)
    return list(caught.value.problems)


def faults(folder: Path, *argv: str, **env: str) -> list[str]:
    return [f"{problem.input} {problem.fault}" for problem in problems(folder, *argv, **env)]


def test_a_flag_wins_over_github_over_variable_over_default(tmp_path: Path) -> None:
    given = {"MOGPLEX_TIMEOUT": "3m"}
    seconds = [read(tmp_path).timeout, read(tmp_path, **given).timeout]
    given["INPUT_TIMEOUT"] = "2m"
    seconds += [read(tmp_path, **given).timeout, read(tmp_path, "--timeout", "1m", **given).timeout]
    assert seconds == [30 * 60, 3 * 60, 2 * 60, 60]


@pytest.mark.parametrize(
    ("argv", "env", "expected"),
    [
        (
            [],
            {"INPUT_TIMEOUT": " ", "MOGPLEX_TIMEOUT": "3m", "INPUT_HARNESS": "\n"},
            {"timeout": 180, "harness": None},
        ),
        ([], {"INPUT_BASE-BRANCH": "dev"}, {"base_branch": "dev"}),
        ([], {"MOGPLEX_BASE_BRANCH": "dev"}, {"base_branch": "dev"}),
        ([], {"MOGPLEX_REPO_ID": REPO_ID}, {"repo": REPO_ID}),
        (
            ["--harness=Codex"],
            {"INPUT_ANNOTATIONS": "NONE"},
            {"harness": "codex", "annotations": "none"},
        ),
        (["--mode=Yolo"], {}, {"mode": "yolo"}),
        (["--wait=True", "--create-branch=TRUE"], {}, {"wait": True, "create_branch": True}),
        (["--dry-run"], {}, {"dry_run": True}),
        (["--dry-run=false"], {"MOGPLEX_DRY_RUN": "true"}, {"dry_run": False}),
        (
            [],
            {},
            {
                "create_branch": True,
                "on_interrupt": "cancel",
                "repo": "acme/web",
            },
        ),
        (["--branch=x"], {}, {"create_branch": None}),
        (["--run-options=worktreeId: w"], {}, {"create_branch": None}),
        (["--run-options=worktreeId: "], {}, {"create_branch": True}),
        (["--branch=x", "--create-branch"], {}, {"create_branch": True}),
        (["--require=Change, Pull-Request"], {}, {"require": {"change", "pull-request"}}),
        (
            ["--require= checks ,\n change "],
            {"MOGPLEX_GITHUB_TOKEN": "ghs_x"},
            {"require": {"checks", "change"}},
        ),
        (["--artifact=report.json"], {}, {"artifact": ".mogplex/artifacts/report.json"}),
        (
            ["--artifact=.mogplex/artifacts/report"],
            {},
            {"artifact": ".mogplex/artifacts/report.json"},
        ),
        (["--allowed-users=Ada, bob *"], {}, {"allowed_users": {"ada", "bob", "*"}}),
        ([], OUTPUTS, {"idempotency_key": None, "branch": None, "run_id": None}),
        (
            [],
            {"MOGPLEX_RUN_ID": RUN_ID, "MOGPLEX_PROMPT": ""},
            {"run_id": RUN_ID, "prompt": "", "on_interrupt": "detach"},
        ),
        (
            [f"--run-id={RUN_ID}", "--on-interrupt=cancel"],
            {"MOGPLEX_PROMPT": ""},
            {"on_interrupt": "cancel"},
        ),
        *(
            ([], {"INPUT_JOB-CONTEXT": context}, {"matrix_job": MatrixJob({}, 0, parallel)})
            for context, parallel in {
                '{"matrix": null, "index": 0, "total": 8, "max-parallel": 4}': 4,
                '{"index": 0, "total": 2, "max-parallel": 4}': 2,
                '{"index": 0, "total": null, "max-parallel": 4}': 1,
                '{"index": 0, "total": 0, "max-parallel": 0}': 1,
                '{"index": 0, "max-parallel": "4"}': 1,
            }.items()
        ),
    ],
)
def test_what_is_read(
    argv: list[str], env: dict[str, str], expected: dict[str, Any], tmp_path: Path
) -> None:
    found = read(tmp_path, *argv, **env)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("name", [spec.name for spec in inputs().values() if spec.api_field])
def test_an_input_with_a_field_reaches_the_api(tmp_path: Path, name: str) -> None:
    spec = inputs()[name]
    text = (
        spec.kind.choices[0]
        if spec.kind.choices
        else "false"
        if spec.kind.name == "boolean"
        else "docs"
    )
    prompt = {"MOGPLEX_PROMPT": ""} if name == "prompt" else {}
    sent = read(tmp_path, f"--{name}={text}", **prompt).start_request("r")
    own_branch = {} if name == "branch" else {"createBranch": True}
    value = False if text == "false" else text
    expected: dict[str, object] = {"repoId": "r", "prompt": "Fix it", **own_branch}
    assert sent == expected | {str(spec.api_field): value}


def test_run_options_stand_in_the_request_as_they_are(tmp_path: Path) -> None:
    text = "conversationId: c1\nnew: {list: [1, 1.5, true, null, '7', 1e400]}\nworktreeId: w"
    assert read(tmp_path, f"--run-options={text}").start_request("r") == {
        "repoId": "r",
        "prompt": "Fix it",
        "conversationId": "c1",
        "new": {"list": [1, 1.5, True, None, "7", "1e400"]},
        "worktreeId": "w",
    }


def test_only_the_emulators_token_may_travel_in_the_clear(tmp_path: Path) -> None:
    with Emulator() as emulator:
        assert emulator.token == EMULATOR_TOKEN
    service = "http://emulator:8787"
    assert read(tmp_path, MOGPLEX_URL=service, MOGPLEX_API_KEY=EMULATOR_TOKEN).base_url == service
    for url, token in (
        (service, "mog_" + "x" * 32),
        (service, ""),
        ("ftp://emulator", EMULATOR_TOKEN),
    ):
        assert [
            problem.input for problem in problems(tmp_path, MOGPLEX_URL=url, MOGPLEX_API_KEY=token)
        ] == ["base-url"]


@pytest.mark.parametrize(("name", "successor"), load_schema("inputs")["x-instead"].items())
def test_a_name_that_people_try_is_unknown_and_the_input_is_named(
    tmp_path: Path, name: str, successor: str
) -> None:
    spec, variable = inputs()[successor], name.upper().replace("-", "_")
    told = [problem.remedy for problem in problems(tmp_path, f"--{name}=x")]
    given = {f"MOGPLEX_{variable}": "x", f"INPUT_{name.upper()}": "x"}
    told += [found.rpartition("input ")[2] for found in warnings(tmp_path, **given)]
    flag = f"{spec.variables[0]} instead. Other" if spec.is_secret else f"--{successor} instead."
    written = (flag, f"{successor} instead.", f"{spec.variables[0]} instead.")
    assert [remedy[: len(f"Use {text}")] for remedy, text in zip(told, written, strict=True)] == [
        f"Use {text}" for text in written
    ]


def test_a_prompt_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text("\ufeffFix é\n", encoding="utf-8")
    assert read(tmp_path, "--prompt-file", "task.md", MOGPLEX_PROMPT="").prompt == "Fix é"


def test_the_order_of_a_matrix_does_not_tell_jobs_apart(tmp_path: Path) -> None:
    """Nothing promises that a re-run of the job gets its values in the same order."""
    one, other = ('{"os": "linux", "node": 22}', '{"node": 22, "os": "linux"}')

    def parts(matrix: str, index: str = "null") -> tuple[str, ...]:
        env = {"INPUT_JOB-CONTEXT": f'{{"matrix": {matrix}, "index": {index}}}'}
        found = read(tmp_path, **env).matrix_job.parts
        by_clean_up = MatrixJob.of(collect([], env).value("job-context"))
        assert by_clean_up.parts == found
        return found

    assert parts(one) == parts(other)
    assert parts(one) != parts('{"os": "linux"}')
    assert parts("null") == parts("{}") == ()
    assert len(parts(one, "3")) == 2


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--prompt=x", "--mode=safe", "--run-options=worktreeId: w", "--harness=codex"], []),
        (["--prompt=x", "--branch=a", "--base-branch=b", "--create-branch"], []),
        (["--prompt=x", "--branch=a", "--base-branch=a", "--create-branch=false"], []),
        (["--prompt=x", "--branch=a", "--base-branch=a"], []),
        (["--prompt=x", "--require=checks", "--dry-run"], []),
        (
            [
                "--prompt=x",
                "--protected-paths=.github/",
                "--allowed-paths=src/",
                "--dry-run",
            ],
            [],
        ),
        (["--prompt=x", "--artifact=report", "--output-dir=out"], []),
        (["--prompt=x", "--artifact=report", "--branch=a", "--create-branch"], []),
        (
            [
                f"--run-id={RUN_ID}",
                "--artifact=report",
                "--timeout=5m",
                "--on-rerun=auto",
            ],
            [],
        ),
        # The other flags cannot be told apart: none of them is missing.
        (["--timeout"], ["flag --timeout needs a value"]),
        *(
            (["--prompt=x", f"--run-options={text}"], [f"run-options {fault}"])
            for text, fault in (
                ("- a", "is not a YAML mapping without anchors"),
                ("a: &x 1", "is not a YAML mapping without anchors"),
                ("a: &x 1\nb: *x", "is not a YAML mapping without anchors"),
                ("a: [", "is not YAML"),
                ("a: !!int ''", "is not YAML"),
                ("a: " + "[" * 1_000, "is not YAML"),
                ("a: 2026-11-25", "has a value that JSON does not have, such as a date"),
                ("a: .inf", "has a value that JSON does not have, such as a date"),
            )
        ),
        (
            ["--prompt=x", "--run-options=repoId: x"],
            ["run-options sets repoId, which has its own input"],
        ),
        (["--prompt=x", "--dry-run=failled", "--allowed-paths=a"], ["dry-run is not a recording"]),
        (["--prompt=x", "--wait=maybe", "--require=change"], ["wait is neither true nor false"]),
        (
            ["--prompt=x", "--artifact=a", "--branch=b"],
            ["artifact needs the run to have its own branch"],
        ),
        (
            ["--prompt=x", "--artifact=a", "--run-options=worktreeId: b"],
            ["artifact needs the run to have its own branch"],
        ),
        (
            [
                "--prompt=x",
                "--run-options=worktreeId: w",
                "--branch=b",
                "--root-directory=a",
                "--base-branch=c",
            ],
            [
                "run-options names a worktree, which cannot be combined with branch, base-branch or root-directory"
            ],
        ),
    ],
)
def test_what_goes_together(argv: list[str], expected: list[str], tmp_path: Path) -> None:
    if expected:
        assert faults(tmp_path, *argv, MOGPLEX_PROMPT="") == expected
    else:
        read(tmp_path, *argv, MOGPLEX_PROMPT="")


@pytest.mark.parametrize(
    ("flags", "content", "fault"),
    [
        ("--artifact=a --artifact-schema=", '{"type": "object"}', None),
        ("--artifact=a --artifact-schema=", "{}".ljust(1_000_000), None),
        ("--artifact=a --artifact-schema=", "{}".ljust(1_000_001), "has more than 1,000,000 bytes"),
        ("--artifact=a --artifact-schema=", "[" * 100_000, "is not JSON"),
        ("--prompt-file=", "x".ljust(500_000), None),
        ("--prompt-file=", "😀" * 50_000, None),
        (
            "--prompt-file=",
            "😀" * 50_000 + "x",
            "has 100,001 characters, counted in UTF-16; the limit is 100,000",
        ),
        ("--prompt-file=", "a\0b", "contains a NUL character"),
    ],
)
def test_what_a_file_may_hold(flags: str, content: str, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(content, encoding="utf-8")
    prompt = "" if "prompt" in flags else "Fix it"
    argv = f"{flags}file".split()
    if fault is None:
        found = read(tmp_path, *argv, MOGPLEX_PROMPT=prompt)
        assert (found.prompt, found.artifact_schema is None) == (
            prompt or content.strip(),
            prompt == "",
        )
    else:
        (problem,) = problems(tmp_path, *argv, MOGPLEX_PROMPT=prompt)
        assert (problem.input, problem.got) == (argv[-1][2:-5], Untrusted("file"))
        assert problem.fault.startswith(fault)


@pytest.mark.parametrize(
    ("env", "connection"),
    [
        ({}, ("https://mogplex.com", None)),
        (
            {"MOGPLEX_API_KEY": "mog_a", "MOGPLEX_TIMEOUT": "wrong"},
            ("https://mogplex.com", "mog_a"),
        ),
        ({"MOGPLEX_URL": "mogplex.com", "MOGPLEX_API_KEY": "a b"}, ["api-key", "base-url"]),
    ],
)
def test_the_connection_needs_no_other_input(env: dict[str, str], connection: object) -> None:
    try:
        found: object = read_connection(env)
    except UsageError as error:
        found = [problem.input for problem in error.problems]
    assert found == connection
