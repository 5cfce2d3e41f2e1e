"""The run of a step: whose its key is, and with how many jobs it shares the token."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mogplex_ci.platforms import detect
from mogplex_ci.step.planning import key_of, plan_of, run_name
from tests.ci_environments import environment
from tests.typed_inputs import typed_inputs


@pytest.mark.parametrize(
    ("env", "fields", "jobs"),
    [
        ({}, {}, 1),
        ({"CI_NODE_TOTAL": "4"}, {}, 4),
        ({"CI_NODE_TOTAL": "4"}, {"job_context": {"total": 7}}, 7),
        ({"CI_NODE_TOTAL": "4"}, {"job_context": {"total": 3}}, 4),
    ],
)
def test_a_run_shares_the_token_with_the_jobs_beside_it(
    tmp_path: Path, env: dict[str, str], fields: dict[str, Any], jobs: int
) -> None:
    platform = detect(environment("gitlab", tmp_path) | env, StringIO())
    plan = plan_of(typed_inputs(repo="acme/web", **fields), platform)
    assert plan.jobs_per_token == jobs


def test_the_key_of_a_round_names_the_attempt_or_has_a_random_word(tmp_path: Path) -> None:
    env = environment("github", tmp_path) | {"GITHUB_RUN_ATTEMPT": "3"}
    counted = key_of(typed_inputs(), detect(env, StringIO()))
    assert counted.of_round(2).base == f"{counted.base}-r2-a3"
    given = typed_inputs(idempotency_key="mine")
    bases = [key_of(given, detect({}, StringIO())).of_round(2).base for _ in range(2)]
    assert all(re.fullmatch("mine-r2-a[0-9a-f]{32}", base) for base in bases)
    assert bases[0] != bases[1]


def test_each_run_of_a_job_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Of two steps of one script, each is cleaned up."""
    platform = detect(environment("gitlab", tmp_path), StringIO())
    steps = [typed_inputs(), typed_inputs(run_id="run-1"), typed_inputs(run_id="run-2")]
    assert len({run_name(plan_of(inputs, platform)) for inputs in steps}) == 3
