"""Every CI system: added in full, told from the others, and which jobs are the same step tried
again.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from mogplex_ci.platforms import detect
from mogplex_ci.platforms.base import Platform
from mogplex_ci.platforms.system import Identity, repository_of
from mogplex_ci.run.start import derive_key
from tests.ci_environments import BY_HAND, ENVIRONMENTS, SYSTEMS, told
from tests.program import ROOT

NAMED = sorted(set(ENVIRONMENTS) - {"plain"})
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
ON_ITS_PAGE = [name for name in NAMED if name in PAGE.lower()]
USES = ("ghcr.io/mogplex/run-action:1", "mogplex/run-action@v1", "mogplex/run-action/run@1")


@pytest.mark.parametrize("name", NAMED)
def test_a_system_is_told_from_the_others(name: str) -> None:
    assert platform(ENVIRONMENTS[name]).name == name
    assert (ROOT / "tests" / "e2e" / "golden" / name / "pull-request.txt").exists()


@pytest.mark.parametrize("name", [name for name in NAMED if (ROOT / "examples" / name).exists()])
def test_an_example_stands_in_the_page(name: str) -> None:
    assert re.search(rf"\]\((?:\.\./examples/{name}/|{name}\.md)", PAGE)


def test_the_examples_use_the_published_image_or_action() -> None:
    examples = [path for name in ENVIRONMENTS for path in (ROOT / "examples" / name).glob("*")]
    assert [
        path
        for path in examples
        if not any(use in path.read_text(encoding="utf-8") for use in USES)
    ] == []


def who_tells(kind: str) -> list[tuple[str, str]]:
    """Return each system and each of its variables that tell the `kind`."""
    return [(name, variable) for name in NAMED for variable, _ in told(name, kind)]


def platform(env: Mapping[str, str]) -> Platform:
    return detect(env, io.StringIO())


def identity(name: str, **changes: str) -> Identity:
    found = platform(ENVIRONMENTS[name] | changes).identity()
    assert found is not None
    return found


def key(name: str, **changes: str) -> str:
    found = identity(name, **changes)
    return derive_key(platform(ENVIRONMENTS[name] | changes).name, found.label, found.parts)


@pytest.mark.parametrize("name", sorted(set(ON_ITS_PAGE) - {"forgejo", "github"}))
def test_a_container_started_by_hand_is_the_same_step(name: str) -> None:
    passed = {name: value for name, value in ENVIRONMENTS[name].items() if BY_HAND.match(name)}
    assert platform(passed).name == name, "pass its variables in docs/platforms.md"
    assert platform(passed).identity() == identity(name)


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


KINDS = ("key", "label", "attempt", "later", "workspace", "page")


def differences(name: str, first: dict[str, str], other: dict[str, str]) -> tuple[bool, ...]:
    """Return for each of ``KINDS`` whether the two jobs differ in it."""
    jobs = [platform(ENVIRONMENTS[name] | changes) for changes in (first, other)]
    one, two = ((*(job.identity() or ()), job.workspace, job.job_url) for job in jobs)
    return tuple(a != b for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("name", NAMED)
def test_every_variable_tells_what_it_is_said_to_tell(name: str) -> None:
    names, first = {kind: dict(told(name, kind)) for kind in KINDS}, identity(name)
    every = {variable: value for kind in KINDS for variable, value in names[kind].items()}
    for variable, value in every.items():
        assert differences(name, {}, {variable: value}) == tuple(
            variable in names[kind] for kind in KINDS
        ), variable
    assert first.later_attempt == (name in ("gitlab", "jenkins")), "they cannot tell the first try"
    rest = dict.fromkeys(set(ENVIRONMENTS[name]) - set(every), "other")
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
    env = ENVIRONMENTS[name]
    assert platform(env).repository() == (None if "MOGPLEX_REPO" in env else "acme/web")


@pytest.mark.parametrize(("name", "variable"), who_tells("address"))
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
    branches = dict.fromkeys((variable for _, variable in who_tells("branches")), AGENTS_BRANCH)
    env = ENVIRONMENTS[name] | branches | changes
    first, second = platform(env), platform(env)
    assert first.identity() is not None
    assert (bool(first.own_try), first.own_try == second.own_try) == (is_local, not is_local)
    if name != "github":  # which tells who caused the job
        assert (first.agents_branch() is None) == is_local


@pytest.mark.parametrize(
    ("text", "jobs"),
    [("", 1), ("4", 4), ("many", 1), ("0", 1), ("1000000", 1), ("999999", 999_999)],
)
def test_parallel_jobs_share_the_tokens_budget(text: str, jobs: int) -> None:
    for name, variable in who_tells("parallel"):
        assert platform(ENVIRONMENTS[name] | {variable: text}).parallel_jobs == jobs


def test_only_github_tells_whose_checks_the_job_belongs_to() -> None:
    """Forgejo and Gitea count workflow runs of their own in the same variable."""
    found = {name: platform(env).workflow_run for name, env in ENVIRONMENTS.items()}
    assert {name: run for name, run in found.items() if run} == {
        "github": ENVIRONMENTS["github"]["GITHUB_RUN_ID"]
    }


AGENTS_BRANCH = "mogplex/external/1f0c9a3e-77b2d4c1"


@pytest.mark.parametrize(("name", "variable"), who_tells("branches"))
def test_an_agents_branch_is_known_unless_the_job_was_started_by_hand(
    name: str, variable: str
) -> None:
    env = ENVIRONMENTS[name] | {variable: AGENTS_BRANCH}
    assert platform(env).agents_branch() == AGENTS_BRANCH
    for cause, value in told(name, "by-hand"):
        assert platform(env | {cause: value}).agents_branch() is None
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
    every = {variable: AGENTS_BRANCH for _, variable in who_tells("branches")}
    known = {name for name, env in ENVIRONMENTS.items() if platform(env | every).agents_branch()}
    assert known == {name for name, _ in who_tells("branches")}
    undecided = [name for name in NAMED if "branches" not in SYSTEMS[name]]
    assert undecided == [], "ci_environments.yaml says what tells the branch, or that nothing does"


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
