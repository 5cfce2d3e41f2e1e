"""Every CI system: added in full, told from the others, and which jobs are the same step tried
again.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import Identity, repository_of
from mogplex_ci.run.start import derive_key
from tests.ci_environments import ENVIRONMENTS
from tests.program import ROOT

NAMED = sorted(set(ENVIRONMENTS) - {"plain"})
SERVED_BY_ANY_CI = ("codebuild", "drone", "teamcity", "woodpecker")
"""Their users take examples/any-ci: a row identifies their steps."""
TELLS_NO_BRANCH = ("github", "plain", "teamcity")
"""On GitHub the event tells it; the others do not."""
USES = ("ghcr.io/mogplex/run-action:1", "mogplex/run-action@v1", "mogplex/run-action/run@1")


@pytest.mark.parametrize("name", NAMED)
def test_a_system_is_told_from_the_others_and_stands_in_the_pages(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).name == name
    assert (ROOT / "tests" / "e2e" / "golden" / name / "pull-request.txt").exists()
    for page in ("docs/platforms.md", "docs/maintaining/architecture.md"):
        first_cells = re.findall(r"^\| ([^|]+) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        if name not in SERVED_BY_ANY_CI:
            assert name in "\n".join(first_cells).lower().replace(" ", "")


def test_the_examples_use_the_published_image_or_action() -> None:
    examples = [path for name in ENVIRONMENTS for path in (ROOT / "examples" / name).glob("*")]
    assert [
        path
        for path in examples
        if not any(use in path.read_text(encoding="utf-8") for use in USES)
    ] == []


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


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("plain", {}),
        ("plain", {"CI": "true"}),
        ("forgejo", {"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}),
        (
            "gitlab",
            {"GITLAB_CI": "false", "CI_PIPELINE_ID": "1000", "CI_SERVER_URL": "https://gitlab.com"},
        ),
        ("gitlab", {"GITLAB_CI": "true"}),
        ("azure", {"TF_BUILD": "true"}),
        ("plain", {"DRONE": "true", "HARNESS_EXECUTION_ID": "nN1n0lXeTZ2kP0f5mVqXxg"}),
        ("drone", {"DRONE": "true", "CI": "true"}),
        ("jenkins", {"BUILD_TAG": "jenkins-acme-web-main-7"}),
        ("plain", {"BUILD_TAG": "v1.2.3"}),
        ("github", ENVIRONMENTS["codebuild"] | {"GITHUB_ACTIONS": "true"}),
    ],
)
def test_detection(name: str, env: dict[str, str]) -> None:
    assert platform(env).name == name


def test_a_try_that_is_not_counted_is_perhaps_a_later_one() -> None:
    """Older servers of Forgejo and Gitea set no attempt."""
    found = identity("forgejo", GITHUB_RUN_ATTEMPT="")
    assert (found.attempt, found.later_attempt) == (None, True)
    assert key("forgejo", GITHUB_RUN_ATTEMPT="") == key("forgejo")


TOLD = yaml.load(
    Path(__file__).with_name("told.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
KINDS = ("key", "label", "attempt", "later", "workspace", "page")


def told(name: str) -> dict[str, dict[str, str]]:
    """Return the variables of each kind, and another value for each."""
    rows = TOLD[name]
    words = {kind: [word.partition("=") for word in rows.get(kind, "").split()] for kind in KINDS}
    return {
        kind: {variable: value or "other" for variable, _, value in each}
        for kind, each in words.items()
    }


def differences(name: str, first: dict[str, str], other: dict[str, str]) -> tuple[bool, ...]:
    """Return for each of ``KINDS`` whether the two jobs differ in it."""
    jobs = [platform(ENVIRONMENTS[name] | changes) for changes in (first, other)]
    one, two = ((*(job.identity() or ()), job.workspace, job.job_url) for job in jobs)
    return tuple(a != b for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("name", NAMED)
def test_every_variable_tells_what_it_is_said_to_tell(name: str) -> None:
    names, first = told(name), identity(name)
    for variable, value in {
        variable: value for kind in KINDS for variable, value in names[kind].items()
    }.items():
        assert differences(name, {}, {variable: value}) == tuple(
            variable in names[kind] for kind in KINDS
        ), variable
    assert first.later_attempt == (name in ("gitlab", "jenkins")), "they cannot tell the first try"
    rest = {
        variable: "other"
        for variable in ENVIRONMENTS[name]
        if not any(variable in names[kind] for kind in KINDS)
    }
    found = platform(ENVIRONMENTS[name])
    found.env = ENVIRONMENTS[name] | rest
    assert found.identity() == first, "no other variable says anything"
    label = identity(name, **{variable: variable for variable in names["label"]}).label
    assert re.sub("[/-]", " ", label) == " ".join(names["label"])


@pytest.mark.parametrize(
    ("name", "missing", "instead", "kinds"),
    [
        ("azure", "SYSTEM_JOBIDENTIFIER", "SYSTEM_JOBNAME", {"key", "label"}),
        ("circleci", "CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID", {"key", "label"}),
        ("circleci", "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_WORKFLOW_ID", {"attempt", "later"}),
        ("github", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY", {"key", "label", "page"}),
    ],
)
def test_a_variable_that_is_not_set_has_a_stand_in(
    name: str, missing: str, instead: str, kinds: set[str]
) -> None:
    found = differences(name, {missing: ""}, {missing: "", instead: "other"})
    assert {kind for kind, differs in zip(KINDS, found, strict=True) if differs} == kinds


def test_a_reusable_workflow_that_is_called_twice_has_two_keys() -> None:
    def of(path: str) -> str:
        return key("github", ACTIONS_ORCHESTRATION_ID=path)

    plan, other_plan = (
        "89c72d20-71e7-4948-8eb8-0d8f0e417443",
        "0b6f1f5e-9d0a-4c37-8c5e-7a1d2f3b4c5d",
    )
    assert of(f"{plan}.first.build.__default") != of(f"{plan}.second.build.__default")
    assert of(f"{plan}.first.build.__default") == of(f"{other_plan}.first.build.__default")
    for path in (
        "",
        plan,
        f"{plan}.build",
        f"{plan}.build.__default",
    ):  # not called: whether a runner tells or not
        assert of(path) == key("github")


@pytest.mark.parametrize("name", NAMED)
def test_a_container_that_got_half_the_environment_has_no_identity(name: str) -> None:
    halves = {
        variable: platform({variable: value}) for variable, value in ENVIRONMENTS[name].items()
    }
    found = {variable for variable, half in halves.items() if half.name == name and half.identity()}
    assert found <= {"BITBUCKET_BUILD_NUMBER", "BUILD_TAG", "CODEBUILD_BUILD_ARN"}, (
        "the variable names the build"
    )


@pytest.mark.parametrize("name", NAMED)
def test_the_jobs_own_repository_is_known_if_it_is_on_github(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).repository() == (
        None if name in NOT_ON_GITHUB else "acme/web"
    )


ADDRESSES = [
    ("azure", "BUILD_REPOSITORY_URI"),
    ("buildkite", "BUILDKITE_REPO"),
    ("circleci", "CIRCLE_REPOSITORY_URL"),
    ("codebuild", "CODEBUILD_SOURCE_REPO_URL"),
    ("drone", "DRONE_GIT_HTTP_URL"),
    ("jenkins", "GIT_URL"),
    ("woodpecker", "CI_REPO_CLONE_URL"),
]
"""The variable in which a system gives the repository's clone URL."""


