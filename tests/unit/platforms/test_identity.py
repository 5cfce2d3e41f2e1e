"""Which jobs are the same step tried again, and which are different steps: the key follows from that."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import Identity, repository_of
from mogplex_ci.run.start import derive_key
from tests.ci_environments import ENVIRONMENTS

NAMED = sorted(set(ENVIRONMENTS) - {"plain"})
NOT_ON_GITHUB = {"bitbucket", "forgejo", "gitlab", "teamcity"}


def platform(env: Mapping[str, str]) -> Platform:
    return detect(env, io.StringIO())


def identity(name: str, **changes: str) -> Identity:
    found = platform(ENVIRONMENTS[name] | changes).identity()
    assert found is not None
    return found


def key(name: str, **changes: str) -> str:
    found = identity(name, **changes)
    return derive_key(platform(ENVIRONMENTS[name] | changes).name, found.label, found.parts)


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_each_environment_is_told_from_all_others(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).name == name


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("plain", {}),
        ("plain", {"CI": "true"}),
        ("forgejo", {"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}),
        ("gitlab", {"GITLAB_CI": "false", "CI_PIPELINE_ID": "1000", "CI_SERVER_URL": "https://gitlab.com"}),
        ("azure", {"TF_BUILD": "true"}),
        ("appveyor", {"APPVEYOR": "True"}),
        ("drone", {"DRONE": "true", "CI": "true"}),
        ("jenkins", {"BUILD_TAG": "jenkins-acme-web-main-7"}),
        ("plain", {"BUILD_TAG": "v1.2.3"}),
        ("github", ENVIRONMENTS["codebuild"] | {"GITHUB_ACTIONS": "true"}),
    ],
)
def test_detection(name: str, env: dict[str, str]) -> None:
    assert platform(env).name == name


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("azure", {"SYSTEM_JOBATTEMPT": "2", "SYSTEM_JOBID": "c6d2a3f5-0000-5000-8000-000000000002"}),
        ("azure", {"SYSTEM_STAGEATTEMPT": "2", "SYSTEM_JOBID": "c6d2a3f5-0000-5000-8000-000000000003"}),
        ("appveyor", {"APPVEYOR_RE_RUN_INCOMPLETE": "True", "APPVEYOR_JOB_ID": "aaaaaaaaaaaaaaaa"}),
        ("bitbucket", {"BITBUCKET_STEP_RUN_NUMBER": "2"}),
        ("buildkite", {"BUILDKITE_RETRY_COUNT": "1", "BUILDKITE_JOB_ID": "0193a0c8-0000-4000-8000-000000000002"}),
        (
            "circleci",
            {
                "CIRCLE_WORKFLOW_ID": "11111111-54f5-4a6a-8b0b-3f7a52a3d0d1",
                "CIRCLE_WORKFLOW_JOB_ID": "22222222-2f63-4f7e-9d55-0b0c3f1a1c77",
            },
        ),
        ("codefresh", {"CF_CURRENT_ATTEMPT": "2"}),
        ("forgejo", {"GITHUB_RUN_ATTEMPT": "2"}),
        ("github", {"GITHUB_RUN_ATTEMPT": "2"}),
        ("gitlab", {"CI_JOB_ID": "176999"}),
        (
            "semaphore",
            {"SEMAPHORE_PIPELINE_RERUN": "true", "SEMAPHORE_PIPELINE_ID": "22222222-d19a-45d7-86a0-e78a2301b616"},
        ),
    ],
)
def test_a_later_try_keeps_the_key_and_has_another_attempt(name: str, again: dict[str, str]) -> None:
    first, later = identity(name), identity(name, **again)
    assert key(name, **again) == key(name)
    assert later.attempt != first.attempt
    assert later.later_attempt


@pytest.mark.parametrize("name", NAMED)
def test_only_a_system_that_counts_attempts_knows_the_first_one(name: str) -> None:
    cannot_tell = {"gitlab", "harness", "jenkins"}
    assert identity(name).later_attempt == (name in cannot_tell)


@pytest.mark.parametrize(
    ("name", "changes"), [("travis", {"TRAVIS_JOB_RESTARTED": "true"}), ("forgejo", {"GITHUB_RUN_ATTEMPT": ""})]
)
def test_a_try_that_is_not_counted_is_perhaps_a_later_one(name: str, changes: dict[str, str]) -> None:
    found = identity(name, **changes)
    assert (found.attempt, found.later_attempt) == (None, True)
    assert key(name, **changes) == key(name)


class Names(NamedTuple):
    """Which variables say what of a step; `NAME=value` for one whose other value has a form of its own."""

    key: str
    """What tells the step from others."""
    label: str
    """What makes the key readable, in this order."""
    attempt: str = ""
    """What tells the tries of the step apart."""


_GITHUB = Names(
    "GITHUB_SERVER_URL GITHUB_REPOSITORY_ID GITHUB_RUN_ID GITHUB_JOB GITHUB_ACTION"
    " ACTIONS_ORCHESTRATION_ID=id.caller.job.leg",
    "GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_JOB",
    "GITHUB_RUN_ATTEMPT",
)
READ = {
    "appveyor": Names(
        "APPVEYOR_URL APPVEYOR_ACCOUNT_NAME APPVEYOR_PROJECT_ID APPVEYOR_BUILD_ID APPVEYOR_JOB_NUMBER"
        " APPVEYOR_JOB_NAME",
        "APPVEYOR_REPO_NAME APPVEYOR_BUILD_ID APPVEYOR_JOB_NUMBER",
        "APPVEYOR_RE_RUN_INCOMPLETE=True APPVEYOR_JOB_ID",
    ),
    "azure": Names(
        "SYSTEM_COLLECTIONURI SYSTEM_TEAMPROJECTID BUILD_BUILDID RELEASE_RELEASEID RELEASE_ENVIRONMENTID"
        " SYSTEM_STAGENAME SYSTEM_PHASENAME SYSTEM_JOBIDENTIFIER SYSTEM_JOBPOSITIONINPHASE",
        "SYSTEM_TEAMPROJECT BUILD_BUILDID SYSTEM_JOBIDENTIFIER",
        "SYSTEM_STAGEATTEMPT SYSTEM_JOBATTEMPT RELEASE_ATTEMPTNUMBER",
    ),
    "bitbucket": Names(
        "BITBUCKET_REPO_UUID BITBUCKET_BUILD_NUMBER BITBUCKET_STEP_UUID BITBUCKET_PARALLEL_STEP",
        "BITBUCKET_REPO_FULL_NAME BITBUCKET_BUILD_NUMBER",
        "BITBUCKET_STEP_RUN_NUMBER",
    ),
    "buildkite": Names(
        "BUILDKITE_BUILD_ID BUILDKITE_STEP_ID BUILDKITE_PARALLEL_JOB BUILDKITE_LABEL BUILDKITE_COMMAND",
        "BUILDKITE_PIPELINE_SLUG BUILDKITE_BUILD_NUMBER BUILDKITE_STEP_KEY",
        "BUILDKITE_RETRY_COUNT",
    ),
    "circleci": Names(
        "CIRCLE_WORKFLOW_WORKSPACE_ID CIRCLE_JOB CIRCLE_NODE_INDEX",
        "CIRCLE_PROJECT_USERNAME CIRCLE_PROJECT_REPONAME CIRCLE_WORKFLOW_WORKSPACE_ID CIRCLE_JOB",
        "CIRCLE_WORKFLOW_ID CIRCLE_WORKFLOW_JOB_ID CIRCLE_WORKFLOW_WORKSPACE_ID",
    ),
    "codebuild": Names("CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID"),
    "codefresh": Names(
        "CF_URL CF_ACCOUNT CF_PIPELINE_NAME CF_BUILD_ID CF_STEP_NAME",
        "CF_PIPELINE_NAME CF_BUILD_ID CF_STEP_NAME",
        "CF_CURRENT_ATTEMPT",
    ),
    "drone": Names(
        "DRONE_SYSTEM_HOST DRONE_REPO DRONE_BUILD_NUMBER DRONE_STAGE_NAME DRONE_STAGE_NUMBER DRONE_STEP_NAME",
        "DRONE_REPO DRONE_BUILD_NUMBER DRONE_STEP_NAME",
    ),
    "forgejo": _GITHUB,
    "github": _GITHUB,
    "gitlab": Names(
        "CI_SERVER_URL CI_PROJECT_ID CI_PIPELINE_ID CI_JOB_NAME CI_NODE_INDEX",
        "CI_PROJECT_PATH CI_PIPELINE_ID CI_JOB_NAME",
        "CI_JOB_ID",
    ),
    "harness": Names(
        "HARNESS_ACCOUNT_ID HARNESS_ORG_ID HARNESS_PROJECT_ID HARNESS_PIPELINE_ID HARNESS_EXECUTION_ID HARNESS_STAGE_ID"
        " DRONE_STEP_NAME HARNESS_NODE_INDEX HARNESS_STAGE_INDEX HARNESS_STEP_INDEX",
        "HARNESS_PIPELINE_ID HARNESS_BUILD_ID HARNESS_STAGE_ID",
    ),
    "jenkins": Names("JENKINS_URL JOB_NAME BUILD_NUMBER BUILD_TAG STAGE_NAME", "JOB_NAME BUILD_NUMBER STAGE_NAME"),
    "semaphore": Names(
        "SEMAPHORE_ORGANIZATION_URL SEMAPHORE_PROJECT_ID SEMAPHORE_WORKFLOW_ID SEMAPHORE_PIPELINE_PROMOTION=true"
        " SEMAPHORE_BLOCK_NAME SEMAPHORE_JOB_NAME SEMAPHORE_JOB_INDEX",
        "SEMAPHORE_GIT_REPO_SLUG SEMAPHORE_WORKFLOW_ID SEMAPHORE_JOB_NAME",
        "SEMAPHORE_PIPELINE_RERUN=true SEMAPHORE_PIPELINE_ID",
    ),
    "teamcity": Names(
        "BUILD_URL TEAMCITY_PROJECT_NAME TEAMCITY_BUILDCONF_NAME BUILD_NUMBER",
        "TEAMCITY_PROJECT_NAME TEAMCITY_BUILDCONF_NAME BUILD_NUMBER",
    ),
    "travis": Names(
        "TRAVIS_BUILD_WEB_URL TRAVIS_REPO_SLUG TRAVIS_BUILD_ID TRAVIS_JOB_NUMBER",
        "TRAVIS_REPO_SLUG TRAVIS_JOB_NUMBER",
        "TRAVIS_JOB_RESTARTED=true",
    ),
    "woodpecker": Names(
        "CI_SYSTEM_URL CI_REPO CI_PIPELINE_NUMBER CI_WORKFLOW_NAME CI_WORKFLOW_NUMBER CI_STEP_NAME",
        "CI_REPO CI_PIPELINE_NUMBER CI_STEP_NAME",
    ),
}
"""Written apart from the code, so that a variable that the code misspells is missed."""


def others(text: str) -> dict[str, str]:
    """Return another value for each variable."""
    return {name: value or "other" for name, _, value in (word.partition("=") for word in text.split())}


@pytest.mark.parametrize("name", NAMED)
def test_every_variable_is_part_of_the_key_or_a_label_or_tells_an_attempt(name: str) -> None:
    names, first = READ[name], identity(name)
    for variable, value in others(f"{names.key} {names.label} {names.attempt}").items():
        other = identity(name, **{variable: value})
        says = {
            "key": other.parts != first.parts,
            "label": other.label != first.label,
            "attempt": other[2:] != first[2:],
        }
        assert says == {kind: variable in others(text) for kind, text in names._asdict().items()}, variable


@pytest.mark.parametrize("name", NAMED)
def test_no_other_variable_of_the_system_says_anything_of_the_step(name: str) -> None:
    read = others(" ".join(READ[name]))
    rest = {variable: "other" for variable in ENVIRONMENTS[name] if variable not in read}
    found = platform(ENVIRONMENTS[name])
    found.env = ENVIRONMENTS[name] | rest
    assert found.identity() == identity(name)


@pytest.mark.parametrize("name", NAMED)
def test_a_label_has_its_words_in_the_order_of_the_table(name: str) -> None:
    variables = others(READ[name].label)
    label = identity(name, **{variable: variable for variable in variables}).label
    assert re.sub("[/-]", " ", label) == " ".join(variables)


@pytest.mark.parametrize(
    ("name", "missing", "instead"),
    [
        ("azure", "SYSTEM_JOBIDENTIFIER", "SYSTEM_JOBNAME"),
        ("circleci", "CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID"),
        ("github", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY"),
    ],
)
def test_a_variable_that_is_not_set_has_a_stand_in(name: str, missing: str, instead: str) -> None:
    assert identity(name, **{missing: "", instead: "other"}).parts != identity(name, **{missing: ""}).parts


def test_a_promotion_that_is_started_twice_is_two_steps() -> None:
    first, second = (
        {"SEMAPHORE_PIPELINE_PROMOTION": "true", "SEMAPHORE_PIPELINE_ID": pipeline} for pipeline in ("one", "two")
    )
    assert len({key("semaphore"), key("semaphore", **first), key("semaphore", **second)}) == 3


def test_a_reusable_workflow_that_is_called_twice_has_two_keys() -> None:
    def of(path: str) -> str:
        return key("github", ACTIONS_ORCHESTRATION_ID=path)

    plan, other_plan = "89c72d20-71e7-4948-8eb8-0d8f0e417443", "0b6f1f5e-9d0a-4c37-8c5e-7a1d2f3b4c5d"
    assert of(f"{plan}.first.build.__default") != of(f"{plan}.second.build.__default")
    assert of(f"{plan}.first.build.__default") == of(f"{other_plan}.first.build.__default")
    for path in ("", plan, f"{plan}.build", f"{plan}.build.__default"):  # not called: whether a runner tells or not
        assert of(path) == key("github")


def test_no_two_systems_share_a_key() -> None:
    assert len({key(name) for name in NAMED}) == len(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_a_key_is_readable_and_fits(name: str) -> None:
    assert key(name).startswith(f"{name}-")
    assert len(key(name, **dict.fromkeys(ENVIRONMENTS[name], "x" * 300) | ENVIRONMENTS[name])) <= 200


@pytest.mark.parametrize(
    ("name", "detected_by"),
    [
        ("appveyor", "APPVEYOR"),
        ("azure", "TF_BUILD"),
        ("buildkite", "BUILDKITE"),
        ("circleci", "CIRCLECI"),
        ("codefresh", "CF_BUILD_ID"),
        ("drone", "DRONE"),
        ("forgejo", "FORGEJO_ACTIONS"),
        ("github", "GITHUB_ACTIONS"),
        ("gitlab", "GITLAB_CI"),
        ("harness", "HARNESS_EXECUTION_ID"),
        ("jenkins", "JENKINS_URL"),
        ("semaphore", "SEMAPHORE"),
        ("teamcity", "TEAMCITY_VERSION"),
        ("travis", "TRAVIS"),
        ("woodpecker", "CI"),
    ],
)
def test_a_container_that_got_half_the_environment_has_no_identity(name: str, detected_by: str) -> None:
    assert platform({detected_by: ENVIRONMENTS[name][detected_by]}).identity() is None


@pytest.mark.parametrize("name", NAMED)
def test_the_jobs_own_repository_is_known_if_it_is_on_github(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).repository() == (None if name in NOT_ON_GITHUB else "acme/web")


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("azure", "SYSTEM_TOTALJOBSINPHASE"),
        ("bitbucket", "BITBUCKET_PARALLEL_STEP_COUNT"),
        ("buildkite", "BUILDKITE_PARALLEL_JOB_COUNT"),
        ("circleci", "CIRCLE_NODE_TOTAL"),
        ("gitlab", "CI_NODE_TOTAL"),
        ("harness", "HARNESS_NODE_TOTAL"),
        ("semaphore", "SEMAPHORE_JOB_COUNT"),
    ],
)
def test_parallel_jobs_share_the_tokens_budget(name: str, variable: str) -> None:
    for text, jobs in (("", 1), ("4", 4), ("many", 1), ("0", 1), ("1000000", 1), ("999999", 999_999)):
        assert platform(ENVIRONMENTS[name] | {variable: text}).parallel_jobs == jobs


def test_only_github_tells_whose_checks_the_job_belongs_to() -> None:
    """Forgejo and Gitea count workflow runs of their own in the same variable."""
    found = {name: platform(env).workflow_run for name, env in ENVIRONMENTS.items()}
    assert {name: run for name, run in found.items() if run} == {"github": ENVIRONMENTS["github"]["GITHUB_RUN_ID"]}


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:acme/web.git", "acme/web"),
        ("https://github.com/acme/web", "acme/web"),
        ("https://user@github.com/acme/web.git/", "acme/web"),
        ("ssh://git@host.example:2222/acme/web.git", "acme/web"),
        ("https://gitlab.com/group/sub/web.git", "group/sub/web"),
        ("git@gitlab.com:group/sub/my.web.git", "group/sub/my.web"),
        ("acme/web", "acme/web"),
        ("/srv/git/web.git", None),
        ("web", None),
        ("", None),
    ],
)
def test_repository_of_a_clone_url(url: str, name: str | None) -> None:
    assert repository_of(url) == name


def test_the_workspace_is_where_we_are_when_the_host_path_is_not_in_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert platform(ENVIRONMENTS["gitlab"] | {"CI_PROJECT_DIR": "/builds/none"}).workspace == tmp_path
