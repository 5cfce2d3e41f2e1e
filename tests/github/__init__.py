"""A stand-in for GitHub: a repository with real ancestry, whose API is computed from what happens
to it.
"""

from tests.github.checks import REPOSITORY, Look, check, status, suite
from tests.github.git import blob_sha
from tests.github.repository import ADA, AGENT, BOT, NOTHING, Repository, Work
from tests.github.server import TOKEN, Asked, Fault, GitHub

__all__ = [
    "ADA",
    "AGENT",
    "BOT",
    "NOTHING",
    "REPOSITORY",
    "TOKEN",
    "Asked",
    "Fault",
    "GitHub",
    "Look",
    "Repository",
    "Work",
    "blob_sha",
    "check",
    "status",
    "suite",
]
