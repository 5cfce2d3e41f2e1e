"""State shared by everything a step does."""

# No `from __future__ import annotations`, as in models.py.

from typing import NamedTuple

from mogplex_ci.github_api import GitHubApi
from mogplex_ci.inputs.read import ActionInputs
from mogplex_ci.platforms.base import Platform
from mogplex_ci.step.recorder import Recorder
from mogplex_ci.waiting import Clock, Stop


class Step(NamedTuple):
    """A step of a CI job."""

    platform: Platform
    recorder: Recorder
    clock: Clock
    stop: Stop
    began: float
    """A time of the clock."""

    def github(self, inputs: ActionInputs, repository: str | None) -> GitHubApi | None:
        """Return GitHub's API of a repository; None without a token for it, or without the
        repository's name.
        """
        if inputs.github_token is None or repository is None:
            return None
        url = self.platform.github_api_url()
        diagnostics = self.recorder.diagnostics
        return GitHubApi(url, inputs.github_token, repository, diagnostics=diagnostics)
