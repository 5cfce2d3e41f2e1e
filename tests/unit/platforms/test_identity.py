"""Which jobs are the same step tried again, and which are different steps: the key follows from that."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

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


def test_a_restart_on_travis_is_known_and_not_counted() -> None:
    restarted = identity("travis", TRAVIS_JOB_RESTARTED="true")
    assert (restarted.attempt, restarted.later_attempt) == (None, True)
    assert key("travis", TRAVIS_JOB_RESTARTED="true") == key("travis")


def test_a_forgejo_that_does_not_count_attempts_cannot_tell() -> None:
    env = {name: value for name, value in ENVIRONMENTS["forgejo"].items() if name != "GITHUB_RUN_ATTEMPT"}
    found = platform(env).identity()
    assert found is not None
    assert (found.attempt, found.later_attempt) == (None, True)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("appveyor", {"APPVEYOR_JOB_NUMBER": "2"}),
        ("appveyor", {"APPVEYOR_BUILD_ID": "51234568"}),
        ("appveyor", {"APPVEYOR_URL": "https://appveyor.example.com"}),
        ("azure", {"SYSTEM_JOBIDENTIFIER": "agent.linux"}),
        ("azure", {"SYSTEM_JOBPOSITIONINPHASE": "2"}),
        ("azure", {"SYSTEM_STAGENAME": "deploy"}),
        ("azure", {"BUILD_BUILDID": "4712"}),
        ("azure", {"SYSTEM_COLLECTIONURI": "https://dev.azure.com/other/"}),
        ("azure", {"RELEASE_RELEASEID": "9"}),
        ("bitbucket", {"BITBUCKET_PARALLEL_STEP": "1"}),
        ("bitbucket", {"BITBUCKET_STEP_UUID": "{aaaaaaaa-2f1c-4e02-a6a0-0b7a3e4f9a11}"}),
        ("bitbucket", {"BITBUCKET_REPO_UUID": "{bbbbbbbb-e979-40be-b383-c1a7738b52f7}"}),
        ("buildkite", {"BUILDKITE_PARALLEL_JOB": "1"}),
        ("buildkite", {"BUILDKITE_LABEL": "Agent linux"}),
        ("buildkite", {"BUILDKITE_BUILD_ID": "aaaaaaaa-80d0-46e2-8fa0-b28223a86586"}),
        ("circleci", {"CIRCLE_NODE_INDEX": "1"}),
        ("circleci", {"CIRCLE_JOB": "agent-18.0"}),
        (
            "circleci",
            {"CIRCLE_WORKFLOW_WORKSPACE_ID": "33333333-54f5-4a6a-8b0b-3f7a52a3d0d1"},
        ),
        ("codebuild", {"CODEBUILD_BUILD_ARN": "arn:aws:codebuild:eu-central-1:123456789012:build/web:1"}),
        ("codefresh", {"CF_STEP_NAME": "other"}),
        ("codefresh", {"CF_BUILD_ID": "65f0a1b2c3d4e5f601234568"}),
        ("codefresh", {"CF_ACCOUNT": "other"}),
        ("drone", {"DRONE_STAGE_NUMBER": "2"}),
        ("drone", {"DRONE_BUILD_NUMBER": "43"}),
        ("drone", {"DRONE_SYSTEM_HOST": "other.example.com"}),
        ("forgejo", {"GITHUB_SERVER_URL": "https://git.example.com"}),
        ("github", {"GITHUB_ACTION": "agent2"}),
        ("github", {"GITHUB_JOB": "test"}),
        ("github", {"GITHUB_RUN_ID": "9876543211"}),
        ("github", {"GITHUB_REPOSITORY_ID": "702"}),
        ("github", {"GITHUB_SERVER_URL": "https://github.example.com"}),
        ("gitlab", {"CI_NODE_INDEX": "2"}),
        ("gitlab", {"CI_JOB_NAME": "agent: [web]"}),
        ("gitlab", {"CI_PIPELINE_ID": "1001"}),
        ("gitlab", {"CI_PROJECT_ID": "1218"}),
        ("gitlab", {"CI_SERVER_URL": "https://gitlab.example.com"}),
        ("harness", {"HARNESS_PIPELINE_ID": "other"}),
        ("harness", {"HARNESS_EXECUTION_ID": "other"}),
        ("harness", {"HARNESS_STAGE_ID": "other"}),
        ("harness", {"DRONE_STEP_NAME": "other"}),
        ("harness", {"HARNESS_NODE_INDEX": "1"}),
        ("harness", {"HARNESS_STEP_INDEX": "1"}),
        ("harness", {"HARNESS_ACCOUNT_ID": "other"}),
        ("jenkins", {"STAGE_NAME": "Other"}),
        ("jenkins", {"BUILD_NUMBER": "8"}),
        ("jenkins", {"JENKINS_URL": "https://other.example.com/"}),
        ("jenkins", {"JENKINS_URL": "", "BUILD_TAG": "jenkins-acme-web-main-8"}),
        ("semaphore", {"SEMAPHORE_JOB_INDEX": "2"}),
        ("semaphore", {"SEMAPHORE_BLOCK_NAME": "Other"}),
        ("semaphore", {"SEMAPHORE_WORKFLOW_ID": "22222222-7d3e-4b8f-9c55-2a3b4c5d6e7f"}),
        ("semaphore", {"SEMAPHORE_ORGANIZATION_URL": "https://other.semaphoreci.com"}),
        ("teamcity", {"BUILD_NUMBER": "319"}),
        ("teamcity", {"BUILD_URL": "https://teamcity.example.com/build/90211"}),
        ("travis", {"TRAVIS_JOB_NUMBER": "42.2"}),
        ("travis", {"TRAVIS_BUILD_ID": "270123457"}),
        ("travis", {"TRAVIS_BUILD_WEB_URL": "https://travis.example.com/acme/web/builds/270123456"}),
        ("woodpecker", {"CI_WORKFLOW_NUMBER": "2"}),
        ("woodpecker", {"CI_PIPELINE_NUMBER": "43"}),
        ("woodpecker", {"CI_SYSTEM_URL": "https://other.example.com"}),
    ],
)
def test_another_job_pipeline_project_or_server_has_another_key(name: str, other: dict[str, str]) -> None:
    assert key(name, **other) != key(name)


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
        ("codebuild", "CODEBUILD_BUILD_ARN"),
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


@pytest.mark.parametrize("name", sorted(set(NAMED) - NOT_ON_GITHUB))
def test_the_jobs_own_repository_is_known(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).repository() == "acme/web"


@pytest.mark.parametrize("name", sorted(NOT_ON_GITHUB))
def test_a_repository_that_is_not_on_github_is_not_taken_for_one(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).repository() is None


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
    assert platform(ENVIRONMENTS[name]).parallel_jobs == 1
    assert platform(ENVIRONMENTS[name] | {variable: "4"}).parallel_jobs == 4
    assert platform(ENVIRONMENTS[name] | {variable: "many"}).parallel_jobs == 1


def test_a_repository_that_azure_hosts_has_no_owner() -> None:
    assert platform(ENVIRONMENTS["azure"] | {"BUILD_REPOSITORY_NAME": "web"}).repository() is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:acme/web.git", "acme/web"),
        ("https://github.com/acme/web", "acme/web"),
        ("https://user@github.com/acme/web.git/", "acme/web"),
        ("ssh://git@host.example:2222/acme/web.git", "acme/web"),
        ("https://gitlab.com/group/sub/web.git", "group/sub/web"),
        ("git@gitlab.com:group/sub/my.web.git", "group/sub/my.web"),
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
