"""Smaller CI systems, one row each: plain lines in the log, outputs in the dotenv file, for some
also in their own.

Each row follows the system's documents, or its source for Woodpecker, Drone and Jenkins.
"""

from typing import Final

from mogplex_ci.platforms.system import Env, System, counted, once, pushed_by, told


def _promoted(env: Env) -> tuple[str, ...]:
    """Return the id of a promoted pipeline on Semaphore, for the same promotion may be started
    twice.
    """
    return (
        (env.get("SEMAPHORE_PIPELINE_ID", ""),)
        if env.get("SEMAPHORE_PIPELINE_PROMOTION") == "true"
        else ()
    )


_DRONE_PUSHER: Final = pushed_by(
    "DRONE_COMMIT_AUTHOR", "DRONE_BUILD_EVENT", "DRONE_BRANCH", "DRONE_REPO_BRANCH"
)

SMALL_SYSTEMS: Final = (
    System(
        "circleci",
        "CIRCLECI=true",
        parts="CIRCLE_WORKFLOW_WORKSPACE_ID|CIRCLE_WORKFLOW_ID CIRCLE_JOB CIRCLE_NODE_INDEX",
        label=(
            "CIRCLE_PROJECT_USERNAME/CIRCLE_PROJECT_REPONAME CIRCLE_WORKFLOW_WORKSPACE_ID|CIRCLE_WORKFLOW_ID CIRCLE_JOB"
        ),
        # A re-run has a new workflow id, and the workspace keeps that of the workflow that was run
        # first.
        attempt=told(
            "CIRCLE_WORKFLOW_WORKSPACE_ID!=CIRCLE_WORKFLOW_ID",
            "CIRCLE_WORKFLOW_JOB_ID|CIRCLE_WORKFLOW_ID",
        ),
        repository="CIRCLE_PROJECT_USERNAME/CIRCLE_PROJECT_REPONAME",
        job_url="CIRCLE_BUILD_URL",
        parallel_jobs="CIRCLE_NODE_TOTAL",
        caused_by="CIRCLE_USERNAME",
        is_fork="CIRCLE_PR_NUMBER CIRCLE_PR_USERNAME CIRCLE_PR_REPONAME",
        exports=("BASH_ENV", "export {}='{}'\n"),  # every later step of the job sources it first
    ),
    # names no repository: the pipeline's own is on Bitbucket, and Mogplex works on GitHub
    # repositories
    System(
        "bitbucket",
        "BITBUCKET_BUILD_NUMBER",
        parts="BITBUCKET_BUILD_NUMBER BITBUCKET_REPO_UUID BITBUCKET_STEP_UUID BITBUCKET_PARALLEL_STEP",
        label="BITBUCKET_REPO_FULL_NAME BITBUCKET_BUILD_NUMBER",
        attempt=counted("BITBUCKET_STEP_RUN_NUMBER"),  # a re-run keeps the step's id
        workspace="BITBUCKET_CLONE_DIR",
        parallel_jobs="BITBUCKET_PARALLEL_STEP_COUNT",
        exports=("BITBUCKET_PIPELINES_VARIABLES_PATH", "{}={}\n"),  # for ``output-variables``
    ),
    System(  # each entry of a matrix is a workflow with its own number
        "woodpecker",
        "CI=woodpecker",
        parts="CI_PIPELINE_NUMBER CI_SYSTEM_URL CI_REPO CI_WORKFLOW_NAME CI_WORKFLOW_NUMBER CI_STEP_NAME",
        label="CI_REPO CI_PIPELINE_NUMBER CI_STEP_NAME",
        attempt=once,
        repository="CI_REPO",
        workspace="CI_WORKSPACE",
        job_url="CI_PIPELINE_URL",
        caused_by=pushed_by(
            "CI_COMMIT_AUTHOR", "CI_PIPELINE_EVENT", "CI_COMMIT_BRANCH", "CI_REPO_DEFAULT_BRANCH"
        ),
    ),
    # before Drone, whose variables it sets too; its build numbers repeat from pipeline to pipeline
    System(
        "harness",
        "HARNESS_EXECUTION_ID",
        parts=(
            "HARNESS_PIPELINE_ID HARNESS_ACCOUNT_ID HARNESS_ORG_ID HARNESS_PROJECT_ID HARNESS_EXECUTION_ID"
            " HARNESS_STAGE_ID DRONE_STEP_NAME HARNESS_NODE_INDEX HARNESS_STAGE_INDEX HARNESS_STEP_INDEX"
        ),
        label="HARNESS_PIPELINE_ID HARNESS_BUILD_ID HARNESS_STAGE_ID",
        # nothing counts the tries of a failure strategy
        repository="DRONE_REPO",
        workspace="HARNESS_WORKSPACE",
        parallel_jobs="HARNESS_NODE_TOTAL",
        caused_by=_DRONE_PUSHER,
    ),
    System(
        "drone",
        "DRONE=true",
        parts="DRONE_BUILD_NUMBER DRONE_SYSTEM_HOST DRONE_REPO DRONE_STAGE_NAME DRONE_STAGE_NUMBER DRONE_STEP_NAME",
        label="DRONE_REPO DRONE_BUILD_NUMBER DRONE_STEP_NAME",
        attempt=once,
        repository="DRONE_REPO",
        workspace="DRONE_WORKSPACE",
        job_url="DRONE_BUILD_LINK",
        caused_by=_DRONE_PUSHER,
    ),
    System(  # a build of a batch has an ARN of its own
        "codebuild",
        "CODEBUILD_BUILD_ARN",
        parts="CODEBUILD_BUILD_ARN",
        label="CODEBUILD_BUILD_ID",
        attempt=once,
        repository="CODEBUILD_SOURCE_REPO_URL",
        workspace="CODEBUILD_SRC_DIR",
    ),
    System(  # a re-run of a pipeline is a new pipeline in the same workflow
        "semaphore",
        "SEMAPHORE=true",
        parts=(
            "SEMAPHORE_WORKFLOW_ID SEMAPHORE_ORGANIZATION_URL SEMAPHORE_PROJECT_ID SEMAPHORE_BLOCK_NAME"
            " SEMAPHORE_JOB_NAME SEMAPHORE_JOB_INDEX"
        ),
        more_parts=_promoted,
        label="SEMAPHORE_GIT_REPO_SLUG SEMAPHORE_WORKFLOW_ID SEMAPHORE_JOB_NAME",
        attempt=told("SEMAPHORE_PIPELINE_RERUN=true", "SEMAPHORE_PIPELINE_ID"),
        repository="SEMAPHORE_GIT_REPO_SLUG",
        parallel_jobs="SEMAPHORE_JOB_COUNT",
        is_fork="SEMAPHORE_GIT_PR_SLUG!=SEMAPHORE_GIT_REPO_SLUG",
    ),
    System(
        "codefresh",
        "CF_BUILD_ID",
        parts="CF_PIPELINE_NAME CF_URL CF_ACCOUNT CF_BUILD_ID CF_STEP_NAME",
        label="CF_PIPELINE_NAME CF_BUILD_ID CF_STEP_NAME",
        attempt=counted("CF_CURRENT_ATTEMPT"),  # of the step's ``retry``
        repository="CF_REPO_OWNER/CF_REPO_NAME",
        is_fork="CF_PULL_REQUEST_IS_FORK=true",
    ),
    System(  # "Re-run incomplete" runs a job again in its build, "Re-build" makes a new build
        "appveyor",
        "APPVEYOR=true",
        parts=(
            "APPVEYOR_BUILD_ID APPVEYOR_URL APPVEYOR_ACCOUNT_NAME APPVEYOR_PROJECT_ID APPVEYOR_JOB_NUMBER"
            " APPVEYOR_JOB_NAME"
        ),
        label="APPVEYOR_REPO_NAME APPVEYOR_BUILD_ID APPVEYOR_JOB_NUMBER",
        attempt=told("APPVEYOR_RE_RUN_INCOMPLETE=true", "APPVEYOR_JOB_ID"),
        repository="APPVEYOR_REPO_NAME",
        workspace="APPVEYOR_BUILD_FOLDER",
        is_fork="APPVEYOR_PULL_REQUEST_HEAD_REPO_NAME!=APPVEYOR_REPO_NAME",
    ),
    System(
        "travis",
        "TRAVIS=true",
        parts="TRAVIS_BUILD_ID TRAVIS_BUILD_WEB_URL TRAVIS_REPO_SLUG TRAVIS_JOB_NUMBER",
        label="TRAVIS_REPO_SLUG TRAVIS_JOB_NUMBER",
        attempt=told("TRAVIS_JOB_RESTARTED=true"),  # restarts are not counted
        repository="TRAVIS_REPO_SLUG",
        workspace="TRAVIS_BUILD_DIR",
        job_url="TRAVIS_JOB_WEB_URL",
        is_fork="TRAVIS_PULL_REQUEST_SLUG!=TRAVIS_REPO_SLUG",
    ),
    # the cells of a ``matrix`` cannot be told apart: they need a ``key-suffix`` made of their axes
    System(
        "jenkins",
        "JENKINS_URL BUILD_TAG=jenkins-*",  # the URL is set when the administrator has set it
        parts="BUILD_TAG JENKINS_URL JOB_NAME BUILD_NUMBER STAGE_NAME",
        label="JOB_NAME BUILD_NUMBER STAGE_NAME",
        # nothing counts the tries of a ``retry`` in the stage
        repository="GIT_URL",  # the repository that the Git plugin checked out
        workspace="WORKSPACE",
        job_url="BUILD_URL",
        caused_by="CHANGE_AUTHOR",  # of a change request in a multibranch project
        is_fork="CHANGE_FORK",  # the Branch API plugin sets it for a fork in a multibranch project
    ),
)
"""In the order of detection."""
