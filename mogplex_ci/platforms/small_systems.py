"""Smaller CI systems, one row each: plain lines in the log, outputs in the dotenv file, for some
also in their own.

Each row follows the system's documents, or its source for Woodpecker, Drone and Jenkins.
"""

from typing import Final

from mogplex_ci.platforms.system import (
    Attempt,
    Env,
    System,
    any_of,
    by_name,
    counted,
    differs,
    equals,
    first_set,
    has,
    is_first,
    once,
    pushed_by,
)

# A re-run of a workflow on CircleCI has a new id, and the workspace keeps that of the workflow that
# was run first.
_CIRCLE_WORKFLOW: Final = first_set("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID")


_AZURE_JOB: Final = first_set("SYSTEM_JOBIDENTIFIER", "SYSTEM_JOBNAME")


def _azure_attempt(env: Env) -> Attempt:
    counts = ("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT", "RELEASE_ATTEMPTNUMBER")
    attempt = ".".join(env.get(variable) or "1" for variable in counts)
    return Attempt(attempt, may_be_later=attempt != "1.1.1")


def _circle_repository(env: Env) -> str:
    """Return ``owner/name``; empty if one of the two is missing."""
    parts = [env.get("CIRCLE_PROJECT_USERNAME"), env.get("CIRCLE_PROJECT_REPONAME")]
    return "/".join(filter(None, parts)) if all(parts) else ""


def _is_drone(env: Env) -> bool:
    """Harness CI sets Drone's variables too, and its build numbers repeat from pipeline to
    pipeline: it is an unknown system.
    """
    is_harness = bool(env.get("HARNESS_EXECUTION_ID"))
    return env.get("DRONE", "").lower() == "true" and not is_harness