@pytest.mark.parametrize(("name", "variable"), ADDRESSES)
@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("https://github.com/acme/api.git", "acme/api"),
        ("git@GitHub.com:acme/api.git", "acme/api"),
        ("https://token@github.com/acme/api", "acme/api"),
        ("ssh://git@ghe.example:7999/acme/api.git", "acme/api"),
        ("git@gitlab.com:acme/api.git", None),
        ("https://codeberg.org/acme/api.git", None),
        ("https://github.com@gitlab.com/acme/api.git", None),
        ("https://gitlab.com/github.com/acme/api.git", None),
        ("https://github.com.example/acme/api.git", None),
        ("/srv/git/api.git", None),
        ("acme/api", None),
    ],
)
def test_the_repository_is_the_jobs_own_only_if_its_clone_url_is_on_github(
    name: str, variable: str, address: str, known: str | None
) -> None:
    """Else a run would start on whatever has the same name on GitHub."""
    env = ENVIRONMENTS[name] | {variable: address, "GITHUB_SERVER_URL": "https://ghe.example/"}
    assert platform(env).repository() == known


def test_only_forgejo_and_gitea_name_a_server_and_an_api_that_are_not_githubs() -> None:
    own = {"GITHUB_SERVER_URL": "https://own.example", "GITHUB_API_URL": "https://own.example/api/"}
    for name, env in ENVIRONMENTS.items():
        found = platform(env | own)
        is_githubs = name != "forgejo"
        assert ("https://own.example" in found.github_servers) == is_githubs, name
        expected = "https://own.example/api" if is_githubs else "https://api.github.com"
        assert found.github_api_url() == expected, name


