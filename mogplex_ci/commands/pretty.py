"""Runs, events and repositories as lines for people, as the documented commands show them."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mogplex_ci.models import Event, Repo, Run
    from mogplex_ci.sanitize import SafeText, Sanitizer

_NONE = Untrusted("-")
"""Stands for what the API does not know."""


def started_lines(run: Run, *, joined: bool, safe: Sanitizer) -> Iterator[SafeText]:
    """Yield what is said about a run that was just started, or that the key had started before."""
    verb = "matched existing run" if joined else "started run"
    yield safe.line(verb + " {} ({})", run.id, run.status)
    yield safe.line("repo    {}", run.repo_id or _NONE)
    yield safe.line("harness {}", run.harness or _NONE)
    yield _branch(run, safe)
    if run.error:  # it could not be queued
        yield safe.line("error   {}", run.error)
    yield safe.line("tail events: mogplex runs events {} --follow", run.id)


def run_lines(run: Run, safe: Sanitizer) -> Iterator[SafeText]:
    """Yield a run's current state."""
    yield safe.line("run     {}", run.id)
    yield safe.line("status  {}", run.status)
    yield safe.line("harness {}", run.harness or _NONE)
    yield safe.line("repo    {}", run.repo_id or _NONE)
    yield _branch(run, safe)
    yield safe.line("sandbox {}", run.sandbox_id or _NONE)
    yield safe.line("events  {}", run.data.at("eventsUrl") or _NONE)
    yield safe.line("cancel  {}", run.data.at("cancelUrl") or _NONE)
    yield safe.line("created {}", _time(run.created_at))
    yield safe.line("updated {}", _time(run.updated_at))
    if run.error:
        yield safe.line("error   {}", run.error)


def event_line(event: Event, safe: Sanitizer) -> SafeText:
    """Return an event: time, type, tool and message, the first two in columns."""
    rest = [("tool={}", event.tool_name), ("{}", event.message)]
    shown = [(part, text) for part, text in rest if text]
    template = "  ".join([f"{_time(event.created_at):<24}", "{:<14}" if shown else "{}", *(part for part, _ in shown)])
    return safe.line(template, event.type, *(text for _, text in shown))


def repo_lines(repos: Sequence[Repo], safe: Sanitizer) -> Iterator[SafeText]:
    """Yield a table of repositories: id, full name, default branch, root directory."""
    width = max((len(safe.clean(repo.full_name, limit=100)) for repo in repos), default=0)
    for repo in repos:
        template = f"{repo.id}  {{:<{width}}}  {{}}" + ("  root={}" if repo.root_directory else "")
        values = [repo.full_name, repo.default_branch or _NONE, *([repo.root_directory] if repo.root_directory else [])]
        yield safe.line(template, *values)


def _branch(run: Run, safe: Sanitizer) -> SafeText:
    made = run.data.at("branch", "createBranch")
    created = ", created" if made is not None and made.as_bool() else ""
    template = "branch  {}" + (f" (base {{}}{created})" if run.base_branch else "")
    values = [run.working_branch or _NONE, *([run.base_branch] if run.base_branch else [])]
    return safe.line(template, *values)


def _time(time: datetime | None) -> str:
    """Return ``time`` with milliseconds in UTC, 24 characters."""
    return "unknown" if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
