"""Forgejo and Gitea Actions: events, outputs and state as on GitHub, and a log of their own.

The runner knows groups and masks in the log, and nothing else
(https://code.forgejo.org/forgejo/runner, ``act/runner/command.go``; Gitea's is alike): other
commands appear as they are, and no value is decoded.
"""

from typing import Final

from mogplex_ci.platforms.base import Level, Platform
from mogplex_ci.platforms.github import GITHUB, GitHubActions, run_page
from mogplex_ci.platforms.system import (
    USUAL_STOP_SECONDS,
    any_of,
    by_name,
    equals,
    is_first,
)
from mogplex_ci.platforms.webhook import Cause, Webhook
from mogplex_ci.sanitize import Markdown, SafeText

FORGEJO: Final = GITHUB._replace(
    name="forgejo",
    matches=any_of(equals("FORGEJO_ACTIONS", "true"), equals("GITEA_ACTIONS", "true")),
    # If the server does not count the tries, this may be a later one.
    attempt=by_name(
        "GITHUB_RUN_ATTEMPT", is_later=lambda env: env.get("GITHUB_RUN_ATTEMPT") != "1"
    ),
    # Its repositories and workflow runs are the forge's own, and so are server and API, to which no
    # token of GitHub must go.
    repository="",
    github_server="",
    github_api="",
    has_problem_matchers=False,
    workflow_run="",
    stop_seconds=USUAL_STOP_SECONDS,
    job_url=run_page("GITHUB_RUN_NUMBER"),
    # Work that an agent pushed to GitHub arrives here through a mirror, in the mirror's name.
    branches=("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
    by_hand=equals("GITHUB_EVENT_NAME", "workflow_dispatch", "schedule", "repository_dispatch"),
    # `forgejo-runner exec`; the runner sets ACT in every job
    is_local=is_first("GITHUB_RUN_ID", without="GITHUB_SERVER_URL"),
)


class Forgejo(GitHubActions):
    """Forgejo or Gitea Actions."""

    @property
    def cause(self) -> Cause:
        """The event of the workflow run. It does not say whether a user is a person or an app."""
        return Webhook.read(self.env, users_have_types=False)

    @property
    def github_token_advice(self) -> str:
        """See ``Platform``: the job's own token is the forge's."""
        return super(GitHubActions, self).github_token_advice

    def _group(self, title: SafeText) -> tuple[str, str]:
        return f"::group::{title}", "::endgroup::"

    def annotate(self, level: Level, title: SafeText, text: SafeText) -> None:
        """Print a line: the runner knows no annotations."""
        Platform.annotate(self, level, title, text)

    def _debug(self, text: SafeText) -> None:
        """Print a diagnostic line: the runner drops its own kind."""
        Platform._debug(self, text)

    def mask(self, secret: str) -> None:
        """Have the runner hide ``secret``, line by line, in all later lines."""
        for line in secret.splitlines():
            self._write(f"::add-mask::{line}")

    def write_summary(self, markdown: Markdown) -> None:
        """Write none: old runners print it into the log, which has all of it."""