LOCAL = [
    ("github", {"ACT": "true"}, True),
    ("gitlab", {"GITLAB_CI": "false"}, True),
    ("forgejo", {"GITHUB_RUN_ID": "1", "GITHUB_SERVER_URL": ""}, True),
    ("forgejo", {"GITHUB_RUN_ID": "1"}, False),
    ("forgejo", {"ACT": "true"}, False),
    ("woodpecker", {"CI_PIPELINE_NUMBER": "0"}, True),
    ("woodpecker", {"CI_PIPELINE_NUMBER": "1"}, False),
    ("drone", {"DRONE_BUILD_NUMBER": "1", "DRONE_SYSTEM_HOST": ""}, True),
    ("drone", {"DRONE_BUILD_NUMBER": "1"}, False),
    ("jenkins", {"ACT": "true"}, False),
]


@pytest.mark.parametrize(("name", "changes", "is_local"), LOCAL)
def test_a_local_runner_gets_a_new_key_each_time_and_counts_as_started_by_hand(
    name: str, changes: dict[str, str], *, is_local: bool
) -> None:
    branches = dict.fromkeys((row[1] for row in AGENTS_BRANCHES), AGENTS_BRANCH)
    env = ENVIRONMENTS[name] | branches | changes
    first, second = platform(env), platform(env)
    assert first.identity() is not None
    assert (bool(first.own_try), first.own_try == second.own_try) == (is_local, not is_local)
    if name != "github":  # which tells who caused the job
        assert (first.agents_branch() is None) == is_local


PARALLEL = {
    "SYSTEM_TOTALJOBSINPHASE": "azure",
    "BITBUCKET_PARALLEL_STEP_COUNT": "bitbucket",
    "BUILDKITE_PARALLEL_JOB_COUNT": "buildkite",
    "CIRCLE_NODE_TOTAL": "circleci",
    "CI_NODE_TOTAL": "gitlab",
}


@pytest.mark.parametrize(
    ("text", "jobs"),
    [("", 1), ("4", 4), ("many", 1), ("0", 1), ("1000000", 1), ("999999", 999_999)],
)
def test_parallel_jobs_share_the_tokens_budget(text: str, jobs: int) -> None:
    for variable, name in PARALLEL.items():
        assert platform(ENVIRONMENTS[name] | {variable: text}).parallel_jobs == jobs


def test_only_github_tells_whose_checks_the_job_belongs_to() -> None:
    """Forgejo and Gitea count workflow runs of their own in the same variable."""
    found = {name: platform(env).workflow_run for name, env in ENVIRONMENTS.items()}
    assert {name: run for name, run in found.items() if run} == {
        "github": ENVIRONMENTS["github"]["GITHUB_RUN_ID"]
    }


