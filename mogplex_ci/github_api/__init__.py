"""The part of GitHub's REST API that judges and announces a run.

Works against github.com and GitHub Enterprise Server. The token goes to that one host only; what
GitHub answers is untrusted like everything else that comes from outside. Facts:
docs.github.com/rest, API version 2022-11-28.
"""

from mogplex_ci.github_api.calls import GitHubApi
from mogplex_ci.github_api.payloads import (
    MAX_COMPARED_FILES,
    MAX_LISTED_FILES,
    Annotation,
    ChangedFile,
    Check,
    Commit,
    Comparison,
    PullRequest,
)

__all__ = [
    "MAX_COMPARED_FILES",
    "MAX_LISTED_FILES",
    "Annotation",
    "ChangedFile",
    "Check",
    "Commit",
    "Comparison",
    "GitHubApi",
    "PullRequest",
]