SMALL_SYSTEMS: Final = (
    # ``SYSTEM_JOBID`` differs between attempts. A classic release deploys one build many times;
    # elsewhere its ids are empty.
    System(
        "azure",
        equals("TF_BUILD", "true"),
        parts=(
            "BUILD_BUILDID",
            "SYSTEM_COLLECTIONURI",
            "SYSTEM_TEAMPROJECTID",
            "RELEASE_RELEASEID",
            "RELEASE_ENVIRONMENTID",
            "SYSTEM_STAGENAME",
            "SYSTEM_PHASENAME",
            _AZURE_JOB,
            "SYSTEM_JOBPOSITIONINPHASE",
        ),
        label=("SYSTEM_TEAMPROJECT", "BUILD_BUILDID", _AZURE_JOB),
        attempt=_azure_attempt,
        repository="BUILD_REPOSITORY_NAME",
        repository_address="BUILD_REPOSITORY_URI",
        workspace="BUILD_SOURCESDIRECTORY",
        parallel_jobs="SYSTEM_TOTALJOBSINPHASE",
        is_fork=equals("SYSTEM_PULLREQUEST_ISFORK", "true"),
        branches=("BUILD_SOURCEBRANCH", "SYSTEM_PULLREQUEST_SOURCEBRANCH"),
        by_hand=equals("BUILD_REASON", "manual", "schedule"),  # a call of the API is manual, too
        is_debug=equals("SYSTEM_DEBUG", "true"),
    ),
    # A retry is a new job of the same step. Label, command and the configuration of plugins carry
    # the values of a matrix.
    System(
        "buildkite",
        equals("BUILDKITE", "true"),
        parts=(
            "BUILDKITE_BUILD_ID",
            "BUILDKITE_STEP_ID",
            "BUILDKITE_PARALLEL_JOB",
            "BUILDKITE_LABEL",
            "BUILDKITE_COMMAND",
            "BUILDKITE_PLUGINS",
        ),
        step=("BUILDKITE_PLUGINS",),  # the hook pre-exit does not see them
        label=("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER", "BUILDKITE_STEP_KEY"),
        attempt=counted("BUILDKITE_RETRY_COUNT", first="0"),
        repository_address="BUILDKITE_REPO",
        workspace="BUILDKITE_BUILD_CHECKOUT_PATH",
        job_url="BUILDKITE_BUILD_URL",
        parallel_jobs="BUILDKITE_PARALLEL_JOB_COUNT",
        is_fork=differs("BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO"),
        branches=("BUILDKITE_BRANCH",),
        by_hand=equals("BUILDKITE_SOURCE", "ui", "api", "schedule"),
    ),
    # Running a build again makes a new one. Build numbers may repeat, since their format can be
    # changed; the build's address holds its id.
    System(
        "teamcity",
        has("TEAMCITY_VERSION"),
        parts=("BUILD_NUMBER", "BUILD_URL", "TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME"),
        label=("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"),
        attempt=once,
    ),
    System(
        "circleci",
        equals("CIRCLECI", "true"),
        parts=(_CIRCLE_WORKFLOW, "CIRCLE_JOB", "CIRCLE_NODE_INDEX"),
        label=(_circle_repository, _CIRCLE_WORKFLOW, "CIRCLE_JOB"),
        attempt=by_name(
            first_set("CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_WORKFLOW_ID"),
            is_later=differs("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID"),
        ),
        repository=_circle_repository,
        repository_address="CIRCLE_REPOSITORY_URL",
        job_url="CIRCLE_BUILD_URL",
        parallel_jobs="CIRCLE_NODE_TOTAL",
        caused_by="CIRCLE_USERNAME",
        is_fork=has("CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"),
        branches=("CIRCLE_BRANCH",),  # what started the pipeline is unknown
        exports=("BASH_ENV", "export {}='{}'\n"),  # every later step of the job sources it first
    ),
    # names no repository: the pipeline's own is on Bitbucket, and Mogplex works on GitHub
    # repositories
    System(
        "bitbucket",
        has("BITBUCKET_BUILD_NUMBER"),
        parts=(
            "BITBUCKET_BUILD_NUMBER",
            "BITBUCKET_REPO_UUID",
            "BITBUCKET_STEP_UUID",
            "BITBUCKET_PARALLEL_STEP",
        ),
        label=("BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"),
        attempt=counted("BITBUCKET_STEP_RUN_NUMBER"),  # a re-run keeps the step's id
        workspace="BITBUCKET_CLONE_DIR",
        parallel_jobs="BITBUCKET_PARALLEL_STEP_COUNT",
        branches=("BITBUCKET_BRANCH",),  # what started the pipeline is unknown
        exports=("BITBUCKET_PIPELINES_VARIABLES_PATH", "{}={}\n"),  # for ``output-variables``
    ),
    System(  # each entry of a matrix is a workflow with its own number
        "woodpecker",
        equals("CI", "woodpecker"),
        parts=(
            "CI_PIPELINE_NUMBER",
            "CI_SYSTEM_URL",
            "CI_REPO",
            "CI_WORKFLOW_NAME",
            "CI_WORKFLOW_NUMBER",
            "CI_STEP_NAME",
        ),
        step=("CI_STEP_NAME",),
        label=("CI_REPO", "CI_PIPELINE_NUMBER", "CI_STEP_NAME"),
        attempt=once,
        repository="CI_REPO",
        repository_address=first_set("CI_REPO_CLONE_URL", "CI_REPO_URL"),
        workspace="CI_WORKSPACE",
        job_url="CI_PIPELINE_URL",
        caused_by=pushed_by("CI_COMMIT_AUTHOR", "CI_PIPELINE_EVENT"),
        branches=("CI_COMMIT_BRANCH", "CI_COMMIT_SOURCE_BRANCH"),
        by_hand=equals("CI_PIPELINE_EVENT", "manual", "cron", "deployment"),
        is_local=equals("CI_PIPELINE_NUMBER", "0"),  # `woodpecker-cli exec`
    ),
    System(
        "drone",
        _is_drone,
        parts=(
            "DRONE_BUILD_NUMBER",
            "DRONE_SYSTEM_HOST",
            "DRONE_REPO",
            "DRONE_STAGE_NAME",
            "DRONE_STAGE_NUMBER",
            "DRONE_STEP_NAME",
        ),
        step=("DRONE_STEP_NAME",),
        label=("DRONE_REPO", "DRONE_BUILD_NUMBER", "DRONE_STEP_NAME"),
        attempt=once,
        repository="DRONE_REPO",
        repository_address=first_set("DRONE_GIT_HTTP_URL", "DRONE_REPO_LINK"),
        workspace="DRONE_WORKSPACE",
        job_url="DRONE_BUILD_LINK",
        caused_by=pushed_by("DRONE_COMMIT_AUTHOR", "DRONE_BUILD_EVENT"),
        branches=("DRONE_BRANCH", "DRONE_SOURCE_BRANCH"),
        # `custom` is a build that a person or the API started
        by_hand=equals("DRONE_BUILD_EVENT", "custom", "cron", "promote", "rollback"),
        is_local=is_first("DRONE_BUILD_NUMBER", without="DRONE_SYSTEM_HOST"),  # `drone exec`
    ),
    System(  # a build of a batch has an ARN of its own
        "codebuild",
        has("CODEBUILD_BUILD_ARN"),
        parts=("CODEBUILD_BUILD_ARN",),
        label=("CODEBUILD_BUILD_ID",),
        attempt=once,
        repository_address="CODEBUILD_SOURCE_REPO_URL",
        workspace="CODEBUILD_SRC_DIR",
        branches=("CODEBUILD_WEBHOOK_HEAD_REF",),  # only a build that a webhook started has one
    ),
    # the cells of a ``matrix`` look the same: they need a ``key-suffix`` made of their axes
    System(
        "jenkins",
        # the URL is set when the administrator has set it
        any_of(has("JENKINS_URL"), lambda env: env.get("BUILD_TAG", "").startswith("jenkins-")),
        parts=("BUILD_TAG", "JENKINS_URL", "JOB_NAME", "BUILD_NUMBER", "STAGE_NAME"),
        label=("JOB_NAME", "BUILD_NUMBER", "STAGE_NAME"),
        # nothing counts the tries of a ``retry`` in the stage
        repository_address="GIT_URL",  # the repository that the Git plugin checked out
        workspace="WORKSPACE",
        job_url="BUILD_URL",
        caused_by="CHANGE_AUTHOR",  # of a change request in a multibranch project
        branches=(
            "BRANCH_NAME",
            "CHANGE_BRANCH",
            "GIT_BRANCH",
        ),  # what started the build is unknown
        is_fork=has(
            "CHANGE_FORK"
        ),  # the Branch API plugin sets it for a fork in a multibranch project
    ),
)
"""In the order of detection."""