AGENTS_BRANCH = "mogplex/external/1f0c9a3e-77b2d4c1"
AGENTS_BRANCHES = [
    ("azure", "BUILD_SOURCEBRANCH", {"BUILD_REASON": ["Manual", "Schedule"]}),
    ("azure", "SYSTEM_PULLREQUEST_SOURCEBRANCH", {}),
    ("bitbucket", "BITBUCKET_BRANCH", {}),
    ("buildkite", "BUILDKITE_BRANCH", {"BUILDKITE_SOURCE": ["ui", "api", "schedule"]}),
    ("circleci", "CIRCLE_BRANCH", {}),
    ("codebuild", "CODEBUILD_WEBHOOK_HEAD_REF", {}),
    ("drone", "DRONE_BRANCH", {"DRONE_BUILD_EVENT": ["custom", "cron", "promote", "rollback"]}),
    ("drone", "DRONE_SOURCE_BRANCH", {}),
    (
        "forgejo",
        "GITHUB_REF_NAME",
        {"GITHUB_EVENT_NAME": ["workflow_dispatch", "schedule", "repository_dispatch"]},
    ),
    ("forgejo", "GITHUB_HEAD_REF", {}),
    (
        "gitlab",
        "CI_COMMIT_BRANCH",
        {
            "CI_PIPELINE_SOURCE": ["web", "schedule", "api", "trigger", "chat"],
            "CI_JOB_MANUAL": ["true"],
        },
    ),
    ("gitlab", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", {}),
    ("gitlab", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME", {}),
    ("jenkins", "BRANCH_NAME", {}),
    ("jenkins", "CHANGE_BRANCH", {}),
    ("jenkins", "GIT_BRANCH", {}),
    ("woodpecker", "CI_COMMIT_BRANCH", {"CI_PIPELINE_EVENT": ["manual", "cron", "deployment"]}),
    ("woodpecker", "CI_COMMIT_SOURCE_BRANCH", {}),
]
"""System, the variable that names a branch, and what says that no push started the job."""


@pytest.mark.parametrize(("name", "variable", "by_hand"), AGENTS_BRANCHES)
def test_an_agents_branch_is_known_unless_the_job_was_started_by_hand(
    name: str, variable: str, by_hand: dict[str, list[str]]
) -> None:
    env = ENVIRONMENTS[name] | {variable: AGENTS_BRANCH}
    assert platform(env).agents_branch() == AGENTS_BRANCH
    for cause, values in by_hand.items():
        assert [platform(env | {cause: value}).agents_branch() for value in values] == [
            None for _ in values
        ]
        assert platform(env | {cause: "push"}).agents_branch() == AGENTS_BRANCH


@pytest.mark.parametrize(
    ("branch", "found"),
    [
        ("mogplex/agent-0f1e2d3c4b5a", True),
        ("mogplex/automation-0123456789abcdef", True),
        ("mogplex/task-77be5cd4-f4cd-43a4-af75-dca84193fc9c", True),
        ("refs/heads/mogplex/agent-0f1e2d3c4b5a", True),
        ("origin/mogplex/agent-0f1e2d3c4b5a", True),
        ("main", False),
        ("mogplex/fix-login", False),
        ("mogplex/agents", False),
        ("maria/mogplex/agent-0f1e2d3c4b5a", False),
        ("", False),
    ],
)
def test_the_names_of_agents_branches(branch: str, found: bool) -> None:
    known = platform(ENVIRONMENTS["jenkins"] | {"GIT_BRANCH": branch}).agents_branch()
    assert known == (branch[branch.index("mogplex/") :] if found else None)


def test_github_and_unknown_systems_have_no_rule_about_branches() -> None:
    """GitHub tells who caused the job."""
    every = {variable: AGENTS_BRANCH for _, variable, _ in AGENTS_BRANCHES}
    known = {name for name, env in ENVIRONMENTS.items() if platform(env | every).agents_branch()}
    assert set(ENVIRONMENTS) - known == set(TELLS_NO_BRANCH), (
        "add each variable that names the branch of a new system to AGENTS_BRANCHES, with the"
        " values of another that say that no push started the job; or the system to TELLS_NO_BRANCH"
    )


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
    assert (
        platform(ENVIRONMENTS["gitlab"] | {"CI_PROJECT_DIR": "/builds/none"}).workspace == tmp_path
    )
