"""GitHub's REST API, as far as judging and announcing a run needs it.

Works against github.com and GitHub Enterprise Server. The token goes to that one host only; what
GitHub answers is untrusted like everything else that comes from outside. Facts:
docs.github.com/rest, API version 2022-11-28.
"""

from mogplex_ci.github_api.answers import (
    MAX_COMPARED_FILES,
    NO_COMMIT,
    Annotation,
    ChangedFile,
    Check,
    Comparison,
    Move,
    PullRequest,
    RequiredCheck,
    WorkflowRun,
)
from mogplex_ci.github_api.client import BEGINNING_OF_TIME, GitHubApi

__all__ = [
    "BEGINNING_OF_TIME",
    "MAX_COMPARED_FILES",
    "NO_COMMIT",
    "Annotation",
    "ChangedFile",
    "Check",
    "Comparison",
    "GitHubApi",
    "Move",
    "PullRequest",
    "RequiredCheck",
    "WorkflowRun",
]
