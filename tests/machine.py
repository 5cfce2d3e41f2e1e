"""The machine that runs the tests: nothing that it brings may change what a test finds.

``clear`` is called before the first test is loaded. Tools that a test needs from the network, such
as npm, get the machine's own variables back from ``environment``.
"""

from __future__ import annotations

import json
import os

_SAVED = "RUN_ACTION_MACHINE"
"""Holds what was cleared: worker processes inherit the environment of the first process."""
_PROXIES = ("all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy")
_OF_CI = (
    "ACT",
    "ACTIONS_",
    "FORGEJO_",
    "GITEA_",
    "GITHUB_",
    "RUNNER_",
    "CI",
    "GITLAB_",
    "AGENT_",
    "BUILD_",
    "SYSTEM_",
    "TF_BUILD",
    "BASH_ENV",
    "BITBUCKET_",
    "BUILDKITE",
    "CIRCLE",
    "CODEBUILD_",
    "DRONE",
    "TEAMCITY_",
    "JENKINS_",
    "JOB_NAME",
    "STAGE_NAME",
    "WORKSPACE",
)
"""Beginnings of the variables that CI systems set, by which the program recognizes them."""
_OTHERS = (
    "INPUT_",
    "MOGPLEX_",  # the program's own inputs
    "LANG",
    "LC_",  # the words of the machine's own messages, and the form of its texts
    "GIT_",  # a hook runs the tests with the variables of its repository
)


def clear() -> None:
    """Take out of this process what CI systems, proxies, shells and git set, and its umask."""
    removed = {name: value for name, value in os.environ.items() if _is_the_machines(name)}
    os.environ[_SAVED] = json.dumps(removed | _saved())
    for name in removed:
        del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    os.umask(0o022)


def environment() -> dict[str, str]:
    """Return the environment in which this machine's tools reach the network."""
    return {**os.environ, **_saved()}


def _saved() -> dict[str, str]:
    saved: dict[str, str] = json.loads(os.environ.get(_SAVED, "{}"))
    return saved


def _is_the_machines(name: str) -> bool:
    return name.lower() in _PROXIES or name.startswith((*_OF_CI, *_OTHERS))
